"""
Whose turn it is, of those who are owed something.

Parties take turns. Of what is owed to one, only a little is under way at a time; while it is in trouble one thing,
after a pause, and all those in trouble together have half of the room at most. So whoever cannot be reached, and takes
a whole deadline to say so, holds up nobody else for longer than it takes to notice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush

FIRST_PAUSE = 5.0
LONGEST_PAUSE = 60.0
"""
Seconds after which a party in trouble is tried again, with something else if the last was not taken a moment ago.
"""


def pause(before: int, longest: float) -> float:
    """
    The seconds to wait after a failure that *before* others came before.
    """
    return min(FIRST_PAUSE * 2.0 ** min(before, 20), longest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """
    Something that is under way.
    """

    name: str
    party: str
    is_probe: bool
    """
    Whether it is to show that the party is not in trouble any more.
    """


@dataclass(slots=True)
class _Party:
    """
    Whoever is owed something.
    """

    waiting: list[tuple[float, str]] = field(default_factory=list)
    under_way: int = 0
    failures: int = 0
    """
    In a row.
    """
    paused_until: float = 0.0
    wakes_at: float | None = None


class Turns:
    """
    A fair queue.
    """

    def __init__(self, at_once: int, at_once_each: int) -> None:
        """
        :param at_once: Of all that may be under way at a time.
        :param at_once_each: Of what may be under way at a time with one party.
        """
        self._at_once = at_once
        self._at_once_each = at_once_each
        self._parties: dict[str, _Party] = {}
        self._due: dict[str, float] = {}
        # Of whom something may begin now, in the order of their turns; those in trouble apart.
        self._ready: dict[str, None] = {}
        self._in_trouble: dict[str, None] = {}
        self._wakes: list[tuple[float, str]] = []
        self._under_way = 0
        self._probes = 0

    def put(self, name: str, party: str, due: float, now: float) -> None:
        """
        *name* waits for its time; if it was waiting already, for this time instead.
        """
        self._due[name] = due
        heappush(self._parties.setdefault(party, _Party()).waiting, (due, name))
        self._place(party, now)

    def drop(self, name: str) -> None:
        """
        *name* waits no more.
        """
        self._due.pop(name, None)

    def next(self, now: float) -> Turn | None:
        """
        What begins now, if anything may.
        """
        self._wake(now)
        while self._under_way < self._at_once and (name := self._next_party()) is not None:
            party = self._parties[name]
            first = self._first(party)
            if first is None:
                self._place(name, now)
                continue
            heappop(party.waiting)
            del self._due[first[1]]
            turn = Turn(name=first[1], party=name, is_probe=party.failures > 0)
            self._under_way += 1
            self._probes += turn.is_probe
            party.under_way += 1
            self._place(name, now)
            return turn
        return None

    def over(self, turn: Turn, now: float, *, is_in_trouble: bool | None) -> None:
        """
        Something is not under way any more.

        :param is_in_trouble: Whether the party is; None if nothing was learnt about it.
        """
        party = self._parties[turn.party]
        self._under_way -= 1
        self._probes -= turn.is_probe
        party.under_way -= 1
        if is_in_trouble is False:
            party.failures, party.paused_until = 0, 0.0
        elif is_in_trouble and party.paused_until <= now:
            # Several that were under way when the trouble began are one failure.
            party.paused_until = now + pause(party.failures, LONGEST_PAUSE)
            party.failures += 1
        self._place(turn.party, now)

    def paused_until(self, party: str) -> float:
        """
        Until when nothing begins with a party, because it is in trouble.
        """
        known = self._parties.get(party)
        return 0.0 if known is None else known.paused_until

    @property
    def wakes_at(self) -> float | None:
        """
        When something may begin that may not yet, even if nothing else happens.
        """
        return self._wakes[0][0] if self._wakes else None

    def _first(self, party: _Party) -> tuple[float, str] | None:
        while party.waiting:
            due, name = party.waiting[0]
            if self._due.get(name) == due:
                return due, name
            heappop(party.waiting)
        return None

    def _place(self, name: str, now: float) -> None:
        """
        Work out when it is a party's turn.
        """
        party = self._parties[name]
        self._ready.pop(name, None)
        self._in_trouble.pop(name, None)
        first = self._first(party)
        if first is None:
            if not party.under_way:
                del self._parties[name]
            return
        if party.under_way >= (1 if party.failures else self._at_once_each):
            # Its turn comes when one of these is over.
            return
        due = max(first[0], party.paused_until)
        if due <= now:
            (self._in_trouble if party.failures else self._ready)[name] = None
        elif party.wakes_at is None or due < party.wakes_at:
            party.wakes_at = due
            heappush(self._wakes, (due, name))

    def _wake(self, now: float) -> None:
        while self._wakes and self._wakes[0][0] <= now:
            due, name = heappop(self._wakes)
            party = self._parties.get(name)
            if party is not None and party.wakes_at == due:
                party.wakes_at = None
                self._place(name, now)

    def _next_party(self) -> str | None:
        for name in self._ready:
            return name
        if self._probes < max(1, self._at_once // 2):
            for name in self._in_trouble:
                return name
        return None
