"""
Tests for `pomerium_tx.web.cookies`.
"""

from __future__ import annotations

import time

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.web.cookies import (
    clear_cookie,
    cookie_pairs,
    cookie_values,
    is_reserved_cookie,
    set_cookie,
    without,
)


def _is_ours(name: bytes) -> bool:
    return is_reserved_cookie(name, b"_pomerium")


class ReadingTests(SynchronousTestCase):
    """
    Tests for `cookie_pairs` and `cookie_values`.
    """

    PAIRS: tuple[tuple[bytes, list[tuple[bytes, bytes]]], ...] = (
        (b"a=1; b=2", [(b"a", b"1"), (b"b", b"2")]),
        (b"a=1;b=2;", [(b"a", b"1"), (b"b", b"2")]),
        (b"a=1;\tb = 2 ", [(b"a", b"1"), (b"b", b"2")]),
        (b'a="x y"', [(b"a", b'"x y"')]),
        (b"a=b=c", [(b"a", b"b=c")]),
        (b"a=", [(b"a", b"")]),
        (b"=a", [(b"", b"a")]),
        (b"a", [(b"", b"a")]),
        (b"", []),
        (b" ; ;;", []),
        (b"A=1; a=2", [(b"A", b"1"), (b"a", b"2")]),
        (b"\xa0a=1\x85", [(b"\xa0a", b"1\x85")]),
        (b"\xe2\x80\x80__Host-a=1", [(b"\xe2\x80\x80__Host-a", b"1")]),
        (b"a=1\x0b", [(b"a", b"1\x0b")]),
        (b'$Version=1; a="b; x="y"', [(b"$Version", b"1"), (b"a", b'"b'), (b"x", b'"y"')]),
    )

    def test_pairs(self) -> None:
        """
        Names and values come out as octets, only spaces and tabs around them removed.
        """
        for header, pairs in self.PAIRS:
            with self.subTest(header=header):
                self.assertEqual(cookie_pairs(header), pairs)

    def test_all_values_of_one_name(self) -> None:
        """
        A cookie that was sent several times, also on several lines, is found each time.
        """
        headers = [b"_pomerium=one; a=_pomerium; _pomerium=two", b"_pomerium_csrf=no", b"_pomerium=three"]
        self.assertEqual(cookie_values(headers, b"_pomerium"), [b"one", b"two", b"three"])

    def test_lone_name_has_no_value(self) -> None:
        """
        A piece without an equals sign gives no cookie of that name.
        """
        self.assertEqual(cookie_values([b"_pomerium", b";_pomerium;=;"], b"_pomerium"), [])

    def test_time_is_linear(self) -> None:
        """
        Nothing but separators, as much as a head may hold, is read at once.
        """
        began = time.process_time()
        cookie_values([b"_pomerium" + b";" * 65536], b"_pomerium")
        self.assertLess(time.process_time() - began, 0.5)


class StrippingTests(SynchronousTestCase):
    """
    Tests for `without` and `is_reserved_cookie`.
    """

    FIELDS = (
        (b'a=1; _pomerium=secret; b="x y"; c', b'a=1; b="x y"; c'),
        (b"_pomerium=1;_pomerium=2 ;  _pomerium=3", None),
        (b"_pomerium = 1; a = 2", b"a = 2"),
        (b"_pomerium_csrf=1; _pomerium_authenticate=2; a=3", b"a=3"),
        (b"_pomerium; a=1", b"a=1"),
        (b"_pomeriums=1; x_pomerium=2", b"_pomeriums=1; x_pomerium=2"),
        (b'a="x; _pomerium=secret; y"', b'a="x; y"'),
        (b"", b""),
    )

    def test_only_others_remain(self) -> None:
        """
        The upstream gets every other cookie as it was sent, and none of ours in whatever place.
        """
        for header, rest in self.FIELDS:
            with self.subTest(header=header):
                self.assertEqual(without(header, _is_ours), rest)

    def test_untouched_is_identical(self) -> None:
        """
        A field without a cookie of ours is forwarded octet by octet, spaces and empty pieces included.
        """
        header = b"a=1;;  b = 2 ;"
        self.assertIs(without(header, _is_ours), header)


class WritingTests(SynchronousTestCase):
    """
    Tests for `set_cookie` and `clear_cookie`.
    """

    def test_default_is_safe(self) -> None:
        """
        A cookie is Secure, HttpOnly and for the whole host unless something else is asked.
        """
        self.assertEqual(set_cookie("_pomerium", "x.y.z"), "_pomerium=x.y.z; Path=/; Secure; HttpOnly")

    def test_every_attribute(self) -> None:
        """
        All attributes are written as user agents read them.
        """
        self.assertEqual(
            set_cookie(
                "a",
                "b",
                path="/oauth2/callback",
                domain="example.com",
                max_age=300,
                expires=1700000000,
                http_only=False,
                same_site="NONE",
            ),
            "a=b; Path=/oauth2/callback; Domain=example.com; Max-Age=300; "
            "Expires=Tue, 14 Nov 2023 22:13:20 GMT; Secure; SameSite=None",
        )

    def test_clearing_repeats_the_attributes(self) -> None:
        """
        A cookie is removed by the same name, path, domain and flags, empty and expired.
        """
        self.assertEqual(
            clear_cookie("a", domain="example.com", same_site="lax"),
            "a=; Path=/; Domain=example.com; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; "
            "Secure; HttpOnly; SameSite=Lax",
        )

    REFUSED: tuple[tuple[str, str, dict[str, object]], ...] = (
        ("", "x", {}),
        ("a b", "x", {}),
        ("a=b", "x", {}),
        ("a;b", "x", {}),
        ("a", "x;y", {}),
        ("a", "x\r\nSet-Cookie: b=c", {}),
        ("a", 'x"', {}),
        ("a", "x,y", {}),
        ("a", "é", {}),
        ("a", "x" * 4096, {}),
        ("a", "x", {"path": "x"}),
        ("a", "x", {"path": "/;Domain=evil.test"}),
        ("a", "x", {"domain": ""}),
        ("a", "x", {"domain": "x;y"}),
        ("a", "x", {"same_site": "maybe"}),
        ("a", "x", {"same_site": "none", "secure": False}),
        ("__Host-a", "x", {"domain": "example.com"}),
        ("__Host-a", "x", {"path": "/x"}),
        ("__Secure-a", "x", {"secure": False}),
    )

    def test_refused(self) -> None:
        """
        A cookie that user agents would refuse or misread is never written.
        """
        for name, value, attributes in self.REFUSED:
            with self.subTest(name=name, value=value[:20], **attributes), self.assertRaises(ValueError):
                set_cookie(name, value, **attributes)  # type: ignore[arg-type] # a table of all kinds
