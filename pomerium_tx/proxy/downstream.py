"""
One connection from a user agent: bytes in, decisions made, answers out in order.

1. `Incoming` keeps what has come, and reads it into events when asked. A read may hold several pipelined heads.
2. A head is canonicalised and decided when its exchange becomes the connection's current one, never earlier: an answer
   written before it may have been a sign-out.
3. Deciding, attaching the exchange to its session and starting it are one turn, before any wait.
4. What the decision says is carried out by an exchange (`exchange`, `local`) or answered at once (`refusals`).
5. After the answer the connection goes on, or closes so that the answer is not lost: half-close, read, discard.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IDelayedCall, IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pomerium_tx.authorize.verdict import Action
from pomerium_tx.eager import write_soon
from pomerium_tx.http11.heads import BadRequest, RequestHead
from pomerium_tx.http11.reader import EndOfMessage, RequestEvent
from pomerium_tx.policy.client import Client
from pomerium_tx.proxy.connection import (
    DOWNSTREAM_FULL,
    HELD,
    UPSTREAM_AWAITED,
    UPSTREAM_SLOW,
    Exchange,
    Proxy,
    RawExchange,
)
from pomerium_tx.proxy.deadlines import NEVER
from pomerium_tx.proxy.exchanges.beginnings import answer_at_once, answer_what_is_wrong, decided, exchange_for
from pomerium_tx.proxy.incoming import Incoming
from pomerium_tx.proxy.lingering import QUIET_SECONDS, Lingering
from pomerium_tx.proxy.patience import Patience
from pomerium_tx.proxy.transports import send_at_once
from pomerium_tx.proxy.unsent import UnsentAnswers

TURN = 16
"""
Requests of one connection that are begun in one turn of the reactor.
"""


@implementer(IPushProducer, IHalfCloseableProtocol)
class Downstream(TwistedProtocol):
    """
    A connection from a user agent.
    """

    unsent: UnsentAnswers

    def __init__(self, proxy: Proxy, *, peer: str) -> None:
        self.proxy = proxy
        self.peer = peer
        self._client = Client(address=peer)
        self.keep_alive = True
        self.is_full = False
        self._incoming = Incoming(proxy.limits)
        self._exchange: Exchange | None = None
        self._request_done = False
        self._tunnel: RawExchange | None = None
        self._pumping = False
        self._next_turn: IDelayedCall | None = None
        self._closing = False
        self._lingering: Lingering | None = None
        self.is_heard_out = False
        self._lost = False
        self._paused_for = 0
        self._patience = Patience(proxy)
        self.transport_in_use: Any = None

    # Exchanges call: see `Connection`.

    def write(self, answer: bytes) -> None:
        self.unsent.written += len(answer)
        write_soon(self.transport_in_use, answer)

    def write_after_cuts(self, answer: bytes) -> None:
        # Twisted closes what was aborted at the beginning of the reactor's next turn, and only then looks who can take
        # more.
        self.unsent.written += len(answer)
        self.transport_in_use.write(answer)

    def begin_again(self, head: RequestHead, *, is_complete: bool) -> None:
        self._exchange = None
        self.resume(UPSTREAM_AWAITED)
        # What stands behind it waits for its turn, also where it is answered at once.
        self._pumping = True
        try:
            self._begin(head, is_whole=is_complete)
            if is_complete and self._exchange is not None:
                self._exchange.request_ended()
        finally:
            self._pumping = False
        self._pump()

    def exchange_ended(self, *, reusable: bool) -> None:
        self._exchange = None
        if self._paused_for:
            self.resume(UPSTREAM_SLOW)
        # It may have been answered in the turn of its head, and have no content.
        if not self._request_done:
            self._request_done = self._incoming.take_end()
        if reusable and self._request_done and self.keep_alive and not self.proxy.draining:
            self._patience.answered()
            if self._incoming.has_begun or self._paused_for or self.is_heard_out:
                self._pump()
        else:
            self.close()

    def pause(self, why: int) -> None:
        if not self._paused_for and not self._lost:
            self.transport_in_use.pauseProducing()
        self._paused_for |= why

    def resume(self, why: int) -> None:
        was, self._paused_for = self._paused_for, self._paused_for & ~why
        if was & UPSTREAM_SLOW & why and not self._request_done and self._exchange is not None:
            # While the application was waited for, the user agent could not go on.
            self._patience.content_awaited()
        if was and not self._paused_for and not self._lost and not self.is_heard_out:
            self.transport_in_use.resumeProducing()

    def become_tunnel(self, tunnel: RawExchange) -> bytes:
        self._tunnel = tunnel
        early = self._incoming.take_raw()
        self._patience.request_came()
        self.resume(HELD | UPSTREAM_SLOW)
        return early

    def close(self) -> None:
        if self._closing or self._lost:
            return
        self._closing = True
        self._incoming.clear()
        self.transport_in_use.unregisterProducer()
        now = self.proxy.deadlines.now()
        self._lingering = Lingering(self.transport_in_use, now, heard_out=self.is_heard_out)
        self._patience.until = now + QUIET_SECONDS
        self.resume(~0)

    def abort(self) -> None:
        self._closing = True
        self._incoming.clear()
        if not self._lost:
            self.transport_in_use.abortConnection()

    # The transport calls.

    def connectionMade(self) -> None:
        self.transport_in_use = self.transport
        self.unsent = UnsentAnswers(self.transport, self.proxy.clock)
        send_at_once(self.transport_in_use)
        self.transport_in_use.registerProducer(self, True)
        self._patience.connected()
        self.proxy.deadlines.watch(self)

    def dataReceived(self, data: bytes) -> None:
        if self._closing:
            if self._lingering is not None:
                self._lingering.discard(len(data), self.proxy.deadlines.now())
        elif self._tunnel is not None:
            self._tunnel.from_user_agent(data)
        elif self._is_at_leisure() and (head := self._incoming.whole(data)) is not None:
            self._begin(head, is_whole=True)
            if self._exchange is not None:
                self._exchange.request_ended()
        else:
            is_wanted = not self._pumping and (self._exchange is None or not self._request_done)
            self._incoming.add(data, is_wanted=is_wanted)
            self._pump()
            if not self._incoming.is_empty and self._incoming.is_enough(self.proxy.max_pipelined):
                self.pause(HELD)

    def readConnectionLost(self) -> None:
        """
        The user agent sends nothing more; it may still read.
        """
        self.is_heard_out = True
        if self._closing:
            self.transport_in_use.loseConnection()
        elif self._tunnel is not None:
            self._tunnel.downstream_done()
        else:
            self._pump()

    def writeConnectionLost(self) -> None:
        """
        Our direction is closed: by us.
        """

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._lost:
            return
        self._lost = self._closing = True
        self.proxy.deadlines.forget(self)
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        self._incoming.clear()
        self.unsent.let_go()
        exchange, self._exchange = self._exchange, None
        tunnel, self._tunnel = self._tunnel, None
        if tunnel is not None:
            tunnel.downstream_lost()
        elif exchange is not None:
            exchange.downstream_lost()

    def pauseProducing(self) -> None:
        """
        The transport's buffer towards the user agent is full.
        """
        self.is_full = True
        if self._tunnel is not None:
            self._tunnel.downstream_full()
        elif self._exchange is not None:
            self._exchange.downstream_full()

    def resumeProducing(self) -> None:
        """
        The buffer is empty again.
        """
        self.is_full = False
        if self._tunnel is not None:
            self._tunnel.downstream_ready()
        elif self._exchange is not None:
            self._exchange.downstream_ready()
        self.resume(DOWNSTREAM_FULL)
        self._pump()

    def stopProducing(self) -> None:
        """
        The connection is lost: `connectionLost` says so.
        """

    def check_deadlines(self, now: float) -> None:
        """
        End what takes too long.
        """
        self.unsent.let_go_of_sent()
        exchange, patience = self._exchange, self._patience
        if exchange is not None and exchange.deadline < now:
            exchange.deadline = NEVER
            exchange.deadline_passed()
        elif patience.is_over(now, upstream_is_slow=bool(self._paused_for & UPSTREAM_SLOW)):
            patience.until = NEVER
            if self._lingering is not None:
                patience.until = self._lingering.check(now, self.proxy.times.idle)
            elif exchange is not None:
                problem = BadRequest(408, "The request was not sent in time.")
                if patience.request_until < now:
                    exchange.request_failed(problem)
                else:
                    patience.until = patience.request_until
                    exchange.request_stalled(problem)
            elif self._incoming.mid_head:
                self._refuse(BadRequest(408, "The head of the request was not sent in time."))
            else:
                self.close()

    # Inside.

    def _pump(self) -> None:
        if self._pumping or self._next_turn is not None:
            return
        self._pumping = True
        begun = 0
        try:
            while not self._closing and self._tunnel is None:
                exchange = self._exchange
                if exchange is None:
                    if (self.is_full or self.unsent.are_many) and self._has_to_wait():
                        break
                elif self._request_done:
                    break
                event = self._incoming.next()
                if event is None:
                    self._caught_up()
                    break
                if type(event) is RequestHead:
                    self._begin(event)
                    exchange = self._exchange
                    if exchange is not None and self._incoming.take_end():
                        self._request_ended(exchange)
                    begun += 1
                    if begun >= TURN:
                        self._next_turn = self.proxy.clock.callLater(0, self._pump_again)
                        return
                else:
                    self._go_on(event, exchange)
        finally:
            self._pumping = False
        if self.is_heard_out and self._incoming.is_empty:
            self._end_of_requests()

    def _is_at_leisure(self) -> bool:
        """
        Whether what comes now may be acted on at once, if it can be: nothing is under way, and nothing is held back.
        """
        return not (
            self._exchange is not None
            or self._pumping
            or self._next_turn is not None
            or self._paused_for
            or self.is_full
            or self.unsent.are_many
        )

    def _has_to_wait(self) -> bool:
        """
        Whether the user agent, who does not read the answers, is asked for no further requests now.
        """
        self.pause(DOWNSTREAM_FULL)
        if self.unsent.are_many:
            self.unsent.when_sent(self.resumeProducing)
        return self.is_full or self.unsent.are_many

    def _caught_up(self) -> None:
        """
        There is nothing to do until something arrives.
        """
        if self._paused_for & HELD:
            self.resume(HELD)
        if self._exchange is None and self._incoming.mid_head:
            self._patience.head_began()

    def _end_of_requests(self) -> None:
        """
        Nothing more comes, and nothing waits.
        """
        if self._closing or self._tunnel is not None:
            return
        if self._exchange is not None:
            self._exchange.downstream_done()
        elif self._incoming.mid_head:
            self._refuse(BadRequest(400, "incomplete request"))
        else:
            self.close()

    def _pump_again(self) -> None:
        self._next_turn = None
        self._pump()

    def _go_on(self, event: RequestEvent, exchange: Exchange | None) -> None:
        """
        What follows a head.
        """
        if isinstance(event, BadRequest):
            if exchange is None:
                self._refuse(event)
            else:
                exchange.request_failed(event)
        elif exchange is None:
            # The end of a request that was answered at its head.
            assert event is EndOfMessage.END, event
        elif event is EndOfMessage.END:
            self._request_ended(exchange)
        else:
            assert isinstance(event, bytes), event
            self._patience.content_awaited()
            exchange.request_content(event)

    def _request_ended(self, exchange: Exchange) -> None:
        self._request_done = True
        self._patience.request_came()
        exchange.request_ended()

    def _begin(self, head: RequestHead, *, is_whole: bool = False) -> None:
        """
        :param is_whole: Nothing follows the head, and nobody else will say so.
        """
        proxy = self.proxy
        if not self.unsent.are_few:
            self.unsent.let_go_of_sent()
        # What follows a handshake that is not granted was never meant to be read as HTTP.
        self.keep_alive = head.keep_alive and head.upgrade is None
        self._request_done = is_whole
        self._patience.head_came(head)
        try:
            asked = decided(proxy, head, self._client)
        except BadRequest as problem:
            self._refuse(problem, head)
            return
        exchange = exchange_for(self, asked)
        if exchange is None:
            proxy.passed(asked)
            answer_at_once(self, asked)
            if self.keep_alive:
                self._patience.answered()
            else:
                self.close()
            return
        if asked.verdict.action is Action.HOLD and head.has_content:
            # None of it is read meanwhile.
            self._request_done = True
            self.pause(UPSTREAM_AWAITED)
        self._exchange = exchange
        exchange.start()

    def _refuse(self, problem: BadRequest, head: RequestHead | None = None) -> None:
        """
        Answer what cannot be understood, and close.
        """
        answer_what_is_wrong(self, problem, head)
        self.close()
