"""
Tests of `pomerium_tx.operations.command`; that it reaches a running proxy is in `tests.process.test_admin`.
"""

from __future__ import annotations

import io
import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.forms.values import AdminAddress
from pomerium_tx.operations import command
from pomerium_tx.operations.admin_client import NotReachable, Refused
from tests.config.material import ROUTE, SMALLEST
from tests.operations.test_report import shown

TOKEN = "a-token-of-more-than-32-characters-0123456789"
RECEIPT: dict[str, Any] = {
    "id": "receipt-1",
    "time": "2023-11-14T22:13:20.000Z",
    "cause": "administrator",
    "sessions_ended": 2,
    "exchanges_cut": {"websocket": 1},
    "in_doubt": {},
    "tokens_to_revoke": 4,
    "op_logout": "not_needed",
    "replicas": "1/1",
    "routes": [],
}


class Terminal(io.StringIO):
    """
    What a person types.
    """

    def isatty(self) -> bool:
        """
        It is one.
        """
        return True


class CommandCase(SynchronousTestCase):
    """
    Runs the commands against a listener that answers what it is told.
    """

    def setUp(self) -> None:
        self.out, self.err = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", self.out)
        self.patch(sys, "stderr", self.err)
        self.patch(sys, "stdin", io.StringIO())
        self.patch(command, "AdminClient", self.client)
        self.patch(os, "environ", {})
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.whom: list[tuple[AdminAddress, str | None]] = []
        self.lists: dict[str, list[Any]] = {"sessions": [], "revocations": [], "notices": []}
        self.problem: Exception | None = None
        self.part = 10_000

    def client(self, address: AdminAddress, token: str | None) -> CommandCase:
        """
        The way to the listener.
        """
        self.whom.append((address, token))
        return self

    def ask(self, method: str, path: str, parameters: Mapping[str, str] | None = None) -> dict[str, Any]:
        """
        The listener's answer.
        """
        given = dict(parameters or {})
        self.asked.append((method, path, given))
        if self.problem is not None:
            raise self.problem
        if method == "DELETE" and "dry_run" not in given:
            return RECEIPT
        name = path[1:]
        items, start = self.lists[name], int(given.get("after", 0))
        end = start + self.part
        following = str(end) if len(items) > end else None
        return {"count": len(items), name: items[start:end], "next": following}

    def run_command(self, *arguments: str, address: str | None = "unix:/run/s") -> int:
        """
        The exit status.
        """
        parser = ArgumentParser()
        command.add_commands(parser.add_subparsers(dest="command", required=True))
        whom = [] if address is None else ["--address", address]
        return command.run(parser.parse_args([*arguments, *whom]))

    def lines(self) -> list[str]:
        """
        What was printed.
        """
        return self.out.getvalue().splitlines()


class ListTests(CommandCase):
    """
    ``pomerium-tx sessions list``.
    """

    def test_table(self) -> None:
        """
        The sessions are a table, and are counted.
        """
        self.lists["sessions"] = [shown(), shown(email="bob@example.com")]
        self.assertEqual(self.run_command("sessions", "list"), 0)
        lines = self.lines()
        self.assertEqual(
            (lines[0].split()[0], lines[2].split()[0], lines[3]), ("USER", "bob@example.com", "2 sessions.")
        )
        self.assertEqual(self.asked, [("GET", "/sessions", {"limit": "10000"})])

    def test_nobody(self) -> None:
        """
        Without sessions it is said that there are none.
        """
        self.assertEqual(self.run_command("sessions", "list"), 0)
        self.assertEqual(self.lines(), ["0 sessions."])

    def test_filters(self) -> None:
        """
        Every option is a parameter, as it was typed.
        """
        options = ["--user", "a@b", "--iss", "https://op", "--sid", "s", "--sub", "x", "--route", "r"]
        self.run_command("sessions", "list", *options, "--issued-before", "2026-11-25T10:00:00Z")
        self.assertEqual(
            self.asked[0][2],
            {
                "user": "a@b",
                "iss": "https://op",
                "sid": "s",
                "sub": "x",
                "route": "r",
                "issued_before": "2026-11-25T10:00:00Z",
                "limit": "10000",
            },
        )

    def test_parts(self) -> None:
        """
        A list that is given in parts is shown whole.
        """
        self.part = 2
        self.lists["sessions"] = [shown(id=str(number)) for number in range(5)]
        self.assertEqual(self.run_command("sessions", "list", "--json", "--user", "u"), 0)
        answer = json.loads(self.out.getvalue())
        self.assertEqual([each["id"] for each in answer["sessions"]], list("01234"))
        self.assertEqual((answer["count"], answer["next"]), (5, None))
        self.assertEqual([given.get("after") for _, _, given in self.asked], [None, "2", "4"])
        self.assertEqual({given["user"] for _, _, given in self.asked}, {"u"})


