"""
``cookie_same_site: strict``: a browser withholds such cookies as long as another site has brought a request about.
"""

from __future__ import annotations

import html
import re
from urllib.parse import urlsplit

from tests.scenarios.browser import Browser, Response
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT

_REFRESH = re.compile(r'<meta(?=[^>]* http-equiv="refresh")[^>]* content="0; url=([^"]*)"')


class StrictBrowser:
    """
    Makes a browser keep Strict cookies to itself while it is on another site's errand, from the first redirect to the
    last.
    """

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.on_errand = False
        self.strict: set[tuple[str, str]] = set()
        self._keep, self._cookies = browser.keep, browser.cookies
        browser.keep, browser.cookies = self.keep, self.cookies  # type: ignore[method-assign]

    def keep(self, url: str, set_cookie: str) -> None:
        """
        Do what a Set-Cookie field says, and note what it says of sites.
        """
        self._keep(url, set_cookie)
        key = (urlsplit(url).hostname or "", set_cookie.partition("=")[0])
        if "samesite=strict" in set_cookie.lower():
            self.strict.add(key)
        else:
            self.strict.discard(key)

    def cookies(self, url: str) -> str:
        """
        The Cookie field for a URL.
        """
        host = urlsplit(url).hostname or ""
        pairs = self._cookies(url).split("; ")
        return "; ".join(
            pair for pair in pairs if not (self.on_errand and (host, pair.partition("=")[0]) in self.strict)
        )

    def refreshed(self, page: Response) -> Response:
        """
        Where a page goes on to by itself: that is its own errand.
        """
        found = _REFRESH.search(page.text)
        assert found is not None, page.text
        self.on_errand = False
        return self.browser.get(html.unescape(found[1]), site="same-origin")


class StrictTests(TrafficTestCase):
    """
    An OP of another site.
    """

    settings = {"cookie_same_site": "strict"}

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.browser()
        self.strict = StrictBrowser(self.alice)

    def arrive(self, url: str) -> Response:
        """
        Sign in where the OP asks, and follow what leads on.
        """
        page = self.alice.get(url)
        self.strict.on_errand = True
        page = self.alice.click(page, "Sign in as Alice")
        self.assertEqual((page.status, page.get("Location")), (200, None))
        return self.strict.refreshed(page)

    def test_signs_in_once(self) -> None:
        """
        One sign-in at the OP leads to the application, and one more redirect to the next one.
        """
        page = self.arrive(APP + "/x?a=1&b=%20;'")
        self.assertEqual((page.status, page.url), (200, APP + "/x?a=1&b=%20;'"))
        self.assertEqual((len(self.provider.code_exchanges), self.house.registry.count), (1, 1))
        page = self.strict.refreshed(self.alice.get(CHAT + "/"))
        self.assertEqual((page.status, page.url), (200, CHAT + "/"))
        self.assertEqual((len(self.provider.code_exchanges), self.receipts()), (1, []))
        self.assertIn(("app.example.com", "_pomerium"), self.strict.strict)

    def test_link_from_another_site(self) -> None:
        """
        A link on another site leads to the application without a second sign-in.
        """
        self.arrive(APP + "/")
        self.strict.on_errand = True
        page = self.strict.refreshed(self.alice.get(APP + "/mail", site="cross-site"))
        self.assertEqual((page.status, page.url), (200, APP + "/mail"))
        self.assertEqual((len(self.provider.code_exchanges), self.receipts()), (1, []))

    def test_page_in_between(self) -> None:
        """
        The page in between has a plain link as well, runs no script, and tells nobody its own URL.
        """
        page = self.alice.get(APP + "/?q=\"><script>'")
        self.strict.on_errand = True
        page = self.alice.click(page, "Sign in as Alice")
        self.assertTrue(page.url.startswith(APP + "/.pomerium/callback/"))
        self.assertEqual(page.get("Referrer-Policy"), "no-referrer")
        self.assertNotIn("<script", page.text)
        self.assertNotIn("script-src", page.get("Content-Security-Policy") or "")
        found = re.search(r'<a href="([^"]*)"', page.text)
        refresh = _REFRESH.search(page.text)
        assert found is not None and refresh is not None
        self.assertEqual(found[1], refresh[1])

    def test_sign_out(self) -> None:
        """
        Signing out ends the session and comes back from the OP to the truth.
        """
        self.provider.always_confirm_logout = True
        self.arrive(APP + "/")
        waiting = self.sign_out(self.alice, follow=True)
        self.strict.on_errand = True
        page = self.alice.click(waiting, "Sign out")
        self.assertTrue(page.url.startswith(AUTHENTICATE + "/.pomerium/signed_out"))
        self.assertIn("signed out everywhere", page.text)
        self.assertEqual(self.house.registry.count, 0)
