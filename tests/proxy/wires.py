"""
One exchange between its two ends: the states it can be in, and what can happen to it from outside.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from twisted.internet.error import ConnectionDone

from pomerium_tx.proxy.exchanges.websocket import accept_value
from tests.doubles.peers import PatientAgent, PatientPeer, Peer, request
from tests.proxy.exchanges.test_tunnel import GRANTED, HANDSHAKE, KEY
from tests.proxy.harness import PROXY, UPSTREAM, ProxyTestCase

HOST = "app.example.com"
POST = request("POST", "/", HOST, "Who: alice", "Transfer-Encoding: chunked")
PIECE = b"2\r\nxy\r\n"
END = b"0\r\n\r\n"
BEGUN = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
UNSENT = 30_000
"""
Little enough to be kept for a user agent that does not read.
"""


class Wires:
    """
    Both ends of one exchange, and what can happen to them.
    """

    def __init__(self, test: ProxyTestCase) -> None:
        self.test = test
        agent = PatientAgent.connect(test.network, *PROXY)
        assert isinstance(agent, PatientAgent)
        self.agent = agent
        self._made = len(test.upstreams.peers)
        self.asks_more = True
        """
        Whether the request is not complete yet.
        """

    @property
    def upstream(self) -> Peer | None:
        """
        The application's end, if there is one.
        """
        peers = self.test.upstreams.peers
        return peers[-1] if len(peers) > self._made else None

    def say(self, *said: bytes) -> None:
        """
        The user agent says something.
        """
        self.agent.say(b"".join(said))
        self.test.settle()

    def answer(self, said: bytes) -> None:
        """
        The application says something, if it can.
        """
        if self.upstream is not None:
            self.upstream.say(said)

    def seen(self) -> str:
        """
        The final answers and how the user agent's connection is; how the application's is; how many exchanges the
        session has.
        """
        agent, upstream = self.agent, self.upstream
        statuses = [found.decode() for found in re.findall(rb"HTTP/1\.1 (101|[2-5]\d\d) ", agent.received)]
        state = "open"
        if agent.lost is not None:
            state = "closed" if agent.lost.check(ConnectionDone) else "reset"
        elif agent.heard_out:
            state = "closed"
        application = "none"
        if upstream is not None:
            assert isinstance(upstream, PatientPeer)
            application = "used"
            if "idle=1" in repr(self.test.pool):
                application = "pooled"
            elif upstream.lost is not None:
                application = "closed" if upstream.lost.check(ConnectionDone) else "reset"
            elif upstream.heard_out:
                application = "closed"
        attached = len(self.test.registry.exchanges(self.test.session.id))
        return f"{' '.join([*statuses, state])} | {application} | {attached}"


# The states.


def connecting(wires: Wires) -> None:
    """
    Content is coming, and there is no connection to the application yet.
    """
    wires.test.network.hold(*UPSTREAM)
    wires.say(POST, PIECE)


def connecting_whole(wires: Wires) -> None:
    """
    The request is complete, and there is no connection to the application yet.
    """
    connecting(wires)
    wires.asks_more = False
    wires.say(END)


def sending(wires: Wires) -> None:
    """
    Content is coming, and is passed on.
    """
    wires.say(POST, PIECE)


def waiting(wires: Wires) -> None:
    """
    The request is complete, and not answered.
    """
    wires.asks_more = False
    wires.say(POST, PIECE, END)


def early(wires: Wires) -> None:
    """
    The answer has begun while content is coming.
    """
    sending(wires)
    wires.answer(BEGUN)


def answering(wires: Wires) -> None:
    """
    The answer has begun.
    """
    waiting(wires)
    wires.answer(BEGUN)


def unsent(wires: Wires) -> None:
    """
    The answer is complete, and the user agent does not take it.
    """
    waiting(wires)
    wires.agent.transport.peer.window = 1_000
    wires.agent.transport.pauseProducing()
    wires.answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % UNSENT + b"x" * UNSENT)


def tunnel(wires: Wires) -> None:
    """
    A WebSocket.
    """
    wires.asks_more = False
    wires.say(request("GET", "/ws", HOST, *HANDSHAKE))
    wires.answer(GRANTED % accept_value(KEY.encode()))


def over(wires: Wires) -> None:
    """
    The answer has arrived.
    """
    waiting(wires)
    wires.answer(OK)


# The events.


def more(wires: Wires) -> None:
    """
    More content, or another request.
    """
    wires.agent.say(PIECE if wires.asks_more else request("GET", "/next"))


def end(wires: Wires) -> None:
    """
    The end of the content.
    """
    if wires.asks_more:
        wires.agent.say(END)


def garbage(wires: Wires) -> None:
    """
    What is neither content nor a request.
    """
    wires.agent.say(b"\0\r\n")


def agent_done(wires: Wires) -> None:
    """
    The user agent closes its direction.
    """
    wires.agent.transport.loseWriteConnection()


def agent_gone(wires: Wires) -> None:
    """
    The user agent resets the connection.
    """
    wires.agent.transport.abortConnection()


def agent_full(wires: Wires) -> None:
    """
    The user agent takes no more.
    """
    wires.agent.transport.peer.protocol.pauseProducing()


def agent_ready(wires: Wires) -> None:
    """
    The user agent takes no more for a while.
    """
    agent_full(wires)
    wires.agent.transport.peer.protocol.resumeProducing()


def accepts(wires: Wires) -> None:
    """
    A connection that was awaited is there.
    """
    wires.test.network.accept()


def refuses(wires: Wires) -> None:
    """
    A connection that was awaited is refused.
    """
    wires.test.network.refuse()


def interim(wires: Wires) -> None:
    """
    The application gives an interim answer.
    """
    wires.answer(b"HTTP/1.1 103 Early Hints\r\n\r\n")


def begins(wires: Wires) -> None:
    """
    The application begins its answer.
    """
    wires.answer(BEGUN)


def completes(wires: Wires) -> None:
    """
    The application gives its answer, or the rest of it.
    """
    wires.answer(b"cd" if wires.agent.received else BEGUN + b"cd")


def nonsense(wires: Wires) -> None:
    """
    The application says what is no answer.
    """
    wires.answer(b"\0\r\n\r\n")


def upstream_done(wires: Wires) -> None:
    """
    The application closes its direction.
    """
    if wires.upstream is not None:
        wires.upstream.transport.loseWriteConnection()


def upstream_gone(wires: Wires) -> None:
    """
    The application resets the connection.
    """
    if wires.upstream is not None:
        wires.upstream.transport.abortConnection()


def upstream_full(wires: Wires) -> None:
    """
    The application takes no more.
    """
    producer = None if wires.upstream is None else wires.upstream.transport.peer._producer
    if producer is not None:
        producer.pauseProducing()


def upstream_ready(wires: Wires) -> None:
    """
    The application takes no more for a while.
    """
    upstream_full(wires)
    producer = None if wires.upstream is None else wires.upstream.transport.peer._producer
    if producer is not None:
        producer.resumeProducing()


def time(wires: Wires) -> None:
    """
    Every time limit passes.
    """
    wires.test.network.advance(700)


def cut(wires: Wires) -> None:
    """
    The session ends.
    """
    wires.test.end_session()


def drains(wires: Wires) -> None:
    """
    The service stops.
    """
    wires.test.proxy.draining = True
    wires.test.factory.close_idle()


STATES: tuple[Callable[[Wires], None], ...] = (
    connecting,
    connecting_whole,
    sending,
    waiting,
    early,
    answering,
    unsent,
    tunnel,
    over,
)
EVENTS: tuple[Callable[[Wires], None], ...] = (
    more,
    end,
    garbage,
    agent_done,
    agent_gone,
    agent_full,
    agent_ready,
    accepts,
    refuses,
    interim,
    begins,
    completes,
    nonsense,
    upstream_done,
    upstream_gone,
    upstream_full,
    upstream_ready,
    time,
    cut,
    drains,
)
