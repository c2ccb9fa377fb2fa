"""
What somebody can and cannot do who has no more than one thing: SECURITY.md has the whole list; here is what no other
test says of it.
"""

from __future__ import annotations

import re
from urllib.parse import urlencode

from pomerium_tx import paths
from pomerium_tx.jose.jwt import parse
from tests.doubles.peers import UserAgent, request
from tests.scenarios.browser import Browser, Response, read
from tests.scenarios.program import Program
from tests.scenarios.traffic import HANDSHAKE, TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, CONFIG, DENIED, OP, OPEN

FORGED = "forged-by-a-stranger"
CLAIMED = (
    "X-Pomerium-Jwt-Assertion",
    "x-pomerium-claim-email",
    "X.Pomerium.Jwt.Assertion",
    "X-Forwarded-Host",
    "X.Forwarded.Proto",
    "X-Request-Id",
    "Proxy",
)
FORWARDED = {
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "denied.example.com",
    "X-Forwarded-Port": "80",
    "X-Forwarded-Prefix": "//evil.example",
    "X-Forwarded-Uri": "/ping",
    "X-Forwarded-Method": "OPTIONS",
    "X-Forwarded-For": "127.0.0.1",
    "X-Real-Ip": "127.0.0.1",
    "X-Original-Url": "/ping",
    "X-Rewrite-Url": "/ping",
    "X-Http-Method-Override": "OPTIONS",
    "Forwarded": "for=127.0.0.1;host=denied.example.com;proto=http",
}


class NetworkTests(TrafficTestCase):
    """
    Whoever can send requests, and has nothing.
    """

    settings = {"routes": [{**route, "cors_allow_preflight": True} for route in CONFIG["routes"]]}

    def test_no_diagnostics(self) -> None:
        """
        No listener for applications has metrics, profiles, a configuration or sessions to show, at any host.
        """
        places = (
            *("/metrics", "/debug/pprof/", "/debug/vars", "/stats", "/config_dump", "/config", "/server-status"),
            *("/sessions", "/revocations", "/receipts", "/doctor", "/.pomerium/admin/", "/.pomerium/metrics"),
        )
        for origin in (APP, AUTHENTICATE, "https://nobody.example.com", "https://127.0.0.1"):
            for place in places:
                with self.subTest(origin=origin, place=place):
                    answer = self.browser().once("GET", origin + place)
                    self.assertIn(answer.status, (302, 404), answer.text[:100])
                    if answer.status == 302:
                        self.assertTrue((answer.get("Location") or "").startswith(AUTHENTICATE + paths.SIGN_IN))
        self.assertEqual(self.app.take(), b"")

    def test_user_agents_open_nothing(self) -> None:
        """
        What a health checker or a robot calls itself lets nobody in.
        """
        for name in ("GoogleHC/1.0", "kube-probe/1.29", "ELB-HealthChecker/2.0", "Envoy/HC", "Googlebot/2.1", ""):
            with self.subTest(name=name):
                answer = self.browser().once("GET", APP + "/", {"User-Agent": name})
                self.assertEqual(answer.status, 302)
        self.assertEqual(self.app.take(), b"")

    def test_forwarded_fields_decide_nothing(self) -> None:
        """
        What a stranger writes into the fields of proxies changes neither route, scheme, path nor who is asked for.
        """
        plain = self.browser().once("GET", APP + "/x")
        for name, value in FORWARDED.items():
            for spelt in (name, name.upper(), name.replace("-", ".")):
                with self.subTest(name=spelt):
                    answer = self.browser().once("GET", APP + "/x", {spelt: value})
                    self.assertEqual(answer.status, plain.status)
                    self.assertIn("pomerium_redirect_uri=https%3A%2F%2Fapp.example.com%2Fx", self.location(answer))
        everything = self.browser().once("GET", AUTHENTICATE + "/.pomerium/verify", FORWARDED)
        self.assertEqual(everything.status, 403)
        self.assertEqual(self.app.take(), b"")

    def location(self, answer: Response) -> str:
        return answer.get("Location") or ""

    def test_no_way_past_the_stripping(self) -> None:
        """
        What could pass for ours is taken out of every request that an application gets: of somebody and of nobody, a
        preflight, an upgrade, an upload, HTTP/1.0, with names that Connection would take away.
        """
        alice = self.both()
        cookie = f"Cookie: {alice.cookies(APP)}"
        claimed = [f"{name}: {FORGED}" for name in CLAIMED]
        preflight = (f"Origin: {CHAT}", "Access-Control-Request-Method: GET")
        open_host, app_host, chat_host = (origin.removeprefix("https://") for origin in (OPEN, APP, CHAT))
        connection = "Connection: " + ", ".join(CLAIMED)
        for asked in (
            request("GET", "/", open_host, *claimed),
            request("OPTIONS", "/", app_host, *preflight, *claimed),
            request("OPTIONS", "/", app_host, cookie, *claimed),
            request("GET", "/", app_host, cookie, *claimed),
            request("GET", "/", app_host, cookie, *claimed, connection),
            request("HEAD", "/", app_host, cookie, *claimed),
            request("POST", "/", app_host, cookie, "Content-Length: 1", *claimed) + b"x",
            request("GET", "/", app_host, cookie, *claimed).replace(b"HTTP/1.1", b"HTTP/1.0"),
            request("GET", "/", chat_host, cookie, f"Origin: {CHAT}", *HANDSHAKE, *claimed),
        ):
            with self.subTest(asked=asked[:60]):
                UserAgent.connect(self.network, "proxy", 443).ask(asked)
                self.settle()
                heard = b"".join(application.take() for application in self.applications.values())
                self.assertNotEqual(heard, b"")
                self.assertNotIn(FORGED.encode(), heard)
                self.assertNotIn(alice.cookies(APP).encode(), heard)


