"""
Somebody who wants nothing but to cost us something: memory, time, questions to the provider. What bounds each peer by
itself is in ``docs/limits.md``; here is the whole, under many who send what they have made up.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import urlencode

from pomerium_tx import paths
from pomerium_tx.demo.messages import Fault, Received
from pomerium_tx.oidc.logout_token import EVENT
from pomerium_tx.sessions.memory import MemoryStore
from tests.doubles import keys
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, CONFIG, OP, OPEN

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
TYPED = ("Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")
FLOOD = 100
GENEROUS = 2.0
"""
Seconds that nothing here comes near, and that whatever grows with the square of its input does.
"""


class CookieTests(TrafficTestCase):
    """
    Made-up cookies.
    """

    def made_up(self) -> Iterator[str]:
        """
        As much as a head may hold, of every kind that a reader may stumble over.
        """
        yield ";" * 60_000
        yield " ;\t" * 20_000
        yield "=" * 60_000
        yield "_pomerium=" + "x" * 60_000
        yield "_pomerium=" + "." * 60_000
        yield "; ".join(f"_pomerium={n}" for n in range(4_000))
        yield "; ".join(f"_pomerium_{n:016x}=eyJ.eyJ.x" for n in range(1_500))
        yield "; ".join(f"_pomerium_{n}=x" for n in range(3_000))
        yield "; ".join(f"_pomerium_chunks=999999999; _pomerium_{n}=" for n in range(1_500))
        yield "; ".join("_pomerium=eyJhbGciOiJIUzI1NiJ9.e30." + secrets.token_urlsafe(32) for _ in range(600))
        yield "; ".join(f"_pomerium_hold={n}; _pomerium_csrf={n}; _pomerium_login={n}" for n in range(1_000))
        yield '_pomerium="' + "a; b=" * 10_000
        yield "_pomerium=\xff\xfe" * 6_000
        yield "\u00a0_pomerium=x;".encode().decode("latin-1") * 3_000

    def test_made_up(self) -> None:
        """
        Whatever a Cookie field holds, its sender is nobody, at once, on route hosts and on the authenticate host; and
        whoever has a good one beside it is who they are.
        """
        alice = self.both()
        for cookie in self.made_up():
            with self.subTest(cookie=cookie[:30], length=len(cookie)):
                began = time.monotonic()
                for url in (APP + "/", AUTHENTICATE + "/", AUTHENTICATE + "/.pomerium/", APP + "/.pomerium/sign_out"):
                    answer = self.browser().once("GET", url, {"Cookie": cookie, "Sec-Fetch-Site": "cross-site"})
                    self.assertLess(answer.status, 500)
                    self.assertNotIn("ok", answer.text[:2])
                self.assertLess(time.monotonic() - began, GENEROUS)
        self.assertEqual(alice.get(APP + "/", follow=False).text, "ok")
        self.assertEqual(self.house.registry.count, 1)


class KeysTests(TrafficTestCase):
    """
    Tokens by keys that nobody knows.
    """

    settings = {
        "identity_providers": {"ci": {"issuer": OP, "audiences": ["us"], "supported_algs": ["RS256"]}},
        "routes": [
            {**CONFIG["routes"][0], "bearer_token_format": "idp_identity_token"},
            {**CONFIG["routes"][1], "bearer_token_format": "jwt"},
            *CONFIG["routes"][2:],
        ],
    }

    def token(self, **claims: Any) -> str:
        """
        A token that is right but for its key, of which nobody has heard.
        """
        now = int(self.clock.seconds())
        good = {
            "iss": OP,
            "aud": "rp1",
            "sub": "x",
            "iat": now,
            "exp": now + 300,
            "jti": secrets.token_hex(8),
            **claims,
        }
        return keys.token(good, "RS256", header={"kid": secrets.token_hex(8)})

    def test_every_door(self) -> None:
        """
        Through all doors together - bearer tokens of the provider and of an issuer, logout tokens at every host - the
        provider is asked for its keys once in five seconds at most by each of the two who keep them, whoever sends how
        many; and nobody gets in, and nothing ends.
        """
        alice = self.both()
        asked: list[float] = []

        def count(received: Received) -> None:
            asked.append(self.clock.seconds())

        self.provider.faults["jwks"] = count
        began = self.clock.seconds()
        for number in range(60):
            address = f"198.51.100.{number % 200}"
            agents = []
            for origin, claims in ((APP, {}), (CHAT, {"aud": "us"})):
                for _ in range(5):
                    browser = self.browser(address=address)
                    agents.append(browser.open("GET", origin + "/", f"Authorization: Bearer {self.token(**claims)}"))
            for origin in (AUTHENTICATE, APP):
                logout = urlencode({"logout_token": self.token(events={EVENT: {}}, aud="rp1")}).encode()
                agents.append(
                    self.browser(address=address).open(
                        "POST",
                        origin + paths.BACKCHANNEL_LOGOUT,
                        *(f"{name}: {value}" for name, value in FORM.items()),
                        f"Content-Length: {len(logout)}",
                        content=logout,
                    )
                )
            self.advance(1.0)
        self.advance(20.0)
        spent = self.clock.seconds() - began
        self.assertGreater(len(asked), 2)
        self.assertLessEqual(len(asked), 2 * (spent // 5 + 1))
        self.assertEqual(alice.get(OPEN + "/", follow=False).status, 200)
        self.assertEqual(self.house.registry.count, 1)
        self.assertEqual(self.app.take().count(b"Bearer"), 0)


class OutageTests(TrafficTestCase):
    """
    The OP is gone.
    """

    def cut_off(self, fault: Fault) -> None:
        for endpoint in ("discovery", "jwks", "token", "userinfo", "revocation", "end_session", "authorization"):
            self.provider.faults[endpoint] = fault

    def test_sessions_go_on(self) -> None:
        """
        Whoever is signed in works on, reaches a second application, and is signed out, for as long as it lasts; when
        it is over sessions are refreshed.
        """
        for fault in (Fault(), Fault(status=503), Fault(silent=True)):
            with self.subTest(fault=str(fault)[:40]):
                alice, bob = self.both(), self.browser()
                self.sign_in(bob, person="bob")
                self.cut_off(fault)
                self.advance(590.0, step=30.0)
                self.assertEqual(alice.get(APP + "/", follow=False).text, "ok")
                self.assertEqual(bob.get(CHAT + "/", follow=True).text, "ok")
                answer = bob.open("GET", APP + paths.SIGN_OUT, *TYPED)
                self.assertIn(b" 302 ", answer.take()[:20])
                self.assertEqual(bob.get(APP + "/", follow=False).status, 302)
                self.provider.faults.clear()
                asked = len(self.provider.refreshes)
                self.advance(400.0, step=20.0)
                self.assertGreater(len(self.provider.refreshes), asked)
                self.assertEqual(alice.get(APP + "/", follow=False).text, "ok")

    def test_sign_in_says_so(self) -> None:
        """
        Whoever wants to sign in has a page within five seconds that says what is the matter and offers to try again,
        on the way there and on the way back; and a minute later can sign in.
        """
        for endpoint in ("discovery", "token", "userinfo"):
            with self.subTest(endpoint=endpoint):
                self.house.stop()
                self.network.close("proxy", 443)
                self.house = self.build_house()
                visitor = self.browser()
                if endpoint == "discovery":
                    self.provider.faults[endpoint] = Fault(silent=True)
                    url = visitor.get(APP + "/", follow=False).get("Location") or ""
                else:
                    page = visitor.get(APP + "/")
                    action, fields = page.form(0, "Sign in as Alice")
                    url = visitor.post(action, fields, follow=False).get("Location") or ""
                    self.provider.faults[endpoint] = Fault(silent=True)
                agent = visitor.open("GET", url, "Accept: text/html")
                self.assertEqual(agent.take(), b"")
                self.advance(5.0, step=0.5)
                answer = agent.take()
                self.assertIn(b" 502 ", answer[:20])
                self.assertIn(b"identity provider", answer)
                self.assertIn(b"href=", answer)
                self.provider.faults.clear()
                self.advance(60.0, step=5.0)
                self.assertEqual(self.sign_in(self.browser()).text, "ok")


class FloodTests(TrafficTestCase):
    """
    Everything that anybody can send without a session, by the hundred.
    """

    settings = {
        "trusted_proxies": ["10.0.0.1"],
        "routes": [{**CONFIG["routes"][0], "bearer_token_format": "idp_access_token"}, *CONFIG["routes"][1:]],
    }

    def kinds(self) -> dict[str, Any]:
        """
        One request of each kind, another one each time.
        """

        def made() -> str:
            return secrets.token_urlsafe(90)

        asked = {"X-Forwarded-Method": "GET", "X-Forwarded-Host": "app.example.com", "X-Forwarded-For": "192.0.2.1"}

        def logout_token() -> bytes:
            claims = {"iss": OP, "aud": "rp1", "sid": made(), "events": {EVENT: {}}}
            return urlencode({"logout_token": keys.token(claims, "RS256")}).encode()

        signed = "pomerium_expiry=9999999999&pomerium_issued=1700000000&pomerium_signature="
        state = {"code": "x", "iss": OP}
        return {
            "beginnings of a sign-in": lambda: ("GET", AUTHENTICATE + "/.pomerium/", {}, b""),
            "pages of an application": lambda: ("GET", f"{APP}/{made()}", {}, b""),
            "handles": lambda: ("GET", APP + "/", {"Cookie": f"_pomerium={made()}"}, b""),
            "hold cookies": lambda: ("GET", AUTHENTICATE + "/.pomerium/", {"Cookie": f"_pomerium_hold={made()}"}, b""),
            "CSRF cookies": lambda: (
                "GET",
                AUTHENTICATE + paths.WELL_KNOWN,
                {"Cookie": f"_pomerium_csrf={made()}"},
                b"",
            ),
            "states": lambda: (
                "GET",
                f"{AUTHENTICATE}{paths.PROVIDER_CALLBACK}?{urlencode({**state, 'state': made()})}",
                {},
                b"",
            ),
            "signed URLs": lambda: ("GET", f"{AUTHENTICATE}{paths.SIGN_IN}?{signed}{made()}", {}, b""),
            "references": lambda: ("GET", f"{AUTHENTICATE}{paths.SIGN_OUT}?pomerium_ended={made()}", {}, b""),
            "handovers": lambda: (
                "GET",
                f"{APP}{paths.ROUTE_CALLBACK}?pomerium_session_encrypted={made()}&{signed}{made()}",
                {},
                b"",
            ),
            "questions of proxies": lambda: (
                "GET",
                AUTHENTICATE + paths.VERIFY,
                {**asked, "X-Forwarded-Uri": "/" + made()},
                b"",
            ),
            "sign-outs": lambda: ("GET", APP + paths.SIGN_OUT, {"Cookie": f"_pomerium={made()}"}, b""),
            "logout tokens": lambda: ("POST", AUTHENTICATE + paths.BACKCHANNEL_LOGOUT, FORM, logout_token()),
            "login links": lambda: (
                "GET",
                f"{APP}/.pomerium/api/v1/login?pomerium_redirect_uri=http://localhost:8000/{made()}",
                {},
                b"",
            ),
            "listening pages": lambda: ("GET", APP + paths.SESSION_EVENTS, {"Sec-Fetch-Site": "same-origin"}, b""),
            "hosts": lambda: ("GET", f"https://{secrets.token_hex(16)}.example.com/", {}, b""),
        }

    def test_nothing_is_kept(self) -> None:
        """
        None of it writes anything that is kept, keeps a connection, begins a job, or asks the OP for each; whoever is
        signed in notices nothing. What a frame says by the front channel is kept, in bounds: see
        `tests.sessions.test_retention`.
        """
        alice = self.both()
        self.advance(60.0, step=10.0)
        log = cast(MemoryStore, self.store)._log
        kept, jobs = len(log), len(self.clock.getDelayedCalls())
        asked = len(self.provider.requests)
        for name, kind in self.kinds().items():
            with self.subTest(name=name):
                began = time.monotonic()
                for number in range(FLOOD):
                    method, url, fields, content = kind()
                    address = "10.0.0.1" if name == "questions of proxies" else f"198.51.100.{number % 200}"
                    answer = self.browser(address=address).once(method, url, fields, content)
                    self.assertLess(answer.status, 500)
                    self.assertNotEqual(answer.text, "ok")
                self.assertLess(time.monotonic() - began, 10 * GENEROUS)
                self.assertEqual(len(log), kept)
        self.assertLessEqual(len(self.provider.requests), asked + 5)
        self.advance(30.0, step=5.0)
        self.assertLessEqual(len(self.clock.getDelayedCalls()), jobs)
        self.assertEqual(len(self.house.factory._admission.open), 0)
        self.assertEqual(alice.get(APP + "/", follow=False).text, "ok")

    def test_distinct_tokens(self) -> None:
        """
        Bearer tokens of which each is another one cost the OP a bounded number of questions at a time, and are not
        remembered beyond theirs.
        """
        self.provider.faults["userinfo"] = Fault(silent=True)
        agents = [
            self.browser(address=f"198.51.100.{number % 200}").open(
                "GET", APP + "/", f"Authorization: Bearer {secrets.token_urlsafe(40)}"
            )
            for number in range(3 * FLOOD)
        ]
        busy = sum(b" 503 " in agent.take()[:20] for agent in agents)
        self.assertEqual(busy, 3 * FLOOD - 64)
        self.assertEqual(len(self.provider.userinfo_calls), 64)
        self.advance(20.0)
        self.assertEqual(self.app.take(), b"")
