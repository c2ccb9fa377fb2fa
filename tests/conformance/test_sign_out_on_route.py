"""
Checks 31 to 40: ``/.pomerium/sign_out`` on a route host.
"""

from __future__ import annotations

from tests.conformance.case import EVIL, SIGN_OUT, SIGNED_OUT, CheckTestCase, location_of, query_of, set_cookies
from tests.scenarios.browser import Browser, Response
from tests.scenarios.world import APP, CHAT, DENIED, OPEN

HERE = APP + "/.pomerium/sign_out"
BYE = "https://www.example.com/bye"


class RouteSignOutTestCase(CheckTestCase):
    """
    A person who is signed in, and what their sign-out looks like.
    """

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.browser()
        self.sign_in(self.alice)
        self.app.take()

    def sign_out(self, browser: Browser, target: str | None = None, *, by_form: bool = False) -> Response:
        """
        The route host's own answer.
        """
        if by_form:
            return browser.post(HERE, {} if target is None else {"pomerium_redirect_uri": target}, follow=False)
        url = HERE if target is None else f"{HERE}?pomerium_redirect_uri={target}"
        return browser.get(url, site="same-origin", follow=False)

    def lands(self, target: str | None, *, by_form: bool = False) -> str:
        """
        The URL at which a person who signs out comes to rest.
        """
        alice = self.browser()
        self.sign_in(alice)
        return alice.get(location_of(self.sign_out(alice, target, by_form=by_form)), site="same-origin").url

    def assert_signed_out_here(self, response: Response) -> None:
        """
        The answer is that of check 31.
        """
        self.assertEqual(response.status, 302)
        self.assertTrue(location_of(response).startswith(SIGN_OUT + "?"))
        self.signer.verify(location_of(response), self.now())
        value, attributes = set_cookies(response)["_pomerium"]
        self.assertEqual((value, attributes["max-age"]), ("", "0"))
        self.assertEqual(set(attributes), {"path", "max-age", "expires", "httponly", "secure"})
        self.assertEqual(attributes["path"], "/")


class DefaultTests(RouteSignOutTestCase):
    """
    Where nothing is configured.
    """

    def test_31_with_session(self) -> None:
        """
        GET with a session is a 302 to the signed sign_out, and clears ``_pomerium`` with the same Path and Domain.
        """
        self.assert_signed_out_here(self.sign_out(self.alice))

    def test_32_without_session(self) -> None:
        """
        The same without any session, and with a session that has ended.
        """
        self.assert_signed_out_here(self.sign_out(self.browser()))
        handle = self.handle_of(self.alice, APP)
        self.sign_out(self.alice)
        again = self.browser()
        again.keep(APP + "/", f"_pomerium={handle}; Path=/")
        self.assert_signed_out_here(self.sign_out(again))

    def test_33_post(self) -> None:
        """
        POST does the same: 302.
        """
        self.assert_signed_out_here(self.sign_out(self.alice, by_form=True))
        self.assertEqual(self.house.registry.count, 0)
        self.assert_signed_out_here(self.sign_out(self.browser(), by_form=True))

    def test_34_other_methods(self) -> None:
        """
        PUT, DELETE and HEAD get 405 with Allow, and end nothing.
        """
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"):
            with self.subTest(method=method):
                response = self.alice.once(method, HERE, {"Sec-Fetch-Site": "same-origin"})
                self.assertEqual((response.status, response.get("Allow")), (405, "GET, POST"))
        self.assertEqual(self.house.registry.count, 1)

    def test_35_not_forwarded(self) -> None:
        """
        Sign-out is never forwarded upstream, and no policy applies: not where the person is denied, nor where it is
        public.
        """
        for origin in (DENIED, OPEN, CHAT, APP):
            with self.subTest(origin=origin):
                self.assert_signed_out_here(self.alice.get(origin + "/.pomerium/sign_out", follow=False))
        self.assertEqual([application.take() for application in self.applications.values()], [b""] * 4)

    def test_36_foreign_target(self) -> None:
        """
        Flag off: a foreign pomerium_redirect_uri, in query or form, is not in Location, nor where the person lands;
        one of our own origins is honoured (overruled).
        """
        for by_form in (False, True):
            with self.subTest(by_form=by_form):
                for browser in (self.browser(), self.alice):
                    self.assertNotIn("evil", location_of(self.sign_out(browser, EVIL, by_form=by_form)))
                self.assertTrue(self.lands(EVIL, by_form=by_form).startswith(SIGNED_OUT))
                for own in (OPEN + "/bye", SIGNED_OUT):
                    self.assertEqual(self.lands(own, by_form=by_form), own)

    def test_39_record(self) -> None:
        """
        The record is dead after this step alone (overruled), on every route.
        """
        self.alice.get(CHAT + "/")
        handle = self.handle_of(self.alice, APP)
        self.sign_out(self.alice)
        self.assertEqual(self.house.registry.count, 0)
        for origin in (APP, CHAT):
            self.assertEqual(self.replay(handle, origin, Accept="application/json").status, 401)
        (receipt,) = self.receipts()
        self.assertEqual((receipt["cause"], receipt["sessions_ended"]), ("user_route", 1))

    def test_40_front_channel(self) -> None:
        """
        Front-channel ``iss`` and ``sid`` are accepted without error, and say nothing about whose cookie came along.
        """
        for query in ("iss=https%3A%2F%2Fop.example.com&sid=unknown", "sid=unknown", "iss=https://x.example.org"):
            with self.subTest(query=query):
                response = self.alice.get(f"{HERE}?{query}", site="cross-site", follow=False)
                self.assertEqual((response.status, response.get("Location")), (200, None))
                self.assertEqual(response.get_all("Set-Cookie"), [])
        self.assertEqual(self.house.registry.count, 1)


class RedirectUrlTests(RouteSignOutTestCase):
    """
    With ``signout_redirect_url``.
    """

    settings = {"signout_redirect_url": BYE}

    def test_37_default_target(self) -> None:
        """
        With signout_redirect_url set, that is where the person lands; in Location it stands only where there is no
        session under whose reference it could be kept (overruled).
        """
        self.assertEqual(query_of(location_of(self.sign_out(self.browser())))["pomerium_redirect_uri"], BYE)
        self.assertNotIn("pomerium_redirect_uri", query_of(location_of(self.sign_out(self.alice))))
        self.assertEqual(self.lands(None), BYE)
        self.assertEqual(self.lands(EVIL), BYE)


class AnyRedirectTests(RouteSignOutTestCase):
    """
    With the runtime flag, and ``signout_redirect_url`` too.
    """

    settings = {"signout_redirect_url": BYE, "runtime_flags": {"allow_any_sign_out_redirect_uri": True}}

    def test_38_flag(self) -> None:
        """
        Flag on: the parameter wins over the setting; a relative or empty one falls back to the setting.
        """
        for by_form in (False, True):
            self.assertEqual(self.lands(EVIL + "there", by_form=by_form), EVIL + "there")
            for unusable in ("", "/there", "evil.example.org", "//evil.example.org/", "javascript:alert(1)"):
                with self.subTest(by_form=by_form, unusable=unusable):
                    self.assertEqual(self.lands(unusable, by_form=by_form), BYE)
