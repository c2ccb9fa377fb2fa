"""
Tests for `pomerium_tx.authenticate.new_session`; hostile answers are in `tests.authenticate.test_callback`.
"""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.authenticate.new_session import NOT_KNOWN, new_session, person_of, tokens_of
from pomerium_tx.oidc.provider import TokenResponse
from tests.logout.world import START, World


class NewSessionTests(SynchronousTestCase):
    """
    From tokens to a person's session.
    """

    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        issued = self.world.op.tokens_for("alice", nonce="nonce")
        self.response = TokenResponse(
            access_token=issued.access_token,
            refresh_token=issued.refresh_token,
            id_token=issued.id_token,
            expires_in=600.0,
        )

    def test_session(self) -> None:
        """
        The session says who, by whom, from when until when, and where it came from.
        """
        person = self.successResultOf(
            Deferred.fromCoroutine(person_of(self.world.provider, self.response, nonce="nonce", now=START))
        )
        session = new_session(
            person,
            self.world.provider,
            browser="browser",
            user_agent="x" * 5000,
            address="192.0.2.7",
            now=START,
            lifetime=100.0,
        )
        self.assertEqual((session.iss, session.client_id, session.browser), (person.id_token.iss, "rp1", "browser"))
        self.assertEqual((session.idp_id, session.address), (self.world.provider.idp_id, "192.0.2.7"))
        self.assertEqual((session.began, session.expires, session.id_token_iat), (START, START + 100.0, START))
        self.assertEqual(session.claims["preferred_username"], ("alice",))
        self.assertEqual(len(session.user_agent), 512)

    def test_authenticated(self) -> None:
        """
        When the person has said who they are is what the OP says of it, and never later than now; if it says nothing it
        is now for a sign-in in which it was told to ask, and not known for any other.
        """
        person = self.successResultOf(
            Deferred.fromCoroutine(person_of(self.world.provider, self.response, nonce="nonce", now=START))
        )
        for auth_time, was_asked, expected in (
            (START - 1000.0, False, START - 1000.0),
            (START - 1000.0, True, START - 1000.0),
            (START + 50.0, False, START),
            (None, True, START),
            (None, False, NOT_KNOWN),
        ):
            with self.subTest(auth_time=auth_time, was_asked=was_asked):
                session = new_session(
                    replace(person, id_token=replace(person.id_token, auth_time=auth_time)),
                    self.world.provider,
                    browser="browser",
                    user_agent="",
                    address="",
                    now=START,
                    lifetime=100.0,
                    was_asked=was_asked,
                )
                self.assertEqual(session.authenticated, expected)

    def test_tokens(self) -> None:
        """
        The tokens keep their own ends; where the OP says none, there is none.
        """
        tokens = tokens_of(self.response, None, START)
        self.assertEqual(
            (tokens.id_token, tokens.access_token_expires, tokens.id_token_expires), ("", START + 600.0, None)
        )
        unknown = TokenResponse(access_token="a")
        self.assertIsNone(tokens_of(unknown, None, START).access_token_expires)
