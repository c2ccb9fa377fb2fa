"""
Tests for `pomerium_tx.http11.heads`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.http11.heads import BadRequest, BadResponse, Field, RequestHead, ResponseHead

FIELDS: list[Field] = [(b"accept", b"Accept", b"a"), (b"x", b"X", b"1"), (b"accept", b"ACCEPT", b"b")]


def request(*, content_length: int | None = None, chunked: bool = False) -> RequestHead:
    """
    A request head with `FIELDS`.
    """
    return RequestHead(b"GET", b"/", 1, FIELDS, b"a", content_length, chunked, True, None, False, frozenset())


class HeadTests(SynchronousTestCase):
    """
    A head answers questions about its fields.
    """

    def test_fields_by_name(self) -> None:
        """
        The first value, or all of them in order, by lower-case name.
        """
        response = ResponseHead(200, b"OK", 1, FIELDS, None, False, True, frozenset(), False, False, None)
        for head in (request(), response):
            with self.subTest(head=head):
                self.assertEqual(head.get(b"accept"), b"a")
                self.assertIsNone(head.get(b"cookie"))
                self.assertEqual(head.get_all(b"accept"), [b"a", b"b"])
                self.assertEqual(head.get_all(b"cookie"), [])

    def test_has_content(self) -> None:
        """
        Content follows where a framing says so, and a length of zero does not.
        """
        for head, expected in [
            (request(), False),
            (request(content_length=0), False),
            (request(content_length=1), True),
            (request(chunked=True), True),
        ]:
            with self.subTest(head=head):
                self.assertEqual(head.has_content, expected)

    def test_problems_say_what_is_wrong(self) -> None:
        """
        A refusal carries its status and a reason that can be shown.
        """
        problem = BadRequest(417, "unknown expectation")
        self.assertEqual(
            (problem.status, problem.reason, str(problem)), (417, "unknown expectation", "417 unknown expectation")
        )
        self.assertEqual(BadResponse("too long").reason, "too long")
