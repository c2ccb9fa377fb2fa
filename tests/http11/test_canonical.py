"""
Tests for `pomerium_tx.http11.canonical`.
"""

from __future__ import annotations

import re
from string import ascii_letters, digits
from time import perf_counter
from urllib.parse import unquote_to_bytes

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.http11.canonical import Canonical, canonical_path, canonicalise
from pomerium_tx.http11.heads import BadRequest, RequestHead


def head(target: bytes, *, method: bytes = b"GET", host: bytes = b"app.example.com", minor: int = 1) -> RequestHead:
    """
    A head that asks *host* for *target*.
    """
    return RequestHead(method, target, minor, [], host, None, False, True, None, False, frozenset())


SAME = [
    b"/",
    b"/a",
    b"/a/",
    b"/a/b.c/d",
    b"/a%20b/%E2%82%AC;p=1?q=%2F..%2F&r=a+b",
    b"/a?",
    b"/a??b",
    b'/a?x=//../%zz|^{}"<>\\`',
    b"/.well-known/pomerium",
    b"/.pomerium/sign_out",
    b"/.../..a/a..",
    b"/caf%E9",
    b"/C%23/100%25",
    b"/50%251/",
    b"/%2561dmin",
    b"/~a/-_.!$&'()*+,;=:@[1]",
    b"/admin%3F/x",
]

UNRESERVED = (ascii_letters + digits + "-._~").encode()
CHANGED = [
    (b"/a/../b", b"/b"),
    (b"/a/./b", b"/a/b"),
    (b"/a/..", b"/"),
    (b"/a/b/..", b"/a/"),
    (b"/a/.", b"/a/"),
    (b"/../../a", b"/a"),
    (b"/.", b"/"),
    (b"/..", b"/"),
    (b"//a///b//", b"/a/b/"),
    (b"//", b"/"),
    (b"/a//", b"/a/"),
    *((b"/x%%%02x" % octet, b"/x%c" % octet) for octet in UNRESERVED),
    (b"/.//a", b"/a"),
    (b"//../a", b"/a"),
    (b"/a//../b", b"/a/b"),
    (b"/public/%2e%2e/admin", b"/admin"),
    (b"/public/%2E./admin", b"/admin"),
    (b"/%41dmin/%7Ea", b"/Admin/~a"),
    (b"/a%2e", b"/a."),
    (b"/%e2%82%ac", b"/%E2%82%AC"),
    (b"/%2e%2e", b"/"),
    (b"/%2epomerium/sign_out", b"/.pomerium/sign_out"),
    (b"//.pomerium/sign_out?a", b"/.pomerium/sign_out?a"),
    (b"/x/../.pomerium", b"/.pomerium"),
    (b"/a/../b?c/../d", b"/b?c/../d"),
]

REFUSED = [
    b"/a%2fb",
    b"/a%2Fb",
    b"/a%5cb",
    b"/a\\b",
    b"/a%00",
    b"/a%0d%0ab",
    b"/a%1f",
    b"/a%7F",
    b"/a%",
    b"/a%2",
    b"/a%zz",
    b"/a%u002e",
    b"/a#b",
    b"/a?b#c",
    b"/a\x01",
    b"/a?\x01",
    b"/a b",
    b"/a?b c",
    b"/a\x7f",
    b"/\xc3\xa9",
    b"/a?\xc3\xa9",
    *(b"/a%cb" % octet for octet in b'"<>^`{|}'),
    b"/public/..;/admin",
    b"/public/..%23/admin",
    b"/public/..%3f/admin",
    b"/public/..%20/admin",
    b"/public/%2e%2e;x=y/admin",
    b"/public/..%3bx/admin",
    b"/.;/a",
    b"/public/%252e%252e/admin",
    b"/public/..%252fadmin",
    b"/public/..%25252Fadmin",
    b"/a%2500",
    b"/a%250a",
    b"/a%255Cb",
    b"/public/%c0%ae%c0%ae/admin",
    b"/public/..%c0%afadmin",
    b"/public/..%c1%9cadmin",
    b"/public/..%e0%80%afadmin",
    b"/public/..%f0%80%80%afadmin",
]


