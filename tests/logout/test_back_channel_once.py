"""
Tests for `pomerium_tx.logout.back_channel`: a token has its effect once, and waits for its key.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from pomerium_tx.demo.messages import Fault
from pomerium_tx.demo.registration import Lifetimes
from pomerium_tx.jose.signer import Signer
from pomerium_tx.logout.session_cookie import CookieSettings
from pomerium_tx.sessions.store import Change, SeenJti, SessionsEnded, StoreUnavailable
from tests.doubles import keys
from tests.logout.back_channel_case import BackChannelCase
from tests.logout.user_agent import UserAgent
from tests.logout.world import A, R, World

DAY = 24 * 3600.0


class OnceTests(BackChannelCase):
    """
    A token has its effect once.
    """

    def about_the_person(self, **changes: Any) -> str:
        """
        A token that names no session of the OP.
        """
        claims = self.claims(**changes)
        del claims["sid"]
        return self.world.op.sign(claims)

    def test_replay(self) -> None:
        """
        A replay has no effect, not even on who signs in at once afterwards, and is a success.
        """
        token = self.about_the_person()
        self.assert_done(self.post(token))
        self.world.clock.advance(1)
        UserAgent(self.world).sign_in()
        for _ in range(3):
            self.assert_done(self.post(token), live=1)
        self.assertEqual(len(self.world.receipts), 1)
        self.assert_done(self.post(self.about_the_person(jti="2")))

    def test_long_lived(self) -> None:
        """
        A token that is good for a week is remembered for a day, and afterwards finds nobody who has signed in since.
        """
        self.world.stop()
        self.world = World(cookie=CookieSettings(lifetime=10 * DAY), lifetimes=Lifetimes(session=10 * DAY))
        UserAgent(self.world).sign_in()
        token = self.about_the_person(exp=int(self.world.clock.seconds() + 7 * DAY))
        self.assert_done(self.post(token))
        self.world.clock.advance(1)
        kept = UserAgent(self.world).sign_in()
        [seen] = self.remembered()
        self.assertLessEqual(seen.expires, self.world.clock.seconds() + 25 * 3600)
        for _ in range(6):
            self.world.clock.advance(DAY)
            # The store's time is that of what is written to it.
            UserAgent(self.world, "bob").sign_in()
            self.assertEqual(self.post(token).status, 200)
            self.assertIsNotNone(self.world.registry.find(kept.id))
        self.assertGreater(len(self.remembered()), 1)

    def remembered(self) -> list[SeenJti]:
        """
        The jtis that were written.
        """
        changes = (change for change in self.world.store.appended if isinstance(change, SessionsEnded))
        return [change.jti for change in changes if change.jti is not None]

    def test_late(self) -> None:
        """
        One that comes for the first time a day late still ends who had signed in before it was issued.
        """
        self.world.stop()
        self.world = World(cookie=CookieSettings(lifetime=10 * DAY), lifetimes=Lifetimes(session=10 * DAY))
        UserAgent(self.world).sign_in()
        self.world.clock.advance(60)
        token = self.about_the_person(exp=int(self.world.clock.seconds() + 7 * DAY))
        self.world.clock.advance(2 * DAY)
        UserAgent(self.world).sign_in()
        self.assert_done(self.post(token), live=1)

    def test_copies_wait(self) -> None:
        """
        Copies that come while the first one is recorded wait for it, and do nothing.
        """
        self.world.store.hold()
        copies = [self.post(self.token(), at=at) for at in (A, R, A)]
        self.assertEqual([copy.is_done for copy in copies], [False] * 3)
        self.world.store.release()
        for copy in copies:
            self.assert_done(copy)
        self.assertEqual(len(self.world.receipts), 1)
        self.assertEqual(len(self.remembered()), 1)

    def test_store_unavailable(self) -> None:
        """
        While the end cannot be recorded the OP is asked to come again; then the same token works.
        """
        self.world.store.break_down()
        answer = self.post(self.token())
        self.assert_refused(answer, 503)
        self.assertEqual(answer.header("retry-after"), "5")
        self.world.store.failure = None
        self.assert_done(self.post(self.token()))

    def test_copies_of_one_that_fails(self) -> None:
        """
        If the first copy fails, the next one is tried, and so on.
        """
        self.world.store.hold()
        copies = [self.post(self.token()) for _ in range(3)]
        self.world.store.break_down()
        self.world.store.release()
        for copy in copies:
            self.assert_refused(copy, 503)
        self.world.store.failure = None
        self.assert_done(self.post(self.token()))

    def test_next_copy_is_the_first(self) -> None:
        """
        When the first copy fails only one of the others is tried, and the rest waits for that.
        """
        store, append = self.world.store, self.world.store.append
        waiting: list[Deferred[None]] = []

        async def held(change: Change, expected_version: int | None = None) -> int:
            waiting.append(Deferred())
            await waiting[-1]
            return await append(change, expected_version)

        self.patch(store, "append", held)
        copies = [self.post(self.token()) for _ in range(3)]
        waiting[0].errback(StoreUnavailable("out of order"))
        self.assert_refused(copies[0], 503)
        self.assertEqual(len(waiting), 2)
        waiting[1].callback(None)
        for copy in copies[1:]:
            self.assert_done(copy)
        self.assertEqual(len(self.remembered()), 1)


class KeysTests(BackChannelCase):
    """
    Keys that are not there yet.
    """

    def rotate(self) -> None:
        """
        The OP signs with a new key.
        """
        self.world.op.signers = [Signer(keys.private_key("ES256", "next"))]

    def test_rotation(self) -> None:
        """
        A token by a new key waits until the OP may be asked again, and then works.
        """
        self.rotate()
        answer = self.post(self.token())
        self.assertFalse(answer.is_done)
        self.world.clock.advance(10)
        self.assert_done(answer)

    def test_no_keys(self) -> None:
        """
        If the new key cannot be had, the token is refused and nothing has ended; the same works when it can.
        """
        self.rotate()
        self.world.op.faults["jwks"] = Fault(status=500)
        answer = self.post(self.token())
        self.world.clock.advance(10)
        self.assert_refused(answer, 400)
        del self.world.op.faults["jwks"]
        answer = self.post(self.token())
        self.world.clock.advance(10)
        self.assert_done(answer)

    def test_signed_in_elsewhere(self) -> None:
        """
        What alg an OP's ID Tokens have is known from a session, where it was another process that saw it begin.
        """
        self.world.stop()
        self.world = World(settings={"id_token_signed_response_alg": None})
        self.world.op.signers.append(Signer(keys.private_key("RS256")))
        self.session = UserAgent(self.world).sign_in()
        self.world.provider._id_tokens_seen.alg = None
        self.assert_done(self.post(self.token()))
