"""
What one end came to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Protocol

from pomerium_tx.sessions.departure import DEPARTURE_LIFETIME
from pomerium_tx.sessions.store import Cause, OpLogout

EXCHANGE_KINDS = ("websocket", "tunnel", "sse", "upload", "download")
NOTHING_CUT: Mapping[str, int] = MappingProxyType(dict.fromkeys(EXCHANGE_KINDS, 0))
NOTHING_IN_DOUBT: Mapping[str, int] = MappingProxyType({})
NOT_LEAVING: Mapping[str, OpLogout] = MappingProxyType({})
_CERTAINTY: Mapping[OpLogout, int] = {OpLogout.CONFIRMED: 2, OpLogout.RETURNED: 1}
_FROM_THE_LEAST = (
    OpLogout.PENDING,
    OpLogout.UNREACHABLE,
    OpLogout.UNCONFIRMED,
    OpLogout.NOT_SUPPORTED,
    OpLogout.RETURNED,
    OpLogout.CONFIRMED,
    OpLogout.NOT_NEEDED,
)
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
    """
    At the OP; of several, the least that is known of any.
    """
    op_logouts: Mapping[str, OpLogout] = field(default_factory=lambda: NOT_LEAVING)
    """
    At each OP that the person is led to, by its issuer, in the order of their way.
    """
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

    @property
    def pending(self) -> tuple[str, ...]:
        """
        The issuers of the OPs that may yet be heard of; of an end that leads to none, the empty name if it may.
        """
        known = self.op_logouts or {"": self.op_logout}
        return tuple(iss for iss, op_logout in known.items() if op_logout is OpLogout.PENDING)

    def op_logout_at(self, iss: str) -> OpLogout:
        """
        What is known about one OP.
        """
        return self.op_logouts.get(iss, self.op_logout)

    def learnt(self, op_logout: OpLogout, iss: str = "") -> Receipt:
        """
        The same, with what more is known about one OP, or about each; a late doubt does not undo a certainty.
        """
        if not self.op_logouts:
            return replace(self, op_logout=_surer(self.op_logout, op_logout))
        known = {
            name: _surer(before, op_logout) if iss in ("", name) else before for name, before in self.op_logouts.items()
        }
        return self._with(known)

    def _with(self, op_logouts: Mapping[str, OpLogout]) -> Receipt:
        return replace(self, op_logouts=MappingProxyType(dict(op_logouts)), op_logout=least(op_logouts.values()))

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
        late = self.pending if now >= self.time + DEPARTURE_LIFETIME else ()
        if not late:
            return self
        if not self.op_logouts:
            return replace(self, op_logout=OpLogout.UNCONFIRMED)
        return self._with({**self.op_logouts, **dict.fromkeys(late, OpLogout.UNCONFIRMED)})

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
            if len(self.op_logouts) > 1:
                shown["providers"] = self.providers_as_json()
        return shown

    def providers_as_json(self) -> list[dict[str, str]]:
        """
        What is known about each OP.
        """
        return [{"iss": iss, "op_logout": op_logout.value} for iss, op_logout in self.op_logouts.items()]

    def _in_doubt_at(self, routes: Collection[str]) -> dict[str, int]:
        found: Counter[str] = Counter()
        for key, count in self.in_doubt.items():
            method, _, route_id = key.partition(" ")
            found[key if route_id in routes else f"{method} {ELSEWHERE}"] += count
        return dict(found)


def least(op_logouts: Iterable[OpLogout]) -> OpLogout:
    """
    The one value that says nothing which is not true of each: what may yet change first, then the least certain.
    """
    return min(op_logouts, key=_FROM_THE_LEAST.index, default=OpLogout.NOT_NEEDED)


def _surer(before: OpLogout, after: OpLogout) -> OpLogout:
    return after if _CERTAINTY.get(after, 0) >= _CERTAINTY.get(before, 0) else before


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> Mapping[str, int]:
    return MappingProxyType({key: one.get(key, 0) + other.get(key, 0) for key in (*one, *other)})
