"""
What is remembered of requests makes them quicker, and nothing else: each is decided, sent on and logged as if nobody
had asked for anything before.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from itertools import product
from typing import Any

from pomerium_tx.jose.jwt import parse
from tests.doubles.peers import UserAgent, request
from tests.scenarios.test_reload import ReloadTestCase as _ReloadTestCase
from tests.scenarios.world import APP, CHAT

TO = {"to": "http://app.internal:8080"}
SIGNED_IN = {"authenticated_user": True}
NOT_BOB = [{"deny": {"or": [{"email": {"is": "bob@example.com"}}]}}]
PEERS = ("192.0.2.1", "192.0.2.7")
PLACES = [
    *(("app", path) for path in ("/", "/public/a", "/bob/a", "/get/a", "/path/a", "/path/ok", "/from/a", "/not-bob/a")),
    ("chat", "/"),
]
FIELDS = ((), ("Accept: application/json", "Origin: https://evil.example.com", "User-Agent: x"))
LOGGED = (
    *("method", "host", "authority", "path", "ip", "session_id", "user", "route_id", "upstream_cluster", "user_agent"),
    *("allow", "deny", "allow_why_true", "allow_why_false", "response_code", "response_code_details"),
)


def allowed(*criteria: Mapping[str, object]) -> list[dict[str, object]]:
    """
    The policy that lets through where all of *criteria* hold.
    """
    return [{"allow": {"and": list(criteria)}}]


class RememberedTests(_ReloadTestCase):
    """
    Requests that have something in common.
    """

    settings: Mapping[str, Any] = {
        "routes": [
            {"from": APP, "prefix": "/public", "allow_public_unauthenticated_access": True, **TO},
            {"from": APP, "prefix": "/bob", "allowed_users": ["bob@example.com"], **TO},
            {"from": APP, "prefix": "/get", "policy": allowed({"http_method": {"is": "GET"}}, SIGNED_IN), **TO},
            {"from": APP, "prefix": "/path", "policy": allowed({"http_path": "/path/ok"}, SIGNED_IN), **TO},
            {"from": APP, "prefix": "/from", "policy": allowed({"source_ip": PEERS[1]}), **TO},
            {"from": APP, "prefix": "/not-bob", "policy": [*allowed(SIGNED_IN), *NOT_BOB], **TO},
            {"from": APP, "allow_any_authenticated_user": True, "prefix_rewrite": "/rest/", **TO},
            {"from": CHAT, "allow_any_authenticated_user": True, "pass_identity_headers": False, **TO},
        ]
    }

    def requests(self) -> list[tuple[str, bytes]]:
        """
        Everything that is asked for, and from where.
        """
        handles: list[str] = []
        for person in ("alice", "bob"):
            browser = self.browser()
            self.sign_in(browser, person=person)
            handles.append(self.handle_of(browser, APP))
        presented: list[tuple[str, tuple[str, ...]]] = [("", ()), (f"?pomerium_session={handles[0]}", ())]
        presented += [("", (f"Cookie: _pomerium={handle}; theme=dark",)) for handle in handles]
        self.app.take()
        return [
            (peer, request(method, path + query, f"{host}.example.com", *credentials, *fields))
            for peer, method, (host, path), (query, credentials), fields in product(
                PEERS, ("GET", "OPTIONS"), PLACES, presented, FIELDS
            )
        ]

    def outcome(self, peer: str, asked: bytes) -> tuple[bytes, bytes, object, list[dict[str, Any]]]:
        """
        What came of a request: the status, what the application heard, and what the log says.
        """
        self.events.clear()
        agent = self.agents.get(peer)
        if agent is None:
            agent = self.agents[peer] = UserAgent.connect(self.network, "proxy", 443, peer=peer)
        status = agent.ask(asked)[:12]
        heard = re.sub(rb"(?m)^X-Request-Id: .*$", b"", self.app.take())
        told = re.search(rb"X-Pomerium-Jwt-Assertion: (\S+)", heard)
        who = None if told is None else parse(told[1].decode()).claims["sub"]
        heard = re.sub(rb"X-Pomerium-Jwt-Assertion: \S+", b"", heard)
        return status, heard, who, [{name: event.get(name) for name in LOGGED} for event in self.events]

    def test_as_if_nobody_had_asked_before(self) -> None:
        """
        In whatever order requests come that have hosts, paths, credentials, addresses or other fields in common, each
        has the outcome that it has after a reload, of which nothing is left.
        """
        self.agents: dict[str, UserAgent] = {}
        asked = self.requests()
        expected = {}
        for one in asked:
            self.reload()
            expected[one] = self.outcome(*one)
        self.assertEqual({outcome[0][-3:] for outcome in expected.values()}, {b"200", b"302", b"401", b"403"})
        for seed in range(2):
            random.Random(seed).shuffle(asked)
            for one in asked:
                self.assertEqual(self.outcome(*one), expected[one], one)
