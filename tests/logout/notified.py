"""
A route whose applications are told of ends, and what they are told.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from josepy.jwk import JWK
from josepy.jws import JWS
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from pomerium_tx.jose.signer import Signer
from pomerium_tx.logout.outbox import Outbox
from pomerium_tx.logout.upstream_notice import Delivery, UpstreamNotices
from pomerium_tx.oidc.fetch import HTTPClient
from pomerium_tx.policy.criteria import from_legacy
from pomerium_tx.routing.route import Route, Upstream
from pomerium_tx.sessions.registry import Ending, SessionRegistry
from pomerium_tx.sessions.session import RouteUse, Session
from pomerium_tx.sessions.store import Cause
from tests.doubles import keys
from tests.doubles.sessions import a_session
from tests.doubles.stores import UnreliableStore

START = 1_700_000_000.0
ORIGIN = "https://app.example.com"
ONE = "http://one.internal:8080/logout"
TWO = "http://two.internal:8080/logout"


def a_route(**changes: Any) -> Route:
    """
    A route to two upstreams that want to know.
    """
    values: dict[str, Any] = {
        "id": "app",
        "name": "the app",
        "from_scheme": "https",
        "from_host": "app.example.com",
        "prefix": b"/",
        "upstreams": tuple(Upstream(scheme="http", host=f"{name}.internal", port=8080) for name in ("one", "two")),
        "policy": from_legacy(public=False, any_authenticated=True, users=(), domains=()),
        "upstream_logout_uri": "/logout",
    }
    return Route(**(values | changes))


class Unread:
    """
    The transport of an answer's body.
    """

    def __init__(self) -> None:
        self.lost = False

    def loseConnection(self) -> None:
        """
        Nothing more of the body is wanted.
        """
        self.lost = True


class Answered:
    """
    A response that never comes to an end.
    """

    def __init__(self, status: int) -> None:
        self.code = status
        self.transport = Unread()

    def deliverBody(self, protocol: Any) -> None:
        """
        As much of a body as anybody wants.
        """
        protocol.makeConnection(self.transport)


class Applications:
    """
    Every application there is: answers as it is told, by URI, with 204 where it is not.
    """

    def __init__(self) -> None:
        self.answers: dict[str, int | Exception] = {}
        self.held: list[Deferred[Any]] | None = None
        self.asked: list[tuple[str, str]] = []
        """
        URI and token of every request.
        """
        self.responses: list[Answered] = []

    def request(self, method: str, url: str, *, headers: Headers, data: bytes | None, **options: Any) -> Deferred[Any]:
        """
        An answer.
        """
        assert method == "POST" and options["allow_redirects"] is False and data is not None
        assert headers.getRawHeaders("content-type") == ["application/x-www-form-urlencoded"]
        ((name, token),) = parse_qsl(data.decode("ascii"), strict_parsing=True)
        assert name == "logout_token"
        self.asked.append((url, token))
        if self.held is not None:
            self.held.append(Deferred())
            return self.held[-1]
        answer = self.answers.get(url, 204)
        if isinstance(answer, Exception):
            return fail(answer)
        self.responses.append(Answered(answer))
        return succeed(self.responses[-1])

    def uris(self) -> list[str]:
        """
        Who was asked since the last time.
        """
        asked = [uri for uri, _ in self.asked]
        self.asked.clear()
        return asked


def verified(token: str, jwks: Iterable[dict[str, str]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """
    Header and claims, after josepy has verified the signature with the key that the header names.
    """
    header_part, payload, _ = token.split(".")
    header = json.loads(decoded(header_part))
    (published,) = [jwk for jwk in jwks if jwk["kid"] == header["kid"]]
    jws = JWS.from_compact(token.encode())
    assert jws.verify(key=JWK.from_json(published)), "not signed with that key"
    return header, json.loads(decoded(payload))


def decoded(part: str) -> bytes:
    """
    Base64url without padding.
    """
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


class NoticeTestCase(SynchronousTestCase):
    """
    One route, its applications, and an outbox that has started.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.store = UnreliableStore()
        self.registry = SessionRegistry(self.store, self.clock)
        self.successResultOf(Deferred.fromCoroutine(self.registry.join()))
        self.addCleanup(self.registry.leave)
        self.signer = Signer(keys.private_key("ES256"))
        self.applications = Applications()
        self.routes = {"app": a_route()}
        self.clients_of: list[Route] = []
        self.start()

    def client(self, route: Route) -> HTTPClient:
        """
        What speaks to the applications of a route.
        """
        self.clients_of.append(route)
        return self.applications

    def start(self) -> None:
        """
        Begin, as after a restart.
        """
        self.work = UpstreamNotices(
            registry=self.registry,
            route_of=lambda name: self.routes.get(name),
            http_of=lambda route: self.client(route),
            signer=lambda: self.signer,
            clock=self.clock,
        )
        self.outbox: Outbox[Delivery] = Outbox(self.work, registry=self.registry, clock=self.clock)
        self.outbox.start()
        self.addCleanup(self.outbox.stop)

    def end(self, *route_ids: str, origin: str = ORIGIN, **changes: Any) -> Session:
        """
        A session that was used on these routes, and has ended.
        """
        uses = {name: RouteUse(origin=origin, first_used=START) for name in route_ids or ("app",)}
        session = a_session(uses=uses, began=START, **changes)
        self.successResultOf(Deferred.fromCoroutine(self.registry.begin(session, state_issued=START)))
        ending = Ending(
            session_ids=(session.id,), cause=Cause.USER_ROUTE, at=self.clock.seconds(), notify=tuple(self.routes)
        )
        self.successResultOf(Deferred.fromCoroutine(self.registry.end(ending)))
        return session

    def advance(self, seconds: int) -> None:
        """
        Let time pass.
        """
        for _ in range(seconds):
            self.clock.advance(1.0)
