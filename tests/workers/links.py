"""
Links in memory: both ends, and all the bytes between them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from pomerium_tx.sessions.memory import MemoryStore
from pomerium_tx.workers.link import Link
from pomerium_tx.workers.messages import Append, Applied, Follow, Unfollow
from pomerium_tx.workers.remote_store import RemoteStore
from pomerium_tx.workers.shared_store import Client, SharedStore

STORE_QUESTIONS = (Append, Applied, Follow, Unfollow)


class Wire:
    """
    Carries bytes between pairs of links, at once and in order, unless it is held.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[End, bytes]] = deque()
        self._is_carrying = False

    def pair(self, one: Link, other: Link) -> None:
        """
        Connect two links.
        """
        ends = End(self, other), End(self, one)
        for link, end in ((one, ends[0]), (other, ends[1])):
            link.makeConnection(end)  # type: ignore[arg-type] # all of a transport that a link uses

    def carry(self, end: End, content: bytes) -> None:
        """
        Bring *content* to the other end, after what is on its way.
        """
        self._waiting.append((end, content))
        if self._is_carrying:
            return
        self._is_carrying = True
        try:
            while self._waiting:
                end, content = self._waiting.popleft()
                end.arrive(content)
        finally:
            self._is_carrying = False


class End:
    """
    The transport of one link.
    """

    def __init__(self, wire: Wire, other: Link) -> None:
        self._wire = wire
        self._other = other
        self.held: list[bytes] | None = None
        """
        What is kept from the other end, while it is not None.
        """
        self.sent = 0

    def write(self, content: bytes) -> None:
        """
        Send.
        """
        self.sent += len(content)
        self._wire.carry(self, content)

    def arrive(self, content: bytes) -> None:
        """
        The other end has it, unless it is held.
        """
        if self.held is not None:
            self.held.append(content)
        elif not self._other.is_broken:
            self._other.dataReceived(content)  # type: ignore[no-untyped-call] # Twisted's own

    def hold(self) -> None:
        """
        Nothing arrives from now on.
        """
        self.held = []

    def release(self) -> None:
        """
        What was held arrives, and what comes.
        """
        held, self.held = self.held or [], None
        for content in held:
            self._wire.carry(self, content)

    def release_one(self) -> None:
        """
        The first of what was held arrives, and the rest is still held.
        """
        assert self.held
        self._other.dataReceived(self.held.pop(0))  # type: ignore[no-untyped-call] # Twisted's own

    def loseConnection(self) -> None:
        """
        Nothing more comes.
        """
        self._other.connectionLost(Failure(ConnectionLost()))


class Worker:
    """
    One process's store, at the end of a link of its own.
    """

    def __init__(
        self,
        shared: SharedStore,
        wire: Wire,
        *,
        fence: Callable[[Worker], object] | None = None,
        ended: Callable[[str], object] = lambda receipt_id: None,
    ) -> None:
        self.ended: list[str] = []
        self.out_of_step = 0
        self.is_fenced = False
        self._fence = fence
        self._on_end = ended
        self.child = Link(lambda message: self.store.received(message), lambda: self.store.lost())
        self.store = RemoteStore(self.child.send, out_of_step=self._fall_out)
        self.parent = Link(self._asked, lambda: None)
        self.client: Client = shared.client(self.parent.send, overdue=self._overdue, ended=self._end_told)
        wire.pair(self.parent, self.child)
        self.to_child: End = self._end(self.parent)
        self.to_parent: End = self._end(self.child)

    def break_link(self) -> None:
        """
        Neither end hears of the other any more, and the process ends.
        """
        for link in (self.child, self.parent):
            link.connectionLost(Failure(ConnectionLost()))
        self.client.gone()

    def _end(self, link: Link) -> Any:
        return link.transport

    def _asked(self, message: Any) -> None:
        assert isinstance(message, STORE_QUESTIONS)
        self.client.received(message)

    def _overdue(self) -> None:
        self.is_fenced = True
        if self._fence is None:
            self.break_link()
        else:
            self._fence(self)

    def _end_told(self, receipt_id: str) -> None:
        self.ended.append(receipt_id)
        self._on_end(receipt_id)

    def _fall_out(self) -> None:
        self.out_of_step += 1


class Workers:
    """
    A shared store and the wire to as many workers as are asked for.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self.log = MemoryStore()
        self.shared = SharedStore(self.log, clock=clock, now=clock.seconds)
        self.wire = Wire()

    def worker(self, **options: Any) -> Worker:
        """
        One more.
        """
        return Worker(self.shared, self.wire, **options)
