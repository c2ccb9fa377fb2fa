"""
Tests of `pomerium_tx.tls.revocation`: lists by themselves; what they mean for a handshake is in
`test_client_authorities`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.tls.certificates import UnusableCertificate
from pomerium_tx.tls.revocation import Revocation, is_signed_by, revocation_lists
from tests.tls.authorities import altered
from tests.tls.clients import DAY, authority, identity, revocation_list


class RevocationListsTests(SynchronousTestCase):
    """
    Lists from PEM.
    """

    def test_several(self) -> None:
        """
        A bundle is read whole, whatever stands between.
        """
        one, two = authority("one"), authority("two")
        pem = b"one\n" + revocation_list(one) + one.pem + revocation_list(two)
        self.assertEqual([is_signed_by(each, one.certificate) for each in revocation_lists(pem)], [True, False])

    def test_unusable(self) -> None:
        """
        Nothing, noise, and a list of changes only are refused.
        """
        issuer = authority("root")
        noise = b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"
        changes = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.certificate.subject)
            .last_update(datetime.now(UTC))
            .next_update(datetime.now(UTC) + DAY)
            .add_extension(x509.DeltaCRLIndicator(1), critical=True)
            .sign(issuer.key, SHA256())
            .public_bytes(Encoding.PEM)
        )
        name = b"\x0c\x04root"
        nobody = [altered(revocation_list(issuer), name, wrong + name[1:], "X509 CRL") for wrong in (b"\x01", b"\x03")]
        for pem in (b"", noise, issuer.pem, changes, revocation_list(issuer) + noise, *nobody):
            self.assertRaises(UnusableCertificate, revocation_lists, pem)


class RevocationTests(SynchronousTestCase):
    """
    What an authority has taken back.
    """

    def test_due(self) -> None:
        """
        Of several lists the one that lasts longest counts.
        """
        issuer = authority("root")
        lists = revocation_lists(revocation_list(issuer) + revocation_list(issuer, days=(-2, 2)))
        due = Revocation(lists).due_at(issuer.certificate)
        assert due is not None
        self.assertAlmostEqual((due - datetime.now(UTC)) / timedelta(days=1), 2, places=2)
        self.assertIsNone(Revocation(()).due_at(issuer.certificate))

    def test_bounded(self) -> None:
        """
        What is remembered of issuers does not grow for ever.
        """
        revocation = Revocation(())
        leaf = identity("leaf").certificate
        for number in range(70):
            issuer = authority(str(number)).certificate
            self.assertEqual(revocation.problem_of(leaf, issuer, current_at=None), "")
        self.assertLessEqual(len(revocation._of_issuers), 64)
