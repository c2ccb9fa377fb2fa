"""
The daemon stops: what is under way finishes, and the exit status is 0.
"""

from __future__ import annotations

import http.client
import signal
import socket
from threading import Event

from tests.process.daemon import DaemonTestCase, Running, Upstream, eventually, is_listening, json_lines


class StopTests(DaemonTestCase):
    """
    SIGTERM and SIGINT.
    """

    def setUp(self) -> None:
        super().setUp()
        self.hold = Event()
        self.upstream = Upstream(hold=self.hold)
        self.addCleanup(self.upstream.close)
        self.addCleanup(self.hold.set)

    def asking(self) -> http.client.HTTPConnection:
        """
        A request that the upstream has and does not answer.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        self.addCleanup(connection.close)
        connection.request("GET", "/slow", headers={"Host": f"app.localhost:{self.port}"})
        self.assertTrue(self.upstream.asked.wait(5))
        return connection

    def begin(self) -> Running:
        """
        The daemon in front of the upstream.
        """
        return self.start(routes=[self.route(f"http://127.0.0.1:{self.upstream.port}")])

    def test_request_under_way_finishes(self) -> None:
        """
        After SIGTERM, and after SIGINT, nothing new is accepted, the answer that is awaited still comes, whole, and
        then the process ends with 0.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                self.hold.clear()
                self.upstream.asked.clear()
                running = self.begin()
                connection = self.asking()
                running.signal(number)
                eventually("nothing is accepted", lambda: not is_listening(self.port))
                self.assertIsNone(running.process.poll())
                self.hold.set()
                answer = connection.getresponse()
                self.assertEqual((answer.status, answer.read()), (200, b"You asked for /slow"))
                self.assertEqual(answer.headers["Connection"], "close")
                self.assertEqual((running.status(), running.err), (0, ""))
                self.assertEqual([line for line in json_lines(running.out) if "traceback" in line], [])

    def test_idle_connections_are_closed(self) -> None:
        """
        A connection on which nothing is asked does not keep the process.
        """
        running = self.begin()
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as idle:
            eventually("it is open", lambda: self.get("/ping", host="127.0.0.1"))
            running.signal(signal.SIGTERM)
            self.assertEqual(idle.recv(100), b"")
            self.assertEqual(running.status(), 0)

    def test_second_signal(self) -> None:
        """
        Who asks twice is not kept waiting: what is under way is broken off, and the process ends in order.
        """
        running = self.begin()
        connection = self.asking()
        running.signal(signal.SIGINT)
        eventually("nothing is accepted", lambda: not is_listening(self.port))
        running.signal(signal.SIGINT)
        self.assertEqual((running.status(), running.err), (0, ""))
        self.assertRaises((ConnectionError, http.client.BadStatusLine), connection.getresponse)
        self.assertEqual([line for line in json_lines(running.out) if "traceback" in line], [])
