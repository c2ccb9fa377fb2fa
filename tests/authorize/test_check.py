"""
The question that is asked of every request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.logger import LogLevel, capturedLogs

from pomerium_tx.authorize import verdict as outcome
from pomerium_tx.authorize.verdict import Action
from pomerium_tx.policy.decision import Decision
from tests.authorize.asking import ALICE, AUTHENTICATE, BOB, HANDSHAKE, CheckTestCase
from tests.routing.routes import a_route


class HostTests(CheckTestCase):
    """
    Whose host it is.
    """

    def test_unknown_host(self) -> None:
        """
        A host that nobody configured gets 404 for everything but the probes, whatever it presents.
        """
        for path in ("/", "/.pomerium/sign_out", "/.well-known/pomerium", "/robots.txt", "/oauth2/callback"):
            with self.subTest(path=path):
                verdict = self.ask("evil.test" + path, self.cookie(ALICE))
                self.assert_action(verdict, Action.NOT_FOUND, 404)
                self.assertIsNone(verdict.origin)
        self.assertEqual(self.known.asked, 0)
        for path in ("/ping", "/healthz"):
            self.assert_action(self.ask("evil.test" + path), Action.OWN_PATH, 200)

    def test_unknown_path(self) -> None:
        """
        A path that no route of the host is for gets 404.
        """
        verdict = self.ask("deep.example.com/elsewhere", self.cookie(ALICE))
        self.assert_action(verdict, Action.NOT_FOUND, 404)
        self.assertEqual((verdict.denials, verdict.reason), (("route-not-found",), "Not Found"))
        self.assertEqual((verdict.session, verdict.origin), (None, "https://deep.example.com"))

    def test_origin(self) -> None:
        """
        The verdict says under which external origin the host was asked.
        """
        self.assertEqual(self.ask("app.example.com/").origin, "https://app.example.com")
        self.assertEqual(self.ask("app.example.com:8443/").origin, "https://app.example.com:8443")
        self.assertEqual(self.ask("app.example.com:8443/.pomerium/").origin, "https://app.example.com:8443")
        self.assertEqual(self.ask("auth.example.com:8443/.pomerium/").origin, AUTHENTICATE)


class OwnPathTests(CheckTestCase):
    """
    What is never forwarded.
    """

    def test_route_hosts(self) -> None:
        """
        Our paths are ours by segment on every route host, whatever its routes and policies.
        """
        own = [
            "/.pomerium",
            "/.pomerium/",
            "/.pomerium/sign_out",
            "/.pomerium/unknown/x",
            "/.well-known/pomerium",
            "/.well-known/pomerium/jwks.json",
            "/ping",
            "/healthz",
        ]
        for host in ("app.example.com", "closed.example.com", "deep.example.com", "auth.example.com"):
            for path in own:
                with self.subTest(host=host, path=path):
                    verdict = self.ask(host + path)
                    self.assert_action(verdict, Action.OWN_PATH, 200)
                    self.assertEqual(verdict.reason, "")

    def test_neighbours(self) -> None:
        """
        A path that only looks like ours is the application's, and so are those of the authenticate host.
        """
        others = [
            "/.pomeriumx",
            "/.pomeriu",
            "/.well-known/pomeriumx/jwks.json",
            "/.well-known/other",
            "/x/.pomerium/sign_out",
            "/pomerium/sign_out",
            "/ping/",
            "/pingx",
            "/healthz/x",
            "/",
            "/oauth2/callback",
        ]
        for path in others:
            with self.subTest(path=path):
                self.assert_action(self.ask("app.example.com" + path), Action.SIGN_IN, 302)

    def test_authenticate_host(self) -> None:
        """
        The authenticate host has a few paths more, and nothing else.
        """
        for path in ("/", "/robots.txt", "/oauth2/callback"):
            self.assert_action(self.ask("auth.example.com" + path), Action.OWN_PATH, 200)
        for path in ("/x", "/oauth2/callback/", "/.pomeriumx"):
            self.assert_action(self.ask("auth.example.com" + path, self.cookie(ALICE)), Action.NOT_FOUND, 404)

    def test_route_on_authenticate_host(self) -> None:
        """
        A route may share the authenticate host: it gets what is not the authenticate site's.
        """
        self.make(a_route(AUTHENTICATE))
        for path in ("/", "/robots.txt", "/oauth2/callback", "/.pomerium/"):
            self.assert_action(self.ask("auth.example.com" + path, self.cookie(ALICE)), Action.OWN_PATH, 200)
        self.assert_action(self.ask("auth.example.com/x", self.cookie(ALICE)), Action.PROCEED, 200)

    def test_told_apart_by_port(self) -> None:
        """
        Two sites of one name are told apart by the ports that they name.
        """
        for origin in ("http://localhost:8001", "http://localhost"):
            with self.subTest(origin=origin):
                self.make(a_route("http://localhost:8000"), authenticate_origin=origin)
                authority = origin.removeprefix("http://")
                self.assert_action(self.ask(authority + "/"), Action.OWN_PATH, 200)
                self.assertTrue(self.authorizer.is_authenticate("localhost", 8001))
                self.assertFalse(self.authorizer.is_authenticate("localhost", 8000))
                self.assert_action(self.ask("localhost:8000/"), Action.SIGN_IN, 302)
        self.make(authenticate_origin="http://localhost:8001")
        for port in (None, 80, 8002):
            self.assertFalse(self.authorizer.is_authenticate("localhost", port))
        self.make(authenticate_origin="https://auth.example.com:443")
        for port, expected in ((None, True), (443, True), (8443, False)):
            self.assertEqual(self.authorizer.is_authenticate("auth.example.com", port), expected)


class PolicyTests(CheckTestCase):
    """
    What the route says.
    """

    def test_denied(self) -> None:
        """
        Who is signed in and not admitted gets 403, never a sign-in that changes nothing.
        """
        verdict = self.ask("bob.example.com/", self.cookie(ALICE))
        self.assert_action(verdict, Action.DENY, 403)
        self.assertIs(verdict.session, ALICE)
        self.assertEqual(verdict.reasons, ("email-unauthorized", "user-unauthorized"))
        self.assert_action(self.ask("bob.example.com/", self.cookie(BOB)), Action.PROCEED, 200)

    def test_no_rule(self) -> None:
        """
        A route without a rule is closed to everybody, and sends nobody to sign in.
        """
        for headers in ({}, self.cookie(ALICE)):
            self.assert_action(self.ask("closed.example.com/", headers), Action.DENY, 403)

    def test_public(self) -> None:
        """
        A public route serves anybody; who is signed in is known there, and every live session binds the exchange.
        """
        verdict = self.ask("public.example.com/")
        self.assert_action(verdict, Action.PROCEED, 200)
        self.assertEqual((verdict.session, verdict.live), (None, ()))
        verdict = self.ask("public.example.com/", self.cookie(ALICE))
        self.assert_action(verdict, Action.PROCEED, 200)
        self.assertEqual((verdict.session, verdict.live), (ALICE, (ALICE,)))
        verdict = self.ask("public.example.com/", self.cookie(ALICE, BOB))
        self.assert_action(verdict, Action.PROCEED, 200)
        self.assertEqual((verdict.session, verdict.live), (None, (ALICE, BOB)))

    def test_public_with_dead_handle(self) -> None:
        """
        A handle that is worth nothing does not close a public route.
        """
        self.known.live.clear()
        for headers in (self.cookie(ALICE), {"Authorization": "Pomerium x"}):
            self.assert_action(self.ask("public.example.com/", headers), Action.PROCEED, 200)

    def test_deny_wins(self) -> None:
        """
        What a deny rule says counts more than any allow rule, and asking to sign in more than both.
        """
        denied = Decision(allow=True, deny=True, reasons=("accept",), deny_reasons=("x",), unauthenticated=False)
        asked = Decision(allow=True, deny=True, reasons=("accept",), deny_reasons=("x",), unauthenticated=True)
        self.make(
            a_route("https://app.example.com", policy=lambda session, *_: asked if session is None else denied),
        )
        verdict = self.ask("app.example.com/", self.cookie(ALICE))
        self.assert_action(verdict, Action.DENY, 403)
        self.assertEqual((verdict.reasons, verdict.denials), (("accept",), ("x",)))
        self.assert_action(self.ask("app.example.com/"), Action.SIGN_IN, 302)


class FailureTests(CheckTestCase):
    """
    What goes wrong lets nobody in.
    """

    def test_any_failure(self) -> None:
        """
        Whatever breaks, the answer is 500 and the failure is logged.
        """

        class Broken(Exception):
            """
            Something broke.
            """

        def breaks(*args: object, **kwargs: object) -> Any:
            raise Broken

        self.make(
            a_route("https://app.example.com"),
            a_route("https://public.example.com", policy=breaks),
        )
        headers = self.cookie(ALICE)
        self.assert_action(self.ask("public.example.com/", headers), Action.DENY, 500)
        self.patch(self.known, "find", breaks)
        verdict = self.ask("app.example.com/", headers)
        self.assert_action(verdict, Action.DENY, 500)
        self.assertEqual((verdict.session, verdict.live, verdict.route), (None, (), None))
        self.assertEqual((verdict.allow, verdict.reason), (False, "Internal Server Error"))
        self.assertEqual(verdict.denials, (outcome.FAILED,))
        self.patch(self.handles, "presented", breaks)
        self.assert_action(self.ask("app.example.com/"), Action.DENY, 500)
        self.assertEqual(len(self.flushLoggedErrors(Broken)), 3)


class LogTests(CheckTestCase):
    """
    One line for each decision.
    """

    def logged(self, url: str, headers: Mapping[str, str], **asked: bool) -> dict[str, Any]:
        """
        The fields of the one line.
        """
        with capturedLogs() as captured:
            self.ask(url, headers, **asked)
        (event,) = captured
        self.assertEqual((event["log_format"], event["service"]), ("authorize check", "authorize"))
        # Twisted's older observers write into the event.
        legacy = {"format", "isError", "message", "system", "time"}
        return {name: value for name, value in event.items() if not name.startswith("log_") and name not in legacy}

    def test_allowed(self) -> None:
        """
        Who was let in where, and why.
        """
        event = self.logged("app.example.com:443/x?secret=1", self.cookie(ALICE))
        expected = {
            "service": "authorize",
            "request_id": "request-1",
            "method": "GET",
            "path": "/x",
            "host": "app.example.com:443",
            "ip": "192.0.2.1",
            "session_id": "session-of-alice",
            "user": "alice",
            "email": "alice@example.com",
            "route_id": a_route("https://app.example.com").id,
            "allow": True,
            "allow_why_true": ("user-ok",),
            "deny": False,
            "deny_why_false": (),
        }
        self.assertEqual(event, expected)

    def test_refused(self) -> None:
        """
        Who was refused, and why.
        """
        event = self.logged("app.example.com/", {"Cookie": "_pomerium=x"})
        self.assertEqual(
            (event["allow"], event["allow_why_false"]), (False, ("user-unauthenticated", "handle-invalid"))
        )
        self.assertEqual((event["deny"], event["session_id"], event["user"], event["email"]), (False, "", "", ""))
        event = self.logged("app.example.com/", {**HANDSHAKE, **self.cookie(ALICE)})
        self.assertEqual((event["deny"], event["deny_why_true"]), (True, ("websockets-not-allowed",)))
        event = self.logged("evil.test/", {})
        self.assertEqual((event["allow"], event["deny_why_true"], event["route_id"]), (False, ("route-not-found",), ""))
        event = self.logged("app.example.com/.pomerium/sign_out", {})
        self.assertEqual((event["allow"], event["allow_why_true"]), (True, ("pomerium-route",)))

    def test_forward_auth(self) -> None:
        """
        Where another proxy asked, the line says so, whatever the answer is; elsewhere it does not speak of it.
        """
        for host in ("app.example.com", "evil.test"):
            for headers in (self.cookie(ALICE), {}):
                self.assertIs(self.logged(f"{host}/", headers, forward_auth=True)["forward_auth"], True)
                self.assertNotIn("forward_auth", self.logged(f"{host}/", headers))

    def test_probes(self) -> None:
        """
        Probes are logged for those who look closely only.
        """
        for url, level in (("app.example.com/ping", LogLevel.debug), ("app.example.com/", LogLevel.info)):
            with capturedLogs() as captured:
                self.ask(url)
            self.assertEqual([event["log_level"] for event in captured], [level])

    def test_nothing_secret(self) -> None:
        """
        No handle, cookie, token or query reaches the log, wherever it was carried.
        """
        handle = self.handle(ALICE)
        requests: list[tuple[str, dict[str, str]]] = [
            (f"app.example.com/?pomerium_session={handle}&q=PLANTED", {}),
            ("app.example.com/", {"Cookie": f"_pomerium={handle}; other=PLANTED"}),
            ("app.example.com/", {"Authorization": f"Pomerium {handle}"}),
            ("app.example.com/", {"X-Pomerium-Authorization": handle}),
            ("app.example.com/", {"Authorization": "Basic PLANTED"}),
        ]
        for url, headers in requests:
            with capturedLogs() as captured:
                verdict = self.ask(url, headers)
            text = repr(captured) + repr(verdict)
            self.assertIn("authorize check", text)
            self.assertNotIn("PLANTED", text)
            self.assertNotIn(handle, text)
