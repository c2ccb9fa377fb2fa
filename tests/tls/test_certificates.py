"""
Tests for `pomerium_tx.tls.certificates`.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.tls.certificates import UnusableCertificate, certificates, dns_names, for_openssl, key_pair
from tests.tls.authorities import Authority, altered, key_pem


class CertificateTests(SynchronousTestCase):
    """
    PEM becomes a certificate and its key, or a reason why not.
    """

    def setUp(self) -> None:
        self.authority = Authority("root")

    def test_pair_with_chain(self) -> None:
        """
        The first certificate is ours, the others are its chain.
        """
        middle = Authority("middle", self.authority)
        certificate, key = middle.issue("app.example.com")
        pair = key_pair(certificate + middle.pem + self.authority.pem, key)
        self.assertEqual(pair.chain, (middle.certificate, self.authority.certificate))
        self.assertEqual(dns_names(pair.certificate), ("app.example.com",))

    def test_key_is_never_shown(self) -> None:
        """
        The representation of a pair does not show its key.
        """
        self.assertNotIn("key", repr(key_pair(*self.authority.issue("a"))))

    def test_unusable(self) -> None:
        """
        What TLS cannot be spoken with is refused, with the reason.
        """
        certificate, key = self.authority.issue("a")
        exchange_key = x25519.X25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        for title, certificate_pem, private_pem in [
            ("no certificate", b"", key),
            ("noise for a certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", key),
            ("no key", certificate, b""),
            ("a certificate for a key", certificate, certificate),
            ("an encrypted key", certificate, key_pem(ec.generate_private_key(ec.SECP256R1()), b"secret")),
            ("a key for something else", certificate, exchange_key),
            ("somebody else's key", certificate, self.authority.issue("a")[1]),
        ]:
            with self.subTest(title):
                problem = self.assertRaises(UnusableCertificate, key_pair, certificate_pem, private_pem)
                self.assertNotIn("BEGIN", problem.reason)

    def test_several_certificates(self) -> None:
        """
        A bundle is read whole.
        """
        other = Authority("other")
        found = certificates(self.authority.pem + other.pem)
        self.assertEqual(found, [self.authority.certificate, other.certificate])

    def test_names(self) -> None:
        """
        The common name counts where there is no alternative name.
        """
        for names, common, expected in [
            (("App.Example.com", "*.example.com", "127.0.0.1"), "other", ("app.example.com", "*.example.com")),
            ((), "Old.example.com", ("old.example.com",)),
            (("127.0.0.1",), "other", ()),
        ]:
            with self.subTest(names=names):
                (certificate,) = certificates(self.authority.issue(*names, common=common)[0])
                self.assertEqual(dns_names(certificate), expected)

    def test_unreadable(self) -> None:
        """
        A certificate in which something is not what it should be is refused at once, not when somebody asks for that.
        """
        for before, after in [
            (b"\x0c\x04root", b"\x01\x04root"),
            (b"\x0c\x04root", b"\x03\x04root"),
            (b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x09"),
        ]:
            with self.subTest(after=after):
                self.assertRaises(UnusableCertificate, certificates, altered(self.authority.pem, before, after))

    def test_names_of_unknown_kinds(self) -> None:
        """
        A certificate with a name of a kind that nobody reads is for no name.
        """
        certificate, _ = self.authority.issue("abcd")
        (found,) = certificates(altered(certificate, b"\x82\x04abcd", b"\xa3\x04abcd"))
        self.assertEqual(dns_names(found), ())

    def test_openssl(self) -> None:
        """
        What OpenSSL refuses is refused, though somebody else could read it.
        """
        wrong = altered(self.authority.pem, b"\x0c\x04root", b"\x04\x04root")
        self.assertEqual(len(certificates(wrong)), 1)
        self.assertRaises(UnusableCertificate, for_openssl, wrong)