class UpstreamTests(TrafficTestCase):
    """
    An application, or whoever has taken it over.
    """

    def test_hears_nothing_to_be_somebody_with(self) -> None:
        """
        All that an application hears of a person lets it in nowhere: neither at its own host nor at another's, by
        whichever field; nor does it at the authenticate host.
        """
        alice = self.both()
        for application in (self.app, self.chat):
            application.take()
        alice.get(APP + "/?x=1", Referer=f"{APP}/?pomerium_session={self.handle_of(alice, APP)}")
        heard = self.app.take().decode().split("\r\n")
        values = [line.partition(": ")[2] for line in heard if ": " in line]
        self.assertTrue(any(value.startswith("eyJ") for value in values), "there is an assertion")
        for value in values:
            for fields in (
                {"Cookie": f"_pomerium={value}"},
                {"Cookie": f"_pomerium_authenticate={value}"},
                {"Cookie": value},
                {"Authorization": f"Pomerium {value}"},
                {"Authorization": f"Bearer {value}"},
                {"X-Pomerium-Authorization": value},
                {"X-Pomerium-Jwt-Assertion": value},
            ):
                for url in (APP + "/", CHAT + "/", AUTHENTICATE + paths.DASHBOARD):
                    with self.subTest(url=url, fields=str(fields)[:60]):
                        answer = self.browser().once("GET", url, fields)
                        self.assertIn(answer.status, (302, 401))
        self.assertEqual(self.app.take() + self.chat.take(), b"")

    def test_speaks_for_nobody(self) -> None:
        """
        An answer sets no cookie of ours, for whatever path and domain, and does not end, begin or prolong a session.
        """
        alice = self.both()
        before = dict(alice.jar)
        cookies = [
            f"{name}=x; Path={path}{more}"
            for name in ("_pomerium", "_pomerium_authenticate", "_pomerium_csrf", "_pomerium_hold", "_pomerium_login")
            for path in ("/", "/.pomerium/", "/oauth2/callback")
            for more in ("", "; Domain=example.com", "; Domain=authenticate.example.com; Max-Age=0")
        ]
        lines = "".join(f"Set-Cookie: {cookie}\r\n" for cookie in cookies)
        self.app.answer = f"HTTP/1.1 200 OK\r\n{lines}Content-Length: 2\r\n\r\nok".encode()
        self.assertEqual(alice.get(APP + "/").get_all("Set-Cookie"), [])
        self.assertEqual(alice.jar, before)
        self.assertEqual(self.house.registry.count, 1)

    def test_gets_no_page_of_the_authenticate_host(self) -> None:
        """
        Its scripts read no page of the authenticate host, and press no button there.
        """
        alice = self.both()
        for url in (
            AUTHENTICATE + paths.DASHBOARD,
            AUTHENTICATE + paths.SIGN_OUT,
            AUTHENTICATE + paths.SIGNED_OUT,
        ):
            with self.subTest(url=url):
                answer = alice.fetch(url, site="same-site", Origin=APP)
                self.assertIsNone(answer.get("Access-Control-Allow-Origin"))
                self.assertIn("frame-ancestors 'none'", answer.get("Content-Security-Policy") or "")
                posted = alice.fetch(url, "POST", site="same-site", Origin=APP)
                self.assertGreaterEqual(posted.status, 400)
        published = alice.fetch(AUTHENTICATE + paths.WELL_KNOWN, site="same-site", Origin=APP)
        self.assertEqual(published.get("Access-Control-Allow-Origin"), "*")
        self.assertIsNone(published.get("Access-Control-Allow-Credentials"))
        self.assertNotIn("csrf", (published.get("Access-Control-Expose-Headers") or "").lower())
        self.assertEqual(self.house.registry.count, 1)


