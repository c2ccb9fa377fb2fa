"""
Tests for `pomerium_tx.logout.ending`: whose sign-ins under way an end makes lose, and for how long that is remembered.
"""

from __future__ import annotations

from collections.abc import Coroutine
from math import inf
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.logout.lost_sign_ins import LIFETIME, TOKEN_LIFETIME
from pomerium_tx.sessions.provider_logout import ProviderLogout
from pomerium_tx.sessions.session import Session, Tokens
from pomerium_tx.sessions.store import Cause, SessionsEnded
from tests.doubles.sessions import a_session
from tests.logout.world import START, World

ISS = "https://op.example.com"


class TombstoneTests(SynchronousTestCase):
    """
    What an end has recorded of whom it names.
    """

    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        self.session = self.begin()

    def begin(self, **changes: object) -> Session:
        """
        A session of alice.
        """
        session = a_session(**{"began": START, "idp_id": self.world.provider.idp_id, **changes})
        self.done(self.world.registry.begin(session, state_issued=START))
        return session

    def done(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """
        What came of it.
        """
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def take_tokens(self) -> None:
        """
        From now on sessions begin with tokens, which may have been issued long before.
        """
        self.world.ending.configure(revocation_delay=60.0, notify=(), takes_tokens=True)

    def recorded(self) -> dict[tuple[str, str, str], float]:
        """
        Whom the last end named, and how long that lasts.
        """
        ends = [change for change in self.world.store.appended if isinstance(change, SessionsEnded)]
        stones = ends[-1].tombstones
        self.assertEqual({stone.at for stone in stones}, {START} if stones else set())
        return {(stone.kind, stone.iss, stone.value): stone.expires - START for stone in stones}

    def test_own_sign_out(self) -> None:
        """
        A person's own sign-out names each browser, by no OP's name for it, and the person only if it is everywhere: ten
        minutes are longer than any sign-in takes.
        """
        self.begin(browser="there")
        for everywhere, expected in (
            (False, {("browser", "", "browser-1"), ("browser", "", "said")}),
            (True, {("browser", "", name) for name in ("browser-1", "said", "there")} | {("sub", ISS, "alice")}),
        ):
            with self.subTest(everywhere=everywhere):
                self.done(
                    self.world.ending.sign_out(
                        [self.begin().id],
                        cause=Cause.USER_EVERYWHERE,
                        target=None,
                        browsers=["said"],
                        everywhere=everywhere,
                    )
                )
                self.assertEqual(self.recorded(), dict.fromkeys(expected, LIFETIME))

    def test_own_sign_out_where_tokens_are_taken(self) -> None:
        """
        Where sessions begin with tokens, an own sign-out names the OP's sessions and the very tokens as well, for as
        long as tokens live; browsers as long as anywhere, since they bring no tokens.
        """
        self.take_tokens()
        self.begin(sids=("a", "b"), tokens=Tokens(id_token="", access_token="opaque"))
        self.done(self.world.ending.end_elsewhere([self.session.id], Cause.USER_AUTHENTICATE))
        recorded = self.recorded()
        tokens = [name for name in recorded if name[0] == "token"]
        self.assertEqual((len(tokens), {iss for _, iss, _ in tokens}), (3, {""}))
        for name in tokens:
            self.assertEqual(recorded.pop(name), TOKEN_LIFETIME)
        sids = dict.fromkeys([("sid", ISS, sid) for sid in ("sid-1", "a", "b")], TOKEN_LIFETIME)
        self.assertEqual(recorded, {("browser", "", "browser-1"): LIFETIME, **sids})

    def test_where_tokens_are_not_taken_any_more(self) -> None:
        """
        A reload that lets no token begin a session has ends name no tokens.
        """
        self.take_tokens()
        self.world.ending.configure(revocation_delay=60.0, notify=())
        self.done(self.world.ending.sign_out([self.session.id], cause=Cause.USER_ROUTE, target=None))
        self.assertEqual(self.recorded(), {("browser", "", "browser-1"): LIFETIME})

    def test_whom_the_caller_names(self) -> None:
        """
        Whom the administrator, or whoever else ends sessions, names besides is named besides those whose sessions end.
        """
        bob = ("sub", ISS, "bob")
        for cause, own in (
            (Cause.ADMINISTRATOR, {("sub", ISS, "alice")}),
            (Cause.FRONT_CHANNEL, {("sid", ISS, "a"), ("sid", ISS, "b")}),
            (Cause.EXPIRED, set()),
        ):
            with self.subTest(cause=cause):
                session = self.begin(sids=("a", "b"))
                self.done(self.world.ending.end([session.id], cause, names=[bob]))
                self.assertEqual(self.recorded(), dict.fromkeys({bob} | own, LIFETIME))

    def test_others_where_tokens_are_taken(self) -> None:
        """
        Other ends name the tokens too, unless time alone has ended the session. What is said in the front channel,
        where anybody can speak, is remembered no longer for that, but for the tokens of a session that did end.
        """
        self.take_tokens()
        for cause, sub, names_tokens in (
            (Cause.ADMINISTRATOR, TOKEN_LIFETIME, True),
            (Cause.BACK_CHANNEL, None, True),
            (Cause.FRONT_CHANNEL, LIFETIME, True),
            (Cause.EXPIRED, None, False),
            (Cause.IDLE, None, False),
        ):
            with self.subTest(cause=cause):
                session = self.begin(tokens=Tokens(id_token="i", access_token="a"))
                self.done(self.world.ending.end([session.id], cause))
                recorded = self.recorded()
                tokens = [recorded.pop(name) for name in list(recorded) if name[0] == "token"]
                self.assertEqual(tokens, [TOKEN_LIFETIME] * 2 if names_tokens else [])
                self.assertEqual(list(recorded.values()), [] if sub is None else [sub])

    def test_one_token_twice(self) -> None:
        """
        A token that several sessions have got is named once.
        """
        self.take_tokens()
        self.begin(tokens=self.session.tokens)
        self.done(self.world.ending.sign_out([self.session.id], cause=Cause.USER_ROUTE, target=None))
        self.assertEqual(len([name for name in self.recorded() if name[0] == "token"]), 2)

    def test_providers_word(self) -> None:
        """
        An OP's word names what it is about, until when the OP had signed them in, give or take what its clocks differ;
        by the back channel for as long as tokens live, where they are taken.
        """
        self.take_tokens()
        for cause, lifetime in ((Cause.BACK_CHANNEL, TOKEN_LIFETIME), (Cause.FRONT_CHANNEL, LIFETIME)):
            for sid, sub, issued, expected in (
                ("nobody's", None, START, {("sid", ISS, "nobody's")}),
                ("nobody's", "nobody", START, {("sid", ISS, "nobody's"), ("sidless", ISS, "nobody")}),
                (None, "nobody", inf, {("sub", ISS, "nobody")}),
            ):
                with self.subTest(cause=cause, sid=sid, sub=sub):
                    logout = ProviderLogout(iss=ISS, sid=sid, sub=sub, issued=issued)
                    self.done(self.world.ending.end_by_provider(logout, cause))
                    self.assertEqual(self.recorded(), dict.fromkeys(expected, lifetime))
                    ended = self.world.store.appended[-1]
                    assert isinstance(ended, SessionsEnded)
                    self.assertEqual({stone.signed_in_until for stone in ended.tombstones}, {issued + 30.0})
