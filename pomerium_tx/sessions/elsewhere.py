"""
What is open for sessions in other processes.

It is nobody's business but that of people who look at it: nothing is decided by it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from pomerium_tx.sessions.receipt import OpenExchange


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenExchange:
    """
    An open exchange, as it was when it was looked at.
    """

    kind: str
    route_id: str
    method: str
    age: float
    bytes_in: int
    bytes_out: int

    @classmethod
    def of(cls, exchange: OpenExchange) -> SeenExchange:
        """
        *exchange* as it is now.
        """
        return cls(
            kind=exchange.kind,
            route_id=exchange.route_id,
            method=exchange.method,
            age=exchange.age,
            bytes_in=exchange.bytes_in,
            bytes_out=exchange.bytes_out,
        )


Seen = Mapping[str, tuple[SeenExchange, ...]]
"""
By session id; sessions for which nothing is open may be missing.
"""
Elsewhere = Callable[[Collection[str]], Awaitable[Seen]]
"""
Asks all other processes, and does not wait for ever for any of them.
"""


def seen(session_ids: Collection[str], open_for: Callable[[str], Iterable[OpenExchange]]) -> Seen:
    """
    What is open for some sessions in this process, as it is now.
    """
    return {name: tuple(map(SeenExchange.of, open_for(name))) for name in session_ids}


async def nowhere(session_ids: Collection[str]) -> Seen:
    """
    The answer where there is no other process.
    """
    return {}


def joined(parts: Collection[Seen]) -> Seen:
    """
    Several answers as one.
    """
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: tuple(one for part in parts for one in part.get(name, ())) for name in names}
