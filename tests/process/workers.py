"""
A daemon with several workers, an OP that lets everybody in, and an application whose answers do not end.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import re
import socket
import time
from collections.abc import Collection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

from benchmarks.deployment import CLIENT_ID, CLIENT_SECRET, Browser, run_provider
from pomerium_tx import paths
from tests.process.daemon import PATIENCE, DaemonTestCase, Running, end_process, eventually, free_ports, json_lines

STREAM = "/stream"
MANY = 200
"""
Connections after which each worker has accepted one, unless it accepts none.
"""


class Streaming:
    """
    An application that begins an answer below ``/stream`` and goes on for as long as it may; others it answers at once.
    """

    def __init__(self) -> None:
        self.over = over = Event()

        class Handler(BaseHTTPRequestHandler):
            """
            Answers.
            """

            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"5\r\nbegun\r\n")
                self.wfile.flush()
                if self.path.startswith(STREAM):
                    over.wait(PATIENCE)
                self.wfile.write(b"0\r\n\r\n")

            def log_message(self, format: str, *arguments: object) -> None:
                """
                Nobody reads it.
                """

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *about: None  # type: ignore[method-assign] # it is cut off, that is the test
        self.port = int(self._server.server_address[1])
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """
        It answers no more.
        """
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Asked:
    """
    A request on a connection of its own, whose answer has begun.
    """

    def __init__(self, port: int, path: str, **fields: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self._connection.request("GET", path, headers={"Host": f"app.localhost:{port}", **fields})
        assert self._connection.sock is not None
        self._socket = self._connection.sock
        self.local_port = int(self._socket.getsockname()[1])
        self.answer = self._connection.getresponse()
        self.status = self.answer.status
        self.begun = self.answer.read(5) if self.status == 200 else b""

    def is_dead(self) -> bool:
        """
        Whether the connection has been broken off, by now.
        """
        self._socket.settimeout(0)
        try:
            return self._socket.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self._socket.settimeout(PATIENCE)

    def close(self) -> None:
        """
        Nobody reads it any more.
        """
        self.answer.close()
        self._connection.close()


class WorkersCase(DaemonTestCase):
    """
    Two workers, one route for everybody who is signed in.
    """

    workers = 2

    def setUp(self) -> None:
        super().setUp()
        self.application = Streaming()
        self.addCleanup(self.application.close)

    def begin(self, *options: str, **changes: object) -> Running:
        """
        The OP and the daemon.
        """
        (op_port,) = free_ports(1)
        authenticate = f"http://authenticate.localhost:{self.authenticate_port}"
        spawn = multiprocessing.get_context("spawn")
        ours, theirs = spawn.Pipe()
        arguments = (theirs, op_port, authenticate + paths.PROVIDER_CALLBACK)
        op = spawn.Process(target=run_provider, args=arguments, daemon=True)
        op.start()
        # It listens to it for as long as it lives.
        self.addCleanup(ours.close)
        self.addCleanup(op.join)
        self.addCleanup(op.terminate)
        ours.recv()
        settings: dict[str, object] = {
            "workers": self.workers,
            "admin_address": "",
            "idp_provider_url": f"http://op.localhost:{op_port}",
            "idp_client_id": CLIENT_ID,
            "idp_client_secret": CLIENT_SECRET,
            "routes": [self.private_route()],
        }
        running = self.start(*options, **{**settings, **changes})
        self.settings = settings
        eventually("all workers serve", lambda: len(self.serving(running)) == self.workers)
        for pid in self.serving(running).values():
            self.addCleanup(end_process, pid)
        return running

    def private_route(self, **settings: object) -> dict[str, object]:
        """
        A route to the application.
        """
        return {
            "from": f"http://app.localhost:{self.port}",
            "to": f"http://127.0.0.1:{self.application.port}",
            "allow_any_authenticated_user": True,
            "idle_timeout": "0s",
            **settings,
        }

    def serving(self, running: Running) -> dict[int, int]:
        """
        The processes of the workers that the log says serve, by number; the last where there were several.
        """
        said = (line for line in self.lines(running) if " serves, as process " in line["message"])
        return {line["number"]: line["pid"] for line in said}

    def lines(self, running: Running) -> list[dict[str, Any]]:
        """
        The log; the last line may be on its way.
        """
        whole, _, _ = running.out.rpartition("\n")
        return json_lines(whole)

    def sign_in(self) -> str:
        """
        The cookie of somebody new.
        """
        return Browser().sign_in(f"http://app.localhost:{self.port}")

    def ask(self, cookie: str, path: str = "/", **fields: str) -> Asked:
        """
        A request by whoever has *cookie*.
        """
        asked = Asked(self.port, path, Cookie=cookie, **fields)
        self.addCleanup(asked.close)
        return asked

    def ask_of(self, pid: int, cookie: str, path: str = "/", **fields: str) -> Asked:
        """
        The same, on a connection that one worker has accepted.
        """
        for _ in range(MANY):
            asked = self.ask(cookie, path, **fields)
            if owner(asked.local_port, self.port, [pid]) == pid:
                return asked
            asked.close()
        raise AssertionError(f"process {pid} accepts nothing")

    def streams(self, cookie: str, pids: Collection[int]) -> dict[int, list[Asked]]:
        """
        Open streams, at least one at each worker.
        """
        found: dict[int, list[Asked]] = {pid: [] for pid in pids}
        for _ in range(MANY):
            stream = self.ask(cookie, STREAM)
            assert (stream.status, stream.begun) == (200, b"begun")
            found[owner(stream.local_port, self.port, pids)].append(stream)
            if all(found.values()):
                return found
        raise AssertionError(f"of {MANY} connections not every worker has one")

    def sign_out(self, cookie: str) -> dict[str, Any]:
        """
        The receipt of a sign-out.
        """
        return self.receipt(self.ask(cookie, paths.SIGN_OUT, **SIGN_OUT_FIELDS))

    def receipt(self, asked: Asked) -> dict[str, Any]:
        """
        The receipt that an answer is.
        """
        self.assertEqual(asked.status, 200)
        receipt: dict[str, Any] = json.loads(asked.begun + asked.answer.read())
        return receipt


SIGN_OUT_FIELDS = {
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Dest": "empty",
    "Accept": "application/json",
}


def owner(client_port: int, server_port: int, pids: Collection[int]) -> int:
    """
    Which of some processes has the other end of a connection; 0 if none of them has.
    """
    until = time.monotonic() + PATIENCE
    wanted = f"0100007F:{server_port:04X} 0100007F:{client_port:04X}"
    while time.monotonic() < until:
        inode = next((row.split()[9] for row in _rows() if wanted in row), "0")
        if inode != "0":
            return next((pid for pid in pids if f"socket:[{inode}]" in _files(pid)), 0)
        time.sleep(0.01)
    raise AssertionError("the connection is accepted by nobody")


def _rows() -> list[str]:
    return [re.sub(" +", " ", row) for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]


def _files(pid: int) -> set[str]:
    found = set()
    try:
        for entry in os.scandir(f"/proc/{pid}/fd"):
            try:
                found.add(os.readlink(entry.path))
            except OSError:
                continue
    except OSError:
        return set()
    return found
