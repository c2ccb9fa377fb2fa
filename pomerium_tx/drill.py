"""
A fire drill: a session of nobody's ends, on real sockets, with one of everything open.

What connects and answers is this process itself, on loopback and by the data path that serves people. Nobody is told
the session's handle, and it is gone a moment later. With several processes the end is in force at all of them before it
is answered, as every end is; what is cut was open in this one.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from pomerium_tx.config.route_section import RouteSection
from pomerium_tx.house import House
from pomerium_tx.operations.drill_report import DrillFailed, DrillReport
from pomerium_tx.proxy.exchanges.websocket import accept_value
from pomerium_tx.proxy.factory import DownstreamFactory
from pomerium_tx.sessions.session import Session, Tokens, new_session_id
from pomerium_tx.sessions.store import Cause

PATIENCE: Final = 10.0
"""
Seconds that each step may take.
"""
_LOOPBACK: Final = "127.0.0.1"
_HOST: Final = "drill.localhost"
_KEY: Final = b"dGhpcyBpcyBhIGRyaWxsLg=="
_PIECE: Final = b"x" * 65_536
_KINDS: Final[Mapping[str, bytes]] = {
    "websocket": b"GET /websocket HTTP/1.1\r\nHost: %b\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + _KEY + b"\r\nCookie: %b\r\n\r\n",
    "sse": b"GET /sse HTTP/1.1\r\nHost: %b\r\nCookie: %b\r\n\r\n",
    "download": b"GET /download HTTP/1.1\r\nHost: %b\r\nCookie: %b\r\n\r\n",
    "upload": b"POST /upload HTTP/1.1\r\nHost: %b\r\nCookie: %b\r\nContent-Length: 1000000\r\n\r\nx",
}
"""
What is open when the session ends, by the names that receipts have for it.
"""
_ANSWERS: Final[Mapping[bytes, bytes]] = {
    b"/websocket": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: " + accept_value(_KEY) + b"\r\n\r\n\x82\x02hi",
    b"/sse": b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"8\r\ndata: x\n\r\n",
    b"/download": b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + _PIECE,
    b"/upload": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
    b"/page": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
}


async def drill(reactor: Any, house: House) -> DrillReport:
    """
    Hold one.

    :param reactor: Must provide ``IReactorTCP`` and ``IReactorTime``.
    :raises DrillFailed: If not everything could be opened.
    :raises StoreUnavailable: If the session could not be begun, or not be ended.
    """
    session = _session(house, reactor.seconds())
    upstream = reactor.listenTCP(0, Factory.forProtocol(_Application), interface=_LOOPBACK)
    section = RouteSection.model_validate(
        {
            "from": f"http://{_HOST}",
            "to": f"http://{_LOOPBACK}:{upstream.getHost().port}",
            "name": "drill",
            "allowed_users": [session.user_id],
            "allow_websockets": True,
        }
    )
    layout = house.layout_of(house.config.model_copy(update={"routes": (section,)}))
    proxy = layout.proxy()
    factory = DownstreamFactory(proxy)
    port = reactor.listenTCP(0, factory, interface=_LOOPBACK)
    opened: list[_Reader] = []
    try:
        await house.registry.begin(session, state_issued=reactor.seconds())
        authority = b"%b:%d" % (_HOST.encode(), port.getHost().port)
        cookie = layout.cookie_of(session).encode("ascii")

        async def reader(request: bytes) -> _Reader:
            endpoint = TCP4ClientEndpoint(reactor, _LOOPBACK, port.getHost().port, timeout=PATIENCE)
            found: _Reader = await connectProtocol(endpoint, _Reader(reactor))  # type: ignore[no-untyped-call] # Twisted's own
            opened.append(found)
            found.ask(request)
            return found

        open_ones = {kind: await reader(request % (authority, cookie)) for kind, request in _KINDS.items()}
        kept = await reader(page := b"GET /page HTTP/1.1\r\nHost: %b\r\nCookie: %b\r\n\r\n" % (authority, cookie))
        for kind, each in (*open_ones.items(), ("page", kept)):
            if not await _in_time(reactor, each.answered):
                raise DrillFailed(f"The {kind} of the drill was not answered: is the process overloaded?")
        began = reactor.seconds()
        receipt = await house.ending.end([session.id], Cause.ADMINISTRATOR)
        answered_after = reactor.seconds() - began
        for each in open_ones.values():
            await _in_time(reactor, each.cut)
        kept.ask(page)
        refused = await _in_time(reactor, kept.answered)
        return DrillReport(
            cut_after={kind: each.cut_after(began) for kind, each in open_ones.items()},
            answered_after=answered_after,
            close_code=open_ones["websocket"].close_code,
            refused_after=refused and kept.status in (302, 401),
            receipt=receipt,
        )
    finally:
        for each in opened:
            each.leave()
        await house.ending.end([session.id], Cause.ADMINISTRATOR)
        factory.abort_all()
        layout.retire()
        await port.stopListening()
        await upstream.stopListening()


def _session(house: House, now: float) -> Session:
    """
    One of nobody's: it is in no cookie, and only the drill's route lets it in.
    """
    provider = house.layout.providers[house.layout.default_idp_id]
    name = f"drill-{secrets.token_urlsafe(8)}"
    return Session(
        id=new_session_id(),
        browser=name,
        idp_id=provider.idp_id,
        iss=provider.settings.issuer,
        client_id=provider.settings.client_id,
        sub=name,
        user_id=name,
        email="",
        name="",
        began=now,
        expires=now + 60.0,
        authenticated=now,
        id_token_iat=now,
        user_agent="pomerium-tx doctor",
        claims={},
        tokens=Tokens(id_token="", access_token=""),
    )


async def _in_time(reactor: Any, awaited: Deferred[None]) -> bool:
    """
    Whether *awaited* fires before patience is over.
    """
    if awaited.called:
        return True
    done: Deferred[bool] = Deferred()
    late = reactor.callLater(PATIENCE, done.callback, False)

    def fired(_: object) -> None:
        if late.active():
            late.cancel()
            done.callback(True)

    awaited.addCallback(fired)
    return await done


class _Application(Protocol):
    """
    Answers by the path, and goes on with what it has begun for ever.
    """

    transport: Any

    def dataReceived(self, data: bytes) -> None:
        answer = _ANSWERS.get(data.split(b" ", 2)[1]) if data.startswith((b"GET /", b"POST /")) else None
        if answer is not None:
            self.transport.write(answer)


@dataclass(slots=True)
class _Told:
    at: float | None = None
    fired: Deferred[None] = field(default_factory=Deferred)


class _Reader(Protocol):
    """
    Somebody who has something open, and notes when it ends.
    """

    transport: Any

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._cut = _Told()
        self.answered: Deferred[None] = Deferred()
        self.status = 0
        self.close_code: int | None = None
        self._is_websocket = False

    @property
    def cut(self) -> Deferred[None]:
        """
        Fires when the reader knows that this is over.
        """
        return self._cut.fired

    def cut_after(self, began: float) -> float | None:
        """
        Seconds from *began* until then.
        """
        return None if self._cut.at is None else self._cut.at - began

    def ask(self, request: bytes) -> None:
        """
        Send *request*.
        """
        self.answered, self.status = Deferred(), 0
        self.transport.write(request)

    def leave(self) -> None:
        """
        Read no more.
        """
        self.transport.abortConnection()

    def dataReceived(self, data: bytes) -> None:
        if not self.status:
            self.status = int(data[9:12])
            self._is_websocket = self.status == 101
            self.answered.callback(None)
        elif self._is_websocket and data[:1] == b"\x88":
            self.close_code = int.from_bytes(data[2:4], "big")
            self._over()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._over()

    def _over(self) -> None:
        if self._cut.at is None:
            self._cut.at = self._reactor.seconds()
            self._cut.fired.callback(None)
