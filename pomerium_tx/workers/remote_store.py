"""
The log, in a process that does not keep it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from pomerium_tx.sessions.store import Change, Conflict, StoreUnavailable
from pomerium_tx.workers.link import Sender
from pomerium_tx.workers.messages import (
    Append,
    Appended,
    Applied,
    Changes,
    Follow,
    Followed,
    NewChange,
    NotAppended,
    NotFollowed,
    Unfollow,
)
from pomerium_tx.workers.pickling import loads

log = Logger()

Apply = Callable[[int, Change], None]
Answer = Appended | NotAppended | NotFollowed | Changes | Followed | NewChange


class RemoteStore:
    """
    A `SessionStore` at the other end of a link.

    :param send: What sends over the link.
    :param out_of_step: Called when a new change could not be applied here: this process does not know what the others
        know, and must not answer for sessions.
    """

    def __init__(self, send: Sender, *, out_of_step: Callable[[], object]) -> None:
        self._send = send
        self._out_of_step = out_of_step
        self._numbers = count(1)
        self._appends: dict[int, Deferred[int]] = {}
        self._joining: dict[int, Deferred[None]] = {}
        self._followers: dict[int, Apply] = {}
        self._applying: int | None = None
        self._is_lost = False

    async def append(self, change: Change, expected_version: int | None = None) -> int:
        """
        Have the parent add *change*.
        """
        if self._is_lost:
            raise StoreUnavailable("the log is out of reach")
        number = next(self._numbers)
        appended = self._appends[number] = Deferred(lambda _: self._forget(number))
        self._send(
            Append(number=number, change=change, expected_version=expected_version, within=self._applying),
        )
        return await appended

    async def follow(self, from_position: int, apply: Apply) -> Callable[[], None]:
        """
        Have the parent tell everything after *from_position*.
        """
        if self._is_lost:
            raise StoreUnavailable("the log is out of reach")
        number = next(self._numbers)
        self._followers[number] = apply

        def unfollow() -> None:
            if self._followers.pop(number, None) is not None and not self._is_lost:
                self._send(Unfollow(number=number))

        joined = self._joining[number] = Deferred(lambda _: unfollow())
        self._send(Follow(number=number, from_position=from_position))
        await joined
        return unfollow

    def received(self, message: Answer) -> None:
        """
        Take what the parent says.
        """
        number = message.number
        if isinstance(message, NewChange):
            self._new(message)
        elif isinstance(message, Appended):
            appended = self._appends.pop(number, None)
            if appended is not None:
                appended.callback(message.position)
        elif isinstance(message, Changes):
            self._kept(message)
        elif isinstance(message, NotAppended):
            appended = self._appends.pop(number, None)
            if appended is not None:
                appended.errback(Conflict(message.reason) if message.is_conflict else StoreUnavailable(message.reason))
        elif (joined := self._joining.pop(number, None)) is not None:
            if isinstance(message, Followed):
                joined.callback(None)
            else:
                del self._followers[number]
                joined.errback(StoreUnavailable(message.reason))

    def lost(self) -> None:
        """
        The link is broken: what was asked for may have been done, or not.
        """
        self._is_lost = True
        self._followers.clear()
        waiting: list[Deferred[int] | Deferred[None]] = [*self._appends.values(), *self._joining.values()]
        self._appends.clear()
        self._joining.clear()
        for one in waiting:
            one.errback(StoreUnavailable("the log is out of reach"))

    def _forget(self, number: int) -> None:
        self._appends.pop(number, None)

    def _kept(self, message: Changes) -> None:
        position = 0
        for position, content in message.kept:
            apply = self._followers.get(message.number)
            if apply is None:
                return
            # As it is with a log in the same process: what nobody can read keeps nobody from knowing the rest.
            with log.failuresHandled("The change at {position} could not be applied", position=position):
                apply(position, loads(content))
        self._send(Applied(number=message.number, position=position))

    def _new(self, message: NewChange) -> None:
        apply = self._followers.get(message.number)
        if apply is None:
            return
        self._applying = message.position
        try:
            with log.failuresHandled(
                "The change at {position} could not be applied", position=message.position
            ) as done:
                apply(message.position, loads(message.content))
        finally:
            self._applying = None
        if done.failed:
            self._out_of_step()
        else:
            self._send(Applied(number=message.number, position=message.position))
