"""
Other proxies ask whether they may let a request through.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pomerium_tx.jose.jwt import parse
from tests.scenarios.browser import Browser, Response
from tests.scenarios.test_client_certificates import LAPTOP, CertificateCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, CONFIG, DENIED, OPEN, WorldTestCase

NGINX = "10.0.0.1"
CLIENT = "192.0.2.7"
PAGE = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
SCRIPT = {"Accept": "*/*", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
HANDSHAKE = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13"}


class ForwardAuthTestCase(WorldTestCase):
    """
    A world with nginx and Traefik in front, at one address.
    """

    settings = {"trusted_proxies": [NGINX]}

    def verify(self, url: str, *, method: str = "GET", peer: str = NGINX, **fields: str | None) -> Response:
        """
        What Traefik is told of a request.
        """
        parts = urlsplit(url)
        return self.ask(
            "verify",
            peer,
            {
                "X-Forwarded-Method": method,
                "X-Forwarded-Proto": parts.scheme,
                "X-Forwarded-Host": parts.netloc,
                "X-Forwarded-Uri": url[len(f"{parts.scheme}://{parts.netloc}") :],
                "X-Forwarded-For": CLIENT,
                **fields,
            },
        )

    def auth(self, url: str, *, method: str = "GET", peer: str = NGINX, **fields: str | None) -> Response:
        """
        What nginx is told of a request.
        """
        return self.ask(
            "auth",
            peer,
            {"X-Original-Method": method, "X-Original-URL": url, "X-Forwarded-For": CLIENT, **fields},
        )

    def ask(self, name: str, peer: str, fields: dict[str, str | None]) -> Response:
        """
        A proxy's question.
        """
        sent = {key.replace("_", "-"): value for key, value in fields.items() if value is not None}
        return self.browser(address=peer).once("GET", f"{AUTHENTICATE}/.pomerium/{name}", sent)

    def signed_in(self, url: str = APP + "/") -> tuple[Browser, str]:
        """
        Somebody who has signed in, and the Cookie that their browser sends.
        """
        browser = self.browser()
        self.sign_in(browser, url)
        return browser, f"_pomerium={self.handle_of(browser, url)}"

    def decisions(self) -> list[dict[str, Any]]:
        """
        What the log says of decisions for other proxies.
        """
        return [event for event in self.events if event.get("forward_auth")]


class AnswersTests(ForwardAuthTestCase):
    """
    What a proxy is told.
    """

    def test_nobody(self) -> None:
        """
        Who has not signed in is sent to the sign-in; nginx takes the way from a 401.
        """
        for ask, status in ((self.verify, 302), (self.auth, 401)):
            with self.subTest(ask.__name__):
                answer = ask(APP + "/page?x=%7e", **PAGE)
                self.assertEqual(answer.status, status)
                self.assertIn(AUTHENTICATE + "/.pomerium/sign_in?", answer.get("Location") or "")
                self.assertIn("https%3A%2F%2Fapp.example.com%2Fpage%3Fx%3D%257e", answer.get("Location") or "")
                [cookie] = answer.get_all("Set-Cookie")
                self.assertTrue(cookie.startswith("_pomerium_login="), cookie)

    def test_return(self) -> None:
        """
        The way to the sign-in ends at the page that was asked for.
        """
        browser = self.browser()
        answer = self.auth(APP + "/page?x=1", **PAGE)
        browser.keep(APP + "/", answer.get_all("Set-Cookie")[0])
        page = browser.click(browser.get(answer.get("Location") or ""), "Sign in as Alice")
        self.assertEqual(page.url, APP + "/page?x=1")
        self.assertEqual(self.auth(APP + "/page", Cookie=f"_pomerium={self.handle_of(browser, APP)}").status, 200)

    def test_programs(self) -> None:
        """
        A script, a program and a WebSocket get 401 and no way anywhere.
        """
        for fields in (SCRIPT, {"Accept": "application/json"}, {"X-Requested-With": "XMLHttpRequest"}, HANDSHAKE):
            for ask in (self.verify, self.auth):
                with self.subTest(f"{ask.__name__}: {fields}"):
                    answer = ask(CHAT + "/", **fields)
                    self.assertEqual((answer.status, answer.get("Location")), (401, None))

    def test_somebody(self) -> None:
        """
        Who may pass passes, and the application is told who they are.
        """
        _, cookie = self.signed_in()
        for ask in (self.verify, self.auth):
            with self.subTest(ask.__name__):
                answer = ask(APP + "/page", Cookie=cookie, **PAGE)
                self.assertEqual((answer.status, answer.text), (200, ""))
                claims = parse(answer.get("X-Pomerium-Jwt-Assertion") or "").claims
                self.assertEqual((claims["aud"], claims["email"]), ("app.example.com", "alice@example.com"))
                self.assertEqual(answer.get("X-Auth-Request-Email"), "alice@example.com")
                self.assertEqual(answer.get("X-Auth-Request-User"), claims["user"])
                self.assertEqual(answer.get("X-Auth-Request-Groups"), ",".join(claims["groups"]))

    def test_nobody_may_pass(self) -> None:
        """
        On a public route the identity fields are there and empty, so that a proxy overwrites what a client has sent.
        """
        answer = self.verify(OPEN + "/", X_Auth_Request_Email="admin@example.com")
        self.assertEqual((answer.status, answer.get("X-Auth-Request-Email")), (200, ""))

    def test_denied(self) -> None:
        """
        Who may not pass gets 403, with a way to sign out.
        """
        _, cookie = self.signed_in()
        for ask in (self.verify, self.auth):
            with self.subTest(ask.__name__):
                answer = ask(DENIED + "/", Cookie=cookie, **PAGE)
                self.assertEqual(answer.status, 403)
                self.assertIn("/.pomerium/sign_out", answer.text)
                self.assertIsNone(answer.get("X-Pomerium-Jwt-Assertion"))
                self.assertNotIn("email-unauthorized", answer.text)

    def test_details(self) -> None:
        """
        Where a route tells people why they may not pass, they are told so by way of another proxy too.
        """
        _, cookie = self.signed_in()
        routes = [{**route, "show_error_details": True} for route in CONFIG["routes"]]
        self.house.reload(self.read(routes=routes))
        for accept in ("text/html", "application/json"):
            answer = self.verify(DENIED + "/", Cookie=cookie, Accept=accept)
            self.assertEqual(answer.status, 403)
            self.assertIn("email-unauthorized", answer.text)

    def test_never_2xx(self) -> None:
        """
        What is answered 200 on the way through, but not by the application, is no permission.
        """
        for url in (
            APP + "/robots.txt",
            DENIED + "/robots.txt",
            APP + "/.pomerium/",
            APP + "/.pomerium/sign_out",
            APP + "/.well-known/pomerium",
            APP + "/ping",
            AUTHENTICATE + "/",
            AUTHENTICATE + "/oauth2/callback",
            AUTHENTICATE + "/.pomerium/verify",
            "https://unknown.example.com/ping",
        ):
            for ask in (self.verify, self.auth):
                with self.subTest(f"{ask.__name__}: {url}"):
                    self.assertIn(ask(url).status, (302, 401, 403, 404))

    def test_unknown(self) -> None:
        """
        A host of no route is 404, of which nginx would make a 500; and a request that cannot be read is 400.
        """
        for ask, unknown, unreadable in ((self.verify, 404, 400), (self.auth, 403, 403)):
            with self.subTest(ask.__name__):
                self.assertEqual(ask("https://unknown.example.com/").status, unknown)
                self.assertEqual(ask(APP + "/a%2Fb").status, unreadable)
        self.assertEqual(self.verify(APP + "/", X_Forwarded_Host=None, **{"X-Forwarded-Host": None}).status, 400)
        self.assertEqual(self.verify(APP + "/", **{"X-Forwarded-For": None}).status, 400)

    def test_foreign_handshake(self) -> None:
        """
        A WebSocket from a page of another origin does not pass with a person's cookie.
        """
        _, cookie = self.signed_in(CHAT + "/")
        for origin, status in ((CHAT, 200), ("https://evil.example", 403)):
            for ask in (self.verify, self.auth):
                with self.subTest(f"{ask.__name__}: {origin}"):
                    self.assertEqual(ask(CHAT + "/", Cookie=cookie, Origin=origin, **HANDSHAKE).status, status)
        self.assertEqual(self.verify(APP + "/", Cookie=cookie, Origin=APP, **HANDSHAKE).status, 403)

    def test_preflight(self) -> None:
        """
        A preflight carries no cookie, and is let through only where anybody is.
        """
        asked = {"Origin": CHAT, "Access-Control-Request-Method": "PUT", "Sec-Fetch-Mode": "cors"}
        self.assertEqual(self.verify(APP + "/", method="OPTIONS", **asked).status, 401)
        self.assertEqual(self.verify(OPEN + "/", method="OPTIONS", **asked).status, 200)
        routes = [
            {**route, "cors_allow_preflight": True} if route["from"] == APP else route for route in CONFIG["routes"]
        ]
        self.house.reload(self.read(routes=routes))
        self.assertEqual(self.verify(APP + "/", method="OPTIONS", **asked).status, 200)
        self.assertEqual(self.verify(APP + "/", method="PUT", **asked).status, 401)

    def test_methods(self) -> None:
        """
        The question may come by any method.
        """
        _, cookie = self.signed_in()
        for method in ("GET", "HEAD", "POST", "DELETE", "OPTIONS", "PROPFIND"):
            with self.subTest(method):
                fields = {"X-Original-Method": "GET", "X-Original-URL": APP + "/", "X-Forwarded-For": CLIENT}
                answer = self.browser(address=NGINX).once(
                    method, AUTHENTICATE + "/.pomerium/auth", {**fields, "Cookie": cookie}
                )
                self.assertEqual(answer.status, 200)


class TrustTests(ForwardAuthTestCase):
    """
    Who may ask.
    """

    def test_stranger(self) -> None:
        """
        Nobody else may, whatever they say and whoever they are; the log names the address.
        """
        _, cookie = self.signed_in()
        for ask in (self.verify, self.auth):
            with self.subTest(ask.__name__):
                self.events.clear()
                answer = ask(APP + "/", peer="203.0.113.9", Cookie=cookie, **{"X-Forwarded-For": NGINX})
                self.assertEqual(answer.status, 403)
                self.assertIn("trusted_proxies", answer.text)
                self.assertIsNone(answer.get("X-Pomerium-Jwt-Assertion"))
                [line] = [event for event in self.events if "trusted_proxies" in str(event.get("log_format"))]
                self.assertEqual(line["address"], "203.0.113.9")
        self.assertEqual(self.decisions(), [])

    def test_reload(self) -> None:
        """
        A proxy that is taken from the list may ask no longer.
        """
        _, cookie = self.signed_in()
        self.assertEqual(self.verify(APP + "/", Cookie=cookie).status, 200)
        self.house.reload(self.read(trusted_proxies=["10.9.9.9"]))
        self.assertEqual(self.verify(APP + "/", Cookie=cookie).status, 403)

    def test_elsewhere(self) -> None:
        """
        A proxy may ask by any name for us, as Traefik can only by our address, but not by a route's.
        """
        fields = {"X-Forwarded-Method": "GET", "X-Forwarded-Host": "open.example.com", "X-Forwarded-Uri": "/"}
        for host, status in (("10.0.0.2:8080", 200), ("pomerium", 200), ("app.example.com", 404)):
            with self.subTest(host):
                browser = self.browser(address=NGINX)
                url = f"http://{host}/.pomerium/verify"
                self.assertEqual(browser.once("GET", url, {**fields, "X-Forwarded-For": CLIENT}).status, status)
                stranger = self.browser(address=CLIENT)
                self.assertIn(stranger.once("GET", url, {**fields, "X-Forwarded-For": NGINX}).status, (403, 404))


class UnlistedTests(ForwardAuthTestCase):
    """
    Without ``trusted_proxies``.
    """

    settings = {"xff_num_trusted_hops": 1}

    def test_nobody_may(self) -> None:
        """
        Nobody may ask, even where everybody's X-Forwarded-For is believed.
        """
        for ask in (self.verify, self.auth):
            self.assertEqual(ask(OPEN + "/").status, 403)


class SessionsTests(ForwardAuthTestCase):
    """
    Sessions that are used through another proxy are sessions like any other.
    """

    routes = [
        {**route, "upstream_logout_uri": "/logout"} if route["from"] == CHAT else route for route in CONFIG["routes"]
    ]
    settings = {**ForwardAuthTestCase.settings, "session_idle_timeout": "10m", "routes": routes}

    def test_sign_out(self) -> None:
        """
        After a sign-out nothing passes any more, on any host.
        """
        browser, cookie = self.signed_in()
        self.assertEqual(self.verify(CHAT + "/", Cookie=cookie).status, 200)
        browser.get(APP + "/.pomerium/sign_out")
        for url in (APP + "/", CHAT + "/"):
            self.assertEqual(self.verify(url, Cookie=cookie, **PAGE).status, 302)
            self.assertEqual(self.auth(url, Cookie=cookie, **PAGE).status, 401)
        [receipt] = self.receipts()
        self.assertEqual((receipt["sessions_ended"], set(receipt["exchanges_cut"].values())), (1, {0}))
        self.assertIn(CHAT, receipt["routes"])

    def test_notice(self) -> None:
        """
        An application that was used through another proxy is told of the end.
        """
        browser, cookie = self.signed_in()
        self.assertEqual(self.auth(CHAT + "/", Cookie=cookie).status, 200)
        self.chat.take()
        browser.get(APP + "/.pomerium/sign_out")
        self.advance(2)
        self.assertIn(b"POST /logout ", self.chat.take())

    def test_use(self) -> None:
        """
        Being asked about keeps a session alive, and its last address is the client's.
        """
        _, cookie = self.signed_in()
        for _ in range(4):
            self.advance(400, step=50)
            self.assertEqual(self.auth(APP + "/", Cookie=cookie).status, 200)
        [session] = self.house.registry.sessions()
        self.assertEqual(self.house.registry.last_address(session.id), CLIENT)
        self.advance(700, step=50)
        self.assertEqual(self.auth(APP + "/", Cookie=cookie).status, 401)

    def test_log(self) -> None:
        """
        The decision is in the log with what it was about, marked, by the number of the question.
        """
        _, cookie = self.signed_in()
        self.events.clear()
        self.verify(APP + "/page", method="PUT", Cookie=cookie)
        [line] = self.decisions()
        self.assertEqual(
            [line[name] for name in ("service", "host", "method", "path", "ip", "allow", "email")],
            ["authorize", "app.example.com", "PUT", "/page", CLIENT, True, "alice@example.com"],
        )
        [asked] = [event for event in self.events if event.get("service") == "proxy"]
        self.assertEqual(asked["request_id"], line["request_id"])


class CertificatesTests(ForwardAuthTestCase, CertificateCase):
    """
    Where everybody is asked for a client certificate, and the proxy has shown one.
    """

    @property
    def settings(self) -> Mapping[str, Any]:  # type: ignore[override] # made for each test
        """
        The proxy is where a certificate is.
        """
        asked = CertificateCase.settings.fget(self)  # type: ignore[attr-defined] # a property of its own
        return {**asked, "trusted_proxies": [LAPTOP]}

    def test_nobody_may_pass(self) -> None:
        """
        What the proxy has shown is not the client's, of whom nothing is known: nobody is let through.
        """
        for ask in (self.verify, self.auth):
            self.assertEqual(ask(OPEN + "/", peer=LAPTOP).status, 403)
        self.assertEqual(self.decisions()[0]["deny_why_true"], ("client-certificate-required",))
