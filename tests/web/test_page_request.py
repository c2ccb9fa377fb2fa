"""
Tests for `pomerium_tx.web.page_request`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.web.answers import HttpProblem
from pomerium_tx.web.page_request import (
    MAX_FORM_BYTES,
    MAX_PARAMETERS,
    BadParameter,
    PageRequest,
    form_pairs,
    parse_pairs,
)

FORM = "application/x-www-form-urlencoded"


def _request(**changes: object) -> PageRequest:
    values: dict[str, object] = {
        "method": "GET",
        "path": "/x",
        "origin": "https://app.example.com",
        "url": "https://app.example.com/x?code=secret",
        "raw_query": b"code=secret",
        "query": [("a", "1"), ("b", ""), ("c", "q")],
        "form_fields": [("c", "f"), ("d", "4"), ("e", "5"), ("e", "6")],
        "client_address": "192.0.2.1",
        "request_id": "r-1",
        "fields": {b"cookie": (b"a=secret; b=2", b"a=3"), b"accept": (b"x", b"y"), b"user-agent": (b"W\xe9b",)},
    }
    return PageRequest(**values | changes)  # type: ignore[arg-type] # a table of all kinds


class ParsePairsTests(SynchronousTestCase):
    """
    Tests for `parse_pairs` and `form_pairs`.
    """

    TABLE: tuple[tuple[bytes, list[tuple[str, str]]], ...] = (
        (b"", []),
        (b"a=1&b=&c&a=2", [("a", "1"), ("b", ""), ("c", ""), ("a", "2")]),
        (b"a=%C3%A9+%2B&\xc3\xa9=x", [("a", "é +"), ("é", "x")]),
        (b"a=%ff&b=\xff", [("a", "\ufffd"), ("b", "\ufffd")]),
        (b"a=%zz%&b=%", [("a", "%zz%"), ("b", "%")]),
        (b"a;b=1", [("a;b", "1")]),
        (b"iss=https://op.test/x?y&sid=1", [("iss", "https://op.test/x?y"), ("sid", "1")]),
        (b"a=%00", [("a", "\x00")]),
    )

    def test_table(self) -> None:
        """
        Every parameter is read, in order, whatever octets it holds.
        """
        for octets, pairs in self.TABLE:
            with self.subTest(octets=octets):
                self.assertEqual(parse_pairs(octets), pairs)

    def test_many(self) -> None:
        """
        A flood of parameters is refused and not read.
        """
        self.assertEqual(len(parse_pairs(b"&".join([b"a=1"] * MAX_PARAMETERS))), MAX_PARAMETERS)
        problem = self.assertRaises(HttpProblem, parse_pairs, b"&".join([b"a=1"] * (MAX_PARAMETERS + 1)))
        self.assertEqual(problem.status, 400)

    def test_form(self) -> None:
        """
        A urlencoded form is read; other content is no form.
        """
        for content_type, pairs in [
            (FORM, [("a", "1")]),
            (FORM.upper() + " ; charset=utf-8", [("a", "1")]),
            ("multipart/form-data; boundary=x", []),
            ("text/plain", []),
            (FORM + "x", []),
            ("", []),
            (None, []),
        ]:
            with self.subTest(content_type=content_type):
                self.assertEqual(form_pairs(content_type, b"a=1"), pairs)

    def test_large_form(self) -> None:
        """
        A form of 64 KiB is read, a larger one refused.
        """
        self.assertEqual(len(form_pairs(FORM, b"a=".ljust(MAX_FORM_BYTES, b"x"))), 1)
        problem = self.assertRaises(HttpProblem, form_pairs, FORM, b"a=".ljust(MAX_FORM_BYTES + 1, b"x"))
        self.assertEqual(problem.status, 413)


class PageRequestTests(SynchronousTestCase):
    """
    Tests for `PageRequest`.
    """

    def test_headers(self) -> None:
        """
        Fields are found by their names in any case; a repeated one equals no single value.
        """
        request = _request()
        self.assertEqual(request.headers("ACCEPT"), ["x", "y"])
        self.assertEqual(request.header("Accept"), "x, y")
        self.assertEqual(request.raw_headers(b"User-Agent"), [b"W\xe9b"])
        self.assertEqual(request.user_agent, "Wéb")
        self.assertIsNone(request.header("Origin"))
        self.assertEqual(_request(fields={}).user_agent, "")

    def test_cookies(self) -> None:
        """
        Every value of a cookie is found, as octets.
        """
        self.assertEqual(_request().cookies("a"), [b"secret", b"3"])
        self.assertEqual(_request().cookies("x"), [])

    def test_param(self) -> None:
        """
        A parameter is looked for in the query, then in the form; an empty one is there.
        """
        request = _request()
        found = {name: request.param(name) for name in "abcdx"}
        self.assertEqual(found, {"a": "1", "b": "", "c": "q", "d": "4", "x": None})

    def test_one(self) -> None:
        """
        A parameter that was given twice, in whatever places, is refused where only one can be meant.
        """
        request = _request()
        self.assertEqual(request.one("a"), "1")
        self.assertIsNone(request.one("x"))
        for name in ("c", "e"):
            with self.subTest(name=name):
                problem = self.assertRaises(BadParameter, request.one, name)
                self.assertEqual(problem.status, 400)

    def test_places(self) -> None:
        """
        A page can insist on the place of a parameter.
        """
        request = _request()
        self.assertEqual((request.one("c", "query"), request.one("c", "form")), ("q", "f"))
        self.assertIsNone(request.one("a", "form"))
        self.assertIsNone(request.one("d", "query"))
        self.assertEqual(request.values("e", "form"), ["5", "6"])

    def test_form(self) -> None:
        """
        The form holds every value of every field.
        """
        self.assertEqual(_request().form, {"c": ["f"], "d": ["4"], "e": ["5", "6"]})

    def test_repr_is_safe(self) -> None:
        """
        No cookie, code or form value gets into a log by way of a repr.
        """
        self.assertNotIn("secret", repr(_request(form_fields=[("token", "secret")], query=[("code", "secret")])))
