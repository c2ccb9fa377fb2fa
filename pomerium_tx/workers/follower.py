"""
One process that follows the log at the other end of a link, as the keeper of the log sees it.

First it is told what was kept, in pieces, of which a few are under way at a time: neither the time nor the memory that
it takes depends on how much there is. What is written meanwhile comes behind, in order. From the moment at which it has
been sent all, appends wait for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from pomerium_tx.sessions.memory import MemoryStore
from pomerium_tx.sessions.store import Change
from pomerium_tx.workers.link import PIECE, Sender
from pomerium_tx.workers.messages import Changes, Followed, NewChange
from pomerium_tx.workers.pickling import dumps
from pomerium_tx.workers.turns import Turn

PATIENCE = 5.0
"""
Seconds in which a change must have been applied.
"""
SECOND_LOOK = 0.1
"""
How much later it is looked at once more: a parent that was itself held up must first hear what has come meanwhile.
"""
BYTES_IN_A_SECOND = 4_000_000
"""
Long ones may take longer: an end of a million sessions is hundreds of megabytes.
"""
PIECE_CHANGES = 200
"""
Changes in a piece, if they are not long: some milliseconds of work for either end.
"""
UNDER_WAY = 3
"""
Pieces that may be on their way.
"""


class Follower:
    """
    Sends, and waits for the word that it was applied.

    :param turn_at: The turn of the change at a position, unless it is over.
    :param pickled: A change as bytes.
    :param overdue: Called when that word does not come; it is nobody's again until `stop`.
    """

    def __init__(
        self,
        number: int,
        *,
        send: Sender,
        log: MemoryStore,
        turn_at: Callable[[int | None], Turn | None],
        pickled: Callable[[int, Change], bytes],
        clock: IReactorTime,
        now: Callable[[], float],
        overdue: Callable[[], object],
    ) -> None:
        self._number = number
        self._send = send
        self._log = log
        self._turn_at = turn_at
        self._pickled = pickled
        self._clock = clock
        self._now = now
        self._overdue = overdue
        self._unfollow: Callable[[], None] = lambda: None
        self._kept: deque[int] = deque()
        self._written_meanwhile: deque[tuple[int, Change]] = deque()
        # What it has been sent and does not say that it has applied: the position, until when, and who waits for it.
        self._under_way: deque[tuple[int, float, Turn | None]] = deque()
        self._watch: IDelayedCall | None = None
        self._is_suspect = False
        self.is_live = False
        """
        Whether appends wait for it.
        """

    @property
    def is_behind(self) -> bool:
        """
        Whether there is anything that it has been sent and has not applied.
        """
        return bool(self._under_way)

    def start(self, from_position: int) -> None:
        """
        Send what is kept after *from_position*, and then all that comes.

        :raises StoreUnavailable: If the log does not reach back so far.
        """
        self._kept.extend(self._log.positions(from_position))
        self._unfollow = self._log.attend(self._log.position, self._written)
        self._send_kept()

    def applied(self, position: int) -> None:
        """
        Everything up to *position* has been applied at the other end.
        """
        self._is_suspect = False
        while self._under_way and self._under_way[0][0] <= position:
            turn = self._under_way.popleft()[2]
            if turn is not None:
                turn.release()
        self._send_kept()

    def stop(self) -> None:
        """
        Send nothing more, and keep nobody waiting.
        """
        self.is_live = False
        self._unfollow()
        self._kept.clear()
        self._written_meanwhile.clear()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        under_way, self._under_way = self._under_way, deque()
        for _, _, turn in under_way:
            if turn is not None:
                turn.release()

    def _written(self, position: int, change: Change) -> None:
        if not self.is_live:
            self._written_meanwhile.append((position, change))
            return
        turn = self._turn_at(position)
        if turn is not None:
            turn.hold()
        content = self._pickled(position, change)
        self._expect(position, len(content), turn)
        self._send(NewChange(number=self._number, position=position, content=content))

    def _send_kept(self) -> None:
        while not self.is_live and len(self._under_way) < UNDER_WAY:
            self._send_piece()

    def _send_piece(self) -> None:
        piece: list[tuple[int, bytes]] = []
        size = 0
        while size < PIECE and len(piece) < PIECE_CHANGES and (found := self._next_kept()) is not None:
            position, change = found
            content = dumps(change)
            piece.append((position, content))
            size += len(content)
        if piece:
            self._expect(piece[-1][0], size, None)
            self._send(Changes(number=self._number, kept=tuple(piece)))
        if not self._kept and not self._written_meanwhile:
            self.is_live = True
            self._send(Followed(number=self._number))

    def _next_kept(self) -> tuple[int, Change] | None:
        while self._kept:
            position = self._kept.popleft()
            change = self._log.at(position)
            # What was dropped while this one was being told needs no telling: what was dropped it for comes later.
            if change is not None:
                return position, change
        return self._written_meanwhile.popleft() if self._written_meanwhile else None

    def _expect(self, position: int, size: int, turn: Turn | None) -> None:
        now = self._now()
        before = self._under_way[-1][1] if self._under_way else now
        until = max(now + PATIENCE, before) + (size / BYTES_IN_A_SECOND if size > PIECE else 0.0)
        self._under_way.append((position, until, turn))
        if self._watch is None:
            self._watch = self._clock.callLater(until - now, self._look)

    def _look(self) -> None:
        self._watch = None
        if not self._under_way:
            return
        wait = self._under_way[0][1] - self._now()
        if wait > 0:
            self._watch = self._clock.callLater(wait, self._look)
        elif not self._is_suspect:
            self._is_suspect = True
            self._watch = self._clock.callLater(SECOND_LOOK, self._look)
        else:
            self._overdue()
