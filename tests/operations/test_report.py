"""
Tests of `pomerium_tx.operations.report`.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.operations.report import (
    notices_report,
    people,
    receipt_report,
    revocations_report,
    sessions_report,
)
from pomerium_tx.operations.views import notice_view, revocation_view
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.store import Cause, OpLogout, OwedNotice
from tests.sessions import records

NOW = records.NOW


def shown(**changes: Any) -> dict[str, Any]:
    """
    A session as the listener shows it.
    """
    values: dict[str, Any] = {
        "id": "0123456789abcdef",
        "user": "u-1",
        "email": "alice@example.com",
        "address": "192.0.2.1",
        "last_address": "198.51.100.9",
        "began": "2023-11-14T22:13:20.000Z",
        "last_seen": "2023-11-14T22:14:20.500Z",
        "routes": ["https://app.example.com", "https://b.example.com:8443"],
        "exchanges": [{}, {}],
    }
    return values | changes


class SessionsTests(SynchronousTestCase):
    """
    Who is signed in.
    """

    def test_lines(self) -> None:
        """
        Each session is a line: who, since when, idle for how long, from where, how much is open, where used.
        """
        lines = sessions_report([shown(), shown(email="", last_address="", exchanges=[], routes=[])], now=NOW + 120)
        self.assertEqual(
            lines,
            [
                "USER               STARTED (UTC)     IDLE  ADDRESS       OPEN  ROUTES",
                "alice@example.com  2023-11-14 22:13  59s   198.51.100.9  2     app.example.com, b.example.com:8443",
                "u-1                2023-11-14 22:13  59s   192.0.2.1     0",
            ],
        )

    def test_idle(self) -> None:
        """
        How long nothing was asked is a short number, and never negative where clocks differ.
        """
        for later, text in ((0, "0s"), (60, "0s"), (61, "0s"), (125, "1m"), (7_300, "2h"), (200_000, "2d")):
            with self.subTest(later):
                self.assertIn(f" {text} ", sessions_report([shown()], now=NOW + later)[1])

    def test_width(self) -> None:
        """
        A line fits a terminal of 100 columns, whatever is in it.
        """
        lines = sessions_report(
            [shown(email="x" * 200, routes=["https://" + "y" * 200], last_address="z" * 80)], now=NOW
        )
        self.assertEqual([len(line) <= 100 for line in lines], [True, True])

    def test_nobody(self) -> None:
        """
        Without sessions there is no header.
        """
        self.assertEqual(sessions_report([], now=NOW), [])

    def test_people(self) -> None:
        """
        Whoever is asked whether to go on is told who it is about: the first few, each once.
        """
        self.assertEqual(people([shown(), shown()]), "alice@example.com")
        many = [shown(email=f"{letter}@x\x1b") for letter in "abcd"]
        self.assertEqual(people(many), "a@x\ufffd, b@x\ufffd, c@x\ufffd and others")
        self.assertEqual(people([]), "")


class OwedTests(SynchronousTestCase):
    """
    What is still to be done.
    """

    def test_revocations(self) -> None:
        """
        Each is a line, by the host of the OP or, if it is not configured, by its id.
        """
        owed = [
            revocation_view(records.owed("id-1"), iss="https://op.example.com/realm", attempts=0),
            revocation_view(records.owed("id-2"), iss=None, attempts=12),
        ]
        self.assertEqual(
            revocations_report(owed),
            [
                "REVOCATION  PROVIDER        TOKENS  NOT BEFORE (UTC)  ATTEMPTS  STATE",
                "id-1        op.example.com  2       2023-11-14 22:14  0         waiting",
                "id-2        idp             2       2023-11-14 22:14  12        retrying",
            ],
        )
        self.assertEqual(revocations_report([]), ["No revocation is owed."])

    def test_notices(self) -> None:
        """
        Each is a line, by its route.
        """
        owed = OwedNotice(
            id="n-1",
            receipt_id="r-1",
            session_id="s",
            route_id="id-app",
            origin="https://app.example.com",
            user_id="alice",
            since=NOW,
        )
        self.assertEqual(
            notices_report([notice_view(owed, route_names={"id-app": "app"}, attempts=1)]),
            [
                "NOTICE  USER   ROUTE  ENDED (UTC)       ATTEMPTS  STATE",
                "n-1     alice  app    2023-11-14 22:13  1         retrying",
            ],
        )
        self.assertEqual(notices_report([]), ["No application is to be told of an end."])


class ReceiptTests(SynchronousTestCase):
    """
    What an end came to.
    """

    def lines(
        self, *session_ids: str, cut: dict[str, int], in_doubt: dict[str, int], routes: tuple[str, ...]
    ) -> list[str]:
        """
        The report of a receipt.
        """
        receipt = Receipt(
            id="receipt-1",
            time=NOW,
            cause=Cause.ADMINISTRATOR,
            session_ids=session_ids,
            tokens_to_revoke=2,
            op_logout=OpLogout.NOT_NEEDED,
            routes=routes,
        )
        return receipt_report(receipt.with_cuts(cut, in_doubt).as_json(with_routes=True))

    def test_everything(self) -> None:
        """
        It says how many sessions ended, what was cut, what is in doubt and where they had been used.
        """
        cut = {"websocket": 2, "sse": 1, "download": 1, "upload": 3}
        lines = self.lines("a", "b", cut=cut, in_doubt={"POST id-app": 1}, routes=("https://app.example.com",))
        self.assertEqual(
            lines,
            [
                "Ended 2 sessions.",
                "  receipt    receipt-1, 2023-11-14T22:13:20.000Z",
                "  cut        2 WebSockets, 1 event stream, 3 uploads, 1 download",
                "  in doubt   POST id-app (1)",
                "  to revoke  2 tokens",
                "  routes     https://app.example.com",
            ],
        )

    def test_little(self) -> None:
        """
        Where there is nothing to say about something, nothing is said.
        """
        lines = self.lines("a", cut={}, in_doubt={}, routes=())
        self.assertEqual(lines[0], "Ended 1 session.")
        self.assertEqual([line.split()[0] for line in lines[1:]], ["receipt", "cut", "to"])
        self.assertIn("nothing was open", lines[2])

    def test_nothing(self) -> None:
        """
        If no session matched, that is what is said.
        """
        self.assertEqual(self.lines(cut={}, in_doubt={}, routes=()), ["No session matched: nothing has ended."])
