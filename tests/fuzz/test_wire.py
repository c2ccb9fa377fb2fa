"""
Requests and responses as grammars write them, whole, damaged, and one after another.
"""

from __future__ import annotations

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import forwarded, wire
from tests.fuzz.engine import Octets, damaged, fuzzed, joined, words

METHODS = words("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND", "M-SEARCH", "CONNECT", "PRI", "get", "")
TARGETS = words(
    "/",
    "/a/../b//c?x=%00&y",
    "/%41%7e;x",
    "/a?pomerium_session=x&b",
    "http://app.example.com/a",
    "http://APP.example.com:80",
    "https://other.test/",
    "*",
    "a:80",
    "/#",
    "//evil/x",
)
VALUES = st.one_of(
    words("", "a", "a, b", '"a\\"b"', "chunked", "5", "gzip", "a=b; _pomerium=c; d", "\t x \t", "close", "websocket"),
    st.binary(max_size=12),
)
NAMES = words(
    *"Accept Authorization Connection Cookie Expect Forwarded Host Keep-Alive Max-Forwards Origin Range".split(),
    *"Referer If-None-Match TE Trailer Transfer-Encoding Content-Length Content-Type Upgrade Via X-A X.b".split(),
    *"x~1 X-Email x_email".split(),
    *"X-Forwarded-For X-Forwarded-Proto X_Forwarded_For X-Pomerium-Jwt-Assertion x.pomerium.x X-Set X-B x_b".split(),
)
FIELDS = joined(st.tuples(NAMES, VALUES).map(lambda field: b"%b: %b\r\n" % field), most=5)
FRAMINGS = words(
    *("Connection: X-A, te\r\n", "Connection: close\r\n", "Connection: upgrade\r\nUpgrade: websocket\r\n", "")
)
CHUNKS = joined(
    st.tuples(words("", ";a", ';a="b;c"', ";a=b", " "), st.binary(min_size=1, max_size=30)).map(
        lambda chunk: b"%X%b\r\n%b\r\n" % (len(chunk[1]), *chunk)
    ),
    most=3,
)
TRAILERS = words("", "X-Sum: 1\r\n", "Content-Length: 5\r\n", "X_Y: z\r\n", "x: \xff\r\n")


def framed(head: Octets) -> Octets:
    """
    A head, how long the content is, and the content.
    """
    by_length = st.binary(max_size=40).map(lambda content: b"Content-Length: %d\r\n\r\n%b" % (len(content), content))
    by_chunks = st.tuples(CHUNKS, TRAILERS).map(
        lambda parts: b"Transfer-Encoding: chunked\r\n\r\n%b0\r\n%b\r\n" % parts
    )
    return st.tuples(head, st.one_of(by_length, by_chunks, st.just(b"\r\n"))).map(b"".join)


def a_request(targets: Octets, methods: Octets) -> Octets:
    """
    A request.
    """
    line = st.tuples(methods, targets, words("HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0")).map(b" ".join)
    host = words(
        *("Host: app.example.com\r\n", "Host: App.example.com:80\r\n", "Host: app.example.com\r\n", ""),
        "Host: app.example.com\r\nHost: other.test\r\n",
    )
    return framed(st.tuples(line, st.just(b"\r\n"), host, FIELDS, FRAMINGS).map(b"".join))


REQUESTS = a_request(TARGETS, METHODS)
STATUSES = words("200 OK", "204 N", "304 N", "404", "100 C", "103 E", "101 S", "600 X", "99 X", "200 O\xe9")
VERSIONS = words("HTTP/1.1 ", "HTTP/1.1 ", "HTTP/1.0 ", "HTTP/2 ")
RESPONSES = framed(st.tuples(VERSIONS, STATUSES, st.just(b"\r\n"), FIELDS, FRAMINGS).map(b"".join))


class ReadersTests(SynchronousTestCase):
    """
    What comes from the network, in whatever pieces.
    """

    @fuzzed(damaged(joined(REQUESTS, most=3)), 250)
    def test_requests(self, octets: bytes) -> None:
        """
        A user agent causes nothing but events and one refusal, the same however its bytes are cut.
        """
        wire.check_request_reader(octets)

    @fuzzed(st.binary(max_size=200), 60)
    def test_noise(self, octets: bytes) -> None:
        """
        Neither does noise, to either reader.
        """
        wire.check_request_reader(octets)
        wire.check_response_reader(octets)

    @fuzzed(st.tuples(st.binary(min_size=1, max_size=1), damaged(joined(RESPONSES, most=3))).map(b"".join), 300)
    def test_responses(self, octets: bytes) -> None:
        """
        An upstream causes nothing but events and one refusal, the same however its bytes are cut.
        """
        wire.check_response_reader(octets)


class ForwardedTests(SynchronousTestCase):
    """
    What is sent on.
    """

    @fuzzed(joined(REQUESTS, most=2, least=1), 200)
    def test_requests(self, octets: bytes) -> None:
        """
        What passes is one thing to every reader, and nothing in it claims to be ours.
        """
        forwarded.check_forwarded(octets)

    @fuzzed(joined(a_request(words("/a?b", "/%41"), words("GET", "POST", "OPTIONS")), most=2, least=1), 150)
    def test_good_lines(self, octets: bytes) -> None:
        """
        The same where the request line is good and all that differs is in the fields.
        """
        forwarded.check_forwarded(octets)
