"""
Tests of `pomerium_tx.access`.
"""

from __future__ import annotations

import json
from typing import Any

from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx import logs
from pomerium_tx.access import log_access
from pomerium_tx.authorize.verdict import Action, Verdict
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import HeadLimits, RequestHead
from pomerium_tx.http11.reader import RequestReader
from pomerium_tx.policy.client import Client
from pomerium_tx.proxy.asked import Asked, NotUnderstood
from pomerium_tx.proxy.connection import Answered
from tests.doubles.peers import request
from tests.routing.routes import a_route

SECRET = "planted-7a1f"
ASKED = request(
    "POST",
    f"/path?token={SECRET}",
    "app.example.com:8443",
    "User-Agent: Test/1.0",
    f"Referer: https://other.example.com/page?code={SECRET}",
    "X-Forwarded-For: 198.51.100.7",
    f"Cookie: _pomerium={SECRET}",
    f"Authorization: Bearer {SECRET}",
)
FIELDS = {
    "level",
    "time",
    "message",
    "service",
    "upstream-cluster",
    "method",
    "authority",
    "path",
    "user-agent",
    "referer",
    "forwarded-for",
    "ip",
    "request-id",
    "duration",
    "size",
    "response-code",
    "response-code-details",
}


ROUTE = a_route("https://app.example.com", name="app")


def read(head: bytes) -> RequestHead:
    """
    A head as it is read.
    """
    found = RequestReader(HeadLimits()).feed(head)[0]
    assert isinstance(found, RequestHead)
    return found


def answered(head: RequestHead | None, path: str = "/path", **changes: Any) -> Answered:
    """
    A request that was answered; one that could not be understood if there is no *head*.
    """
    values: dict[str, Any] = {
        "peer": "192.0.2.1",
        "request_id": "request-1",
        "status": 201,
        "size": 42,
        "seconds": 0.0123456,
        "details": "via_upstream",
    } | changes
    request_id, peer = values.pop("request_id"), values.pop("peer")
    if head is None:
        return Answered(NotUnderstood(None, request_id, peer), **values)
    canonical = Canonical("app.example.com", 8443, path.encode(), b"token=" + SECRET.encode(), b"app.example.com:8443")
    verdict = Verdict(action=Action.PROCEED, status=200, reason="", allow=True, reasons=(), route=ROUTE)
    return Answered(Asked(head, canonical, verdict, request_id, Client(address=peer), 0.0), **values)


def logged(
    path: str = "/path", head: bytes | None = ASKED, service: str = "proxy", **changes: Any
) -> tuple[LogLevel, dict[str, Any]]:
    """
    The level and the line of one request.
    """
    with capturedLogs() as events:
        log_access(answered(None if head is None else read(head), path, **changes), service)
    (event,) = events
    return event["log_level"], json.loads(logs.json_line(event))


class AccessLogTests(SynchronousTestCase):
    """
    One line for every request.
    """

    def test_fields(self) -> None:
        """
        A line has Pomerium's fields, with what was asked and what was answered.
        """
        _, line = logged()
        self.assertEqual(set(line), FIELDS)
        del line["time"]
        self.assertEqual(
            line,
            {
                "level": "info",
                "message": "http-request",
                "service": "proxy",
                "upstream-cluster": "app",
                "method": "POST",
                "authority": "app.example.com:8443",
                "path": "/path",
                "user-agent": "Test/1.0",
                "referer": "https://other.example.com/page",
                "forwarded-for": "198.51.100.7",
                "ip": "192.0.2.1",
                "request-id": "request-1",
                "duration": 12.346,
                "size": 42,
                "response-code": 201,
                "response-code-details": "via_upstream",
            },
        )

    def test_no_secret(self) -> None:
        """
        Neither the queries nor cookies nor credentials are in it; planted where a field is shown, they are found.
        """
        self.assertIn(SECRET, json.dumps(logged(path=f"/{SECRET}")[1]))
        self.assertNotIn(SECRET, json.dumps(logged()[1]))

    def test_probes(self) -> None:
        """
        Requests that only ask whether we live are for whoever wants every detail.
        """
        for path, level in (("/ping", LogLevel.debug), ("/healthz", LogLevel.debug), ("/pings", LogLevel.info)):
            with self.subTest(path):
                self.assertEqual(logged(path)[0], level)

    def test_unreadable(self) -> None:
        """
        A request that could not be read has a line with the same fields.
        """
        _, line = logged("", None, status=400, details="The request line is too long.")
        self.assertEqual(set(line), FIELDS)
        self.assertEqual((line["method"], line["path"], line["response-code"]), ("", "", 400))

    def test_one_head_many_peers(self) -> None:
        """
        However many peers send the same head, each line has its own, and no more than the latest is kept with the head.
        """
        head = read(ASKED)
        peers = []
        for number in range(100):
            with capturedLogs() as events:
                log_access(answered(head, peer=f"2001:db8::{number:x}", details=f"detail {number}"))
            (event,) = events
            peers.append((event["ip"], event["response_code_details"]))
        self.assertEqual(peers, [(f"2001:db8::{number:x}", f"detail {number}") for number in range(100)])
        self.assertLess(len(head.derived), 5)

    def test_what_varies(self) -> None:
        """
        Where a request comes from is its own, although all its other fields came before.
        """
        referers = []
        for number in range(3):
            head = read(ASKED.replace(b"other.example.com/page", b"other.example.com/%d" % number))
            for _ in range(2):
                with capturedLogs() as events:
                    log_access(answered(head))
                referers.append(events[0]["referer"])
        self.assertEqual(referers, [f"https://other.example.com/{number}" for number in (0, 0, 1, 1, 2, 2)])

    def test_service(self) -> None:
        """
        The line says whose listener was asked: the proxy's, unless it is another's.
        """
        self.assertEqual(logged()[1]["service"], "proxy")
        self.assertEqual(logged(service="admin")[1]["service"], "admin")

    def test_odd_bytes(self) -> None:
        """
        Bytes of a user agent's own are shown, and never end the line.
        """
        _, line = logged(head=request("GET", "/", "app.example.com", 'User-Agent: a\xff\x85\u00e9"{x}'))
        self.assertEqual(line["user-agent"], 'a\xff\x85\u00e9"{x}')
