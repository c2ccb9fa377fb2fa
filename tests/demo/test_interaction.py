"""
Tests for `pomerium_tx.demo.interaction`.
"""

from __future__ import annotations

from urllib.parse import urlencode

from tests.demo.interaction import InteractionCase
from tests.demo.support import CALLBACK, ISSUER, SIGNED_OUT, Browser, authorization_url, query_of


class SignInTests(InteractionCase):
    """
    The authorization endpoint and its page.
    """

    def test_page(self) -> None:
        """
        The first visit shows a page with a button for each person, and signs nobody in.
        """
        page = self.browser.get(authorization_url())
        self.assertEqual(page.status, 200)
        for text in ("Sign in as Alice", "Sign in as Bob", "alice@example.com", "no password"):
            self.assertIn(text, page.text)
        self.assertIsNone(self.browser.cookie)

    def test_signs_in(self) -> None:
        """
        Pressing a button leads back to the relying party with code, state and issuer.
        """
        seen = self.browser.sign_in("alice")
        self.assertEqual(seen.status, 303)
        self.assertTrue(seen.headers["location"].startswith(f"{CALLBACK}?"))
        answer = query_of(seen.headers["location"])
        self.assertEqual((answer["state"], answer["iss"]), ("the state", ISSUER))
        self.assertTrue(answer["code"])
        for flag in ("HttpOnly", "SameSite=Lax", "Path=/"):
            self.assertIn(flag, seen.headers["set-cookie"])

    def test_silent(self) -> None:
        """
        A second request of the same browser is answered without asking; another browser is asked.
        """
        self.browser.sign_in("alice")
        self.assertIn("code", query_of(self.browser.get(authorization_url()).headers["location"]))
        self.assertEqual(Browser(self, self.provider).get(authorization_url()).status, 200)

    def test_prompts(self) -> None:
        """
        ``login`` and ``select_account`` ask who is signed in already; ``none`` never asks.
        """
        none = self.browser.get(authorization_url(prompt="none"))
        self.assertEqual(query_of(none.headers["location"])["error"], "login_required")
        self.browser.sign_in("alice")
        for prompt in ("login", "select_account"):
            with self.subTest(prompt=prompt):
                self.assertIn("signed in here as Alice", self.browser.get(authorization_url(prompt=prompt)).text)
        none = self.browser.get(authorization_url(prompt="none"))
        self.assertIn("code", query_of(none.headers["location"]))

    def test_somebody_else(self) -> None:
        """
        Choosing another person ends the first one's session here.
        """
        self.browser.sign_in("alice")
        alice = self.session()
        assert alice is not None
        self.browser.sign_in("bob", authorization_url(prompt="select_account"))
        bob = self.session()
        assert bob is not None
        self.assertEqual(bob.user.username, "bob")
        self.assertIsNone(self.provider.ledger.find_session(alice.handle))

    def test_by_post(self) -> None:
        """
        A request by POST is taken up by GET, which brings the cookie along.
        """
        url, _, query = authorization_url().partition("?")
        self.browser.sign_in("alice")
        seen = self.browser.post(url, dict(query_of(f"?{query}")))
        self.assertEqual(seen.status, 303)
        self.assertIn("code", query_of(self.browser.get(ISSUER + seen.headers["location"]).headers["location"]))

    def test_refused(self) -> None:
        """
        A fault is told to the relying party if it is known, and shown to the person if not.
        """
        told = self.browser.get(authorization_url(scope="profile"))
        self.assertEqual(query_of(told.headers["location"])["error"], "invalid_scope")
        shown = self.browser.get(authorization_url(redirect_uri="http://evil.test/"))
        self.assertEqual(shown.status, 400)
        self.assertNotIn("location", shown.headers)
        self.assertIn("not registered", shown.text)

    def test_nobody(self) -> None:
        """
        A name that is not on the page signs nobody in.
        """
        self.assertEqual(self.browser.sign_in("mallory").status, 400)
        self.assertIsNone(self.browser.cookie)

    def test_other_sites_cannot_sign_in(self) -> None:
        """
        A page of another site cannot press the button.
        """
        form = {"request": authorization_url().partition("?")[2], "username": "alice"}
        table = [
            ({"Sec_Fetch_Site": "cross-site"}, 403),
            ({"Sec_Fetch_Site": "same-site"}, 403),
            ({"Origin": "http://evil.test"}, 403),
            ({"Sec_Fetch_Site": "same-origin"}, 303),
            ({"Origin": ISSUER}, 303),
        ]
        for headers, status in table:
            with self.subTest(headers=headers):
                browser = Browser(self, self.provider)
                self.assertEqual(browser.post(f"{ISSUER}/sign-in", form, **headers).status, status)


