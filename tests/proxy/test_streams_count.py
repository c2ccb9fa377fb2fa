"""
What counts as use of a session: heads, and, where the configuration says so, every byte.
"""

from __future__ import annotations

from collections.abc import Callable

from pomerium_tx.proxy.exchanges.websocket import accept_value
from tests.doubles.peers import Peer, UserAgent, request
from tests.proxy.exchanges.test_tunnel import GRANTED, HANDSHAKE, KEY
from tests.proxy.exchanges.test_websocket import frame
from tests.proxy.harness import ORIGIN, ProxyTestCase

HOST = "app.example.com"
ALICE = "Who: alice"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
PIECE = b"3\r\nx\n\n\r\n"


class StreamsCountTests(ProxyTestCase):
    """
    Every kind of exchange, and each direction of it.
    """

    def ask(self, *fields: str, content: bytes = b"") -> Peer:
        """
        A request of alice that its application has heard.
        """
        self.agent.ask(request("POST" if fields else "GET", "/", HOST, ALICE, *fields) + content)
        return self.upstreams.last

    def say(self, upstream: Peer, said: bytes) -> None:
        """
        Have an application say something.
        """
        upstream.say(said)
        self.settle()

    def websocket(self) -> Peer:
        """
        The application's end of a WebSocket.
        """
        self.agent.ask(request("GET", "/ws", HOST, *HANDSHAKE))
        self.say(self.upstreams.last, GRANTED % accept_value(KEY.encode()))
        return self.upstreams.last

    def is_use(self, passes: Callable[[], object]) -> bool:
        """
        Whether the session has been used just now, after nothing had for a while.
        """
        self.network.advance(10)
        passes()
        return self.registry.last_seen(self.session.id) == self.network.clock.seconds()

    def each(self) -> dict[str, bool]:
        """
        What passes, and whether it counts.
        """
        found = {}
        upload = self.ask("Content-Length: 8", content=b"half")
        found["request content"] = self.is_use(lambda: self.agent.ask(b"half"))
        found["answer's head"] = self.is_use(lambda: self.say(upload, HEAD))
        found["answer's content"] = self.is_use(lambda: self.say(upload, PIECE))
        self.agent = self.connect()
        waiting = self.ask()
        found["interim answer"] = self.is_use(lambda: self.say(waiting, b"HTTP/1.1 103 Early Hints\r\n\r\n"))
        found["answer without content"] = self.is_use(lambda: self.say(waiting, b"HTTP/1.1 204 No Content\r\n\r\n"))
        self.agent = self.connect()
        socket = self.websocket()
        found["from a WebSocket"] = self.is_use(lambda: self.agent.ask(frame(1, b"hello", mask=b"mask")))
        found["to a WebSocket"] = self.is_use(lambda: self.say(socket, frame(1, b"hello")))
        found["half a frame"] = self.is_use(lambda: self.say(socket, b"\x81"))
        found["nothing"] = self.is_use(lambda: None)
        return found

    def test_heads_alone(self) -> None:
        """
        Where nothing else is said only requests count, however much passes afterwards.
        """
        self.assertEqual(set(self.each().values()), {False})

    def test_every_byte(self) -> None:
        """
        Where streams count every byte does, in either direction, and silence does not.
        """
        self.proxy.streams_count = True
        found = self.each()
        self.assertFalse(found.pop("nothing"))
        self.assertEqual(found, dict.fromkeys(found, True))

    def test_at_once(self) -> None:
        """
        A reload holds for what is open already.
        """
        socket = self.websocket()
        self.assertFalse(self.is_use(lambda: self.say(socket, frame(1, b"hello"))))
        self.proxy.streams_count = True
        self.assertTrue(self.is_use(lambda: self.say(socket, frame(1, b"hello"))))
        self.proxy.streams_count = False
        self.assertFalse(self.is_use(lambda: self.say(socket, frame(1, b"hello"))))

    def test_nobody(self) -> None:
        """
        What belongs to nobody counts for nobody.
        """
        self.proxy.streams_count = True
        self.agent.ask(request("GET", "/public", HOST))
        self.assertFalse(self.is_use(lambda: self.say(self.upstreams.last, HEAD + PIECE)))
        self.assertEqual(self.used, [])

    def test_after_the_end(self) -> None:
        """
        What still arrives once the session has ended counts for nothing, and is no fault.
        """
        self.proxy.streams_count = True
        socket = self.websocket()
        self.end_session()
        self.agent.ask(frame(1, b"hello", mask=b"mask"))
        self.say(socket, frame(1, b"hello"))
        self.assertEqual(self.registry.last_seen(self.session.id), 0.0)

    def test_from_where(self) -> None:
        """
        It is known from where a session was used last.
        """
        self.proxy.streams_count = True
        for peer in ("198.51.100.1", "198.51.100.2"):
            self.agent = UserAgent.connect(self.network, "proxy.test", 80, peer=peer)
            socket = self.websocket()
            self.say(socket, frame(1, b"hello"))
            self.assertEqual(self.registry.last_address(self.session.id), peer)
            ((session, route, origin, used_from),) = self.used
            self.assertEqual((session, route.id, origin), (self.session, "route-1", ORIGIN))
            self.assertEqual(used_from, peer)
            self.used.clear()
