"""
Tests of `pomerium_tx.config.forms.values`.
"""

from __future__ import annotations

from datetime import timedelta

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.forms import values


class ValuesTests(SynchronousTestCase):
    """
    The forms of values.
    """

    def test_durations(self) -> None:
        """
        Durations are Go's.
        """
        for text, seconds in (
            ("30s", 30.0),
            ("1h30m", 5400.0),
            ("1.5h", 5400.0),
            (".5s", 0.5),
            ("250ms", 0.25),
            ("10us", 1e-5),
            ("0", 0.0),
            ("0s", 0.0),
            (0, 0.0),
        ):
            with self.subTest(text):
                self.assertEqual(values.duration(text), timedelta(seconds=seconds))

    def test_no_durations(self) -> None:
        """
        A number without unit, a sign, another unit or an eternity is none.
        """
        for wrong in (5, 5.0, "5", "-5s", "+5s", "5 s", "5d", "s", "", " ", "1h30", True, None, [], "9999999999h"):
            with self.subTest(repr(wrong)):
                self.assertRaises(ValueError, values.duration, wrong)

    def test_whole_numbers(self) -> None:
        """
        A count is a whole number within its bounds, in quotes or not; everything else is refused with the bounds.
        """
        read = values.whole(1, 64)
        for written in (1, 64, "8", " 8 "):
            with self.subTest(written):
                self.assertEqual(read(written), int(written))
        for wrong in (0, 65, -1, 1.0, True, None, [], "", "x", "1.5", "-1", "\u0661", "9" * 5000):
            with self.subTest(str(wrong)[:20]):
                self.assertEqual(str(self.assertRaises(ValueError, read, wrong)), "must be a whole number from 1 to 64")

    def test_positive_durations(self) -> None:
        """
        What nothing else would end must end some time.
        """
        self.assertEqual(values.positive_duration("5s"), timedelta(seconds=5))
        for wrong in (0, "0", "0s"):
            with self.subTest(wrong):
                self.assertRaises(ValueError, values.positive_duration, wrong)

    def test_lists(self) -> None:
        """
        A list is a list or has commas; an empty entry, which could mean everybody, is refused.
        """
        self.assertEqual(values.string_list("a, b"), ("a", "b"))
        self.assertEqual(values.string_list(["a", "b "]), ("a", "b"))
        self.assertEqual((values.string_list(""), values.string_list([])), ((), ()))
        for wrong in ([""], "a,,b", [1], [None], [["a"]], {"a": 1}, 3, None):
            with self.subTest(repr(wrong)):
                self.assertRaises(ValueError, values.string_list, wrong)

    def test_maps(self) -> None:
        """
        A mapping is one or is JSON; headers may also be written with colons.
        """
        self.assertEqual(values.string_map({"a": 1, "b": True, "c": "x"}), {"a": "1", "b": "true", "c": "x"})
        self.assertEqual(values.string_map('{"a": "1"}'), {"a": "1"})
        self.assertEqual(values.header_map("A:b,C: d:e"), {"A": "b", "C": "d:e"})
        self.assertEqual(values.header_map('{"A": "b,c:d"}'), {"A": "b,c:d"})
        for wrong in ("{", "[1]", ["a"], {"a": None}, {"a": []}, 3, "[" * 100_000):
            with self.subTest(repr(wrong)[:20]):
                self.assertRaises(ValueError, values.string_map, wrong)
        self.assertRaises(ValueError, values.header_map, "A")

    def test_addresses(self) -> None:
        """
        An address has a port, and a host or none.
        """
        for text, host, port, shown in (
            (":443", "", 443, ":443"),
            ("127.0.0.1:80", "127.0.0.1", 80, "127.0.0.1:80"),
            ("[::1]:8000", "::1", 8000, "[::1]:8000"),
            ("LocalHost:8000", "localhost", 8000, "localhost:8000"),
        ):
            with self.subTest(text):
                found = values.address(text)
                self.assertEqual((found.host, found.port, str(found)), (host, port, shown))
        for wrong in (
            "443",
            "",
            ":",
            ":0",
            ":65536",
            ":x",
            "::1:80",
            "[x]:1",
            "a b:1",
            "http://a:1",
            "01:30",
            "127.1:80",
            "0x7f.1.2.999:80",
            ":٣",
            90,
            None,
            "01:30:",
        ):
            with self.subTest(repr(wrong)):
                self.assertRaises(ValueError, values.address, wrong)

    def test_limits(self) -> None:
        """
        A limit of zero, however it is written, is none.
        """
        for text in ("0", "0s", "0h0m", 0, None):
            with self.subTest(repr(text)):
                self.assertIsNone(values.limit(text))
        self.assertEqual(values.limit("30m"), timedelta(minutes=30))
        self.assertEqual(values.limit("1ms"), timedelta(milliseconds=1))
        self.assertRaises(ValueError, values.limit, "-1s")

    def test_admin_addresses(self) -> None:
        """
        Administrators connect to a socket or to this machine; both are shown as they are written.
        """
        longest = "/" + "a" * 106
        for text, path, host, port in (
            ("unix:/run/pomerium-tx/admin.sock", "/run/pomerium-tx/admin.sock", "", 0),
            (f"unix:{longest}", longest, "", 0),
            ("127.0.0.1:9443", None, "127.0.0.1", 9443),
            ("127.8.9.1:9443", None, "127.8.9.1", 9443),
            ("[::1]:9443", None, "::1", 9443),
            ("localhost:9443", None, "localhost", 9443),
            ("admin.localhost:9443", None, "admin.localhost", 9443),
        ):
            with self.subTest(text):
                found = values.admin_address(f" {text} ")
                self.assertEqual(found, values.AdminAddress(path=path, host=host, port=port))
                self.assertEqual(str(found), text)
        for off in ("", " ", "off", None):
            with self.subTest(repr(off)):
                self.assertIsNone(values.admin_address(off))

    def test_no_admin_addresses(self) -> None:
        """
        Another machine's address, every interface, a relative path or one that no socket can have is refused.
        """
        for wrong in (
            ":9443",
            "0.0.0.0:9443",
            "[::]:9443",
            "[::ffff:10.0.0.1]:9443",
            "10.0.0.1:9443",
            "admin.example.com:9443",
            "localhost.example.com:9443",
            "127.0.0.1",
            "127.0.0.1:0",
            "127.1:9443",
            "unix:",
            "unix:/",
            "unix:/run/",
            "unix:admin.sock",
            "unix:./admin.sock",
            "unix://run/admin.sock",
            "unix:///run/admin.sock",
            "unix:/run/a\0b",
            "unix:/run/a\nb",
            "unix:@abstract",
            "/run/admin.sock",
            "unix:/" + "a" * 107,
            "unix:/" + "é" * 54,
            9443,
            False,
            ["unix:/run/admin.sock"],
        ):
            with self.subTest(repr(wrong)):
                self.assertRaises(ValueError, values.admin_address, wrong)

    def test_origins(self) -> None:
        """
        An origin is scheme, host and port, in the form in which hosts are compared.
        """
        for text, written, shown in (
            ("https://App.Example.com/", "https://app.example.com", "https://app.example.com"),
            ("https://app.example.com:443", "https://app.example.com:443", "https://app.example.com"),
            ("http://localhost:8000", "http://localhost:8000", "http://localhost:8000"),
            ("https://[2001:DB8:0::1]:8443", "https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
            ("https://a.example.com.", "https://a.example.com", "https://a.example.com"),
        ):
            with self.subTest(text):
                self.assertEqual(values.origin_url(text), written)
                self.assertEqual(str(values.origin(text)), shown)
        self.assertEqual(values.origin_list("https://A.test:443"), ("https://a.test",))

    def test_what_is_not_carried(self) -> None:
        """
        A route of Pomerium's for TCP, UDP or SSH is told apart from a slip of the keyboard.
        """
        for scheme, kind in (("tcp+https", "TCP"), ("udp+https", "UDP"), ("ssh", "SSH")):
            error = self.assertRaises(ValueError, values.route_origin, f"{scheme}://a.test:22")
            self.assertIn(f"is for {kind}", str(error))

    def test_no_origins(self) -> None:
        """
        What user agents could read as another host, or what is more than an origin, is refused.
        """
        for wrong in (
            "app.example.com",
            "//app.example.com",
            "ftp://app.example.com",
            "https://",
            "https://a/b",
            "https://a?",
            "https://a?b",
            "https://a#b",
            "https://a#",
            "https://user@a",
            "https://:pw@a",
            "https://a:0",
            "https://a:99999",
            "https://a:",
            "https://a b",
            "https://a\\b",
            "https://a\n",
            "https://a\t.b",
            "https://é.example",
            "https://*.example.com",
            "https://[::1",
            "https://[fe80::1%25eth0]",
            "https://1.2.3",
            "https://256.1.1.1",
            "https://a..b",
            "https://-a",
            "null",
            "",
            False,
            None,
        ):
            with self.subTest(repr(wrong)):
                self.assertRaises(ValueError, values.origin, wrong)

    def test_wildcard(self) -> None:
        """
        Whoever writes a wildcard is told that it is one.
        """
        problem = self.assertRaises(ValueError, values.origin, "https://*.example.com")
        self.assertIn("wildcard", str(problem))

    def test_loopback(self) -> None:
        """
        Names of this machine are those that are so everywhere.
        """
        for name in ("localhost", "App.localhost", "127.9.9.9", "[::1]", "::1", "localhost."):
            with self.subTest(name):
                self.assertTrue(values.is_loopback(name))
        for name in ("localhost.example.com", "notlocalhost", "10.0.0.1", "[::2]", "127.0.0.1.example.com", ""):
            with self.subTest(name):
                self.assertFalse(values.is_loopback(name))
