"""
Several workers: what one of them ends has ended at all of them, whatever becomes of any.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.deployment import Browser
from pomerium_tx import paths
from pomerium_tx.tap import EXIT_FAILED
from tests.process.daemon import Running, end_process, eventually, is_listening, is_running, json_lines
from tests.process.workers import SIGN_OUT_FIELDS, WorkersCase

WITHOUT_WORKERS = """
from twisted.scripts.twistd import run
from pomerium_tx.workers import child

child.MODULE = "pomerium_tx.nowhere"
run()
"""


class SignOutTests(WorkersCase):
    """
    One sign-out, everywhere.
    """

    def test_sign_out(self) -> None:
        """
        When the answer to a sign-out comes, everything of the session is cut at every worker, and the receipt counts
        all of it; nobody is let in by its cookie at any worker, and one line of the log tells of it. Others stay.
        """
        running = self.begin()
        pids = set(self.serving(running).values())
        cookie, other = self.sign_in(), self.sign_in()
        streams = [one for each in self.streams(cookie, pids).values() for one in each]
        others = [one for each in self.streams(other, pids).values() for one in each]
        receipt = self.sign_out(cookie)
        self.assertEqual([one.is_dead() for one in streams], [True] * len(streams))
        self.assertEqual([one.is_dead() for one in others], [False] * len(others))
        self.assertEqual((receipt["sessions_ended"], receipt["replicas"]), (1, "2/2"))
        self.assertEqual(receipt["exchanges_cut"]["download"], len(streams))
        for pid in pids:
            self.assertEqual(self.ask_of(pid, cookie).status, 302)
            self.assertEqual(self.ask_of(pid, other).status, 200)
        audited = [line for line in self.lines(running) if line["message"] == "session_ended"]
        self.assertEqual([line["receipt"]["id"] for line in audited], [receipt["id"]])
        self.assertEqual(audited[0]["receipt"]["exchanges_cut"], receipt["exchanges_cut"])


class LostWorkerTests(WorkersCase):
    """
    A worker that dies, or does nothing any more.
    """

    def replaced(self, running: Running, number: int, before: int) -> int:
        """
        The process that serves in the place of another.
        """
        return eventually(
            "another serves",
            lambda: (pid := self.serving(running)[number]) != before and pid,
        )

    def test_killed(self) -> None:
        """
        When a worker is killed the others go on; another takes its place, which knows every session and hears of ends.
        """
        running = self.begin()
        cookie = self.sign_in()
        before = self.serving(running)[1]
        os.kill(before, signal.SIGKILL)
        for _ in range(20):
            self.assertEqual(self.ask(cookie).status, 200)
        new = self.replaced(running, 1, before)
        pids = set(self.serving(running).values())
        streams = self.streams(cookie, pids)
        self.assertIn(new, streams)
        receipt = self.sign_out(cookie)
        self.assertEqual([one.is_dead() for one in streams[new]], [True] * len(streams[new]))
        self.assertEqual(receipt["replicas"], "2/2")
        self.assertEqual(self.ask_of(new, cookie).status, 302)

    def test_stopped(self) -> None:
        """
        A worker that does nothing any more keeps no sign-out waiting for longer than it is given: then it is dead, and
        so is everything that it had open.
        """
        running = self.begin()
        serving = self.serving(running)
        cookie = self.sign_in()
        streams = self.streams(cookie, serving.values())
        os.kill(serving[1], signal.SIGSTOP)
        began = time.monotonic()
        asked = self.ask_of(serving[2], cookie, paths.SIGN_OUT, **SIGN_OUT_FIELDS)
        waited = time.monotonic() - began
        for one in [*streams[serving[1]], *streams[serving[2]]]:
            self.assertTrue(one.is_dead())
        self.assertFalse(is_running(serving[1]))
        self.assertEqual(self.receipt(asked)["replicas"], "2/2")
        self.assertLess(waited, 10.0)
        new = self.replaced(running, 1, serving[1])
        self.assertEqual(self.ask_of(new, cookie).status, 302)

    def test_parent_killed(self) -> None:
        """
        Workers whose parent is gone serve nothing any more: what is open is reset, and they end.
        """
        running = self.begin()
        pids = set(self.serving(running).values())
        cookie = self.sign_in()
        streams = self.streams(cookie, pids)
        for pid in pids:
            # There are lines of the log that wait to be written.
            self.ask_of(pid, cookie)
        running.kill()
        eventually("no worker is left", lambda: not any(map(is_running, pids)))
        for each in streams.values():
            self.assertEqual([one.is_dead() for one in each], [True] * len(each))


class ReloadTests(WorkersCase):
    """
    SIGHUP.
    """

    def test_reload(self) -> None:
        """
        When it is said that the configuration was read, no worker serves by that of before: what it does not admit is
        cut, and is admitted nowhere.
        """
        running = self.begin()
        pids = set(self.serving(running).values())
        cookie = self.sign_in()
        streams = [one for each in self.streams(cookie, pids).values() for one in each]
        route = self.private_route(allow_any_authenticated_user=False, allowed_users=["nobody@example.com"])
        self.write(self.configuration(**{**self.settings, "routes": [route]}))
        running.signal(signal.SIGHUP)
        eventually("it was read", lambda: "was read again" in running.out)
        self.assertEqual([one.is_dead() for one in streams], [True] * len(streams))
        for pid in pids:
            self.assertEqual(self.ask_of(pid, cookie).status, 403)


class StopTests(WorkersCase):
    """
    The end of it all.
    """

    def test_drains(self) -> None:
        """
        After a signal to the whole group of processes, as systemd and a terminal send it, nothing is accepted any more,
        what is under way at a worker finishes, and then all end in order.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                self.application.over.clear()
                running = self.begin()
                pids = set(self.serving(running).values())
                streams = [one for each in self.streams(self.sign_in(), pids).values() for one in each]
                for pid in (*pids, running.process.pid):
                    os.kill(pid, number)
                eventually("nothing is accepted", lambda: not is_listening(self.port))
                self.assertEqual([one.is_dead() for one in streams], [False] * len(streams))
                self.application.over.set()
                self.assertEqual([one.answer.read() for one in streams], [b""] * len(streams))
                self.assertEqual((running.status(), running.err), (0, ""))
                self.assertFalse(any(map(is_running, pids)))
                self.assertEqual([line for line in self.lines(running) if "traceback" in line], [])

    def test_second_signal(self) -> None:
        """
        Who asks twice is not kept waiting.
        """
        running = self.begin()
        pids = set(self.serving(running).values())
        streams = [one for each in self.streams(self.sign_in(), pids).values() for one in each]
        running.signal(signal.SIGTERM)
        eventually("nothing is accepted", lambda: not is_listening(self.port))
        began = time.monotonic()
        running.signal(signal.SIGTERM)
        self.assertEqual((running.status(), running.err), (0, ""))
        self.assertLess(time.monotonic() - began, 5.0)
        self.assertEqual([one.is_dead() for one in streams], [True] * len(streams))


