"""
Tests for `pomerium_tx.web.provider_lines`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.store import OpLogout
from pomerium_tx.web.page_frame import fragment
from pomerium_tx.web.provider_lines import ProviderLine, provider_lines


class ProviderLinesTests(SynchronousTestCase):
    """
    One line of truth for each OP.
    """

    def test_every_outcome(self) -> None:
        """
        Whatever a receipt can say of an OP has words; only two of them say that the person is signed out there.
        """
        sure = {OpLogout.CONFIRMED, OpLogout.RETURNED}
        for outcome in OpLogout:
            with self.subTest(outcome):
                text = fragment(provider_lines([ProviderLine(name="https://op", outcome=outcome.value)])).decode()
                self.assertIn("<code>https://op</code>", text)
                self.assertEqual("you may still be signed in there" in text, outcome not in sure)

    def test_link(self) -> None:
        """
        Where the person can still be led there is a link, and it leads to a web address.
        """
        line = ProviderLine(name="a", outcome="pending", sign_out_url="https://a.example/sign_out?x=1&y=2")
        self.assertIn('href="https://a.example/sign_out?x=1&amp;y=2"', fragment(provider_lines([line])).decode())
        bad = ProviderLine(name="a", outcome="pending", sign_out_url="javascript:alert(1)")
        self.assertNotIn("javascript", fragment(provider_lines([bad])).decode())

    def test_escaped(self) -> None:
        """
        A name is text.
        """
        line = ProviderLine(name="<script>", outcome="<b>")
        self.assertNotIn("<script>", fragment(provider_lines([line])).decode())

    def test_none(self) -> None:
        """
        Without lines there is no list.
        """
        self.assertEqual(provider_lines([]), "")
