"""
Tests of `pomerium_tx.policy.request_criteria`: Pomerium's own cases, and what is easily got wrong.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.policy import request_criteria
from pomerium_tx.policy.client import Client
from pomerium_tx.policy.decision import Decision
from pomerium_tx.policy.request_criteria import ADDRESSES_KEPT, KINDS, decoded_path, is_in
from tests.policy.clients import a_head, for_path, policy
from tests.policy.people import alice

PREFLIGHT = {"origin": "https://page.example.org", "access_control_request_method": "PUT"}
MAPPED = "::ffff:10.0.0.0/104"

CASES: list[tuple[dict[str, Any], dict[str, Any], bool, str]] = [
    # A criterion, the request, whether it holds, and the reason.
    ({"accept": True}, {}, True, "accept"),
    ({"reject": True}, {}, False, "reject"),
    ({"pomerium_routes": True}, {"path": "/"}, False, "non-pomerium-route"),
    ({"cors_preflight": 1}, {"method": "OPTIONS", "fields": PREFLIGHT}, True, "cors-request"),
    ({"cors_preflight": 1}, {"method": "OPTIONS"}, False, "non-cors-request"),
    ({"cors_preflight": 1}, {"method": "GET", "fields": PREFLIGHT}, False, "non-cors-request"),
    ({"cors_preflight": 1}, {"method": "options", "fields": PREFLIGHT}, False, "non-cors-request"),
    ({"cors_preflight": 1}, {"method": "OPTIONS", "fields": {**PREFLIGHT, "origin": ""}}, False, "non-cors-request"),
    ({"cors_preflight": 1}, {"method": "OPTIONS", "fields": {"origin": "null"}}, False, "non-cors-request"),
    ({"http_method": {"is": "GET"}}, {}, True, "http-method-ok"),
    ({"http_method": {"is": "GET"}}, {"method": "POST"}, False, "http-method-unauthorized"),
    ({"http_method": "GET"}, {"method": "get"}, False, "http-method-unauthorized"),
    ({"http_method": {"in": ["GET", "HEAD"]}}, {"method": "HEAD"}, True, "http-method-ok"),
    ({"http_method": {"not_in": ["GET", "HEAD"]}}, {"method": "PUT"}, True, "http-method-ok"),
    ({"http_path": {"is": "/test"}}, {"path": "/test"}, True, "http-path-ok"),
    ({"http_path": {"is": "/test"}}, {"path": "/not-test"}, False, "http-path-unauthorized"),
    ({"http_path": {"is": "/test"}}, {"path": "/test/"}, False, "http-path-unauthorized"),
    ({"http_path": "/test"}, {"path": "/t%65st"}, True, "http-path-ok"),
    ({"http_path": "/a b"}, {"path": "/a%20b"}, True, "http-path-ok"),
    ({"http_path": "/käse"}, {"path": "/k%C3%A4se"}, True, "http-path-ok"),
    ({"http_path": "/käse"}, {"path": "/k%E4se"}, False, "http-path-unauthorized"),
    ({"http_path": {"starts_with": "/admin"}}, {"path": "/x/..//admin/a"}, True, "http-path-ok"),
    ({"http_path": {"starts_with": "/admin/"}}, {"path": "/admin"}, False, "http-path-unauthorized"),
    ({"http_path": {"ends_with": ".js"}}, {"path": "/a.js"}, True, "http-path-ok"),
    ({"source_ip": "1.2.3.4"}, {"address": "1.2.3.4"}, True, "source-ip-ok"),
    ({"source_ip": "1.2.3.4"}, {"address": "1.2.3.5"}, False, "source-ip-unauthorized"),
    ({"source_ip": "192.168.1.1/24"}, {"address": "192.168.1.200"}, True, "source-ip-ok"),
    ({"source_ip": "192.168.1.1/24"}, {"address": "192.168.2.1"}, False, "source-ip-unauthorized"),
    ({"source_ip": "2001:db8::1"}, {"address": "2001:db8::1"}, True, "source-ip-ok"),
    ({"source_ip": "2001:db8::1"}, {"address": "2001:db8::2"}, False, "source-ip-unauthorized"),
    ({"source_ip": "2001:db8::/32"}, {"address": "2001:db8:1:2:3:4:5:6"}, True, "source-ip-ok"),
    ({"source_ip": "2001:db8::/32"}, {"address": "2001:ffff:1:2:3:4:5:6"}, False, "source-ip-unauthorized"),
    ({"source_ip": ["10.0.0.1", "10.0.0.2", "::1"]}, {"address": "10.0.0.2"}, True, "source-ip-ok"),
    ({"source_ip": ["10.0.0.1", "10.0.0.2", "::1"]}, {"address": "::1"}, True, "source-ip-ok"),
    ({"source_ip": ["10.0.0.1", "10.0.0.2"]}, {"address": "10.0.0.4"}, False, "source-ip-unauthorized"),
    ({"source_ip": []}, {"address": "10.0.0.4"}, False, "source-ip-unauthorized"),
    ({"source_ip": MAPPED}, {"address": "10.1.2.3"}, True, "source-ip-ok"),
    ({"source_ip": MAPPED}, {"address": "::ffff:10.1.2.3"}, True, "source-ip-ok"),
    ({"source_ip": "::ffff:1.2.3.4"}, {"address": "1.2.3.4"}, True, "source-ip-ok"),
    ({"source_ip": "10.0.0.0/8"}, {"address": "::ffff:10.1.2.3"}, True, "source-ip-ok"),
    ({"source_ip": "::/0"}, {"address": "1.2.3.4"}, False, "source-ip-unauthorized"),
    ({"source_ip": "0.0.0.0/0"}, {"address": "::1"}, False, "source-ip-unauthorized"),
    ({"source_ip": "fe80::/10"}, {"address": "fe80::1%eth0"}, True, "source-ip-ok"),
    ({"source_ip": ["0.0.0.0/0", "::/0"]}, {"address": ""}, False, "source-ip-unauthorized"),
    ({"source_ip": ["0.0.0.0/0", "::/0"]}, {"address": "no address"}, False, "source-ip-unauthorized"),
]


def asked(
    written: object,
    *,
    method: str = "GET",
    path: str = "/",
    address: str = "192.0.2.1",
    fields: dict[str, str] | None = None,
    signed_in: bool = False,
) -> Decision:
    """
    What a policy says about a request.
    """
    session = alice() if signed_in else None
    return policy(written)(session, a_head(method, **(fields or {})), for_path(path), Client(address=address))


class RequestCriteriaTests(SynchronousTestCase):
    """
    Criteria about a request.
    """

    def test_cases(self) -> None:
        """
        Each criterion holds for exactly what it names, signed in or not, and says so by its reason.
        """
        for criterion, request, holds, reason in CASES:
            for signed_in in (False, True):
                with self.subTest(criterion=criterion, request=request, signed_in=signed_in):
                    decision = asked({"allow": {"and": [criterion]}}, signed_in=signed_in, **request)
                    self.assertEqual((decision.admits, decision.reasons), (holds, (reason,)))
                    self.assertFalse(decision.unauthenticated)
                    negated = asked({"allow": {"not": [criterion]}}, signed_in=signed_in, **request)
                    self.assertEqual((negated.admits, negated.reasons), (not holds, (reason,)))

    def test_denies(self) -> None:
        """
        Each criterion refuses in a deny rule what it would admit in an allow rule, and nothing else.
        """
        tested = set()
        for criterion, request, holds, _ in CASES:
            tested.update(criterion)
            with self.subTest(criterion=criterion, request=request):
                decision = asked({"allow": {"or": [{"accept": True}]}, "deny": {"or": [criterion]}}, **request)
                self.assertEqual(decision.admits, not holds)
        self.assertEqual(tested, set(KINDS))

    def test_what_is_decided_is_what_is_sent(self) -> None:
        """
        A path is compared in the form in which it goes on, without its encoding; what is no UTF-8 equals nothing.
        """
        for written, decoded in (
            ("/a/../b", "/b"),
            ("//a//b/", "/a/b/"),
            ("/%7Ea", "/~a"),
            ("/a%3Fb", "/a?b"),
            ("/a%23b", "/a#b"),
            ("/%E4", "/\udce4"),
        ):
            with self.subTest(written=written):
                self.assertEqual(decoded_path(for_path(written)), decoded)

    def test_every_address(self) -> None:
        """
        Whatever the text of an address, the answer is yes or no.
        """
        anywhere = [ip_network("0.0.0.0/0"), ip_network("::/0")]
        for address, expected in (
            ("1.2.3.4", True),
            ("::1", True),
            ("fe80::1%eth0", True),
            ("01.2.3.4", False),
            ("1.2.3", False),
            ("%", False),
        ):
            with self.subTest(address=address):
                self.assertIs(is_in(anywhere, address), expected)

    def test_addresses_are_forgotten(self) -> None:
        """
        What is known of addresses is looked up once for each, and is bounded however many come.
        """
        looked_up: list[str] = []

        def noted(networks: object, address: str) -> bool:
            looked_up.append(address)
            return address == "10.0.0.0"

        self.patch(request_criteria, "is_in", noted)
        asked = policy({"allow": {"or": [{"source_ip": "10.0.0.0/32"}]}})

        def admits(number: int) -> bool:
            return asked(None, a_head(), for_path("/"), Client(address=f"10.0.{number >> 8}.{number & 255}")).admits

        self.assertEqual([admits(0), admits(1), admits(0)], [True, False, True])
        self.assertEqual(looked_up, ["10.0.0.0", "10.0.0.1"])
        for number in range(1, ADDRESSES_KEPT + 1):
            admits(number)
        self.assertEqual(len(looked_up), ADDRESSES_KEPT + 1)
        self.assertTrue(admits(0))
        self.assertEqual(looked_up[-1], "10.0.0.0")