class AnotherRouteTests(TrafficTestCase):
    """
    Two applications of one person.
    """

    def test_assertions_are_for_one(self) -> None:
        """
        What one application is told of a person is for that application by name, and the other gets its own.
        """
        alice = self.both()
        told = {}
        for origin, application in ((APP, self.app), (CHAT, self.chat)):
            application.take()
            alice.get(origin + "/")
            [assertion] = re.findall(rb"(?i)x-pomerium-jwt-assertion: (\S+)", application.take())
            told[origin] = parse(assertion.decode()).claims
        self.assertEqual(told[APP]["aud"], "app.example.com")
        self.assertEqual(told[CHAT]["aud"], "chat.example.com")
        alice.once("GET", CHAT + "/", {"X-Pomerium-Jwt-Assertion": FORGED})
        self.assertNotIn(FORGED.encode(), self.chat.take())

    def test_cookies_are_of_one(self) -> None:
        """
        A browser sends the session cookie of one application to no other.
        """
        alice = self.both()
        handles = {self.handle_of(alice, APP), self.handle_of(alice, CHAT)}
        self.assertEqual(len(handles), 2)
        self.assertNotIn(self.handle_of(alice, APP), alice.cookies(CHAT + "/"))
        self.assertNotIn("_pomerium=", alice.cookies("https://evil.example.com/"))


