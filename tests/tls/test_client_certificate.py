"""
Tests of `pomerium_tx.tls.client_certificate`.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.tls.client_certificate import (
    ClientCertificate,
    Names,
    UnreadableCertificate,
    fingerprint_of,
    names_of,
    spki_hash_of,
)
from tests.tls.clients import PRINCIPAL_NAME, identity, principal

# Pomerium's own example (pkg/policy/criteria/client_certificate_test.go), as facts: a certificate and its two hashes.
PEM = b"""-----BEGIN CERTIFICATE-----
MIIBYTCCAQigAwIBAgICEAEwCgYIKoZIzj0EAwIwGjEYMBYGA1UEAxMPVHJ1c3Rl
ZCBSb290IENBMCAYDzAwMDEwMTAxMDAwMDAwWhcNMzMwNzMxMTUzMzE5WjAeMRww
GgYDVQQDExN0cnVzdGVkIGNsaWVudCBjZXJ0MFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAEfAYP3ZwiKJgk9zXpR/CMHYlAxjweJaMJihIS2FTA5gb0xBcTEe5AGpNF
CHWPk4YCB25VeHg9GmY9Q1+qDD1hdqM4MDYwEwYDVR0lBAwwCgYIKwYBBQUHAwIw
HwYDVR0jBBgwFoAUXep6D8FTP6+5ZdR/HjP3pYfmxkwwCgYIKoZIzj0EAwIDRwAw
RAIgProROtxpvKS/qjrjonSvacnhdU0JwoXj2DgYvF/qjrUCIAXlHkdEzyXmTLuu
/YxuOibV35vlaIzj21GRj4pYmVR1
-----END CERTIFICATE-----
"""
FINGERPRINT = "17859273e8a980631d367b2d5a6a6635412b0f22835f69e47b3f65624546a704"
SPKI_HASH = "FsDbM0rUYIiL3V339eIKqiz6HPSB+Pz2WeAWhqlqh8U="


class ClientCertificateTests(SynchronousTestCase):
    """
    A certificate that was shown.
    """

    def test_pomeriums_hashes(self) -> None:
        """
        The hashes are those that Pomerium works out: its policies name the same certificates here.
        """
        certificate = x509.load_pem_x509_certificate(PEM)
        der = certificate.public_bytes(Encoding.DER)
        self.assertEqual((fingerprint_of(der), spki_hash_of(certificate)), (FINGERPRINT, SPKI_HASH))

    def test_pem(self) -> None:
        """
        It can be had in PEM again, and does not show its bytes otherwise.
        """
        der = x509.load_pem_x509_certificate(PEM).public_bytes(Encoding.DER)
        shown = ClientCertificate(der=der, fingerprint="f", spki_hash="s", names=Names())
        self.assertEqual(shown.pem.encode(), PEM)
        self.assertNotIn("der", repr(shown))

    def test_trusted(self) -> None:
        """
        It is trusted if there is nothing to say against it.
        """
        for problem in ("", "it is revoked"):
            shown = ClientCertificate(der=b"", fingerprint="", spki_hash="", names=Names(), problem=problem)
            self.assertEqual(shown.is_trusted, not problem)

    def test_no_names(self) -> None:
        """
        A certificate need not have any.
        """
        self.assertEqual(names_of(identity("x").certificate), Names())

    def test_principals(self) -> None:
        """
        A user principal name is text; another name of that form is not looked at, and what is no text is refused.
        """
        other = x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x05\x00")
        found = names_of(identity("x", names=(principal("alice@réalm"), other)).certificate)
        self.assertEqual(found.principals, ("alice@réalm",))
        for der in (b"\x05\x00", b"\x0c\x01\xff"):
            broken = identity("x", names=(x509.OtherName(PRINCIPAL_NAME, der),)).certificate
            self.assertRaises(UnreadableCertificate, names_of, broken)
