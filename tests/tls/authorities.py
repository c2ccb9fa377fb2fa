"""
Certificates for the tests of this room, made on the spot.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat


def key_pem(key: ec.EllipticCurvePrivateKey, password: bytes | None = None) -> bytes:
    """
    *key* in PEM.
    """
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def in_pem(der: bytes, label: str = "CERTIFICATE") -> bytes:
    """
    *der* in PEM.
    """
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (label.encode(), base64.encodebytes(der), label.encode())


def altered(pem: bytes, before: bytes, after: bytes, label: str = "CERTIFICATE") -> bytes:
    """
    What is in *pem* with other octets in it, as many.
    """
    der = base64.b64decode(b"".join(pem.split(b"\n")[1:-2]))
    assert before in der and len(before) == len(after)
    return in_pem(der.replace(before, after), label)


class Authority:
    """
    Somebody who signs certificates, perhaps on behalf of somebody else.
    """

    def __init__(self, name: str, parent: Authority | None = None) -> None:
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.key = ec.generate_private_key(ec.SECP256R1())
        parent = parent or self
        self.certificate = parent._sign(self.name, self.key, [], authority=True)
        self.pem = self.certificate.public_bytes(Encoding.PEM)

    def issue(self, *names: str, common: str = "leaf") -> tuple[bytes, bytes]:
        """
        A certificate for *names*, and its key.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])
        return self._sign(subject, key, list(names), authority=False).public_bytes(Encoding.PEM), key_pem(key)

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, names: list[str], *, authority: bool
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([general_name(name) for name in names]), False)
        return builder.sign(self.key, SHA256())


def general_name(name: str) -> x509.GeneralName:
    """
    *name* as a certificate has it.
    """
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
