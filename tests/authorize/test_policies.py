"""
Tests of `pomerium_tx.authorize.check` and `pomerium_tx.authorize.refusal`: policies that ask about more than a session.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.logger import capturedLogs

from pomerium_tx.authorize.refusal import DENIED
from pomerium_tx.authorize.verdict import Action, Verdict
from pomerium_tx.http11.canonical import canonicalise
from pomerium_tx.http11.heads import HeadLimits
from pomerium_tx.http11.remembered_heads import request_head
from pomerium_tx.policy.client import Client
from pomerium_tx.policy.decision import Decision
from pomerium_tx.routing.answers import FixedResponse
from tests.authorize.asking import ALICE, HANDSHAKE, PUBLIC, CheckTestCase
from tests.policy.clients import CLIENT, policy
from tests.routing.routes import a_route

URL = "https://app.example.com"
NAVIGATES = "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\n"


class RequestPolicyTests(CheckTestCase):
    """
    What is decided by the method, the path or the address, of requests that have all of their fields in common.
    """

    def by(self, written: object, **settings: Any) -> None:
        """
        One route with that policy.
        """
        self.make(a_route(URL, policy=policy(written), **settings))

    def once(self, line: str, fields: str = NAVIGATES, client: Client = CLIENT) -> Verdict:
        """
        The verdict on a request as it comes from the wire; what it would be now is the same.
        """
        head = request_head(f"{line} HTTP/1.1\r\nHost: app.example.com\r\n{fields}\r\n".encode(), HeadLimits())
        canonical = canonicalise(head)
        verdict = self.authorizer.check(head, canonical, client, "request-1")
        self.assertEqual(self.authorizer.decide(head, canonical, client), verdict)
        return verdict

    def test_in_turn(self) -> None:
        """
        The same person with the same fields is admitted to one path and not to another, in whatever order they ask.
        """
        rule = [{"domain": "example.com"}, {"http_path": {"starts_with": "/open"}}, {"http_method": {"in": ["GET"]}}]
        self.by({"allow": {"and": rule}})
        fields = NAVIGATES + f"Cookie: {self.cookie(ALICE)['Cookie']}\r\n"
        for _ in range(2):
            for line, action in (
                ("GET /open/a", Action.PROCEED),
                ("GET /closed", Action.DENY),
                ("GET /open/../closed", Action.DENY),
                ("GET /%6fpen", Action.PROCEED),
                ("POST /open/a", Action.DENY),
                ("GET /Open", Action.DENY),
            ):
                with self.subTest(line=line):
                    self.assertIs(self.once(line, fields).action, action)

    def test_where_from(self) -> None:
        """
        One that asks from elsewhere, with all the same fields, is refused.
        """
        self.by({"allow": {"and": [{"authenticated_user": True}]}, "deny": {"not": [{"source_ip": "192.0.2.0/24"}]}})
        fields = NAVIGATES + f"Cookie: {self.cookie(ALICE)['Cookie']}\r\n"
        self.assertIs(self.once("GET /", fields).action, Action.PROCEED)
        outside = self.once("GET /", fields, Client(address="198.51.100.1"))
        self.assertEqual((outside.action, outside.denials), (Action.DENY, ("source-ip-unauthorized",)))
        self.assertIs(self.once("GET /", fields).action, Action.PROCEED)

    def test_preflight(self) -> None:
        """
        A CORS preflight proceeds without a session where the route says so, and nothing else does.
        """
        self.by({"allow": {"or": [{"cors_preflight": True}, {"authenticated_user": True}]}})
        preflight = "Origin: https://page.example.org\r\nAccess-Control-Request-Method: PUT\r\n"
        verdict = self.once("OPTIONS /api", preflight)
        self.assertEqual((verdict.action, verdict.session, verdict.reasons), (Action.PROCEED, None, ("cors-request",)))
        for line, fields in (
            ("GET /api", preflight),
            ("OPTIONS /api", "Origin: https://page.example.org\r\n"),
            ("OPTIONS /api", "Access-Control-Request-Method: PUT\r\n"),
            ("OPTIONS /api", "Origin:\r\nAccess-Control-Request-Method: PUT\r\n"),
        ):
            with self.subTest(line=line, fields=fields):
                self.assertIn(self.once(line, fields).action, (Action.SIGN_IN, Action.UNAUTHORIZED))

    def test_websocket(self) -> None:
        """
        The handshake of a WebSocket is judged by the same policy.
        """
        self.by({"allow": {"and": [{"email": ALICE.email}, {"http_path": "/chat"}]}}, allow_websockets=True)
        for path, action in (("/chat", Action.PROCEED), ("/other", Action.DENY)):
            verdict = self.ask(f"app.example.com{path}", {**HANDSHAKE, **self.cookie(ALICE)})
            self.assertIs(verdict.action, action)

    def test_changed_claim(self) -> None:
        """
        Once the provider says otherwise about a person, what is under way is no longer admitted.
        """
        self.by({"allow": {"and": [{"claim/groups": "staff"}, {"http_path": {"starts_with": "/"}}]}})
        fields = NAVIGATES + f"Cookie: {self.cookie(ALICE)['Cookie']}\r\n"
        self.assertIs(self.once("GET /", fields).action, Action.PROCEED)
        self.known.live[ALICE.id] = replace(ALICE, claims={"groups": ("readers",)})
        verdict = self.once("GET /", fields)
        self.assertEqual((verdict.action, verdict.status), (Action.DENY, 403))
        self.assertEqual(verdict.reasons, ("claim-unauthorized",))

    def test_broken(self) -> None:
        """
        A policy that cannot be evaluated admits nobody.
        """

        def breaks(*asked: object) -> Decision:
            raise ZeroDivisionError

        self.make(a_route(URL, policy=breaks))
        self.assertEqual(self.ask("app.example.com/", self.cookie(ALICE)).status, 500)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class OrderTests(CheckTestCase):
    """
    What is answered first.
    """

    def verdict(self, **said: Any) -> Verdict:
        """
        The verdict on a navigation to a route whose policy says that.
        """
        decision = Decision(**{"allow": True, "deny": False, "reasons": (), "unauthenticated": False, **said})
        self.make(a_route(URL, policy=lambda *_: decision))
        return self.ask("app.example.com/")

    def test_order(self) -> None:
        """
        First the certificate, then the sign-in, then what denies, then what allows.
        """
        without = {"deny": True, "deny_reasons": ("invalid-client-certificate",), "without_certificate": True}
        denied = {"deny": True, "deny_reasons": ("source-ip-ok",)}
        for said, expected in (
            ({**without, "unauthenticated": True}, (Action.DENY, 495)),
            (without, (Action.DENY, 495)),
            ({**without, "deny": False}, (Action.DENY, 495)),
            ({**denied, "unauthenticated": True}, (Action.SIGN_IN, 302)),
            (denied, (Action.DENY, 403)),
            ({"allow": False, "reasons": ("client-certificate-required",)}, (Action.DENY, 495)),
            ({"allow": False, "reasons": ("claim-unauthorized",)}, (Action.DENY, 403)),
            ({"unauthenticated": True}, (Action.SIGN_IN, 302)),
            ({}, (Action.PROCEED, 200)),
        ):
            with self.subTest(said=said):
                verdict = self.verdict(**said)
                self.assertEqual((verdict.action, verdict.status), expected)
                # What denies is said wherever it is the reason, or would have been.
                denies = said.get("deny") or said.get("without_certificate")
                self.assertEqual(verdict.denials, said["deny_reasons"] if denies else ())

    def test_answers_itself(self) -> None:
        """
        A route that answers by itself does so only for whom its policy admits.
        """
        answer = FixedResponse(status=204, body=b"")
        self.make(a_route(URL, answer=answer), a_route("https://public.example.com", answer=answer, policy=PUBLIC))
        self.assert_action(self.ask("app.example.com/"), Action.SIGN_IN, 302)
        for verdict in (self.ask("app.example.com/", self.cookie(ALICE)), self.ask("public.example.com/")):
            self.assert_action(verdict, Action.ANSWER, 204)
            self.assertEqual(verdict.reason, "direct_response")

    def test_statuses(self) -> None:
        """
        The status of a refusal follows from the reasons of what refuses, not from those of what would have admitted.
        """
        self.assertEqual(set(DENIED), {"client-certificate-required", "invalid-client-certificate"})
        verdict = self.verdict(
            allow=False, reasons=("client-certificate-required",), deny=True, deny_reasons=("email-ok",)
        )
        self.assertEqual((verdict.status, verdict.denials), (403, ("email-ok",)))
        self.assertEqual(verdict.reason, "Forbidden")
        verdict = self.verdict(allow=False, reasons=("client-certificate-required",))
        self.assertEqual(verdict.reason, "a valid client certificate is required to access this page")

    def test_robots(self) -> None:
        """
        Robots are told to stay away, for whatever reason they are refused.
        """
        self.make(a_route(URL, policy=policy({"deny": {"or": [{"http_method": "GET"}]}})))
        self.assertIs(self.ask("app.example.com/robots.txt").action, Action.ROBOTS)


class LoggedReasonsTests(CheckTestCase):
    """
    The line of the log, by Pomerium's names.
    """

    def logged(self, written: object) -> dict[str, Any]:
        """
        What it says of allow and deny, for Alice's request.
        """
        self.make(a_route(URL, policy=policy(written)))
        with capturedLogs() as captured:
            self.ask("app.example.com/", self.cookie(ALICE))
        (event,) = captured
        return {name: value for name, value in event.items() if name.startswith(("allow", "deny"))}

    def test_reasons(self) -> None:
        """
        Why allow is what it is, and why deny is, each under the name that says what it is.
        """
        yes, no = {"email": ALICE.email}, {"claim/groups": "nobody"}
        for allow, deny, expected in (
            (yes, no, {"allow_why_true": ("email-ok",), "deny_why_false": ("claim-unauthorized",)}),
            (yes, yes, {"allow_why_true": ("email-ok",), "deny_why_true": ("email-ok",)}),
            (no, no, {"allow_why_false": ("claim-unauthorized",), "deny_why_false": ("claim-unauthorized",)}),
            (no, yes, {"allow_why_false": ("claim-unauthorized",), "deny_why_true": ("email-ok",)}),
        ):
            with self.subTest(allow=allow, deny=deny):
                logged = self.logged({"allow": {"or": [allow]}, "deny": {"or": [deny]}})
                self.assertEqual(logged, {"allow": allow is yes, "deny": deny is yes, **expected})
        negated = self.logged({"allow": {"or": [yes]}, "deny": {"not": [no]}})
        self.assertEqual(negated["deny_why_true"], ("claim-unauthorized",))
