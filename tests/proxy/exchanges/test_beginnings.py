"""
Tests for `pomerium_tx.proxy.exchanges.beginnings`: what becomes of a request that was decided.
"""

from __future__ import annotations

from dataclasses import replace

from pomerium_tx.authorize.verdict import Action, Verdict
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import BadRequest, HeadLimits, RequestHead
from pomerium_tx.http11.reader import RequestReader
from pomerium_tx.policy.client import Client
from pomerium_tx.proxy.exchanges.beginnings import decided
from tests.doubles.peers import request
from tests.policy.clients import CLIENT
from tests.proxy.harness import ProxyTestCase


class DecidedTests(ProxyTestCase):
    """
    A head becomes a request with a decision.
    """

    def head(self, *fields: str) -> RequestHead:
        """
        The head of a request for /a/./b.
        """
        [head, *_] = RequestReader(HeadLimits()).feed(request("GET", "/a/./b", "app.example.com", *fields))
        assert isinstance(head, RequestHead)
        return head

    def test_canonical(self) -> None:
        """
        What is decided is the canonical form, once, about the client that is given.
        """
        seen: list[tuple[Canonical, Client]] = []

        def check(head: RequestHead, canonical: Canonical, client: Client, request_id: str) -> Verdict:
            seen.append((canonical, client))
            return Verdict(action=Action.DENY, status=403, reason="Forbidden", allow=False, reasons=())

        asked = decided(replace(self.proxy, check=check), self.head(), CLIENT)
        self.assertEqual([(canonical.path, client) for canonical, client in seen], [(b"/a/b", CLIENT)])
        self.assertEqual((asked.verdict.status, asked.client), (403, CLIENT))

    def test_client_of(self) -> None:
        """
        Where somebody in front of us says who asks, that is who is asked about; a word that is wrong is a bad request.
        """
        other = Client(address="198.51.100.7")
        asked = decided(replace(self.proxy, client_of=lambda peer, head: other), self.head("Who: alice"), CLIENT)
        self.assertEqual(asked.client, other)

        def wrong(peer: Client, head: RequestHead) -> Client:
            raise BadRequest(400, "no address")

        self.assertRaises(BadRequest, decided, replace(self.proxy, client_of=wrong), self.head(), CLIENT)
