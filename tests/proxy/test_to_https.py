"""
The listener that sends browsers to https.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.proxy.connection import Answered
from pomerium_tx.proxy.deadlines import Deadlines
from pomerium_tx.proxy.factory import DownstreamFactory
from pomerium_tx.proxy.to_https import to_https
from pomerium_tx.sessions.memory import MemoryStore
from pomerium_tx.sessions.registry import SessionRegistry
from tests.doubles.network import Network
from tests.doubles.peers import UserAgent

LOCATIONS = [
    ("GET / HTTP/1.1\r\nHost: App.example.com\r\n\r\n", "https://app.example.com/"),
    ("GET /a/b?x=1 HTTP/1.1\r\nHost: app.example.com:80\r\n\r\n", "https://app.example.com/a/b?x=1"),
    ("GET /a HTTP/1.1\r\nHost: app.example.com:8080\r\n\r\n", "https://app.example.com/a"),
    ("GET /.pomerium/sign_out HTTP/1.1\r\nHost: a.test\r\n\r\n", "https://a.test/.pomerium/sign_out"),
    ("GET /ping HTTP/1.1\r\nHost: a.test\r\n\r\n", "https://a.test/ping"),
    ("GET /robots.txt HTTP/1.1\r\nHost: a.test\r\n\r\n", "https://a.test/robots.txt"),
    ("HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n", "https://a.test/"),
    ("POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc", "https://a.test/x"),
    ("GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\n\r\n", "https://a.test/x"),
    ("OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n", "https://a.test/"),
    ("GET //evil.test HTTP/1.1\r\nHost: a.test\r\n\r\n", "https://a.test//evil.test"),
    ("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "https://[::1]/"),
    (
        "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "https://a.test/",
    ),
]
REFUSED = [
    "GET / HTTP/1.0\r\n\r\n",
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "GET /%00 HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
]


class ToHttpsTests(SynchronousTestCase):
    """
    Whatever is asked for.
    """

    def setUp(self) -> None:
        self.network = Network(Clock())
        clock = self.network.clock
        self.access: list[Answered] = []
        deadlines = Deadlines(clock, clock.seconds)
        deadlines.start()
        proxy = to_https(SessionRegistry(MemoryStore(), clock), clock, deadlines, self.access.append)
        self.network.listen("proxy", 80, DownstreamFactory(proxy))

    def asked(self, request: str) -> tuple[UserAgent, str]:
        """
        The connection, and the answer on it.
        """
        agent = UserAgent.connect(self.network, "proxy", 80)
        agent.say(request.encode("latin-1"))
        self.network.settle()
        return agent, agent.take().decode("latin-1")

    def test_redirected(self) -> None:
        """
        Everything is sent to the same URL by https, without the port, and the connection ends.
        """
        for request, location in LOCATIONS:
            with self.subTest(request=request.partition("\r\n")[0]):
                _, answer = self.asked(request)
                self.assertTrue(answer.startswith("HTTP/1.1 301 Moved Permanently\r\n"), answer)
                self.assertIn(f"\r\nLocation: {location}\r\n", answer)
                self.assertIn("\r\nConnection: close\r\n", answer)
                self.assertTrue(answer.endswith("\r\n\r\n"))

    def test_refused(self) -> None:
        """
        What cannot be read, or names no host, leads nowhere.
        """
        for request in REFUSED:
            with self.subTest(request=request.partition("\r\n")[0]):
                _, answer = self.asked(request)
                self.assertTrue(answer.startswith("HTTP/1.1 4"), answer)
                self.assertNotIn("Location", answer)

    def test_one_answer(self) -> None:
        """
        A second request on the connection is not answered.
        """
        _, answer = self.asked("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n" * 2)
        self.assertEqual(answer.count("HTTP/1.1"), 1)

    def test_log(self) -> None:
        """
        The access log has a line of it.
        """
        self.asked("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        self.assertEqual([(line.status, line.size, line.details) for line in self.access], [(301, 0, "https_redirect")])

    def test_patience(self) -> None:
        """
        Who says nothing is not waited for long, and so many at once are enough.
        """
        agents = [UserAgent.connect(self.network, "proxy", 80, peer=f"192.0.2.{number}") for number in range(60)]
        self.network.settle()
        self.assertLessEqual(sum(agent.lost is None for agent in agents), 32)
        for _ in range(8):
            self.network.clock.advance(1.0)
            self.network.settle()
        self.assertTrue(all(agent.lost is not None for agent in agents))
