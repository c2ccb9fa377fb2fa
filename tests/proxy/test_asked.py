"""
Tests of `pomerium_tx.proxy.asked`, and of those who ask again.
"""

from __future__ import annotations

from dataclasses import fields, replace

from pomerium_tx.authorize.verdict import Action, Verdict
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.policy.client import Client
from pomerium_tx.proxy.asked import Asked
from pomerium_tx.proxy.connection import Proxy
from tests.doubles.peers import request
from tests.doubles.sessions import a_session
from tests.policy.clients import CLIENT
from tests.proxy.harness import ProxyTestCase
from tests.routing.routes import a_route


class StillAdmittedTests(ProxyTestCase):
    """
    Whether a request would be let through now as it was.
    """

    def asked(self) -> Asked:
        """
        A request that was let through.
        """
        found: list[tuple[RequestHead, Canonical]] = []

        def check(head: RequestHead, canonical: Canonical, client: Client, request_id: str) -> Verdict:
            found.append((head, canonical))
            return self.check(head, canonical, client, request_id)

        self.proxy.check = check
        self.agent.ask(request("GET", "/", "app.example.com", "Who: alice"))
        (head, canonical) = found[0]
        return Asked(head, canonical, self.check(head, canonical, CLIENT, ""), "id", CLIENT, 0.0)

    def test_still(self) -> None:
        """
        Only to the same route and as the same session's; whatever else the verdict would be, not any more.
        """
        asked = self.asked()
        was = asked.verdict
        for now, expected in (
            (was, True),
            (replace(was, reasons=("other",)), True),
            (replace(was, action=Action.DENY, status=403), False),
            (replace(was, action=Action.SIGN_IN, session=None), False),
            (replace(was, session=None), False),
            (replace(was, session=a_session(id="another")), False),
            (replace(was, route=a_route("https://app.example.com", prefix="/other")), False),
            (replace(was, action=Action.NOT_FOUND, route=None), False),
        ):
            with self.subTest(action=now.action, session=now.session is not None):
                self.assertIs(asked.is_still_admitted(lambda head, canonical, client, now=now: now), expected)

    def test_recheck(self) -> None:
        """
        What is being answered to nobody is cut if it is admitted no longer. The registry's are for others to ask.
        """
        alice, nobody = self.connect(), self.connect()
        alice.ask(request("GET", "/", "app.example.com", "Who: alice"))
        nobody.ask(request("GET", "/public", "app.example.com"))
        self.factory.recheck()
        self.settle()
        self.assertEqual((alice.take(), nobody.take()), (b"", b""))
        self.proxy.decide = lambda head, canonical, client: replace(
            self.check(head, canonical, client, ""), action=Action.DENY, status=403
        )
        self.factory.recheck()
        self.settle()
        self.assertTrue(nobody.take().startswith(b"HTTP/1.1 401 "))
        self.assertEqual((alice.take(), alice.lost), (b"", None))
        (hers,) = self.registry.exchanges(self.session.id)
        self.assertFalse(hers.is_admitted())
        self.assertIsNone(self.agent.lost, "an idle connection stays")

    def test_become(self) -> None:
        """
        All that connections share is the other's then, but not that the service is stopping.
        """
        other = replace(self.proxy, merge_slashes=False, draining=False, normalize_path=False)
        self.proxy.draining = True
        self.proxy.become(other)
        self.assertTrue(self.proxy.draining)
        for each in fields(Proxy):
            if each.name != "draining":
                self.assertIs(getattr(self.proxy, each.name), getattr(other, each.name), each.name)
