"""
What has to happen with every provider that tells of its logouts, whatever its ways.
"""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from tests.interop.browsers import Person
from tests.interop.case import SharingCase
from tests.interop.deployment import DeploymentCase
from tests.interop.live import EVERYTHING_CUT, PATHS, open_exchanges, wait_for_ends
from tests.interop.oidc_provider import OidcProvider
from tests.interop.parties import claims_of
from tests.interop.processes import eventually
from tests.interop.wire import fetch


class ProviderLogoutCase(DeploymentCase, SharingCase):
    """
    People who are signed in on two routes, and at another relying party of the same provider.
    """

    provider: Any = OidcProvider
    provider_settings: dict[str, Any] = {}
    proxy_settings: dict[str, Any] = {}
    arguments: tuple[str, ...] = ()
    """
    Of the browser.
    """
    causes: tuple[str, ...] = ()
    """
    What an end may be put down to that the provider tells of.
    """

    def start(self) -> None:
        """
        Everything is running.
        """
        self.deploy(self.provider, provider_settings=self.provider_settings, **self.proxy_settings)

    @classmethod
    def owner(cls) -> type:
        """
        Each class has a provider of its own.
        """
        return cls

    def newcomer(self, user: str = "alice") -> tuple[Person, Page]:
        """
        Somebody with a new browser, who has signed in everywhere.
        """
        somebody = self.person(*self.arguments)
        page = somebody.tab()
        self.sign_in(page, f"{self.site.app}/", user=user)
        page.goto(f"{self.site.chat}/")
        self.sign_in_at_the_second_party(page)
        self.hear_the_proxy()
        self.earlier_ends = len(self.proxy.receipts())
        return somebody, page

    def kept_cookies(self, somebody: Person) -> dict[str, str]:
        """
        What the browser has for each route, and that it is worth something.
        """
        kept = {route: somebody.cookies(route) for route in (self.site.app, self.site.chat)}
        self.assertEqual(self.statuses(kept), {200})
        return kept

    def statuses(self, cookies: dict[str, str]) -> set[int]:
        """
        How the routes answer whoever has these *cookies*.
        """
        return {fetch(f"{route}/", headers={"Cookie": cookie}).status for route, cookie in cookies.items()}

    def assert_signed_out(self, somebody: Person, kept: dict[str, str]) -> None:
        """
        The cookies of before open neither route, and the person is asked for the password.
        """
        self.assertEqual(self.statuses(kept), {302})
        for route in kept:
            tab = somebody.tab()
            self.assert_asks_for_the_password(tab, f"{route}/")
            tab.close()


class ProviderLogoutContract(ProviderLogoutCase):
    """
    These hold for every provider and every channel.
    """

    def test_told_of_a_logout(self) -> None:
        """
        Who signs out at another relying party is signed out of both routes, and what was open is cut at once: a
        WebSocket, an event stream and a download, on each.
        """
        alice, page = self.newcomer()
        kept = self.kept_cookies(alice)
        tabs = [alice.tab(f"{route}/") for route in kept]
        already_over = [self.app.over, self.chat.over]
        for tab in tabs:
            open_exchanges(tab)
        self.sign_out_at_the_second_party(page)
        for tab in tabs:
            self.assertEqual(wait_for_ends(tab), EVERYTHING_CUT)
        for application, before in zip((self.app, self.chat), already_over, strict=True):
            eventually(
                "the application learns it, too",
                lambda application=application, before=before: application.over == sorted([*before, *PATHS]),  # type: ignore[misc]
            )
            self.assertEqual(application.close_codes[-1:], [1001])
        receipt = self.the_receipt()
        self.assertIn(receipt["cause"], self.causes)
        self.assertEqual(receipt["sessions_ended"], 1)
        self.assertEqual(receipt["exchanges_cut"], {"websocket": 2, "sse": 2, "download": 2, "tunnel": 0, "upload": 0})
        self.assert_signed_out(alice, kept)
        # Also where the same logout is told in two ways.
        self.assertEqual(self.the_receipt(), receipt)

    def test_told_by_a_route(self) -> None:
        """
        Who signs out on a route is signed out of the provider, which confirms it and tells its other relying party.
        """
        alice, page = self.newcomer()
        kept = self.kept_cookies(alice)
        [id_token] = self.second.heard.signed_in[-1:]
        told = len(self.second.heard.back_channel)
        page.goto(f"{self.site.app}/.pomerium/sign_out")
        self.op.agree(page)
        page.wait_for_url(f"{self.site.authenticate}/.pomerium/signed_out**")
        said = page.inner_text("body")
        self.assertIn("signed out everywhere", said)
        self.assertIn(self.the_receipt()["id"], said)
        eventually("the other relying party is told", lambda: len(self.second.heard.back_channel) > told)
        token = self.second.heard.back_channel[-1]
        self.assertEqual(token["sid"], claims_of(id_token)["sid"])
        self.assert_signed_out(alice, kept)


class SeveralBrowsersContract(ProviderLogoutCase):
    """
    Who else is signed in when somebody signs out.
    """

    def test_other_devices_stay(self) -> None:
        """
        A logout in one browser leaves the same person's other browser, and everybody else, signed in.
        """
        other, _ = self.newcomer()
        bob, _ = self.newcomer("bob")
        alice, page = self.newcomer()
        stay = [self.kept_cookies(other), self.kept_cookies(bob)]
        kept = self.kept_cookies(alice)
        self.sign_out_at_the_second_party(page)
        eventually("alice is signed out", lambda: self.statuses(kept) == {302})
        self.assertEqual([self.statuses(cookies) for cookies in stay], [{200}, {200}])
        self.assertEqual(self.the_receipt()["sessions_ended"], 1)

    def test_own_logout_comes_back(self) -> None:
        """
        The provider's echo of the person's own sign-out ends nothing more: neither other devices nor a new sign-in.
        """
        other, _ = self.newcomer()
        _, page = self.newcomer()
        stays = self.kept_cookies(other)
        page.goto(f"{self.site.app}/.pomerium/sign_out")
        self.op.agree(page)
        page.wait_for_url(f"{self.site.authenticate}/.pomerium/signed_out**")
        self.sign_in(page, f"{self.site.app}/again")
        self.assertEqual(page.title(), "Application")
        self.assertEqual(self.statuses(stays), {200})
        self.assertEqual(self.the_receipt()["cause"], "user_route")
