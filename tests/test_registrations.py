"""
Tests of `pomerium_tx.registrations`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.oidc.fetch import HTTPClient
from pomerium_tx.oidc.github import GitHub
from pomerium_tx.oidc.provider import Provider
from pomerium_tx.oidc.provider_settings import Revocation, idp_id
from pomerium_tx.registrations import ClientsOfRoutes, Registrations
from pomerium_tx.routing.route import build
from pomerium_tx.routing.table import RouteTable
from tests.config.material import ROUTE, loaded

OP = "https://op.example.com"


class RegistrationsTestCase(SynchronousTestCase):
    """
    A configuration and its clients.
    """

    def read(self, previous: Mapping[str, Provider] | None = None, **changes: Any) -> Registrations:
        """
        Those of the smallest configuration with changes.
        """
        self.config = loaded(self.mktemp(), {"routes": [ROUTE], **changes}).config
        return Registrations(self.config, http=cast(HTTPClient, None), clock=Clock(), previous=previous or {})


class RegistrationsTests(RegistrationsTestCase):
    """
    The clients of a configuration.
    """

    def test_one(self) -> None:
        """
        The keys outside of providers are one, which routes that choose none use.
        """
        found = self.read()
        self.assertEqual(list(found.providers), [idp_id(OP, "client")])
        self.assertEqual(found.default_idp_id, idp_id(OP, "client"))
        self.assertEqual(found.idp_id_of(self.config.routes[0]), found.default_idp_id)

    def test_several(self) -> None:
        """
        Routes choose by name and by client; what is particular about a kind of provider comes along.
        """
        google = {"idp_provider": "google", "idp_client_id": "g", "idp_client_secret": "gs"}
        github = {"idp_provider": "github", "idp_client_id": "h", "idp_client_secret": "hs"}
        routes = [
            {**ROUTE, "prefix": f"/{number}", **chosen}
            for number, chosen in enumerate(
                (
                    {},
                    {"idp": "google"},
                    {"idp_client_id": "own", "idp_client_secret": "own-secret"},
                    {"idp": "google", "idp_client_id": "own", "idp_client_secret": "own-google"},
                    {"idp": "github"},
                    {"idp": "default"},
                )
            )
        ]
        found = self.read(providers={"google": google, "github": github}, routes=routes)
        accounts = "https://accounts.google.com"
        default = idp_id(OP, "client")
        expected = [
            default,
            idp_id(accounts, "g"),
            idp_id(OP, "own"),
            idp_id(accounts, "own"),
            idp_id("https://github.com", "h"),
            default,
        ]
        self.assertEqual([found.idp_id_of(route) for route in self.config.routes], expected)
        self.assertEqual(set(found.providers), set(expected))
        settings = found.providers[idp_id(accounts, "own")].settings
        self.assertEqual(
            (settings.name, settings.client_secret, settings.revocation, settings.request_params["access_type"]),
            ("google", "own-google", Revocation.LAST_SESSION, "offline"),
        )
        self.assertIsInstance(found.providers[idp_id("https://github.com", "h")], GitHub)

    def test_clients_of_an_issuer_share(self) -> None:
        """
        Two clients of one provider ask for its metadata and keys once.
        """
        own = {**ROUTE, "idp_client_id": "own"}
        one, other = self.read(routes=[own]).providers.values()
        self.assertIs(one._keys, other._keys)
        self.assertIs(one._metadata, other._metadata)
        self.assertEqual(other.settings.client_secret, "planted-client-secret")

    def test_reload(self) -> None:
        """
        With the same settings a provider is the same object as before; with others it knows what that one has learnt.
        """
        before = self.read().providers
        (same,) = self.read(before).providers.values()
        self.assertIs(same, before[same.idp_id])
        (changed,) = self.read(before, idp_scopes=["openid"]).providers.values()
        self.assertIsNot(changed, same)
        self.assertIs(changed._keys, same._keys)


class ClientsOfRoutesTests(RegistrationsTestCase):
    """
    Which client people sign in for where.
    """

    def test_where(self) -> None:
        """
        Each route has its client; our own pages on a host have that of its root, or of its first route; what is unknown
        has the default.
        """
        google = {"idp_provider": "google", "idp_client_id": "g", "idp_client_secret": "gs"}
        other = "https://other.example.com"
        routes = [
            {**ROUTE, "prefix": "/g", "idp": "google"},
            {**ROUTE, "prefix": "/"},
            {**ROUTE, "from": other, "prefix": "/only", "idp": "google"},
        ]
        found = self.read(providers={"google": google}, routes=routes)
        table = RouteTable(build(section, self.config) for section in self.config.routes)
        clients = ClientsOfRoutes(found, table, self.config.routes)
        default, chosen = idp_id(OP, "client"), idp_id("https://accounts.google.com", "g")
        self.assertEqual([clients.of(route) for route in table.routes], [chosen, default, chosen])
        self.assertEqual(clients.at("https://app.example.com"), default)
        self.assertEqual(clients.at(other), chosen)
        self.assertEqual((clients.at("https://unknown.example.com"), clients.of(None)), (default, default))
        gone = build(self.config.routes[0].model_copy(update={"prefix": "/gone"}), self.config)
        self.assertEqual(clients.of(gone), default)
