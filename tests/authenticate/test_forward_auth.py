"""
Tests for `pomerium_tx.authenticate.forward_auth`: what becomes of each outcome of the question.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.assertion.assertion import Assertions
from pomerium_tx.authenticate.forward_auth import AuthPage, Deciding, VerifyPage
from pomerium_tx.authorize.bearer import TokenUnknown
from pomerium_tx.authorize.verdict import Action, Verdict
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import HeadLimits, RequestHead
from pomerium_tx.jose.signer import derived_signer
from pomerium_tx.policy.client import Client
from pomerium_tx.routing.route import Route
from pomerium_tx.sessions.session import Session
from tests.doubles.channel import Asked, ask
from tests.policy.people import alice
from tests.routing.routes import a_route

ALICE = alice()
ROUTE = a_route("https://app.example.com", pass_identity_headers=True)
QUIET = a_route("https://app.example.com", pass_identity_headers=False)
SIGN_IN = "https://authenticate.example.com/.pomerium/sign_in?x=1"
COOKIE = "_pomerium_login=abc; Secure"

OUTCOMES = [
    # action, its status, what Traefik and Caddy get, what nginx gets
    (Action.OWN_PATH, 200, 403, 403),
    (Action.ANSWER, 200, 403, 403),
    (Action.ANSWER, 301, 403, 403),
    (Action.SIGN_IN, 302, 302, 401),
    (Action.UNAUTHORIZED, 401, 401, 401),
    (Action.DENY, 403, 403, 403),
    (Action.DENY, 495, 403, 403),
    (Action.DENY, 500, 500, 500),
    (Action.NOT_FOUND, 404, 404, 403),
    (Action.ROBOTS, 200, 403, 403),
    (Action.HOLD, 503, 503, 503),
]


class ForwardAuthTests(SynchronousTestCase):
    """
    Pages whose question is answered by the test.
    """

    verdict: Verdict

    def setUp(self) -> None:
        """
        Nothing has been asked.
        """
        self.asked: list[tuple[bytes, str, bytes, str, str]] = []
        self.used: list[tuple[Session, Route, str, str]] = []
        self.touched: list[tuple[str, str]] = []
        self.begun: list[tuple[str, list[bytes], Route]] = []
        clock = Clock()
        clock.advance(1_700_000_000)
        claim_headers = {"x-email": "email", "x-auth-request-groups": "name"}
        deciding = Deciding(
            is_trusted=lambda address: address == "10.0.0.1",
            check=self.check,
            used=lambda *use: self.used.append(use),
            touch=lambda *use: self.touched.append(use),
            begin_sign_in=self.begin,
            assertions=Assertions(derived_signer(b"s" * 32), clock, claim_headers=claim_headers),
            limits=HeadLimits(),
            normalize_path=True,
            merge_slashes=True,
        )
        self.pages = VerifyPage(deciding), AuthPage(deciding)

    def check(
        self, head: RequestHead, canonical: Canonical, client: Client, request_id: str, *, forward_auth: bool
    ) -> Verdict:
        """
        The test's verdict.
        """
        self.assertTrue(forward_auth)
        self.asked.append((head.method, canonical.host, canonical.path, client.address, request_id))
        return self.verdict

    def begin(self, url: str, cookies: Sequence[bytes], route: Route) -> tuple[str, str]:
        """
        The way to the sign-in.
        """
        self.begun.append((url, list(cookies), route))
        return SIGN_IN, COOKIE

    def decide(self, action: Action, status: int = 200, **changes: Any) -> None:
        """
        The next question has this answer.
        """
        values: dict[str, Any] = {"route": ROUTE, "session": ALICE, "origin": "https://app.example.com", **changes}
        self.verdict = Verdict(
            action=action, status=status, reason="Words", allow=action is Action.PROCEED, reasons=(), **values
        )

    def ask(self, page: VerifyPage, *, peer: str = "10.0.0.1") -> Asked:
        """
        A question about a page of the application.
        """
        fields = [
            ("X-Forwarded-Method", "GET"),
            ("X-Forwarded-Host", "app.example.com"),
            ("X-Forwarded-Uri", "/page?x"),
            ("X-Original-Method", "GET"),
            ("X-Original-URL", "https://app.example.com/page?x"),
            ("X-Forwarded-For", "192.0.2.7"),
            ("Cookie", "a=b"),
        ]
        return ask(page, "/.pomerium/verify", headers=fields, client_address="192.0.2.7", peer_address=peer)

    def test_let_through(self) -> None:
        """
        Only what may proceed is 200, and counts as a use of its session on its route.
        """
        for page in self.pages:
            self.decide(Action.PROCEED)
            answer = self.ask(page)
            self.assertEqual((answer.status, answer.text), (200, ""))
        self.assertEqual(self.asked, [(b"GET", "app.example.com", b"/page", "192.0.2.7", "request-1")] * 2)
        self.assertEqual(self.used, [(ALICE, ROUTE, "https://app.example.com", "192.0.2.7")] * 2)
        self.assertEqual(self.touched, [])

    def test_refused(self) -> None:
        """
        No other outcome is a 2xx, whatever its own status is; the session is used all the same.
        """
        verify, auth = self.pages
        for action, status, of_verify, of_auth in OUTCOMES:
            for page, expected in ((verify, of_verify), (auth, of_auth)):
                with self.subTest(action, status=status, page=type(page).__name__):
                    self.touched.clear()
                    self.decide(action, status)
                    self.assertEqual(self.ask(page).status, expected)
                    self.assertEqual((self.touched, self.used), ([(ALICE.id, "192.0.2.7")], []))
        self.assertEqual({action for action, *_ in OUTCOMES} | {Action.PROCEED}, set(Action))

    def test_held(self) -> None:
        """
        A request whose bearer token is not known yet waits for that, and is decided then; or it is 503.
        """

        async def settle(address: str, user_agent: str) -> None:
            self.assertEqual(address, "192.0.2.7")
            self.decide(Action.PROCEED)

        async def fail(address: str, user_agent: str) -> None:
            raise TokenUnknown

        for page in self.pages:
            self.decide(Action.HOLD, 503, session=None, settle=settle)
            self.assertEqual(self.ask(page).status, 200)
            self.decide(Action.HOLD, 503, session=None, settle=fail)
            self.assertEqual(self.ask(page).status, 503)

    def test_sign_in(self) -> None:
        """
        Both tell the way, with the cookie without which it would be of no use, and where it is to end.
        """
        for page in self.pages:
            self.decide(Action.SIGN_IN, 302, session=None)
            answer = self.ask(page)
            self.assertEqual((answer.header("Location"), answer.header("Set-Cookie")), (SIGN_IN, COOKIE))
        self.assertEqual(self.begun, [("https://app.example.com/page?x", [b"a=b"], ROUTE)] * 2)

    def test_without_route(self) -> None:
        """
        A permission for no route is none.
        """
        for page in self.pages:
            self.decide(Action.PROCEED, route=None)
            self.assertEqual(self.ask(page).status, 403)

    def test_stranger(self) -> None:
        """
        Who is no trusted proxy asks nothing.
        """
        for page in self.pages:
            self.assertEqual(self.ask(page, peer="192.0.2.7").status, 403)
        self.assertEqual(self.asked, [])

    def test_fault(self) -> None:
        """
        A fault of ours lets nobody through.
        """
        for page in self.pages:
            self.assertEqual(self.ask(page).status, 500)
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 2)

    def test_identity(self) -> None:
        """
        The application is told who asks where its route says so; each field is there once, what is configured first.
        """
        self.decide(Action.PROCEED)
        answer = self.ask(self.pages[0])
        self.assertIsNotNone(answer.header("X-Pomerium-Jwt-Assertion"))
        self.assertEqual(answer.header("X-Email"), ALICE.email)
        self.assertEqual(answer.header("X-Auth-Request-Email"), ALICE.email)
        self.assertEqual(answer.header("X-Auth-Request-User"), ALICE.user_id)
        self.assertEqual(answer.header("X-Auth-Request-Groups"), ALICE.name)
        self.decide(Action.PROCEED, route=QUIET)
        answer = self.ask(self.pages[0])
        for name in ("X-Pomerium-Jwt-Assertion", "X-Email", "X-Auth-Request-Email"):
            self.assertIsNone(answer.header(name))

    def test_nobody(self) -> None:
        """
        Of nobody the fields say so: a proxy puts them in the place of what a client has sent.
        """
        self.decide(Action.PROCEED, session=None)
        answer = self.ask(self.pages[0])
        self.assertEqual((answer.header("X-Email"), answer.header("X-Auth-Request-User")), ("", ""))
        self.assertEqual(self.used, [])

    def test_unreadable(self) -> None:
        """
        What cannot be read is refused before anything is decided.
        """
        for page, status in zip(self.pages, (400, 403), strict=True):
            answer = ask(page, "/", peer_address="10.0.0.1", headers=[("X-Forwarded-For", "192.0.2.7")])
            self.assertEqual(answer.status, status)
        self.assertEqual(self.asked, [])
