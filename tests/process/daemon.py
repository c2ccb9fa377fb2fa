"""
The real ``twistd pomerium``, and the applications that it stands in front of.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from threading import Event, Thread
from typing import Any, TypeVar

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parent.parent.parent
TWISTD = Path(sys.executable).with_name("twistd")
PATIENCE = 30.0
"""
Seconds after which something is held not to happen any more.
"""
KEY_32 = "c2hhcmVkLXNlY3JldC1zaGFyZWQtc2VjcmV0LXNoYXI="

T = TypeVar("T")


def eventually(what: str, attempt: Callable[[], T]) -> T:
    """
    The first result of *attempt* that is true.
    """
    until = time.monotonic() + PATIENCE
    while not (result := attempt()):
        assert time.monotonic() < until, f"not in {PATIENCE:.0f} seconds: {what}"
        time.sleep(0.01)
    return result


def free_ports(count: int) -> list[int]:
    """
    Ports of loopback that nobody listens on now.
    """
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def is_listening(port: int) -> bool:
    """
    Whether a connection can be made to it.
    """
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_answering(port: int, *, tls: bool = False) -> bool:
    """
    Whether ``/ping`` is answered there.
    """
    connection: http.client.HTTPConnection
    if tls:
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=ssl._create_unverified_context(), timeout=1)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def json_lines(text: str) -> list[dict[str, Any]]:
    """
    The objects in *text*, of which every line must be one.
    """
    return [json.loads(line) for line in text.splitlines()]


class Running:
    """
    A process, with its outputs in files of its folder.
    """

    def __init__(self, command: list[str], folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self._out, self._err = folder / "stdout.txt", folder / "stderr.txt"
        # Not the rest: any variable may be the name of a configuration key.
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        path = os.pathsep.join((str(folder), str(ROOT)))
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env={**inherited, "PYTHONPATH": path, **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                # Whoever runs the tests in the background has us ignore it.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )

    @property
    def out(self) -> str:
        """
        What it has written to its standard output.
        """
        return self._out.read_text()

    @property
    def err(self) -> str:
        """
        What it has written to its standard error.
        """
        return self._err.read_text()

    def status(self) -> int:
        """
        Its exit status, once it has ended.
        """
        return self.process.wait(PATIENCE)

    def signal(self, number: int) -> None:
        """
        Send it a signal.
        """
        self.process.send_signal(number)

    def kill(self) -> None:
        """
        It runs no more.
        """
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def is_up(self, *ports: int, tls: bool = False) -> bool:
        """
        Whether it answers on all of *ports*; it must not have ended.
        """
        assert self.process.poll() in (None, 0), f"ended with {self.process.returncode}\n{self.out}\n{self.err}"
        return all(is_answering(port, tls=tls) for port in ports)


class DaemonTestCase(SynchronousTestCase):
    """
    A folder with a configuration for two listeners, and what runs in it.
    """

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir()
        self.port, self.authenticate_port = free_ports(2)
        self.pidfile = self.folder / "twistd.pid"

    def configuration(self, **changes: object) -> dict[str, Any]:
        """
        The configuration; None leaves a key out.
        """
        values: dict[str, object] = {
            "address": f"127.0.0.1:{self.port}",
            "insecure_server": True,
            "authenticate_service_url": f"http://authenticate.localhost:{self.authenticate_port}",
            "shared_secret": KEY_32,
            "cookie_secret": KEY_32,
            "idp_provider": "oidc",
            "idp_provider_url": "http://op.localhost:1",
            "idp_client_id": "a-client",
            "idp_client_secret": "a-client-secret",
            "routes": [self.route("http://127.0.0.1:1")],
        }
        return {key: value for key, value in (values | changes).items() if value is not None}

    def write(self, configuration: Mapping[str, object]) -> Path:
        """
        The file with *configuration*, one key on each line.
        """
        path = self.folder / "config.yaml"
        path.touch(mode=0o600)
        path.write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in configuration.items()))
        return path

    def route(self, url: str, **settings: object) -> dict[str, object]:
        """
        A public route to *url*.
        """
        return {
            "from": f"http://app.localhost:{self.port}",
            "to": url,
            "allow_public_unauthenticated_access": True,
            **settings,
        }

    def run_command(self, *command: str, environment: Mapping[str, str] | None = None) -> Running:
        """
        A command, running.
        """
        running = Running(list(command), self.folder, environment or {})
        self.addCleanup(running.kill)
        return running

    def twistd(self, *options: str, pomerium: Iterable[str] = (), configuration: Mapping[str, object]) -> Running:
        """
        ``twistd`` with *options*, running ``pomerium``.
        """
        path = self.write(configuration)
        return self.run_command(str(TWISTD), *options, "pomerium", "--config", str(path), *pomerium)

    def start(self, *options: str, **changes: object) -> Running:
        """
        The daemon in the foreground, listening.
        """
        configuration = self.configuration(**changes)
        running = self.twistd("-n", *options, configuration=configuration)
        tls = not configuration.get("insecure_server")
        eventually("it answers", lambda: running.is_up(self.port, self.authenticate_port, tls=tls))
        return running

    def get(
        self, path: str = "/", *, port: int | None = None, host: str = "app.localhost", **fields: str
    ) -> tuple[int, bytes]:
        """
        The status and content of an answer.
        """
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=PATIENCE)
        try:
            connection.request("GET", path, headers={"Host": f"{host}:{port or self.port}", **fields})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def daemon_pid(self) -> int:
        """
        The process in the pidfile, which is ended after the test.
        """
        pid = int(eventually("there is a pidfile", lambda: self.pidfile.exists() and self.pidfile.read_text()))
        self.addCleanup(end_process, pid)
        return pid

    def processes_left(self) -> list[str]:
        """
        The command lines of processes that have the test's configuration.
        """
        mine = str(self.folder / "config.yaml")
        found = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command = entry.read_bytes().decode("utf-8", "replace")
            except OSError:
                continue
            if mine in command.split("\0"):
                found.append(command)
        return found


def end_process(pid: int) -> None:
    """
    No such process runs any more.
    """
    if is_running(pid):
        os.kill(pid, signal.SIGKILL)


def is_running(pid: int) -> bool:
    """
    Whether there is such a process, not counting what is dead and waits to be noticed.
    """
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


class Upstream:
    """
    An application that answers with the path, on loopback.

    :param hold: Answers only once the event is set.
    :param path: Of a UNIX socket to listen on instead.
    """

    def __init__(
        self, *, tls: ssl.SSLContext | None = None, hold: Event | None = None, path: Path | None = None
    ) -> None:
        self.asked = asked = Event()

        class Handler(BaseHTTPRequestHandler):
            """
            Answers.
            """

            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                asked.set()
                if hold is not None:
                    hold.wait(PATIENCE)
                content = f"You asked for {self.path}".encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *arguments: object) -> None:
                """
                Nobody reads it.
                """

        class OnSocket(ThreadingHTTPServer):
            """
            Has neither name nor port.
            """

            address_family = socket.AF_UNIX

            def server_bind(self) -> None:
                TCPServer.server_bind(self)

        self._server = (
            ThreadingHTTPServer(("127.0.0.1", 0), Handler) if path is None else OnSocket(str(path), Handler)  # type: ignore[arg-type] # an address of its family
        )
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        # Refused handshakes are part of the tests.
        self._server.handle_error = lambda *about: None  # type: ignore[method-assign] # this test's double
        self.port = int(self._server.server_address[1]) if path is None else 0
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """
        It answers no more.
        """
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
