"""
Tests for `pomerium_tx.sessions.session`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.session import RouteUse, new_session_id
from tests.sessions.records import HOUR, NOW, session, tokens


class SessionTests(SynchronousTestCase):
    """
    One record.
    """

    def test_new_session_id(self) -> None:
        """
        Ids have 256 bits and do not repeat.
        """
        ids = {new_session_id() for _ in range(100)}
        self.assertEqual({len(id) for id in ids}, {43})
        self.assertEqual(len(ids), 100)

    def test_usable_until(self) -> None:
        """
        A session is usable until it expires, or until its access token does if nothing can renew it.
        """
        table: list[tuple[dict[str, Any], float]] = [
            ({}, 14 * HOUR),
            ({"tokens": tokens(refresh_token=None)}, HOUR),
            ({"tokens": tokens(refresh_token="")}, HOUR),
            ({"tokens": tokens(refresh_token=None, access_token_expires=None)}, 14 * HOUR),
            ({"tokens": tokens(refresh_token=None, access_token_expires=NOW + 99 * HOUR)}, 14 * HOUR),
        ]
        for changes, lasts in table:
            with self.subTest(changes=changes):
                self.assertEqual(session(**changes).usable_until, NOW + lasts)

    def test_replaced_tokens(self) -> None:
        """
        A copy with other tokens is usable as long as those are.
        """
        one = replace(session(), tokens=tokens(refresh_token=None, access_token_expires=NOW + 5))
        self.assertEqual(one.usable_until, NOW + 5)

    def test_revocable(self) -> None:
        """
        The refresh token is revoked first, the ID Token never; what is not there is left out.
        """
        self.assertEqual(tokens("a").revocable(), (("refresh_token", "refresh-a"), ("access_token", "access-a")))
        self.assertEqual(tokens("a", refresh_token=None).revocable(), (("access_token", "access-a"),))
        self.assertEqual(tokens("a", refresh_token="", access_token="").revocable(), ())

    def test_origins(self) -> None:
        """
        Two routes of one origin are one place.
        """
        uses = {name: RouteUse(origin="https://app.example.com", first_used=NOW) for name in ("a", "b")}
        self.assertEqual(session(uses=uses).origins, {"https://app.example.com"})

    def test_left(self) -> None:
        """
        Of a session that was left its names at the OP are remembered, and of its secrets and its person nothing else.
        """
        one = session("alice-1", sids=("a", "b"))
        left = one.left("receipt")
        for name in ("browser", "idp_id", "iss", "client_id", "sub", "sids", "id_token_iat"):
            self.assertEqual(getattr(left, name), getattr(one, name))
        self.assertEqual((left.session_id, left.receipt_id), ("alice-1", "receipt"))
        self.assertNotIn("alice-1", repr(left).replace("'sid-alice-1'", ""))