class StartTests(WorkersCase):
    """
    What keeps it from starting.
    """

    def test_cannot_start(self) -> None:
        """
        If no worker can be started, that is said as gravely as possible, and it ends in order with an exit status of
        its own.
        """
        path = self.write(self.configuration(workers=2))
        running = self.run_command(sys.executable, "-c", WITHOUT_WORKERS, "-n", "pomerium", "--config", str(path))
        self.assertEqual((running.status(), running.err), (EXIT_FAILED, ""))
        lines = self.lines(running)
        (grave,) = [line for line in lines if line["level"] == "critical"]
        self.assertEqual(grave["message"], "The service cannot start")
        self.assertTrue([line for line in lines if "No module named" in line["message"]])
        self.assertEqual(lines[-1]["message"], "Server Shut Down.")
        self.assertFalse(self.pidfile.exists() or is_listening(self.port))

    def test_taken_port(self) -> None:
        """
        A taken address is one line and exit status 1, as without workers.
        """
        with socket.create_server(("127.0.0.1", self.port)):
            running = self.twistd("-n", configuration=self.configuration(workers=2))
            self.assertEqual(running.status(), 1)
        said = f"address: cannot listen on 127.0.0.1:{self.port}: Address already in use\n"
        self.assertEqual((running.err, running.out), (said, ""))


class DaemonTests(WorkersCase):
    """
    In the background, and what is seen of all workers together.
    """

    def test_background(self) -> None:
        """
        The lines of the workers are in the daemon's log, which is begun anew for all of them; when it ends no process
        is left.
        """
        running = self.twistd(configuration=self.configuration(workers=2, admin_address=""))
        self.assertEqual((running.status(), running.out, running.err), (0, "", ""))
        pid = self.daemon_pid()
        log = self.folder / "twistd.log"
        eventually("it listens", lambda: log.exists() and "Listening on port" in log.read_text())
        said = [line for line in json_lines(log.read_text()) if " serves, as process " in line["message"]]
        pids = {line["pid"] for line in said}
        self.assertEqual(len(pids), 2)
        for each in pids:
            self.addCleanup(end_process, each)
            os.kill(each, signal.SIGUSR1)
        os.kill(pid, signal.SIGUSR1)
        self.assertEqual(self.get("/after", host="nobody.localhost")[0], 404)
        eventually("there is another log", (self.folder / "twistd.log.1").exists)
        eventually("the worker's line is in it", lambda: log.exists() and "http-request" in log.read_text())
        os.kill(pid, signal.SIGTERM)
        eventually("it ends", lambda: not is_running(pid))
        self.assertFalse(any(map(is_running, pids)))
        json_lines(log.read_text())

    def test_what_is_open(self) -> None:
        """
        The administrator, and a person on their own page, see what is open at every worker; an administrator's end is
        in force at all of them.
        """
        path = self.folder / "a"
        running = self.begin(admin_address=f"unix:{path}")
        pids = set(self.serving(running).values())
        browser = Browser()
        cookie = browser.sign_in(f"http://app.localhost:{self.port}")
        streams = [one for each in self.streams(cookie, pids).values() for one in each]
        host = f"authenticate.localhost:{self.authenticate_port}"
        own = "; ".join(f"{name}={value}" for name, value in browser.cookies[host].items())
        fields = {"Cookie": own, "Accept": "application/json"}
        _, content = self.get(paths.DASHBOARD, port=self.authenticate_port, host="authenticate.localhost", **fields)
        (session,) = json.loads(content)["sessions"]
        self.assertEqual(len(session["exchanges"]), len(streams))
        (shown,) = self.over_socket(path, "GET", "/sessions")["sessions"]
        self.assertEqual([one["kind"] for one in shown["exchanges"]], ["download"] * len(streams))
        receipt = self.over_socket(path, "DELETE", f"/sessions?user={shown['user']}")
        self.assertEqual((receipt["replicas"], receipt["exchanges_cut"]["download"]), ("2/2", len(streams)))
        self.assertEqual([one.is_dead() for one in streams], [True] * len(streams))

    def over_socket(self, path: Path, method: str, target: str) -> dict[str, Any]:
        """
        What the administrator's listener answers.
        """
        connection = http.client.HTTPConnection("localhost", timeout=30)
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.connect(os.path.relpath(path))
            connection.request(method, target)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
            return answer
        finally:
            connection.close()
