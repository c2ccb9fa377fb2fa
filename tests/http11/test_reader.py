"""
Tests for `pomerium_tx.http11.reader`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.http11.heads import BadRequest, BadResponse, HeadLimits, RequestHead, ResponseHead
from pomerium_tx.http11.reader import EndOfMessage, RequestEvent, RequestReader, ResponseReader, Trailing

END = EndOfMessage.END
LIMITS = HeadLimits()
SMALL = HeadLimits(head_bytes=400, fields=8, target=100)
GET = b"GET /a HTTP/1.1\r\nHost: app.example.com\r\n\r\n"


def simple(events: Iterable[object]) -> list[object]:
    """
    Events with problems as tuples, and neighbouring content joined: what must not depend on how bytes were cut.
    """
    told: list[object] = []
    for event in events:
        if isinstance(event, BadRequest):
            told.append((event.status, event.reason))
        elif isinstance(event, BadResponse):
            told.append(event.reason)
        elif isinstance(event, Trailing) and told and isinstance(told[-1], Trailing):
            told[-1] = Trailing(told[-1].content + event.content)
        elif isinstance(event, bytes) and told and isinstance(told[-1], bytes):
            told[-1] += event
        else:
            told.append(event)
    return told


def fed(reader: RequestReader, piece: bytes) -> list[RequestEvent]:
    """
    What a reader makes of a *piece* that a connection gives it.
    """
    head = reader.whole(piece)
    if head is None:
        return reader.feed(piece)
    # Somebody has worked something out from it, so that it is remembered.
    head.derived[fed] = True
    return [head, END]


def read(pieces: Iterable[bytes], limits: HeadLimits = LIMITS) -> list[object]:
    """
    What a request reader makes of *pieces*, with trailing bytes fed back as by one who grants no upgrade.
    """
    reader = RequestReader(limits)
    events: list[object] = []
    for piece in pieces:
        rest: bytes | None = piece
        while rest is not None:
            came, rest = fed(reader, rest), None
            if came and isinstance(came[-1], Trailing):
                rest = came.pop().content
            events += came
    return simple(events)


def answer(pieces: Iterable[bytes], methods: Sequence[bytes] = (b"GET",), limits: HeadLimits = LIMITS) -> list[object]:
    """
    What a response reader makes of *pieces* and the end of the connection.
    """
    reader = ResponseReader(limits)
    waiting = list(methods)
    reader.expect(waiting.pop(0))
    events: list[object] = []
    for piece in pieces:
        came = reader.feed(piece)
        events += came
        if END in came and waiting:
            reader.expect(waiting.pop(0))
    events += reader.eof()
    return simple(events)


def octets(wire: bytes) -> list[bytes]:
    """
    *wire*, a byte at a time.
    """
    return [wire[at : at + 1] for at in range(len(wire))]


def cut(wire: bytes, places: Iterable[int]) -> list[bytes]:
    """
    *wire*, cut at *places*.
    """
    edges = [0, *sorted(place % (len(wire) + 1) for place in places), len(wire)]
    return [wire[start:end] for start, end in pairwise(edges)]


def chunked(*chunks: bytes, tail: bytes = b"0\r\n\r\n") -> bytes:
    """
    A POST with *chunks* as they are.
    """
    return b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(chunks) + tail


GOOD_REQUESTS = [
    GET,
    GET * 3,
    (b"\r\n" + GET) * 2,
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\r\n" + GET,
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" + GET,
    chunked(b"5\r\nhello\r\n", b"00A;x=y\r\n0123456789\r\n") + GET,
    chunked(b"1\r\na\r\n", tail=b"000;last\r\nX-Sum: 1\r\nX-Other: 9\r\n\r\n") + GET,
    b"GET / HTTP/1.0\r\n\r\n" + GET,
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + GET,
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n" + GET,
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n" + GET,
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc" + GET,
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://b/x?y HTTP/1.1\r\nHost: b\r\nX-Empty:\r\nX-Space: \t v \t\r\n\r\n",
]

BAD_REQUESTS = [
    ("a TLS hello", b"\x16\x03\x01\x02\x00\x01", 400),
    ("the HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("RTSP", b"OPTIONS rtsp://a/ RTSP/1.0\r\n", 400),
    ("a method nobody has", b"BREW / HTTP/1.1\r\n", 501),
    ("a method in lower case", b"get / HTTP/1.1\r\n", 501),
    ("an endless method", b"A" * 33, 501),
    ("CONNECT", b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n" + GET, 405),
    ("HTTP/2.0", b"GET / HTTP/2.0\r\n", 505),
    ("HTTP/1.2", b"GET / HTTP/1.2\r\n", 505),
    ("HTTP/0.9", b"GET /\r\n", 400),
    ("a bare LF after the request line", b"GET / HTTP/1.1\nHost: a\n\n", 400),
    ("a bare LF that ends the head", b"GET / HTTP/1.1\r\nHost: a\n\n", 400),
    ("a second empty line before the request", b"\r\n\r\n" + GET, 400),
    ("a bare LF before the request", b"\n" + GET, 400),
    ("two spaces", b"GET  / HTTP/1.1\r\n", 400),
    ("a fragment", b"GET /a#b HTTP/1.1\r\n", 400),
    ("a target that never ends", b"GET /" + b"a" * 150, 414),
    ("a target that is too long", b"GET /" + b"a" * 100 + b" HTTP/1.1\r\n", 414),
    ("a request line that is too long", b"GET / " + b"a " * 100 + b"\r\n", 414),
    ("a head that never ends", b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 400, 431),
    ("a head that is too long", b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 400 + b"\r\n\r\n", 431),
    ("too many fields", b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 8 + b"\r\n", 431),
    ("an underscore", b"GET / HTTP/1.1\r\nHost: a\r\nX_Y: z\r\n\r\n", 400),
    ("an underscore after a loose end", b"GET / HTTP/1.1\r\nHost: a\n\r\nX_Y: z\r\n\r\n", 400),
    ("a chunk size with a sign", chunked(b"+5\r\nhello\r\n"), 400),
    ("a chunk that spills", chunked(b"5\r\nhello!\r\n"), 400),
    ("an endless chunk extension", chunked(b"5;" + b"a" * 600), 400),
    ("too many trailers", chunked(tail=b"0\r\n" + b"X: y\r\n" * 9 + b"\r\n"), 400),
    ("a trailer that never ends", chunked(tail=b"0\r\nX: " + b"y" * 500), 400),
    ("a trailer that is none", chunked(tail=b"0\r\nX y\r\n\r\n"), 400),
]


class RequestReaderTests(SynchronousTestCase):
    """
    What a user agent sends becomes heads, content and ends, or one refusal.
    """

    def test_simple_request(self) -> None:
        """
        A request without content is a head and its end.
        """
        head, end = RequestReader(LIMITS).feed(GET)
        assert isinstance(head, RequestHead)
        self.assertEqual((head.method, head.target, head.host), (b"GET", b"/a", b"app.example.com"))
        self.assertIs(end, END)

    def test_whole(self) -> None:
        """
        A request that has come in one piece and has no content is known without being fed; whatever else has come, or
        has come before it, is fed, and reads as if nothing had been asked.
        """
        reader = RequestReader(LIMITS)
        for _ in range(3):
            head = reader.whole(GET)
            assert head is not None
            self.assertEqual([head, END], RequestReader(LIMITS).feed(GET))
            head.derived[self] = True
        for wire in (
            b"",
            GET[:-1],
            GET + b"x",
            GET * 2,
            b"\r\n" + GET,
            *(wire for wire in GOOD_REQUESTS if wire != GET),
            *(wire for _, wire, _ in BAD_REQUESTS),
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            b"GET / HTTP/1.0\r\nHost: a\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
        ):
            with self.subTest(wire=wire):
                if b"http://" not in wire:
                    self.assertIsNone(RequestReader(SMALL).whole(wire))
                self.assertEqual(read([wire]), read(octets(wire)))

    def test_not_whole_by_what_came_before(self) -> None:
        """
        In the middle of a head or of content, and after the last request, nothing is a request of its own.
        """
        for before in (b"GET /b HTTP/1.1\r\nX: ", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n"):
            with self.subTest(before=before):
                reader = RequestReader(LIMITS)
                reader.feed(before)
                self.assertIsNone(reader.whole(GET))
        reader = RequestReader(LIMITS)
        reader.feed(b"GET / HTTP/1.0\r\n\r\n")
        self.assertIsNone(reader.whole(GET))

    def test_empty_line_before_a_whole_one(self) -> None:
        """
        One empty line before each request is ignored, whether the request is fed or not.
        """
        reader = RequestReader(LIMITS)
        for _ in range(3):
            self.assertEqual(reader.feed(b"\r\n"), [])
            self.assertIsNotNone(reader.whole(GET))
        reader.feed(b"\r\n")
        self.assertIsInstance(reader.feed(b"\r\n")[0], BadRequest)

    def test_content(self) -> None:
        """
        Content comes without its framing, and trailers do not come at all.
        """
        for wire, content in [
            (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
            (chunked(b"2\r\nhe\r\n", b"3\r\nllo\r\n", tail=b"0\r\nETag: evil\r\n\r\n"), b"hello"),
        ]:
            with self.subTest(wire=wire):
                self.assertEqual(read([wire])[1:], [content, END])

    def test_content_before_it_is_complete(self) -> None:
        """
        A head is told before its content, and content as it comes.
        """
        reader = RequestReader(LIMITS)
        self.assertIsInstance(reader.feed(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n")[0], RequestHead)
        self.assertEqual(reader.feed(b"ab"), [b"ab"])
        self.assertEqual(reader.feed(b"cd"), [b"cd", END])

    def test_pipeline(self) -> None:
        """
        Pipelined requests come in the order in which they were sent.
        """
        wire = b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(50))
        events = read([wire])
        heads = [event for event in events if isinstance(event, RequestHead)]
        self.assertEqual([head.target for head in heads], [b"/%d" % number for number in range(50)])
        self.assertEqual(events[1::2], [END] * 50)

    def test_nothing_after_close(self) -> None:
        """
        What follows the last message of a connection is not looked at.
        """
        for first in (
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\nContent-Length: 1\r\n\r\nx",
        ):
            with self.subTest(first=first):
                reader = RequestReader(LIMITS)
                self.assertIs(reader.feed(first + GET)[-1], END)
                self.assertEqual(reader.feed(GET), [])
                self.assertFalse(reader.mid_head)

    def test_refusals(self) -> None:
        """
        What cannot be a good request is refused at once, with the same status however it was cut, and is the last
        event.
        """
        for title, wire, status in BAD_REQUESTS:
            with self.subTest(title):
                whole = read([wire], SMALL)
                self.assertEqual(whole[-1][0], status)
                self.assertEqual(read(octets(wire), SMALL), whole)
                self.assertEqual(read([wire, GET], SMALL), whole)

    def test_refused_by_the_first_bytes(self) -> None:
        """
        What was never HTTP is refused by its first byte, not at a deadline.
        """
        for first in (b"\x16", b"\x00", b"\xff", b" ", b"\n", b"{"):
            with self.subTest(first=first):
                self.assertEqual([event[0] for event in read([first])], [400])

    def test_limits_are_inclusive(self) -> None:
        """
        A head of exactly the allowed size is read, one byte more is not.
        """
        start = b"GET / HTTP/1.1\r\nHost: a\r\nX: "
        room = SMALL.head_bytes - len(start) - 4
        self.assertIs(read([start + b"x" * room + b"\r\n\r\n"], SMALL)[-1], END)
        self.assertEqual(read([start + b"x" * (room + 1) + b"\r\n\r\n"], SMALL)[-1][0], 431)

    def test_mid_head(self) -> None:
        """
        The head deadline runs from the first byte of a head to its last.
        """
        reader = RequestReader(LIMITS)
        self.assertFalse(reader.mid_head)
        reader.feed(b"\r\n")
        self.assertFalse(reader.mid_head)
        reader.feed(GET[:5])
        self.assertTrue(reader.mid_head)
        reader.feed(GET[5:])
        self.assertFalse(reader.mid_head)

    def test_upgrade(self) -> None:
        """
        Bytes after a head that asks for an upgrade are handed over unread.
        """
        head = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
        events = RequestReader(LIMITS).feed(head + b"\x81\x00")
        self.assertEqual(events[1:], [END, Trailing(b"\x81\x00")])
        self.assertEqual(len(RequestReader(LIMITS).feed(head)), 2)

    def test_upgrade_not_granted(self) -> None:
        """
        Trailing bytes that are fed back are the next request.
        """
        wire = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n" + GET
        self.assertEqual([event.target for event in read([wire]) if isinstance(event, RequestHead)], [b"/", b"/a"])

    def test_other_upgrade(self) -> None:
        """
        What follows a head that asks for anything but a WebSocket is the next request, and is held from nobody.
        """
        for name in (b"h2c", b"websocket/13"):
            head = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: %b\r\n\r\n" % name
            events = RequestReader(LIMITS).feed(head + GET)
            self.assertEqual([event.target for event in events if isinstance(event, RequestHead)], [b"/", b"/a"])

    def test_bytes_at_once_or_one_by_one(self) -> None:
        """
        How the bytes were cut makes no difference.
        """
        for wire in GOOD_REQUESTS:
            with self.subTest(wire=wire):
                whole = read([wire])
                self.assertNotIsInstance(whole[-1], tuple)
                self.assertEqual(read(octets(wire)), whole)
                for size in (2, 3, 7, 16):
                    self.assertEqual(read(cut(wire, range(0, len(wire), size))), whole)

    @settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
    @given(
        wires=st.lists(
            st.one_of(st.sampled_from(GOOD_REQUESTS), st.sampled_from([wire for _, wire, _ in BAD_REQUESTS])),
            min_size=1,
            max_size=3,
        ),
        places=st.lists(st.integers(0, 2_000), max_size=12),
        damage=st.lists(
            st.tuples(
                st.integers(0, 2_000), st.sampled_from([b"", b"\r", b"\n", b"\r\n", b" ", b"\0", b":", b"\x80", b"0"])
            ),
            max_size=2,
        ),
    )
    def test_any_bytes(self, wires: list[bytes], places: list[int], damage: list[tuple[int, bytes]]) -> None:
        """
        Whatever is sent, and however it is cut: the same events, and nothing worse than a `BadRequest`, which is the
        last.
        """
        wire = b"".join(wires)
        for place, octet in damage:
            place %= len(wire) + 1
            wire = wire[:place] + octet + wire[place + (place & 1) :]
        whole = read([wire], SMALL)
        self.assertEqual(read(cut(wire, places), SMALL), whole)
        self.assertEqual(read(octets(wire), SMALL), whole)
        self.assertFalse([event for event in whole[:-1] if isinstance(event, tuple)])

    @settings(deadline=None, max_examples=200)
    @given(wire=st.binary(max_size=200), prefix=st.sampled_from([b"", b"GET / HTTP/1.1\r\n", chunked(tail=b"")]))
    def test_noise(self, wire: bytes, prefix: bytes) -> None:
        """
        Noise causes nothing but a `BadRequest`.
        """
        wire = prefix + wire
        self.assertEqual(read(octets(wire), SMALL), read([wire], SMALL))


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED_OK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX_Sum: 1\r\n\r\n"
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"

GOOD_RESPONSES = [
    OK,
    CHUNKED_OK,
    INTERIM + INTERIM + OK,
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n\r\nuntil the end\r\n\r\n",
    b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n\x81\x00\r\n",
]

BAD_RESPONSES = [
    ("HTTP/0.9", b"<html>"),
    ("HTTP/2.0", b"HTTP/2.0 200 OK\r\n\r\n"),
    ("a status below 100", b"HTTP/1.1 099 X\r\n\r\n"),
    ("a status above 599", b"HTTP/1.1 600 X\r\n\r\n"),
    ("a status of two digits, and bare LF", b"HTTP/1.1 99 X\n\n\r\n\r\n"),
    ("a control character in the reason", b"HTTP/1.1 200 O\rK\r\n\r\n"),
    ("a head that never ends", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 500),
    ("a bare LF", b"HTTP/1.1 200 OK\r\nX: y\n\n"),
    ("too many fields", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 9 + b"\r\n"),
    ("both framings", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("a short response", OK[:-1]),
    ("a short chunk", CHUNKED_OK[:-1]),
    ("half a head", OK[:20]),
    ("no response", b""),
    ("endless interim responses", INTERIM * 33),
    ("a broken chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n"),
    ("101 to nothing", b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
]


class ResponseReaderTests(SynchronousTestCase):
    """
    What an upstream sends becomes one response per request, or one refusal.
    """

    def test_simple_response(self) -> None:
        """
        A response is a head, its content and its end.
        """
        head, content, end = answer([OK])
        assert isinstance(head, ResponseHead)
        self.assertEqual((head.status, content, end), (200, b"ok", END))

    def test_refusals(self) -> None:
        """
        What cannot be believed is refused, the same however it was cut, and is the last event.
        """
        for title, wire in BAD_RESPONSES:
            with self.subTest(title):
                whole = answer([wire], limits=SMALL)
                self.assertIsInstance(whole[-1], str)
                self.assertEqual(answer(octets(wire), limits=SMALL), whole)

    def test_nothing_after_a_refusal(self) -> None:
        """
        A reader that has refused something reads nothing more.
        """
        reader = ResponseReader(LIMITS)
        reader.expect(b"GET")
        self.assertEqual(simple(reader.feed(b"<html>")), ["malformed status line"])
        self.assertEqual([reader.feed(OK), reader.eof()], [[], []])

    def test_no_content_to_head(self) -> None:
        """
        HEAD is answered without content, whatever length is announced.
        """
        for wire in (OK[:-2], CHUNKED_OK[: CHUNKED_OK.index(b"\r\n\r\n") + 4]):
            with self.subTest(wire=wire):
                reader = ResponseReader(LIMITS)
                reader.expect(b"HEAD")
                self.assertIs(reader.feed(wire)[-1], END)
                self.assertFalse(reader.surplus)

    def test_interim_responses(self) -> None:
        """
        Interim responses are told and do not answer the request.
        """
        events = answer([INTERIM + OK])
        self.assertEqual([event.status for event in events if isinstance(event, ResponseHead)], [103, 200])
        self.assertEqual(events.count(END), 1)

    def test_endless_interim_responses(self) -> None:
        """
        An upstream cannot keep a request waiting with interim responses.
        """
        self.assertEqual(answer([INTERIM * 40])[-1], "too many interim responses")
        self.assertIs(answer([INTERIM * 32 + OK])[-1], END)

    def test_interim_responses_are_counted_per_request(self) -> None:
        """
        A long connection may carry more interim responses than one request may get.
        """
        self.assertEqual(answer([INTERIM * 20 + OK, INTERIM * 20 + OK], [b"GET", b"GET"]).count(END), 2)

    def test_switching_protocols(self) -> None:
        """
        After a 101 every byte belongs to the other protocol, and its end is nobody's fault.
        """
        reader = ResponseReader(LIMITS)
        reader.expect(b"GET")
        head = b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n\r\n"
        events = reader.feed(head + b"\x81")
        assert isinstance(events[0], ResponseHead)
        self.assertEqual(events[0].upgrade, b"websocket")
        self.assertEqual(events[1:], [Trailing(b"\x81")])
        self.assertEqual(reader.feed(b"\x00"), [Trailing(b"\x00")])
        self.assertEqual(reader.eof(), [])

    def test_connect(self) -> None:
        """
        After a 2xx to CONNECT every byte belongs to the tunnel.
        """
        events = answer([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"], [b"CONNECT"])
        self.assertEqual(events[1:], [Trailing(b"x")])

    def test_surplus(self) -> None:
        """
        Bytes that no request asked for are dropped, and remembered: such a connection is not used again.
        """
        for before, method, wire in [
            (b"", b"GET", OK + b"x"),
            (b"", b"GET", OK + OK),
            (b"", b"HEAD", OK),
            (b"", b"GET", b"HTTP/1.1 204 N\r\nContent-Length: 1\r\n\r\nx"),
            (b"HTTP/1.1 408 R\r\n\r\n", b"GET", OK),
        ]:
            with self.subTest(before=before, wire=wire):
                reader = ResponseReader(LIMITS)
                self.assertEqual(reader.feed(before), [])
                reader.expect(method)
                self.assertEqual(reader.feed(wire).count(END), 1)
                self.assertTrue(reader.surplus)

    def test_two_responses(self) -> None:
        """
        A connection carries one response after the other, with nothing left between them.
        """
        reader = ResponseReader(LIMITS)
        for method in (b"GET", b"HEAD", b"GET"):
            reader.expect(method)
            self.assertIs(reader.feed(OK[:-2] if method == b"HEAD" else OK)[-1], END)
        self.assertEqual(reader.eof(), [])
        self.assertFalse(reader.surplus)

    def test_one_at_a_time(self) -> None:
        """
        Expecting a second response before the first is complete is our own mistake.
        """
        reader = ResponseReader(LIMITS)
        reader.expect(b"GET")
        self.assertRaises(AssertionError, reader.expect, b"GET")

    def test_until_close(self) -> None:
        """
        Without framing, content ends where the connection does.
        """
        self.assertEqual(answer([b"HTTP/1.1 200 OK\r\n\r\n", b"to the", b" end"])[1:], [b"to the end", END])

    def test_bytes_at_once_or_one_by_one(self) -> None:
        """
        How the bytes were cut makes no difference.
        """
        for wire in GOOD_RESPONSES:
            with self.subTest(wire=wire):
                whole = answer([wire])
                self.assertNotIsInstance(whole[-1], str)
                self.assertEqual(answer(octets(wire)), whole)

    @settings(deadline=None, max_examples=300)
    @given(
        wire=st.sampled_from(GOOD_RESPONSES + [wire for _, wire in BAD_RESPONSES]),
        method=st.sampled_from([b"GET", b"HEAD", b"CONNECT"]),
        places=st.lists(st.integers(0, 1_000), max_size=8),
        damage=st.lists(st.tuples(st.integers(0, 1_000), st.binary(max_size=2)), max_size=2),
    )
    def test_any_bytes(self, wire: bytes, method: bytes, places: list[int], damage: list[tuple[int, bytes]]) -> None:
        """
        Whatever is sent, and however it is cut: the same events, and nothing worse than a `BadResponse`.
        """
        for place, noise in damage:
            place %= len(wire) + 1
            wire = wire[:place] + noise + wire[place + 1 :]
        whole = answer([wire], [method], SMALL)
        self.assertEqual(answer(cut(wire, places), [method], SMALL), whole)
        self.assertEqual(answer(octets(wire), [method], SMALL), whole)
