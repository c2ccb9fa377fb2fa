"""
Tests for `pomerium_tx.sessions.session`.
"""

from __future__ import annotations

import pickle
import sys
from dataclasses import FrozenInstanceError, replace
from math import inf
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

    def test_without_opening(self) -> None:
        """
        What follows from the tokens is known without them: when they expire for good, and until when they can be
        renewed.
        """
        table: list[tuple[dict[str, Any], tuple[float, float | None]]] = [
            ({}, (inf, NOW + HOUR)),
            ({"refresh_token": ""}, (NOW + HOUR, None)),
            ({"access_token_expires": None}, (inf, None)),
            ({"refresh_token": None, "access_token_expires": None}, (inf, None)),
        ]
        for changes, expected in table:
            with self.subTest(changes=changes):
                one = session(tokens=tokens(**changes))
                self.assertEqual((one.tokens_expire, one.renewable_until), expected)

    def test_everything_is_kept(self) -> None:
        """
        What a session was made of is what it says, also after it was copied or sent to another process.
        """
        uses = {name: RouteUse(origin="https://app.example.com", first_used=NOW + 1) for name in ("a", "b")}
        for sids in ((), ("one",), ("one", "two")):
            with self.subTest(sids=sids):
                made = {
                    "name": "Alice",
                    "sids": sids,
                    "authenticated": NOW - 5,
                    "id_token_iat": NOW - 6,
                    "nonce": "nonce",
                    "claims": {"groups": ("a", "b"), "verified": (True,), "address": ({"city": "Bonn"},)},
                    "tokens": tokens("t", id_token_expires=NOW + 9),
                    "uses": uses,
                }
                one = session(**made)
                for copy in (one, replace(one), pickle.loads(pickle.dumps(one))):
                    self.assertEqual({name: getattr(copy, name) for name in made}, made)
                    self.assertEqual(copy, one)
                    self.assertEqual(copy.usable_until, one.usable_until)
                    self.assertIs(copy.iss, one.iss)

    def test_frozen(self) -> None:
        """
        Nobody changes a session that others hold.
        """
        one = session()
        for name in ("email", "claims", "usable_until", "anything"):
            with self.subTest(name=name), self.assertRaises((FrozenInstanceError, AttributeError)):
                setattr(one, name, None)

    def test_shows_no_secret(self) -> None:
        """
        What is logged of a session by mistake is of no use to anybody.
        """
        one = session(nonce="a-secret", claims={"secret": ("a-secret",)}, tokens=tokens("a-secret"))
        self.assertNotIn("a-secret", repr(one))
        self.assertIn("alice@example.com", repr(one))

    def test_has_used(self) -> None:
        """
        A session knows the routes that it was used on, and takes no origin for one.
        """
        use = RouteUse(origin="https://app.example.com", first_used=NOW)
        one = session(uses={"a": use, "b": use})
        asked = ("a", "b", "c", "https://app.example.com")
        self.assertEqual([one.has_used(name) for name in asked], [True, True, False, False])

    def test_it_is_small(self) -> None:
        """
        A session of a million takes little: its tokens take the room of their bytes, and nothing has a dictionary.
        """
        one = session(tokens=tokens(id_token="i" * 1000, access_token="a" * 1000, refresh_token="r" * 1000))
        parts = [getattr(one, name) for name in ("_packed", "_sids", "_uses", "began", "expires", "email", "sub", "id")]
        self.assertFalse(hasattr(one, "__dict__"))
        self.assertLess(sys.getsizeof(one) + sum(map(sys.getsizeof, parts)), 1000)

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
