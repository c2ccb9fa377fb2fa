"""
A session store that can be made to misbehave as real ones do.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from pomerium_tx.sessions.memory import MemoryStore
from pomerium_tx.sessions.store import Change, SessionStore, StoreUnavailable


class UnreliableStore:
    """
    A `SessionStore` in front of another: slow, unavailable, in conflict, or late, as it is told.
    """

    def __init__(self, store: SessionStore | None = None) -> None:
        self._store = MemoryStore() if store is None else store
        self.appended: list[Change] = []
        """
        All that was asked to be appended, in the order of asking.
        """
        self.failure: Exception | None = None
        """
        Raised by every append while it is set.
        """
        self._held: list[Deferred[None]] | None = None
        self._late: list[Callable[[], None]] | None = None

    def break_down(self) -> None:
        """
        Be unavailable from now on.
        """
        self.failure = StoreUnavailable("out of order")

    def recover(self) -> None:
        """
        Be available again.
        """
        self.failure = None

    def hold(self) -> None:
        """
        Record nothing from now on; whoever appends waits.
        """
        self._held = []

    def release(self, *, backwards: bool = False) -> None:
        """
        Record what was held, in the order of asking, or the other way round, and whatever comes.
        """
        held, self._held = self._held or [], None
        for appending in reversed(held) if backwards else held:
            appending.callback(None)

    def lag(self) -> None:
        """
        Deliver nothing to whoever follows from now on, until `catch_up`.
        """
        self._late = []

    def catch_up(self) -> None:
        """
        Deliver to those who lag what they have missed.
        """
        late, self._late = self._late or [], None
        for deliver in late:
            deliver()

    async def append(self, change: Change, expected_version: int | None = None) -> int:
        """
        Append to the store behind, or not.
        """
        self.appended.append(change)
        if self._held is not None:
            appending: Deferred[None] = Deferred()
            self._held.append(appending)
            await appending
        if self.failure is not None:
            raise self.failure
        return await self._store.append(change, expected_version)

    async def follow(self, from_position: int, apply: Callable[[int, Change], None]) -> Callable[[], None]:
        """
        Follow the store behind; late, if `lag` was called before.
        """
        is_late = self._late is not None

        def deliver(position: int, change: Change) -> None:
            if is_late and self._late is not None:
                self._late.append(lambda: apply(position, change))
            else:
                apply(position, change)

        return await self._store.follow(from_position, deliver)
