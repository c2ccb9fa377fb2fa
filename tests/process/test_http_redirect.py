"""
``http_redirect_addr`` of a real daemon.
"""

from __future__ import annotations

import http.client
import signal

from tests.process.daemon import PATIENCE, DaemonTestCase, eventually, free_ports, is_listening


class HttpRedirectTests(DaemonTestCase):
    """
    A listener that sends browsers to https, beside the others.
    """

    def location(self, port: int) -> tuple[int, str | None, str | None]:
        """
        What is answered there.
        """
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.request("GET", "/ping?x=1", headers={"Host": f"app.localhost:{port}"})
            answer = connection.getresponse()
            return answer.status, answer.getheader("Location"), answer.getheader("Connection")
        finally:
            connection.close()

    def test_one_process_and_several(self) -> None:
        """
        Whoever comes there is sent to https, and the other listeners answer as ever; a reload changes none of it.
        """
        for workers in (1, 2):
            with self.subTest(workers=workers):
                self.assert_redirects(workers)

    def assert_redirects(self, workers: int) -> None:
        """
        A daemon with so many workers does it.
        """
        self.port, self.authenticate_port, port = free_ports(3)
        running = self.start(http_redirect_addr=f"127.0.0.1:{port}", workers=workers)
        expected = (301, "https://app.localhost/ping?x=1", "close")
        self.assertEqual(self.location(port), expected)
        self.assertEqual(self.get("/ping"), (200, b"OK\n"))
        running.signal(signal.SIGHUP)
        eventually("it was read again", lambda: "was read again" in running.out)
        self.assertEqual(self.location(port), expected)
        running.signal(signal.SIGTERM)
        self.assertEqual(running.status(), 0)
        self.assertFalse(is_listening(port))
