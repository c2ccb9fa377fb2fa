"""
The daemon starts: in the foreground and in the background, with and without TLS.
"""

from __future__ import annotations

import http.client
import os
import signal
import ssl

from tests.process.daemon import TWISTD, DaemonTestCase, eventually, is_running, json_lines
from tests.tls.authorities import Authority


class ForegroundTests(DaemonTestCase):
    """
    ``twistd -n pomerium``.
    """

    def test_both_listeners(self) -> None:
        """
        Both addresses answer ``/ping``; the log is JSON lines on standard output, and nothing else is written anywhere.
        """
        running = self.start()
        for port, host in ((self.port, "127.0.0.1"), (self.authenticate_port, "authenticate.localhost")):
            self.assertEqual(self.get("/ping", port=port, host=host)[0], 200)
        self.get("/nothing")
        running.signal(signal.SIGTERM)
        self.assertEqual(running.status(), 0)
        lines = json_lines(running.out)
        self.assertEqual([line for line in lines if not {"level", "time", "message", "service"} <= line.keys()], [])
        self.assertIn("http-request", [line["message"] for line in lines])
        self.assertEqual(running.err, "")
        self.assertEqual({path.name for path in self.folder.iterdir()}, {"config.yaml", "stdout.txt", "stderr.txt"})

    def test_tls(self) -> None:
        """
        With certificates both addresses speak TLS and show the one for the name that was asked.
        """
        authority = Authority("A test authority")
        sections = []
        for name in ("app.localhost", "authenticate.localhost"):
            certificate, key = authority.issue(name)
            (self.folder / f"{name}.pem").write_bytes(certificate)
            (self.folder / f"{name}.key").touch(mode=0o600)
            (self.folder / f"{name}.key").write_bytes(key)
            sections.append({"cert": str(self.folder / f"{name}.pem"), "key": str(self.folder / f"{name}.key")})
        running = self.start(
            insecure_server=None,
            certificates=sections,
            authenticate_service_url=f"https://authenticate.localhost:{self.authenticate_port}",
        )
        trusting = ssl.create_default_context(cadata=authority.pem.decode())
        for port, name in ((self.port, "app.localhost"), (self.authenticate_port, "authenticate.localhost")):
            with self.subTest(name):
                connection = http.client.HTTPSConnection(name, port, context=trusting, timeout=5)
                # Not public, and libc does not know the name.
                connection._create_connection = lambda address, *rest: _loopback(address[1])  # type: ignore[attr-defined]
                connection.request("GET", "/ping")
                self.assertEqual(connection.getresponse().read(), b"OK\n")
                connection.close()
        running.signal(signal.SIGTERM)
        self.assertEqual(running.status(), 0)


class BackgroundTests(DaemonTestCase):
    """
    ``twistd pomerium``, which becomes a daemon.
    """

    def test_daemon(self) -> None:
        """
        It listens when the command returns, writes JSON lines to ``twistd.log``, begins the log anew on SIGUSR1, and
        on SIGTERM ends and removes its pidfile.
        """
        running = self.twistd(configuration=self.configuration())
        self.assertEqual((running.status(), running.out, running.err), (0, "", ""))
        pid = self.daemon_pid()
        eventually("it listens", lambda: running.is_up(self.port, self.authenticate_port))
        self.assertEqual(self.get("/ping", host="127.0.0.1")[0], 200)
        log, older = self.folder / "twistd.log", self.folder / "twistd.log.1"
        eventually("it says so", lambda: "Listening on port" in log.read_text())
        os.kill(pid, signal.SIGUSR1)
        self.assertEqual(self.get("/after", host="nobody.localhost")[0], 404)
        eventually("there is another log", older.exists)
        self.assertIn("Listening on port", [line["message"][:17] for line in json_lines(older.read_text())])
        os.kill(pid, signal.SIGTERM)
        eventually("it ends", lambda: not is_running(pid))
        self.assertFalse(self.pidfile.exists())
        messages = [line["message"] for line in json_lines(log.read_text())]
        self.assertIn("http-request", messages)
        self.assertIn("Stopped", messages)


class HelpTests(DaemonTestCase):
    """
    ``twistd --help``.
    """

    def test_plugin_is_listed(self) -> None:
        """
        From a folder that has nothing to do with us, ``pomerium`` is among the commands.
        """
        running = self.run_command(str(TWISTD), "--help")
        self.assertEqual(running.status(), 0)
        self.assertRegex(running.out, r"(?m)^ +pomerium +An identity-aware")

    def test_own_help(self) -> None:
        """
        ``twistd pomerium --help`` names the options.
        """
        running = self.run_command(str(TWISTD), "pomerium", "--help")
        self.assertEqual(running.status(), 0)
        self.assertIn("--config=", running.out)
        self.assertIn("--check", running.out)


def _loopback(port: int) -> object:
    import socket

    return socket.create_connection(("127.0.0.1", port), timeout=5)
