"""
SIGHUP: the daemon reads its configuration again.
"""

from __future__ import annotations

import http.client
import signal
import ssl
from threading import Event

from tests.process.daemon import DaemonTestCase, Running, Upstream, eventually, is_listening, json_lines
from tests.tls.authorities import Authority


class ReloadTests(DaemonTestCase):
    """
    A running daemon and a file that changes.
    """

    def setUp(self) -> None:
        super().setUp()
        self.hold = Event()
        self.upstream = Upstream(hold=self.hold)
        self.addCleanup(self.upstream.close)
        self.addCleanup(self.hold.set)

    def reload(self, running: Running, said: str, **changes: object) -> None:
        """
        The file is changed, and the daemon has said what came of it.
        """
        self.write(self.configuration(**changes))
        before = len(json_lines(running.out))
        running.signal(signal.SIGHUP)

        def is_said() -> bool:
            return any(said in line["message"] for line in json_lines(running.out)[before:])

        eventually(said, is_said)

    def test_reload(self) -> None:
        """
        New routes are served on the same sockets, and an answer that was under way on a route that is gone is cut.
        """
        url = f"http://127.0.0.1:{self.upstream.port}"
        running = self.start(routes=[self.route(url)])
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        self.addCleanup(connection.close)
        connection.request("GET", "/slow", headers={"Host": f"app.localhost:{self.port}"})
        self.assertTrue(self.upstream.asked.wait(5))
        other = {**self.route(url), "from": f"http://other.localhost:{self.port}"}
        self.reload(running, "was read again", routes=[other])
        answer = connection.getresponse()
        self.assertEqual((answer.status, answer.headers["Connection"]), (302, "close"))
        self.hold.set()
        self.assertEqual(self.get("/", host="other.localhost"), (200, b"You asked for /"))
        self.assertEqual(self.get("/")[0], 404)

    def test_bad_file(self) -> None:
        """
        A bad file is told of, problem by problem, and nothing changes; the process goes on.
        """
        self.hold.set()
        running = self.start(routes=[self.route(f"http://127.0.0.1:{self.upstream.port}")])
        self.reload(running, "stays as it was", routes=[{"from": "nonsense"}], unknown_key=1)
        told = "\n".join(line["message"] for line in json_lines(running.out) if line["level"] == "error")
        for key in ("routes[0].from", "unknown_key"):
            self.assertIn(key, told)
        self.assertEqual(self.get("/"), (200, b"You asked for /"))
        self.assertIsNone(running.process.poll())

    def test_address_waits(self) -> None:
        """
        Another address waits for a restart, and that is told.
        """
        running = self.start()
        self.reload(running, "address: the new value waits for a restart", address="127.0.0.1:1")
        eventually("it was read", lambda: "was read again" in running.out)
        self.assertTrue(is_listening(self.port))

    def test_certificate(self) -> None:
        """
        A renewed certificate is shown from the next handshake on.
        """
        authority = Authority("the authority")
        certificate, key = self.folder / "certificate.pem", self.folder / "key.pem"

        def renew() -> None:
            issued, its_key = authority.issue("app.localhost")
            certificate.write_bytes(issued)
            key.touch(mode=0o600)
            key.write_bytes(its_key)

        def shown() -> str:
            return ssl.get_server_certificate(("127.0.0.1", self.port))

        renew()
        settings: dict[str, object] = {
            "insecure_server": None,
            "certificates": [{"cert": str(certificate), "key": str(key)}],
            "authenticate_service_url": f"https://authenticate.localhost:{self.authenticate_port}",
        }
        running = self.start(**settings)
        before = shown()
        renew()
        self.reload(running, "was read again", **settings)
        self.assertNotEqual(shown(), before)
