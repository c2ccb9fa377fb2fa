"""
How many connections there may be to one origin, and who waits for one.

A connection takes its place from the attempt to make it until it is closed, whatever it does in between: idle, carrying
a request, being a tunnel, closing. Whoever finds no place free waits in line; the line has an end, and patience too.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from twisted.logger import Logger

from pomerium_tx.proxy.deadlines import Deadlines
from pomerium_tx.proxy.tally import Tally

log = Logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceLimits:
    """
    Connections at a time, how many may wait for one, and for how many seconds.
    """

    connections: int = 1024
    waiting: int = 1024
    patience: float = 10.0


class Sharer(Protocol):
    """
    A pool whose connections take places here.
    """

    @property
    def idle_until(self) -> float | None:
        """
        When the connection is closed that has been idle for longest; None if none is idle.
        """

    def drop_idle(self) -> None:
        """
        Close that connection at once.
        """


@dataclass(slots=True, kw_only=True, eq=False)
class Waiter:
    """
    Somebody in line.
    """

    pool: Sharer
    is_choosy: bool
    """
    Whether only a new connection will do.
    """
    serve: Callable[[], None]
    """
    A place has been taken for this one, which is not in line any more.
    """
    turn_away: Callable[[str], None]
    """
    There is none, for the reason given.
    """
    until: float = 0.0


class Descriptors:
    """
    How many connections there are to all origins, and how many there may be before idle ones are given up for new ones.

    Those in use are never too many: user agents' connections, without which there are none, are counted already.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0
        self.sharers: set[Sharer] = set()

    def take(self) -> None:
        """
        One more.
        """
        self.taken += 1
        if self.taken > self.most:
            drop_oldest(self.sharers)


def drop_oldest(sharers: Iterable[Sharer]) -> None:
    """
    Close the connection that has been idle for longest, whosever it is, if any is.
    """
    idle = [(until, sharer) for sharer in sharers if (until := sharer.idle_until) is not None]
    if idle:
        min(idle, key=lambda found: found[0])[1].drop_idle()


class Places:
    """
    The places of one origin.

    :param name: Of the origin, for the log.
    """

    def __init__(self, name: str, limits: PlaceLimits, deadlines: Deadlines, descriptors: Descriptors) -> None:
        self._descriptors = descriptors
        self._name = name
        self._limits = limits
        self._deadlines = deadlines
        self._taken = 0
        self._line: OrderedDict[Waiter, None] = OrderedDict()
        self._sharers: set[Sharer] = set()
        self._is_serving = False
        self._turned_away = Tally(deadlines, self._say_turned_away)

    def __repr__(self) -> str:
        return f"<Places of {self._name}: {self._taken} taken, {len(self._line)} waiting>"

    @property
    def taken(self) -> int:
        """
        How many connections there are.
        """
        return self._taken

    @property
    def first(self) -> Waiter | None:
        """
        Who has waited for longest.
        """
        return next(iter(self._line)) if self._line else None

    def join(self, pool: Sharer) -> None:
        """
        *pool* has connections here, which may have to be dropped for others.
        """
        self._sharers.add(pool)
        self._descriptors.sharers.add(pool)

    def leave(self, pool: Sharer) -> None:
        """
        *pool* keeps no idle connections any more.
        """
        self._sharers.discard(pool)
        self._descriptors.sharers.discard(pool)

    def limit(self, limits: PlaceLimits) -> None:
        """
        From now on so many: who waits is served if that is more; if it is less, nobody is cut off.
        """
        self._limits = limits
        for _ in range(self._taken - limits.connections):
            self.make_room()
        self._serve()

    def take(self) -> bool:
        """
        Take a place, if one is free; whether it was.
        """
        if self._taken >= self._limits.connections:
            return False
        self._taken += 1
        self._descriptors.take()
        return True

    def give_back(self) -> None:
        """
        A place is free again: who has waited for longest takes it.
        """
        self._taken -= 1
        self._descriptors.taken -= 1
        self._serve()

    def wait(self, waiter: Waiter) -> bool:
        """
        Put *waiter* in line, or turn it away; whether it waits.

        Who is choosy has been served before, badly: it goes first, whatever the length of the line.
        """
        if len(self._line) >= self._limits.waiting and not waiter.is_choosy:
            self._turned_away.add()
            waiter.turn_away("all connections are in use, and too many requests wait for one")
            return False
        waiter.until = self._deadlines.now() + self._limits.patience
        self._line[waiter] = None
        if waiter.is_choosy:
            self._line.move_to_end(waiter, last=False)
        self._deadlines.watch(self)
        self.make_room()
        return True

    def give_up(self, waiter: Waiter) -> bool:
        """
        *waiter* waits no more; whether it did.
        """
        if waiter not in self._line:
            return False
        self._remove(waiter)
        return True

    def make_room(self) -> None:
        """
        Close the connection that has been idle for longest, of whichever pool.
        """
        drop_oldest(self._sharers)

    def no_descriptor(self) -> None:
        """
        The system has none for another connection: close the one that has been idle for longest, to whichever origin.
        """
        drop_oldest(self._descriptors.sharers)

    def check_deadlines(self, now: float) -> None:
        """
        Turn away whoever has waited for too long.
        """
        for waiter in [each for each in self._line if each.until < now]:
            if self.give_up(waiter):
                self._turned_away.add()
                waiter.turn_away("no connection became free in time")

    def _remove(self, waiter: Waiter) -> None:
        del self._line[waiter]
        if not self._line:
            self._deadlines.forget(self)

    def _serve(self) -> None:
        # Who is served may give the place back before this returns: thousands must not be served inside one another.
        if self._is_serving:
            return
        self._is_serving = True
        try:
            while (waiter := self.first) is not None and self.take():
                self._remove(waiter)
                waiter.serve()
        finally:
            self._is_serving = False

    def _say_turned_away(self, count: int) -> None:
        log.warn(
            "{count} requests for {origin} were answered 503: there are {taken} connections and {waiting} requests "
            "wait for one (max_upstream_connections, max_upstream_queue, timeout_upstream_queue)",
            count=count,
            origin=self._name,
            taken=self._taken,
            waiting=len(self._line),
        )
