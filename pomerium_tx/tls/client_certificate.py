"""
The certificate that a user agent has shown, as far as anybody asks for it.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pomerium_tx.config.forms.secrets import UNREADABLE

_PRINCIPAL_NAME = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
_UTF8_STRING = 0x0C


class UnreadableCertificate(Exception):
    """
    A certificate in which something is not what X.509 says.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """
    The subject alternative names of a certificate (RFC 5280 section 4.2.1.6).
    """

    emails: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    """
    IP addresses: IPv6 as RFC 5952 writes them.
    """
    principals: tuple[str, ...] = ()
    """
    User principal names, which smart cards have.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """
    What a user agent has shown, and has proven to have the key of.
    """

    der: bytes = field(repr=False)
    fingerprint: str
    """
    SHA-256 of it, as 64 lower-case hexadecimal digits.
    """
    spki_hash: str
    """
    SHA-256 of its public key (SubjectPublicKeyInfo), in base64.
    """
    names: Names
    problem: str = ""
    """
    Why it is not to be trusted, in words for the log; nothing if it is. What an untrusted one says of itself, anybody
    could have written; that its key is there is proven all the same.
    """
    judged_until: float | None = None
    """
    When, in seconds, it must be judged again; None if time changes nothing.
    """

    @property
    def is_trusted(self) -> bool:
        """
        Whether an authority that is believed says what it says.
        """
        return not self.problem

    @property
    def pem(self) -> str:
        """
        It in PEM.
        """
        octets = base64.encodebytes(self.der).replace(b"\n", b"")
        lines = [octets[start : start + 64].decode("ascii") for start in range(0, len(octets), 64)]
        return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """
    The answer of a user agent that was asked for a certificate.
    """

    certificate: ClientCertificate | None
    """
    None if it has shown none.
    """
    is_welcome: bool
    """
    Whether it may be spoken with at all.
    """


def fingerprint_of(der: bytes) -> str:
    """
    What a certificate is known by.
    """
    return sha256(der).hexdigest()


def spki_hash_of(certificate: x509.Certificate) -> str:
    """
    What the key of a certificate is known by; nothing if it is of a kind that nobody here knows.
    """
    try:
        key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except UNREADABLE:
        return ""
    return base64.b64encode(sha256(key).digest()).decode("ascii")


def names_of(certificate: x509.Certificate) -> Names:
    """
    The names in a certificate.

    :raises UnreadableCertificate: If one of them is none.
    """
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return Names()
    except UNREADABLE:
        raise UnreadableCertificate from None
    return Names(
        emails=tuple(found.get_values_for_type(x509.RFC822Name)),
        dns=tuple(found.get_values_for_type(x509.DNSName)),
        uris=tuple(found.get_values_for_type(x509.UniformResourceIdentifier)),
        addresses=tuple(str(address) for address in found.get_values_for_type(x509.IPAddress)),
        principals=tuple(
            _principal(name.value)
            for name in found.get_values_for_type(x509.OtherName)
            if name.type_id == _PRINCIPAL_NAME
        ),
    )


def _principal(der: bytes) -> str:
    """
    The text of a UTF8String (X.690 section 8.23).
    """
    if len(der) >= 2 and der[0] == _UTF8_STRING and der[1] < 0x80 and len(der) == 2 + der[1]:
        try:
            return der[2:].decode("utf-8")
        except UnicodeDecodeError:
            pass
    raise UnreadableCertificate
