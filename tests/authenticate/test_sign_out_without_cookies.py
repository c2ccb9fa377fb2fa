"""
Tests for `pomerium_tx.authenticate.sign_out`: on from a host that has all cookies of the site forgotten.

``Clear-Site-Data: "cookies"`` is about the registrable domain, so the authenticate host's own cookies go too.
"""

from __future__ import annotations

from copy import deepcopy

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.store import OpLogout
from tests.logout.user_agent import UserAgent
from tests.logout.world import FROM_ANOTHER_SITE, FROM_OWN_PAGE, NAVIGATION, R2, A, R, World, query_of

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
        The sign-out goes on to the OP, and back to the page, and it holds; the OP is not told whose session it was.
        """
        there = self.sign_out()
        location = self.alice.get(there, FROM_SIBLING).header("location") or ""
        query = query_of(location)
        self.assertEqual(set(query), {"client_id", "post_logout_redirect_uri", "state"})
        held = self.alice.open(R + "/")
        self.assertEqual((held.status, held.header("location")), (200, None))
        page = self.alice.get(f"{query['post_logout_redirect_uri']}?state={query['state']}", FROM_ANOTHER_SITE)
        self.assertIn("did not confirm", page.text)
        self.assertIn(self.world.receipts[0].id, page.text)

    def test_provider_that_needs_a_hint(self) -> None:
        """
        An OP that knows no way back without a hint is asked for none.
        """
        self.world.stop()
        self.world = World(site_data=lambda origin: {"cookies"}, settings={"end_session_needs_hint": True})
        self.addCleanup(self.world.stop)
        self.alice = UserAgent(self.world)
        location = self.alice.get(self.sign_out(), FROM_SIBLING).header("location") or ""
        self.assertEqual(set(query_of(location)), {"client_id"})

    def test_return_releases_nothing(self) -> None:
        """
        Whoever comes back in its place, with the `state` they were given or with the right one, ends no hold, has no
        token revoked and sees no image: that they were there first proves nothing.
        """
        self.world.stop()
        self.world = World(site_data=lambda origin: {"cookies", "cache"})
        self.addCleanup(self.world.stop)
        self.alice = UserAgent(self.world)
        session = self.alice.sign_in()
        self.successResultOf(Deferred.fromCoroutine(self.world.registry.use_route(session.id, "app", R)))
        jar = deepcopy(self.alice.jar)
        there = self.alice.get(R + "/.pomerium/sign_out", FROM_OWN_PAGE).header("location") or ""
        departure = self.world.registry.departure(query_of(there)["pomerium_ended"])
        assert departure is not None
        thief = UserAgent(self.world, "bob")
        location = thief.get(there, FROM_SIBLING).header("location") or ""
        self.assertNotIn(session.tokens.id_token, location)
        for state in (query_of(location)["state"], departure.legs[0].state):
            page = thief.get(f"{A}/.pomerium/signed_out?state={state}", FROM_ANOTHER_SITE)
            self.assertEqual(page.status, 200)
            self.assertNotIn("<img", page.text)
            self.assertNotIn(R, page.text)
        again = thief.get(there, FROM_SIBLING).header("location") or ""
        self.assertEqual(again, location)
        self.world.clock.advance(1.0)
        self.assertEqual(self.world.op.revocations, [])
        receipt = self.world.registry.receipt(self.world.receipts[0].id)
        assert receipt is not None
        self.assertIs(receipt.op_logout, OpLogout.PENDING)
        # Had she her cookies still, she would be held, and the way to her OP would be hers.
        self.alice.jar = jar
        self.assertIn("You signed out at", self.alice.open(R + "/").text)
        self.assertIn("id_token_hint=", self.alice.get(there).header("location") or "")

    def test_provider_confirms(self) -> None:
        """
        The OP's own word ends the hold all the same: it is about the sessions that have ended.
        """
        self.alice.get(self.sign_out(), FROM_SIBLING)
        self.assertEqual(self.alice.open(R + "/").status, 200)
        confirmed = self.world.registry.op_logout(self.world.receipts[0].id, OpLogout.CONFIRMED)
        self.successResultOf(Deferred.fromCoroutine(confirmed))
        self.assertEqual(self.alice.open(R + "/").status, 302)

    def test_repeated(self) -> None:
        """
        The same browser may repeat it, and gets no further by that: it has a hold by then, which proves as little.
        """
        there = self.sign_out()
        first, second = (self.alice.get(there, FROM_SIBLING).header("location") or "" for _ in range(2))
        self.assertTrue(first.startswith(self.world.op.issuer))
        self.assertEqual(first, second)

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

    def test_it_holds_all_the_same(self) -> None:
        """
        A browser that has lost its cookies by itself is signed out for its person: it learns of nobody's session, goes
        to no OP, and is not signed in again by itself. Whoever was sent there by another site is as before.
        """
        for headers, is_held in (
            (NAVIGATION, True),
            (FROM_SIBLING, True),
            ({**NAVIGATION, "Sec-Fetch-Site": "same-origin"}, True),
            ({}, True),
            (FROM_ANOTHER_SITE, False),
            ({**NAVIGATION, "Sec-Fetch-Site": "unheard-of"}, False),
            ({**FROM_SIBLING, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, False),
            ({**FROM_SIBLING, "Sec-Fetch-Dest": "iframe"}, False),
        ):
            with self.subTest(headers=headers):
                self.alice = UserAgent(self.world)
                there = self.sign_out(R2)
                receipt = self.world.receipts[-1]
                del self.alice.jar["authenticate.example.com"]
                answer = self.alice.get(there, headers)
                self.assertEqual((answer.status, answer.header("location")), (303, A + "/.pomerium/signed_out"))
                page = self.alice.get(A + "/.pomerium/signed_out", headers)
                for text in (str(answer.headers("set-cookie")), answer.text, page.text):
                    self.assertNotIn(receipt.id, text)
                self.assertIs("did not confirm" in page.text, is_held)
                # Only a click ends it: what the OP says is about somebody else's, for all that is known here.
                confirmed = self.world.registry.op_logout(receipt.id, OpLogout.CONFIRMED)
                self.successResultOf(Deferred.fromCoroutine(confirmed))
                self.assertIs("You signed out at" in self.alice.open(R2 + "/").text, is_held)

    def test_it_holds_only_by_a_live_reference(self) -> None:
        """
        A reference that stands for nothing any more holds nobody.
        """
        there = self.sign_out(R2)
        self.alice.jar.clear()
        self.world.clock.advance(601.0)
        self.assertEqual(self.alice.get(there, NAVIGATION).headers("set-cookie"), [])

    def test_store_unavailable(self) -> None:
        """
        Where it cannot be recorded who was first, nobody is led on, and it may be tried again.
        """
        there = self.sign_out()
        self.world.store.break_down()
        self.assertFalse(self.goes_on(there))
        self.world.store.failure = None
        self.assertTrue(self.goes_on(there))
