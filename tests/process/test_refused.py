"""
What the daemon does not start with: one clear line for each problem, exit status 1, and nothing left behind.
"""

from __future__ import annotations

import socket

from tests.process.daemon import TWISTD, DaemonTestCase, is_listening


class TakenPortTests(DaemonTestCase):
    """
    An address that somebody else has.
    """

    MODES = (("-n",), ())

    def take(self, *ports: int) -> None:
        """
        Somebody listens there.
        """
        for port in ports:
            taken = socket.create_server(("127.0.0.1", port))
            self.addCleanup(taken.close)

    def assert_refused(self, *lines: str, **changes: object) -> None:
        """
        In both modes the daemon says exactly *lines*, ends with 1 and leaves nothing behind.
        """
        for options in self.MODES:
            with self.subTest(options=options):
                running = self.twistd(*options, configuration=self.configuration(**changes))
                self.assertEqual(running.status(), 1)
                self.assertEqual((running.err, running.out), ("".join(f"{line}\n" for line in lines), ""))
                self.assertFalse(self.pidfile.exists())
                self.assertEqual(self.processes_left(), [])

    def test_address(self) -> None:
        """
        A taken ``address`` is one line that names the key and the address; the other is not listened on.
        """
        self.take(self.port)
        self.assert_refused(f"address: cannot listen on 127.0.0.1:{self.port}: Address already in use")
        self.assertFalse(is_listening(self.authenticate_port))

    def test_both(self) -> None:
        """
        Each taken address has a line; where the port came from a URL, that key is named.
        """
        self.take(self.port, self.authenticate_port)
        self.assert_refused(
            f"address: cannot listen on 127.0.0.1:{self.port}: Address already in use",
            f"authenticate_service_url: cannot listen on 127.0.0.1:{self.authenticate_port}: Address already in use",
        )

    def test_authenticate_address(self) -> None:
        """
        A taken ``authenticate_address`` is named as such.
        """
        self.take(self.authenticate_port)
        address = f"127.0.0.1:{self.authenticate_port}"
        self.assert_refused(
            f"authenticate_address: cannot listen on {address}: Address already in use", authenticate_address=address
        )
        self.assertFalse(is_listening(self.port))


class BadConfigurationTests(DaemonTestCase):
    """
    A configuration that cannot be used.
    """

    def bad(self) -> dict[str, object]:
        """
        A configuration with three mistakes.
        """
        return self.configuration(
            insecure_server="perhaps", unknown_key=1, routes=[{"from": "http://app.example.com", "to": "http://a"}]
        )

    def test_all_problems(self) -> None:
        """
        All problems are told at once, each with file, line and key; the status is 1, and nothing is listened on.
        """
        bad = self.bad()
        keys = list(bad)
        for options, pomerium in ((("-n",), ()), ((), ()), (("-n",), ("--check",))):
            with self.subTest(options=options, pomerium=pomerium):
                running = self.twistd(*options, pomerium=pomerium, configuration=bad)
                self.assertEqual(running.status(), 1)
                path = self.folder / "config.yaml"
                for key in ("insecure_server", "unknown_key", "routes[0].from"):
                    line = keys.index(key.partition("[")[0]) + 1
                    self.assertRegex(running.err, rf"(?m)^{path}:{line}: {key.replace('[', '.').replace(']', '.')}: .")
                self.assertNotIn("Traceback", running.err + running.out)
                self.assertEqual(running.out, "")
                self.assertFalse(is_listening(self.port) or is_listening(self.authenticate_port))
                self.assertFalse(self.pidfile.exists())
                self.assertEqual(self.processes_left(), [])

    def test_no_file(self) -> None:
        """
        A file that is not there is one line.
        """
        running = self.run_command(str(TWISTD), "-n", "pomerium", "--config", "nowhere.yaml")
        self.assertEqual(running.status(), 1)
        self.assertRegex(running.err, r"\Anowhere\.yaml: .*\n\Z")

    def test_check(self) -> None:
        """
        ``--check`` of a good configuration says so with status 0, while the port is somebody else's.
        """
        with socket.create_server(("127.0.0.1", self.port)):
            running = self.twistd("-n", pomerium=["--check"], configuration=self.configuration())
            self.assertEqual(running.status(), 0)
        self.assertRegex(running.out, r"config\.yaml is valid: 1 route\.\n\Z")
        self.assertEqual(running.err, "")
