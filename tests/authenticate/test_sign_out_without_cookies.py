"""
Tests for `pomerium_tx.authenticate.sign_out`: on from a host that has all cookies of the site forgotten.

``Clear-Site-Data: "cookies"`` is about the registrable domain, so the authenticate host's own cookies go too.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.logout.user_agent import UserAgent
from tests.logout.world import FROM_ANOTHER_SITE, FROM_OWN_PAGE, NAVIGATION, R2, R, World

FROM_SIBLING = {**NAVIGATION, "Sec-Fetch-Site": "same-site"}


class ForgottenTests(SynchronousTestCase):
    """
    A browser that comes without cookies.
    """

    def setUp(self) -> None:
        self.world = World(site_data=lambda origin: {"cookies"} if origin == R else ())
        self.addCleanup(self.world.stop)
        self.alice = UserAgent(self.world)

    def sign_out(self, origin: str = R) -> str:
        """
        Sign out at a route host, and do as its answer says: where it leads.
        """
        self.alice.sign_in(origin + "/")
        answer = self.alice.get(origin + "/.pomerium/sign_out", FROM_OWN_PAGE)
        if answer.header("clear-site-data"):
            self.alice.jar.clear()
        return answer.header("location") or ""

    def goes_on(self, url: str, headers: dict[str, str] | None = None, user_agent: UserAgent | None = None) -> bool:
        """
        Whether the person is sent to the OP.
        """
        answer = (user_agent or self.alice).get(url, headers or FROM_SIBLING)
        return (answer.header("location") or "").startswith(self.world.op.issuer)

    def test_on_to_the_provider(self) -> None:
        """
        The sign-out goes on as always: to the OP, back, and it holds.
        """
        there = self.sign_out()
        answer = self.alice.get(there, FROM_SIBLING)
        back = self.alice.sign_out_at_provider(answer.header("location") or "")
        held = self.alice.open(R + "/")
        self.assertEqual((held.status, held.header("location")), (200, None))
        page = self.alice.get(back or "")
        self.assertIn("You are signed out everywhere", page.text)
        self.assertIn(self.world.receipts[0].id, page.text)

    def test_repeated(self) -> None:
        """
        The same browser may repeat it: it has its hold by then.
        """
        there = self.sign_out()
        self.assertTrue(self.goes_on(there))
        self.assertTrue(self.goes_on(there))

    def test_address_bar(self) -> None:
        """
        It goes on for a person who typed the address as well.
        """
        self.assertTrue(self.goes_on(self.sign_out(), NAVIGATION))

    def test_nobody_else(self) -> None:
        """
        It leads nobody on who comes from another site, as an image, with any cookie, without a word where from, or
        second.
        """
        there = self.sign_out()
        for headers in (
            FROM_ANOTHER_SITE,
            {**FROM_SIBLING, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
            {"Referer": R + "/"},
            {"Accept": "*/*"},
        ):
            with self.subTest(headers=headers):
                self.assertFalse(self.goes_on(there, headers, UserAgent(self.world, "bob")))
        bob = UserAgent(self.world, "bob")
        bob.jar["authenticate.example.com"] = {("other", "/"): "1"}
        self.assertFalse(self.goes_on(there, user_agent=bob))
        self.assertTrue(self.goes_on(there))
        self.assertFalse(self.goes_on(there, user_agent=UserAgent(self.world, "bob")))

    def test_only_where_cookies_are_forgotten(self) -> None:
        """
        A host that has no cookies forgotten leads nobody on who has none.
        """
        there = self.sign_out(R2)
        self.assertFalse(self.goes_on(there, user_agent=UserAgent(self.world, "bob")))
        self.assertFalse(self.goes_on(there + "&pomerium_cleared=1", user_agent=UserAgent(self.world, "bob")))
        self.assertTrue(self.goes_on(there))

    def test_store_unavailable(self) -> None:
        """
        Where it cannot be recorded who was first, nobody is led on, and it may be tried again.
        """
        there = self.sign_out()
        self.world.store.break_down()
        self.assertFalse(self.goes_on(there))
        self.world.store.failure = None
        self.assertTrue(self.goes_on(there))
