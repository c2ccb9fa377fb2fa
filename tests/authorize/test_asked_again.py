"""
Tests of `pomerium_tx.authorize.check`: the same question again, of heads that have their fields in common.
"""

from __future__ import annotations

import gc
import json
from dataclasses import replace
from io import StringIO

from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from pomerium_tx.authorize.verdict import Action, Verdict
from pomerium_tx.http11 import remembered_heads
from pomerium_tx.http11.canonical import Canonical, canonicalise
from pomerium_tx.http11.heads import HeadLimits, RequestHead
from pomerium_tx.http11.remembered_heads import request_head
from pomerium_tx.logs import JsonLines, Threshold
from pomerium_tx.policy.client import Client
from pomerium_tx.policy.criteria import from_legacy
from pomerium_tx.policy.decision import Decision, Policy
from pomerium_tx.request_lines import lines
from pomerium_tx.sessions.session import Session
from tests.authorize.asking import ALICE, BOB, HANDSHAKE, NAVIGATION, PUBLIC, CheckTestCase
from tests.policy.clients import CLIENT
from tests.policy.people import alice
from tests.routing.routes import a_route

LIMITS = HeadLimits()


def of_requests(policies: list[Policy]) -> Policy:
    """
    The first of some policies, as one that asks about more than the session.
    """
    known: dict[Decision, Decision] = {}

    def asked(session: Session | None, head: RequestHead, canonical: Canonical, client: Client) -> Decision:
        decision = policies[0](session, head, canonical, client)
        return known.setdefault(decision, replace(decision, of_session=False))

    return asked


