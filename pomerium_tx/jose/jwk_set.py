"""
JSON Web Key Sets, RFC 7517: the keys that an issuer publishes, each bound to what it may verify.

A set holds what is usable in a document. One key that is not never spoils the others, and a symmetric key in a
public document is nobody's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from josepy import jwa
from josepy.errors import Error as UnusableJWK
from josepy.jwk import JWKEC, JWKRSA

from pomerium_tx.jose import base64url

_MOST_KEYS: Final = 100
_RSA_BITS: Final = range(2048, 8193)
_RSA_EXPONENTS: Final = range(3, 2**32, 2)

_Verify = Callable[[Any, bytes, bytes], bool]


class InvalidKeySet(Exception):
    """
    A document is not a JWK Set with at least one key in it that can be used.
    """


def _pss(hash_algorithm: hashes.HashAlgorithm) -> _Verify:
    # RFC 7518 section 3.5: the salt is as long as the hash. josepy takes any.
    scheme = padding.PSS(mgf=padding.MGF1(hash_algorithm), salt_length=padding.PSS.DIGEST_LENGTH)

    def verify(key: Any, message: bytes, signature: bytes) -> bool:
        try:
            key.verify(signature, message, scheme, hash_algorithm)
        except InvalidSignature:
            return False
        return True

    return verify


def _ed25519(key: Ed25519PublicKey, message: bytes, signature: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


# alg -> (kty, crv, arithmetic): RFC 8725 section 3.1, a key is used with the algorithms of its kind only.
_ALGORITHMS: Final[dict[str, tuple[str, str | None, _Verify]]] = {
    "RS256": ("RSA", None, jwa.RS256.verify),
    "RS384": ("RSA", None, jwa.RS384.verify),
    "RS512": ("RSA", None, jwa.RS512.verify),
    "PS256": ("RSA", None, _pss(hashes.SHA256())),
    "PS384": ("RSA", None, _pss(hashes.SHA384())),
    "PS512": ("RSA", None, _pss(hashes.SHA512())),
    "ES256": ("EC", "P-256", jwa.ES256.verify),
    "ES384": ("EC", "P-384", jwa.ES384.verify),
    "ES512": ("EC", "P-521", jwa.ES512.verify),
    "EdDSA": ("OKP", "Ed25519", _ed25519),
    "HS256": ("oct", None, jwa.HS256.verify),
}

ALGORITHMS: Final = frozenset(_ALGORITHMS)
"""
Every ``alg`` that can be verified here; which of them may be is the caller's to say.
"""

ASYMMETRIC: Final = ALGORITHMS - {"HS256"}
"""
Those whose keys an issuer can publish.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """
    One key that can verify, and what it may verify.
    """

    kty: str
    crv: str | None = None
    kid: str | None = None
    algorithm: str | None = None
    public_key: Any = field(repr=False)

    def suits(self, algorithm: str) -> bool:
        """
        Is this a key for *algorithm*?
        """
        kty, crv, _ = _ALGORITHMS[algorithm]
        return (self.kty, self.crv) == (kty, crv) and self.algorithm in (None, algorithm)

    def verifies(self, algorithm: str, message: bytes, signature: bytes) -> bool:
        """
        Did the holder of this key make *signature* for *message*?
        """
        if not self.suits(algorithm):
            return False
        return _ALGORITHMS[algorithm][2](self.public_key, message, signature)


class JWKSet:
    """
    The usable keys of one issuer.
    """

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = tuple(keys)

    def __repr__(self) -> str:
        return f"<JWKSet of {len(self._keys)} keys>"

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def kids(self) -> frozenset[str | None]:
        """
        What the keys are called.
        """
        return frozenset(key.kid for key in self._keys)

    @classmethod
    def parse(cls, document: object) -> JWKSet:
        """
        The keys of a JWK Set *document* that can verify signatures.

        :raises InvalidKeySet: If there are none: an issuer without keys has an outage, not a policy.
        """
        members = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(members, list):
            raise InvalidKeySet("not a JWK Set")
        keys = [key for member in members[:_MOST_KEYS] if (key := _key(member)) is not None]
        if not keys:
            raise InvalidKeySet("no usable key in the JWK Set")
        return cls(keys)

    @classmethod
    def of_secret(cls, secret: bytes) -> JWKSet:
        """
        The set for a client that has agreed on HS256 with its client secret; empty if that is.
        """
        # Anybody can sign with nothing.
        return cls([] if not secret else [Key(kty="oct", algorithm="HS256", public_key=secret)])

    def candidates(self, algorithm: str, kid: str | None) -> list[Key]:
        """
        The keys that may have made a signature that says *algorithm* and *kid*.
        """
        # A shared secret has no name; whatever the token calls it, there is only the one.
        return [key for key in self._keys if key.suits(algorithm) and (kid in (None, key.kid) or key.kty == "oct")]


def _key(jwk: object) -> Key | None:
    if not isinstance(jwk, dict) or not _may_verify(jwk):
        return None
    kid, algorithm = jwk.get("kid"), jwk.get("alg")
    if not isinstance(kid, str | None) or not isinstance(algorithm, str | None):
        return None
    try:
        match jwk.get("kty"):
            case "RSA":
                return Key(kty="RSA", kid=kid, algorithm=algorithm, public_key=_rsa(jwk))
            case "EC":
                return Key(kty="EC", crv=jwk["crv"], kid=kid, algorithm=algorithm, public_key=_ec(jwk))
            case "OKP" if jwk.get("crv") == "Ed25519":
                public_key = Ed25519PublicKey.from_public_bytes(base64url.decode(_text(jwk, "x")))
                return Key(kty="OKP", crv="Ed25519", kid=kid, algorithm=algorithm, public_key=public_key)
    except (ValueError, KeyError, UnusableJWK, UnsupportedAlgorithm):
        return None
    # Not a symmetric key: what is published is no secret.
    return None


def _may_verify(jwk: dict[str, Any]) -> bool:
    operations = jwk.get("key_ops")
    return jwk.get("use", "sig") == "sig" and (
        operations is None or (isinstance(operations, list) and "verify" in operations)
    )


def _text(jwk: dict[str, Any], name: str) -> str:
    value = jwk.get(name)
    if not isinstance(value, str):
        raise ValueError(name)
    return value


def _public_members(jwk: dict[str, Any], *names: str) -> dict[str, str]:
    # Never the private ones: given a d, josepy would search for the primes behind it.
    members = {name: _text(jwk, name) for name in names}
    for value in members.values():
        base64url.decode(value)
    return members


def _rsa(jwk: dict[str, Any]) -> Any:
    members = _public_members(jwk, "n", "e")
    if len(members["n"]) > _RSA_BITS.stop // 6 + 4:
        raise ValueError("n")
    key = JWKRSA.fields_from_json(members).key
    numbers = key.public_numbers()
    if key.key_size not in _RSA_BITS or numbers.e not in _RSA_EXPONENTS or numbers.n % 2 == 0:
        raise ValueError("weak")
    return key


def _ec(jwk: dict[str, Any]) -> Any:
    members = _public_members(jwk, "x", "y")
    return JWKEC.fields_from_json({"crv": _text(jwk, "crv"), **members}).key