class EndTests(CommandCase):
    """
    ``pomerium-tx sessions end``.
    """

    def test_needs_filter(self) -> None:
        """
        Without a filter nobody is asked for anything.
        """
        for more in ([], ["--yes"], ["--dry-run"], ["--json"]):
            with self.subTest(more):
                left = self.assertRaises(SystemExit, self.run_command, "sessions", "end", *more)
                self.assertEqual(left.code, 2)
        self.assertIn("--issued-before", self.err.getvalue())
        self.assertEqual((self.asked, self.whom), ([], []))

    def test_ends(self) -> None:
        """
        Where nobody can be asked, or need not be, the sessions end, and the receipt is shown.
        """
        for more, terminal in (([], io.StringIO()), (["--yes"], Terminal("n\n"))):
            with self.subTest(more):
                self.asked.clear()
                self.patch(sys, "stdin", terminal)
                self.assertEqual(self.run_command("sessions", "end", "--user", "alice", *more), 0)
                self.assertEqual(self.asked, [("DELETE", "/sessions", {"user": "alice"})])
        self.assertEqual(self.lines()[0], "Ended 2 sessions.")
        self.assertEqual(self.err.getvalue(), "")

    def test_json(self) -> None:
        """
        The receipt is passed on as it is.
        """
        self.assertEqual(self.run_command("sessions", "end", "--sub", "x", "--json"), 0)
        self.assertEqual(json.loads(self.out.getvalue()), RECEIPT)

    def test_asks(self) -> None:
        """
        On a terminal the person sees how many sessions of whom would end, and only a yes ends them.
        """
        self.lists["sessions"] = [shown(), shown()]
        for typed, ends in (
            ("y\n", True),
            ("YES\n", True),
            ("n\n", False),
            ("\n", False),
            ("", False),
            ("yo\n", False),
        ):
            with self.subTest(typed):
                self.asked.clear()
                self.err.truncate(self.err.seek(0))
                self.patch(sys, "stdin", Terminal(typed))
                self.assertEqual(self.run_command("sessions", "end", "--user", "alice", "--json"), 0 if ends else 1)
                self.assertTrue(self.err.getvalue().startswith("End 2 sessions of alice@example.com? [y/N] "))
                self.assertEqual(self.asked[0], ("DELETE", "/sessions", {"user": "alice", "dry_run": "true"}))
                self.assertEqual(self.asked[1:], [("DELETE", "/sessions", {"user": "alice"})] if ends else [])
        self.assertEqual(json.loads(self.out.getvalue().split("}\n{")[0] + "}"), RECEIPT)

    def test_nobody_to_ask_about(self) -> None:
        """
        Where no session would end there is no question, and what was asked for is done.
        """
        self.patch(sys, "stdin", Terminal("n\n"))
        self.assertEqual(self.run_command("sessions", "end", "--iss", "i", "--sub", "s"), 0)
        self.assertEqual(self.err.getvalue(), "")
        self.assertEqual(self.asked[-1], ("DELETE", "/sessions", {"iss": "i", "sub": "s"}))

    def test_dry_run(self) -> None:
        """
        A trial shows what would end and ends nothing, also on a terminal.
        """
        self.patch(sys, "stdin", Terminal("y\n"))
        self.lists["sessions"] = [shown()]
        self.assertEqual(self.run_command("sessions", "end", "--route", "app", "--dry-run"), 0)
        self.assertEqual(self.lines()[-1], "1 session would end.")
        self.assertEqual(self.asked, [("DELETE", "/sessions", {"route": "app", "dry_run": "true", "limit": "10000"})])
        self.assertEqual(self.run_command("sessions", "end", "--route", "app", "--dry-run", "--json"), 0)
        self.assertIn('"count": 1', self.out.getvalue())
        self.assertTrue(all("dry_run" in given for _, _, given in self.asked))


class RevocationsTests(CommandCase):
    """
    ``pomerium-tx revocations``.
    """

    def test_both(self) -> None:
        """
        What is owed to OPs and to applications is shown, one after the other.
        """
        self.assertEqual(self.run_command("revocations"), 0)
        self.assertEqual(self.lines(), ["No revocation is owed.", "No application is to be told of an end."])
        self.assertEqual([path for _, path, _ in self.asked], ["/revocations", "/notices"])

    def test_json(self) -> None:
        """
        As JSON both lists are one object.
        """
        self.lists["revocations"] = [{"id": "1"}]
        self.assertEqual(self.run_command("revocations", "--json"), 0)
        self.assertEqual(json.loads(self.out.getvalue()), {"revocations": [{"id": "1"}], "notices": []})


