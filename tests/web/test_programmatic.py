"""
Tests for `pomerium_tx.web.programmatic`: where a program may have its session handle sent.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.web.programmatic import ProgrammaticRedirects, is_this_computer, with_handle

ALLOWED = [
    ("http://localhost", "http://localhost"),
    ("http://localhost:8000/path?x=1", "http://localhost:8000"),
    ("http://LOCALHOST:8000", "http://localhost:8000"),
    ("https://localhost/", "https://localhost"),
    ("http://127.0.0.1:1234/", "http://127.0.0.1:1234"),
    ("http://127.9.8.7/", "http://127.9.8.7"),
    ("http://[::1]:8000/x", "http://[::1]:8000"),
    ("https://tools.example.com:8443/in", "https://tools.example.com:8443"),
    ("http://tools.example.com/in", "http://tools.example.com"),
    ("https://192.0.2.7/", "https://192.0.2.7"),
]
REFUSED = [
    "",
    "localhost",
    "localhost:8000",
    "/path",
    "//localhost/",
    "http:///x",
    "http:localhost",
    "ftp://localhost/",
    "javascript://localhost/%0aalert(1)",
    "https://evil.example/",
    "https://dev.tools.example.com/",
    "https://tools.example.com.evil.example/",
    "https://tools.example.com./",
    "http://localhost.evil.example/",
    "http://app.localhost/",
    "http://localhost@evil.example/",
    "http://user@localhost/",
    "http://evil.example\\@localhost/",
    "http://evil.example#@localhost/",
    "http://localhost?@evil.example/",
    "http://127.1/",
    "http://0x7f.1/",
    "http://2130706433/",
    "http://0.0.0.0/",
    "http://[::ffff:127.0.0.1]/",
    "http://128.0.0.1/",
    "http://local\thost/",
    "http://localhost/ x",
    "http://localhost/\r\nSet-Cookie:x",
    "http://localhost:99999/",
    "http://localhost/" + "x" * 2048,
]


class ProgrammaticRedirectsTests(SynchronousTestCase):
    """
    ``programmatic_redirect_domain_whitelist``.
    """

    def setUp(self) -> None:
        self.redirects = ProgrammaticRedirects(["localhost", "Tools.example.com", "192.0.2.7"])

    def test_allowed(self) -> None:
        """
        ``localhost`` is this computer by every name; other hosts are the same to the letter, at any port.
        """
        for url, origin in ALLOWED:
            with self.subTest(url=url):
                self.assertEqual(self.redirects.origin(url), origin)

    def test_refused(self) -> None:
        """
        Nothing else, and nothing that two parsers could read differently.
        """
        for url in REFUSED:
            with self.subTest(url=url):
                self.assertIsNone(self.redirects.origin(url))

    def test_without_localhost(self) -> None:
        """
        Without ``localhost`` in the list this computer is not meant, and with an empty list nobody is.
        """
        for domains in (["tools.example.com"], []):
            for url in ("http://localhost/", "http://127.0.0.1/", "http://[::1]/"):
                self.assertIsNone(ProgrammaticRedirects(domains).origin(url))

    def test_is_this_computer(self) -> None:
        """
        Names and addresses that never leave the computer.
        """
        for host in ("localhost", "127.0.0.1", "127.255.0.1", "::1"):
            self.assertTrue(is_this_computer(host), host)
        for host in ("", "localhosts", "10.0.0.1", "::", "example.com"):
            self.assertFalse(is_this_computer(host), host)


class WithHandleTests(SynchronousTestCase):
    """
    The URL that brings a program its handle.
    """

    def test_urls(self) -> None:
        """
        What the program has written stays as it was; a handle that was there already does not.
        """
        for url, expected in (
            ("http://localhost:8000", "http://localhost:8000/?pomerium_jwt=h.a.n"),
            ("http://localhost/a?", "http://localhost/a?pomerium_jwt=h.a.n"),
            ("http://localhost/a?x=%2F&y", "http://localhost/a?x=%2F&y&pomerium_jwt=h.a.n"),
            ("http://localhost/?pomerium_jwt=old&x=1", "http://localhost/?x=1&pomerium_jwt=h.a.n"),
            ("http://localhost/?pomerium%5Fjwt=old", "http://localhost/?pomerium_jwt=h.a.n"),
            ("http://localhost/#top", "http://localhost/?pomerium_jwt=h.a.n#top"),
            ("http://localhost/?pomerium_jwt=a=b&c=d=e", "http://localhost/?c=d=e&pomerium_jwt=h.a.n"),
        ):
            with self.subTest(url=url):
                self.assertEqual(with_handle(url, "h.a.n"), expected)
        self.assertEqual(with_handle("http://localhost/", "a/b&X"), "http://localhost/?pomerium_jwt=a%2Fb%26X")
