"""
Tests of `pomerium_tx.config.forms.secrets`.
"""

from __future__ import annotations

import base64
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretBytes
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.forms import secrets
from tests.config.material import KEY_32, key_pair, locked_key, written
from tests.tls.authorities import altered
from tests.tls.clients import authority, revocation_list


def pem_of(key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    """
    The PEM of *key*.
    """
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class SecretsTests(SynchronousTestCase):
    """
    Keys, certificates and passwords.
    """

    def test_symmetric_keys(self) -> None:
        """
        A key is base64 of 32 bytes; a file may end with a newline.
        """
        for value in (KEY_32, KEY_32.encode() + b"\n"):
            self.assertEqual(secrets.key_of_32_bytes(value).get_secret_value(), bytes(range(32)))
        for wrong in (
            base64.b64encode(bytes(16)).decode(),
            base64.b64encode(bytes(33)).decode(),
            f" {KEY_32}",
            KEY_32 + "\n",
            "planted!",
            "",
            3,
            "é",
        ):
            with self.subTest(repr(wrong)):
                self.assertNotIn("planted", str(self.assertRaises(ValueError, secrets.key_of_32_bytes, wrong)))

    def test_passwords(self) -> None:
        """
        A password is text that is not empty.
        """
        self.assertEqual(secrets.password(b"hunter2\n").get_secret_value(), "hunter2")
        for wrong in ("", b" \n", b"\xff", 3, None):
            with self.subTest(repr(wrong)):
                self.assertRaises(ValueError, secrets.password, wrong)

    def test_admin_tokens(self) -> None:
        """
        A token is at least 32 characters that a header can carry, and never shown when it is refused.
        """
        good = "planted-" + "x" * 24
        self.assertEqual(secrets.admin_token(good).get_secret_value(), good)
        self.assertEqual(secrets.admin_token(good.encode() + b"\n").get_secret_value(), good)
        for wrong in (
            good[:-1],
            "",
            good + " x",
            good + "\n",
            good + "\x00",
            good + "é",
            "planted " * 5,
            b"\xff" * 40,
            3,
            None,
        ):
            with self.subTest(repr(wrong)):
                self.assertNotIn("planted", str(self.assertRaises(ValueError, secrets.admin_token, wrong)))

    def test_signing_keys(self) -> None:
        """
        P-256, RSA and Ed25519 keys sign, several may be given, as PEM or base64 of it.
        """
        pems = [
            key_pair()[1],
            pem_of(rsa.generate_private_key(65537, 2048)),
            pem_of(ed25519.Ed25519PrivateKey.generate()),
        ]
        for value in (pems[0].decode(), base64.b64encode(pems[1]).decode(), b"".join(pems), pems[2]):
            found = secrets.signing_keys(value).get_secret_value()
            self.assertIn(b"PRIVATE KEY", found)
        self.assertEqual(secrets.signing_keys(b"".join(pems)).get_secret_value().count(b"BEGIN"), 3)

    def test_unfit_signing_keys(self) -> None:
        """
        Another curve, a short key, a locked key or something else is refused, with the way out for the locked one.
        """
        for wrong in (
            key_pair("p384", ec.SECP384R1)[1],
            pem_of(rsa.generate_private_key(65537, 1024)),
            key_pair()[0],
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "nonsense",
            "",
            3,
        ):
            with self.subTest(repr(wrong)[:40]):
                self.assertRaises(ValueError, secrets.signing_keys, wrong)
        self.assertIn("passphrase", str(self.assertRaises(ValueError, secrets.signing_keys, locked_key())))

    def test_certificates(self) -> None:
        """
        A certificate and its key are recognised, and one that is not its key is too.
        """
        certificate, key = key_pair()
        encoded = base64.b64encode(certificate).decode()
        self.assertEqual(secrets.certificates(encoded), certificate)
        self.assertTrue(secrets.belong_together(certificate, secrets.private_key(key)))
        self.assertFalse(secrets.belong_together(certificate, SecretBytes(key_pair("other.example.com")[1])))
        for wrong in (key, b"", "x", 3, b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
            with self.subTest(repr(wrong)[:40]):
                self.assertRaises(ValueError, secrets.certificates, wrong)
        for wrong in (certificate, locked_key(), "x", 3):
            with self.subTest(repr(wrong)[:40]):
                self.assertRaises(ValueError, secrets.private_key, wrong)

    def test_unreadable_names(self) -> None:
        """
        A certificate in which somebody's name is none is refused, though the rest of it can be read.
        """
        issuer = authority("authority")
        listed = revocation_list(issuer)
        for before, after in (
            (b"\x0c\x09authority", b"\x01\x09authority"),
            (b"\x0c\x09authority", b"\x03\x09authority"),
        ):
            with self.subTest(after=after):
                self.assertRaises(ValueError, secrets.certificates, altered(issuer.pem, before, after))
                self.assertRaises(ValueError, secrets.revocation_lists, altered(listed, before, after, "X509 CRL"))

    def test_unknown_versions(self) -> None:
        """
        So is one of a version that there is not.
        """
        issuer = authority("authority")
        wrong = altered(issuer.pem, b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x09")
        self.assertRaises(ValueError, secrets.certificates, wrong)

    def test_files(self) -> None:
        """
        A regular file is read, up to a sane size, and one that everybody may read is recognised.
        """
        file = written(self.mktemp(), b"content")
        self.assertEqual(secrets.read_file(file), b"content")
        self.assertFalse(secrets.is_exposed(file))
        file.chmod(0o644)
        self.assertTrue(secrets.is_exposed(file))
        file.write_bytes(bytes(secrets.MAX_FILE_BYTES + 1))
        self.assertIn("too large", str(self.assertRaises(secrets.UnreadableFile, secrets.read_file, file)))
        for wrong in (Path("/dev/zero"), file.parent, Path("missing"), Path("a\0")):
            with self.subTest(repr(wrong)):
                self.assertRaises(secrets.UnreadableFile, secrets.read_file, wrong)
        self.assertFalse(secrets.is_exposed(Path("missing")))
