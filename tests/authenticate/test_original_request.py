"""
Tests for `pomerium_tx.authenticate.original_request`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.authenticate.original_request import Told, original_request
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import BadRequest, HeadLimits, RequestHead

LIMITS = HeadLimits(target=1_000, fields=20)

Fields = dict[bytes, tuple[bytes, ...]]


def forwarded(**changes: bytes | tuple[bytes, ...] | None) -> Fields:
    """
    What Traefik or Caddy sends, with *changes* to X-Forwarded-; None leaves one out.
    """
    told: dict[str, bytes | tuple[bytes, ...] | None] = {
        "method": b"GET",
        "proto": b"https",
        "host": b"app.example.com",
        "uri": b"/page?x=1",
        "for": b"192.0.2.7",
    }
    told |= changes
    return {
        b"x-forwarded-" + name.encode(): value if isinstance(value, tuple) else (value,)
        for name, value in told.items()
        if value is not None
    }


def original(url: bytes | tuple[bytes, ...], **changes: bytes) -> Fields:
    """
    What nginx sends.
    """
    values = url if isinstance(url, tuple) else (url,)
    told = {"method": b"GET", **changes}
    return {
        b"x-original-url": values,
        b"x-original-method": (told["method"],),
        b"x-forwarded-for": (b"192.0.2.7",),
    }


REFUSED: list[tuple[str, Fields]] = [
    *((f"no {name}", forwarded(**{name: None})) for name in ("method", "host", "uri", "for")),
    *((f"empty {name}", forwarded(**{name: b""})) for name in ("method", "host", "uri")),
    ("two methods", forwarded(method=(b"GET", b"GET"))),
    ("two hosts", forwarded(host=(b"app.example.com", b"open.example.com"))),
    ("two URIs", forwarded(uri=(b"/public", b"/admin"))),
    ("two hosts in a line", forwarded(host=b"app.example.com, open.example.com")),
    ("a method in lower case", forwarded(method=b"get")),
    ("a method that nobody knows", forwarded(method=b"FROB")),
    ("CONNECT", forwarded(method=b"CONNECT")),
    ("TRACE", forwarded(method=b"TRACE")),
    ("a line in the method", forwarded(method=b"GET /public HTTP/1.1\r\nX: GET")),
    ("a request line in the method", forwarded(method=b"GET /public")),
    ("a request line in the URI", forwarded(uri=b"/public HTTP/1.1")),
    ("a field in the URI", forwarded(uri=b"/ HTTP/1.1\r\nCookie: a=b")),
    ("a field in the host", forwarded(host=b"app.example.com\r\nCookie: a=b")),
    ("a line feed in the host", forwarded(host=b"app.example.com\nCookie: a=b")),
    ("NUL", forwarded(uri=b"/\0")),
    ("absolute, of another host", forwarded(uri=b"https://denied.example.com/page")),
    ("absolute, of another port", forwarded(uri=b"https://app.example.com:8443/page")),
    ("scheme-relative", forwarded(uri=b"//denied.example.com/page")),
    ("authority-form", forwarded(uri=b"app.example.com:443")),
    ("a fragment", forwarded(uri=b"/public#/admin")),
    ("a backslash", forwarded(uri=b"/public\\..\\admin")),
    ("an escaped slash", forwarded(uri=b"/public%2F..%2Fadmin")),
    ("an escaped backslash", forwarded(uri=b"/public%5c..%5cadmin")),
    ("a broken escape", forwarded(uri=b"/%zz")),
    ("%00", forwarded(uri=b"/a%00")),
    ("bytes", forwarded(uri=b"/\xff")),
    ("dot segments", forwarded(uri=b"/public/../admin")),
    ("dot segments and empty ones", forwarded(uri=b"/public//../admin")),
    ("a dot segment at the end", forwarded(uri=b"/public/.")),
    ("escaped dot segments", forwarded(uri=b"/public/%2e%2E/admin")),
    ("empty segments", forwarded(uri=b"/public//admin")),
    ("dot segments with parameters", forwarded(uri=b"/public/..;/admin")),
    ("a long URI", forwarded(uri=b"/" + b"a" * 1_000)),
    ("a huge host", forwarded(host=b"a" * 10_000)),
    ("user information", forwarded(host=b"app.example.com@denied.example.com")),
    ("many fields", {**forwarded(), **{b"x-%d" % number: (b"",) for number in range(20)}}),
    ("the other way of telling", original(b"https://app.example.com/page")),
]

REFUSED_URLS: list[tuple[str, Fields]] = [
    ("two URLs", original((b"https://open.example.com/", b"https://app.example.com/"))),
    ("no scheme", original(b"app.example.com/page")),
    ("scheme-relative", original(b"//app.example.com/page")),
    ("another scheme", original(b"ftp://app.example.com/page")),
    ("no host", original(b"https:///page")),
    ("a fragment for the host", original(b"https://#app.example.com/")),
    ("a fragment", original(b"https://app.example.com/public#/admin")),
    ("user information", original(b"https://app.example.com@denied.example.com/")),
    ("a backslash in the host", original(b"https://app.example.com\\@denied.example.com/")),
    ("a port that is none", original(b"https://app.example.com:x/")),
    ("a field", original(b"https://app.example.com/ HTTP/1.1\r\nX: y")),
    ("a space", original(b"https://app.example.com/a b")),
    ("dot segments", original(b"https://app.example.com/public/../admin")),
    ("an escaped slash", original(b"https://app.example.com/public%2fadmin")),
    ("a method that nobody knows", original(b"https://app.example.com/", method=b"GOT")),
    ("the other way of telling", forwarded()),
]

READ = [
    (forwarded(), b"GET", "app.example.com", None, b"/page?x=1"),
    (forwarded(method=b"DELETE", host=b"APP.example.com:443", uri=b"/"), b"DELETE", "app.example.com", 443, b"/"),
    (forwarded(uri=b"https://app.example.com/page"), b"GET", "app.example.com", None, b"/page"),
    (forwarded(uri=b"http://app.example.com?x"), b"GET", "app.example.com", None, b"/?x"),
    (forwarded(uri=b"/%7Ealice/%c3%bc?%2F..//"), b"GET", "app.example.com", None, b"/~alice/%C3%BC?%2F..//"),
    (forwarded(proto=(b"gopher", b"https")), b"GET", "app.example.com", None, b"/page?x=1"),
]

READ_URLS = [
    (b"https://app.example.com/page?x=1", "app.example.com", None, b"/page?x=1"),
    (b"HTTPS://app.example.com:8443/page", "app.example.com", 8443, b"/page"),
    (b"http://app.example.com", "app.example.com", None, b"/"),
    (b"http://app.example.com?x=http://other/", "app.example.com", None, b"/?x=http://other/"),
]


def read(fields: Fields, told: Told = Told.FORWARDED) -> tuple[RequestHead, Canonical]:
    """
    The request that is told of.
    """
    return original_request(fields, told, LIMITS)


class OriginalRequestTests(SynchronousTestCase):
    """
    What is asked about is one request, or none.
    """

    def test_refused(self) -> None:
        """
        What could be anything else than one request of one meaning is refused.
        """
        for told, table in ((Told.FORWARDED, REFUSED), (Told.ORIGINAL, REFUSED_URLS)):
            for name, fields in table:
                with self.subTest(name, told=told):
                    problem = self.assertRaises(BadRequest, read, fields, told)
                    self.assertIn(problem.status, (400, 405, 414, 431, 501, 505))

    def test_read(self) -> None:
        """
        A request is understood as if it had come here.
        """
        for fields, method, host, port, target in READ:
            with self.subTest(fields):
                head, canonical = read(fields)
                self.assertEqual(
                    (head.method, canonical.host, canonical.port, canonical.target), (method, host, port, target)
                )

    def test_read_urls(self) -> None:
        """
        So is one that is told by its URL.
        """
        for url, host, port, target in READ_URLS:
            with self.subTest(url):
                _, canonical = read(original(url), Told.ORIGINAL)
                self.assertEqual((canonical.host, canonical.port, canonical.target), (host, port, target))

    def test_forged(self) -> None:
        """
        What a client has written into the fields of the other way of telling changes nothing.
        """
        forged = {**original(b"https://open.example.com/public", method=b"OPTIONS"), **forwarded()}
        head, canonical = read(forged)
        self.assertEqual((head.method, canonical.host, canonical.path), (b"GET", "app.example.com", b"/page"))
        head, canonical = read(forged, Told.ORIGINAL)
        self.assertEqual((head.method, canonical.host, canonical.path), (b"OPTIONS", "open.example.com", b"/public"))

    def test_fields(self) -> None:
        """
        The decision sees what the client has sent, and nothing of what is about the question itself.
        """
        head, _ = read(
            {
                **forwarded(method=b"POST"),
                b"host": (b"authenticate.example.com",),
                b"cookie": (b"a=b", b"c=d"),
                b"authorization": (b"Bearer x",),
                b"content-length": (b"17",),
                b"transfer-encoding": (b"chunked",),
                b"connection": (b"close",),
                b"expect": (b"100-continue",),
                b"accept": (b"text/html",),
            }
        )
        self.assertEqual(
            [(name, value) for name, _, value in head.fields],
            [
                (b"host", b"app.example.com"),
                (b"cookie", b"a=b"),
                (b"cookie", b"c=d"),
                (b"authorization", b"Bearer x"),
                (b"accept", b"text/html"),
            ],
        )
        self.assertFalse(head.has_content)

    def test_handshake(self) -> None:
        """
        A WebSocket handshake is known by its key, since proxies keep Upgrade to themselves.
        """
        head, _ = read({**forwarded(), b"sec-websocket-key": (b"dGhlIHNhbXBsZSBub25jZQ==",)})
        self.assertEqual(head.upgrade, b"websocket")
        self.assertIsNone(read(forwarded())[0].upgrade)
        keyed = {**forwarded(method=b"POST"), b"sec-websocket-key": (b"x",)}
        self.assertRaises(BadRequest, read, keyed)

    def test_configured(self) -> None:
        """
        Where paths are not normalised, they are what they are, here as on the way through.
        """
        fields = forwarded(uri=b"/a//b/../c")
        _, canonical = original_request(fields, Told.FORWARDED, LIMITS, normalize_path=False, merge_slashes=False)
        self.assertEqual(canonical.path, b"/a//b/../c")
