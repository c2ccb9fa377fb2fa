"""
What Chromium forgets of an application when its person signs out: ``clear_site_data``, on https.
"""

from __future__ import annotations

from playwright.sync_api import Page

from tests.interop.browsers import Person
from tests.interop.secure import SecureDeploymentCase

MARK = "window.seen = true; localStorage.setItem('note', 'confidential')"


class ForgettingTests(SecureDeploymentCase):
    """
    A person signs out of an application, and somebody else sits down at the browser.
    """

    def signed_out(self, *kinds: str, told: str = "You are signed out everywhere") -> tuple[Person, Page]:
        """
        Signed out at the application, which asks for *kinds* to be forgotten, and at the provider.

        :param told: What the last page says.
        """
        self.deploy_securely(app_settings={"clear_site_data": list(kinds)})
        alice = self.colleague()
        page = alice.tab()
        self.sign_in(page, f"{self.site.app}/")
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
        page.evaluate("history.go(-2)")
        # A page out of memory is there without being loaded.
        page.wait_for_function("location.pathname !== '/.pomerium/signed_out'")

    def test_nothing(self) -> None:
        """
        Unless it is asked, Chromium shows the page once more, out of its memory.
        """
        _, page = self.signed_out()
        self.go_back(page)
        self.assertEqual(page.url, f"{self.site.app}/")
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
        self.sign_in(page, f"{self.site.app}/", user="bob")
        self.assertIsNone(page.evaluate("localStorage.getItem('note')"))

    def test_cookies(self) -> None:
        """
        With ``cookies``, which takes those of the authenticate host away too, nothing is left by which the return from
        the provider could count; but the person has been there, stays signed out, and is asked for the password.
        """
        alice, page = self.signed_out("cookies", told="did not confirm")
        self.assertEqual(alice.cookies(self.site.app), "")
        page.goto(f"{self.site.app}/")
        self.assertIn("You signed out at", page.inner_text("body"))
        page.click("button")
        page.wait_for_selector(self.op.login_form)
        self.assertTrue(page.url.startswith(self.op.origin), page.url)
