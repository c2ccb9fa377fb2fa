"""
Tests for `pomerium_tx.demo.ledger`.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.demo.ledger import Grant, Ledger, RequestRefused
from pomerium_tx.demo.registration import ALICE, BOB, Lifetimes
from tests.demo.support import CALLBACK, CHALLENGE, VERIFIER


def grant() -> Grant:
    """
    What alice granted to the client ``rp``.
    """
    return Grant(client_id="rp", user=ALICE, scope=frozenset({"openid"}), sid="s", auth_time=0.0)


class LedgerCase(SynchronousTestCase):
    """
    A ledger and its clock.
    """

    def setUp(self) -> None:
        """
        A ledger in which nothing is written.
        """
        self.clock = Clock()
        self.ledger = Ledger(self.clock, Lifetimes())

    def redeem(self, code: str, **changes: str | None) -> Grant:
        """
        The grant of *code*, asked for as the relying party should, but for *changes*.
        """
        sent: dict[str, str | None] = {"redirect_uri": CALLBACK, "code_verifier": VERIFIER, **changes}
        client_id = sent.pop("client_id", None) or "rp"
        return self.ledger.redeem(code, client_id=client_id, **sent)


class CodeTests(LedgerCase):
    """
    A code is good once, soon, for whom it was meant.
    """

    def new_code(self, code_challenge: str | None = CHALLENGE) -> tuple[str, Grant]:
        """
        A fresh code and its grant.
        """
        granted = grant()
        return self.ledger.new_code(granted, redirect_uri=CALLBACK, code_challenge=code_challenge), granted

    def test_redeemed(self) -> None:
        """
        The client gets what was granted.
        """
        code, granted = self.new_code()
        self.assertIs(self.redeem(code), granted)

    def test_refused(self) -> None:
        """
        Another client, another URI, a wrong, a missing or an unexpected verifier get nothing.
        """
        table = [
            ({"client_id": "other"}, CHALLENGE),
            ({"redirect_uri": CALLBACK + "/"}, CHALLENGE),
            ({"redirect_uri": None}, CHALLENGE),
            ({"code_verifier": "w" * 43}, CHALLENGE),
            ({"code_verifier": None}, CHALLENGE),
            ({}, None),
        ]
        for changes, challenge in table:
            with self.subTest(changes=changes, challenge=challenge):
                code, _ = self.new_code(challenge)
                self.assertEqual(self.assertRaises(RequestRefused, self.redeem, code, **changes).error, "invalid_grant")

    def test_once(self) -> None:
        """
        The second use of a code is refused and revokes the tokens of the first.
        """
        code, granted = self.new_code()
        self.redeem(code)
        access_token = self.ledger.new_access_token(granted)
        self.assertRaises(RequestRefused, self.redeem, code)
        self.assertIsNone(self.ledger.grant_of(access_token))

    def test_a_minute(self) -> None:
        """
        A code is good for sixty seconds.
        """
        early, late = self.new_code()[0], self.new_code()[0]
        self.clock.advance(59)
        self.redeem(early)
        self.clock.advance(1)
        self.assertRaises(RequestRefused, self.redeem, late)

    def test_no_pkce(self) -> None:
        """
        A client that sent no challenge needs no verifier.
        """
        code, granted = self.new_code(None)
        self.assertIs(self.redeem(code, code_verifier=None), granted)


class TokenTests(LedgerCase):
    """
    Tokens are good until they expire, are rotated or revoked.
    """

    def test_access_token_expires(self) -> None:
        """
        An access token is good for its lifetime and no longer.
        """
        granted = grant()
        token = self.ledger.new_access_token(granted)
        self.clock.advance(599)
        self.assertIs(self.ledger.grant_of(token), granted)
        self.clock.advance(1)
        self.assertIsNone(self.ledger.grant_of(token))

    def test_reuse_revokes(self) -> None:
        """
        Whoever comes with a rotated refresh token makes the whole grant worthless.
        """
        granted = grant()
        first = self.ledger.new_refresh_token(granted)
        self.assertIs(self.ledger.rotate(first, client_id="rp"), granted)
        second, access_token = self.ledger.new_refresh_token(granted), self.ledger.new_access_token(granted)
        self.assertRaises(RequestRefused, self.ledger.rotate, first, client_id="rp")
        self.assertRaises(RequestRefused, self.ledger.rotate, second, client_id="rp")
        self.assertIsNone(self.ledger.grant_of(access_token))

    def test_refresh_refused(self) -> None:
        """
        An unknown, an expired and another client's refresh token are refused without harm to the grant.
        """
        token = self.ledger.new_refresh_token(grant())
        self.assertRaises(RequestRefused, self.ledger.rotate, token, client_id="other")
        self.assertRaises(RequestRefused, self.ledger.rotate, "unknown", client_id="rp")
        self.ledger.rotate(token, client_id="rp")
        late = self.ledger.new_refresh_token(grant())
        self.clock.advance(14 * 3600)
        self.assertRaises(RequestRefused, self.ledger.rotate, late, client_id="rp")

    def test_revoking_a_refresh_token(self) -> None:
        """
        A revoked refresh token takes the access tokens of its grant with it.
        """
        granted = grant()
        refresh_token, access_token = self.ledger.new_refresh_token(granted), self.ledger.new_access_token(granted)
        self.ledger.revoke(refresh_token, client_id="rp")
        self.assertRaises(RequestRefused, self.ledger.rotate, refresh_token, client_id="rp")
        self.assertIsNone(self.ledger.grant_of(access_token))

    def test_revoking_an_access_token(self) -> None:
        """
        A revoked access token leaves the refresh token as it is.
        """
        granted = grant()
        refresh_token, access_token = self.ledger.new_refresh_token(granted), self.ledger.new_access_token(granted)
        self.ledger.revoke(access_token, client_id="rp")
        self.assertIsNone(self.ledger.grant_of(access_token))
        self.assertIs(self.ledger.rotate(refresh_token, client_id="rp"), granted)

    def test_revoking_what_is_not_ones_own(self) -> None:
        """
        Another client's token stays good; an unknown one is as good as revoked.
        """
        granted = grant()
        token = self.ledger.new_access_token(granted)
        self.assertRaises(RequestRefused, self.ledger.revoke, token, client_id="other")
        self.assertIs(self.ledger.grant_of(token), granted)
        self.ledger.revoke("unknown", client_id="rp")

    def test_forgets(self) -> None:
        """
        What has expired takes no memory once something newer is issued.
        """
        for _ in range(10):
            self.ledger.new_access_token(grant())
        self.clock.advance(600)
        self.ledger.new_access_token(grant())
        self.assertEqual(len(self.ledger._access_tokens), 1)


class SessionTests(LedgerCase):
    """
    The OP remembers who is signed in.
    """

    def test_found_until_it_ends(self) -> None:
        """
        A session is found by its handle until it is ended by its ``sid``.
        """
        session = self.ledger.begin_session(ALICE)
        self.assertIs(self.ledger.find_session(session.handle), session)
        self.assertIs(self.ledger.end_session(session.sid), session)
        self.assertIsNone(self.ledger.find_session(session.handle))
        self.assertIsNone(self.ledger.end_session(session.sid))

    def test_clients(self) -> None:
        """
        Who was told of a session is remembered through a new authentication, and not for somebody else.
        """
        first = self.ledger.begin_session(ALICE)
        first.clients["rp"] = None
        again = self.ledger.begin_session(ALICE, first)
        self.assertEqual(list(again.clients), ["rp"])
        self.assertEqual(list(self.ledger.begin_session(BOB, again).clients), [])

    def test_expires(self) -> None:
        """
        A session does not outlive its lifetime.
        """
        session = self.ledger.begin_session(ALICE)
        self.clock.advance(14 * 3600)
        self.assertIsNone(self.ledger.find_session(session.handle))

    def test_authenticated_again(self) -> None:
        """
        The same person keeps their ``sid`` under a new handle; the old handle is worthless.
        """
        first = self.ledger.begin_session(ALICE)
        self.clock.advance(5)
        second = self.ledger.begin_session(ALICE, first)
        self.assertEqual(first.sid, second.sid)
        self.assertEqual(second.auth_time, 5.0)
        self.assertNotEqual(first.handle, second.handle)
        self.assertIsNone(self.ledger.find_session(first.handle))

    def test_somebody_else(self) -> None:
        """
        Another person in the same browser has another ``sid``, and the first session is over.
        """
        first = self.ledger.begin_session(ALICE)
        second = self.ledger.begin_session(BOB, first)
        self.assertNotEqual(first.sid, second.sid)
        self.assertIsNone(self.ledger.find_session(first.handle))

    def test_secrets_are_not_shown(self) -> None:
        """
        A session's handle is not in its ``repr``.
        """
        session = self.ledger.begin_session(ALICE)
        self.assertNotIn(session.handle, repr(session))
