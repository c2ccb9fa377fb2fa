"""
Signing in and out in Chromium with oidc-provider, a certified provider that this project has not written.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from tests.interop.browsers import wait_until
from tests.interop.deployment import DeploymentCase, SharedDeploymentCase
from tests.interop.processes import eventually
from tests.interop.wire import fetch

SIGN_OUT = """
(redirectUrl) => {
  let location = window.location.origin + '/.pomerium/sign_out';
  if (redirectUrl) {
    location += '?pomerium_redirect_uri=' + encodeURIComponent(redirectUrl);
  }
  window.location.href = location;
}
"""
"""
As single sign-out is documented for applications, letter for letter.
"""


class SignInTests(SharedDeploymentCase):
    """
    One sign-in opens every route, and tells applications who is there but not how.
    """

    def test_signing_in_opens_the_application(self) -> None:
        """
        Who has signed in at the provider sees the page they asked for, with its query.
        """
        alice = self.person()
        page = alice.tab()
        self.sign_in(page, f"{self.site.app}/reports?year=2024&note=a%20b")
        self.assertEqual(page.title(), "Application")
        self.assertEqual([each.target for each in self.app.received], ["/reports?year=2024&note=a%20b"])

    def test_the_second_route_opens_silently(self) -> None:
        """
        Whoever is signed in on one route opens another without meeting the provider.
        """
        alice = self.person()
        page = alice.tab()
        self.sign_in(page, f"{self.site.app}/")
        alice.visited.clear()
        page.goto(f"{self.site.chat}/room")
        self.assertEqual((page.title(), page.url), ("Chat", f"{self.site.chat}/room"))
        self.assertEqual([url for url in alice.visited if url.startswith(self.op.issuer)], [])

    def test_the_application_sees_no_session_cookie(self) -> None:
        """
        Nothing that could be replayed reaches an application.
        """
        alice = self.person()
        page = alice.tab()
        self.sign_in(page, f"{self.site.app}/")
        page.evaluate("document.cookie = 'mine=1'")
        page.goto(f"{self.site.app}/again")
        self.assertIn("_pomerium=", alice.cookies(self.site.app))
        self.assertEqual([each.headers.get("Cookie") for each in self.app.received], [None, "mine=1"])

    def test_id_tokens_may_be_signed_with_es256(self) -> None:
        """
        A provider that signs with an elliptic curve is as good as one that signs with RSA.
        """
        self.deploy(provider_settings={"algorithm": "ES256"})
        page = self.person().tab()
        self.sign_in(page, f"{self.site.app}/")
        self.assertEqual(page.title(), "Application")


class SignOutTests(SharedDeploymentCase):
    """
    The documented one-liner, run in the application's own page, signs out of everything.
    """

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.person()
        self.page = self.alice.tab()
        self.sign_in(self.page, f"{self.site.app}/")
        self.page.goto(f"{self.site.chat}/")
        self.page.goto(f"{self.site.app}/")

    def test_signed_out_everywhere(self) -> None:
        """
        The page at the end says that everything is ended, with the receipt of the audit log, and it is true: both
        routes send to the provider, which asks for the password.
        """
        self.page.evaluate(SIGN_OUT)
        self.sign_out_at_the_provider(self.page)
        self.page.wait_for_url(f"{self.site.authenticate}/.pomerium/signed_out**")
        receipt = self.the_receipt()
        said = self.page.inner_text("body")
        self.assertIn("signed out everywhere", said)
        self.assertIn(receipt["id"], said)
        self.assertEqual((receipt["cause"], receipt["sessions_ended"]), ("user_route", 1))
        self.assertEqual(set(receipt["routes"]), {self.site.app, self.site.chat})
        for route in (self.site.app, self.site.chat):
            self.assert_asks_for_the_password(self.alice.tab(), f"{route}/")

    def test_return_to_a_wanted_page(self) -> None:
        """
        The person lands on the page of another route that the application named, byte for byte.
        """
        wanted = f"{self.site.public}/bye?from=app&note=a%20b"
        self.page.evaluate(SIGN_OUT, wanted)
        self.sign_out_at_the_provider(self.page)
        self.page.wait_for_url(wanted)
        self.assertEqual(self.page.title(), "Public")
        self.assertEqual(self.public.received[-1].target, "/bye?from=app&note=a%20b")

    def test_return_to_a_protected_page_asks_for_the_password(self) -> None:
        """
        Where the wanted page needs a session, the person meets the provider's login form, not the page.
        """
        before = len(self.chat.received)
        self.page.evaluate(SIGN_OUT, f"{self.site.chat}/again")
        self.sign_out_at_the_provider(self.page)
        self.page.wait_for_selector("input[name=password]")
        self.assertIn(f"{self.site.chat}/again", self.alice.visited)
        self.assertEqual(len(self.chat.received), before)

    def test_replayed_cookies_are_refused(self) -> None:
        """
        Cookies that were kept from before the sign-out open neither route, for a page or for a script.
        """
        kept = {route: self.alice.cookies(route) for route in (self.site.app, self.site.chat)}
        for route, cookie in kept.items():
            self.assertEqual(fetch(f"{route}/mine", headers={"Cookie": cookie}).status, 200)
        reached = len(self.app.received), len(self.chat.received)
        self.page.evaluate(SIGN_OUT)
        self.page.wait_for_url(f"{self.op.issuer}/**")
        for route, cookie in kept.items():
            with self.subTest(route=route):
                answer = fetch(f"{route}/mine", headers={"Cookie": cookie})
                self.assertEqual(answer.status, 302)
                self.assertEqual(urlsplit(answer.location).netloc, urlsplit(self.site.authenticate).netloc)
                script = {"Cookie": cookie, "Accept": "application/json"}
                self.assertEqual(fetch(f"{route}/mine", headers=script).status, 401)
                self.assertEqual(fetch(f"{route}/.pomerium/user", headers=script).status, 401)
        self.assertEqual((len(self.app.received), len(self.chat.received)), reached)

    def test_nobody_else_is_signed_out(self) -> None:
        """
        Bob, in a browser of his own, works on.
        """
        bob = self.person().tab()
        self.sign_in(bob, f"{self.site.app}/", user="bob")
        self.page.evaluate(SIGN_OUT)
        self.sign_out_at_the_provider(self.page)
        self.page.wait_for_url("**/.pomerium/signed_out**")
        bob.goto(f"{self.site.app}/still-here")
        self.assertEqual(bob.title(), "Application")

    def test_signing_in_again(self) -> None:
        """
        After a sign-out the person can sign in anew, and the old cookies stay worthless.
        """
        kept = self.alice.cookies(self.site.app)
        self.page.evaluate(SIGN_OUT)
        self.sign_out_at_the_provider(self.page)
        self.page.wait_for_url("**/.pomerium/signed_out**")
        self.sign_in(self.page, f"{self.site.app}/back")
        self.assertEqual(self.page.title(), "Application")
        self.assertEqual(fetch(f"{self.site.app}/", headers={"Cookie": kept}).status, 302)


class HoldTests(SharedDeploymentCase):
    """
    Between the sign-out and the provider's confirmation nothing signs the person in again.
    """

    def test_a_reloading_tab_stays_signed_out(self) -> None:
        """
        While one tab waits at the provider's question, another that reloads without pause is told of the sign-out, and
        is not signed in although the provider still knows the person; its button asks for the password.
        """
        alice = self.person()
        first, second = alice.tab(), alice.tab()
        issued = len(self.op.issued("authorization_code"))
        self.sign_in(first, f"{self.site.app}/")
        reloading = [True]
        second.expose_function("reloading", lambda: reloading[0])
        second.add_init_script(
            f"""
            setTimeout(async () => {{
              if (await window.reloading()) {{ window.location.href = '{self.site.chat}/'; }}
            }}, 20);
            """
        )
        second.goto(f"{self.site.chat}/")
        wait_until(second, lambda: len(self.chat.received) > 3)
        first.evaluate(SIGN_OUT)
        first.wait_for_url(f"{self.op.issuer}/**")
        reached = len(self.chat.received)
        alice.visited.clear()
        wait_until(second, lambda: alice.visited.count(f"{self.site.chat}/") > 5)
        reloading[0] = False
        first.wait_for_timeout(200)
        self.assertEqual(len(self.chat.received), reached)
        self.assertEqual(len(self.op.issued("authorization_code")), issued + 1)
        self.assertIn("You signed out at", second.inner_text("body"))
        second.click("button")
        second.wait_for_selector("input[name=password]")

    def test_the_confirmation_ends_the_hold(self) -> None:
        """
        Once the provider has confirmed, a reload leads to its login form without a detour.
        """
        alice = self.person()
        first, second = alice.tab(), alice.tab()
        self.sign_in(first, f"{self.site.app}/")
        first.evaluate(SIGN_OUT)
        self.sign_out_at_the_provider(first)
        first.wait_for_url("**/.pomerium/signed_out**")
        self.assert_asks_for_the_password(second, f"{self.site.app}/")


class ForeignLinkTests(SharedDeploymentCase):
    """
    Nobody is signed out by a link that somebody else has made.
    """

    def test_a_strangers_signed_url_asks_first(self) -> None:
        """
        A signed sign-out URL that a stranger was given ends nothing when alice opens it, only when she presses the
        button.
        """
        alice = self.person()
        page = alice.tab()
        self.sign_in(page, f"{self.site.app}/")
        signed = fetch(f"{self.site.app}/.pomerium/sign_out").location
        self.assertTrue(signed.startswith(f"{self.site.authenticate}/.pomerium/sign_out?"), signed)
        other_site = alice.tab(f"{self.site.public}/")
        other_site.evaluate("url => { window.location.href = url }", signed)
        other_site.wait_for_url("**/.pomerium/sign_out?**")
        page.goto(signed)
        for tab in (other_site, page):
            self.assertIn("Sign out?", tab.inner_text("h1"))
        page.goto(f"{self.site.app}/still")
        self.assertEqual(page.title(), "Application")
        self.assertEqual(self.receipts(), [])
        other_site.click("button")
        self.sign_out_at_the_provider(other_site)
        other_site.wait_for_url("**/.pomerium/signed_out**")
        self.assertEqual(self.the_receipt()["cause"], "user_authenticate")
        self.assert_asks_for_the_password(page, f"{self.site.app}/")

    def test_a_link_on_another_site_asks_first(self) -> None:
        """
        A link to the application's sign-out on a foreign page leads to a question.
        """
        alice = self.person()
        page = alice.tab()
        self.sign_in(page, f"{self.site.app}/")
        page.goto(f"{self.site.public}/")
        page.evaluate("url => { window.location.href = url }", f"{self.site.app}/.pomerium/sign_out")
        page.wait_for_url(f"{self.site.authenticate}/**")
        self.assertIn("Sign out?", page.inner_text("h1"))
        page.goto(f"{self.site.app}/still")
        self.assertEqual(page.title(), "Application")

    def test_a_foreign_target_is_not_followed(self) -> None:
        """
        A wanted page elsewhere is ignored: the person lands on the signed-out page.
        """
        page = self.person().tab()
        self.sign_in(page, f"{self.site.app}/")
        page.evaluate(SIGN_OUT, "http://evil.localhost/")
        self.sign_out_at_the_provider(page)
        page.wait_for_url(f"{self.site.authenticate}/.pomerium/signed_out**")


class TokenTests(DeploymentCase):
    """
    The provider's tokens are renewed while a session lives, and given back when it has ended.
    """

    def test_the_session_outlives_its_access_token(self) -> None:
        """
        A session goes on beyond the life of its first access token, by refresh, and nobody is asked anything.
        """
        self.deploy(provider_settings={"token_seconds": 5})
        alice = self.person()
        page = alice.tab()
        self.sign_in(page, f"{self.site.app}/")
        [first] = self.op.issued("authorization_code")
        # Never sooner than 10 s after the sign-in, and spread over 10 s more.
        eventually("a refresh", lambda: self.op.issued("refresh_token"), patience=45.0)
        eventually("the first access token is over", lambda: not self.op.is_active(first["access_token"]))
        alice.visited.clear()
        page.goto(f"{self.site.app}/later")
        self.assertEqual(page.title(), "Application")
        self.assertEqual(alice.visited, [f"{self.site.app}/later"])
        self.assertEqual(self.proxy.receipts(), [])

    def test_tokens_are_revoked_after_the_return(self) -> None:
        """
        With the person back from the provider both tokens are revoked there, the refresh token first.
        """
        self.deploy()
        page = self.person().tab()
        self.sign_in(page, f"{self.site.app}/")
        [issued] = self.op.issued("authorization_code")
        self.assertTrue(self.op.is_active(issued["refresh_token"]))
        page.evaluate(SIGN_OUT)
        page.wait_for_url(f"{self.op.issuer}/**")
        self.assertEqual(self.op.asked("/token/revocation"), [])
        self.sign_out_at_the_provider(page)
        eventually("two revocations", lambda: len(self.op.asked("/token/revocation")) == 2)
        asked = self.op.asked("/token/revocation")
        self.assertEqual([each["status"] for each in asked], [200, 200])
        self.assertEqual(
            [each["parameters"]["token"] for each in asked], [issued["refresh_token"], issued["access_token"]]
        )
        self.assertFalse(self.op.is_active(issued["refresh_token"]))
        self.assertFalse(self.op.is_active(issued["access_token"]))

    def test_tokens_are_revoked_though_nobody_returns(self) -> None:
        """
        A person who never answers the provider's question is signed out of it all the same as far as tokens can do.
        """
        self.deploy(revocation_delay="1s")
        page = self.person().tab()
        self.sign_in(page, f"{self.site.app}/")
        [issued] = self.op.issued("authorization_code")
        page.evaluate(SIGN_OUT)
        page.wait_for_url(f"{self.op.issuer}/**")
        eventually("the refresh token is revoked", lambda: not self.op.is_active(issued["refresh_token"]))
        eventually("the access token is revoked", lambda: not self.op.is_active(issued["access_token"]))
        self.assertEqual(self.op.program.events(event="logged_out"), [])
