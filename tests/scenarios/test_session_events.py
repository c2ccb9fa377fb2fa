"""
Open pages learn at once that their session has ended, whatever ended it, in whichever process.
"""

from __future__ import annotations

import json
import re

from twisted.internet.error import ConnectionDone

from pomerium_tx.sessions.store import Cause
from tests.doubles.peers import UserAgent, request
from tests.scenarios.browser import Browser, read
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT

EVENTS = "/.pomerium/session_events"
METADATA = ("Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty", "Accept: text/event-stream")
END = b"\r\n0\r\n\r\n"


class SessionEventsTestCase(TrafficTestCase):
    """
    Alice, signed in at both applications.
    """

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.both()

    def listen(self, browser: Browser, origin: str) -> UserAgent:
        """
        What a page's EventSource does; the stream has begun.
        """
        agent = browser.open("GET", origin + EVENTS, *METADATA)
        began = agent.take()
        self.assertTrue(began.startswith(b"HTTP/1.1 200 OK\r\n"), began)
        self.assertIn(b"\r\nTransfer-Encoding: chunked\r\n", began)
        self.assertTrue(began.endswith(b": listening\n\n\r\n"), began)
        return agent

    def assert_told(self, agent: UserAgent) -> None:
        """
        The page hears of the last end, and then the answer ends as answers do.
        """
        heard = agent.take()
        self.assertTrue(heard.endswith(END), heard)
        [data] = re.findall(rb"event: signed_out\ndata: (.*)\n\n", heard)
        receipt = self.receipts()[-1]
        self.assertEqual(json.loads(data), {"receipt": receipt["id"], "time": receipt["time"]})


class EveryEndTests(SessionEventsTestCase):
    """
    Whatever ends a session.
    """

    def test_sign_out_on_a_route(self) -> None:
        """
        A sign-out in one tab is heard in the others, on every host; their connections stay good for what comes next.
        """
        agents = [self.listen(self.alice, origin) for origin in (APP, APP, CHAT, AUTHENTICATE)]
        bobs = self.listen(self.both("bob"), APP)
        self.sign_out(self.alice, CHAT)
        for agent in agents:
            self.assert_told(agent)
            self.assertIsNone(agent.lost)
        self.assertEqual((bobs.take(), bobs.lost), (b"", None))
        again = agents[0].ask(f"GET {EVENTS} HTTP/1.1\r\nHost: app.example.com\r\n\r\n".encode())
        self.assertTrue(again.startswith(b"HTTP/1.1 401 "), again)

    def test_everything_else(self) -> None:
        """
        The same for the administrator, the OP, and time.
        """
        for cause in (Cause.ADMINISTRATOR, Cause.BACK_CHANNEL, Cause.EXPIRED, Cause.TOKENS_EXPIRED):
            with self.subTest(cause):
                alice = self.both()
                agent = self.listen(alice, APP)
                names = [session.id for session in self.house.registry.sessions()]
                self.successResultOf(self.house.ending.end(names, cause))
                self.settle()
                self.assert_told(agent)

    def test_expiry(self) -> None:
        """
        A session whose time is over says so in the moment, not at the next comment.
        """
        agent = self.listen(self.alice, APP)
        self.clock.advance(14 * 3600.0 + 1)
        self.settle()
        self.assert_told(agent)

    def test_another_process(self) -> None:
        """
        A sign-out in another process is heard as well.
        """
        self.build_house("second")
        agent = self.listen(self.alice, APP)
        elsewhere = self.browser("second")
        elsewhere.jar = self.alice.jar
        self.sign_out(elsewhere)
        self.assert_told(agent)

    def test_sign_out_behind_it(self) -> None:
        """
        Requests that wait behind the stream on the same connection are decided after the end.
        """
        agent = self.listen(self.alice, APP)
        agent.say(f"GET / HTTP/1.1\r\nHost: app.example.com\r\nCookie: {self.alice.cookies(APP)}\r\n\r\n".encode())
        self.settle()
        self.app.take()
        self.assertEqual(agent.take(), b"")
        self.sign_out(self.alice, CHAT)
        heard = agent.take()
        self.assertIn(END + b"HTTP/1.1 302 ", heard)
        self.assertEqual(self.app.take(), b"")

    def test_shields_nothing(self) -> None:
        """
        An application's answer that its reader has not taken is cut although a stream of ours waits behind it.
        """
        agent, upstream = self.begin(self.alice, "GET", APP + "/file")
        agent.transport.pauseProducing()
        agent.transport.peer.window = 100
        # Less than what makes the proxy pause the application: the answer is complete on our side.
        self.answer(upstream, "Content-Length: 30000", b"secret" * 5000)
        cookies = f"Cookie: {self.alice.cookies(APP)}"
        agent.say(request("GET", EVENTS, "app.example.com", cookies, *METADATA))
        self.settle()
        self.sign_out(self.alice, CHAT)
        agent.transport.peer.window = 1 << 20
        agent.transport.resumeProducing()
        self.settle()
        self.assertLess(len(agent.take()), 30_000)
        self.assert_broken_off(agent)


