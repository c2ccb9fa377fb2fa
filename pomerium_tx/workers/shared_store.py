"""
The log of several processes, in the one that keeps it.

An append answers when the change is in the log and every process that serves has applied it, so that what an end says
is true everywhere: nothing is found and nothing is open. Who does not say in time that it has applied a change is
*fenced*: killed, and only when that is done does the append go on. So no end waits for ever, and nobody serves who has
not heard of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from pomerium_tx.sessions.memory import MemoryStore
from pomerium_tx.sessions.store import Change, Conflict, SessionsEnded, StoreUnavailable
from pomerium_tx.workers.follower import Follower
from pomerium_tx.workers.link import Sender
from pomerium_tx.workers.messages import (
    Append,
    Appended,
    Applied,
    Follow,
    NotAppended,
    NotFollowed,
    Unfollow,
)
from pomerium_tx.workers.pickling import dumps
from pomerium_tx.workers.turns import Turn

log = Logger()


class SharedStore:
    """
    A `SessionStore` for this process, and by `client` for others.

    :param now: Seconds that no step of the wall clock can move.
    """

    def __init__(self, log: MemoryStore, *, clock: IReactorTime, now: Callable[[], float]) -> None:
        self.log = log
        self.clock = clock
        self.now = now
        self._turns: dict[int, Turn] = {}
        self._applying: Turn | None = None
        self._clients: list[Client] = []
        self._pickled: tuple[int, bytes] = (0, b"")

    @property
    def replicas(self) -> int:
        """
        How many other processes an append waits for now.
        """
        return sum(client.is_live for client in self._clients)

    async def append(self, change: Change, expected_version: int | None = None) -> int:
        """
        Add *change* to the log; it has been applied everywhere.
        """
        return await self.append_within(self._applying, change, expected_version)

    async def append_within(self, within: Turn | None, change: Change, expected_version: int | None) -> int:
        """
        Add *change*, which belongs to another that somebody is applying.
        """
        if isinstance(change, SessionsEnded):
            # One that dies meanwhile counts as done: its connections are gone, and it begins anew.
            change = replace(change, replicas=max(1, self.replicas))
        position = self.log.position + 1
        turn = Turn(lambda: self._turns.pop(position, None), within)
        self._turns[position] = turn
        try:
            await self.log.append(change, expected_version)
        finally:
            # Nobody has it yet if there was a conflict; whoever waits no longer leaves it to the others.
            turn.release()
        if not turn.is_over:
            await turn.done
        return position

    async def follow(self, from_position: int, apply: Callable[[int, Change], None]) -> Callable[[], None]:
        """
        Deliver to this process.
        """

        def note(position: int, change: Change) -> None:
            before, self._applying = self._applying, self._turns.get(position)
            try:
                apply(position, change)
            finally:
                self._applying = before

        return await self.log.follow(from_position, note)

    def client(
        self, send: Sender, *, overdue: Callable[[], object], ended: Callable[[str], object] = lambda receipt_id: None
    ) -> Client:
        """
        What answers one process at the other end of a link.

        :param overdue: Called when it does not keep up. `Client.gone` is to be called once it surely serves nothing.
        :param ended: Told the receipt of each end that it has asked for, when it is in force everywhere.
        """
        client = Client(self, send, overdue, ended)
        self._clients.append(client)
        return client

    def turn_at(self, position: int | None) -> Turn | None:
        """
        That of the change at a position, unless it is over.
        """
        return None if position is None else self._turns.get(position)

    def pickled(self, position: int, change: Change) -> bytes:
        """
        A change as bytes; worked out once for all who follow.
        """
        if self._pickled[0] != position:
            self._pickled = (position, dumps(change))
        return self._pickled[1]

    def leave(self, client: Client) -> None:
        """
        Wait no more for a client.
        """
        if client in self._clients:
            self._clients.remove(client)


class Client:
    """
    One process that has the log at the other end of a link.
    """

    def __init__(
        self, store: SharedStore, send: Sender, overdue: Callable[[], object], ended: Callable[[str], object]
    ) -> None:
        self._store = store
        self._send = send
        self._overdue = overdue
        self._ended = ended
        self._followers: dict[int, Follower] = {}
        self._is_gone = False

    @property
    def is_live(self) -> bool:
        """
        Whether appends wait for it.
        """
        return any(follower.is_live for follower in self._followers.values())

    @property
    def is_behind(self) -> bool:
        """
        Whether there is anything that it has been sent and has not applied.
        """
        return any(follower.is_behind for follower in self._followers.values())

    def received(self, message: Append | Follow | Unfollow | Applied) -> None:
        """
        Do what it asks for.
        """
        if self._is_gone:
            return
        if isinstance(message, Append):
            Deferred.fromCoroutine(self._append(message)).addErrback(
                lambda reason: log.failure("What a worker asked for could not be done", reason)
            )
        elif isinstance(message, Applied):
            follower = self._followers.get(message.number)
            if follower is not None:
                follower.applied(message.position)
        elif isinstance(message, Follow):
            self._follow(message)
        else:
            follower = self._followers.pop(message.number, None)
            if follower is not None:
                follower.stop()

    def gone(self) -> None:
        """
        It serves nothing any more: nobody waits for it.
        """
        self._is_gone = True
        self._store.leave(self)
        followers, self._followers = list(self._followers.values()), {}
        for follower in followers:
            follower.stop()

    def _follow(self, message: Follow) -> None:
        follower = Follower(
            message.number,
            send=self._send,
            log=self._store.log,
            turn_at=self._store.turn_at,
            pickled=self._store.pickled,
            clock=self._store.clock,
            now=self._store.now,
            overdue=self._overdue,
        )
        self._followers[message.number] = follower
        try:
            follower.start(message.from_position)
        except StoreUnavailable as unavailable:
            del self._followers[message.number]
            self._send(NotFollowed(number=message.number, reason=str(unavailable)))

    async def _append(self, message: Append) -> None:
        within = self._store.turn_at(message.within)
        try:
            position = await self._store.append_within(within, message.change, message.expected_version)
        except (Conflict, StoreUnavailable) as problem:
            is_conflict = isinstance(problem, Conflict)
            self._send(NotAppended(number=message.number, is_conflict=is_conflict, reason=str(problem)))
            return
        if isinstance(message.change, SessionsEnded):
            self._ended(message.change.receipt_id)
        if not self._is_gone:
            self._send(Appended(number=message.number, position=position))
