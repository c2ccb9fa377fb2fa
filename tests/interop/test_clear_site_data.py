"""
What Chromium forgets of an application when its person signs out: ``clear_site_data``, on https.
"""

from __future__ import annotations

from playwright.sync_api import Page

from tests.interop.browsers import Person, wait_until
from tests.interop.case import SharingCase
from tests.interop.secure import SecureDeploymentCase

MARK = "window.seen = true; localStorage.setItem('note', 'confidential')"


class ForgettingTests(SecureDeploymentCase, SharingCase):
    """
    A person signs out of an application, and somebody else sits down at the browser.
    """

    def start(self) -> None:
        """
        Everything is running, with a route for each kind of what may be forgotten, and one for nothing.
        """
        kinds = {"nothing": [], **{kind: [kind] for kind in ("cache", "cookies", "storage")}}
        self.deploy_securely(
            more_routes=[
                {"from": self.route(name), "allowed_domains": ["example.com"], "clear_site_data": forgotten}
                for name, forgotten in kinds.items()
            ]
        )

    def route(self, name: str) -> str:
        """
        The origin of such a route.
        """
        return f"https://{name}.corp.test"

    def signed_out(self, name: str, *, told: str = "You are signed out everywhere") -> tuple[Person, Page]:
        """
        Signed out at the application of that route, and at the provider.

        :param told: What the last page says.
        """
        alice = self.colleague()
        page = alice.tab()
        self.sign_in(page, f"{self.route(name)}/")
        page.evaluate(MARK)
        page.evaluate("location.href = '/.pomerium/sign_out'")
        self.op.agree(page)
        page.wait_for_url(f"{self.site.authenticate}/.pomerium/signed_out**")
        page.wait_for_load_state("networkidle")
        self.assertIn(told, page.inner_text("body"))
        return alice, page

    def go_back(self, page: Page) -> None:
        """
        Back to where the person was before they signed out: the provider's page is between.
        """
        left = page.url
        page.evaluate("history.go(-2)")
        # A page out of memory is there without being loaded.
        wait_until(page, lambda: page.url != left)

    def test_nothing(self) -> None:
        """
        Unless it is asked, Chromium shows the page once more, out of its memory.
        """
        _, page = self.signed_out("nothing")
        self.go_back(page)
        self.assertEqual(page.url, f"{self.route('nothing')}/")
        self.assertTrue(page.evaluate("window.seen"))

    def test_cache(self) -> None:
        """
        With ``cache`` the page is gone, and the way back leads to the provider's login form.
        """
        _, page = self.signed_out("cache")
        self.go_back(page)
        page.wait_for_selector(self.op.login_form)
        self.assertTrue(page.url.startswith(self.op.origin), page.url)

    def test_storage(self) -> None:
        """
        With ``storage`` nothing that the application has put by is there for the next person.
        """
        _, page = self.signed_out("storage")
        self.sign_in(page, f"{self.route('storage')}/", user="bob")
        self.assertIsNone(page.evaluate("localStorage.getItem('note')"))

    def test_cookies(self) -> None:
        """
        With ``cookies``, which takes those of the authenticate host away too, nothing is left by which the return from
        the provider could count; but the person has been there, stays signed out, and is asked for the password.
        """
        alice, page = self.signed_out("cookies", told="did not confirm")
        self.assertEqual(alice.cookies(self.route("cookies")), "")
        page.goto(f"{self.route('cookies')}/")
        self.assertIn("You signed out at", page.inner_text("body"))
        page.click("button")
        page.wait_for_selector(self.op.login_form)
        self.assertTrue(page.url.startswith(self.op.origin), page.url)
