"""
Answers that are complete, and that their reader does not have yet: the end of a session must still find them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from pomerium_tx.proxy.transports import bytes_owed

MOST = 256
"""
Of one connection, which begins no further request while it keeps so many: none is let go to make room.
"""
FEW = 8
"""
So many may be kept although they are sent: to look takes as long as to read a request that has come before.
"""
FIRST_LOOK = 0.002
LAST_LOOK = 0.5
"""
Seconds between looks whether all is sent, for somebody who waits for that: nothing tells when the kernel has sent what
it has. Who reads is not kept waiting; after that the sweep over all connections looks.
"""


class Unsent(Protocol):
    """
    An answer that is complete, and that the kernel does not have yet.
    """

    def answer_sent(self) -> None:
        """
        The kernel has it, or the connection is lost.
        """


class UnsentAnswers:
    """
    Those of one connection, oldest first.
    """

    __slots__ = ("_answers", "_clock", "_look", "_then", "_transport", "written")

    def __init__(self, transport: Any, clock: IReactorTime) -> None:
        self._transport = transport
        self._clock = clock
        self.written = 0
        """
        How many bytes have been written to the connection.
        """
        # With how many of them each was complete.
        self._answers: dict[Unsent, int] = {}
        self._then: Callable[[], None] | None = None
        self._look: IDelayedCall | None = None

    def keep(self, answer: Unsent) -> None:
        """
        *answer* has been written: it is told once the kernel has all of it.
        """
        self._answers[answer] = self.written

    @property
    def are_few(self) -> bool:
        """
        Whether there is no need to look which of them are sent, but for somebody who asks.
        """
        return len(self._answers) < FEW

    @property
    def are_many(self) -> bool:
        """
        Whether there must be no more until these are sent.
        """
        return len(self._answers) >= MOST

    def is_owed(self, answer: Unsent) -> bool:
        """
        Whether *answer* is kept, and not all of it is sent: it still waits here for its reader, and may be dropped.
        """
        end = self._answers.get(answer)
        return end is not None and end > self.written - bytes_owed(self._transport)

    def owed(self) -> list[Unsent]:
        """
        The answers that are kept and not sent.
        """
        sent = self.written - bytes_owed(self._transport)
        return [answer for answer, end in self._answers.items() if end > sent]

    def when_sent(self, then: Callable[[], None]) -> None:
        """
        Call *then* when all answers that are kept are sent; at once, if that is so now, and not if the connection is
        lost before. Who waits already waits no more.
        """
        self.let_go_of_sent()
        if not self._answers:
            then()
            return
        self._then = then
        self._look_after(FIRST_LOOK)

    def let_go_of_sent(self) -> None:
        """
        Keep no answer that is sent.
        """
        if not self._answers:
            return
        owed = self.owed()
        if not owed:
            then = self._then
            self.let_go()
            if then is not None:
                then()
        elif len(owed) < len(self._answers):
            for answer in self._answers.keys() - owed:
                del self._answers[answer]
                answer.answer_sent()

    def let_go(self) -> None:
        """
        Nothing is kept any more, and nobody waits.
        """
        self._then = None
        if self._look is not None:
            self._look.cancel()
            self._look = None
        answers, self._answers = self._answers, {}
        for answer in answers:
            answer.answer_sent()

    def _look_after(self, pause: float) -> None:
        if self._look is None and pause <= LAST_LOOK:
            self._look = self._clock.callLater(pause, self._look_again, 2 * pause)

    def _look_again(self, pause: float) -> None:
        self._look = None
        self.let_go_of_sent()
        if self._then is not None:
            self._look_after(pause)
