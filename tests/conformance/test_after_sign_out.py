"""
Checks 55 to 65: what is left after a sign-out, which is nothing.
"""

from __future__ import annotations

from urllib.parse import urlencode

from pomerium_tx.demo.registration import Lifetimes
from tests.conformance.case import HANDSHAKE, SIGN_OUT, SIGNED_OUT, SWITCHED, CheckTestCase, location_of
from tests.doubles.peers import UserAgent
from tests.scenarios.browser import Response, read
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, OP, OPEN

HERE = APP + "/.pomerium/sign_out"


class SignedOutTests(CheckTestCase):
    """
    A person who was on two routes, and has signed out on one.
    """

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.browser()
        self.sign_in(self.alice)
        self.alice.get(CHAT + "/")
        self.handle_on_chat = self.handle_of(self.alice, CHAT)

    def sign_out(self) -> Response:
        """
        One click, to the end.
        """
        return self.alice.get(HERE, site="same-origin")

    def test_55_other_route(self) -> None:
        """
        The other route with its old cookie: 302 to sign_in for a browser, 401 for JSON, immediately.
        """
        # Nothing but the route host's own answer: the OP has not even been asked yet.
        self.alice.get(HERE, site="same-origin", follow=False)
        self.chat.take()
        response = self.alice.get(CHAT + "/", follow=False)
        self.assertEqual(response.status, 302)
        self.assertTrue(location_of(response).startswith(AUTHENTICATE + "/.pomerium/sign_in?"))
        self.assertEqual(self.alice.fetch(CHAT + "/", Accept="application/json").status, 401)
        self.assertEqual(self.replay(self.handle_on_chat, CHAT).status, 302)
        self.assertEqual(self.replay(self.handle_on_chat, CHAT, Accept="application/json").status, 401)
        self.assertEqual(self.chat.take(), b"")

    def test_56_sign_in_again(self) -> None:
        """
        The person can sign in again on the other route, and gets a new session id.
        """
        old = self.handle(self.handle_on_chat).session_id
        self.sign_out()
        self.assertEqual(self.sign_in(self.alice, CHAT + "/").url, CHAT + "/")
        self.assertNotEqual(self.handle(self.handle_of(self.alice, CHAT)).session_id, old)
        self.assertEqual(self.replay(self.handle_on_chat, CHAT).status, 302)

    def test_57_header(self) -> None:
        """
        ``Authorization: Pomerium <old handle>`` gets 401.
        """
        for name, value in (
            ("Authorization", f"Pomerium {self.handle_on_chat}"),
            ("Authorization", f"Bearer Pomerium-{self.handle_on_chat}"),
            ("X-Pomerium-Authorization", self.handle_on_chat),
        ):
            with self.subTest(name=name, value=value[:16]):
                self.assertEqual(self.browser().once("GET", CHAT + "/", {name: value}).status, 200)
        self.sign_out()
        for name, value in (
            ("Authorization", f"Pomerium {self.handle_on_chat}"),
            ("Authorization", f"Bearer Pomerium-{self.handle_on_chat}"),
            ("X-Pomerium-Authorization", self.handle_on_chat),
        ):
            with self.subTest(name=name, value=value[:16], signed_out=True):
                self.assertEqual(self.browser().once("GET", CHAT + "/", {name: value}).status, 401)
        self.assertEqual(self.browser().get(f"{CHAT}/?pomerium_session={self.handle_on_chat}").status, 401)

    def test_58_concurrent(self) -> None:
        """
        Two concurrent sign-outs both get their redirect to the OP; each token is revoked once, one receipt is made.
        """
        agents = [UserAgent.connect(self.network, "proxy", 443) for _ in range(2)]
        for agent, origin in zip(agents, (APP, CHAT), strict=True):
            cookies = self.alice.cookies(origin + "/")
            host = origin.removeprefix("https://")
            agent.say(f"GET /.pomerium/sign_out HTTP/1.1\r\nHost: {host}\r\nCookie: {cookies}\r\n\r\n".encode())
        self.settle()
        urls = [location_of(read(agent.take())) for agent in agents]
        onward = [self.alice.get(url, site="same-site", follow=False) for url in urls]
        for response in onward:
            self.assertEqual(response.status, 302)
            self.assertTrue(location_of(response).startswith(OP + "/end-session?"))
        for response in onward:
            self.assertEqual(self.alice.get(location_of(response), site="cross-site").status, 200)
        self.advance(120)
        told = sorted(str(one.parameter("token_type_hint")) for one in self.provider.revocations)
        self.assertEqual(told, ["access_token", "refresh_token"])
        self.assertEqual(len(self.receipts()), 1)

    def test_59_other_browser(self) -> None:
        """
        Another browser of the same person stays signed in.
        """
        at_home = self.browser()
        self.sign_in(at_home)
        self.sign_out()
        self.assertEqual(at_home.get(APP + "/", follow=False).status, 200)
        self.assertEqual(self.house.registry.count, 1)

    def test_61_websocket(self) -> None:
        """
        An open WebSocket of the session is closed.
        """
        self.chat.answer = SWITCHED
        agent = self.alice.open("GET", CHAT + "/socket", f"Origin: {CHAT}", *HANDSHAKE)
        self.assertTrue(agent.take().startswith(b"HTTP/1.1 101 "))
        self.sign_out()
        self.assertEqual(agent.take(), b"\x88\x0c" + (4401).to_bytes(2, "big") + b"signed out")
        self.advance(2)
        self.assertIsNotNone(agent.lost)
        (receipt,) = self.receipts()
        self.assertEqual(receipt["exchanges_cut"]["websocket"], 1)

    def test_64_no_store(self) -> None:
        """
        Every answer of a sign-out carries Cache-Control: no-store, refusals too.
        """
        answers = [
            self.alice.get(SIGN_OUT, follow=False),
            self.alice.get(HERE, site="cross-site", follow=False),
            self.alice.fetch(HERE),
            self.alice.once("PUT", HERE),
            self.alice.once("GET", HERE, {"Sec-Purpose": "prefetch"}),
            self.alice.get(HERE + "?iss=x&sid=y", site="cross-site", follow=False),
            self.alice.get(SIGNED_OUT, follow=False),
        ]
        self.assertEqual([answer.status for answer in answers], [200, 302, 403, 405, 503, 200, 200])
        self.assertEqual(self.house.registry.count, 1)
        bob = self.browser()
        self.sign_in(bob, person="bob")
        answers.append(bob.fetch(HERE, "POST"))
        self.assertEqual((answers[-1].status, self.house.registry.count), (200, 1))
        answers.append(self.alice.get(HERE, site="same-origin", follow=False))
        answers.append(self.alice.get(location_of(answers[-1]), site="same-site", follow=False))
        self.assertEqual(self.house.registry.count, 0)
        answers.append(self.alice.get(location_of(answers[-1]), site="cross-site"))
        self.assertTrue(answers[-1].url.startswith(SIGNED_OUT))
        for answer in answers:
            with self.subTest(url=answer.url, status=answer.status):
                self.assertEqual(answer.get("Cache-Control"), "no-store")

    def test_65_sdk(self) -> None:
        """
        The JavaScript SDK's signOut() works unmodified; its redirect argument works without a flag for an origin of
        ours (overruled).
        """
        # What it does: window.location.href = origin + "/.pomerium/sign_out" [+ "?pomerium_redirect_uri=" + encoded].
        page = self.alice.get(f"{HERE}?{urlencode({'pomerium_redirect_uri': OPEN + '/bye?x=1'})}", site="same-origin")
        self.assertEqual((page.status, page.url), (200, OPEN + "/bye?x=1"))
        self.assertEqual(self.replay(self.handle_on_chat, CHAT).status, 302)
        self.sign_in(self.alice)
        page = self.alice.get(HERE, site="same-origin")
        self.assertIn("signed out everywhere", page.text)
        self.assertEqual(self.house.registry.count, 0)


class LongLivedTokensTests(CheckTestCase):
    """
    Tokens that outlive many UserInfo calls.
    """

    lifetimes = Lifetimes(access_token=3000.0, id_token=3000.0)

    def test_60_no_jobs(self) -> None:
        """
        No refresh or userinfo call is made for an ended session afterwards.
        """
        alice, bob = self.browser(), self.browser()
        self.sign_in(alice)
        self.sign_in(bob, person="bob")
        (session,) = (session for session in self.house.registry.sessions() if session.email == "alice@example.com")
        # Shortly before the first call is due.
        self.advance(590, step=10)
        alice.get(HERE, site="same-origin")
        self.provider.requests.clear()
        self.advance(3600, step=10)
        authorizations = {call.authorization for call in self.provider.userinfo_calls}
        self.assertEqual(len(authorizations), 2)
        self.assertNotIn(f"Bearer {session.tokens.access_token}", authorizations)
        (refresh,) = self.provider.refreshes
        self.assertNotEqual(refresh.parameter("refresh_token"), session.tokens.refresh_token)
