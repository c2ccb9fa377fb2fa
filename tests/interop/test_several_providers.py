"""
Two providers that this project has not written, in one browser: oidc-provider for most, glewlwyd for partners.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import Page

from tests.interop.deployment import DeploymentCase
from tests.interop.glewlwyd import Glewlwyd
from tests.interop.parties import CLIENT_ID, Registration, SecondParty
from tests.interop.processes import eventually
from tests.interop.wire import fetch


class SeveralProvidersTests(DeploymentCase):
    """
    One sign-out ends everything, and visits both.
    """

    channels = ("back",)

    def setUp(self) -> None:
        super().setUp()
        self.deploy()

    def deploy_at(self, port: int, *arguments: object, **settings: object) -> None:  # type: ignore[override]  # of its own
        self.partners_site = f"http://partners.localhost:{port}"
        other = SecondParty()
        self.addCleanup(other.end)
        self.partners = Glewlwyd(self, Registration(self.registration(), other.registration()))
        partners = {
            "idp_provider": "oidc",
            "idp_provider_url": self.partners.issuer,
            "idp_client_id": CLIENT_ID,
            "idp_client_secret": self.partners.client_secret,
            **self.partners.settings,
        }
        route = {"from": self.partners_site, "idp": "partners", "allow_any_authenticated_user": True}
        super().deploy_at(port, *arguments, providers={"partners": partners}, more_routes=[route], **settings)  # type: ignore[arg-type]  # passed on

    def sign_in_at_both(self, page: Page) -> None:
        """
        Alice uses one application of each.
        """
        self.sign_in(page, f"{self.site.app}/")
        page.goto(f"{self.partners_site}/")
        self.partners.sign_in(page)
        page.wait_for_url(f"{self.partners_site}/")

    def answers(self, handles: dict[str, str]) -> dict[str, int]:
        """
        What copies of the cookies get.
        """
        return {
            origin: fetch(f"{origin}/", port=self.port, headers={"Cookie": cookie}).status
            for origin, cookie in handles.items()
        }

    def cookie_at(self, page: Page, origin: str) -> str:
        """
        The Cookie field for a host.
        """
        return "; ".join(f"{each['name']}={each['value']}" for each in page.context.cookies(origin))

    def test_one_click(self) -> None:
        """
        A click in one application ends both sessions before the browser leaves, which then visits both providers and
        comes back from each; both want the password after that.
        """
        alice = self.person()
        page = alice.tab()
        self.sign_in_at_both(page)
        handles = {origin: self.cookie_at(page, origin) for origin in (self.site.app, self.partners_site)}
        self.assertEqual(self.answers(handles), dict.fromkeys(handles, 200))
        page.goto(f"{self.site.app}/.pomerium/sign_out")
        self.sign_out_at_the_provider(page)
        self.partners.agree(page)
        page.wait_for_url(f"{self.site.authenticate}/.pomerium/signed_out**")
        self.assertEqual(self.answers(handles), dict.fromkeys(handles, 302))
        shown = page.inner_text("main")
        self.assertIn("You are signed out everywhere", shown)
        for issuer in (self.op.issuer, self.partners.issuer):
            self.assertIn(issuer, shown)
        hosts = [urlsplit(url).netloc for url in alice.visited]
        first, second = (urlsplit(origin).netloc for origin in (self.op.origin, self.partners.origin))
        self.assertLess(hosts.index(first), len(hosts) - hosts[::-1].index(second))
        self.assertEqual(self.the_receipt()["sessions_ended"], 2)
        page.goto(f"{self.partners_site}/")
        page.wait_for_selector(self.partners.login_form)
        self.assert_asks_for_the_password(page, f"{self.site.app}/")

    def test_one_provider_speaks(self) -> None:
        """
        Who signs out at one provider keeps what they have by the other.
        """
        alice = self.person()
        page = alice.tab()
        self.sign_in_at_both(page)
        handles = {origin: self.cookie_at(page, origin) for origin in (self.site.app, self.partners_site)}
        self.op.sign_out_here(page)
        eventually("the logout token", lambda: self.answers(handles)[self.site.app] == 302)
        self.assertEqual(self.answers(handles)[self.partners_site], 200)
