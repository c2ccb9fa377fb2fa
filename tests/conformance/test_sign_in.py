"""
Checks 7 to 18: from a route host to the OP and back, as far as it goes wrong or has only begun.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from tests.conformance.case import (
    CALLBACK,
    SIGN_IN,
    CheckTestCase,
    location_of,
    query_of,
    set_cookies,
    with_query,
)
from tests.scenarios.world import APP, AUTHENTICATE, CONFIG, OP


class RouteTests(CheckTestCase):
    """
    A route host, asked without a session.
    """

    def test_7_redirect(self) -> None:
        """
        Accept: text/html is a 302 to the sign-in with redirect_uri, idp_id, issued, expiry and signature.
        """
        response = self.browser().once("GET", APP + "/x", {"Accept": "text/html"})
        self.assertEqual(response.status, 302)
        self.assertTrue(location_of(response).startswith(SIGN_IN + "?"))
        query = query_of(location_of(response))
        self.assertEqual(query["pomerium_redirect_uri"], APP + "/x")
        for name in ("idp_id", "issued", "expiry", "signature"):
            self.assertTrue(query[f"pomerium_{name}"], name)
        self.assertEqual(response.get("X-Pomerium-Intercepted-Response"), "true")
        self.assertEqual(self.app.take(), b"")

    def test_8_any_accept(self) -> None:
        """
        Missing Accept and ``*/*`` also get 302, but not where nobody would see the page (overruled).
        """
        for accept in ({}, {"Accept": "*/*"}):
            self.assertEqual(self.browser().once("GET", APP + "/x", accept).status, 302)
            for unseen in (
                {"Sec-Fetch-Mode": "cors"},
                {"X-Requested-With": "XMLHttpRequest"},
                {"Upgrade": "websocket", "Connection": "upgrade"},
            ):
                with self.subTest(accept=accept, unseen=unseen):
                    # The route must have WebSockets for the handshake to come that far.
                    answer = self.browser().once("GET", "https://chat.example.com/x", {**accept, **unseen})
                    self.assertEqual(answer.status, 401)

    def test_9_json(self) -> None:
        """
        Accept: application/json gets 401 and JSON; so does an event stream get 401 (overruled).
        """
        response = self.browser().once("GET", APP + "/x", {"Accept": "application/json"})
        self.assertEqual((response.status, response.get("Content-Type")), (401, "application/json"))
        self.assertEqual(
            json.loads(response.text), {"error": "Unauthenticated", "request_id": response.get("X-Request-Id")}
        )
        stream = self.browser().once("GET", APP + "/x", {"Accept": "text/event-stream"})
        self.assertEqual(stream.status, 401)

    def test_10_stale_header(self) -> None:
        """
        A stale ``Authorization: Pomerium`` gets 401, not 302.
        """
        alice = self.browser()
        self.sign_in(alice)
        handle = self.handle_of(alice, APP)
        alice.get(APP + "/.pomerium/sign_out")
        for value in (f"Pomerium {handle}", f"Bearer Pomerium-{handle}", "Pomerium rubbish"):
            with self.subTest(value=value[:20]):
                answer = self.browser().once("GET", APP + "/x", {"Accept": "text/html", "Authorization": value})
                self.assertEqual(answer.status, 401)


class ExternalSchemeTests(CheckTestCase):
    """
    Where a route is reached by plain HTTP.
    """

    settings = {
        "routes": [
            *CONFIG["routes"],
            {
                "from": "http://plain.localhost:8080",
                "to": "http://app.internal:8080",
                "allow_any_authenticated_user": True,
            },
        ]
    }

    def test_11_redirect_uri(self) -> None:
        """
        The redirect_uri has the external scheme (overruled: not always https) and keeps path and query, byte for byte.
        """
        for origin in (APP, "http://plain.localhost:8080"):
            url = origin + "/a%20b/%7Ec?z=1&a=%2f&a=+&empty"
            with self.subTest(url=url):
                self.assertEqual(query_of(self.sign_in_url(self.browser(), url))["pomerium_redirect_uri"], url)
                self.assertEqual(self.sign_in(self.browser(), url).url, url)


