"""
The cut on real sockets: what lies in the kernel for a reader who pauses is dropped with the session.
"""

from __future__ import annotations

import socket
import ssl
import time
from pathlib import Path
from typing import Any

import yaml
from treq.testing import StubTreq
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource

from pomerium_tx.config.loader import load
from pomerium_tx.house import House
from pomerium_tx.proxy.exchanges.websocket import accept_value
from pomerium_tx.sessions.memory import MemoryStore
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import Cause
from pomerium_tx.tls.downstream import DownstreamContexts
from pomerium_tx.tls.transport import EncryptedFactory
from tests.doubles.sessions import a_session
from tests.scenarios.world import CONFIG
from tests.tls.authorities import Authority

SIZE = 1_500_000
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"
GRANTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n"
)


class LargeAnswers(Protocol):
    """
    Answers every request with more than a kernel holds, whole.
    """

    transport: Any

    def dataReceived(self, data: bytes) -> None:
        if b"Upgrade: websocket" in data:
            frame = b"\x82\x7f" + SIZE.to_bytes(8, "big") + b"x" * SIZE
            self.transport.write(GRANTED % accept_value(KEY.encode()) + frame)
        else:
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE + b"x" * SIZE)


class KernelBytesTests(TestCase):
    """
    A house on real sockets, and a client with a small kernel buffer who does not read.
    """

    async def setUp(self) -> None:
        from twisted.internet import reactor  # noqa: TID251 - these tests are about the real one

        self.reactor: Any = reactor
        upstream = self.reactor.listenTCP(0, Factory.forProtocol(LargeAnswers), interface="127.0.0.1")
        self.addCleanup(upstream.stopListening)
        path = Path(self.mktemp() + ".yaml")
        path.write_text(yaml.safe_dump(CONFIG))
        self.house = House(
            load(path, {}).config,
            store=MemoryStore(),
            clock=self.reactor,
            now=time.monotonic,
            http=StubTreq(Resource()),
            http_of=lambda route: StubTreq(Resource()),
            connect=lambda route, to: TCP4ClientEndpoint(self.reactor, "127.0.0.1", upstream.getHost().port),
        )
        self.addCleanup(self.house.stop)
        pair = Authority("CA").issue("app.example.com")
        tls = EncryptedFactory(DownstreamContexts([pair]), self.house.factory, self.reactor)
        self.ports = {}
        for secure, factory in ((False, self.house.factory), (True, tls)):
            port = self.reactor.listenTCP(0, factory, interface="127.0.0.1")
            self.addCleanup(port.stopListening)
            self.ports[secure] = port.getHost().port
        await self.house.start()

    async def begin(self) -> tuple[Session, str]:
        """
        A session, and its handle.
        """
        now = self.reactor.seconds()
        session = a_session(began=now, expires=now + 3600, idp_id=self.house.layout.default_idp_id)
        await self.house.registry.begin(session, state_issued=now)
        handle = self.house.layout._handles.mint(
            session.id, user_id="alice", issuer="a", audience=["a"], idp_id=session.idp_id, now=now
        )
        return session, handle

    async def received(self, host: str, fields: str, *, secure: bool) -> int:
        """
        How many bytes of a large answer a paused reader gets when the session ends meanwhile.
        """
        session, handle = await self.begin()
        head = f"GET / HTTP/1.1\r\nHost: {host}.example.com\r\nCookie: _pomerium={handle}\r\n{fields}\r\n"
        client = await deferToThread(self._connect, head.encode(), secure)
        self.addCleanup(client.close)
        await deferToThread(self._until_full, session)
        await self.house.ending.end([session.id], Cause.ADMINISTRATOR)
        # Twisted closes an aborted socket in the next turn.
        await deferLater(self.reactor, 0.01)
        return await deferToThread(_drain, client)

    def _connect(self, head: bytes, secure: bool) -> socket.socket:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
        client.connect(("127.0.0.1", self.ports[secure]))
        if secure:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            client = context.wrap_socket(client, server_hostname="app.example.com")
        client.sendall(head)
        return client

    def _until_full(self, session: Session) -> None:
        """
        Wait until the application has answered and everything has gone as far as it goes.
        """
        seen, still = -1, 0
        deadline = time.monotonic() + 10
        while still < 10 and time.monotonic() < deadline:
            time.sleep(0.02)
            now = sum(exchange.bytes_out for exchange in self.house.registry.exchanges(session.id))
            still = still + 1 if now == seen and now > 0 else 0
            seen = now

    async def test_dropped(self) -> None:
        """
        Of every kind of answer, plain and over TLS, the reader gets no more than its own kernel held.
        """
        for host, fields in (("app", ""), ("chat", UPGRADE)):
            for secure in (False, True):
                with self.subTest(host=host, secure=secure):
                    self.assertLess(await self.received(host, fields, secure=secure), 200_000)


def _drain(client: socket.socket) -> int:
    client.settimeout(5)
    received = 0
    try:
        while piece := client.recv(1 << 20):
            received += len(piece)
    except OSError:
        pass
    return received
