"""
Telling whoever asked to be told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVarTuple

from twisted.logger import Logger

log = Logger()

Ts = TypeVarTuple("Ts")


class Subscribers(Generic[*Ts]):
    """
    The callbacks for one kind of event.
    """

    def __init__(self) -> None:
        self._callbacks: list[Callable[[*Ts], object]] = []

    def add(self, callback: Callable[[*Ts], object]) -> Callable[[], None]:
        """
        Have *callback* called at each event, until the answer is called.
        """
        self._callbacks.append(callback)

        def unsubscribe() -> None:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

        return unsubscribe

    def tell(self, *event: *Ts) -> None:
        """
        Call every callback; one that raises keeps nothing from the others.
        """
        for callback in list(self._callbacks):
            with log.failuresHandled("A subscriber failed"):
                callback(*event)
