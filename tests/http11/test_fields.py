"""
Tests for `pomerium_tx.http11.fields`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.http11.fields import HOP_BY_HOP, ReservedNames, folded


class FoldedTests(SynchronousTestCase):
    """
    Names are compared as applications see them.
    """

    def test_folding(self) -> None:
        """
        Case and punctuation make no difference, and the beginning of a variable's name neither.
        """
        for name in (
            b"x-forwarded-user",
            b"X_Forwarded_User",
            b"x.forwarded.user",
            b"X-FORWARDED-USER",
            b"x~forwarded!user",
            b"X__Forwarded--User",
            b"_x-forwarded-user_",
            b"_x-forwarded-user",
            b"x-forwarded-user_",
            b"HTTP_X_FORWARDED_USER",
            b"http-http_x-forwarded-user",
        ):
            with self.subTest(name=name):
                self.assertEqual(folded(name), b"X_FORWARDED_USER")


class ReservedNamesTests(SynchronousTestCase):
    """
    What only we may set cannot be sent in any spelling.
    """

    def test_reserved(self) -> None:
        """
        Pomerium's names and the given ones are reserved in every spelling.
        """
        reserved = ReservedNames([b"X-Forwarded-For", b"remote-user"])
        for name in (
            b"x-pomerium-jwt-assertion",
            b"x.pomerium.claim.email",
            b"x_pomerium-anything",
            b"x.forwarded-for",
            b"remote_user",
            b"x__pomerium__claim__email",
            b"http_x_pomerium_claim_groups",
            b"http-remote-user",
        ):
            with self.subTest(name=name):
                self.assertIn(name, reserved)
                self.assertIn(name, reserved)

    def test_not_reserved(self) -> None:
        """
        Other names are not, however alike they look.
        """
        reserved = ReservedNames([b"X-Forwarded-For"])
        for name in (
            b"x-forwarded-fo",
            b"x-forwarded-for-x",
            b"xpomerium-x",
            b"x-pomeriumx",
            b"accept",
            b"http-",
            b"_",
        ):
            with self.subTest(name=name):
                self.assertNotIn(name, reserved)
                self.assertNotIn(name, reserved)

    def test_hop_by_hop(self) -> None:
        """
        The fields of one hop are known in lower case.
        """
        for name in (
            *(b"connection", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"keep-alive", b"http2-settings"),
            *(b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"),
        ):
            with self.subTest(name=name):
                self.assertIn(name, HOP_BY_HOP)
        self.assertNotIn(b"authorization", HOP_BY_HOP)
