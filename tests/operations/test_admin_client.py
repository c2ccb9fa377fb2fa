"""
Tests of `pomerium_tx.operations.admin_client`: with a server on real sockets.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from threading import Thread

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.forms.values import AdminAddress
from pomerium_tx.operations import admin_client
from pomerium_tx.operations.admin_client import AdminClient, NotReachable, Refused

OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"count":1}'


class Server:
    """
    Answers one request with fixed bytes.
    """

    def __init__(self, listening: socket.socket, answer: bytes) -> None:
        self.asked = b""
        self._listening = listening
        self._answer = answer
        listening.listen()
        listening.settimeout(10)
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        try:
            connection, _ = self._listening.accept()
        except OSError:
            return
        with connection:
            while b"\r\n\r\n" not in self.asked:
                self.asked += connection.recv(4096)
            connection.sendall(self._answer)

    def close(self) -> None:
        """
        It answers no more.
        """
        self._listening.close()
        self._thread.join(10)


class AdminClientTests(SynchronousTestCase):
    """
    Asking.
    """

    def setUp(self) -> None:
        folder = Path(os.path.relpath(self.mktemp()))
        folder.mkdir(parents=True)
        self.path = str(folder / "s")

    def serve(self, answer: bytes = OK) -> tuple[Server, AdminAddress]:
        """
        A server on a UNIX socket.
        """
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(self.path)
        server = Server(listening, answer)
        self.addCleanup(server.close)
        self.addCleanup(os.unlink, self.path)
        return server, AdminAddress(path=self.path)

    def test_socket(self) -> None:
        """
        The question goes over the socket, its values encoded, without a token that nobody wants.
        """
        server, address = self.serve()
        client = AdminClient(address, None)
        self.assertEqual(client.ask("DELETE", "/sessions", {"user": "a b&c=é+", "route": "x"}), {"count": 1})
        head = server.asked.decode()
        self.assertTrue(head.startswith("DELETE /sessions?user=a%20b%26c%3D%C3%A9%2B&route=x HTTP/1.1\r\n"), head)
        self.assertIn("\r\nAccept: application/json\r\n", head)
        self.assertNotIn("Authorization", head)

    def test_loopback(self) -> None:
        """
        On an address of this machine the token is shown, and the host is the address.
        """
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        server = Server(listening, OK)
        self.addCleanup(server.close)
        client = AdminClient(AdminAddress(host="127.0.0.1", port=port), "the-token")
        self.assertEqual(client.ask("GET", "/sessions"), {"count": 1})
        head = server.asked.decode()
        self.assertIn("\r\nAuthorization: Bearer the-token\r\n", head)
        self.assertIn(f"\r\nHost: 127.0.0.1:{port}\r\n", head)
        self.assertNotIn("the-token", repr(client))

    def test_refused(self) -> None:
        """
        An error is told with its status; what is no answer of ours is told as that.
        """
        for content, status, expected in (
            (b'{"error":"The parameter x is empty."}', 400, "The parameter x is empty."),
            (b"<html>", 502, admin_client._OTHER),
            (b"[]", 200, admin_client._OTHER),
            (b"{}", 404, admin_client._OTHER),
        ):
            with self.subTest(content):
                _, address = self.serve(
                    b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(content), content)
                )
                problem = self.assertRaises(Refused, AdminClient(address, None).ask, "GET", "/sessions")
                self.assertEqual((problem.status, problem.message), (status, expected))
                self.doCleanups()

    def test_not_reachable(self) -> None:
        """
        When nobody answers, the address is named, and what may be done about it.
        """
        address = AdminAddress(path=self.path)
        client = AdminClient(address, None)
        self.assertRegex(self.problem(client), rf"^cannot ask unix:{self.path}: there is no such socket\. Is the proxy")
        with socket.socket(socket.AF_UNIX) as gone:
            gone.bind(self.path)
        self.assertIn("nobody is listening there", self.problem(client))
        os.unlink(self.path)
        self.serve(b"nonsense\r\n\r\n")
        self.assertIn(admin_client._OTHER, self.problem(client))
        self.doCleanups()
        self.serve(b"")
        self.assertIn(f"cannot ask unix:{self.path}: ", self.problem(client))

    def test_permission(self) -> None:
        """
        Who may not use the socket is told who may.
        """
        refused = PermissionError(13, "Permission denied")
        self.assertIn("as root", admin_client._reason(refused))
        self.assertIn("120 seconds", admin_client._reason(TimeoutError()))

    def problem(self, client: AdminClient) -> str:
        """
        Why there is no answer.
        """
        return str(self.assertRaises(NotReachable, client.ask, "GET", "/sessions"))
