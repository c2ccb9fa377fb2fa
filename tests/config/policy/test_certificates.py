"""
Tests of `pomerium_tx.config.policy.certificates`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.document import KeyPath, dotted
from pomerium_tx.config.policy.certificates import CertificateMatcher, certificate_matcher
from pomerium_tx.config.policy.matchers import Condition

SHORT = "df6ff72fe9116521268f6f2dd4966f51df479883fe7037b39f75916ac3049d1a"
LONG = ":".join(SHORT[place : place + 2].upper() for place in range(0, 64, 2))
HASH = "FsDbM0rUYIiL3V339eIKqiz6HPSB+Pz2WeAWhqlqh8U="


class CertificateMatcherTests(SynchronousTestCase):
    """
    Which certificates are meant.
    """

    def read(self, value: object) -> tuple[CertificateMatcher, list[str]]:
        """
        What is read, and what is complained about.
        """
        wrong: list[str] = []

        def complain(at: KeyPath, message: str) -> None:
            wrong.append(f"{dotted(at)} {message}".strip())

        return certificate_matcher(value, (), complain), wrong

    def test_fingerprints(self) -> None:
        """
        Both of Pomerium's ways to write a fingerprint mean the same; one or several may be named.
        """
        for value in (SHORT, LONG, [SHORT], [LONG]):
            found, wrong = self.read({"fingerprint": value})
            self.assertEqual((found.fingerprints, wrong), ((SHORT,), []))

    def test_hashes(self) -> None:
        """
        Hashes of keys are compared as they are written.
        """
        for value in (HASH, [HASH]):
            found, wrong = self.read({"spki_hash": value})
            self.assertEqual((found.spki_hashes, wrong), ((HASH,), []))

    def test_names(self) -> None:
        """
        Names are matched by a string, or by operators.
        """
        found, wrong = self.read({"san_dns": {"ends_with": ".test"}, "san_email": "a@example.com"})
        expected = (
            ("san_email", (Condition(operator="is", value="a@example.com"),)),
            ("san_dns", (Condition(operator="ends_with", value=".test"),)),
        )
        self.assertEqual((found.names, wrong), (expected, []))

    def test_refused(self) -> None:
        """
        What Pomerium refuses is refused, and what would match no certificate or any.
        """
        sha1 = "B1:E6:A2:DC:DD:6B:87:A4:9B:C5:7C:3B:7C:7F:1C:74:9A:DB:88:36"
        for value, words in [
            (SHORT, "must be a mapping"),
            ({}, "any certificate"),
            ({"san": "x"}, "san is not one of fingerprint"),
            ({"fingerprint": sha1}, "fingerprint must be SHA-256"),
            ({"fingerprint": SHORT.upper()}, "fingerprint must be SHA-256"),
            ({"fingerprint": LONG.lower()}, "fingerprint must be SHA-256"),
            ({"fingerprint": ""}, "fingerprint must be SHA-256"),
            ({"fingerprint": {}}, "fingerprint must be SHA-256"),
            ({"fingerprint": [SHORT, 1]}, "fingerprint[1] must be SHA-256"),
            ({"fingerprint": []}, "fingerprint is empty"),
            ({"spki_hash": "VYby3BAoHawLLtsyckwo5Q=="}, "spki_hash must be base64"),
            ({"spki_hash": "not%valid%base64%data"}, "spki_hash must be base64"),
            ({"spki_hash": None}, "spki_hash must be base64"),
            ({"san_email": ""}, "san_email is empty"),
            ({"san_email": {"like": "x"}}, "san_email.like is not one of"),
        ]:
            with self.subTest(value=value):
                _, wrong = self.read(value)
                self.assertEqual(len(wrong), 1, wrong)
                self.assertTrue(wrong[0].startswith(words) or words in wrong[0], wrong)
