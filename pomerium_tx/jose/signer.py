"""
Our own signatures: JWS by RFC 7515, with keys named as in RFC 7638.
"""

from __future__ import annotations

import binascii
import functools
import hashlib
import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from pomerium_tx.jose import base64url
from pomerium_tx.jose.strict_json import compact_json

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | Ed25519PrivateKey

_DERIVATION: Final = b"derived-jwt-signing-key"
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# curve -> (alg, crv, hash, bytes of one coordinate)
_CURVES: Final[dict[str, tuple[str, str, hashes.HashAlgorithm, int]]] = {
    "secp256r1": ("ES256", "P-256", hashes.SHA256(), 32),
    "secp384r1": ("ES384", "P-384", hashes.SHA384(), 48),
    "secp521r1": ("ES512", "P-521", hashes.SHA512(), 66),
}
_PRIVATE_BLOCK: Final = re.compile(rb"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)


class UnusableSigningKey(Exception):
    """
    What is configured as a signing key is not one that can be used.
    """


class Signer:
    """
    One private key: signs claims, and says how the signatures are verified.
    """

    def __init__(self, key: PrivateKey) -> None:
        self._key = key
        self.algorithm, required = _describe(key)
        # RFC 7638 section 3: the required members only, in the order of their names.
        self.kid = hashlib.sha256(compact_json(dict(sorted(required.items())))).hexdigest()
        self._public_jwk = {"use": "sig", "kid": self.kid, "alg": self.algorithm, **required}
        self._start = functools.lru_cache(maxsize=8)(self._header)

    def __repr__(self) -> str:
        return f"<Signer {self.algorithm} {self.kid}>"

    def public_jwk(self) -> dict[str, str]:
        """
        The public half, as it is published.
        """
        return dict(self._public_jwk)

    def sign(self, claims: Mapping[str, object], typ: str = "JWT") -> str:
        """
        A compact JWT that says *claims*.
        """
        signing_input = f"{self._start(typ)}.{base64url.encode(compact_json(dict(claims)))}"
        return f"{signing_input}.{base64url.encode(self._signature(signing_input.encode('ascii')))}"

    def _header(self, typ: str) -> str:
        return base64url.encode(compact_json({"alg": self.algorithm, "kid": self.kid, "typ": typ}))

    def _signature(self, message: bytes) -> bytes:
        key = self._key
        if isinstance(key, ec.EllipticCurvePrivateKey):
            _, _, hash_algorithm, size = _CURVES[key.curve.name]
            r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hash_algorithm)))
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return key.sign(message)


def _describe(key: PrivateKey) -> tuple[str, dict[str, str]]:
    """
    The ``alg`` of *key*, and the members that its JWK must have.
    """
    if isinstance(key, ec.EllipticCurvePrivateKey):
        if key.curve.name not in _CURVES:
            raise UnusableSigningKey(f"curve {key.curve.name}")
        algorithm, crv, _, size = _CURVES[key.curve.name]
        point = key.public_key().public_numbers()
        return algorithm, {"kty": "EC", "crv": crv, "x": _integer(point.x, size), "y": _integer(point.y, size)}
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < 2048:
            raise UnusableSigningKey("an RSA key of less than 2048 bits")
        numbers = key.public_key().public_numbers()
        return "RS256", {
            "kty": "RSA",
            "n": _integer(numbers.n, (numbers.n.bit_length() + 7) // 8),
            "e": _integer(numbers.e, (numbers.e.bit_length() + 7) // 8),
        }
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return "EdDSA", {"kty": "OKP", "crv": "Ed25519", "x": base64url.encode(raw)}


def _integer(number: int, size: int) -> str:
    return base64url.encode(number.to_bytes(size, "big"))


def load_signers(pem: bytes) -> list[Signer]:
    """
    A signer for each private key in *pem*, in order; the text may be base64 of PEM, as Pomerium allows.

    :raises UnusableSigningKey: If there is none, or one of them cannot be used.
    """
    if b"-----BEGIN" not in pem:
        try:
            pem = b64decode(b"".join(pem.split()), validate=True)
        except binascii.Error:
            raise UnusableSigningKey("neither PEM nor base64 of PEM") from None
    signers = []
    for block in _PRIVATE_BLOCK.finditer(pem):
        try:
            key = load_pem_private_key(block.group(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise UnusableSigningKey("a private key that is broken, encrypted or of an unknown kind") from None
        if not isinstance(key, PrivateKey):
            raise UnusableSigningKey("a private key that is neither EC, RSA nor Ed25519")
        signers.append(Signer(key))
    if not signers:
        raise UnusableSigningKey("no private key")
    return signers


def derived_signer(secret: bytes) -> Signer:
    """
    The signer that every process with the same *secret* has, for want of a configured key.
    """
    # 48 bytes for a 32-byte order, so that no scalar is noticeably likelier than another (FIPS 186-5 A.2.1).
    stretched = HKDF(algorithm=hashes.SHA256(), length=48, salt=None, info=_DERIVATION).derive(secret)
    scalar = int.from_bytes(stretched, "big") % (_P256_ORDER - 1) + 1
    return Signer(ec.derive_private_key(scalar, ec.SECP256R1()))
