"""
What a browser tells others of the pages that it comes from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from pomerium_tx import paths
from tests.scenarios.browser import Browser, Response
from tests.scenarios.program import Program
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, DENIED, OP, OPEN

KEPT = ("same-origin", "no-referrer")
"""
The policies by which no other origin learns a URL (Referrer Policy, section 3).
"""


class ReferrerTests(TrafficTestCase):
    """
    Every answer of ours in the life of a browser.
    """

    def setUp(self) -> None:
        super().setUp()
        self.answers: list[tuple[str, Response]] = []

    def browser(self, house: str = "proxy", address: str = "192.0.2.1") -> Browser:
        """
        A browser of which every answer is kept that is ours.
        """
        browser = super().browser(house, address)
        once = browser.once

        def kept(method: str, url: str, fields: Mapping[str, str] | None = None, content: bytes = b"") -> Response:
            answer = once(method, url, fields, content)
            if not url.startswith(OP) and answer.content != b"ok":
                self.answers.append((url, answer))
            return answer

        browser.once = kept  # type: ignore[method-assign] # this test's double
        return browser

    def live(self) -> None:
        """
        Sign in, be refused, sign out by several ways, and all that goes wrong on the way.
        """
        alice = self.both()
        for url in (
            APP + "/.pomerium/",
            APP + "/.pomerium/routes",
            AUTHENTICATE + "/.pomerium/",
            DENIED + "/",
            OPEN + "/.pomerium/",
            "https://nobody.example.com/",
            f"{AUTHENTICATE}{paths.PROVIDER_CALLBACK}?code=a&state=b",
            f"{AUTHENTICATE}{paths.SIGN_IN}?pomerium_redirect_uri={APP}/",
            f"{APP}{paths.ROUTE_CALLBACK}?pomerium_session_encrypted=x",
        ):
            alice.get(url)
        Program(self).sign_in(alice)
        alice.get(APP + paths.SIGN_OUT, site="cross-site")
        alice.click(alice.get(AUTHENTICATE + paths.SIGN_OUT))
        self.sign_out(self.both(), follow=True)
        held = self.both()
        self.sign_out(held)
        held.click(held.get(CHAT + "/"))

    def test_every_page(self) -> None:
        """
        No other site learns the URL of any page of ours, nor of a redirect; what is in them is not loaded from others.
        """
        self.live()
        seen = set()
        for url, answer in self.answers:
            with self.subTest(url=urlsplit(url)._replace(query="").geturl(), status=answer.status):
                self.assertIn(answer.get("Referrer-Policy"), KEPT)
                policy = answer.get("Content-Security-Policy") or ""
                self.assertTrue(policy.startswith("default-src 'none'"), policy)
                for loaded in re.findall(r'(?:src|data|srcset|poster)="([^"]*)"', answer.text):
                    self.assertFalse(urlsplit(loaded).netloc, loaded)
            seen.add((answer.status, urlsplit(url).path))
        self.assertGreater(len(seen), 15)
