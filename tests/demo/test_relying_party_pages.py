"""
Tests for `pomerium_tx.demo.relying_party_pages`.
"""

from __future__ import annotations

from html import unescape

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.demo.relying_party_pages import failed_page, front_page
from pomerium_tx.demo.relying_party_sessions import BACK, FRONT, HERE, OtherSession, state_of
from tests.demo.test_pages import Outline


def session(*ended_by: str) -> OtherSession:
    """
    Alice's session, which these have ended at ten o'clock.
    """
    ended_at = 36_000.0 if ended_by else None
    return OtherSession(
        name="Alice <Liddell>", sub="u", sid="s", id_token=None, ended_at=ended_at, ended_by=list(ended_by)
    )


class FrontPageTests(SynchronousTestCase):
    """
    The page of the second relying party.
    """

    def test_says(self) -> None:
        """
        Who is here, or how that ended and when; the one button does what is left to do.
        """
        name = "Alice <Liddell>"
        table = [
            (None, "Nobody is signed in here.", "/sign-in"),
            (session(), f"Signed in as {name}.", "/sign-out"),
            (session(BACK), f"{name} was signed out by the provider at 10:00:00 UTC (back channel).", "/sign-in"),
            (
                session(BACK, FRONT),
                f"{name} was signed out by the provider at 10:00:00 UTC (back channel, front channel).",
                "/sign-in",
            ),
            (session(HERE), f"{name} signed out here at 10:00:00 UTC.", "/sign-in"),
            (
                session(HERE, BACK),
                f"{name} signed out here at 10:00:00 UTC; confirmed by the provider (back channel).",
                "/sign-in",
            ),
        ]
        for visitor, said, action in table:
            with self.subTest(said=said):
                page = front_page(visitor, issuer="http://op.test")
                self.assertIn(f">{said}<", unescape(page.decode()))
                elements = Outline(page).elements
                forms = [attributes for tag, attributes in elements if tag == "form"]
                self.assertEqual(forms, [{"method": "post", "action": action}])
                [state] = [attributes["data-state"] for _, attributes in elements if "data-state" in attributes]
                self.assertEqual(state, state_of(visitor))

    def test_live(self) -> None:
        """
        Its script keeps it true.
        """
        elements = Outline(front_page(None, issuer="http://op.test")).elements
        self.assertIn(("script", {"src": "/other.js", "defer": "defer"}), elements)

    def test_failed(self) -> None:
        """
        A sign-in that led nowhere is explained, as text.
        """
        page = failed_page("<b>")
        self.assertIn(b"You are not signed in: &lt;b&gt;.", page)
        Outline(page)
