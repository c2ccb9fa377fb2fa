"""
A stolen cookie of a route host: it may be made to end its session, and gets nothing else.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from tests.scenarios.browser import Browser, Response
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, OP

SIGN_OUT = "/.pomerium/sign_out"
SIGNED_OUT = AUTHENTICATE + "/.pomerium/signed_out"
FROM_ELSEWHERE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


class StolenHandleTests(TrafficTestCase):
    """
    Alice, whose OP waits for her click, and a thief elsewhere.
    """

    def setUp(self) -> None:
        super().setUp()
        self.provider.always_confirm_logout = True
        self.alice = self.both()
        [self.session] = self.house.registry.sessions()
        self.handle = self.handle_of(self.alice, APP)

    def confirmed(self, browser: Browser, handle: str) -> Response:
        """
        What the button answers that a route host leads to whoever presents a handle.
        """
        asking = browser.once("GET", APP + SIGN_OUT, {**FROM_ELSEWHERE, "Cookie": f"_pomerium={handle}"})
        action, fields = browser.get(asking.get("Location") or "", site="cross-site").form(0, "Sign out")
        return browser.post(action, fields, follow=False)

    def assert_worth_nothing(self, left: Response) -> None:
        """
        The answer leads to no OP, and alice is held and told no lie.
        """
        self.assertEqual((left.status, left.get("Location")), (303, SIGNED_OUT))
        self.assertEqual(self.house.registry.count, 0)
        self.assertNotIn("everywhere", self.alice.get(SIGNED_OUT).text)
        self.assertIn("You signed out at", self.alice.get(CHAT + "/").text)

    def test_live(self) -> None:
        """
        While she is signed in.
        """
        thief = self.browser(address="203.0.113.66")
        self.assert_worth_nothing(self.confirmed(thief, self.handle))
        self.assertIn("You signed out at", thief.get(CHAT + "/").text)

    def test_dead(self) -> None:
        """
        When she is at her OP, signing out there.
        """
        at_op = self.sign_out(self.alice, CHAT, follow=True)
        self.assertEqual(urlsplit(at_op.url).netloc, urlsplit(OP).netloc)
        self.assert_worth_nothing(self.confirmed(self.browser(address="203.0.113.66"), self.handle))
        self.assertIn("signed out everywhere", self.alice.click(at_op, "Sign out").text)

    def test_the_other_way_round(self) -> None:
        """
        Mallory's confirmation, in a browser that is nobody's or alice's, leads to no OP as mallory.
        """
        mallory = self.both("bob")
        handle = self.handle_of(mallory, APP)
        self.sign_out(mallory)
        left = self.confirmed(self.browser(), handle)
        self.assertEqual(left.get("Location"), SIGNED_OUT)
        left = self.confirmed(self.alice, handle)
        self.assertIn(self.session.tokens.id_token, left.get("Location") or "")
