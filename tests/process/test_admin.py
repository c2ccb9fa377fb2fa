"""
The administrator's listener of a running daemon, and the command that asks it.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import stat
import sys
from pathlib import Path
from typing import Any

from tests.process.daemon import DaemonTestCase, Running, Upstream, eventually, free_ports, json_lines

TOKEN = "a-token-of-more-than-32-characters-0123456789"
CLI = (sys.executable, "-c", "import sys; from pomerium_tx.cli import main; sys.exit(main())")


class AdminCase(DaemonTestCase):
    """
    A daemon with an administrator's listener.
    """

    def setUp(self) -> None:
        super().setUp()
        # The path of a socket must be short, and the daemon's is absolute.
        self.socket_path = self.folder / "a"

    def over_socket(self, method: str, target: str, **fields: str) -> tuple[int, dict[str, Any]]:
        """
        The status and the JSON of an answer over the UNIX socket.
        """
        connection = http.client.HTTPConnection("localhost", timeout=30)
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.connect(os.path.relpath(self.socket_path))
            return self.answer(connection, method, target, fields)
        finally:
            connection.close()

    def over_tcp(self, port: int, method: str, target: str, **fields: str) -> tuple[int, dict[str, Any]]:
        """
        The status and the JSON of an answer over TCP.
        """
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            return self.answer(connection, method, target, fields)
        finally:
            connection.close()

    @staticmethod
    def answer(
        connection: http.client.HTTPConnection, method: str, target: str, fields: dict[str, str]
    ) -> tuple[int, dict[str, Any]]:
        """
        The status and the JSON of an answer.
        """
        connection.request(method, target, headers={name.replace("_", "-"): value for name, value in fields.items()})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    def command(self, *arguments: str) -> Running:
        """
        ``pomerium-tx``, over.
        """
        folder = Path(self.mktemp()).resolve()
        folder.mkdir()
        running = Running([*CLI, *arguments], folder, {})
        self.addCleanup(running.kill)
        running.status()
        return running


class SocketTests(AdminCase):
    """
    On a UNIX socket.
    """

    def begin(self, **changes: object) -> Running:
        """
        The daemon, its socket there.
        """
        running = self.start(admin_address=f"unix:{self.socket_path}", **changes)
        eventually("it listens", self.socket_path.exists)
        return running

    def test_life(self) -> None:
        """
        The socket is its owner's alone, answers, shows nothing to a web page, and is gone with the daemon.
        """
        running = self.begin()
        found = self.socket_path.lstat().st_mode
        self.assertTrue(stat.S_ISSOCK(found))
        self.assertEqual(stat.S_IMODE(found), 0o600)
        self.assertEqual(self.over_socket("GET", "/sessions"), (200, {"count": 0, "sessions": [], "next": None}))
        self.assertEqual(self.over_socket("DELETE", "/sessions")[0], 400)
        self.assertEqual(self.over_socket("DELETE", "/sessions?user=alice")[1]["sessions_ended"], 0)
        self.assertEqual(self.over_socket("GET", "/sessions", Sec_Fetch_Site="none")[0], 403)
        self.assertEqual(self.over_socket("GET", "/revocations")[1]["revocations"], [])
        self.assertEqual(self.over_socket("GET", "/notices")[1]["notices"], [])
        self.assertEqual(stat.S_IMODE(self.socket_path.lstat().st_mode), 0o600)
        with socket.socket(socket.AF_UNIX) as idle:
            # It does not hold up the end.
            idle.connect(os.path.relpath(self.socket_path))
            running.signal(signal.SIGTERM)
            self.assertEqual(running.status(), 0)
        self.assertFalse(self.socket_path.exists())
        lines = [line for line in json_lines(running.out) if line["service"] == "admin"]
        self.assertEqual([line["path"] for line in lines][:2], ["/sessions", "/sessions"])
        self.assertNotIn("alice", running.out)
        self.assertEqual(running.err, "")

    def test_doctor(self) -> None:
        """
        A running daemon, with workers too, passes its fire drill; a provider that does not answer is told of.
        """
        for changes, replicas in (({}, "1/1"), ({"workers": 2}, "2/2")):
            with self.subTest(replicas):
                running = self.begin(**changes)
                asked = self.command("doctor", "--address", f"unix:{self.socket_path}", "--json")
                told = json.loads(asked.out)
                self.assertTrue(told["drill"]["passed"], told)
                self.assertEqual(told["drill"]["receipt"]["replicas"], replicas)
                self.assertEqual([provider["answers"] for provider in told["providers"]], [False])
                self.assertEqual(asked.status(), 1)
                running.signal(signal.SIGTERM)
                self.assertEqual(running.status(), 0)

    def test_strict_reading(self) -> None:
        """
        It reads requests as strictly as every other listener, and an answer that is cut short by its reader, or a
        request that nobody ends, does no harm.
        """
        self.begin()
        for asked, status in (
            (b"GET /sessions HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b" 400 "),
            (b"GET /sessions HTTP/1.1\r\n\r\n", b" 400 "),
            (b"GET /sessions HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", b" 400 "),
            (b"GET /sessions HTTP/1.0\r\n\r\n", b" 200 "),
            (b"PUT /sessions HTTP/1.1\r\nHost: a\r\n\r\n", b" 405 "),
        ):
            with self.subTest(asked), socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(30)
                connection.connect(os.path.relpath(self.socket_path))
                connection.sendall(asked)
                self.assertIn(status, connection.recv(4096).partition(b"\r\n")[0])
        for asked in (b"", b"GET /sess", b"GET /sessions HTTP/1.1\r\nHost: a\r\n\r\n" * 200):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(os.path.relpath(self.socket_path))
                connection.sendall(asked)
        self.assertEqual(self.over_socket("GET", "/sessions")[0], 200)

    def test_restart(self) -> None:
        """
        What a daemon that was killed has left behind does not keep the next one from starting.
        """
        first = self.begin()
        first.kill()
        self.assertTrue(self.socket_path.exists())
        self.begin()
        eventually("it answers", lambda: self._is_answering())

    def test_taken(self) -> None:
        """
        A second daemon does not start on the socket of one that runs, says why, and leaves it alone.
        """
        self.begin()
        ports = free_ports(2)
        second = self.configuration(
            address=f"127.0.0.1:{ports[0]}",
            authenticate_service_url=f"http://authenticate.localhost:{ports[1]}",
            admin_address=f"unix:{self.socket_path}",
        )
        self.folder = self.folder / "other"
        self.folder.mkdir()
        running = self.twistd("-n", configuration=second)
        self.assertEqual(running.status(), 1)
        self.assertEqual(
            running.err,
            f"admin_address: cannot listen on unix:{self.socket_path}: Another process is listening there\n",
        )
        self.assertEqual(self.over_socket("GET", "/sessions")[0], 200)

    def test_command(self) -> None:
        """
        The command lists, ends and says why it cannot, as its configuration tells it whom to ask.
        """
        running = self.begin()
        config = str(self.folder / "config.yaml")
        listed = self.command("sessions", "list", "--config", config)
        self.assertEqual((listed.status(), listed.out, listed.err), (0, "0 sessions.\n", ""))
        ended = self.command("sessions", "end", "--user", "alice", "--address", f"unix:{self.socket_path}")
        self.assertEqual((ended.status(), ended.out), (0, "No session matched: nothing has ended.\n"))
        wrong = self.command("sessions", "end", "--issued-before", "yesterday", "--config", config)
        self.assertEqual((wrong.status(), wrong.out), (1, ""))
        self.assertIn("parameter issued_before ", wrong.err)
        owed = self.command("revocations", "--json", "--config", config)
        self.assertEqual(json.loads(owed.out), {"revocations": [], "notices": []})
        running.signal(signal.SIGTERM)
        running.status()
        gone = self.command("sessions", "list", "--config", config)
        self.assertEqual((gone.status(), gone.out), (2, ""))
        self.assertEqual(len(gone.err.splitlines()), 1)
        self.assertIn(f"unix:{self.socket_path}", gone.err)

    def _is_answering(self) -> bool:
        try:
            return self.over_socket("GET", "/sessions")[0] == 200
        except OSError:
            return False


class LoopbackTests(AdminCase):
    """
    On an address of this machine.
    """

    def test_token(self) -> None:
        """
        The token is asked for, a foreign name is refused, and the log never has the token.
        """
        (port,) = free_ports(1)
        token = self.folder / "token"
        token.touch(mode=0o600)
        token.write_text(TOKEN + "\n")
        running = self.start(admin_address=f"127.0.0.1:{port}", admin_token_file=str(token))
        shown = {"Authorization": f"Bearer {TOKEN}"}
        eventually("it listens", lambda: self._is_listening(port))
        self.assertEqual(self.over_tcp(port, "GET", "/sessions")[0], 401)
        self.assertEqual(self.over_tcp(port, "GET", "/sessions", Authorization="Bearer x")[0], 401)
        self.assertEqual(self.over_tcp(port, "GET", "/sessions", **shown)[0], 200)
        self.assertEqual(self.over_tcp(port, "GET", "/sessions", Host="evil.example.com", **shown)[0], 403)
        self.assertEqual(self.over_tcp(port, "GET", "/sessions", Origin="null", **shown)[0], 403)
        listed = self.command("sessions", "list", "--config", str(self.folder / "config.yaml"))
        self.assertEqual((listed.status(), listed.out), (0, "0 sessions.\n"))
        bare = self.command("sessions", "list", "--address", f"127.0.0.1:{port}")
        self.assertEqual((bare.status(), "admin_token_file" in bare.err), (1, True))
        running.signal(signal.SIGTERM)
        self.assertEqual(running.status(), 0)
        self.assertNotIn(TOKEN, running.out + running.err + listed.out + listed.err)

    @staticmethod
    def _is_listening(port: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0


class OwnListenerTests(AdminCase):
    """
    Apart from the others.
    """

    def test_nowhere_else(self) -> None:
        """
        The administrator's pages are on no other listener, and applications are not on the administrator's.
        """
        upstream = Upstream()
        self.addCleanup(upstream.close)
        self.start(admin_address=f"unix:{self.socket_path}", routes=[self.route(f"http://127.0.0.1:{upstream.port}")])
        eventually("it listens", self.socket_path.exists)
        self.assertEqual(self.get("/sessions"), (200, b"You asked for /sessions"))
        host = f"app.localhost:{self.port}"
        self.assertEqual(self.over_socket("GET", "/other", Host=host)[0], 404)
        self.assertEqual(self.over_socket("GET", "/.pomerium/", Host=host)[0], 404)

    def test_default(self) -> None:
        """
        If nothing is said and the default cannot be had, the daemon runs without; off is off, without a word.
        """
        for changes in ({}, {"admin_address": ""}):
            with self.subTest(changes):
                running = self.start(**changes)
                running.signal(signal.SIGTERM)
                self.assertEqual(running.status(), 0)
                told = [line for line in json_lines(running.out) if "admin_address" in line["message"]]
                has_folder = Path("/run/pomerium-tx").is_dir()
                self.assertEqual(len(told), 0 if changes or has_folder else 1)