class EndSessionTests(InteractionCase):
    """
    RP-initiated logout.
    """

    def setUp(self) -> None:
        """
        Alice is signed in.
        """
        super().setUp()
        self.browser.sign_in("alice")
        session = self.session()
        assert session is not None
        self.hint = self.provider.tokens_for("alice", session=session).id_token

    def url(self, **parameters: str) -> str:
        """
        The end-session endpoint with *parameters*.
        """
        return f"{ISSUER}/end-session?{urlencode(parameters)}"

    def whole(self) -> dict[str, str]:
        """
        All that a relying party should send.
        """
        return {
            "id_token_hint": self.hint,
            "client_id": "rp",
            "post_logout_redirect_uri": SIGNED_OUT,
            "state": "back",
        }

    def test_with_hint(self) -> None:
        """
        With its hint a relying party signs the person out at once, and gets them back with its state.
        """
        session = self.session()
        seen = self.browser.get(self.url(**self.whole()))
        self.assertEqual((seen.status, seen.headers["location"]), (303, f"{SIGNED_OUT}?state=back"))
        assert session is not None
        self.assertIsNone(self.provider.ledger.find_session(session.handle))
        self.assertIsNone(self.browser.cookie)
        self.assertEqual(self.browser.get(authorization_url()).status, 200)

    def test_by_post(self) -> None:
        """
        A long request may come by POST, from another site, without the cookie.
        """
        cookie, self.browser.cookie = self.browser.cookie, None
        seen = self.browser.post(f"{ISSUER}/end-session", self.whole(), Sec_Fetch_Site="cross-site")
        self.browser.cookie = cookie
        self.assertEqual(seen.status, 303)
        seen = self.browser.get(ISSUER + seen.headers["location"])
        self.assertEqual(seen.headers["location"], f"{SIGNED_OUT}?state=back")
        self.assertIsNone(self.browser.cookie)

    def test_asks_without_hint(self) -> None:
        """
        Without a hint the person is asked; nothing is ended before they say yes.
        """
        page = self.browser.get(self.url(client_id="rp", post_logout_redirect_uri=SIGNED_OUT, state="back"))
        self.assertIn("would like to sign you out", page.text)
        self.assertIsNotNone(self.session())
        form = {"request": page.hidden("request"), "logout": "yes"}
        seen = self.browser.post(f"{ISSUER}/end-session/confirm", form)
        self.assertEqual(seen.headers["location"], f"{SIGNED_OUT}?state=back")
        self.assertIsNone(self.session())

    def test_stays(self) -> None:
        """
        Who says no is still signed in and goes nowhere.
        """
        page = self.browser.get(self.url(client_id="rp", post_logout_redirect_uri=SIGNED_OUT))
        form = {"request": page.hidden("request"), "logout": "no"}
        seen = self.browser.post(f"{ISSUER}/end-session/confirm", form)
        self.assertIn("still signed in", seen.text)
        self.assertNotIn("location", seen.headers)
        self.assertIsNotNone(self.session())

    def test_asks_about_somebody_else(self) -> None:
        """
        The hint of another session does not end this one without asking.
        """
        other = self.provider.tokens_for("bob").id_token
        self.assertIn("would like", self.browser.get(self.url(id_token_hint=other)).text)
        self.assertIsNotNone(self.session())

    def test_always_asks(self) -> None:
        """
        A test can have the person asked every time.
        """
        self.provider.always_confirm_logout = True
        self.assertIn("would like", self.browser.get(self.url(**self.whole())).text)
        self.assertIsNotNone(self.session())

    def test_nowhere_to_go(self) -> None:
        """
        Without a URI to return to, a page says that it is done.
        """
        seen = self.browser.get(self.url(id_token_hint=self.hint))
        self.assertIn("You are signed out", seen.text)
        self.assertIsNone(self.browser.cookie)

    def test_nobody_is_signed_in(self) -> None:
        """
        Where nobody is signed in, nobody is asked; other browsers' sessions stay.
        """
        stranger = Browser(self, self.provider)
        seen = stranger.get(self.url(**self.whole()))
        self.assertEqual(seen.headers["location"], f"{SIGNED_OUT}?state=back")
        self.assertIsNotNone(self.session())

    def test_refused(self) -> None:
        """
        A request that is wrong ends nothing and goes nowhere.
        """
        seen = self.browser.get(self.url(**(self.whole() | {"post_logout_redirect_uri": "http://evil.test/"})))
        self.assertEqual(seen.status, 400)
        self.assertNotIn("location", seen.headers)
        self.assertIsNotNone(self.session())

    def test_other_sites_cannot_confirm(self) -> None:
        """
        A page of another site cannot say yes.
        """
        form = {"request": "", "logout": "yes"}
        seen = self.browser.post(f"{ISSUER}/end-session/confirm", form, Sec_Fetch_Site="cross-site")
        self.assertEqual(seen.status, 403)
        self.assertIsNotNone(self.session())


class HomeTests(InteractionCase):
    """
    What the OP shows to who looks at it.
    """

    def test_who(self) -> None:
        """
        The front page says who is signed in, and offers to sign out.
        """
        self.assertIn("Nobody is signed in", self.browser.get(f"{ISSUER}/").text)
        self.browser.sign_in("bob")
        page = self.browser.get(f"{ISSUER}/").text
        self.assertIn("signed in here as Bob", page)
        self.assertIn("Signed in to no application", page)
        self.provider.tokens_for("bob", session=self.session())
        self.assertIn("Signed in to: rp.", self.browser.get(f"{ISSUER}/").text)

    def test_style(self) -> None:
        """
        The pages' style sheet is served.
        """
        seen = self.browser.get(f"{ISSUER}/style.css")
        self.assertIn("color-scheme", seen.text)
