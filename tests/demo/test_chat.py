"""
Tests for `pomerium_tx.demo.chat`.
"""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.demo.chat import ChatApplication
from pomerium_tx.demo.websocket import Opcode, close_frame, frame
from tests.demo.test_application_pages import CLAIMS, LINKS, assertion
from tests.demo.test_pages import Outline
from tests.demo.test_websocket import BINARY, CLOSE, FINAL_TEXT, PING, PONG, masked
from tests.demo.wire import Wire

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: chat.localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


def told(**news: str) -> bytes:
    """
    The frame that tells *news*.
    """
    return frame(Opcode.TEXT, json.dumps(news).encode())


class ChatCase(SynchronousTestCase):
    """
    A chat in which nobody is yet.
    """

    def setUp(self) -> None:
        """
        The application.
        """
        self.application = ChatApplication(links=LINKS)

    def enter(self, name: str) -> Wire:
        """
        The connection of a new member.
        """
        wire = Wire(self.application)
        answer = wire.send(HANDSHAKE + assertion({"sub": "1", "name": name}) + b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        return wire


class SocketTests(ChatCase):
    """
    The WebSocket.
    """

    def test_handshake(self) -> None:
        """
        The handshake is accepted as section 1.3 computes it, and the member is announced.
        """
        answer = Wire(self.application).send(HANDSHAKE + b"\r\n")
        self.assertIn(b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", answer)
        self.assertTrue(answer.endswith(b"\r\n\r\n" + told(notice="Somebody is here.")))

    def test_refused(self) -> None:
        """
        Without a handshake there is no socket.
        """
        head, _ = Wire(self.application).ask(b"GET", b"/ws")
        self.assertEqual((head.status, head.get(b"upgrade")), (426, b"websocket"))
        bad = Wire(self.application).send(HANDSHAKE.replace(b"Version: 13", b"Version: 12") + b"\r\n")
        self.assertTrue(bad.startswith(b"HTTP/1.1 426 "))

    def test_everybody_is_told(self) -> None:
        """
        What one says all receive, the speaker too, under the name that the proxy vouches for.
        """
        alice, bob = self.enter("Alice"), self.enter("Bob")
        self.assertEqual(alice.received(), told(notice="Bob is here."))
        alice.send(b"")
        said = told(**{"from": "Alice", "text": "h\u00e9 <b>"})
        self.assertEqual(alice.send(masked(FINAL_TEXT, "h\u00e9 <b>".encode())), said)
        self.assertEqual(bob.received(), said)

    def test_early_message(self) -> None:
        """
        What a client sends along with its handshake is heard.
        """
        wire = Wire(self.application)
        answer = wire.send(HANDSHAKE + b"\r\n" + masked(FINAL_TEXT, b"early"))
        self.assertTrue(answer.endswith(told(**{"from": "Somebody", "text": "early"})))

    def test_ping(self) -> None:
        """
        A ping is answered with its content, a pong not at all.
        """
        alice = self.enter("Alice")
        self.assertEqual(alice.send(masked(PING, b"42")), frame(Opcode.PONG, b"42"))
        self.assertEqual(alice.send(masked(PONG, b"42")), b"")

    def test_close(self) -> None:
        """
        A Close is answered in kind and ends the connection; the others are told.
        """
        alice, bob = self.enter("Alice"), self.enter("Bob")
        self.assertEqual(bob.send(masked(CLOSE, b"\x03\xe9going")), close_frame(1001))
        self.assertTrue(bob.transport.disconnecting)
        self.assertIn(told(notice="Bob has left."), alice.received())
        self.assertEqual(bob.send(masked(FINAL_TEXT, b"too late")), b"")
        bob.lose()
        self.assertEqual(alice.received(), b"")
        self.assertEqual(len(self.application.room.members), 1)

    def test_cut(self) -> None:
        """
        Who is cut has left.
        """
        alice, bob = self.enter("Alice"), self.enter("Bob")
        alice.received()
        bob.lose()
        self.assertEqual(alice.received(), told(notice="Bob has left."))

    def test_not_the_protocol(self) -> None:
        """
        Who does not keep to the protocol, or sends no text, is told why and goes.
        """
        for code, wire in ((1003, masked(BINARY, b"x")), (1002, b"\xff\xff"), (1007, masked(FINAL_TEXT, b"\xff"))):
            with self.subTest(code=code):
                member = self.enter("Mallory")
                answer = member.send(wire)
                self.assertEqual(answer[2:4], code.to_bytes(2, "big"))
                self.assertTrue(member.transport.disconnecting)

    def test_slow_reader(self) -> None:
        """
        Who does not read misses what is said meanwhile, and holds nobody up.
        """
        alice, bob = self.enter("Alice"), self.enter("Bob")
        bob.received()
        bob.transport.producer.pauseProducing()
        alice.send(masked(FINAL_TEXT, b"missed"))
        self.assertEqual(bob.received(), b"")
        bob.transport.producer.resumeProducing()
        alice.send(masked(FINAL_TEXT, b"heard"))
        self.assertIn(b"heard", bob.received())


class PageTests(ChatCase):
    """
    The chat's page.
    """

    def test_page(self) -> None:
        """
        The page says who the person is and links to everything; its parts come from the same place.
        """
        wire = Wire(self.application)
        _, content = wire.ask(b"GET", b"/", assertion(CLAIMS))
        self.assertIn(b"alice@example.com", content)
        links = {attributes.get("href") for tag, attributes in Outline(content).elements if tag == "a"}
        self.assertLessEqual({"/.pomerium/sign_out", "/.pomerium/", "http://app.localhost:8000/"}, links)
        for path in (b"/chat.js", b"/style.css"):
            self.assertEqual(wire.ask(b"GET", path)[0].status, 200)

    def test_script_finds_its_elements(self) -> None:
        """
        Every element that the script looks for is on the page, and it knows the code of a sign-out.
        """
        wire = Wire(self.application)
        page, script = (wire.ask(b"GET", path)[1].decode() for path in (b"/", b"/chat.js"))
        for identifier in [part.partition('"')[0] for part in script.split('element("')[1:]]:
            self.assertIn(f'id="{identifier}"', page)
        self.assertIn("4401", script)

    def test_elsewhere(self) -> None:
        """
        What is not there is 404, what is used wrongly 405.
        """
        wire = Wire(self.application)
        self.assertEqual(wire.ask(b"GET", b"/nothing")[0].status, 404)
        self.assertEqual(wire.ask(b"DELETE", b"/")[0].status, 405)

    def test_counters(self) -> None:
        """
        Requests and open sockets are counted.
        """
        self.enter("Alice")
        document = json.loads(Wire(self.application).ask(b"GET", b"/counters")[1])
        self.assertEqual(document, {"requests": 1, "sockets_open": 1})
