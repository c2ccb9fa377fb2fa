"""
Tests of `pomerium_tx.http11.remembered_heads`.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.http11 import remembered_heads
from pomerium_tx.http11.heads import BadRequest, HeadLimits, RequestHead
from pomerium_tx.http11.remembered_heads import request_head
from pomerium_tx.http11.request_head import read_head
from tests.http11.test_request_head import LIMITS
from tests.http11.test_varying import APART, AS_THEY_ARE


class WholeRequestTests(SynchronousTestCase):
    """
    Requests that are known as a whole.
    """

    def setUp(self) -> None:
        """
        Nothing is known.
        """
        remembered_heads.forget_heads()
        self.addCleanup(remembered_heads.forget_heads)

    def whole(self, raw: bytes, limits: HeadLimits = LIMITS) -> RequestHead:
        """
        The head of a request that is whole, from which something is worked out.
        """
        found = remembered_heads.whole_request(raw, limits)
        assert found is not None
        found.derived[self] = True
        return found

    def test_same_again(self) -> None:
        """
        The same bytes are the same head, once they have come before; another target is another one.
        """
        raw = b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n"
        first = self.whole(raw % b"a")
        second = self.whole(raw % b"a")
        self.assertIsNot(first, second)
        self.assertIs(self.whole(raw % b"a"), second)
        self.assertEqual(self.whole(raw % b"b").target, b"/b")
        self.assertIs(self.whole(raw % b"a"), second)
        remembered_heads.forget_heads()
        self.assertIsNot(self.whole(raw % b"a"), second)

    def test_forgotten(self) -> None:
        """
        Of all that is known those heads are forgotten that are over, by what was worked out from them.
        """
        kept, over = (b"GET /%%b HTTP/1.1\r\nHost: %b\r\n\r\n" % host for host in (b"a", b"b"))
        heads = {raw: self.whole(raw) for raw in [one % target for one in (kept, over) for target in (b"1", b"2")] * 2}
        heads[over % b"1"].derived["over"] = True
        remembered_heads.forget_heads(lambda derived, own: "over" in derived)
        self.assertEqual(set(remembered_heads._whole), {kept % b"1", kept % b"2"})
        for raw, head in heads.items():
            self.assertEqual(self.whole(raw).derived is head.derived, b"Host: a" in raw)

    def test_limits_of_the_day(self) -> None:
        """
        What was accepted under other limits is not known under these.
        """
        raw = b"GET /long HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n"
        for _ in range(3):
            self.whole(raw)
        for strict in (HeadLimits(fields=1), HeadLimits(target=4), HeadLimits(head_bytes=20)):
            self.assertIsNone(remembered_heads.whole_request(raw, strict))

    def test_bounded(self) -> None:
        """
        No more than so many are kept, and none that is long; nor one that comes for the first time.
        """
        for times, most in ((1, 0), (2, 1_024)):
            for number in range(3_000):
                raw = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number
                for _ in range(times):
                    self.assertEqual(self.whole(raw).target, b"/%d" % number)
                self.assertLessEqual(len(remembered_heads._whole), most)
                self.assertLessEqual(len(remembered_heads._seen), 1_024)
            self.assertGreaterEqual(len(remembered_heads._whole), min(most, 100))
        remembered_heads.forget_heads()
        self.assertEqual((len(remembered_heads._whole), len(remembered_heads._seen)), (0, 0))
        self.assertIsNone(
            remembered_heads.whole_request(b"GET / HTTP/1.1\r\nHost: a\r\nX: %b\r\n\r\n" % (b"x" * 5_000), LIMITS)
        )

    def test_forgotten_by_its_own(self) -> None:
        """
        Who says which heads are over sees what each has besides what it has in common with others.
        """
        raw = b"GET /%b HTTP/1.1\r\nHost: a\r\nReferer: b\r\nRange: %b\r\n\r\n"
        kept, over, also = raw % (b"x", b"y"), raw % (b"x", b"over"), raw % (b"over", b"y")
        for data in (kept, over, also) * 2:
            self.whole(data)
        seen: list[Sequence[bytes]] = []

        def is_over(derived: object, own: Sequence[bytes]) -> bool:
            seen.append(own)
            return b"over" in own or b"/over" in own

        remembered_heads.forget_heads(is_over)
        self.assertEqual(list(remembered_heads._whole), [kept])
        self.assertEqual(seen, [(b"/x", b"b", b"y"), (b"/x", b"b", b"over"), (b"/over", b"b", b"y"), ()])


class RememberedTests(SynchronousTestCase):
    """
    Fields that have been read before are not read again, which changes nothing.
    """

    def test_same_as_before(self) -> None:
        """
        A head means the same however often its fields came before, with whatever target, method and version.
        """
        blocks = [
            b"Host: a\r\n\r\n",
            b"Host: a\r\nContent-Length: 3\r\n\r\n",
            b"Host: a\r\nConnection: close, X\r\nX: 1\r\n\r\n",
            b"Host: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"Host: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
            b"Host: a\r\nHost: b\r\n\r\n",
            b"Host: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
            b"X: 1\r\n\r\n",
            b"\r\n",
        ]
        lines = [
            b"%b %b HTTP/1.%d\r\n" % (method, target, minor)
            for method in (b"GET", b"POST", b"OPTIONS")
            for target in (b"/", b"/a?b", b"*", b"http://other/x", b"https://b")
            for minor in (0, 1)
        ]
        limits = HeadLimits()

        def told(raw: bytes) -> object:
            try:
                return request_head(raw, limits)
            except BadRequest as problem:
                return str(problem)

        for block in blocks:
            for line in lines:
                with self.subTest(line=line, block=block):
                    remembered_heads.forget_heads()
                    fresh = told(line + block)
                    for other in lines:
                        told(other + block)
                    self.assertEqual(told(line + block), fresh)

    def test_shared(self) -> None:
        """
        What is worked out from the fields is had in common by heads that differ in their target, and by no others.
        """
        block = b"Host: shared\r\n\r\n"
        limits = HeadLimits()
        first, second, post, other = (
            request_head(raw, limits)
            for raw in (
                b"GET /a HTTP/1.1\r\n" + block,
                b"GET /b HTTP/1.1\r\n" + block,
                b"POST /b HTTP/1.1\r\n" + block,
                b"GET /b HTTP/1.1\r\nX: 1\r\n" + block,
            )
        )
        self.assertIs(first.derived, second.derived)
        self.assertIsNot(first.derived, post.derived)
        self.assertIsNot(first.derived, other.derived)
        absolute = request_head(b"GET http://shared/ HTTP/1.1\r\n" + block, limits)
        self.assertIsNot(first.derived, absolute.derived)

    def test_what_varies(self) -> None:
        """
        Heads that differ in nothing but what varies have everything else in common, and each has its own of that.
        """
        raw = b"GET / HTTP/1.1\r\nHost: a\r\nReferer: %b\r\nAccept: b\r\n%b\r\n"
        heads = [
            request_head(raw % what, LIMITS)
            for what in ((b"one", b""), (b"two", b"Range: bytes=0-\r\n"), (b"one", b"X: 1\r\n"))
        ]
        self.assertIs(heads[0].derived, heads[1].derived)
        self.assertIsNot(heads[0].derived, heads[2].derived)
        self.assertEqual([head.get(b"referer") for head in heads], [b"one", b"two", b"one"])
        self.assertEqual([head.get(b"range") for head in heads], [None, b"bytes=0-", None])
        self.assertEqual([head.get_all(b"referer") for head in heads], [[b"one"], [b"two"], [b"one"]])
        self.assertEqual([head.get(b"accept") for head in heads], [b"b"] * 3)
        steady = [(b"host", b"Host", b"a"), (b"accept", b"Accept", b"b")]
        self.assertEqual([head.steady for head in heads], [steady, steady, [*steady, (b"x", b"X", b"1")]])
        for head in heads:
            self.assertEqual([*head.steady, *head.varying], head.fields)

    def test_order_counts(self) -> None:
        """
        Where a field that varies comes twice, however it is spelled, the first one is the first, and nothing is had in
        common with others.
        """
        for lines in (
            b"Referer: 1\r\nReferer: 2\r\n",
            b"referer: 1\r\nReferer: 2\r\n",
            b"Referer: 1\r\nrEferer: 2\r\n",
        ):
            with self.subTest(lines):
                head, again, other = (
                    request_head(b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n" % block, LIMITS)
                    for block in (lines, lines, lines.replace(b"1", b"3"))
                )
                self.assertEqual(head.get_all(b"referer"), [b"1", b"2"])
                self.assertEqual((head.get(b"referer"), other.get(b"referer")), (b"1", b"3"))
                self.assertEqual((head.varying, head.steady), ((), head.fields))
                self.assertIs(again.derived, head.derived)
                self.assertIsNot(other.derived, head.derived)

    def test_same_as_read(self) -> None:
        """
        What varies being told apart, a head means what it means when it is read as it came, or is refused alike.
        """
        varying = (b"", *(came for came, _, _ in APART), *AS_THEY_ARE)
        others = (b"", b"Connection: referer, close\r\n", b"Content-Length: 3\r\n", b"Host: b\r\n", b"Range:  c\r\n")
        for limits in (LIMITS, HeadLimits(fields=3)):
            for came in varying:
                for other in others:
                    for block in (b"Host: a\r\n" + came + other, other + came + b"Host: a\r\n"):
                        with self.subTest(block=block, limits=limits):
                            self.same_as_read(block + b"\r\n", limits)

    def same_as_read(self, block: bytes, limits: HeadLimits) -> None:
        """
        Fail if it makes a difference that heads are remembered.
        """
        try:
            expected = read_head(b"GET", b"/", b"1", block, limits)
        except BadRequest as problem:
            for _ in range(2):
                refused = self.assertRaises(BadRequest, request_head, b"GET / HTTP/1.1\r\n" + block, limits)
                self.assertEqual(str(refused), str(problem))
            return
        for _ in range(2):
            head = request_head(b"GET / HTTP/1.1\r\n" + block, limits)
            for name in {name for name, _, _ in expected.fields}:
                self.assertEqual((head.get(name), head.get_all(name)), (expected.get(name), expected.get_all(name)))
            self.assertEqual(head.steady, [field for field in expected.fields if field not in head.varying])
            self.assertCountEqual(head.fields, expected.fields)
            head.fields = expected.fields
            self.assertEqual(head, expected)

    def test_limits_of_the_day(self) -> None:
        """
        Fields that were accepted under other limits are refused under these.
        """
        raw = b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nY: 2\r\n\r\n"
        request_head(raw, HeadLimits())
        refused = self.assertRaises(BadRequest, request_head, raw, HeadLimits(fields=2))
        self.assertEqual(refused.status, 431)

    def test_bounded(self) -> None:
        """
        What is remembered is bounded in number and in size, and nothing that was refused is.
        """
        remembered_heads.forget_heads()
        remembered = remembered_heads._steady
        limits = HeadLimits()
        for number in range(3_000):
            request_head(b"GET / HTTP/1.1\r\nHost: a\r\nX: %d\r\n\r\n" % number, limits)
            self.assertEqual(len(remembered), number + 1 if number < 2_048 else 1_024 + number % 1_024 + 1)
        remembered_heads.forget_heads()
        long = b"GET / HTTP/1.1\r\nHost: a\r\nX: %b\r\n\r\n" % (b"x" * 5_000)
        request_head(long, limits)
        for bad in (b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"):
            self.assertRaises(BadRequest, request_head, bad, limits)
        self.assertEqual(len(remembered), 0)
