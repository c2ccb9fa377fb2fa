"""
Tokens as the catalogue describes them: what is changed in a right one, and how it is written down.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pomerium_tx.jose import base64url
from tests.conformance.adversarial_provider import GONE, Make, Mint
from tests.doubles import keys
from tests.hostile.identity_world import ISSUER
from tests.hostile.names import CLIENT_ID, CLIENT_SECRET
from tests.tls.authorities import Authority

LEEWAY = 60
_SEGMENTS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class UnknownMember(AssertionError):
    """
    A description says something that nobody knows how to do.
    """


def described(wanted: Mapping[str, Any], *, proxys: str) -> Iterator[tuple[str, Make]]:
    """
    Every token that a description stands for, each with a name.

    :param proxys: An identity assertion that the proxy has made.
    """
    left = dict(wanted)
    if "value" in left:
        yield from (
            (f"value {value!r}", lambda _, value=value: value) for value in (left.pop("value"), 7, [], {}, True)
        )
    elif "use" in left:
        yield from _other_uses(left.pop("use"), proxys)
    elif "shape" in left:
        yield from _shapes(left.pop("shape"))
    elif "b64" in left:
        yield from _spellings(left.pop("b64"))
    elif "raw_payload" in left:
        yield from _payloads(left.pop("raw_payload"))
    elif "flip" in left:
        yield from _flipped(["header", "payload", "signature"].index(left.pop("flip")))
    elif "size" in left:
        size = left.pop("size")
        yield "a long one", lambda mint: mint.token({"x": "x" * size})
    else:
        left.pop("jwks", None)
        yield from _changed(left)
        return
    if left:
        raise UnknownMember(repr(left))


def _changed(left: dict[str, Any]) -> Iterator[tuple[str, Make]]:
    alg, signature = left.pop("alg", "RS256"), left.pop("sig", None)
    key = left.pop("key", None)
    header: dict[str, Any] = dict.fromkeys(left.pop("header_del", ()), GONE)
    header |= left.pop("header", {})
    claims: dict[str, Any] = dict.fromkeys(left.pop("claims_del", ()), GONE)
    claims |= left.pop("claims", {})
    if left:
        raise UnknownMember(repr(left))
    if any(value == 1e300 for value in claims.values()):
        yield from _impossible_numbers(next(name for name, value in claims.items() if value == 1e300))
        return
    for name, more, signing in _by_whom(header):
        yield name, _made(alg, signature, key, {**header, **more}, claims, signing)


def _made(
    alg: str, signature: str | None, key: str | None, header: dict[str, Any], claims: dict[str, Any], signing: Any
) -> Make:
    def make(mint: Mint) -> object:
        said = {name: _value(name, value, mint) for name, value in claims.items()}
        if alg == "none":
            return mint.token(said, header={**header, "alg": "none"}, signature=b"")
        by = signing
        more = dict(header)
        if alg == "ES256":
            more.setdefault("kid", "curve")
            said.setdefault("at_hash", GONE)
            by = keys.private_key("ES256", "curve")
        elif key == "op-public-pem":
            public = keys.private_key("RS256").public_key()
            by = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        elif key == "client_secret":
            by = CLIENT_SECRET.encode()
        elif key is not None:
            raise UnknownMember(key)
        return _signed(mint.token(said, alg, key=by, header=more), mint, signature)

    return make


def _signed(token: str, mint: Mint, signature: str | None) -> str:
    signing_input, _, right = token.rpartition(".")
    if signature is None:
        return token
    if signature == "":
        return signing_input + "."
    if signature == "swap":
        return f"{signing_input}.{mint.token({'jti': 'of another'}).rpartition('.')[2]}"
    if signature == "der":
        raw = base64url.decode(right)
        der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        return f"{signing_input}.{keys.b64(der)}"
    return f"{signing_input}.{keys.b64(bytes.fromhex(signature))}"


def _by_whom(header: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """
    With a key that the header brings along it is the attacker's that signs, under both names; otherwise the OP's.
    """
    stranger = keys.private_key("RS256", "stranger")
    if header.get("jwk") == "attacker":
        header["jwk"] = keys.jwk("RS256", "stranger")
    elif header.get("x5c") == ["attacker"]:
        certificate = Authority("attacker").certificate.public_bytes(Encoding.DER)
        header["x5c"] = [base64.b64encode(certificate).decode()]
    elif "jku" not in header:
        if isinstance(header.get("kid"), str) and header["kid"].startswith("A*"):
            header["kid"] = "A" * int(header["kid"][2:])
        yield "signed by the OP", {}, None
        if "kid" in header and header["kid"] is not GONE:
            yield "signed by a stranger", {}, stranger
        return
    yield "signed by a stranger, kid of the OP", {}, stranger
    yield "signed by a stranger, kid of the stranger", {"kid": "stranger"}, stranger
    yield "signed by a stranger, no kid", {"kid": GONE}, stranger


def _value(name: str, value: Any, mint: Mint) -> Any:
    if name == "at_hash" and value == "sha512":
        digest = hashlib.sha512(mint.access_token.encode()).digest()
        return keys.b64(digest[:32])
    if not isinstance(value, str):
        return [_value("", one, mint) for one in value] if isinstance(value, list) else value
    if value == "now-leeway-1":
        return int(mint.now) - LEEWAY - 1
    if value.startswith("now"):
        return int(mint.now) + int(value[3:])
    filled = value.replace("{ISS_UPPER}", ISSUER.upper()).replace("{ISS2}", "https://op2.example.com")
    return filled.replace("{ISS}", ISSUER).replace("{CLIENT_ID}", CLIENT_ID)


def _impossible_numbers(claim: str) -> Iterator[tuple[str, Make]]:
    for number in ("1e300", "1e400", "Infinity", "-Infinity", "NaN"):
        yield (
            f"{claim}: {number}",
            lambda mint, number=number: mint.raw(
                mint.payload(f'"{claim}": {mint.claims[claim]}', f'"{claim}": {number}')
            ),
        )


def _other_uses(use: str, proxys: str) -> Iterator[tuple[str, Make]]:
    if use == "pomerium_jwt":
        yield "the proxy's assertion", lambda _: proxys
        return
    if use != "access_token":
        raise UnknownMember(use)
    for typ in ("at+jwt", "application/at+jwt", "JWT", GONE):
        yield (
            f"typ {'missing' if typ is GONE else typ}",
            lambda mint, typ=typ: mint.token(
                {
                    **dict.fromkeys(("nonce", "at_hash", "events", "sid"), GONE),
                    "aud": "https://api.example.com/",
                    "client_id": CLIENT_ID,
                    "scope": "openid",
                },
                header={"typ": typ},
            ),
        )


def _shapes(shape: str) -> Iterator[tuple[str, Make]]:
    if shape == "a.b":
        yield "two parts", lambda mint: mint.token().rpartition(".")[0]
    elif shape == "a.b.c.d.e":
        yield "five parts", lambda mint: mint.token() + ".x.y"
        yield (
            "five parts of a JWE",
            lambda mint: ".".join((keys.b64(b'{"alg":"dir","enc":"A128GCM"}'), "", "AA", "AA", "AA")),
        )
    elif shape == "json":
        yield "flattened", lambda mint: json.dumps(_flattened(mint))
        yield "general", lambda mint: json.dumps(_general(mint))
        yield "flattened, as an object", _flattened
    elif shape in ("..", "garbage", ""):
        yield repr(shape), lambda _: shape
    else:
        raise UnknownMember(shape)


def _flattened(mint: Mint) -> dict[str, str]:
    protected, payload, signature = mint.token().split(".")
    return {"protected": protected, "payload": payload, "signature": signature}


def _general(mint: Mint) -> dict[str, Any]:
    protected, payload, signature = mint.token().split(".")
    return {"payload": payload, "signatures": [{"protected": protected, "signature": signature}]}


def _spellings(how: str) -> Iterator[tuple[str, Make]]:
    if how == "ws":
        for name, text in {"blank": " ", "line end": "\n", "CRLF": "\r\n", "tab": "\t"}.items():
            for where in (0, 10, 60, -1):
                yield (
                    f"{name} at {where}",
                    lambda mint, text=text, where=where: mint.token()[:where] + text + mint.token()[where:],
                )
    elif how == "noncanonical":
        for number in (0, 1, 2):
            yield f"bits left over in part {number}", lambda mint, number=number: _left_over(mint, number)
    else:
        raise UnknownMember(how)


def _left_over(mint: Mint, number: int) -> str:
    for padding in ("", " ", "  "):
        token = mint.raw(mint.payload() + padding.encode(), header=_header(mint, padding))
        parts = token.split(".")
        part = parts[number]
        if len(part) % 4:
            parts[number] = part[:-1] + _SEGMENTS[_SEGMENTS.index(part[-1]) + 1]
            if number < 2:
                # Signed as it is spelt, so that only the spelling is wrong.
                parts[2] = keys.b64(keys.signature("RS256", ".".join(parts[:2]).encode(), keys.private_key("RS256")))
            return ".".join(parts)
    raise AssertionError("no length has bits left over")


def _header(mint: Mint, padding: str) -> bytes:
    return json.dumps({"alg": "RS256", "kid": mint.kid, "typ": "JWT"}).encode() + padding.encode()


def _payloads(written: str) -> Iterator[tuple[str, Make]]:
    if written == "[*100000":
        yield "100,000 brackets", lambda mint: mint.raw(b"[" * 100_000)
        # The limit on its length is not what has to keep it out.
        yield "20,000 brackets", lambda mint: mint.raw(b"[" * 20_000)
        yield "in a claim", lambda mint: mint.raw(mint.payload()[:-1] + b',"x":' + b"[" * 20_000 + b"]" * 20_000 + b"}")
        return
    raw = written.encode("latin-1")
    alike = (raw, b"7", b"null", b"true") if written == '"x"' else (raw, b"[{}]") if written == "[]" else (raw,)
    for each in alike:
        yield f"payload {each[:20]!r}", lambda mint, each=each: mint.raw(each)
    if raw.startswith(b"\xef\xbb\xbf"):
        yield "a BOM before the right claims", lambda mint: mint.raw(b"\xef\xbb\xbf" + mint.payload())


def _flipped(part: int) -> Iterator[tuple[str, Make]]:
    """
    One bit of every octet, another one each time.
    """

    def flipped(mint: Mint, number: int) -> str:
        parts = mint.token().split(".")
        octets = bytearray(base64url.decode(parts[part]))
        octets[number % len(octets)] ^= 1 << (number % 8)
        parts[part] = keys.b64(bytes(octets))
        return ".".join(parts)

    make: Callable[[int], Make] = lambda number: lambda mint: flipped(mint, number)  # noqa: E731
    yield from ((f"bit {number % 8} of octet {number}", make(number)) for number in range(96))
