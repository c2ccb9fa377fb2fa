"""
A log that lives as long as the process.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from pomerium_tx.sessions.limits import Limits
from pomerium_tx.sessions.retention import Retention
from pomerium_tx.sessions.store import Change, Conflict, StoreUnavailable

log = Logger()


@dataclass(slots=True, eq=False)
class _Follower:
    apply: Callable[[int, Change], None]
    position: int
    follows: bool = True


class MemoryStore:
    """
    A `SessionStore` without a disk.

    An append from inside an ``apply`` waits its turn: every follower sees the changes in the order of their positions,
    and all of them are delivered before the outermost append returns.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        """
        Begin with an empty log.
        """
        self._log: dict[int, Change] = {}
        self._retention = Retention(limits or Limits(), self._log)
        self._position = 0
        self._dropped_up_to = 0
        self._followers: list[_Follower] = []
        self._undelivered: deque[tuple[int, Change, Deferred[None] | None]] = deque()
        self._delivering = False

    def __len__(self) -> int:
        return len(self._log)

    async def append(self, change: Change, expected_version: int | None = None) -> int:
        """
        Add *change* to the log and deliver it.
        """
        if expected_version is not None and expected_version != self._position:
            raise Conflict(f"the log is at {self._position}, not at {expected_version}")
        self._position += 1
        position = self._position
        self._log[position] = change
        dropped_now = self._retention.add(position, change)
        self._log.update(self._retention.folded)
        for dropped in dropped_now:
            del self._log[dropped]
            self._dropped_up_to = max(self._dropped_up_to, dropped)
        if self._delivering:
            delivered: Deferred[None] = Deferred()
            self._undelivered.append((position, change, delivered))
            await delivered
        else:
            self._undelivered.append((position, change, None))
            self._deliver()
        return position

    async def follow(self, from_position: int, apply: Callable[[int, Change], None]) -> Callable[[], None]:
        """
        Deliver what is kept after *from_position*, and then all that comes.

        :raises StoreUnavailable: If changes after *from_position* were dropped, and it is not the beginning.
        """
        position = self._position
        for kept in self.positions(from_position):
            if (change := self.at(kept)) is not None:
                apply(kept, change)
        return self.attend(position, apply)

    @property
    def position(self) -> int:
        """
        That of the last change.
        """
        return self._position

    def positions(self, after: int) -> list[int]:
        """
        Where changes are kept after a position, in order.

        :raises StoreUnavailable: If some of them were dropped, and it is not the beginning.
        """
        if 0 < after < self._dropped_up_to:
            raise StoreUnavailable("the log does not reach back so far")
        kept = list(self._log)
        return kept[bisect_right(kept, after) :] if after else kept

    def at(self, position: int) -> Change | None:
        """
        The change at a position, unless it was dropped: then what it said has been said, or undone, by a later one.
        """
        return self._log.get(position)

    def attend(self, position: int, apply: Callable[[int, Change], None]) -> Callable[[], None]:
        """
        Deliver whatever comes after *position*, until the answer is called.

        What is on its way to the others is in the log already, and is not delivered again.
        """
        follower = _Follower(apply, position)
        self._followers.append(follower)

        def unfollow() -> None:
            follower.follows = False
            if follower in self._followers:
                self._followers.remove(follower)

        return unfollow

    def _deliver(self) -> None:
        self._delivering = True
        try:
            while self._undelivered:
                position, change, delivered = self._undelivered.popleft()
                for follower in list(self._followers):
                    self._deliver_to(follower, position, change)
                if delivered is not None:
                    delivered.callback(None)
        finally:
            self._delivering = False

    def _deliver_to(self, follower: _Follower, position: int, change: Change) -> None:
        if not follower.follows or position <= follower.position:
            return
        follower.position = position
        # One that cannot read a change must not keep a sign-out from the others.
        with log.failuresHandled("A follower could not apply the change at {position}", position=position):
            follower.apply(position, change)