class ProblemTests(CommandCase):
    """
    When it does not work.
    """

    def test_not_reachable(self) -> None:
        """
        When nobody answers, one line says so, and the status is 2.
        """
        self.problem = NotReachable("cannot ask unix:/run/s: there is no such socket")
        self.assertEqual(self.run_command("sessions", "list"), 2)
        self.assertEqual(self.err.getvalue(), "pomerium-tx: cannot ask unix:/run/s: there is no such socket\n")
        self.assertEqual(self.out.getvalue(), "")

    def test_refused(self) -> None:
        """
        An error that was answered is one line, and the status is 1.
        """
        self.problem = Refused(400, "The parameter x is empty.\x1b")
        self.assertEqual(self.run_command("sessions", "end", "--user", "x"), 1)
        self.assertEqual(self.err.getvalue(), "pomerium-tx: The parameter x is empty.\ufffd (status 400)\n")

    def test_interrupted(self) -> None:
        """
        Who interrupts it sees no traceback.
        """
        interrupted: Any = KeyboardInterrupt()
        self.problem = interrupted
        self.assertEqual(self.run_command("sessions", "list"), 130)

    def test_usage(self) -> None:
        """
        What cannot be meant is refused with status 2.
        """
        for arguments in (
            ["sessions"],
            ["sessions", "stop"],
            ["revocations", "--user", "x"],
            ["sessions", "list", "--yes"],
        ):
            with self.subTest(arguments):
                self.assertEqual(self.assertRaises(SystemExit, self.run_command, *arguments).code, 2)
        both = ("sessions", "list", "--config", "c.yaml")
        self.assertEqual(self.assertRaises(SystemExit, self.run_command, *both).code, 2)


class WhomTests(CommandCase):
    """
    Whom to ask.
    """

    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.mktemp())
        self.folder.mkdir()

    def token_file(self, content: str = TOKEN + "\n") -> str:
        """
        The path of a file with a token.
        """
        path = self.folder / "token"
        path.touch(mode=0o600)
        path.write_text(content)
        return str(path)

    def configured(self, **changes: object) -> str:
        """
        The path of a configuration.
        """
        path = self.folder / "config.yaml"
        path.touch(mode=0o600)
        path.write_text(json.dumps({**SMALLEST, "routes": [ROUTE], **changes}))
        return str(path)

    def test_address(self) -> None:
        """
        An address can be named instead of a configuration; the token goes to an address of this machine only.
        """
        self.run_command("sessions", "list", address="unix:/run/other.sock")
        self.run_command("sessions", "list", "--token-file", self.token_file(), address="unix:/run/other.sock")
        self.run_command("sessions", "list", "--token-file", self.token_file(), address="[::1]:9443")
        self.assertEqual(
            self.whom,
            [
                (AdminAddress(path="/run/other.sock"), None),
                (AdminAddress(path="/run/other.sock"), None),
                (AdminAddress(host="::1", port=9443), TOKEN),
            ],
        )

    def test_wrong_address(self) -> None:
        """
        An address that cannot be one, or is another machine's, is refused: the token is for nobody else.
        """
        for address in ("/run/s", "192.0.2.1:9443", "off", "https://127.0.0.1:9443"):
            with self.subTest(address):
                self.assertEqual(self.run_command("sessions", "list", address=address), 2)
        self.assertEqual(self.whom, [])

    def test_configuration(self) -> None:
        """
        Otherwise the configuration says whom, and with which token.
        """
        config = ("sessions", "list", "--config")
        self.assertEqual(self.run_command(*config, self.configured(), address=None), 0)
        written = self.configured(admin_address="localhost:9443", admin_token_file=self.token_file())
        self.assertEqual(self.run_command(*config, written, address=None), 0)
        self.assertEqual(
            self.whom,
            [
                (AdminAddress(path="/run/pomerium-tx/admin.sock"), None),
                (AdminAddress(host="localhost", port=9443), TOKEN),
            ],
        )
        self.assertNotIn(TOKEN, self.out.getvalue() + self.err.getvalue())

    def test_off(self) -> None:
        """
        If the configuration wants no such listener, that is said.
        """
        self.assertEqual(
            self.run_command("revocations", "--config", self.configured(admin_address=""), address=None), 2
        )
        self.assertIn("admin_address is off", self.err.getvalue())

    def test_unreadable(self) -> None:
        """
        If the configuration cannot be read, or names what cannot, one line says what and what to do instead.
        """
        missing = str(self.folder / "none.yaml")
        secret = self.configured(cookie_secret=None, cookie_secret_file=str(self.folder / "no-secret"))
        for path, problem in ((missing, "none.yaml"), (secret, "cookie_secret_file")):
            with self.subTest(problem):
                self.err.truncate(self.err.seek(0))
                self.assertEqual(self.run_command("sessions", "list", "--config", path, address=None), 2)
                (line,) = self.err.getvalue().splitlines()
                self.assertIn(problem, line)
                self.assertIn("--address", line)
        self.assertEqual(self.whom, [])

    def test_default(self) -> None:
        """
        Without an option it is the configuration of the service.
        """
        self.patch(command, "DEFAULT_CONFIG", str(self.folder / "default.yaml"))
        self.assertEqual(self.run_command("sessions", "list", address=None), 2)
        self.assertIn("default.yaml", self.err.getvalue())

    def test_token_file(self) -> None:
        """
        A file without a token is refused, and its content is not shown.
        """
        for path in (self.token_file("short-token"), str(self.folder / "none")):
            with self.subTest(path):
                status = self.run_command("sessions", "list", "--token-file", path, address="127.0.0.1:1")
                self.assertEqual(status, 2)
        self.assertNotIn("short-token", self.err.getvalue())
        self.assertEqual(self.whom, [])
