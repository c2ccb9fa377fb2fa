"""
Tests of `pomerium_tx.proxy.upstreams.pool`.
"""

from __future__ import annotations

import errno
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectError, ConnectionRefusedError, DNSLookupError, TimeoutError
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from pomerium_tx.http11.heads import HeadLimits, ResponseHead
from pomerium_tx.proxy.deadlines import Deadlines
from pomerium_tx.proxy.upstreams.places import Descriptors, PlaceLimits, Places
from pomerium_tx.proxy.upstreams.pool import HANDSHAKE_SECONDS, IDLE_SECONDS, MOST_IDLE, Pool
from pomerium_tx.proxy.upstreams.upstream import UpstreamConnection
from pomerium_tx.tls.downstream import DownstreamContexts
from pomerium_tx.tls.upstream import client_options
from tests.doubles.network import Network
from tests.doubles.peers import PeerFactory
from tests.tls.authorities import Authority

UPSTREAM = ("upstream.test", 8443)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Exchange:
    """
    An exchange that asks one question.
    """

    def __init__(self, pool: Pool, *, fresh: bool = False) -> None:
        self.connection: UpstreamConnection | None = None
        self.unreachable: str | None = None
        self.failed: str | None = None
        self.busy: str | None = None
        self.ended = False
        self.waiting = pool.acquire(self, b"GET", fresh=fresh)

    def upstream_ready(self, connection: UpstreamConnection) -> None:
        self.connection = connection
        connection.write(b"GET / HTTP/1.1\r\nHost: upstream.test\r\n\r\n")
        connection.request_sent()

    def upstream_unreachable(self, reason: str) -> None:
        self.unreachable = reason

    def upstream_busy(self, reason: str) -> None:
        self.busy = reason

    def response_began(self, head: ResponseHead) -> None:
        pass

    def response_content(self, content: bytes) -> None:
        pass

    def response_read(self) -> None:
        pass

    def response_ended(self) -> None:
        self.ended = True

    def response_failed(self, reason: str, *, untouched: bool) -> None:
        self.failed = reason

    def tunnelled(self, passed: bytes) -> None:
        raise AssertionError("there is no tunnel")

    def upstream_closed(self) -> None:
        raise AssertionError("there is no tunnel")

    def pause_request(self) -> None:
        pass

    def resume_request(self) -> None:
        pass


@implementer(IStreamClientEndpoint)
class Failing:
    """
    An endpoint that cannot connect.
    """

    def __init__(self, problem: Exception) -> None:
        self._problem = problem

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        return fail(self._problem)


@implementer(IStreamClientEndpoint)
class TlsEndpoint:
    """
    Another endpoint, with TLS.
    """

    def __init__(self, inner: Any, options: IOpenSSLClientConnectionCreator, clock: Clock) -> None:
        self._inner = inner
        self._options = options
        self._clock = clock

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        factory = TLSMemoryBIOFactory(self._options, True, protocolFactory, self._clock)
        connecting: Deferred[Any] = self._inner.connect(factory)
        return connecting.addCallback(lambda protocol: protocol.wrappedProtocol)


class PoolTestCase(SynchronousTestCase):
    """
    A pool in front of one upstream.
    """

    def setUp(self) -> None:
        self.network = Network(Clock())
        self.clock = self.network.clock
        self.deadlines = Deadlines(self.clock, self.clock.seconds)
        self.deadlines.start()
        self.upstreams = PeerFactory()
        self.network.listen(*UPSTREAM, self.upstreams)
        self.pool = self.make(self.network.endpoint(*UPSTREAM))

    def make(self, endpoint: Any, places: Places | None = None) -> Pool:
        """
        A pool for *endpoint*.
        """
        return Pool(endpoint, limits=HeadLimits(), deadlines=self.deadlines, places=places)

    def answer(self, index: int = -1, response: bytes = OK) -> None:
        """
        One of the upstream's connections answers.
        """
        self.network.settle()
        self.upstreams.peers[index].say(response)
        self.network.settle()

    @property
    def open(self) -> int:
        """
        How many connections the upstream sees.
        """
        return len([peer for peer in self.upstreams.peers if peer.lost is None])