class NoUseTests(SessionEventsTestCase):
    """
    Listening is not using.
    """

    def test_not_in_the_receipt(self) -> None:
        """
        A receipt counts what was cut, and nobody's listening was.
        """
        self.listen(self.alice, APP)
        self.sign_out(self.alice)
        [receipt] = self.receipts()
        self.assertEqual(set(receipt["exchanges_cut"].values()), {0})
        self.assertEqual(receipt["in_doubt"], {})

    def test_no_activity(self) -> None:
        """
        Neither the request nor the comments count as a use of the session.
        """
        [session] = self.house.registry.sessions()
        seen = self.house.registry.last_seen(session.id)
        self.advance(10.0)
        agent = self.listen(self.alice, APP)
        self.advance(60.0)
        self.assertEqual(agent.take(), b"4\r\n: \n\n\r\n" * 2)
        self.assertEqual(self.house.registry.last_seen(session.id), seen)

    def test_closed_page(self) -> None:
        """
        A page that is closed is forgotten, and its place can be taken.
        """
        for _ in range(25):
            agent = self.listen(self.alice, APP)
            agent.transport.loseConnection()
            self.settle()

    def test_a_page_too_many(self) -> None:
        """
        Twenty pages of one session are enough: the next is told to wait, which is not "signed out".
        """
        for _ in range(20):
            self.listen(self.alice, APP)
        agent = self.alice.open("GET", APP + EVENTS, *METADATA)
        answer = read(agent.take())
        self.assertEqual((answer.status, answer.get("Retry-After")), (429, "30"))


class StoppingTests(SessionEventsTestCase):
    """
    The end of the service.
    """

    def test_drain(self) -> None:
        """
        When the service stops, streams end at once and in order, without a word of a sign-out.
        """
        agents = [self.listen(self.alice, origin) for origin in (APP, AUTHENTICATE)]
        self.house.drain()
        self.settle()
        for agent in agents:
            self.assertEqual(agent.take(), b"0\r\n\r\n")
            assert agent.lost is not None
            self.assertTrue(agent.lost.check(ConnectionDone))
        self.assertEqual(self.house.factory.open_connections, 0)
        self.assertEqual(self.house.registry.count, 1)


class OthersTests(SessionEventsTestCase):
    """
    Who may not listen.
    """

    def test_others(self) -> None:
        """
        Other origins get 403 whether or not anybody is signed in, people without a session 401.
        """
        for origin in (APP, AUTHENTICATE):
            for site in ("cross-site", "same-site", "none"):
                for browser in (self.alice, self.browser()):
                    with self.subTest(origin, site=site):
                        self.assertEqual(browser.fetch(origin + EVENTS, site=site).status, 403)
            self.assertEqual(self.browser().fetch(origin + EVENTS).status, 401)
