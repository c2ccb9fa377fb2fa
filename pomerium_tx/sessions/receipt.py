"""
What one end came to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Protocol

from pomerium_tx.sessions.store import DEPARTURE_LIFETIME, Cause, OpLogout

EXCHANGE_KINDS = ("websocket", "tunnel", "sse", "upload", "download")
NOTHING_CUT: Mapping[str, int] = MappingProxyType(dict.fromkeys(EXCHANGE_KINDS, 0))
NOTHING_IN_DOUBT: Mapping[str, int] = MappingProxyType({})
ELSEWHERE = "elsewhere"
"""
Stands for every route that the reader of a receipt need not know of. No route has it as its id.
"""


class OpenExchange(Protocol):
    """
    A request and its response, or a tunnel, while it lasts.
    """

    @property
    def kind(self) -> str:
        """
        One of `EXCHANGE_KINDS`.
        """

    @property
    def route_id(self) -> str:
        """
        The route it is on.
        """

    @property
    def method(self) -> str:
        """
        The request's method.
        """

    @property
    def age(self) -> float:
        """
        Seconds since its head was decided.
        """

    @property
    def bytes_in(self) -> int:
        """
        Content from the user agent so far.
        """

    @property
    def bytes_out(self) -> int:
        """
        Content to the user agent so far.
        """

    @property
    def in_doubt(self) -> bool:
        """
        Whether the application may have acted on it without the user agent learning the answer, if it is cut now.
        """

    @property
    def is_open(self) -> bool:
        """
        Whether anything of it can still pass: an answer that is complete is open until the kernel has its last byte.
        """

    def is_admitted(self) -> bool:
        """
        Whether its request would be let through now, to the same route and as the same person's.
        """

    def cut(self, cause: Cause | None) -> None:
        """
        Let nothing more pass in either direction.

        Never waits and never raises.

        :param cause: Of the session's end; None when the session lives, and its route admits it no longer.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """
    What one end came to; grows truer as facts arrive.
    """

    id: str
    time: float
    cause: Cause
    session_ids: tuple[str, ...] = field(repr=False, default=())
    exchanges_cut: Mapping[str, int] = field(default_factory=lambda: NOTHING_CUT)
    """
    By kind; every kind is there.
    """
    in_doubt: Mapping[str, int] = field(default_factory=lambda: NOTHING_IN_DOUBT)
    """
    By method and route id, separated by a space.
    """
    tokens_to_revoke: int = 0
    op_logout: OpLogout = OpLogout.NOT_NEEDED
    replicas: str = "1/1"
    """
    In how many of the processes that serve people the end is in force, and how many those are. One that died of it
    counts: it has nothing open.
    """
    routes: tuple[str, ...] = ()
    """
    The external origins the sessions were used on.
    """

    @property
    def sessions_ended(self) -> int:
        """
        How many sessions this end, and no other, ended.
        """
        return len(self.session_ids)

    def with_cuts(self, exchanges_cut: Mapping[str, int], in_doubt: Mapping[str, int]) -> Receipt:
        """
        The same, with more exchanges counted.
        """
        return replace(
            self, exchanges_cut=_sum(self.exchanges_cut, exchanges_cut), in_doubt=_sum(self.in_doubt, in_doubt)
        )

    def at(self, now: float) -> Receipt:
        """
        The same, as it reads later: an OP that was not heard of while the way back was open has confirmed nothing.
        """
        if self.op_logout is OpLogout.PENDING and now >= self.time + DEPARTURE_LIFETIME:
            return replace(self, op_logout=OpLogout.UNCONFIRMED)
        return self

    def as_json(self, *, with_routes: bool, own_routes: Collection[str] = ()) -> dict[str, object]:
        """
        What may be shown and logged.

        :param with_routes: Whether the reader may learn where else the person goes.
        :param own_routes: The ids of the routes that a reader who may not knows of anyway.
        """
        time = datetime.fromtimestamp(self.time, UTC).isoformat(timespec="milliseconds")
        shown: dict[str, object] = {
            "id": self.id,
            "time": time.replace("+00:00", "Z"),
            "cause": self.cause.value,
            "sessions_ended": self.sessions_ended,
            "exchanges_cut": dict(self.exchanges_cut),
            "in_doubt": dict(self.in_doubt) if with_routes else self._in_doubt_at(own_routes),
            "tokens_to_revoke": self.tokens_to_revoke,
            "op_logout": self.op_logout.value,
            "replicas": self.replicas,
        }
        if with_routes:
            shown["routes"] = list(self.routes)
        return shown

    def _in_doubt_at(self, routes: Collection[str]) -> dict[str, int]:
        found: Counter[str] = Counter()
        for key, count in self.in_doubt.items():
            method, _, route_id = key.partition(" ")
            found[key if route_id in routes else f"{method} {ELSEWHERE}"] += count
        return dict(found)


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> Mapping[str, int]:
    return MappingProxyType({key: one.get(key, 0) + other.get(key, 0) for key in (*one, *other)})
