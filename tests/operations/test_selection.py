"""
Tests of `pomerium_tx.operations.selection`.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.operations.selection import (
    LONGEST_VALUE,
    Selection,
    WrongParameter,
    moment,
    parameters,
    truth,
    whole_number,
)
from pomerium_tx.sessions.session import RouteUse, Session
from pomerium_tx.web.answers import HttpProblem
from pomerium_tx.web.page_request import BadParameter, PageRequest, parse_pairs
from tests.operations.administered import APP, CHAT, ROUTES, AdministeredCase, used
from tests.sessions import records


def asked(query: bytes) -> PageRequest:
    """
    A request with a query.
    """
    return PageRequest(
        method="GET",
        path="/sessions",
        origin="",
        url="",
        raw_query=query,
        query=parse_pairs(query),
        form_fields=[],
        client_address="",
        request_id="",
        fields={},
    )


def selected(**given: str) -> Selection:
    """
    What parameters select.
    """
    return Selection.of(given, ROUTES)


class ParameterTests(SynchronousTestCase):
    """
    Reading a query.
    """

    def test_read(self) -> None:
        """
        Known parameters are read, percent-encoded or not.
        """
        self.assertEqual(parameters(asked(b"a=x%20y&b=%C3%A9"), ("a", "b", "c")), {"a": "x y", "b": "é"})
        self.assertEqual(parameters(asked(b""), ("a",)), {})

    def test_refused(self) -> None:
        """
        What is unknown, repeated, empty, too long or no text is refused by its name.
        """
        for query, name, kind in (
            (b"b=1", "b", WrongParameter),
            (b"A=1", "A", WrongParameter),
            (b"a=1&a=1", "a", BadParameter),
            (b"a=", "a", WrongParameter),
            (b"a", "a", WrongParameter),
            (b"a=%20", "a", WrongParameter),
            (b"a=%FF", "a", WrongParameter),
            (b"a=" + b"x" * (LONGEST_VALUE + 1), "a", WrongParameter),
        ):
            with self.subTest(query[:20]):
                problem = self.assertRaises(kind, parameters, asked(query), ("a",))
                self.assertEqual(problem.status, 400)
                self.assertIn(f"parameter {name} ", problem.message)
        self.assertEqual(len(parameters(asked(b"a=" + b"x" * LONGEST_VALUE), ("a",))["a"]), LONGEST_VALUE)

    def test_truth(self) -> None:
        """
        A truth value is one of a few words; without it, it is false.
        """
        for text, value in (("true", True), ("1", True), ("YES", True), ("false", False), ("0", False), ("no", False)):
            self.assertEqual(truth({"x": text}, "x"), value)
        self.assertFalse(truth({}, "x"))
        for text in ("2", "on", "truee", "-1"):
            self.assertRaises(WrongParameter, truth, {"x": text}, "x")

    def test_moment(self) -> None:
        """
        A time is RFC 3339 with its zone, or seconds.
        """
        for text, seconds in (
            ("1700000000", 1_700_000_000.0),
            ("1700000000.25", 1_700_000_000.25),
            ("0", 0.0),
            ("2023-11-14T22:13:20Z", 1_700_000_000.0),
            ("2023-11-14t22:13:20z", 1_700_000_000.0),
            ("2023-11-14 22:13:20Z", 1_700_000_000.0),
            ("2023-11-14T23:13:20.5+01:00", 1_700_000_000.5),
            ("2023-11-14T21:13:20-01:00", 1_700_000_000.0),
        ):
            with self.subTest(text):
                self.assertEqual(moment({"x": text}, "x"), seconds)
        self.assertIsNone(moment({}, "x"))

    def test_no_moment(self) -> None:
        """
        What is no such time is refused: without a zone nobody knows which time is meant.
        """
        for text in (
            "yesterday",
            "2023-11-14",
            "2023-11-14T22:13:20",
            "2023-11-14T22:13:20 01:00",
            "2023-13-14T22:13:20Z",
            "2023-11-14T25:13:20Z",
            "-1",
            "+1",
            "1e3",
            "inf",
            "nan",
            "1_000",
            "\u0661",
            "1" * 400,
            "0x10",
        ):
            with self.subTest(text[:30]):
                self.assertRaises(WrongParameter, moment, {"x": text}, "x")

    def test_whole_number(self) -> None:
        """
        A number is one from 1 to the most.
        """
        self.assertEqual(whole_number({"x": "10"}, "x", default=3, most=10), 10)
        self.assertEqual(whole_number({}, "x", default=3, most=10), 3)
        for text in ("0", "11", "-1", "1.0", "x", "\u0663", "9" * 5000):
            self.assertRaises(WrongParameter, whole_number, {"x": text}, "x", default=3, most=10)

    def test_problems_are_answers(self) -> None:
        """
        A wrong parameter is answered as any problem is; a very long name is not repeated in full.
        """
        problem = self.assertRaises(HttpProblem, parameters, asked(b"n" * 500), ("a",))
        self.assertLess(len(problem.message), 120)


class SelectionTests(SynchronousTestCase):
    """
    Which sessions are meant.
    """

    SESSION = records.session("alice-1", user_id="u-1", email="Alice@example.com", uses=used("id-app"), sids=("a", "b"))

    def assert_matches(self, expected: bool, session: Session | None = None, **given: str) -> None:
        """
        A session matches, or not.
        """
        with self.subTest(given):
            self.assertEqual(selected(**given).matches(session or self.SESSION), expected)

    def test_each(self) -> None:
        """
        Each filter compares exactly, an e-mail address in any case.
        """
        for given, expected in (
            ({"user": "u-1"}, True),
            ({"user": "U-1"}, False),
            ({"user": "aLICE@EXAMPLE.com"}, True),
            ({"user": "alice"}, False),
            ({"user": "alice@example.co"}, False),
            ({"iss": records.ISS}, True),
            ({"iss": records.ISS + "/"}, False),
            ({"sub": "alice"}, True),
            ({"sub": "Alice"}, False),
            ({"sid": "a"}, True),
            ({"sid": "b"}, True),
            ({"sid": "ab"}, False),
            ({"issued_before": str(records.NOW)}, False),
            ({"issued_before": str(records.NOW + 1)}, True),
        ):
            self.assert_matches(expected, **given)

    def test_route(self) -> None:
        """
        A route is meant by its name, its id or its origin, however that is written, and no other route is.
        """
        for route, expected in (
            ("app", True),
            ("APP", False),
            ("id-app", True),
            (APP, True),
            (APP + "/", True),
            (APP + ":443", True),
            ("https://APP.example.com", True),
            ("http://app.example.com", False),
            (APP + ":8443", False),
            ("app.example.com", False),
            ("id-chat", False),
            (CHAT, False),
            ("unknown", False),
        ):
            self.assert_matches(expected, route=route)

    def test_nameless_route(self) -> None:
        """
        Routes without a name are not meant by anything that is empty.
        """
        self.assertEqual(selected(route=" ").route_ids, frozenset())
        self.assert_matches(True, records.session(uses=used("id-chat")), route=CHAT + "/")

    def test_route_that_is_gone(self) -> None:
        """
        Sessions used on a route that is not configured any more are found by its id and by its origin.
        """
        uses = {"id-old": RouteUse(origin="https://old.example.com", first_used=1.0)}
        for route in ("id-old", "https://old.example.com"):
            self.assert_matches(True, records.session(uses=uses), route=route)

    def test_all_must_apply(self) -> None:
        """
        Several filters are of use together: one that does not apply is enough.
        """
        right = {
            "user": "u-1",
            "iss": records.ISS,
            "sid": "a",
            "sub": "alice",
            "route": "app",
            "issued_before": str(records.NOW + 1),
        }
        wrong = {**dict.fromkeys(right, "other"), "issued_before": "1"}
        self.assert_matches(True, **right)
        for name in right:
            self.assert_matches(False, **{**right, name: wrong[name]})

    def test_everything(self) -> None:
        """
        Without a filter all are meant, and it is known that there is none.
        """
        self.assertTrue(selected().is_everything)
        self.assert_matches(True)
        for name in ("user", "iss", "sid", "sub", "route"):
            self.assertFalse(selected(**{name: "x"}).is_everything)
        self.assertFalse(selected(issued_before="0").is_everything)

    def test_names(self) -> None:
        """
        Sign-ins under way are meant where all sessions of an OP's session or person are, and nowhere else.
        """
        iss = records.ISS
        cases: tuple[tuple[dict[str, str], tuple[Any, ...]], ...] = (
            ({"iss": iss, "sid": "s"}, (("sid", iss, "s"),)),
            ({"iss": iss, "sub": "x"}, (("sub", iss, "x"),)),
            ({"iss": iss, "sub": "x", "sid": "s"}, (("sid", iss, "s"),)),
            ({"iss": iss}, ()),
            ({"sid": "s"}, ()),
            ({"sub": "x"}, ()),
            ({"iss": iss, "sub": "x", "user": "u"}, ()),
            ({"iss": iss, "sub": "x", "route": "r"}, ()),
            ({"iss": iss, "sub": "x", "issued_before": "1"}, ()),
        )
        for given, names in cases:
            with self.subTest(given):
                self.assertEqual(selected(**given).names(), names)


class CandidateTests(AdministeredCase):
    """
    Where to look.
    """

    def test_by_index(self) -> None:
        """
        Whom an OP names is found without a look at everybody; nobody who matches is left out.
        """
        self.begin("alice-1")
        self.begin("alice-2")
        self.begin("bob-1")
        for given, expected in (
            ({"iss": records.ISS, "sub": "alice"}, ["alice-1", "alice-2"]),
            ({"iss": records.ISS, "sid": "sid-bob-1"}, ["bob-1"]),
            ({"iss": records.ISS, "sid": "sid-bob-1", "sub": "alice"}, ["bob-1"]),
            ({"iss": "https://other.example.com", "sub": "alice"}, []),
            ({"sub": "alice"}, ["alice-1", "alice-2", "bob-1"]),
        ):
            with self.subTest(given):
                found = selected(**given).candidates(self.registry)
                self.assertEqual(sorted(session.id for session in found), expected)
