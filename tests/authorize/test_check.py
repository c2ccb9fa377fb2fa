"""
The question that is asked of every request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.authorize.check import Authorizer, unauthenticated
from pomerium_tx.authorize.verdict import Action, Verdict
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.policy.criteria import from_legacy
from pomerium_tx.policy.decision import Decision
from pomerium_tx.routing.route import Route
from pomerium_tx.routing.table import RouteTable
from pomerium_tx.sessions.handle import Carrier, Handles
from pomerium_tx.sessions.session import Session
from tests.policy.people import alice
from tests.routing.routes import a_route

KEY = b"k" * 32
ALICE = alice()
BOB = alice(id="session-of-bob", user_id="bob", email="bob@corp.test")
PUBLIC = from_legacy(public=True)
AUTHENTICATE = "https://auth.example.com"
NAVIGATION = {"Accept": "text/html,*/*;q=0.8", "Sec-Fetch-Mode": "navigate"}
HANDSHAKE = {"Upgrade": "websocket", "Connection": "Upgrade"}


class Known:
    """
    The sessions that are live.
    """

    def __init__(self, *sessions: Session) -> None:
        self.live = {session.id: session for session in sessions}
        self.asked = 0

    def find(self, session_id: str) -> Session | None:
        """
        The session, if it is still there.
        """
        self.asked += 1
        return self.live.get(session_id)


class CheckTestCase(SynchronousTestCase):
    """
    An authorizer over a few routes, and the means to ask it.
    """

    def setUp(self) -> None:
        """
        Alice and Bob are signed in.
        """
        self.handles = Handles(KEY, "_pomerium")
        self.known = Known(ALICE, BOB)
        self.make(
            a_route("https://app.example.com"),
            a_route("https://chat.example.com", allow_websockets=True),
            a_route("https://bob.example.com", policy=from_legacy(users=["bob"])),
            a_route("https://closed.example.com", policy=from_legacy()),
            a_route("https://public.example.com", policy=PUBLIC),
            a_route("https://deep.example.com", prefix="/deep"),
        )

    def make(self, *routes: Route, authenticate_origin: str = AUTHENTICATE, **settings: Any) -> None:
        """
        An authorizer over *routes*.
        """
        settings.setdefault("idp_id_of", lambda route: "idp")
        self.authorizer = Authorizer(
            RouteTable(routes), self.known, self.handles, authenticate_origin=authenticate_origin, **settings
        )

    def handle(self, session: Session, **claims: Any) -> str:
        """
        A valid handle that names *session*.
        """
        values: dict[str, Any] = {
            "user_id": session.user_id,
            "issuer": "auth.example.com",
            "audience": ("auth.example.com",),
            "idp_id": session.idp_id,
            "now": 0.0,
            **claims,
        }
        return self.handles.mint(session.id, **values)

    def cookie(self, *sessions: Session) -> dict[str, str]:
        """
        The cookies that name *sessions*.
        """
        return {"Cookie": "; ".join(f"_pomerium={self.handle(session)}" for session in sessions)}

    def ask(
        self, url: str, headers: Mapping[str, str] | list[tuple[str, str]] = NAVIGATION, method: bytes = b"GET"
    ) -> Verdict:
        """
        The verdict on a request for *url*, written ``host[:port]/path[?query]``.
        """
        authority, slash, target = url.partition("/")
        host, _, port = authority.partition(":")
        path, question, query = (slash + target).partition("?")
        pairs = list(headers.items()) if isinstance(headers, Mapping) else headers
        fields = [(name.lower().encode(), name.encode(), value.encode()) for name, value in pairs]
        upgrade = dict(pairs).get("Upgrade")
        head = RequestHead(
            method=method,
            target=(slash + target).encode(),
            minor=1,
            fields=fields,
            host=authority.encode(),
            content_length=None,
            chunked=False,
            keep_alive=True,
            upgrade=upgrade.encode() if upgrade else None,
            expect_continue=False,
            connection=frozenset(),
        )
        self.head = head
        canonical = Canonical(
            host=host,
            port=int(port) if port else None,
            path=path.encode() or b"/",
            query=query.encode() if question else None,
            authority=authority.encode(),
        )
        return self.authorizer.check(head, canonical, "192.0.2.1", "request-1")

    def assert_action(self, verdict: Verdict, action: Action, status: int) -> None:
        """
        What is done, and with which status.
        """
        self.assertEqual((verdict.action, verdict.status), (action, status))


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
        self.assertEqual(verdict.denials, ("route-not-found",))
        self.assertIsNone(verdict.session)

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
                    self.assert_action(self.ask(host + path), Action.OWN_PATH, 200)

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


class SessionTests(CheckTestCase):
    """
    Who asks.
    """

    def assert_nobody(self, verdict: Verdict, trouble: str) -> None:
        """
        The request was taken for nobody's, for that reason.
        """
        self.assert_action(verdict, Action.SIGN_IN, 302)
        self.assertIsNone(verdict.session)
        self.assertEqual(verdict.reasons, ("user-unauthenticated", trouble) if trouble else ("user-unauthenticated",))

    def test_signed_in(self) -> None:
        """
        A person with a live session goes through, by whatever carries the handle.
        """
        handle = self.handle(ALICE)
        carried: list[tuple[str, dict[str, str], Carrier]] = [
            ("app.example.com/x?y=1", {"Cookie": f"a=b; _pomerium={handle}"}, Carrier.COOKIE),
            ("app.example.com/x", {"Authorization": f"Pomerium {handle}"}, Carrier.HEADER),
            ("app.example.com/x", {"Authorization": f"Bearer Pomerium-{handle}"}, Carrier.HEADER),
            ("app.example.com/x", {"X-Pomerium-Authorization": handle}, Carrier.HEADER),
            (f"app.example.com/x?pomerium_session={handle}", {}, Carrier.QUERY),
        ]
        for url, headers, carrier in carried:
            with self.subTest(carrier=carrier, headers=list(headers)):
                verdict = self.ask(url, headers)
                self.assert_action(verdict, Action.PROCEED, 200)
                self.assertIs(verdict.session, ALICE)
                self.assertEqual(verdict.live, (ALICE,))
                self.assertIs(verdict.presented.carrier, carrier)
                self.assertEqual((verdict.allow, verdict.reasons, verdict.denials), (True, ("user-ok",), ()))

    def test_nobody(self) -> None:
        """
        Without a handle there is nobody.
        """
        self.assert_nobody(self.ask("app.example.com/"), "")

    def test_ended(self) -> None:
        """
        A handle of a session that is no more is worth nothing, from that moment on.
        """
        headers = self.cookie(ALICE)
        self.assert_action(self.ask("app.example.com/", headers), Action.PROCEED, 200)
        del self.known.live[ALICE.id]
        verdict = self.ask("app.example.com/", headers)
        self.assert_nobody(verdict, "session-not-found")
        self.assertEqual(verdict.live, ())

    def test_forged(self) -> None:
        """
        A handle that we did not sign is worth nothing, and breaks nothing.
        """
        stranger = Handles(b"x" * 32, "_pomerium").mint(
            ALICE.id, user_id="alice", issuer="i", audience=("a",), idp_id="idp", now=0.0
        )
        for value in (stranger, self.handle(ALICE)[:-2], "x", "a.b.c"):
            with self.subTest(value=value):
                self.assert_nobody(self.ask("app.example.com/", {"Cookie": f"_pomerium={value}"}), "handle-invalid")

    def test_other_provider(self) -> None:
        """
        A session of another provider than the route's is no session there, but stays bound to the exchange.
        """
        other = alice(id="other", idp_id="other")
        self.known.live[other.id] = other
        for headers in (
            self.cookie(other),
            {"Cookie": f"_pomerium={self.handle(ALICE, idp_id='other')}"},
            {"Cookie": f"_pomerium={self.handle(other, idp_id='idp')}"},
        ):
            verdict = self.ask("app.example.com/", headers)
            self.assert_nobody(verdict, "session-of-other-provider")
            self.assertEqual(len(verdict.live), 1)

    def test_handle_without_provider(self) -> None:
        """
        A handle that names no provider is judged by its session's.
        """
        headers = {"Cookie": f"_pomerium={self.handle(ALICE, idp_id='')}"}
        self.assert_action(self.ask("app.example.com/", headers), Action.PROCEED, 200)
        self.make(a_route("https://app.example.com"), idp_id_of=lambda route: "another")
        self.assert_nobody(self.ask("app.example.com/", headers), "session-of-other-provider")

    def test_several(self) -> None:
        """
        Several different valid handles are no session, but each live one binds the exchange.
        """
        verdict = self.ask("app.example.com/", self.cookie(ALICE, BOB))
        self.assert_nobody(verdict, "several-sessions-presented")
        self.assertEqual({session.id for session in verdict.live}, {ALICE.id, BOB.id})
        two_fields = [("Cookie", self.cookie(ALICE)["Cookie"]), ("Cookie", self.cookie(BOB)["Cookie"])]
        self.assert_nobody(self.ask("app.example.com/", two_fields), "several-sessions-presented")
        del self.known.live[BOB.id]
        self.assertEqual(self.ask("app.example.com/", self.cookie(ALICE, BOB)).live, (ALICE,))

    def test_twice_the_same(self) -> None:
        """
        The same session twice is that session.
        """
        self.assert_action(self.ask("app.example.com/", self.cookie(ALICE, ALICE)), Action.PROCEED, 200)

    def test_first_header_counts(self) -> None:
        """
        Of a repeated header, the first is the one that counts.
        """
        mine, other = f"Pomerium {self.handle(ALICE)}", f"Pomerium {self.handle(BOB)}"
        verdict = self.ask("app.example.com/", [("Authorization", mine), ("Authorization", other)])
        self.assertIs(verdict.session, ALICE)
        pair = [("X-Pomerium-Authorization", self.handle(each)) for each in (BOB, ALICE)]
        self.assertIs(self.ask("app.example.com/", pair).session, BOB)


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
            a_route("https://app.example.com", policy=lambda session: asked if session is None else denied),
        )
        verdict = self.ask("app.example.com/", self.cookie(ALICE))
        self.assert_action(verdict, Action.DENY, 403)
        self.assertEqual((verdict.reasons, verdict.denials), (("accept",), ("x",)))
        self.assert_action(self.ask("app.example.com/"), Action.SIGN_IN, 302)


class AnswerTests(CheckTestCase):
    """
    What an unauthenticated request gets.
    """

    def test_sign_in_or_401(self) -> None:
        """
        A navigation is redirected; whatever would not show the sign-in page gets 401.
        """
        cases: list[tuple[Mapping[str, str], Action]] = [
            ({}, Action.SIGN_IN),
            ({"Accept": "*/*"}, Action.SIGN_IN),
            (NAVIGATION, Action.SIGN_IN),
            ({"Accept": "application/json"}, Action.UNAUTHORIZED),
            ({"Accept": "text/event-stream"}, Action.UNAUTHORIZED),
            ({"Sec-Fetch-Mode": "cors"}, Action.UNAUTHORIZED),
            ({"X-Requested-With": "XMLHttpRequest"}, Action.UNAUTHORIZED),
            ({"X-Pomerium-Authorization": "stale"}, Action.UNAUTHORIZED),
            ({"Authorization": "Pomerium stale"}, Action.UNAUTHORIZED),
            ({"Authorization": "Bearer Pomerium-stale"}, Action.UNAUTHORIZED),
            ({"Authorization": "Bearer other"}, Action.SIGN_IN),
            ({"Cookie": "_pomerium=stale"}, Action.SIGN_IN),
        ]
        for headers, action in cases:
            with self.subTest(headers=headers):
                verdict = self.ask("app.example.com/", headers)
                self.assertIs(verdict.action, action)
                self.assertEqual(verdict.status, 302 if action is Action.SIGN_IN else 401)
        self.assert_action(self.ask("app.example.com/?pomerium_session=stale"), Action.UNAUTHORIZED, 401)
        self.assertEqual(self.ask("app.example.com/?pomerium_session=stale").reason, "Unauthenticated")

    def test_signed_out_header(self) -> None:
        """
        A program whose session was ended gets 401.
        """
        headers = {"Authorization": f"Pomerium {self.handle(ALICE)}"}
        del self.known.live[ALICE.id]
        self.assert_action(self.ask("app.example.com/", headers), Action.UNAUTHORIZED, 401)

    def test_ended_meanwhile(self) -> None:
        """
        A request whose session ends before the answer is told what it would be told now.
        """
        handle = self.handle(ALICE)
        cases: list[tuple[str, Mapping[str, str], Action]] = [
            ("app.example.com", {**NAVIGATION, **self.cookie(ALICE)}, Action.SIGN_IN),
            ("app.example.com", {"Sec-Fetch-Mode": "cors", **self.cookie(ALICE)}, Action.UNAUTHORIZED),
            ("app.example.com", {"Authorization": f"Pomerium {handle}"}, Action.UNAUTHORIZED),
            ("chat.example.com", {**HANDSHAKE, **self.cookie(ALICE)}, Action.UNAUTHORIZED),
        ]
        for host, headers, action in cases:
            with self.subTest(host=host, headers=list(headers)):
                before = self.ask(host + "/", headers)
                self.assertIs(before.action, Action.PROCEED)
                after = unauthenticated(self.head, before)
                self.assert_action(after, action, 302 if action is Action.SIGN_IN else 401)
                self.assertEqual((after.session, after.live, after.allow), (None, (), False))
                self.assertEqual((after.route, after.origin), (before.route, before.origin))

    def test_method(self) -> None:
        """
        The method makes no difference.
        """
        for method in (b"GET", b"HEAD", b"POST", b"OPTIONS", b"PROPFIND"):
            self.assert_action(self.ask("app.example.com/", method=method), Action.SIGN_IN, 302)

    def test_robots(self) -> None:
        """
        Robots are told to stay away where they would be refused, and read the application's own file elsewhere.
        """
        for host in ("app.example.com", "closed.example.com"):
            self.assert_action(self.ask(host + "/robots.txt"), Action.ROBOTS, 200)
        self.assert_action(self.ask("public.example.com/robots.txt"), Action.PROCEED, 200)
        self.assert_action(self.ask("app.example.com/robots.txt", self.cookie(ALICE)), Action.PROCEED, 200)
        self.assert_action(self.ask("app.example.com/x/robots.txt"), Action.SIGN_IN, 302)


class WebSocketTests(CheckTestCase):
    """
    Handshakes.
    """

    def test_allowed(self) -> None:
        """
        A handshake of a page of the same origin goes through.
        """
        headers = {**HANDSHAKE, **self.cookie(ALICE), "Origin": "https://chat.example.com"}
        self.assert_action(self.ask("chat.example.com/ws", headers), Action.PROCEED, 200)
        self.assert_action(self.ask("chat.example.com:443/ws", headers), Action.PROCEED, 200)

    def test_not_allowed(self) -> None:
        """
        Where the route has no WebSockets, a handshake gets 403, also at its robots.txt.
        """
        for path in ("/ws", "/robots.txt"):
            verdict = self.ask("app.example.com" + path, {**HANDSHAKE, **self.cookie(ALICE)})
            self.assert_action(verdict, Action.DENY, 403)
            self.assertEqual(verdict.denials, ("websockets-not-allowed",))
            self.assertTrue(verdict.allow)

    def test_anonymous(self) -> None:
        """
        A handshake without a session gets 401, since nobody would see a page.
        """
        self.assert_action(self.ask("chat.example.com/ws", HANDSHAKE), Action.UNAUTHORIZED, 401)

    def test_foreign_origin(self) -> None:
        """
        A page of another origin cannot use a person's cookie.
        """
        foreign = [
            "https://evil.test",
            "null",
            "http://chat.example.com",
            "https://chat.example.com:8443",
            "https://chat.example.com.evil.test",
            "https://app.example.com",
            "",
        ]
        for origin in foreign:
            with self.subTest(origin=origin):
                headers = {**HANDSHAKE, **self.cookie(ALICE), "Origin": origin}
                verdict = self.ask("chat.example.com/ws", headers)
                self.assert_action(verdict, Action.DENY, 403)
                self.assertEqual(verdict.denials, ("websocket-foreign-origin",))

    def test_several_origins(self) -> None:
        """
        Two origins are no origin.
        """
        headers = [
            *HANDSHAKE.items(),
            *self.cookie(ALICE).items(),
            ("Origin", "https://chat.example.com"),
            ("Origin", "https://evil.test"),
        ]
        self.assert_action(self.ask("chat.example.com/ws", headers), Action.DENY, 403)

    def test_listed_origin(self) -> None:
        """
        The route may list other origins.
        """
        origins = frozenset({"https://app.example.com"})
        self.make(a_route("https://chat.example.com", allow_websockets=True, allow_websocket_origins=origins))
        headers = {**HANDSHAKE, **self.cookie(ALICE)}
        listed = self.ask("chat.example.com/", {**headers, "Origin": "https://app.example.com"})
        self.assert_action(listed, Action.PROCEED, 200)
        other = self.ask("chat.example.com/", {**headers, "Origin": "https://app.example.com:444"})
        self.assert_action(other, Action.DENY, 403)

    def test_program(self) -> None:
        """
        A program sends no origin, or a handle that no page of another origin could send.
        """
        self.assert_action(self.ask("chat.example.com/ws", {**HANDSHAKE, **self.cookie(ALICE)}), Action.PROCEED, 200)
        headers = {**HANDSHAKE, "Authorization": f"Pomerium {self.handle(ALICE)}", "Origin": "https://evil.test"}
        self.assert_action(self.ask("chat.example.com/ws", headers), Action.PROCEED, 200)

    def test_public(self) -> None:
        """
        On a public route anybody may open one, but not with a person's cookie from elsewhere.
        """
        self.make(a_route("https://chat.example.com", allow_websockets=True, policy=PUBLIC))
        headers = {**HANDSHAKE, "Origin": "https://evil.test"}
        self.assert_action(self.ask("chat.example.com/ws", headers), Action.PROCEED, 200)
        self.assert_action(self.ask("chat.example.com/ws", {**headers, **self.cookie(ALICE)}), Action.DENY, 403)
        self.known.live.clear()
        self.assert_action(self.ask("chat.example.com/ws", {**headers, **self.cookie(ALICE)}), Action.PROCEED, 200)

    def test_other_upgrades(self) -> None:
        """
        An upgrade to something else is an ordinary request here.
        """
        headers = {"Upgrade": "h2c", "Origin": "https://evil.test", **self.cookie(ALICE)}
        self.assert_action(self.ask("app.example.com/", headers), Action.PROCEED, 200)


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
        self.assertFalse(verdict.allow)
        self.patch(self.handles, "presented", breaks)
        self.assert_action(self.ask("app.example.com/"), Action.DENY, 500)
        self.assertEqual(len(self.flushLoggedErrors(Broken)), 3)


class LogTests(CheckTestCase):
    """
    One line for each decision.
    """

    def logged(self, url: str, headers: Mapping[str, str]) -> dict[str, Any]:
        """
        The fields of the one line.
        """
        with capturedLogs() as captured:
            self.ask(url, headers)
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
