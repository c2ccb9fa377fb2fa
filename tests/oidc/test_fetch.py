"""
Tests for `pomerium_tx.oidc.fetch`.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from typing import Any

from treq.testing import RequestTraversalAgent, StubTreq
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import ConnectionRefusedError, DNSLookupError
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from pomerium_tx.oidc.fetch import Answer, Fetcher, ProviderUnavailable, http_client

URL = "https://op.example/thing"
Render = Callable[[Request], Any]


class Scripted(Resource):
    """
    Answers every request with the same function, and remembers them.
    """

    isLeaf = True

    def __init__(self, answer: Render) -> None:
        super().__init__()
        self.answer = answer
        self.requests: list[Request] = []
        self.bodies: list[bytes] = []

    def render(self, request: Request) -> Any:
        """
        The scripted answer.
        """
        self.requests.append(request)
        self.bodies.append(request.content.read())
        return self.answer(request)


def saying(body: bytes, status: int = 200, **headers: str) -> Render:
    """
    A function that answers with *body*; underscores in header names stand for hyphens.
    """

    def render(request: Request) -> bytes:
        request.setResponseCode(status)
        for name, value in headers.items():
            request.setHeader(name.replace("_", "-"), value)
        return body

    return render


def whole(request: Request) -> bytes:
    """
    A small gzipped body.
    """
    return saying(gzip.compress(b'{"a": 1}'), content_encoding="gzip")(request)


class FetcherTests(SynchronousTestCase):
    """
    Tests for `Fetcher`.
    """

    def setUp(self) -> None:
        """
        A clock, and limits that are easily reached.
        """
        self.clock = Clock()

    def fetcher(self, answer: Render) -> Fetcher:
        """
        A fetcher whose requests reach *answer*.
        """
        self.resource = Scripted(answer)
        self.stub = StubTreq(self.resource)
        return Fetcher(self.stub, self.clock, deadline=10.0, max_bytes=1000)

    def get(self, answer: Render) -> Deferred[Answer]:
        """
        The answer to one GET, or what will be it.
        """
        return Deferred.fromCoroutine(self.fetcher(answer).get(URL, {"X-Asked": "yes"}))

    def unavailable(self, got: Deferred[Answer], reason: str) -> None:
        """
        *got* has failed for *reason*, and left nothing behind.
        """
        problem = self.failureResultOf(got, ProviderUnavailable).value
        self.assertIn(reason, problem.reason)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_get(self) -> None:
        """
        A GET carries the headers it is given and asks for JSON; the answer has status, media type and body.
        """
        answer = self.successResultOf(self.get(saying(b"x", 418, content_type="Text/Plain; charset=utf-8")))
        self.assertEqual((answer.status, answer.media_type, answer.body), (418, "text/plain", b"x"))
        (request,) = self.resource.requests
        self.assertEqual(request.method, b"GET")
        self.assertEqual(request.getHeader("x-asked"), "yes")
        self.assertEqual(request.getHeader("accept"), "application/json")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_post(self) -> None:
        """
        A POST carries its form, encoded; the answer's repr does not show what it brought.
        """
        fetcher = self.fetcher(saying(b"secret"))
        got = Deferred.fromCoroutine(fetcher.post(URL, {}, [("a", "b c&"), ("a", "\u00e9")]))
        self.assertNotIn("secret", repr(self.successResultOf(got)))
        self.assertEqual(self.resource.bodies, [b"a=b+c%26&a=%C3%A9"])
        self.assertEqual(self.resource.requests[0].getHeader("content-type"), "application/x-www-form-urlencoded")

    def test_empty(self) -> None:
        """
        An empty body is an answer.
        """
        self.assertEqual(self.successResultOf(self.get(saying(b""))).body, b"")

    def test_limit(self) -> None:
        """
        A body up to the limit is read, one byte more is not.
        """
        self.assertEqual(len(self.successResultOf(self.get(saying(b"x" * 1000))).body), 1000)
        self.unavailable(self.get(saying(b"x" * 1001)), "too long")
        self.unavailable(self.get(saying(b"x" * 200_000)), "too long")

    def test_gzip(self) -> None:
        """
        A gzipped body is inflated, and its limit is that of what comes out.
        """
        self.assertEqual(self.successResultOf(self.get(whole)).json_object(), {"a": 1})
        bomb = gzip.compress(b"x" * 10_000_000)
        self.unavailable(self.get(saying(bomb, content_encoding="gzip")), "too long")

    def test_gzip_bomb_is_not_inflated(self) -> None:
        """
        No more than the limit is ever held of what a bomb would become.
        """
        sizes: list[int] = []
        real = zlib.decompressobj

        class Watched:
            def __init__(self, *args: Any) -> None:
                self.inner = real(*args)

            def decompress(self, data: bytes, most: int = 0) -> bytes:
                inflated = self.inner.decompress(data, most)
                sizes.append(len(inflated))
                return inflated

            def flush(self) -> bytes:
                return self.inner.flush()

            @property
            def eof(self) -> bool:
                return self.inner.eof

        self.patch(zlib, "decompressobj", Watched)
        self.unavailable(self.get(saying(gzip.compress(b"x" * 10_000_000), content_encoding="gzip")), "too long")
        self.assertLessEqual(max(sizes), 1001)

    def test_encodings(self) -> None:
        """
        Gzip in gzip, other encodings, and what only claims to be gzip are refused without a trace.
        """
        twice = gzip.compress(gzip.compress(b"{}"))
        with capturedLogs() as logged:
            for encoding, body, reason in (
                ("gzip, gzip", twice, "encoding"),
                ("br", b"{}", "encoding"),
                ("gzip, br", b"{}", "encoding"),
                ("gzip", b"{}", "not gzip"),
                ("gzip", gzip.compress(b"some text")[:-9], "broke off"),
            ):
                with self.subTest(encoding, reason=reason):
                    self.unavailable(self.get(saying(body, content_encoding=encoding)), reason)
        self.assertEqual([event for event in logged if "log_failure" in event], [])
        self.assertEqual(self.successResultOf(self.get(saying(b"{}", content_encoding="identity"))).body, b"{}")

    def test_redirects(self) -> None:
        """
        A redirect is not followed, wherever it leads.
        """
        for status in (301, 302, 303, 307, 308):
            for location in ("https://op.example/elsewhere", "http://evil.test/", "file:///etc/passwd", ""):
                with self.subTest(status=status, location=location):
                    self.unavailable(self.get(saying(b"x" * 5000, status, location=location)), "redirects")
                    self.assertEqual(len(self.resource.requests), 1)

    def test_no_head(self) -> None:
        """
        A provider that never answers is given up at the deadline.
        """
        got = self.get(lambda _: NOT_DONE_YET)
        self.clock.advance(9.9)
        self.assertNoResult(got)
        self.clock.advance(0.2)
        self.unavailable(got, "in time")

    def test_slow_body(self) -> None:
        """
        One byte now and then does not put off the deadline.
        """

        def begin(request: Request) -> int:
            request.write(b"{")
            return NOT_DONE_YET

        got = self.get(begin)
        (request,) = self.resource.requests
        for _ in range(9):
            self.clock.advance(1)
            request.write(b" ")
            self.stub.flush()
        self.assertNoResult(got)
        self.clock.advance(1)
        self.unavailable(got, "in time")
        self.stub.flush()

    def test_broken_off(self) -> None:
        """
        A body that is shorter than announced is no answer.
        """

        def begin(request: Request) -> int:
            request.setHeader("content-length", "100")
            request.write(b"{}")
            return NOT_DONE_YET

        got = self.get(begin)
        self.resource.requests[0].transport.loseConnection()
        self.stub.flush()
        self.unavailable(got, "broke off")

    def test_no_connection(self) -> None:
        """
        Whatever goes wrong on the way is the provider's being unavailable, also if it goes wrong at once.
        """

        class Unreachable:
            def __init__(self, problem: Exception, *, at_once: bool = False) -> None:
                self.problem, self.at_once = problem, at_once

            def request(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
                if self.at_once:
                    raise self.problem
                return fail(self.problem)

        for problem in (ConnectionRefusedError(), DNSLookupError("op.example"), OSError(24, "secret"), UnicodeError()):
            for at_once in (False, True):
                with self.subTest(repr(problem), at_once=at_once):
                    http = Unreachable(problem, at_once=at_once)
                    fetcher = Fetcher(http, self.clock, deadline=10.0, max_bytes=1000)
                    self.unavailable(Deferred.fromCoroutine(fetcher.get(URL, {})), type(problem).__name__)

    def test_a_fault_of_ours(self) -> None:
        """
        A fault of ours is not hidden as the provider's.
        """

        class Faulty:
            def request(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
                raise AssertionError

        fetcher = Fetcher(Faulty(), self.clock, deadline=10.0, max_bytes=1000)
        self.failureResultOf(Deferred.fromCoroutine(fetcher.get(URL, {})), AssertionError)

    def test_cancelled(self) -> None:
        """
        Who gives up earlier than the deadline leaves nothing behind.
        """
        cancelled: list[Any] = []

        class Waiting:
            def request(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
                return Deferred(cancelled.append)

        got = Deferred.fromCoroutine(Fetcher(Waiting(), self.clock, deadline=10.0, max_bytes=1000).get(URL, {}))
        got.cancel()
        self.failureResultOf(got, CancelledError)
        self.assertEqual(len(cancelled), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class AnswerTests(SynchronousTestCase):
    """
    Tests for `Answer`.
    """

    def test_json_object(self) -> None:
        """
        A body is a JSON object or the provider is unavailable.
        """
        good = Answer(status=200, media_type="", body=b'{"a": 1}')
        self.assertEqual(good.json_object(), {"a": 1})
        for body in (b"", b"[]", b"<html>", b'{"a":1,"a":2}', b"\xff\xfe", b"[" * 1000):
            with self.subTest(body[:10]):
                bad = Answer(status=200, media_type="application/json", body=body)
                self.assertRaises(ProviderUnavailable, bad.json_object)


class HTTPClientTests(SynchronousTestCase):
    """
    Tests for `http_client`.
    """

    def test_no_cookies(self) -> None:
        """
        A cookie from one request is not sent with the next, which may be another person's.
        """
        resource = Scripted(saying(b"{}", set_cookie="person=alice; Path=/"))
        fetcher = Fetcher(http_client(RequestTraversalAgent(resource)), Clock(), deadline=10.0, max_bytes=1000)
        for _ in range(2):
            self.successResultOf(Deferred.fromCoroutine(fetcher.get(URL, {})))
        self.assertEqual([request.getHeader("cookie") for request in resource.requests], [None, None])

    def test_post(self) -> None:
        """
        A form is sent whole without any reactor.
        """
        resource = Scripted(saying(b"{}"))
        fetcher = Fetcher(http_client(RequestTraversalAgent(resource)), Clock(), deadline=10.0, max_bytes=1000)
        self.successResultOf(Deferred.fromCoroutine(fetcher.post(URL, {}, [("a", "x" * 100_000)])))
        self.assertEqual(resource.bodies, [b"a=" + b"x" * 100_000])
