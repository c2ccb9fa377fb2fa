"""
One person's whole life, with everything that goes wrong on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import quote

from pomerium_tx.demo.messages import Fault, Received
from pomerium_tx.http11.canonical import canonicalise
from pomerium_tx.http11.heads import HeadLimits, RequestHead
from pomerium_tx.http11.reader import RequestReader
from tests.doubles.peers import request
from tests.policy.clients import CLIENT
from tests.scenarios.browser import Browser, Response, read
from tests.scenarios.secrets import Sink
from tests.scenarios.watched import WatchedTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, DENIED, OP, OPEN

CALLBACK = AUTHENTICATE + "/oauth2/callback"
SIGN_OUT = "/.pomerium/sign_out"


class LifeTestCase(WatchedTestCase):
    """
    A life in a world that is watched.
    """

    @contextmanager
    def failing(self, endpoint: str, fault: Fault | Callable[[Received], Fault | None]) -> Iterator[None]:
        """
        An endpoint of the OP misbehaves.
        """
        self.provider.faults[endpoint] = fault
        yield
        del self.provider.faults[endpoint]

    def to_the_op(self, browser: Browser, url: str = APP + "/") -> Response:
        """
        The OP's page, on the way to *url*.
        """
        page = browser.get(url)
        self.assertTrue(page.url.startswith(OP), page.url)
        return page

    def answer_of_the_op(self, browser: Browser, url: str = APP + "/") -> str:
        """
        The Authentication Response, not yet delivered.
        """
        page = self.to_the_op(browser, url)
        action, fields = page.form(0, "Sign in as Alice")
        answer = browser.post(action, fields, follow=False)
        location = answer.get("Location") or ""
        self.assertTrue(location.startswith(CALLBACK), location)
        return location

    def signing_in_badly(self) -> None:
        """
        Everything that can go wrong at sign-in.
        """

        def statuses(*urls: str, browser: Browser | None = None) -> list[int]:
            return [(browser or self.browser()).get(url).status for url in urls]

        with self.failing("discovery", Fault()):
            self.assertEqual(statuses(APP + "/"), [502])
        self.advance(10)
        browser = self.browser()
        good = self.answer_of_the_op(browser)
        self.assertEqual(statuses(good, browser=self.browser()), [400], "a stranger's browser")
        self.assertEqual(statuses(good, good, browser=browser), [200, 400])
        issuer = quote(OP, safe="")
        for of_ours, made_of_it, status in (
            ("state=", "state=AAAA", 400),
            (issuer, quote("https://evil.example", safe=""), 400),
            ("?", "?code=another-code-than-the-first&", 400),
            ("code=", "error=access_denied&x=", 401),
            ("code=", "code=AAAA", 400),
        ):
            with self.subTest(made_of_it):
                location = self.answer_of_the_op(self.fresh())
                self.assertIn(of_ours, location)
                self.assertEqual(statuses(location.replace(of_ours, made_of_it), browser=self.latest_browser), [status])

        def echo(received: Received) -> Fault:
            body = (
                f'{{"error": "invalid_grant", "error_description": "{received.parameters} {received.authorization}"}}'
            )
            return Fault(status=400, body=body.encode(), content_type="application/json")

        def echo_badly(received: Received) -> Fault:
            return Fault(status=500, body=repr((received.parameters, received.authorization)).encode())

        for endpoint, fault, status in (
            ("token", echo, 400),
            ("token", echo_badly, 502),
            ("token", Fault(status=200, body=b"not JSON", content_type="application/json"), 502),
            ("userinfo", echo_badly, 502),
            ("userinfo", Fault(status=401), 502),
        ):
            with self.subTest(endpoint, status=status):
                location = self.answer_of_the_op(self.fresh())
                with self.failing(endpoint, fault):
                    self.assertEqual(statuses(location, browser=self.latest_browser), [status])
        for alteration in ({"nonce": "another-nonce-than-ours"}, {"aud": "somebody else"}, {"exp": 1}):
            self.provider.alterations["id_token"] = lambda claims, altered=alteration: claims | altered
            location = self.answer_of_the_op(self.fresh())
            self.assertEqual(statuses(location, browser=self.latest_browser), [502])
        del self.provider.alterations["id_token"]
        for url in (
            AUTHENTICATE + "/.pomerium/sign_in?pomerium_redirect_uri=" + APP,
            CALLBACK,
            CALLBACK + "?code=a-code-that-nobody-issued&state=a-state-that-nobody-made",
            APP + "/.pomerium/callback/?pomerium_session_encrypted=something-not-sealed-by-us",
        ):
            self.assertEqual(statuses(url), [400], url)

    def fresh(self) -> Browser:
        """
        Another browser.
        """
        self.latest_browser = self.browser()
        return self.latest_browser

    def using(self, alice: Browser) -> None:
        """
        Everything that can be done with a session, and that applications and their requests can do wrong.
        """
        handle = self.handle_of(alice, APP)
        head = RequestReader(HeadLimits()).feed(
            request("GET", f"/?pomerium_session={handle}", "app.example.com", f"Cookie: _pomerium={handle}")
        )[0]
        assert isinstance(head, RequestHead)
        canonical = canonicalise(head)
        for each in (head, canonical, self.house.proxy.check(head, canonical, CLIENT, "request-1")):
            self.sinks.add(Sink.REPR, repr(each))
        for url in (
            APP + "/.pomerium/",
            APP + "/.pomerium/user",
            APP + "/.well-known/pomerium",
            APP + "/.well-known/pomerium/jwks.json",
            APP + "/.pomerium/nothing",
            APP + "/robots.txt",
            AUTHENTICATE + "/",
            AUTHENTICATE + "/.pomerium/",
            AUTHENTICATE + "/.well-known/pomerium",
            AUTHENTICATE + "/.pomerium/signed_out",
            CHAT + f"/page?pomerium_session={handle}",
            DENIED + "/",
            OPEN + "/",
            "https://nobody.example.com/",
        ):
            alice.get(url, Referer=f"{APP}/?pomerium_session={handle}")
        for name in ("Authorization", "X-Pomerium-Authorization"):
            for scheme in ("Pomerium ", "Bearer Pomerium-") if name == "Authorization" else ("",):
                answer = self.browser().once("GET", APP + "/", {name: scheme + handle})
                self.assertIn(answer.status, (200, 401), (name, scheme))
        forged = handle[:-4] + "AAAA"
        self.browser().once("GET", APP + "/", {"Cookie": f"_pomerium={forged}", "Accept": "application/json"})
        self.app.answer = (
            f"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: _pomerium={handle}\r\n"
            f"Set-Cookie: _pomerium_csrf={handle}\r\n\r\nok"
        ).encode()
        alice.get(APP + "/")
        self.app.answer = f"HTTP/1.1 200 OK\r\nX: {handle}\x00\r\n\r\n".encode()
        self.assertEqual(alice.get(APP + "/").status, 502)
        self.app.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        listening = self.network._listening.pop(("chat.internal", 8080))
        for application in self.chat.connections:
            application.transport.loseConnection()
        self.settle()
        self.assertEqual(alice.get(CHAT + "/").status, 503)
        self.network.listen("chat.internal", 8080, listening)
        cookie = f"Cookie: _pomerium={handle}"
        for asked in (
            request("GET", f"/%00{handle}", "app.example.com", cookie),
            request("GET", "/", "app.example.com", cookie, f"Host: {handle}"),
            request("GET", f"/?pomerium_session={handle} x", "app.example.com"),
            request("BAD METHOD", "/", "app.example.com", cookie),
            request("TRACE", "/", "app.example.com", cookie),
            request("GET", "/", "app.example.com", cookie, f"Transfer-Encoding: {handle}"),
            request("GET", "/" + "x" * 70_000, "app.example.com", cookie),
        ):
            self.assertIn(self.raw(asked).status, (400, 405, 414, 431, 501))

    def refreshing(self, alice: Browser) -> None:
        """
        The OP renews the session, badly at first.
        """
        before = len(self.provider.refreshes)
        with self.failing("token", Fault(status=500, body=b"{}")):
            self.advance(560, step=20)
        self.advance(200, step=10)
        self.assertGreater(len(self.provider.refreshes), before)
        with self.failing("userinfo", Fault(status=500)):
            self.advance(600, step=20)
        self.advance(60, step=10)
        self.assertEqual(alice.get(APP + "/").status, 200)

    def signing_out(self) -> None:
        """
        Every way out, and every way that is not one.
        """
        json_wanted = {"Accept": "application/json"}
        alice = self.both()
        self.download(alice)
        self.stream(alice)
        self.upload(alice)
        self.websocket(alice)
        waiting, _ = self.begin(alice, "GET", APP + "/waiting")
        self.look()
        page = self.sign_out(alice, follow=True)
        self.sinks.add_answer(read(waiting.take()))
        self.look()
        signed = next(url for url in page.trail if url.startswith(AUTHENTICATE + SIGN_OUT))
        back = page.url
        for url in (
            signed,
            signed + "x",
            back,
            back,
            AUTHENTICATE + "/.pomerium/signed_out?state=unknown-state-of-nobody",
        ):
            alice.get(url)
        self.sign_out(alice, follow=True)

        alice = self.both()
        answer = alice.fetch(APP + SIGN_OUT, **json_wanted)
        self.assertIn("end_session_url", answer.text)
        held = alice.get(APP + "/")
        self.assertIn("signed out", held.text)
        alice.click(held)

        alice = self.both()
        asking = alice.get(APP + SIGN_OUT, site="cross-site")
        self.assertEqual((asking.status, self.house.registry.count > 0), (200, True))
        alice.click(asking)

        alice = self.both()
        alice.click(alice.get(AUTHENTICATE + SIGN_OUT))
        alice = self.both()
        token = alice.get(AUTHENTICATE + "/.well-known/pomerium").get("X-CSRF-Token")
        assert token is not None
        bad = alice.once("POST", AUTHENTICATE + SIGN_OUT, {"X-CSRF-Token": token[:-4] + "AAAA"})
        self.assertLess(bad.status, 500)
        answer = alice.fetch(AUTHENTICATE + SIGN_OUT, "POST", X_CSRF_Token=token, **json_wanted)
        self.assertEqual(answer.status, 200)

        alice = self.both()
        handle = self.handle_of(alice, APP)
        self.browser().once("GET", APP + SIGN_OUT, {"Authorization": f"Pomerium {handle}"})

        alice = self.both()
        for field, value in (("Sec-Purpose", "prefetch"), ("Sec-Fetch-Site", "cross-site")):
            alice.once("GET", APP + SIGN_OUT, {field: value})
        with self.failing("revocation", Fault(status=503)):
            self.sign_out(alice)
            self.advance(100, step=10)
        self.advance(200, step=10)

        alice = self.both()
        self.sign_in(alice, APP + "/", person="alice")
        alice.jar = {key: value for key, value in alice.jar.items() if "example.com" not in key[0] or key[0] == "op"}
        self.sign_in(alice)

        refused = self.both()
        no_more = Fault(status=400, body=b'{"error": "invalid_grant"}', content_type="application/json")
        with self.failing("token", no_more):
            self.advance(700, step=20)
        self.assertNotEqual(refused.get(APP + "/", follow=False).status, 200)

        for endpoint in ("discovery", "end_session"):
            alice = self.both()
            with self.failing(endpoint, Fault()):
                self.sign_out(alice, follow=True)
        self.both()
        self.advance(15 * 3600, step=600)
        self.assertEqual(self.house.registry.count, 0)

    def live(self) -> None:
        """
        The whole life.
        """
        self.signing_in_badly()
        alice = self.both()
        self.look()
        self.using(alice)
        self.look()
        self.refreshing(alice)
        self.look()
        self.signing_out()
        self.look()
        self.flushLoggedErrors()
        self.read_log()
