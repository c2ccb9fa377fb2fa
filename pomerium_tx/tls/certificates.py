"""
Certificates and keys from PEM, or the reason why they are of no use.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from OpenSSL import crypto

from pomerium_tx.config.forms.secrets import UNREADABLE

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
_PRIVATE_KEYS = (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)


class UnusableCertificate(Exception):
    """
    A certificate or key that TLS cannot be spoken with.

    :param reason: What is wrong; no key material is in it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """
    A certificate with its chain, and the key that belongs to it.
    """

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    key: PrivateKey = field(repr=False)


def certificates(pem: bytes) -> list[x509.Certificate]:
    """
    All certificates in *pem*, in order, at least one.

    :raises UnusableCertificate: If there is none, or one cannot be read.
    """
    try:
        found = x509.load_pem_x509_certificates(pem)
        for each in found:
            # They are read only when they are asked for.
            _ = each.subject, each.issuer, each.not_valid_before_utc, each.not_valid_after_utc
    except UNREADABLE:
        raise UnusableCertificate("no readable PEM certificate") from None
    return found


def for_openssl(pem: bytes) -> list[crypto.X509]:
    """
    The same as OpenSSL has them, which reads more strictly.

    :raises UnusableCertificate: If there is none, or one cannot be read.
    """
    try:
        return [crypto.X509.from_cryptography(each) for each in certificates(pem)]
    except crypto.Error:
        raise UnusableCertificate("OpenSSL refuses the certificate") from None


def key_pair(certificate_pem: bytes, key_pem: bytes) -> KeyPair:
    """
    A certificate, the chain that follows it, and its key.

    :raises UnusableCertificate: If either cannot be read, or they do not belong together.
    """
    leaf, *chain = certificates(certificate_pem)
    try:
        key = load_pem_private_key(key_pem, password=None)
    except (ValueError, UnsupportedAlgorithm):
        raise UnusableCertificate("no readable PEM key") from None
    except TypeError:
        raise UnusableCertificate("the key is encrypted") from None
    if not isinstance(key, _PRIVATE_KEYS):
        raise UnusableCertificate("the key is of a kind that TLS does not use")
    spki = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    try:
        belongs = leaf.public_key().public_bytes(*spki) == key.public_key().public_bytes(*spki)
    except (ValueError, UnsupportedAlgorithm):
        belongs = False
    if not belongs:
        raise UnusableCertificate("the key does not belong to the certificate")
    return KeyPair(certificate=leaf, chain=tuple(chain), key=key)


def dns_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """
    The host names that *certificate* is for, in lower case; a wildcard is ``*.`` and the rest.

    RFC 6125 section 6.4.4: the common name counts only where there is no subject alternative name.
    """
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return tuple(name.lower() for name in alternatives.get_values_for_type(x509.DNSName))
    except x509.ExtensionNotFound:
        common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return tuple(str(name.value).lower() for name in common)
    except UNREADABLE:
        return ()
