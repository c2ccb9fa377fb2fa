"""
ID Tokens that are wrong in their form, their header or their signature, each with a name.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import zlib
from collections.abc import Iterator
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pomerium_tx.jose import base64url
from tests.conformance.adversarial_provider import GONE, Make, Mint
from tests.doubles import keys
from tests.scenarios.world import CLIENT_SECRET, OP

Case = tuple[str, Make]

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def _resigned(name: str, change: Any) -> Case:
    def make(mint: Mint) -> str:
        signing_input, _, signature = mint.token().rpartition(".")
        return f"{signing_input}.{base64url.encode(change(base64url.decode(signature)))}"

    return f"signature: {name}", make


def _other_part(mint: Mint, number: int, other: str) -> str:
    parts = mint.token().split(".")
    parts[number] = other.split(".")[number]
    return ".".join(parts)


def signatures() -> Iterator[Case]:
    """
    Signatures that are not the OP's, or not of this token.
    """
    yield _resigned("zeros", lambda raw: bytes(len(raw)))
    yield _resigned("first bit", lambda raw: bytes([raw[0] ^ 0x80, *raw[1:]]))
    yield _resigned("last bit", lambda raw: bytes([*raw[:-1], raw[-1] ^ 1]))
    yield _resigned("cut by an octet", lambda raw: raw[:-1])
    yield _resigned("cut in half", lambda raw: raw[: len(raw) // 2])
    yield _resigned("an octet longer", lambda raw: raw + b"\0")
    yield _resigned("a leading zero", lambda raw: b"\0" + raw)
    yield _resigned("one octet", lambda raw: b"\0")
    yield _resigned("reversed", lambda raw: raw[::-1])
    yield "signature: none", lambda mint: mint.token().rpartition(".")[0] + "."
    yield "signature: of another token", lambda mint: _other_part(mint, 2, mint.token({"jti": "other"}))
    yield "claims changed after signing", lambda mint: _other_part(mint, 1, mint.token({"sub": "248289761002"}))
    yield "header changed after signing", lambda mint: _other_part(mint, 0, mint.token(header={"x": 1}))
    stranger = keys.private_key("RS256", "stranger")
    yield "by a stranger", lambda mint: mint.token(key=stranger)
    yield "by a stranger, kid unknown", lambda mint: mint.token(key=stranger, header={"kid": "stranger"})
    yield "by a stranger, no kid", lambda mint: mint.token(key=stranger, header={"kid": GONE})
    second = keys.private_key("RS256", "second")
    yield "by the second key, kid of the first", lambda mint: mint.token(key=second)
    yield "by the first key, kid of the second", lambda mint: mint.token(header={"kid": "second"})
    for name in ("encryption", "wrapping", "for-pss"):
        key = keys.private_key("RS256", name)
        yield (
            f"by the key for {name}",
            lambda mint, key=key, name=name: mint.token(key=key, header={"kid": name}),
        )
        yield f"by the first key, kid of {name}", lambda mint, name=name: mint.token(header={"kid": name})


def _hashed(name: str, key: Any) -> Case:
    return (
        f"HS256: {name}",
        lambda mint: mint.token(alg="HS256", key=key(mint) if callable(key) else key),
    )


def algorithms() -> Iterator[Case]:
    """
    Algorithms that are not agreed on, or not those of the key.
    """
    for alg in ("none", "None", "NONE", "nOnE", "", "null"):
        yield f"alg {alg!r}, no signature", lambda mint, alg=alg: mint.token(header={"alg": alg}, signature=b"")
        yield f"alg {alg!r}, the right signature", lambda mint, alg=alg: mint.token(header={"alg": alg})
    wrong: tuple[Any, ...] = (
        GONE,
        None,
        7,
        True,
        ["RS256"],
        {"RS256": 1},
        "rs256",
        "RS256 ",
        "RS256\0",
        "RSA",
        "ES256K",
    )
    for alg in (*wrong, "RS384", "RS512", "PS256", "HS256", "HS384", "ES256", "EdDSA", "RSA1_5", "RSA-OAEP", "dir"):
        shown = "missing" if alg is GONE else repr(alg)
        yield f"alg {shown}, signed by RS256", lambda mint, alg=alg: mint.token(header={"alg": alg})
    for alg in ("RS384", "RS512", "PS256", "PS384", "PS512"):
        yield f"{alg} by the first key", lambda mint, alg=alg: mint.token(alg=alg)
    yield "PS256 by the key for it", lambda mint: _by(mint, "PS256", "RS256", "for-pss")
    yield "ES256, kid of the RSA key", lambda mint: mint.token(alg="ES256", key=keys.private_key("ES256", "curve"))
    yield "EdDSA, kid of the EC key", lambda mint: _by(mint, "EdDSA", "EdDSA", "edwards", kid="curve")
    yield "ES256 by a stranger", lambda mint: _by(mint, "ES256", "ES256", "stranger", kid="curve")
    yield "EdDSA by a stranger", lambda mint: _by(mint, "EdDSA", "EdDSA", "stranger", kid="edwards")
    yield "ES384 that nobody publishes", lambda mint: _by(mint, "ES384", "ES384", "first", kid=GONE)
    curves = {
        "DER": lambda raw: encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")),
        "zeros": lambda raw: bytes(64),
        "r = s = n": lambda raw: _P256_ORDER.to_bytes(32, "big") * 2,
        "r, s above n": lambda raw: b"\xff" * 64,
        "swapped": lambda raw: raw[32:] + raw[:32],
        "short": lambda raw: raw[:32],
        "longer": lambda raw: raw + b"\0",
    }
    for name, change in curves.items():
        yield f"ES256 signature: {name}", lambda mint, change=change: _curved(mint, change)
    secret = CLIENT_SECRET.encode()
    yield _hashed("client secret", secret)
    yield _hashed("hash of the client secret", hashlib.sha256(secret).digest())
    yield _hashed("kid", lambda mint: mint.kid.encode())
    yield _hashed("one octet", b"\0")
    for name, key in _public_forms().items():
        yield _hashed(f"public key as {name}", key)
    yield "HS256: client secret, no kid", lambda mint: mint.token(alg="HS256", key=secret, header={"kid": GONE})
    yield "HS512: client secret", lambda mint: _hs512(mint, secret)


def _by(mint: Mint, alg: str, kind: str, name: str, kid: object = None) -> str:
    return mint.token({"at_hash": GONE}, alg, key=keys.private_key(kind, name), header={"kid": kid or name})


def _curved(mint: Mint, change: Any) -> str:
    signing_input, _, signature = _by(mint, "ES256", "ES256", "curve").rpartition(".")
    return f"{signing_input}.{base64url.encode(change(base64url.decode(signature)))}"


def _hs512(mint: Mint, secret: bytes) -> str:
    signing_input = mint.token(header={"alg": "HS512"}).rpartition(".")[0]
    return f"{signing_input}.{base64url.encode(hmac.digest(secret, signing_input.encode(), 'sha512'))}"


def _public_forms() -> dict[str, bytes]:
    public = keys.private_key("RS256").public_key()
    info, pkcs1 = PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1
    jwk = keys.jwk("RS256")
    return {
        "PEM": public.public_bytes(Encoding.PEM, info),
        "PEM without a line end": public.public_bytes(Encoding.PEM, info).strip(),
        "PEM of PKCS 1": public.public_bytes(Encoding.PEM, pkcs1),
        "DER": public.public_bytes(Encoding.DER, info),
        "DER of PKCS 1": public.public_bytes(Encoding.DER, pkcs1),
        "JWK": json.dumps(jwk).encode(),
        "JWK without white space": json.dumps(jwk, separators=(",", ":")).encode(),
        "modulus": jwk["n"].encode(),
        "octets of the modulus": base64url.decode(jwk["n"]),
    }


def headers() -> Iterator[Case]:
    """
    Headers that choose a key, a type or a reading that is not ours to follow.
    """
    kids = (
        "",
        "nope",
        "../../../../dev/null",
        "' or 1=1 --",
        "first\0",
        "*",
        "A" * 20_000,
        "A" * (1 << 20),
        "\u00e9",
        None,
        7,
        ["first"],
        {},
    )
    for kid in kids:
        yield f"kid {kid!r:.40}, {len(repr(kid))} characters", lambda mint, kid=kid: mint.token(header={"kid": kid})
    yield "kid in capitals", lambda mint: mint.token(header={"kid": mint.kid.upper()})
    yield "kid and a blank", lambda mint: mint.token(header={"kid": mint.kid + " "})
    yield "no kid, several keys", lambda mint: mint.token(header={"kid": GONE})
    stranger, public = keys.private_key("RS256", "stranger"), keys.jwk("RS256", "stranger")
    hints = {
        "jwk": public,
        "jku": "https://evil.example/jwks",
        "x5u": "https://evil.example/chain.pem",
        "x5c": [base64.b64encode(b"a certificate").decode()],
        "x5t": "AAAA",
    }
    for kid in ("stranger", GONE, None):
        for name, value in hints.items():
            yield (
                f"{name} of a stranger, kid {'missing' if kid is GONE else kid or 'of the OP'}",
                lambda mint, kid=kid, name=name, value=value: mint.token(
                    key=stranger, header={"kid": mint.kid if kid is None else kid, name: value}
                ),
            )
    crits = ([], ["exp"], ["x"], ["alg"], ["b64"], "b64", None, {}, True)
    for crit in crits:
        yield f"crit {crit!r}", lambda mint, crit=crit: mint.token(header={"crit": crit, "x": 1, "b64": True})
        yield f"crit {crit!r} alone", lambda mint, crit=crit: mint.token(header={"crit": crit})
    for b64 in (False, True, None):
        yield f"b64 {b64}", lambda mint, b64=b64: mint.token(header={"b64": b64})
    yield "b64 false with plain claims", _plain_claims
    yield "zip, deflated claims", lambda mint: mint.raw(zlib.compress(mint.payload())[2:-4], header={"zip": "DEF"})
    yield "cty JWT, a token inside", lambda mint: mint.raw(mint.token().encode(), header={"cty": "JWT"})
    yield (
        "cty JWT, a token in quotes inside",
        lambda mint: mint.raw(json.dumps(mint.token()).encode(), header={"cty": "JWT"}),
    )
    typs = (
        "logout+jwt",
        "LOGOUT+JWT",
        "application/logout+jwt",
        "at+jwt",
        "application/at+jwt",
        "secevent+jwt",
        "dpop+jwt",
    )
    for typ in (*typs, "", "JOSE", "JWE", "JWT ", " JWT", "JWT+x", "\uff2aWT", None, 7, ["JWT"], {}, True):
        yield f"typ {typ!r}", lambda mint, typ=typ: mint.token(header={"typ": typ})
    yield from _written_headers()


def _plain_claims(mint: Mint) -> str:
    header = keys.b64(json.dumps({"alg": "RS256", "kid": mint.kid, "b64": False, "crit": ["b64"]}).encode())
    plain = json.dumps({**mint.claims, "iss": "dot"}).replace(".", "")
    signed = keys.signature("RS256", f"{header}.{plain}".encode(), keys.private_key("RS256"))
    return f"{header}.{plain.replace(' ', '')}.{keys.b64(signed)}"


def _written_headers() -> Iterator[Case]:
    def written(text: bytes) -> Make:
        return lambda mint: mint.raw(mint.payload(), header=text.replace(b"KID", mint.kid.encode()))

    good = b'{"alg":"RS256","kid":"KID"}'
    yield "header: alg twice", written(b'{"alg":"none","alg":"RS256","kid":"KID"}')
    yield "header: alg twice, none last", written(b'{"alg":"RS256","kid":"KID","alg":"none"}')
    yield "header: alg twice, escaped", written(b'{"alg":"RS256","\\u0061lg":"RS256","kid":"KID"}')
    yield "header: kid twice", written(b'{"alg":"RS256","kid":"nope","kid":"KID"}')
    yield "header: typ twice", written(b'{"alg":"RS256","kid":"KID","typ":"at+jwt","typ":"JWT"}')
    yield "header: BOM", written(b"\xef\xbb\xbf" + good)
    yield "header: UTF-16", written(good.decode().encode("utf-16"))
    yield "header: not UTF-8", written(good[:-1] + b',"x":"\xff"}')
    yield "header: lone surrogate", written(good[:-1] + b',"x":"\\ud800"}')
    yield "header: deep", written(good[:-1] + b',"x":' + b"[" * 3000 + b"]" * 3000 + b"}")
    yield "header: NaN", written(good[:-1] + b',"x":NaN}')
    yield "header: trailing text", written(good + b"x")
    yield "header: empty", written(b"")
    yield "header: array", written(b"[" + good + b"]")
    yield "header: string", written(json.dumps(good.decode()).encode())
    yield "header: null", written(b"null")
    yield "header: empty object", written(b"{}")


def shapes() -> Iterator[Case]:
    """
    What is not one signed token in its compact form, in its one spelling.
    """
    for text in ("", ".", "..", "...", "garbage", "a.b.c", "e30.e30.", "eyJhbGciOiJub25lIn0.e30."):
        yield f"text {text!r}", lambda _, text=text: text
    for value in (GONE, None, 0, 7, True, False, [], {}, 1.5):
        yield f"value {'missing' if value is GONE else repr(value)}", lambda _, value=value: value
    yield "in a list", lambda mint: [mint.token()]
    yield "in an object", lambda mint: {"jwt": mint.token()}
    yield "two parts", lambda mint: mint.token().rpartition(".")[0]
    yield "four parts", lambda mint: mint.token() + ".x"
    yield "an empty fourth part", lambda mint: mint.token() + "."
    yield "five parts", lambda mint: mint.token() + ".x.y"
    yield "JWE", _encrypted
    yield "JSON, flattened", lambda mint: _flattened(mint, general=False)
    yield "JSON, general", lambda mint: _flattened(mint, general=True)
    yield "JSON, flattened, as an object", lambda mint: json.loads(_flattened(mint, general=False))
    around = {"blank": " ", "line end": "\n", "CRLF": "\r\n", "tab": "\t", "NUL": "\0", "no-break space": "\u00a0"}
    for name, text in around.items():
        yield f"{name} before", lambda mint, text=text: text + mint.token()
        yield f"{name} after", lambda mint, text=text: mint.token() + text
        yield f"{name} at a dot", lambda mint, text=text: mint.token().replace(".", "." + text)
        yield f"{name} within", lambda mint, text=text: mint.token()[:60] + text + mint.token()[60:]
    yield "padded", lambda mint: ".".join(part + "=" * (-len(part) % 4 or 4) for part in mint.token().split("."))
    yield "one pad", lambda mint: mint.token() + "="
    yield (
        "standard alphabet",
        lambda mint: mint.token({"x": "\u00fe\u00ff?>~" * 3}).translate(str.maketrans("-_", "+/")),
    )
    yield "bits left over in the signature", lambda mint: _left_over(mint, 2)
    yield "bits left over in the claims", lambda mint: _left_over(mint, 1)
    yield "percent", lambda mint: mint.token().replace(".", "%2E")
    yield "Bearer", lambda mint: f"Bearer {mint.token()}"
    yield "in quotes", lambda mint: f'"{mint.token()}"'
    yield "a letter that looks the same", lambda mint: "\u0435" + mint.token()[1:]
    yield "two with a comma", lambda mint: f"{mint.token()},{mint.token()}"
    yield "two with a blank", lambda mint: f"{mint.token()} {mint.token()}"
    yield "in capitals", lambda mint: mint.token().upper()
    yield "reversed", lambda mint: mint.token()[::-1]
    yield "too long", lambda mint: mint.token({"x": "x" * 70_000})


def _encrypted(mint: Mint) -> str:
    header = keys.b64(json.dumps({"alg": "RSA-OAEP", "enc": "A128GCM", "kid": mint.kid, "cty": "JWT"}).encode())
    return ".".join((header, *(keys.b64(part * 16) for part in (b"k", b"i", b"c", b"t"))))


def _flattened(mint: Mint, *, general: bool) -> str:
    protected, payload, signature = mint.token().split(".")
    signed = {"protected": protected, "signature": signature}
    return json.dumps({"payload": payload, **({"signatures": [signed]} if general else signed)})


def _left_over(mint: Mint, number: int) -> str:
    """
    A right token, one part of which is spelt with bits that count for nothing.
    """
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    token = next(
        token
        for filler in range(4)
        if len((token := mint.token({"x": "x" * filler}, header={"y": "y" * filler})).split(".")[number]) % 4 in (2, 3)
    )
    parts = token.split(".")
    last = alphabet.index(parts[number][-1])
    parts[number] = parts[number][:-1] + alphabet[last ^ 1]
    if number < 2:
        signed = keys.signature("RS256", ".".join(parts[:2]).encode(), keys.private_key("RS256"))
        parts[2] = keys.b64(signed)
    return ".".join(parts)


def other_tokens() -> Iterator[Case]:
    """
    Genuine tokens of the OP that are something else.
    """
    event = {"http://schemas.openid.net/event/backchannel-logout": {}}
    yield "logout token", lambda mint: mint.token({"events": event, "nonce": GONE}, header={"typ": "logout+jwt"})
    yield "logout token, untyped", lambda mint: mint.token({"events": event, "nonce": GONE}, header={"typ": GONE})
    yield "logout token with the nonce", lambda mint: mint.token({"events": event})
    yield "events: empty", lambda mint: mint.token({"events": {}})
    yield "events: null", lambda mint: mint.token({"events": None})
    yield "events: another", lambda mint: mint.token({"events": {"https://op.example.com/e": {}}})
    access: dict[str, Any] = {"client_id": "rp1", "scope": "openid", "aud": OP + "/api", "nonce": GONE}
    yield "access token", lambda mint: mint.token(access, header={"typ": "at+jwt"})
    yield "access token, untyped", lambda mint: mint.token(access, header={"typ": GONE})
    yield "access token for us, untyped", lambda mint: mint.token({**access, "aud": "rp1"}, header={"typ": GONE})
    yield "the opaque access token", lambda mint: mint.access_token
    yield "ID Token of another client", lambda mint: mint.token({"aud": "rp2"})
    yield "ID Token of another client and azp us", lambda mint: mint.token({"aud": "rp2", "azp": "rp1"})
    yield "ID Token for us, issued to another client", lambda mint: mint.token({"azp": "rp2"})
    yield "ID Token of another person", lambda mint: mint.token({"sub": "248289761002"})
    yield (
        "signed UserInfo",
        lambda mint: mint.token(dict.fromkeys(("exp", "iat", "nonce", "at_hash", "auth_time"), GONE)),
    )
