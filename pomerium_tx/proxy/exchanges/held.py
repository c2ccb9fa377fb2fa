"""
A request that waits for whether the bearer token that it presents may be believed.

Nothing of it is sent on meanwhile, and no more of it is read. Then it is decided like any other, in the turn in which
it goes on: what is known of the token counts as it is in that very moment.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from pomerium_tx.http11.heads import BadRequest
from pomerium_tx.proxy.asked import Asked
from pomerium_tx.proxy.connection import Connection
from pomerium_tx.proxy.deadlines import NEVER
from pomerium_tx.proxy.exchanges.refusals import content_size

HELD_SECONDS = 15.0
"""
How long a request waits at most.
"""
_RETRY_AFTER = 2
_NOT_NOW = "The token cannot be verified just now. Please try again in a moment."


class HeldExchange:
    """
    A request that waits: see `pomerium_tx.proxy.connection.Exchange`.
    """

    def __init__(self, connection: Connection, asked: Asked) -> None:
        self.deadline = NEVER
        self._connection = connection
        self._asked = asked
        self._is_complete = False
        self._waiting: Deferred[None] | None = None
        self._next_turn: IDelayedCall | None = None

    def start(self) -> None:
        """
        Begin to wait.
        """
        proxy, asked = self._connection.proxy, self._asked
        self.deadline = proxy.deadlines.now() + HELD_SECONDS
        settle = asked.verdict.settle
        assert settle is not None
        user_agent = (asked.head.get(b"user-agent") or b"").decode("latin-1")
        self._waiting = Deferred.fromCoroutine(settle(asked.peer, user_agent))
        self._waiting.addCallbacks(self._settled, self._not_now)

    def request_content(self, content: bytes) -> None:
        raise AssertionError("no content is read while a request is held")

    def request_ended(self) -> None:
        self._is_complete = True

    def request_failed(self, problem: BadRequest) -> None:
        self._refuse(problem.status, problem.reason)

    def request_stalled(self, problem: BadRequest) -> None:
        self._refuse(problem.status, problem.reason)

    def downstream_full(self) -> None:
        """
        Nothing is being sent.
        """

    def downstream_ready(self) -> None:
        """
        Nothing is being sent.
        """

    def downstream_done(self) -> None:
        """
        Whoever has said all may still wait for the answer.
        """

    def downstream_lost(self) -> None:
        self._stop()
        self._connection.proxy.log_answer(self._asked, status=0, size=0, details="downstream_closed")

    def deadline_passed(self) -> None:
        self._refuse(503, _NOT_NOW, retry_after=_RETRY_AFTER)

    def _settled(self, result: None) -> None:
        self._waiting = None
        # Perhaps in the very turn in which the connection begins to wait.
        self._next_turn = self._connection.proxy.clock.callLater(0, self._go_on)

    def _go_on(self) -> None:
        self._next_turn = None
        self._connection.begin_again(self._asked.head, is_complete=self._is_complete)

    def _not_now(self, reason: Failure) -> None:
        self._waiting = None
        if not isinstance(reason.value, CancelledError):
            self._next_turn = self._connection.proxy.clock.callLater(0, self.deadline_passed)

    def _stop(self) -> None:
        self.deadline = NEVER
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.cancel()
        next_turn, self._next_turn = self._next_turn, None
        if next_turn is not None and next_turn.active():
            next_turn.cancel()

    def _refuse(self, status: int, message: str, *, retry_after: int | None = None) -> None:
        connection = self._connection
        self._stop()
        connection.keep_alive = False
        refusal = connection.proxy.refusals.for_status(
            self._asked, status, message, close=True, retry_after=retry_after
        )
        connection.proxy.log_answer(self._asked, status=status, size=content_size(refusal), details=message)
        connection.write(refusal)
        connection.exchange_ended(reusable=False)
