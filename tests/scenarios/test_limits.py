"""
Limits as they are written in a configuration, in force from the turn in which it is read.
"""

from __future__ import annotations

from tests.doubles.peers import UserAgent
from tests.scenarios.test_reload import ReloadTestCase
from tests.scenarios.world import APP, OPEN, Application


class HeadTests(ReloadTestCase):
    """
    How large heads may be.
    """

    def status(self, target: str = "/", **fields: str) -> int:
        """
        How a request on a new connection is answered.
        """
        return self.browser().once("GET", OPEN + target, fields).status

    def test_requests(self) -> None:
        """
        Each of the three limits holds for the next connection, to the byte and to the line.
        """
        head = len(f"GET / HTTP/1.1\r\nHost: {OPEN.removeprefix('https://')}\r\nX: \r\n\r\n")
        for changes, target, fields, status in (
            ({"max_target_bytes": 100}, "/" + "x" * 99, {}, 200),
            ({"max_target_bytes": 100}, "/" + "x" * 100, {}, 414),
            ({"max_header_bytes": 500}, "/", {"X": "x" * (500 - head)}, 200),
            ({"max_header_bytes": 500}, "/", {"X": "x" * (501 - head)}, 431),
            ({"max_header_count": 10}, "/", {f"X-{number}": "x" for number in range(9)}, 200),
            ({"max_header_count": 10}, "/", {f"X-{number}": "x" for number in range(10)}, 431),
            ({}, "/" + "x" * 1000, {f"X-{number}": "x" * 1000 for number in range(50)}, 200),
        ):
            with self.subTest(f"{changes} {status}"):
                self.reload(**changes)
                self.assertEqual(self.status(target, **fields), status)

    def test_answers(self) -> None:
        """
        An application's answer obeys the same limits, on connections that it has kept open too.
        """
        self.assertEqual(self.status(), 200)
        large = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: %s\r\n\r\nok"
        for changes, answer, status in (
            ({"max_header_bytes": 500}, large % (b"x" * 400), 200),
            ({"max_header_bytes": 500}, large % (b"x" * 500), 502),
            ({"max_header_count": 5}, large % b"x\r\nY: y\r\nY: y\r\nY: y", 200),
            ({"max_header_count": 5}, large % b"x\r\nY: y\r\nY: y\r\nY: y\r\nY: y", 502),
        ):
            with self.subTest(f"{changes} {status}"):
                self.reload(**changes)
                self.applications["open"].answer = answer
                self.assertEqual(self.status(), status)


class TimeTests(ReloadTestCase):
    """
    How long a user agent may take.
    """

    def test_times(self) -> None:
        """
        The times of a head, of content and of a whole request hold for whatever begins from now on.
        """
        for changes, head, drip, seconds in (
            ({"timeout_request_head": "5s"}, "GET / HTTP/1.1\r\nX: ", "x", 5),
            ({"timeout_read": "4s"}, f"POST / HTTP/1.1\r\nHost: {OPEN[8:]}\r\nContent-Length: 100\r\n\r\n", "", 4),
            ({"timeout_request": "9s"}, f"POST / HTTP/1.1\r\nHost: {OPEN[8:]}\r\nContent-Length: 100\r\n\r\n", "x", 9),
        ):
            with self.subTest(str(changes)):
                self.reload(**changes)
                self.applications["open"].answer = None
                agent = self.browser()._connection(OPEN)
                agent.say(head.encode())
                passed = 0
                while not agent.received and passed < 60:
                    agent.say(drip.encode())
                    self.advance(1.0)
                    passed += 1
                self.assertIn(passed, range(seconds, seconds + 4))
                self.assertTrue(agent.take().startswith(b"HTTP/1.1 408 "))


class UpstreamTests(ReloadTestCase):
    """
    How many connections to an application there may be.
    """

    def test_shared_and_ones_own(self) -> None:
        """
        Routes to one origin share its connections; a route with thresholds of its own has those.
        """
        same = {"to": "http://open.internal:8080"}
        own = {**same, "circuit_breaker_thresholds": {"max_connections": 1, "max_pending_requests": 0}}
        for route, statuses in ((same, (503, 503)), (own, (503, 200))):
            with self.subTest(str(route)):
                alice = self.both()
                self.reload(max_upstream_connections=1, max_upstream_queue=0, routes=self.routes(app=route))
                agent, upstream = self.begin_at_open()
                self.assertEqual(self.browser().once("GET", OPEN + "/").status, statuses[0])
                self.assertEqual(alice.once("GET", APP + "/").status, statuses[1])
                upstream.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
                self.settle()
                self.assertTrue(agent.take().endswith(b"ok"))
                self.assertEqual(self.browser().once("GET", OPEN + "/").status, 200)

    def begin_at_open(self) -> tuple[UserAgent, Application]:
        """
        A request of nobody's that its application has not answered.
        """
        return self.begin(self.browser(), "GET", OPEN + "/slow")

    def test_reload(self) -> None:
        """
        Whoever waits is served as soon as a configuration leaves room, and what is open is counted by the new one.
        """
        self.reload(max_upstream_connections=1)
        first, upstream = self.begin_at_open()
        second = self.browser().open("GET", OPEN + "/second")
        self.assertEqual(second.take(), b"")
        self.reload(max_upstream_connections=2)
        self.assertTrue(second.take().endswith(b"ok"))
        self.reload(max_upstream_connections=1, max_upstream_queue=0)
        self.assertEqual(self.browser().once("GET", OPEN + "/").status, 503)
        upstream.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self.settle()
        self.assertTrue(first.take().endswith(b"ok"))
