"""
Tests for `pomerium_tx.authenticate.signed_out`: the images that clear the caches of applications.
"""

from __future__ import annotations

import re
from html import unescape

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.session import Session
from tests.doubles.channel import Asked, ask
from tests.logout.user_agent import UserAgent
from tests.logout.world import FROM_OWN_PAGE, R2, A, R, World

SIGNED_OUT = A + "/.pomerium/signed_out"
SIGN_OUT = R + "/.pomerium/sign_out"
PLAIN = "img-src data:;"


def images_of(page: Asked) -> list[str]:
    """
    The URLs of a page's images.
    """
    return [unescape(url) for url in re.findall(r'<img [^>]*src="([^"]*)"', page.text)]


class ImageTests(SynchronousTestCase):
    """
    Images on the page that a sign-out ends at.
    """

    def setUp(self) -> None:
        self.asked = {R: {"cache"}, R2: {"cookies", "storage"}}
        self.world = World(site_data=lambda origin: self.asked.get(origin, ()))
        self.addCleanup(self.world.stop)
        self.alice = UserAgent(self.world)

    def sign_in(self, alice: UserAgent | None = None, *, used: tuple[str, ...] = (R, R2)) -> Session:
        """
        Sign in, and use applications.
        """
        session = (alice or self.alice).sign_in()
        for origin in used:
            self.successResultOf(
                Deferred.fromCoroutine(self.world.registry.use_route(session.id, f"route of {origin}", origin))
            )
        return session

    def back(self, alice: UserAgent | None = None) -> str:
        """
        Sign out, as far as the OP: where it then sends the person.
        """
        alice = alice or self.alice
        there = alice.get(SIGN_OUT, FROM_OWN_PAGE).header("location") or ""
        location = alice.get(there).header("location") or ""
        return alice.sign_out_at_provider(location) or ""

    def assert_plain(self, page: Asked) -> None:
        """
        The page has no image, nor may it have one.
        """
        self.assertEqual(page.status, 200)
        self.assertEqual(images_of(page), [])
        self.assertIn(PLAIN, page.header("content-security-policy") or "")
        self.assertNotIn(R, page.text)

    def test_back_from_the_provider(self) -> None:
        """
        The page has one image of each host that was used and asks for it, may have images of these hosts only, and
        loading one clears that host's cache.
        """
        self.sign_in()
        page = self.alice.get(self.back())
        [url] = images_of(page)
        self.assertTrue(url.startswith(R + "/.pomerium/clear_cache?"))
        self.assertIn(f"img-src data: {R};", page.header("content-security-policy") or "")
        self.assertIn('alt=""', page.text)
        self.assertNotIn(R2, page.text)
        image = self.alice.get(url)
        self.assertEqual((image.status, image.header("clear-site-data")), (200, '"cache"'))
        self.assertEqual(self.alice.get(url).status, 404)

    def test_several(self) -> None:
        """
        Every host that asks has its image.
        """
        self.asked[R2].add("cache")
        self.sign_in()
        page = self.alice.get(self.back())
        self.assertEqual([url.partition("/.pomerium")[0] for url in images_of(page)], [R, R2])
        self.assertIn(f"img-src data: {R} {R2};", page.header("content-security-policy") or "")

    def test_not_back(self) -> None:
        """
        They are there too for a person who has not come back by way of the OP, and when the page is loaded again.
        """
        self.sign_in()
        there = self.alice.get(SIGN_OUT, FROM_OWN_PAGE).header("location") or ""
        self.alice.get(there)
        [first], [second] = (images_of(self.alice.get(SIGNED_OUT)) for _ in range(2))
        self.assertEqual(self.alice.get(first).status, 200)
        # A page that is loaded again has the same image, which is used up.
        self.world.clock.advance(100.0)
        [third] = images_of(self.alice.get(SIGNED_OUT))
        self.assertEqual([self.alice.get(url).status for url in (second, third)], [404, 404])

    def test_what_was_not_used(self) -> None:
        """
        A host that the session was not used on is left alone.
        """
        self.sign_in(used=(R2,))
        self.assert_plain(self.alice.get(self.back()))

    def test_only_for_the_browser(self) -> None:
        """
        Nobody else sees where the person was: not another browser, not with the link that the OP sends back to.
        """
        self.sign_in()
        back = self.back()
        bob = UserAgent(self.world, "bob")
        self.assert_plain(bob.get(SIGNED_OUT))
        self.assert_plain(bob.get(back))
        self.sign_in(bob, used=())
        self.assert_plain(bob.get(back))
        self.assertEqual(len(images_of(self.alice.get(back))), 1)

    def test_before_a_is_reached(self) -> None:
        """
        A cookie that merely names the ended session is not enough.
        """
        self.sign_in()
        self.alice.get(SIGN_OUT, FROM_OWN_PAGE)
        page = self.alice.get(SIGNED_OUT)
        self.assertIn("did not confirm", page.text)
        self.assert_plain(page)

    def test_signed_in_again(self) -> None:
        """
        Nothing is cleared under a person who is signed in again, although the browser still have the hold.
        """
        self.sign_in()
        self.alice.get(self.back())
        hold = self.alice.cookie(A, "_pomerium_hold")
        assert hold is not None
        self.sign_in()
        self.alice.jar["authenticate.example.com"]["_pomerium_hold", "/"] = hold
        page = self.alice.get(SIGNED_OUT)
        self.assertIn("You are still signed in", page.text)
        self.assert_plain(page)

    def test_long_after(self) -> None:
        """
        The page remembers the sign-out for longer than it clears caches.
        """
        self.sign_in()
        self.assertEqual(len(images_of(self.alice.get(self.back()))), 1)
        self.world.clock.advance(601.0)
        page = self.alice.get(SIGNED_OUT)
        self.assertIn(self.world.receipts[0].id, page.text)
        self.assert_plain(page)

    def test_end_of_several_browsers(self) -> None:
        """
        Where one end was that of several browsers, neither person learns where the other was.
        """
        mallory = UserAgent(self.world, "bob")
        self.sign_in(used=(R,))
        self.sign_in(mallory, used=(R2,))
        self.asked[R2].add("cache")
        handles = [user_agent.cookie(R, "_pomerium") for user_agent in (self.alice, mallory)]
        cookies = f"_pomerium={handles[0]}; _pomerium={handles[1]}"
        fields = [*FROM_OWN_PAGE.items(), ("Cookie", cookies)]
        there = ask(self.world.routes, "/.pomerium/sign_out", headers=fields, origin=R).header("location") or ""
        for user_agent in (self.alice, mallory):
            user_agent.get(there)
            page = user_agent.get(SIGNED_OUT)
            self.assertIn("You are signed out", page.text)
            self.assert_plain(page)