class ReuseTests(PoolTestCase):
    """
    Idle connections.
    """

    def test_reused(self) -> None:
        """
        A connection that has answered well serves the next exchange, at once.
        """
        first = Exchange(self.pool)
        self.assertEqual(repr(self.pool), "<Pool idle=0 in_use=1>")
        self.answer()
        self.assertEqual((first.ended, repr(self.pool)), (True, "<Pool idle=1 in_use=0>"))
        second = Exchange(self.pool)
        self.assertIsNone(second.waiting)
        self.assertIs(second.connection, first.connection)
        self.answer()
        self.assertEqual((second.ended, self.network.connections), (True, 1))

    def test_fresh(self) -> None:
        """
        Who wants a new connection gets one, although another is idle.
        """
        Exchange(self.pool)
        self.answer()
        Exchange(self.pool, fresh=True)
        self.assertEqual(self.network.connections, 2)

    def test_newest_first(self) -> None:
        """
        The connection used last is taken first, so that the others grow old.
        """
        exchanges = [Exchange(self.pool), Exchange(self.pool)]
        self.answer(0)
        self.answer(1)
        self.assertIs(Exchange(self.pool).connection, exchanges[1].connection)

    def test_grows_old(self) -> None:
        """
        A connection that nobody wants for some time is closed.
        """
        Exchange(self.pool)
        self.answer()
        self.network.advance(IDLE_SECONDS - 2)
        self.assertEqual(self.open, 1)
        self.network.advance(4)
        self.assertEqual((self.open, repr(self.pool)), (0, "<Pool idle=0 in_use=0>"))

    def test_lost_while_idle(self) -> None:
        """
        A connection that the upstream closes is not given to anybody.
        """
        Exchange(self.pool)
        self.answer()
        self.upstreams.last.transport.loseConnection()
        self.network.settle()
        self.assertEqual(repr(self.pool), "<Pool idle=0 in_use=0>")

    def test_speaks_unasked(self) -> None:
        """
        An idle upstream that says something would be answering the next request: its connection is closed.
        """
        Exchange(self.pool)
        self.answer()
        self.answer(response=OK)
        self.assertEqual((self.open, repr(self.pool)), (0, "<Pool idle=0 in_use=0>"))

    def test_doubtful(self) -> None:
        """
        A connection is kept only if nothing about its answer leaves a doubt.
        """
        for response in (OK + b"x", OK.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"), b"HTTP/1.0 200 OK\r\n\r\n"):
            with self.subTest(response):
                Exchange(self.pool)
                self.answer(response=response)
                self.upstreams.last.transport.loseConnection()
                self.network.settle()
                self.assertEqual((self.open, repr(self.pool)), (0, "<Pool idle=0 in_use=0>"))

    def test_most_idle(self) -> None:
        """
        Only so many idle connections are kept.
        """
        for _ in range(MOST_IDLE + 2):
            Exchange(self.pool, fresh=True)
        for index in range(MOST_IDLE + 2):
            self.answer(index)
        self.assertEqual((self.open, repr(self.pool)), (MOST_IDLE, f"<Pool idle={MOST_IDLE} in_use=0>"))

    def test_close(self) -> None:
        """
        Closing the pool closes what is idle and what is in use, and whoever uses it hears no more of it.
        """
        idle, used = Exchange(self.pool), Exchange(self.pool)
        self.answer(0)
        self.pool.close()
        self.network.advance(2)
        self.assertEqual(self.open, 0)
        self.assertEqual((idle.failed, used.failed), (None, None))

    def test_retire(self) -> None:
        """
        A pool that has had its day closes what is idle, lets what is in use finish, and keeps it no longer.
        """
        idle, used = Exchange(self.pool), Exchange(self.pool)
        self.answer(0)
        self.pool.retire()
        self.network.advance(2)
        self.assertEqual(self.open, 1)
        self.answer(1)
        self.network.advance(2)
        self.assertEqual(self.open, 0)
        self.assertEqual((idle.failed, used.failed), (None, None))


class PlacesTests(PoolTestCase):
    """
    As many connections as there may be, and those who wait for one.
    """

    def setUp(self) -> None:
        super().setUp()
        self.places = Places(
            "http://upstream.test",
            PlaceLimits(connections=2, waiting=3, patience=10.0),
            self.deadlines,
            Descriptors(100),
        )
        self.pool = self.make(self.network.endpoint(*UPSTREAM), self.places)

    def full(self) -> list[Exchange]:
        """
        Exchanges with every connection there may be.
        """
        exchanges = [Exchange(self.pool), Exchange(self.pool)]
        self.network.settle()
        return exchanges

    def test_released_in_order(self) -> None:
        """
        A connection that comes back is given to whoever has waited for longest, and the upstream sees no new one.
        """
        first, second = self.full()
        third, fourth = Exchange(self.pool), Exchange(self.pool)
        self.assertEqual((third.connection, fourth.connection, self.network.connections), (None, None, 2))
        self.answer(1)
        self.assertIs(third.connection, second.connection)
        self.assertIsNone(fourth.connection)
        self.answer(0)
        self.assertIs(fourth.connection, first.connection)
        for index in (0, 1):
            self.answer(index)
        self.assertTrue(all(each.ended for each in (first, second, third, fourth)))
        self.assertEqual((repr(self.pool), self.network.connections), ("<Pool idle=2 in_use=0>", 2))

    def test_lost_in_order(self) -> None:
        """
        A connection that is lost, or not kept, makes room for a new one.
        """
        self.full()
        waiting = [Exchange(self.pool) for _ in range(2)]
        self.upstreams.peers[0].transport.abortConnection()
        self.network.settle()
        self.assertIsNotNone(waiting[0].connection)
        self.answer(1, OK.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"))
        self.assertIsNotNone(waiting[1].connection)
        self.assertEqual((self.open, self.places.taken, self.network.connections), (2, 2, 4))

    def test_too_many_wait(self) -> None:
        """
        One more than may wait is told so at once.
        """
        self.full()
        waiting = [Exchange(self.pool) for _ in range(4)]
        self.assertEqual([each.busy is None for each in waiting], [True, True, True, False])
        self.assertIsNone(waiting[3].waiting)

    def test_waited_for_too_long(self) -> None:
        """
        Who waits in vain is told so, and a connection that comes back later is not given to it.
        """
        self.full()
        waiting = Exchange(self.pool)
        self.network.advance(12)
        self.assertIsNotNone(waiting.busy)
        self.answer(0)
        self.assertEqual((waiting.connection, repr(self.pool)), (None, "<Pool idle=1 in_use=1>"))

    def test_given_up(self) -> None:
        """
        Who waits no more, in line or for the connection that is being made in its place, takes nothing from the others.
        """
        self.full()
        gone, served, late = (Exchange(self.pool) for _ in range(3))
        assert gone.waiting is not None and late.waiting is not None
        gone.waiting.cancel()
        self.answer(0)
        self.assertIsNotNone(served.connection)
        self.network.hold(*UPSTREAM)
        self.upstreams.peers[1].transport.abortConnection()
        self.network.settle()
        late.waiting.cancel()
        self.network.accept()
        self.network.settle()
        self.assertEqual((gone.connection, late.connection, self.places.taken, self.open), (None, None, 1, 1))
        self.assertEqual((gone.busy, late.unreachable), (None, None))

    def test_unreachable(self) -> None:
        """
        Where connecting fails, whoever waits for a place tries in turn: nobody is left behind.
        """
        exchanges = self.full()
        waiting = [Exchange(self.pool) for _ in range(3)]
        self.network.close(*UPSTREAM)
        self.upstreams.peers[0].transport.abortConnection()
        self.network.settle()
        self.assertEqual([each.unreachable for each in waiting], ["refused the connection"] * 3)
        self.assertEqual((self.places.taken, exchanges[1].failed), (1, None))

    def test_no_handshake(self) -> None:
        """
        An upstream that cannot be connected to leaves all its places free.
        """
        for problem in (ConnectionRefusedError(), TimeoutError(), ConnectError(errno.EMFILE, "Too many open files")):
            with self.subTest(repr(problem)):
                pool = self.make(Failing(problem), self.places)
                for _ in range(5):
                    self.assertIsNotNone(Exchange(pool).unreachable)
                self.assertEqual(self.places.taken, 0)

    def test_no_descriptors(self) -> None:
        """
        A process that has no descriptor left for a connection gives up one that is idle.
        """
        Exchange(self.pool)
        self.answer()
        Exchange(self.make(Failing(ConnectError(errno.EMFILE, "")), self.places))
        self.network.settle()
        self.assertEqual((self.open, self.places.taken), (0, 0))

    def test_two_pools(self) -> None:
        """
        What is idle in one pool makes room for the other, and so does what comes back to it.
        """
        other = self.make(self.network.endpoint(*UPSTREAM), self.places)
        self.full()
        self.answer(0)
        waiting = [Exchange(other) for _ in range(2)]
        self.network.settle()
        self.assertEqual([each.connection is None for each in waiting], [False, True])
        self.answer(1)
        self.assertIsNotNone(waiting[1].connection)
        self.assertEqual(
            (self.open, repr(self.pool), repr(other)), (2, "<Pool idle=0 in_use=0>", "<Pool idle=0 in_use=2>")
        )

    def test_again_on_a_new_one(self) -> None:
        """
        Where every connection is in use, a request that is sent once more gets a new one before anybody else is served.
        """
        self.full()
        waiting = Exchange(self.pool)
        again = Exchange(self.pool, fresh=True)
        self.answer(0)
        self.assertEqual(self.network.connections, 3)
        self.assertIsNotNone(again.connection)
        self.assertIsNone(waiting.connection)
        self.answer(2)
        self.assertIs(waiting.connection, again.connection)

    def test_again_while_others_are_idle(self) -> None:
        """
        A request that is sent once more does not wait for ever beside connections that are idle.
        """
        self.full()
        self.answer(0)
        self.answer(1)
        again = Exchange(self.pool, fresh=True)
        self.network.settle()
        self.assertIsNotNone(again.connection)
        self.assertEqual((self.open, self.places.taken), (2, 2))

    def test_retired(self) -> None:
        """
        Who waits for a connection of a pool that has had its day gets one.
        """
        self.full()
        waiting = Exchange(self.pool)
        self.pool.retire()
        self.answer(0)
        self.assertIsNotNone(waiting.connection)
        self.answer(0)
        self.answer(1)
        self.network.advance(3)
        self.assertEqual((self.open, self.places.taken), (0, 0))

    def test_close(self) -> None:
        """
        A pool that is closed leaves its places, whatever became of its connections.
        """
        self.full()
        self.answer(0)
        self.pool.close()
        self.network.settle()
        self.assertEqual(self.places.taken, 0)


class UnreachableTests(PoolTestCase):
    """
    Upstreams that cannot be connected to.
    """

    def test_reasons(self) -> None:
        """
        The exchange is told why in words that an operator understands.
        """
        for problem, words in (
            (ConnectionRefusedError(), "refused the connection"),
            (TimeoutError(), "did not accept the connection in time"),
            (DNSLookupError(), "has a name that cannot be resolved"),
            (ConnectError(), "could not be connected to"),
            (RuntimeError("secret"), "could not be connected to (RuntimeError)"),
        ):
            with self.subTest(words):
                self.assertEqual(Exchange(self.make(Failing(problem))).unreachable, words)

    def test_nobody_wants_it(self) -> None:
        """
        Whoever cancels hears nothing, and no connection is kept.
        """
        self.network.hold(*UPSTREAM)
        exchange = Exchange(self.pool)
        assert exchange.waiting is not None
        exchange.waiting.cancel()
        self.network.accept()
        self.network.settle()
        self.assertEqual((exchange.connection, exchange.unreachable), (None, None))
        self.assertEqual((self.open, repr(self.pool)), (0, "<Pool idle=0 in_use=0>"))


class TlsTests(PoolTestCase):
    """
    Upstreams with TLS.
    """

    def setUp(self) -> None:
        super().setUp()
        self.authority = Authority("A test authority")

    def encrypted(self, *, name: str = "upstream.test", authority: Authority | None = None) -> Pool:
        """
        A pool for an upstream whose certificate is for `upstream.test`, where *name* of *authority* is expected.
        """
        contexts = DownstreamContexts([self.authority.issue("upstream.test")])
        self.network.close(*UPSTREAM)
        self.network.listen(*UPSTREAM, TLSMemoryBIOFactory(contexts, False, self.upstreams, self.clock))
        pem = (authority or self.authority).pem
        options = client_options(name, ca_pem=pem, skip_verify=False, client_certificate=None)
        return self.make(TlsEndpoint(self.network.endpoint(*UPSTREAM), options, self.clock))

    def test_after_the_handshake(self) -> None:
        """
        The exchange gets the connection once the upstream is known to be who it should be, and then it is like any
        other.
        """
        pool = self.encrypted()
        exchange = Exchange(pool)
        self.assertIsNone(exchange.connection)
        self.network.settle()
        self.assertIsNotNone(exchange.connection)
        self.answer()
        self.assertEqual((exchange.ended, repr(pool)), (True, "<Pool idle=1 in_use=0>"))
        self.assertIsNone(Exchange(pool).waiting)

    def test_not_believed(self) -> None:
        """
        With a certificate for another name or by another authority nothing is sent, and the exchange is told why.
        """
        for words, settings in (
            ("its certificate is for another name", {"name": "other.test"}),
            ("certificate verify failed", {"authority": Authority("A stranger")}),
        ):
            with self.subTest(words):
                pool = self.encrypted(**settings)  # type: ignore[arg-type] # one of each kind
                exchange = Exchange(pool)
                self.network.settle()
                self.assertEqual(exchange.unreachable, f"cannot be trusted with TLS: {words}")
                self.assertIsNone(exchange.connection)
                self.assertEqual((self.upstreams.heard, repr(pool)), (b"", "<Pool idle=0 in_use=0>"))

    def test_no_tls(self) -> None:
        """
        An upstream that does not speak TLS is told of as such.
        """
        pool = self.encrypted()
        self.network.close(*UPSTREAM)
        self.network.listen(*UPSTREAM, self.upstreams)
        exchange = Exchange(pool)
        self.answer(response=b"HTTP/1.1 400 Bad Request\r\n\r\n")
        self.assertRegex(exchange.unreachable or "", "^cannot be trusted with TLS: .+")

    def silent(self) -> tuple[Pool, Exchange]:
        """
        An exchange whose upstream accepts and says nothing.
        """
        pool = self.encrypted()
        self.network.close(*UPSTREAM)
        self.network.listen(*UPSTREAM, self.upstreams)
        exchange = Exchange(pool)
        self.network.settle()
        return pool, exchange

    def test_silent(self) -> None:
        """
        An upstream that never finishes the handshake is given up after some seconds.
        """
        _, exchange = self.silent()
        self.network.advance(HANDSHAKE_SECONDS - 2)
        self.assertIsNone(exchange.unreachable)
        self.network.advance(4)
        self.assertEqual(exchange.unreachable, "cannot be trusted with TLS: it took too long")
        self.assertEqual(self.open, 0)

    def test_cancelled(self) -> None:
        """
        Whoever cancels during the handshake hears nothing, and the connection is closed.
        """
        _, exchange = self.silent()
        assert exchange.waiting is not None
        exchange.waiting.cancel()
        self.network.settle()
        self.assertEqual((exchange.unreachable, self.open), (None, 0))

    def test_closed(self) -> None:
        """
        Closing the pool closes what is in the middle of a handshake.
        """
        pool, _ = self.silent()
        pool.close()
        self.network.settle()
        self.assertEqual(self.open, 0)
