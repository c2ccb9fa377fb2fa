"""
What the browser still shows when somebody has signed out: other tabs, and the pages behind the Back button.
"""

from __future__ import annotations

import time
from typing import Any

from playwright.sync_api import Page

from tests.interop import case, secure
from tests.interop.browsers import wait_until

CACHING: dict[str, dict[str, Any]] = {
    "plain": {},
    "no-store": {"caching": "no_store"},
    "cleared": {"clear_site_data": ["cache"]},
}


class AfterSignOutCase(secure.SecureDeploymentCase, case.SharingCase):
    """
    Routes with the same application and each its own caching.
    """

    def start(self) -> None:
        """
        Everything is running, and alice has a browser whose back/forward cache is on.
        """
        self.deploy_securely(
            more_routes=[
                {"from": self.route(name), "allowed_domains": ["example.com"], **settings}
                for name, settings in CACHING.items()
            ]
        )

    def route(self, name: str) -> str:
        """
        The origin of such a route.
        """
        return f"https://{name}.corp.test"

    def sign_out(self, page: Page) -> None:
        """
        By a click, and at the provider too.
        """
        page.evaluate(
            "() => { document.body.insertAdjacentHTML('beforeend', '<a id=out href=/.pomerium/sign_out>Sign out</a>') }"
        )
        page.click("#out")
        self.op.agree(page)
        page.wait_for_url(f"{self.site.authenticate}/.pomerium/signed_out**")
        page.wait_for_load_state("networkidle")

    def back(self, page: Page, steps: int) -> None:
        """
        The Back button, as often as it takes to the page before the sign-out.
        """
        left = page.url
        page.evaluate("steps => { setTimeout(() => history.go(-steps), 0) }", steps)
        # A page out of memory is there without being loaded.
        wait_until(page, lambda: page.url != left and page.inner_text("body") != "")


class BackTests(AfterSignOutCase):
    """
    The Back button after a sign-out.
    """

    def shown_by_back(self, left: str, *, by_way_of: str | None = None) -> tuple[str, bool]:
        """
        What alice sees when she goes back to the page that she left to sign out, and whether it came from memory.

        :param by_way_of: Another page, on which she signed out.
        """
        alice = self.colleague()
        page = alice.tab()
        self.sign_in(page, f"{self.route(left)}/")
        page.goto(f"{self.route(left)}/secret")
        self.assertIn("Welcome", page.inner_text("body"))
        page.evaluate("() => { window.was_here = true }")
        there = page.evaluate("() => history.length")
        if by_way_of is not None:
            page.goto(by_way_of)
        self.sign_out(page)
        self.back(page, page.evaluate("() => history.length") - there)
        return page.inner_text("body"), page.evaluate("() => window.was_here === true")

    def test_nothing_is_shown(self) -> None:
        """
        Where the route says so, Back leads to the provider's login form and not to the page; on another route's page
        the person may have signed out all the same.
        """
        on_the_page, elsewhere = None, f"{self.site.app}/"
        for name, by_way_of in (("no-store", on_the_page), ("no-store", elsewhere), ("cleared", elsewhere)):
            with self.subTest(route=name, by_way_of=by_way_of):
                shown, is_from_memory = self.shown_by_back(name, by_way_of=by_way_of)
                self.assertNotIn("Welcome", shown)
                self.assertIn("Sign-in", shown)
                self.assertFalse(is_from_memory)

    def test_no_setting(self) -> None:
        """
        Without such a setting the browser shows what it remembers, as documented: a page that was left is no request.
        """
        shown, is_from_memory = self.shown_by_back("plain", by_way_of=f"{self.site.app}/")
        self.assertIn("Welcome", shown)
        self.assertTrue(is_from_memory)


class OtherTabTests(AfterSignOutCase):
    """
    Pages of ours that are open elsewhere.
    """

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.colleague()
        self.page = self.alice.tab()
        self.sign_in(self.page, f"{self.site.app}/")
        self.page.goto(f"{self.site.chat}/")
        self.second_tabs = [
            self.alice.tab(f"{origin}/.pomerium/")
            for origin in (self.site.app, self.site.chat, self.site.authenticate, self.site.authenticate)
        ]
        for tab in self.second_tabs:
            self.assertIn("alice@example.com", tab.inner_text("body"))
        # The stream has to be there before there is something to tell.
        self.page.wait_for_timeout(500)

    def assert_told_within_a_second(self, since: float) -> None:
        """
        Every one of the tabs says that the person was signed out, and nothing of them any more.
        """
        for tab in self.second_tabs:
            tab.wait_for_selector("h1:visible:has-text('You were signed out')", timeout=3000)
            self.assertLess(time.monotonic() - since, 1.0)
            self.assertNotIn("alice@example.com", tab.inner_text("body"))

    def test_sign_out_on_a_route(self) -> None:
        """
        A sign-out in one tab is seen within a second in the others, on the same host and on others.
        """
        self.page.evaluate("() => { setTimeout(() => { location.href = '/.pomerium/sign_out' }, 0) }")
        since = time.monotonic()
        self.assert_told_within_a_second(since)

    def test_end_by_an_administrator(self) -> None:
        """
        So is an end that was not the person's own.
        """
        ended = self.proxy.administer("sessions", "end", "--user", "alice@example.com", "--yes")
        since = time.monotonic()
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assert_told_within_a_second(since)
