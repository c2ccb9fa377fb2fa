"""
Tests of `pomerium_tx.proxy.exchanges.refusals`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.authorize.verdict import Action, Verdict
from pomerium_tx.http11.canonical import canonicalise
from pomerium_tx.http11.heads import BadRequest, HeadLimits, RequestHead
from pomerium_tx.http11.reader import RequestReader
from pomerium_tx.proxy.asked import Asked
from pomerium_tx.proxy.exchanges.refusals import Refusals, content_size
from pomerium_tx.routing.route import Route
from tests.doubles.peers import request
from tests.doubles.sessions import a_session
from tests.policy.clients import CLIENT
from tests.proxy.harness import a_route
from tests.scenarios.browser import Response, read

ORIGIN = "https://app.example.com"
ROUTE = a_route(set_response_headers=(("X-Frame-Options", "SAMEORIGIN"), ("X-Route", "yes")))


def head_of(method: str = "GET", target: str = "/", *fields: str, version: str = "1.1") -> RequestHead:
    """
    The head of a request.
    """
    written = request(method, target, "app.example.com", *fields).replace(b"HTTP/1.1", f"HTTP/{version}".encode())
    head = RequestReader(HeadLimits()).feed(written)[0]
    assert isinstance(head, RequestHead), head
    return head


def verdict_of(action: Action, status: int, reason: str = "", **more: object) -> Verdict:
    """
    A verdict about the route.
    """
    verdict = Verdict(action=action, status=status, reason=reason, allow=False, reasons=(), route=ROUTE, origin=ORIGIN)
    for name, value in more.items():
        setattr(verdict, name, value)
    return verdict


def asked(head: RequestHead, verdict: Verdict, request_id: str = "request-1") -> Asked:
    """
    A request with its decision.
    """
    return Asked(head, canonicalise(head), verdict, request_id, CLIENT, 0.0)


class RefusalsTestCase(SynchronousTestCase):
    """
    Refusals whose sign-in goes to one place.
    """

    def setUp(self) -> None:
        self.begun: list[tuple[str, list[bytes], Route]] = []
        self.refusals = Refusals(
            begin_sign_in=self.begin,
            response_fields=lambda route: (("X-Everywhere", "yes"),) if route is None else route.set_response_headers,
        )

    def begin(self, url: str, cookies: Sequence[bytes], route: Route) -> tuple[str, str]:
        """
        The place.
        """
        self.begun.append((url, list(cookies), route))
        return "https://authenticate.example.com/sign_in", "_pomerium_login=x; Path=/"

    def answer(self, head: RequestHead, verdict: Verdict, *, close: bool = False) -> Response:
        """
        What is answered by a verdict.
        """
        status, written = self.refusals.for_verdict(asked(head, verdict), verdict, close=close)
        answered = read(written, head.method.decode())
        self.assertEqual(answered.status, status)
        if head.method != b"HEAD":
            self.assertEqual(content_size(written), len(answered.content))
        return answered


class VerdictTests(RefusalsTestCase):
    """
    Answers to requests that do not proceed.
    """

    def test_sign_in(self) -> None:
        """
        The user agent is sent to sign in, with the cookie for it; the wanted URL is the person's own, byte for byte.
        """
        head = head_of("GET", "/%7Ea//b?x=%20&y=%7e", "Cookie: a=b", "Cookie: c=d")
        answer = self.answer(head, verdict_of(Action.SIGN_IN, 302, "Found"))
        self.assertEqual(answer.get("Location"), "https://authenticate.example.com/sign_in")
        self.assertEqual(answer.get_all("Set-Cookie"), ["_pomerium_login=x; Path=/"])
        self.assertEqual(self.begun, [(ORIGIN + "/%7Ea//b?x=%20&y=%7e", [b"a=b", b"c=d"], ROUTE)])

    def test_sign_in_absolute_form(self) -> None:
        """
        Of a target in absolute form the origin is not taken from the request.
        """
        head = head_of("GET", "http://app.example.com/a?b")
        self.answer(head, verdict_of(Action.SIGN_IN, 302))
        self.assertEqual(self.begun[0][0], ORIGIN + "/a?b")

    def test_pages_and_json(self) -> None:
        """
        Who wants JSON gets it, everybody else a page; both say the reason and the request's id, and 401 has a
        challenge.
        """
        for action, status, reason in (
            (Action.UNAUTHORIZED, 401, "Unauthenticated"),
            (Action.DENY, 403, "Forbidden"),
            (Action.NOT_FOUND, 404, "Not Found"),
            (Action.DENY, 500, "Internal Server Error"),
        ):
            with self.subTest(status):
                verdict = verdict_of(action, status, reason)
                page = self.answer(head_of("GET", "/", "Accept: text/html"), verdict)
                self.assertEqual(page.status, status)
                self.assertIn("request-1", page.text)
                self.assertTrue((page.get("Content-Type") or "").startswith("text/html"))
                document = self.answer(head_of("GET", "/", "Accept: application/json"), verdict)
                self.assertEqual(json.loads(document.text), {"error": reason, "request_id": "request-1"})
                for answer in (page, document):
                    self.assertEqual(answer.get("WWW-Authenticate"), "Pomerium" if status == 401 else None)
                    self.assertEqual(answer.get("X-Request-Id"), "request-1")
                    self.assertEqual(answer.get("Cache-Control"), "no-store")

    def test_way_out(self) -> None:
        """
        Who is signed in and not admitted is shown the way out; who is not signed in is not.
        """
        head = head_of()
        for session, shown in ((a_session(), True), (None, False)):
            page = self.answer(head, verdict_of(Action.DENY, 403, "Forbidden", session=session))
            self.assertEqual("/.pomerium/sign_out" in page.text, shown)

    def test_robots(self) -> None:
        """
        Robots are kept away in their own words.
        """
        answer = self.answer(head_of("GET", "/robots.txt"), verdict_of(Action.ROBOTS, 200))
        self.assertEqual((answer.status, answer.content), (200, b"User-agent: *\nDisallow: /\n"))

    def test_route_fields(self) -> None:
        """
        What the configuration sets on responses is on ours too, unless the page says otherwise.
        """
        answer = self.answer(head_of(), verdict_of(Action.DENY, 403))
        self.assertEqual(answer.get("X-Route"), "yes")
        self.assertEqual(answer.get_all("X-Frame-Options"), ["DENY"])
        answer = self.answer(head_of(), verdict_of(Action.NOT_FOUND, 404, route=None))
        self.assertEqual((answer.get("X-Everywhere"), answer.get("X-Route")), ("yes", None))

    def test_head(self) -> None:
        """
        HEAD is answered without content, and with its length.
        """
        verdict = verdict_of(Action.DENY, 403)
        head = head_of("HEAD")
        _, written = self.refusals.for_verdict(asked(head, verdict), verdict, close=False)
        self.assertTrue(written.endswith(b"\r\n\r\n"))
        self.assertEqual(content_size(written), 0)
        self.assertNotEqual(read(written, "HEAD").get("Content-Length"), "0")

    def test_connection(self) -> None:
        """
        The user agent is told whether the connection goes on, where its version would not tell it.
        """
        for version, close, expected in (
            ("1.1", False, None),
            ("1.1", True, "close"),
            ("1.0", False, "keep-alive"),
            ("1.0", True, "close"),
        ):
            with self.subTest(version=version, close=close):
                answer = self.answer(head_of(version=version), verdict_of(Action.DENY, 403), close=close)
                self.assertEqual(answer.get("Connection"), expected)


class StatusTests(RefusalsTestCase):
    """
    Answers in place of an upstream's, and to what cannot be read.
    """

    def test_statuses(self) -> None:
        """
        Each problem is a page with a title for people, and the fields that its status wants.
        """
        for status, field, value in (
            (502, "Allow", None),
            (503, "Allow", None),
            (504, "Allow", None),
            (426, "Upgrade", "websocket"),
            (426, "Sec-WebSocket-Version", "13"),
            (405, "Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        ):
            with self.subTest(status):
                written = self.refusals.for_status(
                    asked(head_of(), verdict_of(Action.PROCEED, 200)), status, "What it is.", close=False
                )
                answer = read(written)
                self.assertEqual((answer.status, answer.get(field)), (status, value))
                self.assertIn("What it is.", answer.text)
                self.assertIn("<h1", answer.text)
                self.assertEqual(answer.get("X-Route"), "yes")

    def test_page_for_providers(self) -> None:
        """
        What is sent to the page for OPs and is refused before the page sees it, is refused as the page would.
        """
        for accept in ("text/html", "application/json"):
            for target, is_for_providers in (
                ("/.pomerium/backchannel_logout", True),
                ("/.pomerium//backchannel_logout?x=y", True),
                ("/.pomerium/sign_out", False),
            ):
                with self.subTest(target, accept=accept):
                    head = head_of("POST", target, f"Accept: {accept}", "Content-Length: 0")
                    verdict = verdict_of(Action.OWN_PATH, 200)
                    answer = read(self.refusals.for_status(asked(head, verdict), 413, "Too much.", close=True))
                    self.assertEqual((answer.status, answer.get("Cache-Control")), (413, "no-store"))
                    if is_for_providers:
                        expected = {"error": "invalid_request", "error_description": "Too much."}
                        self.assertEqual(json.loads(answer.content), expected)
                    else:
                        self.assertNotIn("invalid_request", answer.text)

    def test_bad_request(self) -> None:
        """
        What cannot be read is answered in any case, and closes the connection.
        """
        problem = BadRequest(431, "The head is too large.")
        for head in (None, head_of("GET", "/", "Accept: text/html")):
            answer = read(self.refusals.bad_request(problem, head, "request-1"))
            self.assertEqual((answer.status, answer.get("Connection")), (431, "close"))
            self.assertIn("The head is too large.", answer.text)
            self.assertEqual(answer.get("X-Everywhere"), "yes")

    def test_own_fields(self) -> None:
        """
        Our other pages get the same fields.
        """
        self.assertEqual(self.refusals.own_response_fields(None), (("X-Everywhere", "yes"),))
        self.assertEqual(self.refusals.own_response_fields(ROUTE), ROUTE.set_response_headers)

    def test_no_markup_from_outside(self) -> None:
        """
        What comes from the request is not markup on the page.
        """
        written = self.refusals.for_status(
            asked(head_of(), verdict_of(Action.PROCEED, 200), "<b>"), 502, "<script>", close=False
        )
        page = read(written).text
        self.assertNotIn("<script>", page)
        self.assertNotIn("<b>", page)
