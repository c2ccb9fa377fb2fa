"""
``clear_site_data`` of a route: what a browser forgets of an application when its person signs out.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.scenarios.browser import Browser, Response
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, CONFIG, DENIED, OP, OPEN

FORGETS = {"app": ["cache", "storage"], "chat": ["cookies", "storage", "cache"], "open": ["storage"]}
SIGNED_OUT = AUTHENTICATE + "/.pomerium/signed_out"
OP_HOST = urlsplit(OP).hostname
ALONE = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
IMAGE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}


def images_of(page: Response) -> list[str]:
    """
    The URLs of a page's images.
    """
    return [unescape(url) for url in re.findall(r'<img [^>]*src="([^"]*)"', page.text)]


class ClearSiteDataTests(TrafficTestCase):
    """
    Applications that ask for much, for little, and for nothing.
    """

    settings: dict[str, Any] = {
        "routes": [{**route, "clear_site_data": FORGETS.get(route["name"], [])} for route in CONFIG["routes"]]
    }

    def setUp(self) -> None:
        super().setUp()
        self.provider.always_confirm_logout = True
        self.alice: Browser = self.both()

    def test_own_answer(self) -> None:
        """
        The sign-out of a host asks for what the routes of that host chose, by redirect and as JSON.
        """
        for origin, asked in (
            (APP, '"cache", "storage"'),
            (CHAT, '"cache", "cookies", "storage"'),
            (OPEN, '"storage"'),
            (DENIED, None),
        ):
            with self.subTest(origin):
                answer = self.sign_out(self.both(), origin)
                self.assertEqual((answer.status, answer.get("Clear-Site-Data")), (302, asked))
                answer = self.both().fetch(origin + "/.pomerium/sign_out", "POST")
                self.assertEqual((answer.status, answer.get("Clear-Site-Data")), (200, asked))

    def test_who_asks_first(self) -> None:
        """
        Another site cannot have this one's data forgotten: nothing is ended, and nothing cleared.
        """
        answer = self.alice.get(APP + "/.pomerium/sign_out", site="cross-site", follow=False)
        self.assertIsNone(answer.get("Clear-Site-Data"))
        page = self.alice.get(APP + "/.pomerium/sign_out", site="cross-site")
        page = self.alice.click(page, "Sign out")
        self.assertTrue(page.url.startswith(OP))
        self.assertEqual(self.house.registry.count, 0)

    def test_images(self) -> None:
        """
        The page that a sign-out ends at clears the cache of every application that was used and asks for it, once.
        """
        page = self.alice.click(self.sign_out(self.alice, follow=True), "Sign out")
        self.assertIn("You are signed out everywhere", page.text)
        urls = images_of(page)
        self.assertEqual({url.partition("/.pomerium/")[0] for url in urls}, {APP, CHAT})
        policy = page.get("Content-Security-Policy") or ""
        (sources,) = re.findall(r"img-src ([^;]*)", policy)
        self.assertEqual(set(sources.split()), {"data:", APP, CHAT})
        for url in urls:
            image = self.browser().once("GET", url, IMAGE)
            self.assertEqual((image.status, image.get("Clear-Site-Data")), (200, '"cache"'))
            self.assertEqual((image.get("Content-Type"), image.get("Cache-Control")), ("image/gif", "no-store"))
            self.assertEqual(image.get("Cross-Origin-Resource-Policy"), "cross-origin")
            again = self.browser().once("GET", url, IMAGE)
            self.assertEqual((again.status, again.get("Clear-Site-Data")), (404, None))

    def test_image_in_another_process(self) -> None:
        """
        An image that one process has given is used up in every other.
        """
        self.build_house("other")
        page = self.alice.click(self.sign_out(self.alice, follow=True), "Sign out")
        url = images_of(page)[0]
        self.assertEqual(self.browser("other").once("GET", url, IMAGE).status, 200)
        self.assertEqual(self.browser().once("GET", url, IMAGE).status, 404)

    def test_nobody_else(self) -> None:
        """
        Whoever has not signed out here sees no image, also with the link that the OP sends back to.
        """
        page = self.alice.click(self.sign_out(self.alice, follow=True), "Sign out")
        for url in (SIGNED_OUT, page.url):
            with self.subTest(url):
                other = self.browser(address="198.51.100.7").get(url)
                self.assertEqual((other.status, images_of(other)), (200, []))
                self.assertNotIn(APP, other.get("Content-Security-Policy") or "")

    def test_no_session_needed(self) -> None:
        """
        A host that nobody is signed in at has nothing at the image's address, whoever asks.
        """
        for origin in (APP, CHAT, OPEN, DENIED):
            for browser in (self.alice, self.browser()):
                with self.subTest(origin):
                    answer = browser.once("GET", origin + "/.pomerium/clear_cache?image=x", IMAGE)
                    self.assertEqual((answer.status, answer.get("Clear-Site-Data")), (404, None))

    def test_cookies(self) -> None:
        """
        Where the cookies of the whole site are forgotten, ours among them, the sign-out goes on all the same: to the
        OP, which is elsewhere, and it holds.
        """
        answer = self.sign_out(self.alice, CHAT)
        self.alice.jar = {key: cookie for key, cookie in self.alice.jar.items() if cookie.domain == OP_HOST}
        page = self.alice.get(answer.get("Location") or "", site="same-site")
        self.assertTrue(page.url.startswith(OP + "/end-session"), page.url)
        held = self.alice.get(APP + "/")
        self.assertIn("You signed out at", held.text)
        self.assertEqual(self.house.registry.count, 0)

    def test_whoever_is_first(self) -> None:
        """
        Whoever gets hold of the redirect, and goes where it leads without any cookie before alice does, gets nothing of
        hers by it: no ID Token, no image of where she was, and no way to end her hold or to have it said that she is
        signed out everywhere.
        """
        [session] = self.house.registry.sessions()
        url = self.sign_out(self.alice, CHAT).get("Location") or ""
        thief = self.browser(address="203.0.113.66")
        location = thief.once("GET", url, ALONE).get("Location") or ""
        self.assertTrue(location.startswith(OP + "/end-session?"), location)
        self.assertNotIn(session.tokens.id_token, location)
        state = parse_qs(urlsplit(location).query)["state"][0]
        page = thief.once("GET", f"{SIGNED_OUT}?state={state}", ALONE)
        self.assertEqual(images_of(page), [])
        self.assertNotIn(APP, page.text)
        self.assertNotIn("everywhere", self.alice.get(SIGNED_OUT).text)
        self.assertIn("You signed out at", self.alice.get(APP + "/").text)
        self.assertEqual(self.receipts()[0]["op_logout"], "pending")


class WayOutTests(TrafficTestCase):
    """
    The page of an application that is not for a person who is signed in.
    """

    def test_link(self) -> None:
        """
        It has a link that signs out, on its own host.
        """
        alice = self.browser()
        page = self.sign_in(alice, DENIED + "/")
        self.assertEqual(page.status, 403)
        self.assertIn('href="/.pomerium/sign_out"', page.text)
        self.sign_out(alice, DENIED)
        self.assertEqual(self.house.registry.count, 0)
