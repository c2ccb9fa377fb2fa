"""
Tests for `pomerium_tx.sessions.registry`: how a process begins.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.store import Cause, Change
from tests.sessions import registries
from tests.sessions.records import HOUR, ending, owed


class JoiningTests(registries.RegistryTestCase):
    """
    A store that takes its time to tell all it knows.
    """

    def slow(self) -> tuple[SessionRegistry, Deferred[None], Deferred[None]]:
        """
        A registry that may let sessions be idle for an hour; fired when the store has told all; when it has joined.
        """
        told: Deferred[None] = Deferred()
        follow = self.store.follow

        async def follow_slowly(from_position: int, apply: Callable[[int, Change], None]) -> Callable[[], None]:
            unfollow = await follow(from_position, apply)
            await told
            return unfollow

        self.patch(self.store, "follow", follow_slowly)
        registry = self.unjoined()
        registry.set_idle_timeout(HOUR)
        return registry, told, self.start(registry.join())

    def test_nobody_is_idle_meanwhile(self) -> None:
        """
        Nobody is signed out because a process that starts learns of them late, or is slow to learn of others.
        """
        self.begin()
        self.clock.advance(2 * HOUR)
        registry, told, joined = self.slow()
        self.clock.advance(HOUR / 2)
        self.assertEqual(registry.due(), [])
        told.callback(None)
        self.successResultOf(joined)
        self.clock.advance(HOUR - 1)
        self.assertEqual(registry.due(), [])
        self.assertIsNotNone(registry.find("alice-1"))
        self.clock.advance(1)
        self.assertEqual(registry.due(), [("alice-1", Cause.IDLE)])

    def test_told_when_something_can_be_done(self) -> None:
        """
        Whoever does what is owed is told of it when the registry that joins can record that it is done.
        """
        self.begin()
        self.done(self.one.use_route("alice-1", "app", "https://app.example.com"))
        self.done(self.one.end(ending("alice-1", owed=(owed(),), notify=("app",))))
        registry, told, joined = self.slow()
        for subscribe, do in (
            (registry.subscribe_owed, lambda: registry.revocation_done("owed-1", 1)),
            (registry.subscribe_notices, lambda: registry.notice_done(registry.notices()[0].id, 1)),
        ):
            subscribe(lambda do=do: self.start(do()))
        told.callback(None)
        self.successResultOf(joined)
        self.assertEqual((self.other.owed(), self.other.notices()), ([], []))
