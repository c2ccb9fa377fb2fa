"""
One connection from a user agent: bytes in, decisions made, answers out in order.

1. `RequestReader` turns bytes into events. A read may hold several pipelined heads; they wait in a queue.
2. A head is canonicalised and decided when its exchange becomes the connection's current one, never earlier: an answer
   written before it may have been a sign-out.
3. Deciding, attaching the exchange to its session and starting it are one turn, before any wait.
4. What the decision says is carried out by an exchange (`exchange`, `local`) or answered at once (`refusals`).
5. After the answer the connection goes on, or closes so that the answer is not lost: half-close, read, discard.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IPushProducer
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pomerium_tx.authorize.verdict import Action
from pomerium_tx.http11.canonical import canonicalise
from pomerium_tx.http11.heads import BadRequest, RequestHead
from pomerium_tx.http11.reader import EndOfMessage, RequestEvent, RequestReader, Trailing
from pomerium_tx.proxy.asked import Asked
from pomerium_tx.proxy.connection import (
    DOWNSTREAM_FULL,
    HELD,
    UPSTREAM_AWAITED,
    UPSTREAM_FULL,
    Exchange,
    Proxy,
    RawExchange,
)
from pomerium_tx.proxy.deadlines import NEVER
from pomerium_tx.proxy.exchange import ProxiedExchange
from pomerium_tx.proxy.held import Held
from pomerium_tx.proxy.local import LocalExchange
from pomerium_tx.proxy.refusals import content_size
from pomerium_tx.proxy.transports import can_half_close, owes_bytes, send_at_once
from pomerium_tx.proxy.unsent import Unsent, UnsentAnswers

MOST_HELD = 65_536
"""
Bytes that wait unread before the connection is paused.
"""
PIECE = 16_384
"""
Bytes that are read at once: what a small request costs in memory is much more than its bytes.
"""
TURN = 16
"""
Requests of one connection that are begun in one turn of the reactor.
"""
LINGER_SECONDS = 2.0
LINGER_BYTES = 1 << 20
"""
How long, and for how many bytes, a closing connection still reads so that the answer is not lost in a reset.
"""


@implementer(IPushProducer)
class Downstream(TwistedProtocol):
    """
    A connection from a user agent.
    """

    def __init__(self, proxy: Proxy, *, peer: str, open_connections: set[Downstream]) -> None:
        self.proxy = proxy
        self.peer = peer
        self._open_connections = open_connections
        self.keep_alive = True
        self.is_full = False
        self._reader = RequestReader(proxy.limits)
        self._events: deque[RequestEvent] = deque()
        self._held = Held()
        self._exchange: Exchange | None = None
        self._request_done = False
        self._tunnel: RawExchange | None = None
        self._pumping = False
        self._begun = 0
        self._next_turn: IDelayedCall | None = None
        self._closing = False
        self._closing_since = 0.0
        self._lost = False
        self._lingered = 0
        self._unsent = UnsentAnswers()
        self._paused_for = 0
        self._deadline = NEVER
        self._transport: Any = None

    # Exchanges call: see `Connection`.

    def write(self, answer: bytes) -> None:
        self._transport.write(answer)

    def exchange_ended(self, *, reusable: bool) -> None:
        self._exchange = None
        self.resume(UPSTREAM_FULL | UPSTREAM_AWAITED)
        if not self._request_done and self._events and self._events[0] is EndOfMessage.END:
            # It was answered in the turn of its head, and has no content.
            self._events.popleft()
            self._request_done = True
        if reusable and self._request_done and self.keep_alive and not self.proxy.draining:
            self._deadline = self.proxy.deadlines.now() + self.proxy.times.idle
            self._pump()
        else:
            self.close()

    def keep_until_sent(self, exchange: Unsent) -> None:
        self._unsent.keep(exchange)

    def when_sent(self, then: Callable[[], None]) -> None:
        self._unsent.when_sent(self._transport, self.proxy.clock, then)

    def holds_answer(self) -> bool:
        return not self._lost and owes_bytes(self._transport)

    def pause(self, why: int) -> None:
        if not self._paused_for and not self._lost:
            self._transport.pauseProducing()
        self._paused_for |= why

    def resume(self, why: int) -> None:
        was, self._paused_for = self._paused_for, self._paused_for & ~why
        if was & (UPSTREAM_FULL | UPSTREAM_AWAITED) & why and not self._request_done and self._exchange is not None:
            # While the application was waited for, the user agent could not go on.
            self._deadline = self.proxy.deadlines.now() + self.proxy.times.body
        if was and not self._paused_for and not self._lost:
            self._transport.resumeProducing()

    def become_tunnel(self, tunnel: RawExchange) -> bytes:
        self._tunnel = tunnel
        early = b"".join(event.content for event in self._events if isinstance(event, Trailing))
        self._events.clear()
        self._deadline = NEVER
        early += self._held.take_all()
        self.resume(HELD | UPSTREAM_AWAITED)
        return early

    def close(self) -> None:
        if self._closing or self._lost:
            return
        self._closing = True
        self._events.clear()
        self._held.clear()
        self._transport.unregisterProducer()
        self._closing_since = self.proxy.deadlines.now()
        self._deadline = self._closing_since + LINGER_SECONDS
        if can_half_close(self._transport):
            self._transport.loseWriteConnection()
            self.resume(~0)
        else:
            self._transport.loseConnection()

    def abort(self) -> None:
        self._closing = True
        self._events.clear()
        self._held.clear()
        if not self._lost:
            self._transport.abortConnection()

    @property
    def transport_in_use(self) -> Any:
        return self._transport

    # The transport calls.

    def connectionMade(self) -> None:
        self._transport = self.transport
        send_at_once(self._transport)
        self._transport.registerProducer(self, True)
        self._deadline = self.proxy.deadlines.now() + self.proxy.times.head
        self.proxy.deadlines.watch(self)
        self._open_connections.add(self)

    def dataReceived(self, data: bytes) -> None:
        if self._closing:
            self._lingered += len(data)
            if self._lingered > LINGER_BYTES:
                self.abort()
        elif self._tunnel is not None:
            self._tunnel.from_user_agent(data)
        else:
            self._held.add(data)
            self._pump()
            if self._held.size > MOST_HELD:
                self.pause(HELD)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._lost:
            return
        self._lost = self._closing = True
        self.proxy.deadlines.forget(self)
        self._open_connections.discard(self)
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        self._events.clear()
        self._held.clear()
        exchange, self._exchange = self._exchange, None
        if self._tunnel is not None:
            self._tunnel.downstream_lost()
        elif exchange is not None:
            exchange.downstream_lost()
        self._unsent.let_go()

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
        self._unsent.let_go_of_sent(self._transport)
        exchange = self._exchange
        if exchange is not None and exchange.deadline < now:
            exchange.deadline = NEVER
            exchange.deadline_passed()
        elif self._deadline < now and not self._paused_for & (UPSTREAM_FULL | UPSTREAM_AWAITED):
            self._deadline = NEVER
            if self._closing:
                self._end_lingering(now)
            elif exchange is not None:
                exchange.request_failed(BadRequest(408, "The request was not sent in time."))
            elif self._reader.mid_head:
                self._refuse(BadRequest(408, "The head of the request was not sent in time."))
            else:
                self.close()

    def close_if_idle(self) -> None:
        """
        Close unless an answer is under way.
        """
        if self._exchange is None:
            self.close()

    def recheck(self) -> None:
        """
        Cut what is being answered to nobody, if its request would not be let through any more.
        """
        exchange = self._exchange
        if isinstance(exchange, ProxiedExchange) and exchange.is_nobodys and not exchange.is_admitted():
            exchange.cut(None)

    # Inside.

    def _pump(self) -> None:
        if self._pumping or self._next_turn is not None:
            return
        self._pumping = True
        self._begun = 0
        try:
            while not self._closing and self._tunnel is None and self._next():
                if self._begun >= TURN:
                    self._next_turn = self.proxy.clock.callLater(0, self._pump_again)
                    return
        finally:
            self._pumping = False

    def _pump_again(self) -> None:
        self._next_turn = None
        self._pump()

    def _next(self) -> bool:
        """
        Take one step; `False` when there is nothing to do until something arrives.
        """
        exchange = self._exchange
        if exchange is not None and self._request_done:
            return False
        if exchange is None and (self.is_full or self._unsent.are_many):
            # Who does not read the answers is asked for no further requests.
            self.pause(DOWNSTREAM_FULL)
            if self._unsent.are_many:
                self.when_sent(self.resumeProducing)
            return not (self.is_full or self._unsent.are_many)
        if not self._events:
            piece = self._held.take(PIECE)
            if piece:
                if self._held.size <= MOST_HELD:
                    self.resume(HELD)
                self._events.extend(self._reader.feed(piece))
                return True
            if exchange is None and self._reader.mid_head:
                # The head's time runs from its first byte, and no later byte prolongs it.
                self._deadline = min(self._deadline, self.proxy.deadlines.now() + self.proxy.times.head)
            return False
        event = self._events.popleft()
        if type(event) is RequestHead:
            self._begin(event)
        elif isinstance(event, BadRequest):
            if exchange is None:
                self._refuse(event)
            else:
                exchange.request_failed(event)
        elif isinstance(event, Trailing):
            self._events.extend(self._reader.feed(event.content))
        elif exchange is None:
            # The end of a request that was answered at its head.
            assert event is EndOfMessage.END, event
        elif event is EndOfMessage.END:
            self._request_done = True
            self._deadline = NEVER
            exchange.request_ended()
        else:
            assert isinstance(event, bytes), event
            self._deadline = self.proxy.deadlines.now() + self.proxy.times.body
            exchange.request_content(event)
        return True

    def _begin(self, head: RequestHead) -> None:
        proxy = self.proxy
        self._begun += 1
        self._unsent.let_go_of_sent(self._transport)
        self.keep_alive = head.keep_alive
        self._request_done = False
        self._deadline = proxy.deadlines.now() + proxy.times.body if head.has_content else NEVER
        try:
            canonical = canonicalise(head, normalize_path=proxy.normalize_path, merge_slashes=proxy.merge_slashes)
        except BadRequest as problem:
            self._refuse(problem, head)
            return
        request_id = str(uuid.uuid4())
        verdict = proxy.check(head, canonical, self.peer, request_id)
        asked = Asked(head, canonical, verdict, request_id, self.peer, proxy.deadlines.now())
        if verdict.action is Action.PROCEED:
            assert verdict.route is not None
            self._exchange = proxied = ProxiedExchange(self, asked, proxy.resources(verdict.route))
            proxied.start()
        elif verdict.action is Action.OWN_PATH:
            self._exchange = local = LocalExchange(self, asked)
            local.start()
        else:
            proxy.passed(asked)
            self._answer(asked)

    def _answer(self, asked: Asked) -> None:
        """
        Answer at once; a request with content closes the connection, since its content is not read.
        """
        proxy = self.proxy
        self.keep_alive = self.keep_alive and not asked.head.has_content and not proxy.draining
        status, refusal = proxy.refusals.for_verdict(asked, asked.verdict, close=not self.keep_alive)
        self.write(refusal)
        proxy.log_answer(asked, status=status, size=content_size(refusal), details=asked.verdict.reason)
        if self.keep_alive:
            self._deadline = proxy.deadlines.now() + proxy.times.idle
        else:
            self.close()

    def _refuse(self, problem: BadRequest, head: RequestHead | None = None) -> None:
        """
        Answer what cannot be understood, and close.
        """
        request_id = str(uuid.uuid4())
        refusal = self.proxy.refusals.bad_request(problem, head, request_id)
        self.write(refusal)
        self.proxy.log_bad_request(problem, head, request_id=request_id, peer=self.peer, size=content_size(refusal))
        self.close()

    def _end_lingering(self, now: float) -> None:
        if not owes_bytes(self._transport):
            if can_half_close(self._transport):
                self._transport.loseConnection()
            else:
                # TLS waits for the peer's close_notify, which may never come.
                self.abort()
        elif now < self._closing_since + self.proxy.times.idle:
            self._deadline = now + LINGER_SECONDS
        else:
            self.abort()
