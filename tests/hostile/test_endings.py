"""
How connections end on real sockets, where a kernel's reset can overtake an answer.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from threading import Thread
from typing import Any

from twisted.internet.threads import deferToThread

from tests.hostile.live import LiveTestCase

LARGE = 3_000_000
SECONDS = 20.0


class RawApplication:
    """
    An application that does with each connection what a test says, in threads of its own.
    """

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self.connections = 0
        self._serve = serve
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._threads = [Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            connection.settimeout(SECONDS)
            thread = Thread(target=self._answer, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _answer(self, connection: socket.socket) -> None:
        try:
            self._serve(connection)
        except OSError:
            pass
        finally:
            connection.close()

    def close(self) -> None:
        """
        Accept no more, and wait for all threads.
        """
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(SECONDS)


def head_of(connection: socket.socket) -> bytes:
    """
    What *connection* says up to the end of a head, or to its end.
    """
    heard = b""
    while b"\r\n\r\n" not in heard and (piece := connection.recv(1)):
        heard += piece
    return heard


def rest_of(connection: socket.socket) -> bytes:
    """
    All that *connection* still says.
    """
    heard = b""
    try:
        while piece := connection.recv(65_536):
            heard += piece
    except ConnectionResetError:
        heard += b" (reset)"
    return heard


class EndingsTests(LiveTestCase):
    """
    A public route to an application of the test's own.
    """

    timeout = 60
    names = ("app",)

    def serve(self, how: Callable[[socket.socket], None]) -> RawApplication:
        """
        Let the route lead to an application that serves its connections like that.
        """
        application = RawApplication(how)
        self.addCleanup(deferToThread, application.close)
        self.upstream_ports["app"] = application.port
        return application

    def head(self, method: str, *fields: str) -> bytes:
        """
        The head of a request.
        """
        return "\r\n".join((f"{method} / HTTP/1.1", f"Host: {self.authority('app')}", *fields, "", "")).encode()

    def connect(self) -> socket.socket:
        """
        A user agent's connection, to be used in a thread.
        """
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.settimeout(SECONDS)
        return connection

    async def in_thread(self, call: Callable[[], Any]) -> Any:
        """
        What *call* comes to, while the proxy runs.
        """
        return await deferToThread(call)

    async def test_half_closed_user_agent(self) -> None:
        """
        Who has asked and closes its direction gets the whole answer and then the end.
        """

        def serve(connection: socket.socket) -> None:
            head_of(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE + b"x" * LARGE)

        def ask() -> bytes:
            with self.connect() as connection:
                connection.sendall(self.head("GET"))
                connection.shutdown(socket.SHUT_WR)
                return rest_of(connection)

        self.serve(serve)
        answer = await self.in_thread(ask)
        self.assertEqual(len(answer.partition(b"\r\n\r\n")[2]), LARGE)
        self.assertEqual(self.house.factory.open_connections, 0)

    async def test_half_closed_application(self) -> None:
        """
        An application that has answered and closes its direction has answered.
        """

        def serve(connection: socket.socket) -> None:
            head_of(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * LARGE)
            connection.shutdown(socket.SHUT_WR)
            rest_of(connection)

        def ask() -> bytes:
            with self.connect() as connection:
                connection.sendall(self.head("GET", "Connection: close"))
                return rest_of(connection)

        self.serve(serve)
        answer = await self.in_thread(ask)
        self.assertGreater(len(answer), LARGE)
        self.assertTrue(answer.endswith(b"\r\n0\r\n\r\n"))

    async def test_early_answer(self) -> None:
        """
        Who goes on uploading after the answer, and reads only then, gets it all.
        """

        def serve(connection: socket.socket) -> None:
            head_of(connection)
            connection.sendall(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlong")
            rest_of(connection)

        for size in (100_000, 20_000_000):
            self.serve(serve)
            answer = await self.in_thread(lambda size=size: self._upload(size))  # type: ignore[misc]
            self.assertTrue(answer.startswith(b"HTTP/1.1 413 "), answer)
            self.assertTrue(answer.endswith(b"\r\n\r\nlong"), answer)

    async def test_refused_upload(self) -> None:
        """
        So does who may not ask at all: what is not ours to answer is refused at its head.
        """

        def ask() -> bytes:
            return self._upload(20_000_000, host="nobody.example.com")

        answer = await self.in_thread(ask)
        self.assertTrue(answer.startswith(b"HTTP/1.1 404 "), answer)
        self.assertTrue(answer.endswith(b"</html>\n"), answer)

    async def test_reset_after_an_early_answer(self) -> None:
        """
        The answer of an application that closes without reading, and so makes its kernel reset, arrives all the same.
        """

        def serve(connection: socket.socket) -> None:
            head_of(connection)
            connection.sendall(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlong")

        for size in (1_000, 300_000, 5_000_000) * 5:
            self.serve(serve)
            answer = await self.in_thread(lambda size=size: self._upload(size))  # type: ignore[misc]
            self.assertTrue(answer.startswith(b"HTTP/1.1 413 "), (size, answer))
            self.assertTrue(answer.endswith(b"\r\n\r\nlong"), (size, answer))

    async def test_application_that_does_not_keep_alive(self) -> None:
        """
        Nobody who may be sent again is hurt by an application that closes its idle connections without a word.
        """

        def serve(connection: socket.socket) -> None:
            for _ in range(2):
                if not head_of(connection):
                    return
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        def ask() -> list[bytes]:
            with self.connect() as connection:
                found = []
                for _ in range(40):
                    connection.sendall(self.head("GET"))
                    head = head_of(connection)
                    length = re.search(rb"Content-Length: (\d+)", head)
                    assert length is not None, head
                    found.append(head[9:12] + connection.recv(int(length[1])))
                return found

        self.serve(serve)
        self.assertEqual(await self.in_thread(ask), [b"200ok"] * 40)

    def _upload(self, size: int, host: str | None = None) -> bytes:
        with self.connect() as connection:
            head = self.head("POST", f"Content-Length: {size}", "Connection: close")
            if host is not None:
                head = head.replace(self.authority("app").encode(), host.encode())
            try:
                connection.sendall(head + b"x" * size)
            except OSError:
                # The answer may be there already.
                pass
            return rest_of(connection)
