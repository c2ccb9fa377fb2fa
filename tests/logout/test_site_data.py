"""
Tests for `pomerium_tx.logout.site_data`.
"""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.logout.site_data import MAX_IMAGES, ClearingImages, clear_site_data, origins_of
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.store import Cause, StoreUnavailable
from pomerium_tx.web.signed_url import UrlSigner
from tests.logout.world import R2, A, R, World, query_of


def image_of(url: str) -> str:
    """
    Which image a URL stands for.
    """
    return query_of(url)["image"]


ASKED = {R: {"cache", "storage"}, R2: {"storage"}}


class FieldTests(SynchronousTestCase):
    """
    ``Clear-Site-Data``.
    """

    def test_kinds(self) -> None:
        """
        Only what was chosen is asked for, quoted and in one field; nothing is no field.
        """
        for kinds, value in (
            ({"cache"}, '"cache"'),
            ({"storage", "cookies", "cache"}, '"cache", "cookies", "storage"'),
            (("storage", "cookies"), '"cookies", "storage"'),
            ({"cache", "*", "executionContexts"}, '"cache"'),
        ):
            with self.subTest(kinds):
                self.assertEqual(clear_site_data(kinds), (("Clear-Site-Data", value),))
        self.assertEqual(clear_site_data(()), ())
        self.assertEqual(clear_site_data(()), ())


class ImageTests(SynchronousTestCase):
    """
    The images that clear caches.
    """

    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        self.asked = {origin: set(kinds) for origin, kinds in ASKED.items()}
        self.images = ClearingImages(
            registry=self.world.registry,
            url_signer=self.world.url_signer,
            site_data=lambda origin: self.asked.get(origin, ()),
            clock=self.world.clock,
        )
        self.receipt = Receipt(
            id="receipt",
            time=self.world.clock.seconds(),
            cause=Cause.USER_ROUTE,
            routes=(R, R2, R, "https://gone.test"),
        )

    def use(self, url: str, origin: str = R) -> bool:
        """
        Whether the image at *url* is given.
        """
        return self.successResultOf(Deferred.fromCoroutine(self.images.use(origin, url)))

    def test_which(self) -> None:
        """
        One for each host that the session was used on and that asks for it, and for no other.
        """
        [url] = self.images.urls(self.receipt)
        self.assertEqual(origins_of([url]), (R,))
        self.asked[R2].add("cache")
        urls = self.images.urls(self.receipt)
        self.assertEqual(origins_of(urls), (R, R2))
        self.assertEqual(self.images.urls(replace(self.receipt, routes=())), ())

    def test_nothing_of_the_end_in_the_url(self) -> None:
        """
        An application that sees the URL learns nothing from it, not even which receipt it belongs to; nor is it the
        same image at another host.
        """
        self.asked[R2].add("cache")
        first, second = self.images.urls(self.receipt)
        self.assertNotIn("receipt", first + second)
        self.assertNotEqual(image_of(first), image_of(second))

    def test_once(self) -> None:
        """
        Of one end there is one image for a host, good for one use, however often its page is loaded, in whatever
        process; that of another end is another use.
        """
        [url] = self.images.urls(self.receipt)
        self.assertEqual([self.use(url), self.use(url)], [True, False])
        self.world.clock.advance(200.0)
        [again] = self.images.urls(self.receipt)
        self.assertNotEqual(again, url)
        self.assertEqual(image_of(again), image_of(url))
        self.assertFalse(self.use(again))
        [another] = self.images.urls(replace(self.receipt, id="another"))
        self.assertTrue(self.use(another))

    def test_nobody_else_can_tell(self) -> None:
        """
        Who knows the receipt's id, which is shown, does not know the image.
        """
        others = ClearingImages(
            registry=self.world.registry,
            url_signer=UrlSigner(b"another secret"),
            site_data=lambda origin: self.asked.get(origin, ()),
            clock=self.world.clock,
        )
        [url], [theirs] = self.images.urls(self.receipt), others.urls(self.receipt)
        self.assertNotEqual(image_of(url), image_of(theirs))

    def test_used_for_as_long_as_it_is_good(self) -> None:
        """
        No time passes in which a used one would be good again, by whatever URL the page has shown of it.
        """
        urls = self.images.urls(self.receipt)
        self.assertTrue(self.use(urls[0]))
        for _ in range(20):
            self.world.clock.advance(59.9)
            urls += self.images.urls(self.receipt)
            self.assertEqual([self.use(url) for url in urls], [False] * len(urls))
        self.assertEqual(len(urls), 11)

    def test_not_ours(self) -> None:
        """
        What we did not sign, not for this, or not just now, is not one of them.
        """
        [url] = self.images.urls(self.receipt)
        sign, now = self.world.url_signer.sign, self.world.clock.seconds()
        for wrong in (
            f"{R}/.pomerium/clear_cache",
            f"{R}/.pomerium/clear_cache?image=abc",
            url.replace("image=", "image=x"),
            url.replace(R, R2),
            url + "&image=x",
            url[:-3],
            sign(f"{R}/.pomerium/clear_cache", now),
            sign(f"{R}/.pomerium/clear_cache?image=a&image=b", now),
            sign(f"{R}/.pomerium/clear_cache?other=a", now),
        ):
            with self.subTest(wrong):
                self.assertFalse(self.use(wrong))
        self.assertTrue(self.use(url))

    def test_expired(self) -> None:
        """
        One that nobody has asked for in minutes is not given any more.
        """
        [url] = self.images.urls(self.receipt)
        self.world.clock.advance(400.0)
        self.assertFalse(self.use(url))

    def test_host_that_asks_no_more(self) -> None:
        """
        What a reload has switched off is off, for images that are already on a page too.
        """
        [url] = self.images.urls(self.receipt)
        self.asked[R].discard("cache")
        self.assertFalse(self.use(url))

    def test_soon_after(self) -> None:
        """
        Ten minutes after the sign-out nothing is cleared any more, however often its page is shown.
        """
        self.world.clock.advance(599.0)
        self.assertEqual(len(self.images.urls(self.receipt)), 1)
        self.world.clock.advance(1.0)
        self.assertEqual(self.images.urls(self.receipt), ())

    def test_many(self) -> None:
        """
        A session that was used everywhere makes no page that no browser would take.
        """
        origins = tuple(f"https://h{number}.test" for number in range(MAX_IMAGES + 50))
        self.asked = {origin: {"cache"} for origin in origins}
        self.assertEqual(origins_of(self.images.urls(replace(self.receipt, routes=origins))), origins[:MAX_IMAGES])

    def test_not_recorded(self) -> None:
        """
        A use that cannot be recorded is none, and may be tried again.
        """
        [url] = self.images.urls(self.receipt)
        self.world.store.break_down()
        self.failureResultOf(Deferred.fromCoroutine(self.images.use(R, url)), StoreUnavailable)
        self.world.store.failure = None
        self.assertTrue(self.use(url))

    def test_origins(self) -> None:
        """
        Each origin is named once, with its port.
        """
        urls = (f"{A}/a?x", "https://a.test:8443/b", f"{A}/c")
        self.assertEqual(origins_of(urls), (A, "https://a.test:8443"))