class CanonicaliseTests(SynchronousTestCase):
    """
    What is decided is what is sent.
    """

    def refused(self, status: int, request: RequestHead) -> None:
        """
        Fail unless *request* is refused with *status*.
        """
        with self.subTest(request=request):
            self.assertEqual(self.assertRaises(BadRequest, canonicalise, request).status, status)

    def test_untouched(self) -> None:
        """
        A target that needs no change is sent byte for byte, its query always.
        """
        for target in SAME:
            with self.subTest(target=target):
                self.assertEqual(canonicalise(head(target)).target, target)

    def test_changed(self) -> None:
        """
        Spellings of one path become one path.
        """
        for target, expected in CHANGED:
            with self.subTest(target=target):
                self.assertEqual(canonicalise(head(target)).target, expected)

    def test_refused(self) -> None:
        """
        What two readers may understand differently is refused.
        """
        for target in REFUSED:
            self.refused(400, head(target))

    def test_query(self) -> None:
        """
        An empty query is not the same as none.
        """
        self.assertIsNone(canonicalise(head(b"/a")).query)
        self.assertEqual(canonicalise(head(b"/a?")).query, b"")
        self.assertIsNone(canonicalise(head(b"/a/../b")).query)
        self.assertEqual(canonicalise(head(b"/a/../b?")).query, b"")

    def test_host(self) -> None:
        """
        The host is in lower case, without the dot at its end, apart from its port.
        """
        found = canonicalise(head(b"/", host=b"APP.example.com.:8443"))
        self.assertEqual(found, Canonical("app.example.com", 8443, b"/", None, b"app.example.com:8443"))
        self.assertEqual(canonicalise(head(b"/", host=b"[0::1]")).host, "[::1]")
        for target in (b"/a/../b", b"*"):
            found = canonicalise(head(target, host=b"app.example.com:8443", method=b"OPTIONS"))
            self.assertEqual((found.host, found.port), ("app.example.com", 8443))
        self.refused(400, head(b"/", host=b"a b"))
        self.refused(400, head(b"/", host=b""))

    def test_no_host(self) -> None:
        """
        An HTTP/1.0 request without Host asks nobody.
        """
        found = canonicalise(head(b"/ping", host=b"", minor=0))
        self.assertEqual((found.host, found.port, found.authority, found.path), ("", None, b"", b"/ping"))
        self.assertEqual(canonicalise(head(b"/ping", minor=0)).host, "app.example.com")

    def test_query_is_private(self) -> None:
        """
        A query may carry a handle or a code: it is not shown where the target is.
        """
        for target in (b"/a?PLANTED", b"/a/../b?PLANTED"):
            self.assertNotIn("PLANTED", repr(canonicalise(head(target))))

    def test_not_a_path(self) -> None:
        """
        A path begins with a slash; nothing is put before what does not.
        """
        for path in (b"a", b"", b"a/b", b"%2Fa"):
            self.assertRaises(BadRequest, canonical_path, path)

    def test_absolute_form(self) -> None:
        """
        The authority is that of the target, whatever Host says.
        """
        for target, authority, expected in [
            (b"http://B:1/a/../b?c", b"b:1", b"/b?c"),
            (b"HTTPS://b", b"b", b"/"),
            (b"http://b?c", b"b", b"/?c"),
            (b"http://b//c", b"b", b"/c"),
        ]:
            with self.subTest(target=target):
                found = canonicalise(head(target))
                self.assertEqual((found.authority, found.target), (authority, expected))
                self.assertEqual(canonicalise(head(target), merge_slashes=False).authority, authority)
        self.assertEqual(canonicalise(head(b"http://b/c"), merge_slashes=False).path, b"/c")
        for target in (b"ftp://b/", b"http://u@b/", b"http:///", b"b", b"b:80", b"*", b"?a", b""):
            self.refused(400, head(target))

    def test_asterisk(self) -> None:
        """
        OPTIONS may ask about the server as a whole.
        """
        found = canonicalise(head(b"*", method=b"OPTIONS"))
        self.assertEqual((found.target, found.authority), (b"*", b"app.example.com"))
        found = canonicalise(head(b"http://b:1", method=b"OPTIONS"))
        self.assertEqual((found.target, found.authority), (b"*", b"b:1"))
        self.assertEqual(canonicalise(head(b"http://b:1/a", method=b"OPTIONS")).target, b"/a")

    def test_methods(self) -> None:
        """
        No tunnel is opened, no request is echoed.
        """
        for method in (b"CONNECT", b"TRACE"):
            for target in (b"/", b"http://a/", b"/a/../b"):
                self.refused(405, head(target, method=method))

    def test_normalize_path_off(self) -> None:
        """
        Without normalisation the path stays as it was sent; what is ambiguous is refused all the same.
        """
        self.assertEqual(canonicalise(head(b"/a/../%41//b"), normalize_path=False).path, b"/a/../%41/b")
        self.assertRaises(BadRequest, canonicalise, head(b"/a/..%2fb"), normalize_path=False)

    def test_merge_slashes_off(self) -> None:
        """
        Without merging, empty segments stay.
        """
        for target, expected in [(b"//a//b//", b"//a//b//"), (b"/a//../b", b"/a/b"), (b"/./a//", b"/a//")]:
            with self.subTest(target=target):
                self.assertEqual(canonicalise(head(target), merge_slashes=False).path, expected)

    def test_what_others_found(self) -> None:
        """
        What somebody has found out about a target is no part of it, and is not shown.
        """
        first, second = canonicalise(head(b"/a")), canonicalise(head(b"/a"))
        first.derived[self] = "found there"
        self.assertEqual(first, second)
        self.assertEqual(second.derived, {})
        self.assertNotIn("found there", repr(first))
        self.assertNotIn("derived", repr(second))

    def test_same_head_again(self) -> None:
        """
        A head that is asked about again has the same target, and another one by other rules.
        """
        asked = head(b"/a//./b")
        rules = [(normalize, merge) for normalize in (True, False) for merge in (True, False)]
        for _ in range(2):
            paths = [canonicalise(asked, normalize_path=n, merge_slashes=m).path for n, m in rules]
            self.assertEqual(paths, [b"/a/b", b"/a//b", b"/a/./b", b"/a//./b"])
        self.assertIs(canonicalise(asked), canonicalise(asked))

    def test_time_is_linear(self) -> None:
        """
        The longest target that may come is refused as fast as it is read, whatever fills it.
        """
        for filling in (b"/", b".", b"/.", b"/..", b"%25", b"%41", b"25", b"a", b"%C0", b";", b"//..", b"%2E"):
            for start in (b"/", b"/%", b"/?", b"http://"):
                with self.subTest(filling=filling, start=start):
                    begun = perf_counter()
                    for end in (b"", b"#"):
                        try:
                            canonicalise(head(start + filling * (8_000 // len(filling)) + end))
                        except BadRequest:
                            pass
                    self.assertLess(perf_counter() - begun, 0.5)

    @settings(deadline=None, max_examples=1_000)
    @given(
        st.lists(
            st.sampled_from(
                [
                    b"/",
                    b"//",
                    b".",
                    b"..",
                    b"%2e",
                    b"%2E",
                    b"%25",
                    b"2e",
                    b"2F",
                    b"a",
                    b";",
                    b"%41",
                    b"%7e",
                    b"%c3%a9",
                    b"%20",
                    b"?",
                    b"%3B",
                ]
            )
            | st.binary(max_size=2),
            max_size=12,
        ).map(b"".join)
    )
    def test_fixed_point(self, rest: bytes) -> None:
        """
        The canonical form is its own canonical form, and holds nothing that another reader would resolve.
        """
        try:
            once = canonicalise(head(b"/" + rest))
        except BadRequest:
            return
        self.assertEqual(canonicalise(head(once.target)), once)
        readings = [once.path]
        while (decoded := unquote_to_bytes(readings[-1])) != readings[-1]:
            readings.append(decoded)
        for path in readings:
            self.assertNotIn(b"//", path)
            self.assertNotIn(b"\\", path)
            self.assertIsNone(re.search(rb"/\.\.?(?:/|;|\Z)", path), path)
            self.assertIsNone(re.search(rb"[\x00-\x1f\x7f]", path), path)
        self.assertRegex(once.path, rb"\A/[!-~]*\Z")

    @settings(deadline=None, max_examples=300)
    @given(
        st.lists(st.sampled_from([b"a", b"b.c", b"..", b".", b"", b"%2e%2e"]), max_size=8),
        st.sampled_from([b"", b"%41"]),
    )
    def test_shortcut_agrees(self, segments: list[bytes], tail: bytes) -> None:
        """
        The short way for plain targets and the long way give the same path.
        """
        path = b"/" + b"/".join(segments) + tail
        assume(b"?" not in path)
        self.assertEqual(canonicalise(head(path)).path, canonical_path(path))
