"""
Long lists as answers: a part at a time, and worked out in many turns of the reactor.
"""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Generic, TypeVar

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from pomerium_tx.operations.selection import WrongParameter, whole_number
from pomerium_tx.web.answers import Answer

DEFAULT_LIMIT = 1_000
MOST = 10_000
WINDOW = ("limit", "after")
"""
The parameters that say which part of a list is wanted.
"""
LOOKED_AT = 1_000
SHOWN = 100
"""
How many are looked at, or written out, in one turn.
"""

T = TypeVar("T")
Key = tuple[float, str]
"""
What a list is in the order of: a time, and a name that tells apart what has the same.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """
    Which part of a list is wanted.
    """

    limit: int = DEFAULT_LIMIT
    after: Key | None = None

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Window:
        """
        What some parameters ask for.

        :raises WrongParameter: If one cannot be understood.
        """
        limit = whole_number(given, "limit", default=DEFAULT_LIMIT, most=MOST)
        text = given.get("after")
        if text is None:
            return cls(limit=limit)
        seconds, _, name = text.partition("_")
        try:
            time = float(seconds)
        except ValueError:
            time = math.nan
        if not math.isfinite(time) or not name:
            raise WrongParameter("after", "must be the value of next in an earlier answer")
        return cls(limit=limit, after=(time, name))


async def in_turns(clock: IReactorTime, items: Sequence[T], work: Callable[[T], object], size: int) -> None:
    """
    Do *work* on each item, letting others have their turn after every *size* of them.
    """
    for start in range(0, len(items), size):
        if start:
            await deferLater(clock, 0.0)
        for item in items[start : start + size]:
            work(item)


async def list_answer(
    name: str,
    items: Sequence[T],
    *,
    clock: IReactorTime,
    window: Window,
    key: Callable[[T], Key | None],
    show: Callable[[T], Mapping[str, object] | None],
    prepare: Callable[[Sequence[T]], Awaitable[object]] | None = None,
    more: Mapping[str, object] | None = None,
) -> Answer:
    """
    A part of a list as JSON, with the number of all, and with where the next part begins if there is one.

    :param key: None for an item that is not in the list.
    :param show: None for an item that has gone meanwhile.
    :param prepare: Finds out what is needed to show the items of the part.
    :param more: What else the answer says, first.
    """
    found = _First[T](window)
    await in_turns(clock, items, lambda item: found.look(key(item), item), LOOKED_AT)
    part, has_more = found.part()
    if prepare is not None:
        await prepare([item for _, item in part])
    written: list[str] = []

    def write(pair: tuple[Key, T]) -> None:
        shown = show(pair[1])
        if shown is not None:
            written.append(_json(shown))

    await in_turns(clock, part, write, SHOWN)
    following = None
    if has_more:
        time, last = part[-1][0]
        following = f"{time!r}_{last}"
    first = "".join(f"{_json(field)}:{_json(value)}," for field, value in (more or {}).items())
    body = f'{{{first}"count":{found.count},{_json(name)}:[{",".join(written)}],"next":{_json(following)}}}'
    return Answer(status=200, headers=(("Content-Type", "application/json"),), body=body.encode())


class _First(Generic[T]):
    """
    The first items of a window: no more of them are kept, and put in order, than are wanted.
    """

    def __init__(self, window: Window) -> None:
        self.count = 0
        """
        How many there are in the whole list.
        """
        self._wanted = window.limit + 1
        self._after = window.after
        self._found: list[tuple[Key, T]] = []
        self._last: Key | None = None

    def look(self, place: Key | None, item: T) -> None:
        """
        Keep an item, if it may be one of the first.
        """
        if place is None:
            return
        self.count += 1
        if (self._after is None or place > self._after) and (self._last is None or place < self._last):
            self._found.append((place, item))
            if len(self._found) >= 2 * self._wanted:
                self._trim()
                self._last = self._found[-1][0]

    def part(self) -> tuple[Sequence[tuple[Key, T]], bool]:
        """
        The items in order, and whether more follow.
        """
        self._trim()
        return self._found[: self._wanted - 1], len(self._found) == self._wanted

    def _trim(self) -> None:
        self._found.sort(key=itemgetter(0))
        del self._found[self._wanted :]


def _json(value: object) -> str:
    # In ASCII: half a character in somebody's name must not cost the whole list.
    return json.dumps(value, allow_nan=False, separators=(",", ":"))
