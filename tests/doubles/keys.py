"""
Keys of an issuer, and tokens signed with them by other code than ours.
"""

from __future__ import annotations

import base64
import functools
import hmac
import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HASHES: dict[str, hashes.HashAlgorithm] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
CURVES: dict[str, tuple[str, ec.EllipticCurve, int]] = {
    "ES256": ("P-256", ec.SECP256R1(), 32),
    "ES384": ("P-384", ec.SECP384R1(), 48),
    "ES512": ("P-521", ec.SECP521R1(), 66),
}
SECRET = b"a client secret of at least thirty-two bytes"


def b64(raw: bytes) -> str:
    """
    Unpadded base64url.
    """
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def uint(number: int, size: int | None = None) -> str:
    """
    Base64urlUInt.
    """
    return b64(number.to_bytes(size or (number.bit_length() + 7) // 8, "big"))


def private_key(algorithm: str, name: str = "first") -> Any:
    """
    The key for *algorithm* called *name*, the same throughout a test run.
    """
    return _key("RSA" if algorithm[:2] in ("RS", "PS") else algorithm, name)


@functools.cache
def _key(kind: str, name: str) -> Any:
    match kind:
        case "RSA":
            return rsa.generate_private_key(65537, 2048)
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
        case "HS256":
            return SECRET
    return ec.generate_private_key(CURVES[kind][1])


def jwk(algorithm: str, name: str = "first", **members: object) -> dict[str, Any]:
    """
    The public JWK of that key; *members* are added, or taken away where they are None.
    """
    key = private_key(algorithm, name)
    if isinstance(key, rsa.RSAPrivateKey):
        public = key.public_key().public_numbers()
        found: dict[str, Any] = {"kty": "RSA", "n": uint(public.n), "e": uint(public.e)}
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        crv, _, size = CURVES[algorithm]
        point = key.public_key().public_numbers()
        found = {"kty": "EC", "crv": crv, "x": uint(point.x, size), "y": uint(point.y, size)}
    elif isinstance(key, bytes):
        found = {"kty": "oct", "k": b64(key)}
    else:
        raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        found = {"kty": "OKP", "crv": "Ed25519", "x": b64(raw)}
    found = {"kid": name, **found, **members}
    return {member: value for member, value in found.items() if value is not None}


def jwk_set(*keys: dict[str, Any]) -> dict[str, Any]:
    """
    A JWK Set document.
    """
    return {"keys": list(keys)}


def signature(algorithm: str, message: bytes, key: Any) -> bytes:
    """
    A signature by *algorithm*.
    """
    if algorithm == "EdDSA":
        return bytes(key.sign(message))
    if algorithm == "HS256":
        return hmac.digest(key, message, "sha256")
    digest = HASHES[algorithm[2:]]
    if algorithm.startswith("RS"):
        return bytes(key.sign(message, padding.PKCS1v15(), digest))
    if algorithm.startswith("PS"):
        scheme = padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)
        return bytes(key.sign(message, scheme, digest))
    size = (key.curve.key_size + 7) // 8
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(digest)))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def token(
    claims: dict[str, Any] | bytes,
    algorithm: str = "RS256",
    *,
    header: dict[str, Any] | None = None,
    key: Any = None,
    sign: Callable[[bytes], bytes] | None = None,
) -> str:
    """
    A signed token; *header* members are added to ``alg`` and ``kid``, or taken away where they are None.
    """
    members: dict[str, Any] = {"alg": algorithm, "kid": "first", **(header or {})}
    members = {name: value for name, value in members.items() if value is not None}
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    signing_input = f"{b64(json.dumps(members).encode())}.{b64(payload)}"
    if sign is None:
        signed = signature(algorithm, signing_input.encode(), key if key is not None else private_key(algorithm))
    else:
        signed = sign(signing_input.encode())
    return f"{signing_input}.{b64(signed)}"
