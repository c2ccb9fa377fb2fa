"""
What the operator reads: one access line and one authorize line for every request, one audit line for every session
that begins and for every end.
"""

from __future__ import annotations

import json
from typing import Any

from pomerium_tx import logs
from tests.doubles.peers import UserAgent, request
from tests.scenarios.browser import read
from tests.scenarios.traffic import HANDSHAKE, TrafficTestCase
from tests.scenarios.world import APP, CHAT, DENIED, OPEN
from tests.test_access import FIELDS as ACCESS

PLANTED = "planted-7a1f"
AUTHORIZE = {
    "level",
    "time",
    "message",
    "service",
    "request-id",
    "method",
    "path",
    "host",
    "ip",
    "session-id",
    "user",
    "email",
    "route-id",
    "allow",
    "deny",
}


class LogTestCase(TrafficTestCase):
    """
    A world whose log is read as it is written.
    """

    def lines(self, message: str) -> list[dict[str, Any]]:
        """
        The lines of one kind since the last time that any were asked for.
        """
        events, self.events[:] = list(self.events), []
        written = [json.loads(logs.json_line(event)) for event in events]
        self.latest = written
        return [line for line in written if line["message"] == message]

    def of(self, message: str) -> list[dict[str, Any]]:
        """
        The lines of another kind among the same.
        """
        return [line for line in self.latest if line["message"] == message]