class AuthenticationRequestTests(CheckTestCase):
    """
    What is sent to the OP.
    """

    def test_12_request(self) -> None:
        """
        Sign_in without a session is a 302 to the OP with client_id, redirect_uri, code, scope and state.
        """
        response = self.to_op(self.browser())
        query = query_of(location_of(response))
        self.assertEqual(response.status, 302)
        self.assertTrue(query.pop("state"))
        self.assertLessEqual(
            {
                "client_id": "rp1",
                "redirect_uri": CALLBACK,
                "response_type": "code",
                "scope": "openid profile email offline_access",
            }.items(),
            query.items(),
        )

    def test_13_pkce(self) -> None:
        """
        S256 advertised: code_challenge is sent, and code_verifier at the token call.
        """
        alice = self.browser()
        query = query_of(location_of(self.to_op(alice)))
        self.assertEqual(query["code_challenge_method"], "S256")
        page = alice.get(APP + "/")
        challenge = query_of(page.url)["code_challenge"]
        alice.click(page, "Sign in as Alice")
        verifier = self.provider.code_exchanges[-1].parameter("code_verifier") or ""
        digest = hashlib.sha256(verifier.encode()).digest()
        self.assertEqual(base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), challenge)

    def test_13_no_pkce(self) -> None:
        """
        S256 not advertised: neither is sent.
        """
        self.provider.alterations["discovery"] = _without_pkce
        alice = self.browser()
        page = alice.get(APP + "/")
        self.assertFalse({"code_challenge", "code_challenge_method"} & set(query_of(page.url)))
        self.assertEqual(alice.click(page, "Sign in as Alice").url, APP + "/")
        self.assertIsNone(self.provider.code_exchanges[-1].parameter("code_verifier"))

    def test_14_xhr(self) -> None:
        """
        ``X-Requested-With: XMLHttpRequest`` gets 401 at sign_in, in any case.
        """
        url = self.sign_in_url(self.browser())
        for value in ("XMLHttpRequest", "xmlhttprequest"):
            self.assertEqual(self.browser().once("GET", url, {"X-Requested-With": value}).status, 401)
        self.assertEqual(self.provider.received_at("authorization"), [])

    def test_15_csrf_cookie(self) -> None:
        """
        The CSRF cookie is HttpOnly, Secure, Path=/, Max-Age 43200, and reused on a second attempt.
        """
        alice = self.browser()
        value, attributes = set_cookies(self.to_op(alice))["_pomerium_csrf"]
        self.assertLessEqual(
            {"path": "/", "max-age": "43200", "httponly": "", "secure": ""}.items(), attributes.items()
        )
        self.assertNotIn("domain", attributes)
        self.assertEqual(set_cookies(self.to_op(alice))["_pomerium_csrf"][0], value)
        self.assertNotEqual(set_cookies(self.to_op(self.browser()))["_pomerium_csrf"][0], value)


class AuthenticationResponseTests(CheckTestCase):
    """
    What comes back from the OP and is not taken.

    The OP does not know PKCE, whose cookie would refuse most of this too.
    """

    def setUp(self) -> None:
        super().setUp()
        self.provider.alterations["discovery"] = _without_pkce

    def test_16_other_browser(self) -> None:
        """
        A callback with a wrong CSRF cookie, or none, gets 400.
        """
        alice, mallory, stranger = self.browser(), self.browser(), self.browser()
        url = self.callback_url(alice)
        self.to_op(mallory)
        for browser in (mallory, stranger):
            response = browser.get(url, follow=False, site="cross-site")
            self.assertEqual(response.status, 400)
            self.assert_nobody_signed_in(browser, response)
        self.assertEqual(self.provider.code_exchanges, [])
        self.assertEqual(alice.get(url, site="cross-site").url, APP + "/")

    def test_17_old_state(self) -> None:
        """
        A callback with a state older than 5 min gets 400 with a retry link.
        """
        alice = self.browser()
        late = alice.get(self.callback_url(alice, APP + "/wanted?x=1", wait=301), follow=False)
        self.assertEqual(late.status, 400)
        self.assertIn(f'href="{APP}/wanted?x=1"', late.text)
        self.assert_nobody_signed_in(alice, late)
        bob = self.browser()
        self.assertEqual(bob.get(self.callback_url(bob, wait=299), follow=False).status, 302)

    def test_18_refused(self) -> None:
        """
        ``error=access_denied`` gets 401, another error 400; no code 400; garbage state 400.
        """
        alice = self.browser()
        for status, changed in (
            (401, {"code": None, "error": "access_denied"}),
            (401, {"code": None, "error": "unauthorized_client"}),
            (400, {"code": None, "error": "server_error"}),
            (400, {"code": None}),
            (400, {"code": ""}),
            (400, {"state": "rubbish"}),
            (400, {"state": "!"}),
            (400, {"state": None}),
        ):
            with self.subTest(changed=changed):
                response = alice.get(with_query(_state_only(location_of(self.to_op(alice))), **changed), follow=False)
                self.assertEqual(response.status, status)
                self.assert_nobody_signed_in(alice, response)
        self.assertEqual(self.provider.code_exchanges, [])


def _without_pkce(document: dict[str, object]) -> Any:
    return {name: value for name, value in document.items() if name != "code_challenge_methods_supported"}


def _state_only(authentication_request: str) -> str:
    state = query_of(authentication_request)["state"]
    return with_query(f"{AUTHENTICATE}/oauth2/callback?code=some-code", state=state, iss=OP)
