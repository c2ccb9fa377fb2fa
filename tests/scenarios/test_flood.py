"""
What anybody can have remembered runs full: nobody else is kept from anything by it.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

from pomerium_tx.sessions.book import Book
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, OP


class FloodTests(TrafficTestCase):
    """
    A house that remembers few used values of a kind, and somebody who uses up as many as they like.
    """

    def setUp(self) -> None:
        super().setUp()
        self.patch(self.house.registry._ledger._uses, "_limit", 5)

    def use_up_states(self) -> None:
        """
        Have more sign-ins come to nothing than are remembered; each of them is taken up all the same.
        """
        anonymous = self.browser(address="203.0.113.9")
        statuses = []
        for _ in range(8):
            there = anonymous.once("GET", AUTHENTICATE + "/.pomerium/").get("Location") or ""
            state = parse_qs(urlsplit(there).query)["state"][0]
            answer = urlencode({"code": "x", "state": state, "iss": OP})
            page = anonymous.once("GET", f"{AUTHENTICATE}/oauth2/callback?{answer}")
            statuses.append("finished already" in page.text)
        self.assertEqual(statuses, [False] * 8)

    def test_sign_ins(self) -> None:
        """
        Whoever is signed in is refreshed, reaches other applications, signs out, and has their tokens revoked; whoever
        is not signs in, by each state once.
        """
        alice = self.browser()
        self.sign_in(alice)
        self.use_up_states()
        bob = self.browser()
        self.assertEqual(self.sign_in(bob, person="bob").url, APP + "/")
        asked = len(self.provider.refreshes)
        self.advance(3600.0, step=10.0)
        self.assertGreater(len(self.provider.refreshes), asked)
        self.assertEqual(alice.get(CHAT + "/").url, CHAT + "/")
        self.assertIn("signed out everywhere", self.sign_out(alice, follow=True).text)
        self.advance(2.0)
        self.assertEqual([one.parameter("token_type_hint") for one in self.provider.revocations][:1], ["refresh_token"])

    def test_sign_outs(self) -> None:
        """
        However many come back from the OP after a sign-out, others sign in, and are signed out all the same.
        """
        self.house.registry._ledger._uses._books["post-logout"] = Book(1)
        for person in ("bob", "alice", "bob"):
            browser = self.browser()
            page = self.sign_in(browser, person=person)
            self.assertEqual((page.status, page.url), (200, APP + "/"))
            self.sign_out(browser, follow=True)
            self.assertEqual(self.house.registry.count, 0)
