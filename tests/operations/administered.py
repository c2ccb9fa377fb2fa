"""
A registry with sessions of several people, and the administrator's tree over it.
"""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.forms.values import AdminAddress
from pomerium_tx.logout.ending import Ending
from pomerium_tx.logout.heard import LastHeard
from pomerium_tx.oidc.provider import Provider, ProviderSettings
from pomerium_tx.oidc.registered_uris import RegisteredUris
from pomerium_tx.operations.admin import Administered
from pomerium_tx.operations.doctor import Examined
from pomerium_tx.operations.site import admin_site
from pomerium_tx.policy.criteria import from_legacy
from pomerium_tx.routing.route import Route, Upstream
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import RouteUse, Session
from tests.doubles.channel import Asked, ask
from tests.doubles.stores import UnreliableStore
from tests.sessions import records

APP = "https://app.example.com"
CHAT = "https://chat.example.com:8443"
SOCKET = AdminAddress(path="/run/pomerium-tx/admin.sock")


def a_route(id: str, name: str, origin: tuple[str, int | None]) -> Route:
    """
    A route that anybody may use.
    """
    host, port = origin
    return Route(
        id=id,
        name=name,
        from_scheme="https",
        from_host=host,
        from_port=port,
        prefix=b"/",
        upstreams=(Upstream(scheme="http", host="127.0.0.1", port=8080),),
        policy=from_legacy(public=True, any_authenticated=False, users=(), domains=()),
    )


ROUTES = (a_route("id-app", "app", ("app.example.com", 443)), a_route("id-chat", "", ("chat.example.com", 8443)))


def used(*route_ids: str) -> dict[str, RouteUse]:
    """
    The uses of some of the routes.
    """
    origins = {"id-app": APP, "id-chat": CHAT}
    return {name: RouteUse(origin=origins[name], first_used=records.NOW) for name in route_ids}


class AdministeredCase(SynchronousTestCase):
    """
    Asks the administrator's tree.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(records.NOW)
        self.store = UnreliableStore()
        self.registry = SessionRegistry(self.store, self.clock)
        self.successResultOf(self.registry.join())
        self.addCleanup(self.registry.leave)
        settings = ProviderSettings(
            issuer=records.ISS,
            client_id="rp1",
            client_secret="secret",
            redirect_uri="https://a.example.com/",
            scopes=(),
        )
        http: Any = None
        self.provider = Provider(settings, http=http, clock=self.clock)
        self.audited: list[Receipt] = []
        self.ending = Ending(
            registry=self.registry,
            providers={self.provider.idp_id: self.provider},
            clock=self.clock,
            key=b"a secret of 32 bytes for all of it",
            revocation_delay=60.0,
            audit=self.audited.append,
        )
        self.heard = LastHeard()
        self.attempts: dict[str, int] = {}
        self.administered = Administered(
            registry=self.registry,
            ending=self.ending,
            providers={self.provider.idp_id: self.provider},
            routes=lambda: ROUTES,
            clock=self.clock,
            revocation_attempts=lambda name: self.attempts.get(name, 0),
            notice_attempts=lambda name: self.attempts.get(name, 0),
            examined=Examined(
                registry=self.registry,
                providers={self.provider.idp_id: self.provider},
                heard=self.heard,
                uris=lambda provider: RegisteredUris.at("https://a.example.com"),
                drill=None,
                clock=self.clock,
            ),
        )
        self.site = admin_site(self.administered, SOCKET, None)

    def begin(self, id: str, **changes: Any) -> Session:
        """
        Another session.
        """
        session = records.session(id, **{"idp_id": self.provider.idp_id, **changes})
        self.successResultOf(self.registry.begin(session, state_issued=self.clock.seconds()))
        return session

    def ask(self, target: str, method: str = "GET") -> Asked:
        """
        What is answered, at once or after several turns.
        """
        asked = ask(self.site.resource, target, method=method, headers=[("Accept", "application/json")], origin="")
        for _ in range(1_000):
            if not asked.is_done:
                self.clock.advance(0)
        return asked

    def answer(self, target: str, method: str = "GET") -> dict[str, Any]:
        """
        The JSON of an answer that is no error.
        """
        asked = self.ask(target, method)
        self.assertEqual(asked.status, 200, asked.text)
        found: dict[str, Any] = json.loads(asked.body)
        return found

    def problem(self, target: str, method: str = "GET", *, status: int = 400) -> str:
        """
        What is said about a request that is refused.
        """
        asked = self.ask(target, method)
        self.assertEqual(asked.status, status, asked.text)
        return str(json.loads(asked.body)["error"])

    def live(self) -> list[str]:
        """
        The ids of the sessions that have not ended.
        """
        return sorted(session.id for session in self.registry.sessions())
