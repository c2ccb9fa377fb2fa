"""
Tests for `pomerium_tx.web.redirect_target`.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.web.redirect_target import MAX_LENGTH, origin_of

APP = "app.example.com"
ORIGINS = frozenset(
    {f"https://{APP}", "https://app.example.com:8443", "http://app.localhost:8080", "https://[2001:db8::1]"}
)


class AllowedTests(SynchronousTestCase):
    """
    Targets to which a person is sent.
    """

    ALLOWED = (
        f"https://{APP}",
        f"https://{APP}/",
        f"https://{APP}:443/bye",
        "HTTPS://App.Example.COM/Bye?a=1&b=%20#top",
        f"https://{APP}?signed_out",
        f"https://{APP}#signed_out",
        f"https://{APP}/a@b",
        f"https://{APP}//evil.test/",
        f"https://{APP}/?next=//evil.test",
        f"https://{APP}/%5c%0d%0a<>\"'`{{|}}^",
        "https://app.example.com:8443/x",
        "http://app.localhost:8080/",
        "https://[2001:db8::1]/",
        "https://[2001:DB8::1]:443/",
    )

    def test_own_origins(self) -> None:
        """
        However it is spelt, a target on an own origin is recognised.
        """
        for url in self.ALLOWED:
            with self.subTest(url=url):
                self.assertIn(origin_of(url), ORIGINS)

    OTHERS = (
        "https://evil.test/",
        f"http://{APP}/",
        f"https://{APP}:80/",
        f"https://{APP}:8444/",
        f"https://x.{APP}/",
        f"https://{APP}.evil.test/",
        f"https://evil{APP}/",
        "http://app.localhost/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://a_b.test/",
        "https://xn--e1afmkfd.test/",
    )

    def test_other_origins(self) -> None:
        """
        Another origin is a valid one, and taken for none of ours.
        """
        for url in self.OTHERS:
            with self.subTest(url=url):
                self.assertNotIn(origin_of(url), ORIGINS | {None})


class RefusedTests(SynchronousTestCase):
    """
    Targets that two parsers could understand differently.
    """

    REFUSED = (
        # not absolute http(s)
        "",
        " ",
        "/",
        "/bye",
        "..",
        "?",
        "#",
        "bye",
        APP,
        f"{APP}/",
        f"//{APP}/",
        f"///{APP}/",
        f"/\\{APP}",
        f"\\\\{APP}",
        f"https:{APP}",
        f"https:/{APP}/",
        f"https:///{APP}/",
        f"https:////{APP}",
        f"https:\\\\{APP}/",
        f"http:/\\{APP}",
        f"https:/\\/{APP}",
        f"https//{APP}/",
        f":https://{APP}",
        f"://{APP}",
        "https://",
        "https:///",
        "https://?",
        "https://#",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\tscript:alert(1)",
        "javascript://app.example.com/%0aalert(1)",
        "data:text/html,x",
        f"blob:https://{APP}/x",
        "file:///etc/passwd",
        f"ftp://{APP}/",
        f"wss://{APP}/",
        "mailto:a@b",
        f"view-source:https://{APP}/",
        f"https%3a%2f%2f{APP}",
        f"https%3A//{APP}/",
        f"http\u017f://{APP}/",
        # userinfo
        f"https://a@{APP}/",
        f"https://@{APP}/",
        f"https://:@{APP}/",
        f"https://{APP}@evil.test/",
        f"https://{APP}:443@evil.test/",
        f"https://{APP}:x@evil.test/",
        f"https://{APP}%40evil.test/",
        f"https://evil.test\\@{APP}/",
        f"https://evil.test%5c@{APP}/",
        f"https://{APP}?@evil.test/",
        f"https://{APP}#@evil.test/",
        f"https://{APP};@evil.test/",
        # backslashes, controls, spaces
        f"https://{APP}\\.evil.test/",
        f"https://{APP}\\",
        f"https://{APP}/\\evil.test",
        f"https://{APP}/a\\b",
        f"https://{APP}?a\\b",
        f" https://{APP}/",
        f"https://{APP}/ ",
        f"https://{APP}/a b",
        f"https://{APP} /",
        f"https:// {APP}/",
        f"\thttps://{APP}/",
        f"ht\ntps://{APP}/",
        f"https:\n//{APP}/",
        f"https://{APP}\n/",
        f"https://{APP}/\n",
        f"https://{APP}/\r\nX: y",
        f"https://{APP}\t.evil.test/",
        f"https://{APP}/\x00",
        f"\x00https://{APP}/",
        f"https://{APP}\x00.evil.test/",
        f"https://{APP}/\x7f",
        f"https://{APP}/\x0b",
        f"https://{APP}/\x85",
        f"https://{APP}/\xa0",
        f"\ufeffhttps://{APP}/",
        f"https://{APP}/\u2028",
        # not ASCII
        f"https://{APP}/\u00e9",
        f"https://{APP}?\u00e9",
        f"https://{APP}\u3002evil.test/",
        f"https://evil.test\uff0f@{APP}",
        f"https://{APP}\uff20evil.test/",
        "https://\uff41pp.example.com/",
        "https://\u24d0pp.example.com/",
        "https://app\u3002example\u3002com/",
        f"https://{APP}\u00ad/",
        f"https://{APP}\uff1a443/",
        f"https://{APP}\u200b/",
        "https://app.example.com\u2024evil.test/",
        "https://\u00e9xample.test/",
        f"https://{APP}:\uff1443/",
        # hosts
        "https://app%2eexample.com/",
        "https://%61pp.example.com/",
        f"https://{APP}%00.evil.test/",
        f"https://{APP}%2f.evil.test/",
        f"https://{APP}./",
        f"https://.{APP}/",
        "https://app..example.com/",
        "https://./",
        f"https://{APP},evil.test/",
        f"https://{APP}!/",
        f"https://{APP}|evil.test/",
        f"https://{APP}<>/",
        f"https://{APP}[/",
        f"https://[{APP}]/",
        f"https://{APP};/",
        f"https://{APP}&evil.test/",
        f"https://{APP}'/",
        f"https://-{APP}/",
        "https://app-/",
        "https://*/",
        "https://a+b/",
        "https://a~b/",
        "https://" + "a" * 64 + ".test/",
        "https://" + "a." * 130 + "test/",
        # numeric hosts
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0x7f000001/",
        "https://127.1/",
        "https://127.0.1/",
        "https://0177.0.0.1/",
        "https://127.000.000.001/",
        "https://256.0.0.1/",
        "https://1.2.3.4.5/",
        "https://0x/",
        "https://a.0x/",
        "https://1/",
        "https://a.1/",
        "https://127.0.0.1./",
        "https://127.0.0.0x1/",
        "https://a.09/",
        # IPv6
        "https://[]/",
        "https://[::1/",
        "https://::1/",
        "https://[::1]x/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[0:0:0:0:0:0:0:1]/",
        "https://[::0001]/",
        "https://[::1%25eth0]/",
        "https://[::12345]/",
        f"https://{'.'.join(['a' * 63] * 3)}.{'a' * 62}/",
        "https://[v1.a]/",
        "https://[1::2::3]/",
        "https://[:]/",
        # ports
        f"https://{APP}:/",
        f"https://{APP}:",
        f"https://{APP}:0/",
        f"https://{APP}:0443/",
        f"https://{APP}:65536/",
        f"https://{APP}:99999/",
        f"https://{APP}:443x/",
        f"https://{APP}:+443/",
        f"https://{APP}:-1/",
        f"https://{APP}:4 43/",
        f"https://{APP}:443:443/",
        f"https://{APP}:443443443/",
        f"https://{APP}:%34%34%33/",
    )

    def test_refused(self) -> None:
        """
        A target in which a user agent could see another origin than we do has none.
        """
        for url in self.REFUSED:
            with self.subTest(url=url):
                self.assertIsNone(origin_of(url))

    def test_longest_host(self) -> None:
        """
        A name is as long as DNS allows.
        """
        host = f"{'.'.join(['a' * 63] * 3)}.{'a' * 61}"
        self.assertEqual(len(host), 253)
        self.assertEqual(origin_of(f"https://{host}/"), f"https://{host}")

    def test_length(self) -> None:
        """
        A target is kept up to the length that still fits into a request, and not beyond.
        """
        self.assertEqual(MAX_LENGTH, 2048)
        longest = f"https://{APP}/".ljust(MAX_LENGTH, "a")
        self.assertEqual(origin_of(longest), f"https://{APP}")
        self.assertIsNone(origin_of(longest + "a"))

    @given(st.text(alphabet="htps:/\\@?#.%[]0x1aA \t\n\u3002-_", max_size=40))
    def test_never_surprised(self, url: str) -> None:
        """
        Whatever the text, the answer is the origin that it begins with or nothing, and no exception.
        """
        origin = origin_of(url)
        self.assertTrue(origin is None or url.lower().startswith(origin.partition("://")[0] + "://"))


class OriginTests(SynchronousTestCase):
    """
    Tests for `origin_of`.
    """

    def test_origins(self) -> None:
        """
        An origin is written one way: lower case, without its default port.
        """
        for url, origin in [
            ("HTTP://A.Test:80/x", "http://a.test"),
            ("https://a.test:443", "https://a.test"),
            ("http://a.test:443", "http://a.test:443"),
            ("https://a.test:65535?", "https://a.test:65535"),
            ("https://[2001:DB8::1]:8443/", "https://[2001:db8::1]:8443"),
            ("https://127.0.0.1/", "https://127.0.0.1"),
            ("ftp://a.test/", None),
        ]:
            with self.subTest(url=url):
                self.assertEqual(origin_of(url), origin)
