"""
What we pass on is one thing to every reader: the same requests, fields and content, and no more of them.
"""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile.passed_on import PassedOnTestCase, probe_cases
from tests.hostile.readers import by_h11, by_the_letter, by_twisted

_NAMES = st.sampled_from(
    "Accept Accept-Language Authorization Cache-Control Content-Encoding Content-Type Cookie Date From If-Match"
    " Keep-Alive Max-Forwards Origin Pragma Proxy-Authorization Range Referer TE Trailer User-Agent Via X-A X.b x-A x~1"
    " X-Forwarded-For X-Forwarded-Proto Forwarded Transfer-Encodin Content-Lengt".split()
).map(str.encode)
_VALUES = st.one_of(
    st.sampled_from(
        (b"", b"a", b"a, b", b'"a\\"b"', b"chunked", b"5", b"gzip, deflate", b"a=b; c=d", b"\t x \t", b"0")
    ),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=20).map(
        lambda text: text.encode("latin-1")
    ),
)
_FIELDS = st.lists(st.tuples(_NAMES, _VALUES), max_size=6)
_TARGETS = st.sampled_from((b"/", b"/a/../b//c", b"/%41%7e?x=%00&y", b"/a;b=c/$&'()*+,=:@!?a?b/c", b"/.", b"//evil/x"))
_METHODS = st.sampled_from(
    (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"PROPFIND", b"M-SEARCH")
)
_PIECES = st.lists(st.binary(min_size=1, max_size=40), max_size=4)
_CONNECTIONS = st.sampled_from(
    (b"", b"Connection: X-A, te\r\n", b"Connection: keep-alive, upgrade\r\nUpgrade: h2c\r\n")
)


@st.composite
def _requests(draw: st.DrawFn) -> bytes:
    fields = b"".join(b"%b:%b\r\n" % field for field in draw(_FIELDS))
    head = b"%b %b HTTP/1.1\r\nHost: app.example.com\r\nWho: alice\r\n" % (draw(_METHODS), draw(_TARGETS))
    head += fields + draw(_CONNECTIONS)
    pieces = draw(_PIECES)
    match draw(st.integers(0, 2)):
        case 0:
            return head + b"\r\n"
        case 1:
            content = b"".join(pieces)
            return head + b"Content-Length: %d\r\n\r\n" % len(content) + content
        case _:
            chunks = b"".join(b"0%X;a=b\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
            return head + b"Transfer-Encoding: Chunked\r\n\r\n" + chunks + b"000\r\nX-Sum: 1\r\n\r\n"


class ReadersTests(PassedOnTestCase):
    """
    What comes out, to three readers.
    """

    def assert_one_meaning(self, asked: bytes) -> int:
        """
        All readers read the same of what is passed on; how many requests they read.
        """
        heard = self.passed_on(asked)
        read = by_the_letter(heard)
        self.assertEqual(by_h11(heard), read)
        self.assertEqual(by_twisted(heard), read)
        return len(read)

    def test_probe(self) -> None:
        """
        Whatever passes of the cases of Http11Probe.
        """
        passed = 0
        for asked in probe_cases():
            with self.subTest(asked=asked):
                passed += self.assert_one_meaning(asked) > 0
        self.assertGreater(passed, 25)

    @settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
    @given(asked=st.lists(_requests(), min_size=1, max_size=3))
    def test_generated(self, asked: list[bytes]) -> None:
        """
        Whatever passes of requests with unusual parts, alone or one after another.
        """
        self.assert_one_meaning(b"".join(asked))