class StolenHandleTests(TrafficTestCase):
    """
    The value of a route's session cookie, or the handle of a program, which is the same thing.
    """

    def authenticate(self, handle: str, path: str) -> Response:
        """
        What the authenticate host says to whoever has it.
        """
        fields = {"Cookie": f"_pomerium={handle}; _pomerium_authenticate={handle}"}
        return self.browser().once("GET", AUTHENTICATE + path, fields)

    def check(self, handle: str, alice: Browser) -> None:
        """
        It opens applications, and nothing else; and that for as long as the session lives.
        """
        self.assertEqual(self.replay(handle, APP).status, 200)
        self.assertEqual(self.replay(handle, CHAT).status, 200)
        self.assertEqual(self.replay(handle, DENIED).status, 403)
        for path in (paths.DASHBOARD, paths.SIGNED_OUT):
            answer = self.authenticate(handle, path)
            self.assertNotIn("alice", answer.text)
        link = Program(self).link()
        answer = self.browser().once("GET", link, {"Cookie": f"_pomerium={handle}; _pomerium_authenticate={handle}"})
        self.assertTrue((answer.get("Location") or "").startswith(OP), "whoever wants a handle has to sign in")
        alice.get(APP + paths.SIGN_OUT, follow=False)
        for origin in (APP, CHAT):
            self.assertEqual(self.replay(handle, origin).status, 302)

    def test_cookie(self) -> None:
        """
        A stolen cookie opens the person's applications until the session ends; it shows and ends no other sessions,
        gets no further handle, and no token.
        """
        alice = self.both()
        self.check(self.handle_of(alice, APP), alice)

    def test_program(self) -> None:
        """
        A program has no more than that.
        """
        alice = self.browser()
        self.check(Program(self).sign_in(alice), alice)

    def test_sign_out_by_the_thief(self) -> None:
        """
        The thief can end the session, and learns no ID Token by it.
        """
        alice = self.both()
        fields = {"Cookie": f"_pomerium={self.handle_of(alice, APP)}", "Sec-Fetch-Site": "none"}
        thief = self.browser()
        answer = thief.once("GET", APP + paths.SIGN_OUT, {**fields, "Sec-Fetch-Mode": "navigate"})
        onward = thief.get(answer.get("Location") or APP, follow=False)
        self.assertNotIn("id_token_hint", onward.text + (onward.get("Location") or ""))


class FrontTests(TrafficTestCase):
    """
    A proxy in front that is trusted with addresses and with questions.
    """

    settings = {"trusted_proxies": ["10.0.0.1"], "jwt_claims_headers": {"X-Email": "email"}}

    def test_makes_nobody_up(self) -> None:
        """
        It says from where people come and which request they make; it cannot say who they are.
        """
        asked = {
            "X-Forwarded-Method": "GET",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "app.example.com",
            "X-Forwarded-Uri": "/",
            "X-Forwarded-For": "192.0.2.1",
        }
        claims = {
            "X-Email": "alice@example.com",
            "X-Auth-Request-Email": "alice@example.com",
            "X-Auth-Request-User": "alice",
            "X-Pomerium-Jwt-Assertion": FORGED,
            "Remote-User": "alice",
        }
        front = self.browser(address="10.0.0.1")
        for fields in ({}, claims, *({name: value} for name, value in claims.items())):
            with self.subTest(fields=str(fields)):
                for url, more in ((AUTHENTICATE + paths.VERIFY, asked), (APP + "/", {"X-Forwarded-For": "192.0.2.1"})):
                    answer = front.once("GET", url, {**more, **fields, "Accept": "application/json"})
                    self.assertEqual(answer.status, 401)
        self.assertEqual(self.app.take(), b"")


class ProviderTests(TrafficTestCase):
    """
    The OP of a route, or whoever has taken it over.
    """

    def test_sends_nobody_elsewhere(self) -> None:
        """
        What an OP answers leads people to no other place: neither with its responses nor when it sends them back after
        a sign-out.
        """
        for query in (
            {"error": "login_required", "error_uri": "https://evil.example", "state": "x"},
            {"code": "x", "state": "https://evil.example/", "iss": OP},
            {"redirect_uri": "https://evil.example", "state": "x", "code": "y"},
        ):
            for place in (paths.PROVIDER_CALLBACK, paths.SIGNED_OUT):
                answer = self.browser().once("GET", f"{AUTHENTICATE}{place}?{urlencode(query)}")
                self.assertIsNone(answer.get("Location"))
                self.assertNotIn("evil.example", answer.text)
        raw = read(
            UserAgent.connect(self.network, "proxy", 443).ask(request("GET", "//evil.example/..", "app.example.com"))
        )
        self.assertTrue((raw.get("Location") or "").startswith(AUTHENTICATE))
