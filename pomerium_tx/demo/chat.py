"""
The second sample application: a chat over a WebSocket.

What a member sends as text is told to everybody, the member included, as JSON: ``{"from": name, "text": text}``.
Who comes and goes is told as ``{"notice": text}``.
"""

from __future__ import annotations

import json

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.template import tags
from zope.interface import implementer

from pomerium_tx.demo import pages
from pomerium_tx.demo.application_pages import (
    ALARM,
    Links,
    asserted_claims,
    identity,
    navigation,
    respond_with_page,
    respond_with_problem,
    respond_with_static,
    scripts,
)
from pomerium_tx.demo.serving import IStreamTransport, ServedExchange
from pomerium_tx.demo.websocket import (
    FrameReader,
    InvalidFrame,
    Message,
    Opcode,
    accept_value,
    close_frame,
    frame,
    handshake_refusal,
)
from pomerium_tx.http11.heads import RequestHead


class ChatRoom:
    """
    Everybody who is in the chat.
    """

    def __init__(self) -> None:
        self._members: dict[ChatMember, None] = {}

    @property
    def members(self) -> tuple[ChatMember, ...]:
        """
        Who is here, in order of arrival.
        """
        return tuple(self._members)

    def enter(self, member: ChatMember) -> None:
        """
        *member* is here, and everybody knows.
        """
        self._members[member] = None
        self.tell({"notice": f"{member.name} is here."})

    def leave(self, member: ChatMember) -> None:
        """
        *member* is not here any more.
        """
        if member in self._members:
            del self._members[member]
            self.tell({"notice": f"{member.name} has left."})

    def tell(self, news: dict[str, str]) -> None:
        """
        Everybody receives *news*.
        """
        told = frame(Opcode.TEXT, json.dumps(news).encode("ascii"))
        for member in self.members:
            member.receive(told)


@implementer(IPushProducer)
class ChatMember(Protocol):
    """
    One WebSocket.
    """

    transport: IStreamTransport

    def __init__(self, name: str, room: ChatRoom) -> None:
        self.name = name
        self._room = room
        self._reader = FrameReader()
        self._is_paused = False
        self._is_closed = False

    def connectionMade(self) -> None:
        self.transport.registerProducer(self, True)
        self._room.enter(self)

    def dataReceived(self, data: bytes) -> None:
        if self._is_closed:
            return
        try:
            for message in self._reader.feed(data):
                self._received(message)
        except InvalidFrame as invalid:
            self._close(close_frame(invalid.code, invalid.reason))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._is_closed = True
        self._room.leave(self)

    def receive(self, sent: bytes) -> None:
        """
        The member is sent a frame; one who does not read misses it rather than fill our memory.
        """
        if not self._is_paused and not self._is_closed:
            self.transport.write(sent)

    def pauseProducing(self) -> None:
        self._is_paused = True

    def resumeProducing(self) -> None:
        self._is_paused = False

    def stopProducing(self) -> None:
        self._is_closed = True

    def _received(self, message: Message) -> None:
        if message.opcode is Opcode.TEXT:
            self._room.tell({"from": self.name, "text": message.payload.decode("utf-8")})
        elif message.opcode is Opcode.BINARY:
            raise InvalidFrame(1003, "this chat is about text")
        elif message.opcode is Opcode.PING:
            self.receive(frame(Opcode.PONG, message.payload))
        elif message.opcode is Opcode.CLOSE:
            # Section 5.5.1: the answer says what was said.
            self._close(frame(Opcode.CLOSE, message.payload[:2]))

    def _close(self, farewell: bytes) -> None:
        self._is_closed = True
        self.transport.write(farewell)
        self.transport.unregisterProducer()
        self.transport.loseConnection()
        self._room.leave(self)


class ChatApplication:
    """
    Answers the exchanges of the chat.
    """

    def __init__(self, *, links: Links) -> None:
        self.room = ChatRoom()
        self.requests = 0
        self._links = links
        self._script = pages.static_file("chat.js")

    def __call__(self, exchange: ServedExchange) -> None:
        path, is_get = exchange.path, exchange.head.method in (b"GET", b"HEAD")
        if path == "/counters":
            said = json.dumps({"requests": self.requests, "sockets_open": len(self.room.members)})
            exchange.respond(200, [(b"Content-Type", b"application/json")], f"{said}\n".encode("ascii"))
            return
        self.requests += 1
        if path == "/ws":
            self._enter(exchange)
        elif path not in ("/", "/style.css", "/chat.js"):
            respond_with_problem(exchange, 404, "There is nothing here.")
        elif not is_get:
            respond_with_problem(exchange, 405, "That cannot be done here.", (b"Allow", b"GET, HEAD"))
        elif path == "/":
            respond_with_page(exchange, _chat_page(exchange.head, self._links))
        elif path == "/style.css":
            respond_with_static(exchange, pages.STYLE, b"text/css")
        else:
            respond_with_static(exchange, self._script, b"text/javascript")

    def _enter(self, exchange: ServedExchange) -> None:
        refusal = handshake_refusal(exchange.head)
        if refusal is not None:
            status, fields = refusal
            respond_with_problem(exchange, status, "This is where the WebSocket is.", *fields)
            return
        claims = asserted_claims(exchange.head)
        name = claims.get("name") or claims.get("email") or "Somebody"
        fields = [
            (b"Upgrade", b"websocket"),
            (b"Connection", b"Upgrade"),
            (b"Sec-WebSocket-Accept", accept_value(exchange.head.get(b"sec-websocket-key") or b"")),
        ]
        exchange.switch(fields, ChatMember(str(name), self.room))


def _chat_page(head: RequestHead, links: Links) -> bytes:
    chat = tags.section(
        tags.p("Connecting...", id="chat-state", role="status"),
        tags.div(id="chat-log", class_="log", role="log", tabindex="0", **{"aria-label": "Messages"}),
        tags.form(
            tags.label("Message", for_="chat-text"),
            tags.input(type="text", id="chat-text", autocomplete="off", maxlength="1000", disabled="disabled"),
            tags.button("Send", type="submit", id="chat-send", disabled="disabled"),
            id="chat-form",
            class_="row",
        ),
        tags.noscript(tags.p("The chat needs JavaScript; signing out does not.")),
    )
    content = [ALARM, chat, identity(head)]
    return pages.document("Chat", content, navigation=navigation(links, here="Chat"), scripts=scripts("/chat.js"))
