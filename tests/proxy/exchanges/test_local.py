"""
Our own pages over the data path.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.web.resource import Resource
from twisted.web.server import Site

from pomerium_tx.web.event_stream import EventStream
from pomerium_tx.web.resource import Answer, Page, PageRequest, event_stream_answer, text_answer
from tests.doubles.peers import PatientAgent, request
from tests.proxy.harness import ORIGIN, PROXY, ProxyTestCase


class Echo(Page):
    """
    Says what it was asked.
    """

    methods = ("GET", "POST")
    reads_form = True

    async def answer(self, request: PageRequest) -> Answer:
        """
        Method, URL and form.
        """
        return text_answer(f"{request.method} {request.url} {dict(request.form_fields)}\n")


class Slow(Page):
    """
    Answers when it is told.
    """

    def __init__(self) -> None:
        super().__init__()
        self.told: Deferred[None] = Deferred()

    async def answer(self, request: PageRequest) -> Answer:
        """
        After a wait.
        """
        await self.told
        return text_answer("at last")


class Events(Page):
    """
    Says nothing for as long as anybody listens.
    """

    def __init__(self) -> None:
        super().__init__()
        self.over: list[EventStream] = []

    async def answer(self, request: PageRequest) -> Answer:
        """
        A stream.
        """
        return event_stream_answer(EventStream(self.over.append))


class LocalTests(ProxyTestCase):
    """
    A page of the tree, asked through the proxy.
    """

    def setUp(self) -> None:
        root, ours, self.slow = Resource(), Resource(), Slow()
        root.putChild(b".pomerium", ours)
        ours.putChild(b"echo", Echo())
        ours.putChild(b"slow", self.slow)
        self.events = Events()
        ours.putChild(b"events", self.events)
        self.site = Site(root)
        super().setUp()

    def test_get(self) -> None:
        """
        A page is answered with its external URL, and the connection lives on.
        """
        answer = self.agent.ask(request("GET", "/.pomerium/echo?a=1"))
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer)
        self.assertIn(f"GET {ORIGIN}/.pomerium/echo?a=1".encode(), answer)
        self.assertIsNone(self.agent.lost)
        self.assertEqual([record.status for record in self.access], [200])

    def test_closed_direction(self) -> None:
        """
        Who closes its direction after asking gets the page; who does so too early is told, and a stream ends.
        """
        agents = []
        for asked in (
            request("GET", "/.pomerium/slow"),
            request("POST", "/.pomerium/echo", "app.example.com", "Content-Length: 9") + b"a=1",
            request("GET", "/.pomerium/events"),
        ):
            agent = PatientAgent.connect(self.network, *PROXY)
            assert isinstance(agent, PatientAgent)
            agent.say(asked)
            self.settle()
            agent.transport.loseWriteConnection()
            self.settle()
            agents.append(agent)
        self.slow.told.callback(None)
        self.settle()
        waited, incomplete, stream = agents
        self.assertTrue(waited.take().endswith(b"at last"))
        self.assertTrue(waited.heard_out)
        self.assertTrue(incomplete.take().startswith(b"HTTP/1.1 400 "))
        self.assertTrue(incomplete.heard_out)
        self.assertTrue(stream.take().startswith(b"HTTP/1.1 200 "))
        self.assertIsNotNone(stream.lost)
        self.assertEqual(len(self.events.over), 1)

    def test_form(self) -> None:
        """
        A form is read, chunked or not.
        """
        kind = "Content-Type: application/x-www-form-urlencoded"
        answer = self.agent.ask(request("POST", "/.pomerium/echo", "app.example.com", kind, content=b"a=b"))
        self.assertIn(b"{'a': 'b'}", answer)
        self.agent.ask(request("POST", "/.pomerium/echo", "app.example.com", kind, "Transfer-Encoding: chunked"))
        self.assertIn(b"{'a': 'b'}", self.agent.ask(b"3\r\na=b\r\n0\r\n\r\n"))

    def test_large_content(self) -> None:
        """
        More content than a page takes is 413, at once.
        """
        answer = self.agent.ask(request("POST", "/.pomerium/echo", content=b"x" * 70_000))
        self.assertTrue(answer.startswith(b"HTTP/1.1 413 "), answer)
        self.assertIsNotNone(self.agent.lost)

    def test_large_content_of_unknown_size(self) -> None:
        """
        Content that does not say how much it is, is refused as soon as it is too much.
        """
        self.agent.ask(request("POST", "/.pomerium/echo", "app.example.com", "Transfer-Encoding: chunked"))
        answer = self.agent.ask((b"8000\r\n" + b"x" * 0x8000 + b"\r\n") * 3)
        self.assertTrue(answer.startswith(b"HTTP/1.1 413 "), answer)

    def test_large_content_is_not_asked_for(self) -> None:
        """
        Content that is announced as too large is refused before any of it is sent.
        """
        answer = self.agent.ask(
            request("POST", "/.pomerium/echo", "app.example.com", "Expect: 100-continue", "Content-Length: 70000")
        )
        self.assertTrue(answer.startswith(b"HTTP/1.1 413 "), answer)

    def test_slow_content(self) -> None:
        """
        A form that drips is refused after its time, however many bytes arrive.
        """
        self.agent.ask(request("POST", "/.pomerium/echo", "app.example.com", "Content-Length: 60"))
        for _ in range(40):
            self.agent.say(b"a")
            self.network.advance(1)
        self.assertTrue(self.agent.take().startswith(b"HTTP/1.1 408 "))

    def test_expect(self) -> None:
        """
        A page's content is asked for when the user agent waits for that.
        """
        answer = self.agent.ask(
            request("POST", "/.pomerium/echo", "app.example.com", "Expect: 100-continue", "Content-Length: 3")
        )
        self.assertEqual(answer, b"HTTP/1.1 100 Continue\r\n\r\n")
        self.assertIn(b"HTTP/1.1 200 OK", self.agent.ask(b"a=b"))

    def test_next_waits(self) -> None:
        """
        A pipelined request behind a page is not decided before the page is answered: the page may end the session.
        """
        self.agent.ask(request("GET", "/.pomerium/slow") + request("GET", "/", "app.example.com", "Who: alice"))
        self.end_session()
        self.slow.told.callback(None)
        self.settle()
        answer = self.agent.take()
        self.assertIn(b"at last", answer)
        self.assertIn(b"HTTP/1.1 302 ", answer)
        self.assertEqual(self.upstreams.peers, [])

    def test_own_page_is_not_cut(self) -> None:
        """
        A page of ours that presented the session is let finish.
        """
        self.agent.ask(request("GET", "/.pomerium/slow", "app.example.com", "Who: alice"))
        self.end_session()
        self.slow.told.callback(None)
        self.settle()
        self.assertIn(b"at last", self.agent.take())

    def unread(self) -> bytes:
        """
        An answer of the session that is complete, and of which its reader has taken only the beginning; all of it.
        """
        self.agent.ask(request("GET", "/file", "app.example.com", "Who: alice"))
        self.agent.transport.pauseProducing()
        self.agent.transport.peer.window = 100
        self.upstreams.last.say(b"HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\n" + b"x" * 30_000)
        self.settle()
        self.assertTrue(self.agent.transport.peer.unsent)
        return b"x" * 30_000

    def read_on(self) -> bytes:
        """
        The reader reads: what it gets.
        """
        self.agent.transport.peer.window = 1 << 20
        self.agent.transport.resumeProducing()
        self.settle()
        return self.agent.take()

    def test_behind_an_unread_answer(self) -> None:
        """
        A page waits until the answer before it is sent, and is answered then, at once or when a sweep sees it.
        """
        for seconds in (0.0, 100.0):
            with self.subTest(seconds=seconds):
                self.agent = self.connect()
                before = self.unread()
                self.agent.say(request("GET", "/.pomerium/echo"))
                self.network.advance(seconds)
                got = self.read_on()
                self.assertTrue(got.endswith(before), "the page does not overtake it")
                self.network.advance(0.01 if not seconds else 1.1)
                self.assertIn(b"GET " + ORIGIN.encode(), self.agent.take())
                self.assertIsNone(self.agent.lost)

    def test_shields_nothing(self) -> None:
        """
        A page that is asked for behind an unread answer keeps it from nothing: with its session it is cut.
        """
        before = self.unread()
        self.agent.say(request("GET", "/.pomerium/slow"))
        self.settle()
        self.end_session()
        self.assertLess(len(self.read_on()), len(before))
        self.assertIsNotNone(self.agent.lost)
        self.slow.told.callback(None)
        self.network.advance(2.0)
        self.assertEqual(self.agent.take(), b"")
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_behind_what_nobody_reads(self) -> None:
        """
        Who never reads the answer before it is asked for nothing more, and the connection ends.
        """
        self.unread()
        self.agent.say(request("GET", "/.pomerium/echo"))
        for _ in range(302):
            self.network.advance(1.0)
        got = self.read_on()
        self.assertLess(len(got), 30_000)
        self.assertNotIn(b" 408 ", got)
        self.assertIsNotNone(self.agent.lost)

    def test_tree_of_the_moment(self) -> None:
        """
        A request that was on its way while the configuration was read again is answered by the new one.
        """
        kind = "Content-Type: application/x-www-form-urlencoded"
        self.agent.ask(request("POST", "/.pomerium/echo", "app.example.com", kind, "Content-Length: 3"))
        self.site = Site(Resource())
        self.assertTrue(self.agent.ask(b"a=b").startswith(b"HTTP/1.1 404 "))

    def test_gone_user_agent(self) -> None:
        """
        A user agent that does not wait for the answer does no harm.
        """
        self.agent.ask(request("GET", "/.pomerium/slow"))
        self.agent.transport.abortConnection()
        self.settle()
        self.slow.told.callback(None)
        self.settle()
        self.assertEqual(self.flushLoggedErrors(), [])


class DrainTests(ProxyTestCase):
    """
    The end of the service.
    """

    def test_drain(self) -> None:
        """
        Idle connections close at once, others after their answer.
        """
        idle = self.connect()
        self.agent.ask(request("GET", "/", "app.example.com", "Who: alice"))
        self.proxy.draining = True
        self.factory.close_idle()
        self.settle()
        self.assertIsNotNone(idle.lost)
        self.assertIsNone(self.agent.lost)
        self.upstreams.last.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self.settle()
        answer = self.agent.take()
        self.assertIn(b"Connection: close", answer)
        self.assertIsNotNone(self.agent.lost)
        self.assertEqual(self.factory.open_connections, 0)

    def test_abort_all(self) -> None:
        """
        What does not end is ended.
        """
        self.agent.ask(request("GET", "/", "app.example.com", "Who: alice"))
        self.factory.abort_all()
        self.settle()
        self.assertIsNotNone(self.agent.lost)
        self.assertIsNotNone(self.upstreams.last.lost)
        self.assertEqual(self.registry.exchanges(self.session.id), ())
