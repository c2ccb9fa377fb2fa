"""
Tests for `pomerium_tx.dashboard.clear_cache`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.logout.site_data import ClearingImages
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.store import Cause
from tests.doubles.channel import ask
from tests.logout.user_agent import UserAgent
from tests.logout.world import R2, R, World

CROSS_SITE_IMAGE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}


def cache_of_app(origin: str) -> frozenset[str]:
    """
    One host asks for its cache to be cleared, and for more.
    """
    return frozenset({"cache", "cookies"}) if origin == R else frozenset()


class ClearCacheTests(SynchronousTestCase):
    """
    ``/.pomerium/clear_cache``.
    """

    def setUp(self) -> None:
        self.world = World(site_data=cache_of_app)
        self.addCleanup(self.world.stop)
        self.alice = UserAgent(self.world)
        self.images = ClearingImages(
            registry=self.world.registry,
            url_signer=self.world.url_signer,
            site_data=cache_of_app,
            clock=self.world.clock,
        )

    def url(self) -> str:
        """
        That of a fresh image.
        """
        receipt = Receipt(id="r", time=self.world.clock.seconds(), cause=Cause.USER_ROUTE, routes=(R,))
        [url] = self.images.urls(receipt)
        return url

    def test_image(self) -> None:
        """
        Without any cookie, and from a page of another site, it is an image that clears the cache and nothing else, and
        is itself kept by nobody.
        """
        answer = self.alice.get(self.url(), CROSS_SITE_IMAGE)
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.header("clear-site-data"), '"cache"')
        self.assertEqual(answer.header("content-type"), "image/gif")
        self.assertEqual(answer.header("cache-control"), "no-store")
        self.assertEqual(answer.header("cross-origin-resource-policy"), "cross-origin")
        self.assertEqual(answer.headers("set-cookie"), [])

    def test_is_a_picture(self) -> None:
        """
        It is one pixel, whole from its signature to its trailer.
        """
        body = self.alice.get(self.url(), CROSS_SITE_IMAGE).body
        self.assertEqual((body[:6], body[6:10], body[-1:]), (b"GIF89a", b"\x01\x00\x01\x00", b";"))

    def test_nothing_there(self) -> None:
        """
        Used, expired, for another host or never signed: there is nothing, and nothing is cleared.
        """
        used = self.url()
        self.assertEqual(self.alice.get(used, CROSS_SITE_IMAGE).status, 200)
        fresh = self.url()
        for url in (
            used,
            f"{R}/.pomerium/clear_cache",
            f"{R}/.pomerium/clear_cache?image=x",
            fresh + "x",
            fresh.replace(R, R2),
            self.world.url_signer.sign(f"{R2}/.pomerium/clear_cache?image=x", self.world.clock.seconds()),
        ):
            with self.subTest(url):
                answer = self.alice.get(url, CROSS_SITE_IMAGE)
                self.assertEqual((answer.status, answer.header("clear-site-data")), (404, None))
        self.world.clock.advance(700.0)
        self.assertEqual(self.alice.get(fresh, CROSS_SITE_IMAGE).status, 404)

    def test_only_read(self) -> None:
        """
        Only asking for it uses it up.
        """
        url = self.url()
        for method in ("HEAD", "POST", "PUT"):
            with self.subTest(method):
                answer = ask(self.world.routes, url[len(R) :], method=method, origin=R)
                self.assertEqual((answer.status, answer.header("clear-site-data")), (405, None))
        self.assertEqual(self.alice.get(url, CROSS_SITE_IMAGE).status, 200)

    def test_store_unavailable(self) -> None:
        """
        Where it cannot be recorded that it was used, it is not given.
        """
        url = self.url()
        self.world.store.break_down()
        answer = self.alice.get(url, CROSS_SITE_IMAGE)
        self.assertEqual((answer.status, answer.header("clear-site-data")), (503, None))