class AskedAgainTests(CheckTestCase):
    """
    What is remembered of a question is never its answer.
    """

    def again(
        self,
        host: str,
        target: str = "/",
        *,
        cookie: str = "",
        method: str = "GET",
        more: dict[str, str] | None = None,
        forward_auth: bool = False,
        client: Client = CLIENT,
    ) -> Verdict:
        """
        The verdict on a request as it comes from the wire, whose fields may have come before.
        """
        fields = {"Host": host, "Accept": "text/html", "Sec-Fetch-Mode": "navigate", **(more or {})}
        if cookie:
            fields["Cookie"] = cookie
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        head = request_head(f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode(), LIMITS)
        return self.authorizer.check(head, canonicalise(head), client, "request-1", forward_auth=forward_auth)

    def test_same_verdict(self) -> None:
        """
        Nothing has changed: the same verdict, whatever the target is.
        """
        cookie = self.cookie(ALICE)["Cookie"]
        first = self.again("app.example.com", "/a", cookie=cookie)
        self.assertIs(first.action, Action.PROCEED)
        self.assertIs(self.again("app.example.com", "/b?c", cookie=cookie), first)

    def test_same_credentials(self) -> None:
        """
        The same verdict also where other fields and the method have changed, as they do from a page to its pictures;
        each line of the log tells what was asked by this request.
        """
        cookie = self.cookie(ALICE)["Cookie"]
        first = self.again("app.example.com", "/a", cookie=cookie)
        told = []
        for method, host, more in (
            ("GET", "app.example.com", {"Accept": "image/png", "Referer": "https://app.example.com/a"}),
            ("POST", "app.example.com", {}),
            ("GET", "app.example.com:443", {}),
            ("GET", "app.example.com", {}),
        ):
            with capturedLogs() as events:
                verdict = self.again(host, "/b", cookie=cookie, method=method, more=more)
            self.assertIs(verdict, first)
            (event,) = events
            told.append((event["method"], event["host"], event["path"]))
        self.assertEqual(
            told,
            [
                ("GET", "app.example.com", "/b"),
                ("POST", "app.example.com", "/b"),
                ("GET", "app.example.com:443", "/b"),
                ("GET", "app.example.com", "/b"),
            ],
        )

    def test_handshake_after_a_page(self) -> None:
        """
        Whoever is let through with these cookies and this origin to a page is not therefore to a WebSocket.
        """
        more = {"Origin": "https://evil.example.com"}
        cookie = self.cookie(ALICE)["Cookie"]
        for _ in range(2):
            self.assertIs(self.again("chat.example.com", cookie=cookie, more=more).action, Action.PROCEED)
            verdict = self.again("chat.example.com", cookie=cookie, more={**HANDSHAKE, **more})
            self.assertIs(verdict.action, Action.DENY)

    def test_program_after_a_person(self) -> None:
        """
        Where nobody is signed in, a browser's page is sent to sign in, and a program with the same cookies is not.
        """
        for _ in range(2):
            self.assertIs(self.again("app.example.com", cookie="theme=dark").action, Action.SIGN_IN)
            more = {"Accept": "application/json", "Sec-Fetch-Mode": "cors"}
            self.assertIs(self.again("app.example.com", cookie="theme=dark", more=more).action, Action.UNAUTHORIZED)

    def test_ended(self) -> None:
        """
        The session has ended: nobody asks any more, and nothing that was presented lets them in.
        """
        cookie = self.cookie(ALICE)["Cookie"]
        self.again("app.example.com", cookie=cookie)
        del self.known.live[ALICE.id]
        verdict = self.again("app.example.com", cookie=cookie)
        self.assertEqual((verdict.action, verdict.session, verdict.live), (Action.SIGN_IN, None, ()))

    def test_somebody_else_now(self) -> None:
        """
        The session has been renewed as another person's: the policy is asked about that one.
        """
        cookie = self.cookie(BOB)["Cookie"]
        self.assertIs(self.again("bob.example.com", cookie=cookie).action, Action.PROCEED)
        self.known.live[BOB.id] = other = replace(BOB, user_id="mallory", email="mallory@corp.test")
        verdict = self.again("bob.example.com", cookie=cookie)
        self.assertEqual((verdict.action, verdict.status), (Action.DENY, 403))
        self.assertIs(verdict.session, other)

    def test_renewed(self) -> None:
        """
        A renewed session is who asks, not what it was before.
        """
        cookie = self.cookie(ALICE)["Cookie"]
        self.again("app.example.com", cookie=cookie)
        self.known.live[ALICE.id] = renewed = replace(ALICE, name="Alice Again")
        verdict = self.again("app.example.com", cookie=cookie)
        self.assertIs(verdict.session, renewed)
        self.assertEqual([id(session) for session in verdict.live], [id(renewed)])

    def test_another_route_of_the_host(self) -> None:
        """
        The same fields on another path are for another route, with a policy of its own.
        """
        self.make(
            a_route("https://app.example.com", prefix="/bob", policy=from_legacy(users=["bob"])),
            a_route("https://app.example.com", prefix="/"),
        )
        cookie = self.cookie(ALICE)["Cookie"]
        actions = [
            self.again("app.example.com", path, cookie=cookie).action for path in ("/", "/bob", "/", "/bob/x", "/")
        ]
        self.assertEqual(actions, [Action.PROCEED, Action.DENY, Action.PROCEED, Action.DENY, Action.PROCEED])

    def test_a_policy_that_changes_its_mind(self) -> None:
        """
        A policy that asks about more than the session is asked every time.
        """
        answers = [from_legacy(any_authenticated=True), from_legacy(users=["bob"])]
        self.make(a_route("https://app.example.com", policy=of_requests(answers)))
        cookie = self.cookie(ALICE)["Cookie"]
        self.assertIs(self.again("app.example.com", cookie=cookie).action, Action.PROCEED)
        answers.reverse()
        self.assertIs(self.again("app.example.com", cookie=cookie).action, Action.DENY)

    def test_of_the_session_alone(self) -> None:
        """
        A policy that asks about the session alone is not asked again as long as that is the same, and at once when the
        OP has said something else about the person.
        """
        asked: list[Session | None] = []
        policy = from_legacy(domains=["example.com"])

        def counted(session: Session | None, head: RequestHead, canonical: Canonical, client: Client) -> Decision:
            asked.append(session)
            return policy(session, head, canonical, client)

        self.make(a_route("https://app.example.com", policy=counted))
        cookie = self.cookie(ALICE)["Cookie"]
        for _ in range(3):
            self.assertIs(self.again("app.example.com", cookie=cookie).action, Action.PROCEED)
        self.assertEqual(asked, [ALICE])
        self.known.live[ALICE.id] = replace(ALICE, email="alice@elsewhere.example")
        self.assertIs(self.again("app.example.com", cookie=cookie).action, Action.DENY)
        del self.known.live[ALICE.id]
        for _ in range(3):
            self.assertIs(self.again("app.example.com", cookie=cookie).action, Action.SIGN_IN)

    def test_sent_to_sign_in_again(self) -> None:
        """
        Who presents nothing is sent to sign in by the same verdict for the same fields, route and origin, and by no
        other; robots are kept away, and a policy that admits nobody or everybody now is obeyed.
        """
        answers = [from_legacy(any_authenticated=True), from_legacy(), from_legacy(public=True)]
        self.make(
            a_route("https://app.example.com", prefix="/deep"),
            a_route("https://app.example.com", policy=of_requests(answers)),
            a_route("https://app.example.com:8443"),
        )
        first = self.again("app.example.com", "/a")
        self.assertIs(first.action, Action.SIGN_IN)
        self.assertIs(self.again("app.example.com", "/b"), first)
        self.assertIsNot(self.again("app.example.com", "/deep/a").route, first.route)
        self.assertEqual(self.again("app.example.com:8443", "/a").origin, "https://app.example.com:8443")
        self.assertIs(self.again("app.example.com", "/robots.txt").action, Action.ROBOTS)
        self.assertIs(self.again("app.example.com", "/a").action, Action.SIGN_IN)
        for action in (Action.DENY, Action.PROCEED):
            answers.pop(0)
            self.assertIs(self.again("app.example.com", "/a").action, action)

    def test_of_another_configuration(self) -> None:
        """
        What one configuration has found for a request is not what another one finds for the same.
        """
        lines = f"Host: app.example.com\r\nCookie: {self.cookie(ALICE)['Cookie']}\r\n"
        head = request_head(f"GET /a HTTP/1.1\r\n{lines}\r\n".encode(), LIMITS)
        canonical = canonicalise(head)
        first = self.authorizer
        for _ in range(2):
            self.make(a_route("https://app.example.com", prefix="/a", policy=from_legacy(users=["bob"])))
            second = self.authorizer
            self.make(a_route("https://other.example.com"))
            for authorizer, action in (
                (first, Action.PROCEED),
                (second, Action.DENY),
                (self.authorizer, Action.NOT_FOUND),
                (first, Action.PROCEED),
            ):
                self.assertIs(authorizer.check(head, canonical, CLIENT, "request-1").action, action)

    def test_line_of_its_own(self) -> None:
        """
        The same fields come here from two addresses, and another proxy asks about them: the line of each says which of
        all these it was.
        """
        text = StringIO()
        output = JsonLines(text, Threshold())
        lines.start(Clock(), output)
        self.addCleanup(lines.stop)
        asked = [False, True, True, False]
        clients = [CLIENT, replace(CLIENT, address="203.0.113.9")]
        expected = [(client.address, by_a_proxy) for client in clients for by_a_proxy in asked]
        for cookie in (self.cookie(ALICE)["Cookie"], ""):
            text.seek(0)
            text.truncate()
            for client in clients:
                for by_a_proxy in asked:
                    self.again("app.example.com", cookie=cookie, forward_auth=by_a_proxy, client=client)
            output.flush()
            said = [json.loads(line) for line in text.getvalue().splitlines()]
            self.assertEqual([(line["ip"], line.get("forward-auth", False)) for line in said], expected)

    def test_signed_in_meanwhile(self) -> None:
        """
        A handle in a cookie or in the query counts, whatever was said to the same fields without it.
        """
        self.assertIs(self.again("app.example.com").action, Action.SIGN_IN)
        target = f"/?pomerium_session={self.handle(ALICE)}"
        self.assertIs(self.again("app.example.com", target).action, Action.PROCEED)
        self.assertIs(self.again("app.example.com", cookie=self.cookie(ALICE)["Cookie"]).action, Action.PROCEED)
        self.assertIs(self.again("app.example.com").action, Action.SIGN_IN)

    def test_in_the_query(self) -> None:
        """
        A handle in the query counts, whatever the fields are; and only for the request that has it.
        """
        for _ in range(2):
            target = f"/?pomerium_session={self.handle(ALICE)}"
            self.assertEqual(self.again("app.example.com", target).session, ALICE)
            self.assertIsNone(self.again("app.example.com", "/").session)
        cookie = self.cookie(BOB)["Cookie"]
        self.again("app.example.com", cookie=cookie)
        verdict = self.again("app.example.com", target, cookie=cookie)
        self.assertEqual({session.id for session in verdict.live}, {ALICE.id, BOB.id})

    def test_several_sessions(self) -> None:
        """
        Of several sessions none is remembered to be the one: which of them live is seen every time.
        """
        cookie = self.cookie(ALICE, BOB)["Cookie"]
        self.assertIs(self.again("app.example.com", cookie=cookie).action, Action.SIGN_IN)
        del self.known.live[BOB.id]
        self.assertIs(self.again("app.example.com", cookie=cookie).session, ALICE)
        self.known.live[BOB.id] = BOB
        self.assertIs(self.again("app.example.com", cookie=cookie).session, None)

    def test_two_of_one_policy(self) -> None:
        """
        Routes and hosts that have a policy in common have nothing else in common: each is answered as itself, also
        where one head asks about several, as a program in front may have it.
        """
        policy = from_legacy(any_authenticated=True)
        self.make(
            a_route("https://app.example.com", prefix="/deep", policy=policy),
            a_route("https://app.example.com", policy=policy),
            a_route("https://*.example.org", policy=policy),
        )
        for cookie, action in (({"Cookie": self.cookie(ALICE)["Cookie"]}, Action.PROCEED), ({}, Action.SIGN_IN)):
            self.ask("app.example.com/", {**NAVIGATION, **cookie})
            for host, path, prefix in (
                ("app.example.com", b"/a", b"/"),
                ("app.example.com", b"/deep/a", b"/deep"),
                ("app.example.com", b"/a", b"/"),
                ("a.example.org", b"/a", b"/"),
                ("b.example.org", b"/a", b"/"),
            ):
                with self.subTest(host=host, path=path, action=action):
                    canonical = Canonical(host, None, path, None, host.encode())
                    verdict = self.authorizer.check(self.head, canonical, CLIENT, "request-1")
                    assert verdict.route is not None
                    found = (verdict.action, verdict.route.prefix, verdict.origin)
                    self.assertEqual(found, (action, prefix, f"https://{host}"))

    def test_robots_after_a_person(self) -> None:
        """
        Robots are kept away also where the same fields were sent to sign in just now.
        """
        self.assertIs(self.again("app.example.com", "/a").action, Action.SIGN_IN)
        verdict = self.again("app.example.com", "/robots.txt")
        self.assertEqual((verdict.action, verdict.status), (Action.ROBOTS, 200))

    def test_told_otherwise(self) -> None:
        """
        Whoever presents a handle in the query is a program and gets 401, whatever the same fields without it got.
        """
        for _ in range(2):
            self.assertIs(self.again("app.example.com", "/").action, Action.SIGN_IN)
            self.assertIs(self.again("app.example.com", "/?pomerium_session=stale").action, Action.UNAUTHORIZED)

    def test_nobody(self) -> None:
        """
        Nobody is let through where everybody is, and sent to sign in elsewhere, in whatever order they ask.
        """
        self.make(
            a_route("https://app.example.com", prefix="/open", policy=PUBLIC),
            a_route("https://app.example.com", prefix="/"),
        )
        actions = [self.again("app.example.com", path).action for path in ("/open", "/", "/open", "/")]
        self.assertEqual(actions, [Action.PROCEED, Action.SIGN_IN, Action.PROCEED, Action.SIGN_IN])

    def test_handshake(self) -> None:
        """
        A handshake from a page of another origin is refused each time, also after one that was not.
        """
        cookie = self.cookie(ALICE)["Cookie"]
        websocket = {**HANDSHAKE, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13"}
        for origin, action in (
            ("https://chat.example.com", Action.PROCEED),
            ("https://evil.example.com", Action.DENY),
        ) * 2:
            with self.subTest(origin=origin):
                more = {**websocket, "Origin": origin}
                self.assertIs(self.again("chat.example.com", cookie=cookie, more=more).action, action)

    def test_nothing_is_left(self) -> None:
        """
        A session that has ended, and is forgotten, is not in memory any more, whatever heads are remembered.
        """
        session = alice(id="session-of-nobody-else")
        self.known.live[session.id] = session
        cookie = f"_pomerium={self.handle(session)}"
        self.assertIs(self.again("app.example.com", cookie=cookie).session, session)
        del self.known.live[session.id]
        self.assertEqual(self.kept(session), 1)
        self.authorizer.forget(session.id)
        self.assertEqual(self.kept(session), 0)

    def test_requests_of_the_ended(self) -> None:
        """
        No request that names a session which has ended is remembered, and those of others are.
        """
        remembered_heads.forget_heads()
        sessions = [alice(id=f"session-{name}") for name in ("ended", "living")]
        for session in sessions:
            self.known.live[session.id] = session
            cookie = f"_pomerium={self.handle(session)}"
            self.assertIs(self.again("app.example.com", cookie=cookie).session, session)
        self.assertEqual((len(self.authorizer._reads), len(remembered_heads._steady)), (2, 2))
        self.authorizer.forget_requests({sessions[0].id, "another"})
        self.assertEqual((len(self.authorizer._reads), len(remembered_heads._steady)), (1, 1))
        [(_, _, block)] = remembered_heads._steady
        self.assertIn(self.handle(sessions[1]).encode(), block)

    def test_bounded(self) -> None:
        """
        What cookies present is remembered of some, not of long ones, and of none when the configuration is not asked
        any more.
        """
        for number in range(2_000):
            self.again("app.example.com", cookie=f"theme={number}")
            self.again("app.example.com", cookie=f"theme={number}{'x' * 4_000}")
            self.assertLessEqual(len(self.authorizer._reads), 1_024)
        self.again("app.example.com", cookie=f"theme={'x' * 5_000}")
        self.assertGreater(len(self.authorizer._reads), 0)
        self.authorizer.forget_all()
        self.again("app.example.com", cookie=f"theme={'y' * 5_000}")
        self.assertEqual(len(self.authorizer._reads), 0)

    def kept(self, session: Session) -> int:
        """
        How many verdicts about *session* are in memory.
        """
        gc.collect()
        return sum([type(found) is Verdict and found.session is session for found in gc.get_objects()])
