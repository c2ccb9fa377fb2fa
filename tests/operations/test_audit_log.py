"""
Tests of `pomerium_tx.operations.audit_log`.
"""

from __future__ import annotations

import json
from typing import Any

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx import logs
from pomerium_tx.operations.audit_log import session_begun, session_ended
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.store import Cause, OpLogout
from tests.doubles.sessions import a_session


def the_line(events: list[Any]) -> dict[str, Any]:
    """
    The only event, as it is written.
    """
    (event,) = events
    line = json.loads(logs.json_line(event))
    assert isinstance(line, dict)
    return line


class SessionBegunTests(SynchronousTestCase):
    """
    The line for a sign-in.
    """

    def test_fields(self) -> None:
        """
        It says who signed in, from where, by which OP and until when.
        """
        session = a_session(began=1_700_000_000.0)
        with capturedLogs() as events:
            session_begun(session)
        line = the_line(events)
        del line["time"]
        self.assertEqual(
            line,
            {
                "level": "info",
                "message": logs.SESSION_BEGUN,
                "service": "audit",
                "session-id": session.id,
                "iss": "https://op.example.com",
                "sub": "alice",
                "user": "alice",
                "email": "alice@example.com",
                "ip": "192.0.2.1",
                "user-agent": "Test/1.0",
                "expires": session.expires,
            },
        )

    def test_no_token(self) -> None:
        """
        None of the session's tokens is in it; planted, they are found.
        """
        session = a_session()
        tokens = session.tokens
        secrets = [tokens.id_token, tokens.access_token, tokens.refresh_token]
        for secret in secrets:
            with capturedLogs() as events:
                session_begun(a_session(user_agent=secret))
            self.assertIn(str(secret), json.dumps(the_line(events)))
        with capturedLogs() as events:
            session_begun(session)
        self.assertEqual([secret for secret in secrets if str(secret) in json.dumps(the_line(events))], [])


class SessionEndedTests(SynchronousTestCase):
    """
    The line for an end.
    """

    def test_receipt(self) -> None:
        """
        It has the receipt, whole and with the routes, and the sessions that ended.
        """
        receipt = Receipt(
            id="receipt-1",
            time=1_700_000_000.5,
            cause=Cause.USER_ROUTE,
            session_ids=("session-1", "session-2"),
            tokens_to_revoke=4,
            op_logout=OpLogout.PENDING,
            routes=("https://app.example.com", "https://chat.example.com"),
        ).with_cuts({"sse": 2, "websocket": 1}, {"POST route-1": 1})
        with capturedLogs() as events:
            session_ended(receipt)
        line = the_line(events)
        self.assertEqual((line["message"], line["service"], line["level"]), (logs.SESSION_ENDED, "audit", "info"))
        self.assertEqual(line["receipt"], receipt.as_json(with_routes=True))
        self.assertEqual(line["receipt"]["in_doubt"], {"POST route-1": 1})
        self.assertEqual(line["receipt"]["tokens_to_revoke"], 4)
        self.assertEqual(line["session-ids"], ["session-1", "session-2"])