class AccessTests(LogTestCase):
    """
    The access log.
    """

    def test_proxied(self) -> None:
        """
        A request that an application answered has a line with what was asked, by whom, and what came back.
        """
        alice = self.browser(address="192.0.2.7")
        self.sign_in(alice)
        self.lines("")
        alice.get(
            APP + f"/a/page?token={PLANTED}",
            User_Agent="Test/2.0",
            Referer=f"https://other.example.com/x?code={PLANTED}",
            X_Forwarded_For="198.51.100.7",
        )
        (line,) = self.lines(logs.ACCESS)
        self.assertEqual(set(line), ACCESS)
        self.assertEqual(
            {name: line[name] for name in ACCESS - {"time", "request-id", "duration"}},
            {
                "level": "info",
                "message": "http-request",
                "service": "proxy",
                "upstream-cluster": "app",
                "method": "GET",
                "authority": "app.example.com",
                "path": "/a/page",
                "user-agent": "Test/2.0",
                "referer": "https://other.example.com/x",
                "forwarded-for": "198.51.100.7",
                "ip": "192.0.2.7",
                "size": 2,
                "response-code": 200,
                "response-code-details": "via_upstream",
            },
        )
        self.assertNotIn(PLANTED, json.dumps(self.latest))
        (authorized,) = self.of(logs.AUTHORIZE)
        self.assertEqual(authorized["request-id"], line["request-id"])

    def test_every_answer_of_ours(self) -> None:
        """
        Each answer that we give ourselves has one line too, with its status and the size of its content.
        """
        alice = self.browser()
        self.sign_in(alice)
        alice.get(DENIED + "/")
        del self.network._listening["open.internal", 8080]
        for url, status, details in (
            (DENIED + f"/?q={PLANTED}", 403, "Forbidden"),
            ("https://nobody.example.com/", 404, "Not Found"),
            (APP + "/.pomerium/", 200, "local"),
            (APP + "/.pomerium/nothing", 404, "local"),
            (OPEN + "/", 503, "The application cannot be reached."),
        ):
            with self.subTest(url):
                self.lines("")
                answer = alice.once("GET", url, {"Accept": "text/html"})
                (line,) = self.lines(logs.ACCESS)
                self.assertEqual((answer.status, line["response-code"]), (status, status))
                self.assertEqual(line["response-code-details"], details)
                self.assertEqual(line["size"], len(answer.content))
                self.assertEqual(line["request-id"], answer.get("X-Request-Id"))
                self.assertNotIn(PLANTED, json.dumps(self.latest))

    def test_unreadable(self) -> None:
        """
        What cannot be read has a line with the same fields.
        """
        agent = UserAgent.connect(self.network, "proxy", 443)
        answered = agent.ask(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        self.assertTrue(answered.startswith(b"HTTP/1.1 400 "))
        (line,) = self.lines(logs.ACCESS)
        self.assertEqual(set(line), ACCESS)
        self.assertEqual((line["response-code"], line["size"]), (400, len(answered.partition(b"\r\n\r\n")[2])))
        agent = UserAgent.connect(self.network, "proxy", 443)
        agent.ask(request("GET", f"/%00?q={PLANTED}"))
        (line,) = self.lines(logs.ACCESS)
        self.assertEqual((line["response-code"], line["method"]), (400, "GET"))
        self.assertNotIn(PLANTED, json.dumps(self.latest))

    def test_probes(self) -> None:
        """
        Requests of ``/ping`` and ``/healthz`` are only for whoever wants every detail.
        """
        for target in ("/ping", "/healthz"):
            self.lines("")
            self.browser().get(APP + target)
            (line,) = self.lines(logs.ACCESS)
            self.assertEqual((line["level"], self.of(logs.AUTHORIZE)[0]["level"]), ("debug", "debug"))

    def test_cut(self) -> None:
        """
        What a sign-out cuts has a line that says so: with the status that was answered, or that had been.
        """
        alice = self.both()
        self.download(alice)
        self.websocket(alice)
        waiting, _ = self.begin(alice, "GET", APP + "/waiting")
        self.lines("")
        self.sign_out(alice)
        answered = read(waiting.take())
        cut = [line for line in self.lines(logs.ACCESS) if line["response-code-details"] == "cut: user_route"]
        self.assertEqual(
            sorted((line["path"], line["response-code"]) for line in cut),
            [("/file", 200), ("/socket", 101), ("/waiting", 302)],
        )
        self.assertEqual(
            [line["size"] for line in cut if line["path"] == "/waiting"], [len(answered.content)], "what was answered"
        )


class AuthorizeTests(LogTestCase):
    """
    The authorize log.
    """

    def test_allowed(self) -> None:
        """
        A request that proceeds has a line that says whose it is, on which route, and why it may.
        """
        alice = self.browser(address="192.0.2.7")
        self.sign_in(alice)
        self.lines("")
        alice.get(APP + f"/a?q={PLANTED}")
        (line,) = self.lines(logs.AUTHORIZE)
        self.assertEqual(set(line), AUTHORIZE | {"allow-why-true", "deny-why-false"})
        (session,) = self.house.registry.sessions()
        (route,) = [route for route in self.house.layout.table.routes if route.name == "app"]
        self.assertEqual(
            {name: line[name] for name in line.keys() - {"time", "request-id"}},
            {
                "level": "info",
                "message": "authorize check",
                "service": "authorize",
                "method": "GET",
                "path": "/a",
                "host": "app.example.com",
                "ip": "192.0.2.7",
                "session-id": session.id,
                "user": session.user_id,
                "email": "alice@example.com",
                "route-id": route.id,
                "allow": True,
                "allow-why-true": ["user-ok"],
                "deny": False,
                "deny-why-false": [],
            },
        )
        self.assertNotIn(PLANTED, json.dumps(self.latest))

    def test_refused(self) -> None:
        """
        A request that does not proceed has a line with the reasons against it.
        """
        alice = self.browser()
        self.sign_in(alice)
        for origin in (CHAT, DENIED):
            alice.get(origin + "/")
        stranger = self.browser()
        for browser, url, fields, why, reasons in (
            (stranger, APP + "/", {}, "allow-why-false", ["user-unauthenticated"]),
            (alice, DENIED + "/", {}, "allow-why-false", ["email-unauthorized", "user-unauthorized"]),
            (alice, "https://nobody.example.com/", {}, "deny-why-true", ["route-not-found"]),
            (
                alice,
                CHAT + "/socket",
                {**dict(field.split(": ") for field in HANDSHAKE), "Origin": "https://evil.example"},
                "deny-why-true",
                ["websocket-foreign-origin"],
            ),
        ):
            with self.subTest(url):
                self.lines("")
                browser.once("GET", url, fields)
                (line,) = self.lines(logs.AUTHORIZE)
                self.assertEqual(line["deny" if why.startswith("deny") else "allow"], why.endswith("true"))
                self.assertEqual(line[why], reasons)


class AuditTests(LogTestCase):
    """
    The audit log.
    """

    def test_session(self) -> None:
        """
        One sign-in and one sign-out are two lines: who, from where, until when; and the receipt, whose id is on the
        person's page.
        """
        alice = self.browser(address="192.0.2.7")
        self.sign_in(alice)
        alice.get(CHAT + "/")
        (begun,) = self.lines(logs.SESSION_BEGUN)
        (session,) = self.house.registry.sessions()
        self.assertEqual(
            {name: begun[name] for name in begun.keys() - {"time"}},
            {
                "level": "info",
                "message": "session_begun",
                "service": "audit",
                "session-id": session.id,
                "iss": session.iss,
                "sub": session.sub,
                "user": session.user_id,
                "email": session.email,
                "ip": "192.0.2.7",
                "user-agent": "Test/1.0",
                "expires": session.expires,
            },
        )
        page = self.sign_out(alice, follow=True)
        (ended,) = self.lines(logs.SESSION_ENDED)
        receipt = ended["receipt"]
        self.assertIn(receipt["id"], page.text)
        self.assertEqual(ended["session-ids"], [session.id])
        self.assertEqual((ended["service"], ended["level"]), ("audit", "info"))
        self.assertEqual(
            set(receipt),
            {
                "id",
                "time",
                "cause",
                "sessions_ended",
                "exchanges_cut",
                "in_doubt",
                "tokens_to_revoke",
                "op_logout",
                "replicas",
                "routes",
            },
        )
        self.assertEqual((receipt["cause"], receipt["sessions_ended"]), ("user_route", 1))
        self.assertEqual(set(receipt["exchanges_cut"]), {"websocket", "tunnel", "sse", "upload", "download"})
        self.assertEqual(receipt["tokens_to_revoke"], 2)
        self.assertEqual(receipt["routes"], [APP, CHAT])

    def test_json(self) -> None:
        """
        A script's sign-out is told the same receipt as the log, without the routes.
        """
        alice = self.both()
        self.lines("")
        answer = alice.fetch(APP + "/.pomerium/sign_out", Accept="application/json")
        told = json.loads(answer.text)
        del told["end_session_url"]
        (ended,) = self.lines(logs.SESSION_ENDED)
        routes = ended["receipt"].pop("routes")
        self.assertEqual((told, len(routes)), (ended["receipt"], 2))

    def test_nothing_ended(self) -> None:
        """
        A sign-out that ends nothing has no line, and neither has its repetition.
        """
        alice = self.both()
        self.sign_out(alice)
        self.assertEqual(len(self.lines(logs.SESSION_ENDED)), 1)
        self.sign_out(alice)
        self.sign_out(self.browser())
        self.assertEqual(self.lines(logs.SESSION_ENDED), [])
