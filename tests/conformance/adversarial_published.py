"""
What an OP may publish about itself and its keys that is wrong, or unusual and right; each with a name.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from tests.conformance.adversarial_answers import EVIL, Case, broken, members
from tests.conformance.adversarial_provider import GONE, Make, Mint
from tests.doubles import keys
from tests.scenarios.world import OP

_URLS: tuple[Any, ...] = (
    GONE,
    None,
    "",
    7,
    [],
    {},
    "/relative",
    "//op.example.com/x",
    "http://op.example.com/x",
    "http://localhost/x",
    "ftp://op.example.com/x",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "https://",
    "https://user:password@op.example.com/x",
    "https://op.example.com/x#fragment",
    "https://op.example.com\\@evil.example/x",
    "https://op.example.com/a b",
    "https://op.example.com/\r\nX: y",
    "https://op.example.com:99999/x",
    "https://[::1/x",
    ["https://op.example.com/x"],
)


def metadata() -> Iterator[Case]:
    """
    Metadata with which no sign-in can begin.
    """
    yield from broken()
    issuers = (OP + "/", OP.upper(), OP + ":443", OP + "/.", EVIL, "http://op.example.com", " " + OP, "op.example.com")
    yield from members("issuer", (GONE, None, "", *issuers, 7, [OP], {"issuer": OP}))
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        yield from members(name, _URLS)
    for algorithms in ([], ["none"], ["NONE"], ["rs256"], ["HS512"], [7, None]):
        yield f"algorithms: {algorithms}", _with("id_token_signing_alg_values_supported", algorithms)


def metadata_with_which_no_token_is_good() -> Iterator[Case]:
    """
    Metadata that name other algorithms than the OP signs with.
    """
    for algorithms in (["ES256"], ["HS256"], ["none", "HS256"], ["PS256", "RS384", "RS512"], ["EdDSA"]):
        yield f"algorithms: {algorithms}", _with("id_token_signing_alg_values_supported", algorithms)


def unusual_metadata() -> Iterator[Case]:
    """
    Metadata that real OPs publish.
    """
    for name in ("end_session_endpoint", "revocation_endpoint", "userinfo_endpoint"):
        yield from members(name, (GONE, None, "", 7, "http://op.example.com/x", "/relative"))
    yield from members("id_token_signing_alg_values_supported", (GONE, None, "RS256", ["none", "RS256"], ["RS256", 7]))
    yield from members("code_challenge_methods_supported", (GONE, None, [], ["plain"], "S256", ["S256", "plain"]))
    yield from members("authorization_response_iss_parameter_supported", (GONE, None, False, "true", 1))
    yield from members("token_endpoint_auth_methods_supported", (GONE, ["client_secret_post"], ["private_key_jwt"]))
    yield from members("prompt_values_supported", (GONE, None, [], ["none"]))
    yield from members("backchannel_logout_supported", (GONE, False))
    yield from members("unknown", ({"x": 1},))


def _with(name: str, value: object) -> Any:
    return lambda document: {**document, name: value}


def _key_sets(*sets: tuple[str, Any]) -> Iterator[Case]:
    for name, document in sets:
        yield name, lambda _, document=document: document


def _rsa(bits: int = 0, **numbers: int) -> dict[str, Any]:
    public = (
        (rsa.generate_private_key(65537, bits) if bits else keys.private_key("RS256")).public_key().public_numbers()
    )
    return {
        "kty": "RSA",
        "kid": "first",
        "n": keys.uint(numbers.get("n", public.n)),
        "e": keys.uint(numbers.get("e", public.e)),
    }


def key_sets(first: dict[str, Any]) -> Iterator[Case]:
    """
    Key sets without a key that the OP's tokens may be verified with.

    :param first: The JWK of the key that they are signed with.
    """
    n = keys.private_key("RS256").public_key().public_numbers().n
    others = [keys.jwk("RS256", "second"), keys.jwk("ES256", "curve")]

    def without(name: str) -> dict[str, Any]:
        return {member: value for member, value in first.items() if member != name}

    yield from _key_sets(
        ("no keys", {"keys": []}),
        ("keys missing", {"key": [first]}),
        ("keys an object", {"keys": {"first": first}}),
        ("keys null", {"keys": None}),
        ("a bare key", first),
        ("a list", [first]),
        ("keys in keys", {"keys": [{"keys": [first]}]}),
        ("a key as text", {"keys": [str(first)]}),
        ("only others", {"keys": others}),
        ("only for encryption", {"keys": [{**first, "use": "enc"}]}),
        ("use unknown", {"keys": [{**first, "use": "x"}]}),
        ("use null", {"keys": [{**first, "use": None}]}),
        ("key_ops without verify", {"keys": [{**first, "key_ops": ["sign"]}]}),
        ("key_ops empty", {"keys": [{**first, "key_ops": []}]}),
        ("key_ops a text", {"keys": [{**first, "key_ops": "verify"}]}),
        ("for another algorithm", {"keys": [{**first, "alg": "RS512"}]}),
        ("alg in small letters", {"keys": [{**first, "alg": "rs256"}]}),
        ("alg a list", {"keys": [{**first, "alg": ["RS256"]}]}),
        ("another kid", {"keys": [{**first, "kid": "x"}]}),
        ("kid in capitals", {"keys": [{**first, "kid": first["kid"].upper()}]}),
        ("kid a number", {"keys": [{**first, "kid": 7}]}),
        ("kty in small letters", {"keys": [{**first, "kty": "rsa"}]}),
        ("kty EC", {"keys": [{**first, "kty": "EC"}]}),
        ("kty missing", {"keys": [without("kty")]}),
        ("n missing", {"keys": [without("n")]}),
        ("e missing", {"keys": [without("e")]}),
        ("n padded", {"keys": [{**first, "n": first["n"] + "=="}]}),
        ("n in the standard alphabet", {"keys": [{**first, "n": base64.b64encode(n.to_bytes(256, "big")).decode()}]}),
        ("n a number", {"keys": [{**first, "n": 7}]}),
        ("n even", {"keys": [{**_rsa(n=n + 1), "kid": first["kid"]}]}),
        ("e = 1", {"keys": [{**_rsa(e=1), "kid": first["kid"]}]}),
        ("e even", {"keys": [{**_rsa(e=65536), "kid": first["kid"]}]}),
        ("e huge", {"keys": [{**_rsa(e=n - 2), "kid": first["kid"]}]}),
        ("1024 bits", {"keys": [{**_rsa(1024), "kid": first["kid"]}]}),
        ("16384 bits", {"keys": [{**_rsa(n=(1 << 16383) + 1), "kid": first["kid"]}]}),
        ("the key of another under its kid", {"keys": [{**others[0], "kid": first["kid"]}]}),
        ("a point that is not on the curve", {"keys": [{**others[1], "y": others[1]["x"], "kid": first["kid"]}]}),
        ("symmetric", {"keys": [{"kty": "oct", "k": keys.b64(b"k" * 32), "kid": first["kid"]}]}),
        ("behind a hundred others", {"keys": [*({**others[0], "kid": f"k{n}"} for n in range(100)), first]}),
    )


def unusual_key_sets(first: dict[str, Any]) -> Iterator[Case]:
    """
    Key sets that have the key, among others or with more than is needed.
    """
    private = {name: keys.b64(b"\x01" * 32) for name in ("d", "p", "q", "dp", "dq", "qi")}
    bare = {name: first[name] for name in ("kty", "kid", "n", "e")}
    bad = (None, 7, "x", [], {}, {"kty": "oct", "k": "AA"}, {"kty": "unknown", "kid": first["kid"]}, {**bare, "n": "!"})
    point = {**keys.jwk("ES256", "curve"), "y": keys.jwk("ES256", "curve")["x"]}
    secp = {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA", "kid": "k1"}
    yield from _key_sets(
        ("alone", {"keys": [first]}),
        ("without alg", {"keys": [bare]}),
        ("without use, with key_ops", {"keys": [{**bare, "key_ops": ["verify"]}]}),
        ("with sign and verify", {"keys": [{**bare, "key_ops": ["sign", "verify"]}]}),
        ("among bad ones", {"keys": [*bad, point, secp, first, *bad]}),
        ("with private members", {"keys": [{**first, **private}]}),
        ("with a certificate that is none", {"keys": [{**first, "x5c": ["x"], "x5t": "y", "x5u": EVIL}]}),
        ("the same twice", {"keys": [first, first]}),
        ("another of that name first", {"keys": [{**keys.jwk("RS256", "second"), "kid": first["kid"]}, first]}),
        ("another kind of that name first", {"keys": [keys.jwk("ES256", "curve", kid=first["kid"]), first]}),
        ("for encryption, of that name, first", {"keys": [{**first, "use": "enc"}, first]}),
        ("as the hundredth", {"keys": [*(keys.jwk("RS256", "second", kid=f"k{n}") for n in range(99)), first]}),
        ("with more around it", {"keys": [first], "issuer": OP, "x": [1]}),
    )


def unfit_keys() -> Iterator[tuple[str, dict[str, Any], Make]]:
    """
    Keys that must not be used, although a token is signed with them: the key set and the token.
    """
    weak = rsa.generate_private_key(65537, 1024)
    yield "1024 bits", {"keys": [{**_numbers(weak), "kid": "weak"}]}, _signed_by(weak)
    even_weaker = {**_rsa(e=1), "kid": "weak"}
    yield "e = 1: everybody signs", {"keys": [even_weaker]}, _without_a_key
    secret = b"k" * 32
    shared = {"kty": "oct", "k": keys.b64(secret), "kid": "weak", "alg": "HS256"}
    yield (
        "a secret that is published",
        {"keys": [shared, keys.jwk("RS256", "second")]},
        lambda mint: mint.token(alg="HS256", key=secret, header={"kid": "weak"}),
    )
    for name, marks in {
        "for encryption": {"use": "enc"},
        "for wrapping": {"key_ops": ["wrapKey"]},
        "for nothing": {"key_ops": []},
        "for PS256": {"alg": "PS256"},
        "for encryption by RSA-OAEP": {"alg": "RSA-OAEP"},
    }.items():
        other = keys.private_key("RS256", "second")
        yield name, {"keys": [keys.jwk("RS256", "second", kid="weak", **marks)]}, _signed_by(other)


def _numbers(key: Any) -> dict[str, Any]:
    public = key.public_key().public_numbers()
    return {"kty": "RSA", "n": keys.uint(public.n), "e": keys.uint(public.e)}


def _signed_by(key: Any) -> Make:
    return lambda mint: mint.token(key=key, header={"kid": "weak"})


def _without_a_key(mint: Mint) -> str:
    # RFC 8017 section 9.2: with an exponent of one the signature is the padded hash itself.
    signing_input = mint.token(header={"kid": "weak"}).rpartition(".")[0]
    info = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(signing_input.encode()).digest()
    padded = b"\0\1" + b"\xff" * (256 - 3 - len(info)) + b"\0" + info
    return f"{signing_input}.{keys.b64(padded)}"
