"""
What a real process does at its limits.
"""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import ssl
import time
from pathlib import Path
from threading import Event
from typing import Any

from tests.process.daemon import TWISTD, DaemonTestCase, Running, Upstream, eventually, json_lines
from tests.tls.authorities import Authority

TICKS = os.sysconf("SC_CLK_TCK")


def open_files(running: Running) -> int:
    """
    How many files the process has open.
    """
    return len(os.listdir(f"/proc/{running.process.pid}/fd"))


def busy_seconds(running: Running) -> float:
    """
    How much of a processor's time the process has taken.
    """
    fields = Path(f"/proc/{running.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Client:
    """
    A connection whose every byte is the test's business.
    """

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.settimeout(30)

    def ask(self, path: str, port: int) -> None:
        """
        Send a request.
        """
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: app.localhost:{port}\r\n\r\n".encode())

    def answer(self) -> bytes:
        """
        The next answer, which must have a Content-Length; nothing if the connection was closed.
        """
        answer = b""
        try:
            while (end := answer.find(b"\r\n\r\n")) < 0 or len(answer) < end + 4 + self._length(answer):
                piece = self.socket.recv(65536)
                if not piece:
                    break
                answer += piece
        except ConnectionResetError:
            pass
        return answer

    def _length(self, answer: bytes) -> int:
        found = re.search(rb"(?i)\r\ncontent-length: (\d+)\r\n", answer)
        assert found is not None
        return int(found[1])

    @property
    def is_closed(self) -> bool:
        """
        Whether the other end has closed it.
        """
        self.socket.setblocking(False)
        try:
            return self.socket.recv(1) == b""
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True
        finally:
            self.socket.setblocking(True)
            self.socket.settimeout(30)


class LimitTestCase(DaemonTestCase):
    """
    A process that can be flooded.
    """

    def client(self) -> Client:
        """
        A connection.
        """
        client = Client(self.port)
        self.addCleanup(client.socket.close)
        return client

    def upstream(self, **about: Any) -> Upstream:
        """
        An application.
        """
        upstream = Upstream(**about)
        self.addCleanup(upstream.close)
        return upstream

    def assert_idle(self, running: Running) -> None:
        """
        The process waits, and does not run in circles.
        """
        before = busy_seconds(running)
        time.sleep(1.0)
        self.assertLess(busy_seconds(running) - before, 0.3)

    def assert_no_surprise(self, running: Running) -> None:
        """
        Nothing in the log is a fault of ours.
        """
        self.assertNotIn("Traceback", running.out + running.err)
        levels = {line["level"] for line in json_lines(running.out)}
        self.assertLessEqual(levels, {"info", "warn"})


class ConnectionTests(LimitTestCase):
    """
    More connections than there may be.
    """

    def test_flood(self) -> None:
        """
        Under the limit of open files that the process was started with, a flood of connections ends neither what is
        under way nor the service, takes no processor, and leaves a line in the log; afterwards all is as before.
        """
        hold = Event()
        upstream = self.upstream(hold=hold)
        settings = {"routes": [self.route(f"http://127.0.0.1:{upstream.port}")], "max_connections_per_address": 100}
        path = self.write(self.configuration(**settings))
        running = self.run_command("prlimit", "--nofile=104", str(TWISTD), "-n", "pomerium", "--config", str(path))
        eventually("it answers", lambda: running.is_up(self.port, self.authenticate_port))
        under_way = [self.client() for _ in range(5)]
        for client in under_way:
            client.ask("/slow", self.port)
        upstream.asked.wait(30)
        before = open_files(running)
        flood = [self.client() for _ in range(300)]
        eventually("most are closed", lambda: sum(client.is_closed for client in flood) >= 300 - 26)
        self.assertLessEqual(open_files(running), before + 26)
        self.assert_idle(running)
        hold.set()
        for client in under_way:
            self.assertIn(b"You asked for /slow", client.answer())
        for client in flood:
            client.socket.close()
        for _ in range(50):
            self.assertEqual(self.get("/again")[0], 200)
        warnings = [line for line in json_lines(running.out) if line["level"] == "warn" and "count" in line]
        self.assertEqual(len(warnings), 1, warnings)
        self.assert_no_surprise(running)

    def test_one_address(self) -> None:
        """
        An address has its share, and when its connections have gone it has it again, over TLS too.
        """
        running = self.start(max_connections=10, max_connections_per_address=4)

        def is_share() -> bool:
            clients = [self.client() for _ in range(6)]
            time.sleep(0.1)
            closed = sum(client.is_closed for client in clients)
            for client in clients:
                client.socket.close()
            return closed == 2

        for _ in range(2):
            # Those of whoever asked before must have gone.
            eventually("two are closed", is_share)
            eventually("it answers", lambda: running.is_up(self.port))
        self.assert_no_surprise(running)

    def test_silence(self) -> None:
        """
        A connection that says nothing is closed after the time of a head.
        """
        self.start(timeout_request_head="1s")
        client = self.client()
        began = time.monotonic()
        self.assertEqual(client.answer(), b"")
        self.assertLess(time.monotonic() - began, 5)


class TlsTests(LimitTestCase):
    """
    The same before, and within, a handshake.
    """

    def start_tls(self, **changes: object) -> Running:
        """
        The daemon, speaking TLS.
        """
        files = (self.folder / "certificate.pem", self.folder / "key.pem")
        for path, pem in zip(files, Authority("A test authority").issue("app.localhost"), strict=True):
            path.touch(mode=0o600)
            path.write_bytes(pem)
        return self.start(
            insecure_server=None,
            authenticate_service_url=f"https://authenticate.localhost:{self.authenticate_port}",
            certificate_file=str(files[0]),
            certificate_key_file=str(files[1]),
            routes=[{**self.route("http://127.0.0.1:1"), "from": f"https://app.localhost:{self.port}"}],
            **changes,
        )

    def shaken(self) -> socket.socket:
        """
        A connection after its handshake.
        """
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        shaken = context.wrap_socket(self.client().socket, server_hostname="app.localhost")
        self.addCleanup(shaken.close)
        return shaken

    def test_one_too_many(self) -> None:
        """
        A connection too many is closed before anything is said in it.
        """
        running = self.start_tls(max_connections=20, max_connections_per_address=4)

        def is_share() -> bool:
            clients = [self.client() for _ in range(6)]
            for client in clients:
                client.socket.sendall(b"\x16\x03\x01")
            time.sleep(0.2)
            closed = sum(client.is_closed for client in clients)
            for client in clients:
                client.socket.close()
            return closed == 2

        eventually("two are closed", is_share)
        eventually("it answers", lambda: running.is_up(self.port, tls=True))
        self.assert_no_surprise(running)

    def test_unfinished(self) -> None:
        """
        Whatever of a handshake or of a head has come, the connection ends when the time of a head is over.
        """
        running = self.start_tls(timeout_request_head="2s")
        silent, partly = self.client().socket, self.client().socket
        partly.sendall(b"\x16\x03\x01\x02\x00\x01")
        shaken, dripping = self.shaken(), self.shaken()
        began = time.monotonic()
        for octet in b"GET / HTTP/1.1\r\nHost: ":
            try:
                dripping.sendall(bytes((octet,)))
            except OSError:
                break
            time.sleep(0.3)
        self.assertIn(b" 408 ", dripping.recv(65536))
        for each in (silent, partly, shaken):
            try:
                self.assertEqual(each.recv(1), b"")
            except (ConnectionResetError, ssl.SSLError):
                pass
        self.assertLess(time.monotonic() - began, 15)
        self.assert_no_surprise(running)


class DescriptorTests(LimitTestCase):
    """
    Not one file more can be opened.
    """

    def limit(self, running: Running, most: int | None) -> None:
        """
        The process may have so many files open, or, with None, as many as we.
        """
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE, (hard if most is None else most, hard))

    def test_no_descriptor_left(self) -> None:
        """
        A request for an application is answered 503, further connections are closed, nothing runs in circles or is
        lost, and with descriptors to be had all is as before.
        """
        upstream = self.upstream()
        running = self.start(routes=[self.route(f"http://127.0.0.1:{upstream.port}")])
        kept = self.client()
        kept.ask("/.pomerium/nothing", self.port)
        self.assertIn(b" 404 ", kept.answer())
        self.limit(running, max(map(int, os.listdir(f"/proc/{running.process.pid}/fd"))) + 1)
        fillers = [self.client() for _ in range(40)]
        eventually("most are closed", lambda: sum(client.is_closed for client in fillers) >= 25)
        self.assert_idle(running)
        kept.ask("/", self.port)
        self.assertIn(b" 503 ", kept.answer())
        self.limit(running, None)
        kept.ask("/now", self.port)
        self.assertIn(b"You asked for /now", kept.answer())
        self.assertEqual(self.get("/new")[0], 200)
        self.assert_no_surprise(running)
        running.signal(signal.SIGTERM)
        self.assertEqual(running.status(), 0)
