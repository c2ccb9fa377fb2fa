"""
What is open for which session, in this process.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from twisted.logger import Logger

from pomerium_tx.sessions.receipt import EXCHANGE_KINDS, OpenExchange
from pomerium_tx.sessions.store import Cause

log = Logger()

MANY = 100

_counting = log.failureHandler("An exchange of an ended session could not be counted")
_cutting = log.failureHandler("An exchange of an ended session could not be cut")


class Attachments:
    """
    The open exchanges of each session that has any.
    """

    def __init__(self) -> None:
        # By identity: an exchange need not be hashable, and two that look alike are two.
        self._exchanges: dict[str, dict[int, OpenExchange]] = {}

    def __len__(self) -> int:
        return len(self._exchanges)

    def add(self, session_id: str, exchange: OpenExchange) -> None:
        """
        Put an exchange under a session; more than once is once.
        """
        attached = self._exchanges.get(session_id)
        if attached is None:
            self._exchanges[session_id] = {id(exchange): exchange}
        else:
            attached[id(exchange)] = exchange

    def discard(self, session_id: str, exchange: OpenExchange) -> None:
        """
        Take an exchange away from a session, if it is there.
        """
        attached = self._exchanges.get(session_id)
        if attached is not None and attached.pop(id(exchange), None) is not None and not attached:
            del self._exchanges[session_id]

    def of(self, session_id: str) -> tuple[OpenExchange, ...]:
        """
        What is open for a session.
        """
        return tuple(one for one in self._exchanges.get(session_id, {}).values() if one.is_open)

    def clear(self) -> None:
        """
        Forget all, cutting nothing.
        """
        self._exchanges.clear()

    def cut(self, session_ids: Iterable[str], cause: Cause) -> tuple[dict[str, int], dict[str, int]] | None:
        """
        Cut everything that is open for some sessions; how many by kind, and in doubt by method and route.

        None if nothing was open.
        """
        # Taken out first: what a cut sets off finds nothing to cut a second time. One may be of several sessions.
        attached: dict[int, OpenExchange] = {}
        for name in session_ids:
            attached |= self._exchanges.pop(name, {})
        exchanges = [exchange for exchange in attached.values() if exchange.is_open]
        if not exchanges:
            return None
        cut = dict.fromkeys(EXCHANGE_KINDS, 0)
        in_doubt: Counter[str] = Counter()
        with _collecting_nothing(len(exchanges)):
            for exchange in exchanges:
                with _counting:
                    kind = exchange.kind
                    cut[kind if kind in cut else "download"] += 1
                    # Asked before the cut, which makes an end of every doubt.
                    if exchange.in_doubt:
                        in_doubt[f"{exchange.method} {exchange.route_id}"] += 1
                with _cutting:
                    exchange.cut(cause)
        return cut, dict(in_doubt)


@contextmanager
def _collecting_nothing(count: int) -> Iterator[None]:
    """
    While many exchanges are cut the collector must not walk through the whole process again and again.
    """
    was_enabled = gc.isenabled() and count > MANY
    if was_enabled:
        gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
