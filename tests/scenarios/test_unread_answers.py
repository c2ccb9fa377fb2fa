"""
An answer is complete, and its reader has not taken it: nothing that is asked for behind it keeps it from being cut.
"""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from pomerium_tx import paths
from tests.doubles import keys
from tests.doubles.peers import UserAgent, request
from tests.scenarios.browser import Browser, read
from tests.scenarios.told import ToldTestCase
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT

SECRET = b"secret" * 5000
SMALL = b"secret" * 1000
CLICK = ("Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")
DISCOVERY = "/.well-known/openid-configuration"


def unread(world: TrafficTestCase, browser: Browser) -> UserAgent:
    """
    The reader of such an answer.
    """
    agent, upstream = world.begin(browser, "GET", APP + "/file")
    agent.transport.pauseProducing()
    agent.transport.peer.window = 100
    world.answer(upstream, f"Content-Length: {len(SECRET)}", SECRET)
    assert agent.transport.peer.unsent
    return agent


def read_on(world: TrafficTestCase, agent: UserAgent) -> bytes:
    """
    What its reader gets as soon as it reads.
    """
    agent.transport.peer.window = 1 << 20
    agent.transport.resumeProducing()
    world.settle()
    world.advance(0.1)
    return agent.take()


class ShieldTests(ToldTestCase):
    """
    Pages of ours that take their time.
    """

    def test_page_that_waits_for_the_op(self) -> None:
        """
        A page that cannot be answered before the OP is heard does not keep the answer.
        """
        agent = unread(self, self.laptop)
        [provider] = self.house.layout.providers.values()
        self.patch(provider._metadata, "_known", None)
        self.advance(10.0)
        self.http.hold(DISCOVERY)
        agent.say(request("GET", paths.SIGN_IN, urlsplit(AUTHENTICATE).netloc))
        self.settle()
        self.sign_out(self.laptop, CHAT)
        self.assertLess(len(read_on(self, agent)), len(SECRET))
        self.assert_broken_off(agent)

    def test_logout_token_of_anybody(self) -> None:
        """
        Nor does a logout token, whose key nobody knows yet.
        """
        agent = unread(self, self.laptop)
        [provider] = self.house.layout.providers.values()
        key = keys.private_key(provider._logout_token_alg, "evil")
        claims = {"iss": provider.settings.issuer, "aud": provider.settings.client_id}
        token = keys.token(claims, provider._logout_token_alg, header={"kid": "no-such-key"}, key=key)
        kind = "Content-Type: application/x-www-form-urlencoded"
        content = urlencode({"logout_token": token}).encode()
        agent.say(request("POST", paths.BACKCHANNEL_LOGOUT, "app.example.com", kind, content=content))
        self.settle()
        self.tell(sid=self.on_laptop.sids[0])
        self.assertLess(len(read_on(self, agent)), len(SECRET))
        self.assert_broken_off(agent)

    def test_answers_of_somebody_else(self) -> None:
        """
        Nor do very many answers of another session, on the same connection.
        """
        agent, upstream = self.begin(self.laptop, "GET", APP + "/file")
        agent.transport.pauseProducing()
        agent.transport.peer.window = 100
        self.answer(upstream, f"Content-Length: {len(SMALL)}", SMALL)
        upstream.by_hand = False
        cookie = f"Cookie: _pomerium={self.handle_of(self.bob, APP)}"
        for _ in range(257):
            agent.say(request("GET", "/", "app.example.com", cookie))
            self.settle()
        self.sign_out(self.laptop, CHAT)
        self.assertNotIn(SMALL, read_on(self, agent))
        self.assert_broken_off(agent)


class SignOutBehindTests(TrafficTestCase):
    """
    The sign-out itself, on the same connection.
    """

    def test_answered(self) -> None:
        """
        It is answered after what was asked for before it, which arrives whole, and has ended the session then.
        """
        alice = self.both()
        agent = unread(self, alice)
        cookie = f"Cookie: _pomerium={self.handle_of(alice, APP)}"
        agent.say(request("GET", "/.pomerium/sign_out", "app.example.com", cookie, *CLICK))
        self.settle()
        got = read_on(self, agent)
        before, file, answer = got.partition(SECRET)
        self.assertTrue(before.startswith(b"HTTP/1.1 200 "))
        self.assertEqual(file, SECRET)
        answered = read(answer)
        self.assertEqual(answered.status, 302)
        self.assertIn("pomerium_ended=", answered.get("Location") or "")
        self.assertEqual(self.house.registry.count, 0)

    def test_ended_meanwhile(self) -> None:
        """
        If the session ends meanwhile, both are cut.
        """
        alice = self.both()
        agent = unread(self, alice)
        agent.say(request("GET", "/.pomerium/sign_out", "app.example.com", *CLICK))
        self.settle()
        self.sign_out(alice, CHAT)
        self.assertLess(len(read_on(self, agent)), len(SECRET))
        self.assert_broken_off(agent)
