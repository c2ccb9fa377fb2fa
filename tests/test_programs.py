"""
Tests of `pomerium_tx.programs`.
"""

from __future__ import annotations

from treq.testing import StubTreq
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from pomerium_tx.config.model import Config
from pomerium_tx.oidc.provider import Provider, ProviderSettings
from pomerium_tx.programs import Bearers, Programs
from pomerium_tx.routing.route import Route, build
from pomerium_tx.routing.table import RouteTable
from pomerium_tx.sessions.memory import MemoryStore
from pomerium_tx.sessions.registry import SessionRegistry
from tests.config.material import ROUTE, SMALLEST

CHAT = {**ROUTE, "from": "https://chat.example.com:8443"}


def programs(*routes: dict[str, object], **values: object) -> tuple[Programs, RouteTable]:
    """
    What a configuration comes to, whose host ``other.example.com`` is another OP's.
    """
    config = Config.model_validate({**SMALLEST, "routes": routes, **values})
    table = RouteTable(build(section, config) for section in config.routes)
    return Programs(config, table, idp_id_of=_idp_id_of), table


def _idp_id_of(route: Route | None) -> str:
    return "other" if route is not None and "other" in route.from_host else "op"


class ProgramsTests(SynchronousTestCase):
    """
    The part of a layout that is about programs.
    """

    def test_redirects(self) -> None:
        """
        Programs wait on this computer, unless the list says otherwise; people are asked unless they are not to be.
        """
        found, _ = programs(dict(ROUTE))
        self.assertTrue(found.asks)
        self.assertIsNotNone(found.redirects.origin("http://127.0.0.1:1/"))
        found, _ = programs(
            dict(ROUTE), programmatic_login="now", programmatic_redirect_domain_whitelist=["tools.example.com"]
        )
        self.assertFalse(found.asks)
        self.assertIsNone(found.redirects.origin("http://127.0.0.1:1/"))
        self.assertIsNotNone(found.redirects.origin("https://tools.example.com/"))

    def test_hosts(self) -> None:
        """
        A route's further hosts are those of routes that want people from the same OP.
        """
        other = {**ROUTE, "from": "https://other.example.com"}
        hosts = ["chat.example.com:8443", "other.example.com", "nobody.example.com"]
        found, table = programs({**ROUTE, "depends_on": hosts}, CHAT, other)
        self.assertEqual(found.hosts_with(table.routes[0]), ("chat.example.com:8443",))
        self.assertEqual(found.hosts_with(table.routes[1]), ())

    def test_origin_of_host(self) -> None:
        """
        A host's origin is what the configuration says, whoever wrote the host.
        """
        found, _ = programs({**ROUTE, "from": "http://localhost:9000"}, CHAT)
        self.assertEqual(found.origin_of_host("localhost:9000"), "http://localhost:9000")
        self.assertEqual(found.origin_of_host("chat.example.com:8443"), "https://chat.example.com:8443")
        for host in ("", "evil.example", "chat.example.com:x", "a b", "chat.example.com/path"):
            self.assertIsNone(found.origin_of_host(host), host)


class BearersTests(SynchronousTestCase):
    """
    Which tokens routes take.
    """

    def bearers(self, *routes: dict[str, object], previous: Bearers | None = None, **values: object) -> Bearers:
        config = Config.model_validate({**SMALLEST, "routes": routes, **values})
        clock = Clock()
        self.table = RouteTable(build(section, config) for section in config.routes)
        http = StubTreq(Resource())
        provider = Provider(
            ProviderSettings(
                issuer="https://op.example.com",
                client_id="client",
                client_secret="secret",
                redirect_uri="https://a.example/oauth2/callback",
                scopes=("openid",),
            ),
            http=http,
            clock=clock,
        )
        return Bearers(
            config,
            self.table,
            SessionRegistry(MemoryStore(), clock),
            provider_of=lambda route: provider,
            session_begun=lambda session: None,
            http=http,
            clock=clock,
            previous=previous,
        )

    def test_none(self) -> None:
        """
        A route takes no tokens unless it is told to, and then its host's own pages know them.
        """
        found = self.bearers(dict(ROUTE), {**CHAT, "bearer_token_format": "idp_identity_token"})
        self.assertEqual(list(found.routes), [self.table.routes[1].id])
        self.assertEqual(len(found.at("https://chat.example.com:8443")), 1)
        self.assertEqual(found.at("https://app.example.com"), ())

    def test_for_all(self) -> None:
        """
        What stands outside of routes holds for those that say nothing.
        """
        found = self.bearers(
            dict(ROUTE), {**CHAT, "bearer_token_format": "default"}, bearer_token_format="idp_identity_token"
        )
        self.assertEqual(list(found.routes), [self.table.routes[0].id])

    def test_issuers(self) -> None:
        """
        Only tokens of other issuers may not stand beside a cookie; an issuer with the same settings outlives a reload.
        """
        issuers = {"ci": {"issuer": "https://ci.example.org", "audiences": ["us"]}}
        jwt = {**ROUTE, "bearer_token_format": "jwt"}
        found = self.bearers(jwt, identity_providers=issuers)
        [route] = found.routes.values()
        self.assertTrue(route.refuses_cookie)
        again = self.bearers(jwt, identity_providers=issuers, previous=found)
        self.assertEqual(list(again.issuers.values()), list(found.issuers.values()))
        changed = {"ci": {**issuers["ci"], "audiences": ["others"]}}
        self.assertFalse(
            set(self.bearers(jwt, identity_providers=changed, previous=found).issuers) & set(found.issuers)
        )
