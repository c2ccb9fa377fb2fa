"""
``Expect: 100-continue`` (RFC 9110 section 10.1.1), and answers that come before the request is complete.
"""

from __future__ import annotations

from tests.doubles.peers import PatientAgent, request
from tests.proxy.harness import PROXY
from tests.proxy.test_http_rules import ALICE, HOST, OK, STATUS, RulesTestCase


class ExpectTests(RulesTestCase):
    """
    Who asks before it sends.
    """

    POST = request("POST", "/", HOST, ALICE, "Content-Length: 5", "Expect: 100-continue")

    def test_end_to_end(self) -> None:
        """
        The application is asked before there is content, and its 100 is passed on.
        """
        self.assertEqual(self.agent.ask(self.POST), b"")
        upstream = self.upstreams.last
        self.assertIn(b"\r\nExpect: 100-continue\r\n", upstream.take())
        upstream.say(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.settle()
        self.assertTrue(self.agent.take().startswith(b"HTTP/1.1 100 Continue\r\n"))
        self.agent.ask(b"hello")
        self.assertEqual(upstream.take(), b"hello")
        upstream.say(OK)
        self.settle()
        answer = self.agent.take()
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"))
        self.assertNotIn(b"Connection: close", answer)
        self.assertEqual(repr(self.pool), "<Pool idle=1 in_use=0>")

    def test_final_at_once(self) -> None:
        """
        A final answer instead ends both connections, since nobody knows whether the content follows.
        """
        self.agent.ask(self.POST)
        self.upstreams.last.say(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n")
        self.settle()
        answer = self.agent.take()
        self.assertTrue(answer.startswith(b"HTTP/1.1 417 "))
        self.assertIn(b"\r\nConnection: close\r\n", answer)
        self.assertIsNotNone(self.upstreams.last.lost)
        self.assertEqual(repr(self.pool), "<Pool idle=0 in_use=0>")

    def test_ignored(self) -> None:
        """
        An application that waits for content without saying so gets it from whoever does not wait.
        """
        self.agent.ask(self.POST + b"hello")
        self.assertTrue(self.upstreams.last.take().endswith(b"\r\n\r\nhello"))
        self.upstreams.last.say(OK)
        self.settle()
        self.assertTrue(self.agent.take().endswith(b"ok"))
        self.assertEqual(repr(self.pool), "<Pool idle=1 in_use=0>")

    def test_late_continue(self) -> None:
        """
        A 100 that comes after the answer is not taken for the next one.
        """
        self.agent.ask(self.POST + b"hello")
        self.upstreams.last.say(OK + b"HTTP/1.1 100 Continue\r\n\r\n")
        self.settle()
        self.assertEqual(STATUS.findall(self.agent.take()), [b"200"])
        self.assertEqual(repr(self.pool), "<Pool idle=0 in_use=0>")

    def test_who_is_not_let_through(self) -> None:
        """
        Who is refused is refused before any content, and is not asked for it.
        """
        answer = self.agent.ask(self.POST.replace(b"Who: alice\r\n", b""))
        self.assertEqual(STATUS.findall(answer), [b"302"])
        self.assertIn(b"\r\nConnection: close\r\n", answer)
        self.assertEqual(self.upstreams.peers, [])

    def test_nothing_to_wait_for(self) -> None:
        """
        An expectation without content, or in HTTP/1.0, is none; any other is 417.
        """
        self.assertNotIn("expect", self.heard("Expect: 100-continue"))
        self.assertNotIn("expect", self.heard("Expect: 100-continue", method="POST", version="1.0", content=b"x"))
        self.assertNotIn(
            "expect", self.heard("Expect: 100-continue", "Connection: expect", method="POST", content=b"x")
        )
        self.assertTrue(self.agent.ask(request("GET", "/", HOST, ALICE, "Expect: 200-ok")).startswith(b"HTTP/1.1 417 "))


class EarlyAnswerTests(RulesTestCase):
    """
    An application that answers while content is still coming.
    """

    CHUNKED = request("POST", "/", HOST, ALICE, "Transfer-Encoding: chunked") + b"5\r\nhello\r\n"
    EARLY = b"HTTP/1.1 413 Too Large\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000

    def test_arrives(self) -> None:
        """
        The answer arrives whole although the user agent goes on sending, and neither connection is used again.
        """
        self.factory.abort_all()
        agent = PatientAgent.connect(self.network, *PROXY)
        assert isinstance(agent, PatientAgent)
        agent.ask(self.CHUNKED)
        agent.transport.pauseProducing()
        self.upstreams.last.say(self.EARLY)
        for _ in range(20):
            agent.say(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
            self.network.advance(1)
        agent.transport.resumeProducing()
        self.settle()
        answer = agent.take()
        self.assertIn(b"\r\nConnection: close\r\n", answer)
        self.assertTrue(answer.endswith(self.EARLY[-200_000:]))
        self.assertTrue(agent.heard_out)
        self.assertIsNone(agent.lost)
        self.assertEqual(repr(self.pool), "<Pool idle=0 in_use=0>")
        self.network.advance(3)
        self.assertEqual(self.factory.open_connections, 0)

    def test_request_completed_meanwhile(self) -> None:
        """
        Where the content is complete before the answer is, nothing is in doubt but for who asked.
        """
        self.agent.ask(self.CHUNKED)
        upstream = self.upstreams.last
        upstream.say(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok")
        self.settle()
        self.agent.say(b"0\r\n\r\n" + request("GET", "/next", HOST, ALICE))
        self.settle()
        self.assertTrue(upstream.take().endswith(b"5\r\nhello\r\n0\r\n\r\n"))
        upstream.say(b"ok")
        self.settle()
        self.assertEqual(STATUS.findall(self.agent.take()), [b"200"])
        self.assertIsNotNone(self.agent.lost)
        self.assertEqual(upstream.take(), b"")
        self.assertEqual(repr(self.pool), "<Pool idle=1 in_use=0>")

    def test_closes_early(self) -> None:
        """
        An application that closes without an answer while chunks are coming is 502, and the rest is not read.
        """
        self.agent.ask(self.CHUNKED)
        self.upstreams.last.transport.loseConnection()
        self.settle()
        answer = self.agent.ask(b"5\r\nhello\r\n0\r\n\r\n" + request("GET", "/next", HOST, ALICE))
        self.assertEqual(STATUS.findall(answer), [b"502"])
        self.assertIn(b"\r\nConnection: close\r\n", answer)
        self.assertEqual(len(self.upstreams.peers), 1)


class AgainTests(RulesTestCase):
    """
    A pooled connection that turns out to be closed.
    """

    def warm(self) -> None:
        """
        Leave one connection in the pool.
        """
        self.agent = self.connect()
        self.agent.ask(request("GET", "/warm", HOST, ALICE))
        self.upstreams.last.say(OK)
        self.settle()
        self.agent.take()
        self.upstreams.last.take()

    def test_what_is_sent_again(self) -> None:
        """
        Only what changes nothing is, only without content, and only where not a byte was answered.
        """
        for asked, said, again in (
            (request("GET", "/", HOST, ALICE), b"", True),
            (request("HEAD", "/", HOST, ALICE), b"", True),
            (request("OPTIONS", "/", HOST, ALICE), b"", True),
            (request("GET", "/", HOST, ALICE), b"H", False),
            (request("GET", "/", HOST, ALICE), b"HTTP/1.1 103 Early Hints\r\n\r\n", False),
            (request("GET", "/", HOST, ALICE, content=b"x"), b"", False),
            (request("POST", "/", HOST, ALICE), b"", False),
            (request("PUT", "/", HOST, ALICE, content=b"x"), b"", False),
            (request("DELETE", "/", HOST, ALICE), b"", False),
            (request("PATCH", "/", HOST, ALICE), b"", False),
        ):
            with self.subTest(asked=asked, said=said):
                self.warm()
                made = len(self.upstreams.peers)
                warm = self.upstreams.last
                self.agent.ask(asked)
                warm.say(said)
                warm.transport.loseConnection()
                self.settle()
                self.assertEqual(len(self.upstreams.peers), made + again)
                answer = self.agent.take()
                self.assertEqual([s for s in STATUS.findall(answer) if s > b"199"], [] if again else [b"502"])

    def test_once(self) -> None:
        """
        A fresh connection that is closed as well is the end of it.
        """
        self.warm()
        self.agent.ask(request("GET", "/", HOST, ALICE))
        self.upstreams.last.transport.loseConnection()
        self.settle()
        made = len(self.upstreams.peers)
        self.assertEqual(self.agent.take(), b"")
        self.upstreams.last.transport.loseConnection()
        self.settle()
        self.assertEqual(len(self.upstreams.peers), made)
        self.assertEqual(STATUS.findall(self.agent.take()), [b"502"])

    def test_fresh(self) -> None:
        """
        On a connection that was made for it a request is sent once only.
        """
        self.agent.ask(request("GET", "/", HOST, ALICE))
        self.upstreams.last.transport.loseConnection()
        self.settle()
        self.assertEqual(len(self.upstreams.peers), 1)
        self.assertEqual(STATUS.findall(self.agent.take()), [b"502"])
