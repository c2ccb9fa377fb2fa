"""
Tests for `pomerium_tx.sessions.handle`.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.jose.jwt import compact_hs256
from pomerium_tx.sessions import handle as handle_module
from pomerium_tx.sessions.handle import Carrier, Handle, Handles, Presented, handle_of_authorization, one_of
from tests.sessions.records import session

KEY = b"k" * 32


class HandleTestCase(SynchronousTestCase):
    """
    Handles under one key.
    """

    def setUp(self) -> None:
        """
        Handles for cookies of the usual name.
        """
        self.handles = Handles(KEY, "_pomerium")

    def mint(self, session_id: str = "s1", key: bytes = KEY) -> bytes:
        """
        A handle's value.
        """
        return (
            Handles(key, "_pomerium")
            .mint(session_id, user_id="alice", issuer="a.example", audience=["a", "r"], idp_id="idp", now=7.9)
            .encode("ascii")
        )

    def presented(self, **changes: Any) -> Presented:
        """
        What a request with these fields presents.
        """
        fields: dict[str, Any] = {
            "cookies": [],
            "authorization": [],
            "x_pomerium_authorization": [],
            "query": None,
        }
        return self.handles.presented(**fields | changes)


class OpenTests(HandleTestCase):
    """
    Believing a handle, or not.
    """

    def test_round_trip(self) -> None:
        """
        A handle says what it was made of, however often it is opened.
        """
        value = self.mint()
        expected = Handle("s1", "alice", "a.example", ("a", "r"), "idp", 7.0)
        self.assertEqual([self.handles.open(value), self.handles.open(bytes(bytearray(value)))], [expected] * 2)

    def test_refused(self) -> None:
        """
        What we did not sign, or signed for something else, opens nothing.
        """
        claims = {"jti": "s", "sub": "u", "iss": "i", "aud": ["a"], "iat": 1, "idp_id": "p"}
        broken = [{name: value for name, value in claims.items() if name != left_out} for left_out in claims]
        broken += [claims | change for change in ({"jti": ""}, {"jti": 1}, {"aud": "a"}, {"aud": [1]}, {"iat": True})]
        broken += [claims | {"iat": "1"}, claims | {"sub": None}]
        values = [compact_hs256(one, KEY).encode() for one in broken]
        good = self.mint()
        values += [b"", b"x", good[:-1], good + b"x", good + b"\xff", self.mint(key=b"o" * 32), b"a" * 9000]
        for value in values:
            with self.subTest(value=value[:40]):
                self.assertIsNone(self.handles.open(value))
        self.assertIsNotNone(self.handles.open(compact_hs256(claims, KEY).encode()))

    def test_the_length_is_limited(self) -> None:
        """
        A handle that is too long is not looked at, whoever signed it.
        """
        self.assertIsNone(self.handles.open(self.mint("s" * 9000)))

    def test_longest(self) -> None:
        """
        A handle of 8,192 bytes is the longest.
        """

        def minted(length: int) -> bytes:
            claims = {"jti": "s", "sub": "x" * length, "iss": "i", "aud": ["a"], "iat": 1, "idp_id": "p"}
            return compact_hs256(claims, KEY).encode()

        longest = next(value for length in range(6_200, 5_900, -1) if len(value := minted(length)) <= 8192)
        self.assertEqual(len(longest), 8192)
        self.assertIsNotNone(self.handles.open(longest))
        longer = next(value for length in range(5_900, 6_200) if len(value := minted(length)) > 8192)
        self.assertEqual(len(longer), 8193)
        self.assertIsNone(self.handles.open(longer))

    def test_every_bit_counts(self) -> None:
        """
        No single changed bit of a handle is believed.
        """
        value = self.mint()
        for index in range(len(value)):
            for bit in range(8):
                changed = bytearray(value)
                changed[index] ^= 1 << bit
                self.assertIsNone(self.handles.open(bytes(changed)))

    def test_the_cache_is_bounded(self) -> None:
        """
        However many handles are opened, only so many are remembered, and all are opened correctly.
        """
        self.patch(handle_module, "_CACHED", 10)
        values = [self.mint(f"s{number}") for number in range(55)]
        for _ in range(2):
            opened = [self.handles.open(value) for value in values]
            self.assertEqual([one.session_id for one in opened if one], [f"s{number}" for number in range(55)])
        for _ in range(30):
            self.handles.open(values[0])
        self.assertLessEqual(len(self.handles._recent) + len(self.handles._earlier), 20)


class PresentedTests(HandleTestCase):
    """
    Finding handles in a request.
    """

    def test_carriers(self) -> None:
        """
        Each way of presenting a handle works, and the first one that is used counts, although it is worthless.
        """
        value = self.mint("right")
        cookie = [b"a=b; _pomerium=" + value]
        table: list[tuple[dict[str, Any], Carrier, bool]] = [
            ({}, Carrier.NONE, False),
            ({"cookies": cookie}, Carrier.COOKIE, True),
            ({"x_pomerium_authorization": [value]}, Carrier.HEADER, True),
            ({"authorization": [b"Pomerium " + value]}, Carrier.HEADER, True),
            ({"authorization": [b"pOMERIUM  " + value]}, Carrier.HEADER, True),
            ({"authorization": [b"Bearer Pomerium-" + value]}, Carrier.HEADER, True),
            ({"authorization": [b"bearer pomerium-" + value]}, Carrier.HEADER, True),
            ({"authorization": [b"Bearer " + value]}, Carrier.NONE, False),
            ({"authorization": [b"Pomerium "]}, Carrier.NONE, False),
            ({"authorization": [b"Bearer Pomerium-"]}, Carrier.NONE, False),
            ({"authorization": [b"Pomerium"], "query": b"pomerium_session=" + value}, Carrier.QUERY, True),
            ({"authorization": [b"Basic Pomerium-" + value]}, Carrier.NONE, False),
            ({"query": b"a=b&pomerium_session=" + value}, Carrier.QUERY, True),
            ({"query": b"pomerium%5fsession=" + value}, Carrier.QUERY, True),
            ({"query": b"my_pomerium_session=" + value}, Carrier.NONE, False),
            ({"query": b"pomerium_session="}, Carrier.NONE, False),
            ({"cookies": [b"_pomerium=bad"], "x_pomerium_authorization": [value]}, Carrier.COOKIE, False),
            ({"cookies": [b"_pomerium="], "x_pomerium_authorization": [value]}, Carrier.HEADER, True),
            ({"cookies": [b"_pomerium_csrf=" + value]}, Carrier.NONE, False),
            ({"x_pomerium_authorization": [b"bad"], "authorization": [b"Pomerium " + value]}, Carrier.HEADER, False),
            ({"authorization": [b"Pomerium bad"], "query": b"pomerium_session=" + value}, Carrier.HEADER, False),
        ]
        for fields, carrier, is_valid in table:
            with self.subTest(fields=fields):
                presented = self.presented(**fields)
                self.assertIs(presented.carrier, carrier)
                self.assertEqual(len(presented.handles), int(is_valid))
                self.assertEqual(presented.claimed, carrier is not Carrier.NONE)

    def test_several(self) -> None:
        """
        One handle of each session is known, however often and among whatever else it comes.
        """
        one, other = self.mint("one"), self.mint("other")
        again = self.handles.mint("one", user_id="u", issuer="i", audience=[], idp_id="p", now=99).encode()
        table = [
            ([one, again], ["one"]),
            ([b"bad", one], ["one"]),
            ([one, other], ["one", "other"]),
            ([b"bad", b"worse"], []),
            ([one] * 17, ["one"]),
            ([b"bad"] * 500 + [one, other], ["one", "other"]),
        ]
        for values, ids in table:
            for fields in (
                {"cookies": [b"_pomerium=" + value for value in values]},
                {"cookies": [b"; ".join(b"_pomerium=" + value for value in values)]},
                {"query": b"&".join(b"pomerium_session=" + value for value in values)},
            ):
                with self.subTest(ids=ids):
                    presented = self.presented(**fields)
                    self.assertEqual([handle.session_id for handle in presented.handles], ids)
                    self.assertTrue(presented.claimed)

    def test_others(self) -> None:
        """
        Whatever comes besides the carrier that counts is known too, each session once.
        """
        one, two, three, four = (self.mint(name) for name in ("one", "two", "three", "four"))
        cookie, query = b"_pomerium=%b", b"pomerium_session=%b"
        table: list[tuple[dict[str, Any], list[str], list[str]]] = [
            ({"cookies": [cookie % one]}, ["one"], []),
            ({"cookies": [cookie % one], "x_pomerium_authorization": [one], "query": query % one}, ["one"], []),
            (
                {
                    "cookies": [cookie % one],
                    "x_pomerium_authorization": [two],
                    "authorization": [b"Pomerium " + three],
                    "query": query % four,
                },
                ["one"],
                ["two", "three", "four"],
            ),
            ({"cookies": [cookie % b"bad"], "authorization": [b"Pomerium " + one]}, [], ["one"]),
            ({"cookies": [cookie % one], "authorization": [b"Basic x", b"Pomerium bad"]}, ["one"], []),
            ({"authorization": [b"Basic x", b"Pomerium " + one, b"Pomerium " + two]}, ["one"], ["two"]),
            ({"x_pomerium_authorization": [b"", one, two], "query": query % two}, ["one"], ["two"]),
        ]
        for fields, counted, others in table:
            with self.subTest(fields=fields):
                presented = self.presented(**fields)
                self.assertEqual([handle.session_id for handle in presented.handles], counted)
                self.assertEqual([handle.session_id for handle in presented.others], others)

    def test_named(self) -> None:
        """
        Of the handles that count, those name somebody whose sessions live; the others take nothing away from them.
        """
        live = {name: session(name) for name in ("one", "two")}
        cookies = [b"_pomerium=" + self.mint(name) for name in ("ended", "one", "gone", "two")]
        for number, names in ((1, []), (2, ["one"]), (3, ["one"]), (4, ["one", "two"])):
            named = self.presented(cookies=cookies[:number]).named(live.get)
            self.assertEqual([(handle.session_id, one.id) for handle, one in named], [(name, name) for name in names])
        presented = self.presented(cookies=cookies[:1], authorization=[b"Pomerium " + self.mint("two")])
        self.assertEqual(presented.named(live.get), [])

    def test_one_of(self) -> None:
        """
        One session is who asks, whichever OP it is of; of one browser's several, the one of the OP asked for; of
        several browsers', or of two of that OP, nobody.
        """
        live = {
            "one": session("one", browser="b", idp_id="idp-1"),
            "two": session("two", browser="b", idp_id="idp-2"),
            "twin": session("twin", browser="b", idp_id="idp-1"),
            "foreign": session("foreign", browser="another", idp_id="idp-2"),
        }
        for names, expected in (
            (["one"], "one"),
            (["two"], "two"),
            (["one", "two"], "one"),
            (["two", "one"], "one"),
            (["one", "twin"], None),
            (["one", "two", "twin"], None),
            (["one", "foreign"], None),
            (["two", "foreign"], None),
            ([], None),
        ):
            with self.subTest(names=names):
                presented = self.presented(cookies=[b"_pomerium=" + self.mint(name) for name in names])
                found = one_of(presented.named(live.get), "idp-1")
                self.assertEqual(None if found is None else found.id, expected)

    def test_cookie_for_each_provider(self) -> None:
        """
        The cookies of every OP are read, and what is called otherwise is not.
        """
        one, two, no = (self.mint(name) for name in ("one", "two", "no"))
        cookie = b"_pomerium=" + one + b"; _pomerium_0123456789abcdef=" + two + b"; _pomerium_csrf=" + no
        presented = self.presented(cookies=[cookie])
        self.assertEqual([handle.session_id for handle in presented.handles], ["one", "two"])

    def test_almost(self) -> None:
        """
        What only resembles a handle, or where one is carried, is none; what names the parameter presents something.
        """
        value = self.mint()
        for field in (b"XPomerium " + value, b"Pomerium X" + value, b"Bearer XPomerium-" + value):
            presented = self.presented(authorization=[field])
            self.assertEqual(presented.handles, ())
        self.assertEqual(self.presented(x_pomerium_authorization=[b"X" + value]).handles, ())
        presented = self.presented(query=b"pomerium_session=" + value + b"=")
        self.assertEqual((presented.claimed, presented.handles), (True, ()))

    def test_outside_cookie(self) -> None:
        """
        It is known whether something came by another way than a cookie, which no user agent sends by itself.
        """
        value = self.mint()
        self.assertFalse(self.presented(cookies=[b"_pomerium=" + value]).outside_cookie)
        for other in (
            {"authorization": [b"Pomerium " + value]},
            {"x_pomerium_authorization": [value]},
            {"query": b"pomerium_session=" + value},
        ):
            self.assertTrue(self.presented(**other).outside_cookie)
            self.assertTrue(self.presented(cookies=[b"_pomerium=" + value], **other).outside_cookie)

    def test_authorization(self) -> None:
        """
        Whose an ``Authorization`` value is is told by its beginning, in any case and spacing.
        """
        table = [
            (b"Pomerium x", b"x"),
            (b" \tPOMERIUM\t x ", b"x"),
            (b"Pomerium", b""),
            (b"Bearer Pomerium-", b""),
            (b"Bearer  POMERIUM-x", b"x"),
            (b"Bearer x", None),
            (b"Bearer", None),
            (b"PomeriumX x", None),
            (b"", None),
        ]
        for value, expected in table:
            with self.subTest(value=value):
                self.assertEqual(handle_of_authorization(value), expected)
