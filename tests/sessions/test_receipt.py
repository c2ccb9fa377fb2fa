"""
Tests for `pomerium_tx.sessions.receipt`.
"""

from __future__ import annotations

import json
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.departure import DEPARTURE_LIFETIME
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.store import Cause, OpLogout


class ReceiptTests(SynchronousTestCase):
    """
    What one end came to.
    """

    def test_as_json(self) -> None:
        """
        The JSON has the promised names, all five kinds, and the routes only for those who may learn them.
        """
        receipt = Receipt(
            id="r",
            time=1_700_000_000.5,
            cause=Cause.USER_ROUTE,
            session_ids=("secret-1", "secret-2"),
            tokens_to_revoke=4,
            op_logout=OpLogout.PENDING,
            routes=("https://app.example.com",),
        ).with_cuts({"sse": 2}, {"POST route": 1})
        expected = {
            "id": "r",
            "time": "2023-11-14T22:13:20.500Z",
            "cause": "user_route",
            "sessions_ended": 2,
            "exchanges_cut": {"websocket": 0, "tunnel": 0, "sse": 2, "upload": 0, "download": 0},
            "in_doubt": {"POST route": 1},
            "tokens_to_revoke": 4,
            "op_logout": "pending",
            "replicas": "1/1",
        }
        shown = receipt.as_json(with_routes=False, own_routes=("route",))
        self.assertEqual(json.loads(json.dumps(shown)), expected)
        routes = {"routes": ["https://app.example.com"]}
        self.assertEqual(json.loads(json.dumps(receipt.as_json(with_routes=True))), expected | routes)
        self.assertNotIn("secret", repr(receipt))

    def test_in_doubt_elsewhere(self) -> None:
        """
        Who may not learn where else the person goes gets the routes of their own, and of all others one sum by method.
        """
        receipt = Receipt(id="r", time=0, cause=Cause.IDLE).with_cuts(
            {}, {"GET own": 1, "GET a": 2, "GET b": 3, "POST a": 4, "POST own": 5}
        )
        for own, expected in (
            (("own",), {"GET own": 1, "GET elsewhere": 5, "POST elsewhere": 4, "POST own": 5}),
            ((), {"GET elsewhere": 6, "POST elsewhere": 9}),
            (("own", "a", "b"), receipt.in_doubt),
        ):
            with self.subTest(own=own):
                self.assertEqual(receipt.as_json(with_routes=False, own_routes=own)["in_doubt"], expected)
        self.assertEqual(receipt.as_json(with_routes=True)["in_doubt"], receipt.in_doubt)

    def test_at(self) -> None:
        """
        After ten minutes without a word of the OP its logout is not confirmed; what it has said stays.
        """
        receipt = Receipt(id="r", time=1000.0, cause=Cause.USER_ROUTE, op_logout=OpLogout.PENDING)
        self.assertIs(receipt.at(1000.0 + DEPARTURE_LIFETIME - 0.1), receipt)
        self.assertIs(receipt.at(1000.0 + DEPARTURE_LIFETIME).op_logout, OpLogout.UNCONFIRMED)
        for said in set(OpLogout) - {OpLogout.PENDING}:
            with self.subTest(said=said):
                self.assertIs(replace(receipt, op_logout=said).at(9000.0).op_logout, said)

    def test_with_cuts(self) -> None:
        """
        What several processes cut is added up; nothing is left of one receipt in another.
        """
        receipt = Receipt(id="r", time=0, cause=Cause.IDLE)
        more = receipt.with_cuts({"sse": 1}, {"GET a": 1}).with_cuts({"sse": 2, "upload": 1}, {"GET a": 1, "PUT b": 1})
        self.assertEqual((more.exchanges_cut["sse"], more.exchanges_cut["upload"]), (3, 1))
        self.assertEqual(more.in_doubt, {"GET a": 2, "PUT b": 1})
        self.assertEqual((sum(receipt.exchanges_cut.values()), dict(receipt.in_doubt)), (0, {}))
