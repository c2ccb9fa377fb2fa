"""
Tests of `pomerium_tx.authorize.read`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.authorize.read import Read, Reads
from pomerium_tx.http11.heads import HeadLimits, RequestHead
from pomerium_tx.http11.remembered_heads import request_head
from pomerium_tx.sessions.handle import NOTHING_PRESENTED, Carrier, Handle, Handles, Presented

ONE, OTHER = (Handle(name, "alice", "", (), "", 0.0) for name in ("one", "other"))


class ReadTests(SynchronousTestCase):
    """
    What is worked out of what was presented.
    """

    def test_names_one(self) -> None:
        """
        Only of one session, and of nobody's, may a verdict be given again.
        """
        for presented, names_one, session_id in (
            (NOTHING_PRESENTED, True, ""),
            (Presented(Carrier.COOKIE, (ONE,), True), True, "one"),
            (Presented(Carrier.COOKIE, (ONE, OTHER), True), False, "one"),
            (Presented(Carrier.COOKIE, (ONE,), True, (OTHER,)), False, "one"),
            (Presented(Carrier.HEADER, (), True), True, ""),
        ):
            with self.subTest(presented=presented):
                read = Read(presented, [], has_authorization=False)
                self.assertEqual((read.names_one, read.session_id), (names_one, session_id))


class ReadsTests(SynchronousTestCase):
    """
    What is known of what requests present.
    """

    def head(self, cookie: bytes, other: bytes = b"1") -> RequestHead:
        """
        A request with that cookie.
        """
        return request_head(b"GET / HTTP/1.1\r\nHost: a\r\nX: %b\r\nCookie: %b\r\n\r\n" % (other, cookie), HeadLimits())

    def setUp(self) -> None:
        """
        Nothing is known.
        """
        self.handles = Handles(b"k" * 32, "_pomerium")
        self.reads = Reads(self.handles)

    def test_once(self) -> None:
        """
        What a head presents is worked out once, however long it is, and once for heads that differ in other fields.
        """
        for size in (10, 5_000):
            with self.subTest(size=size):
                head = self.head(b"c" * size)
                self.assertIs(self.reads.of(head, None), self.reads.of(head, b"q=1"))
        first, second, other = self.head(b"a=1"), self.head(b"a=1", b"2"), self.head(b"a=2")
        self.assertIs(self.reads.of(first, None), self.reads.of(second, None))
        self.assertIsNot(self.reads.of(first, None), self.reads.of(other, None))

    def test_ended(self) -> None:
        """
        What names a session that has ended, or holds what may be a token of it, is forgotten, and its head is over; so
        is one of which nobody has read what it presents. Others are kept.
        """
        one, two, three = (
            self.handles.mint(name, user_id="alice", issuer="", audience=(), idp_id="", now=0.0).encode()
            for name in ("one", "two", "three")
        )
        cookies = {
            "one": b"_pomerium=%b" % one,
            "two": b"_pomerium=%b" % two,
            "one and two": b"_pomerium=%b; _pomerium=%b" % (one, two),
            "none": b"theme=dark",
        }
        heads = {name: self.head(cookie) for name, cookie in cookies.items()}
        for head in heads.values():
            self.reads.of(head, None)
        heads["token"] = request_head(
            b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer of-somebody\r\n\r\n", HeadLimits()
        )
        self.reads.of(heads["token"], None)
        heads["not read"] = self.head(b"_pomerium=%b" % three)
        over = {name for name, head in heads.items() if self.reads.is_over(head.derived, (), {"one", "four"})}
        self.assertEqual(over, {"one", "one and two", "token", "not read"})
        of_others = heads["two"].derived
        for own, is_over in (
            ((b"/", b"x"), False),
            ((b"/?pomerium_session=x",), True),
            ((b"/", b"/?%70omerium"), True),
        ):
            self.assertIs(self.reads.is_over(of_others, own, {"one"}), is_over)
        self.assertEqual(len(self.reads), 5)
        self.reads.forget({"one", "four"})
        self.assertEqual(len(self.reads), 2)

    def test_long_ones(self) -> None:
        """
        For other heads what is long is not kept.
        """
        for size, kept in ((4_097, 0), (4_096, 1), (5_000, 1), (1, 2)):
            self.reads.of(self.head(b"c" * size), None)
            self.assertEqual(len(self.reads), kept)
        self.reads.forget_all()
        self.assertEqual(len(self.reads), 0)
