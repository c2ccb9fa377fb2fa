"""
Applications are told of the end of a session that was used on their route, as an OP tells its relying parties: OpenID
Connect Back-Channel Logout 1.0, section 2, with us as the issuer.

Where an application has several upstreams each of them is told, and tried again, on its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from twisted.internet.defer import CancelledError, TimeoutError, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers

from pomerium_tx.jose.signer import Signer
from pomerium_tx.logout.owed_work import NotTaken, Terms
from pomerium_tx.oidc.fetch import HTTPClient
from pomerium_tx.routing.route import Route
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.store import OwedNotice

log = Logger()

DEADLINE = 10.0
"""
Seconds until an answer must have begun.
"""
LIFETIME = 120
"""
Seconds for which one Logout Token may be believed.
"""
EVENT = "http://schemas.openid.net/event/backchannel-logout"

_ABOUT_THE_TOKEN = frozenset({400, 404, 409, 410, 422})
"""
Statuses that say nothing of what would become of another notice.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """
    One notice for one URI, or, where nobody is left to tell, for none.
    """

    id: str
    notice: OwedNotice
    uri: str | None


class UpstreamNotices:
    """
    The work of an outbox: each URI of a route gets a Logout Token.
    """

    kind = "notice"
    at_once_each = 2

    def __init__(
        self,
        *,
        registry: SessionRegistry,
        route_of: Callable[[str], Route | None],
        http_of: Callable[[Route], HTTPClient],
        signer: Callable[[], Signer],
        clock: IReactorTime,
    ) -> None:
        """
        :param route_of: The route of that id, as it is configured now.
        :param http_of: What believes the certificates that the route's upstreams are believed by.
        :param signer: The one whose key comes first among those published now.
        """
        self._registry = registry
        self._route_of = route_of
        self._http_of = http_of
        self._signer = signer
        self._clock = clock
        self._deliveries: dict[str, dict[str | None, Delivery]] = {}
        self._told: dict[str, set[str]] = {}
        self._more: Callable[[], object] = _nobody

    def owed(self) -> Iterator[Delivery]:
        """
        What is still to be delivered of the notices that the registry says are owed, as the routes are now.
        """
        notices = {notice.id: notice for notice in self._registry.notices()}
        for name in [name for name in self._deliveries if name not in notices]:
            del self._deliveries[name]
            self._told.pop(name, None)
        uris = {route_id: self._uris(route_id) for route_id in {notice.route_id for notice in notices.values()}}
        for notice in notices.values():
            known = self._deliveries.setdefault(notice.id, {})
            for uri in self._untold(notice, uris[notice.route_id]) or (None,):
                delivery = known.get(uri)
                if delivery is None:
                    delivery = known[uri] = Delivery(id=_delivery_id(notice, uri), notice=notice, uri=uri)
                yield delivery

    def subscribe(self, callback: Callable[[], object]) -> Callable[[], None]:
        """
        Have *callback* told when more is owed.
        """
        self._more = callback
        unsubscribe = self._registry.subscribe_notices(callback)

        def stop() -> None:
            self._more = _nobody
            unsubscribe()

        return stop

    def terms(self, owed: Delivery) -> Terms:
        """
        For a day from the end of the session; all that is owed to one URI belongs together.
        """
        notice = owed.notice
        party = f"nobody (route {notice.route_id})" if owed.uri is None else _without_query(owed.uri)
        return Terms(owed_id=notice.id, party=party, since=notice.since)

    async def attempt(self, owed: Delivery) -> None:
        """
        The application has been told, unless nobody wants to know any more.

        :raises NotTaken: If it did not say that it has understood.
        """
        notice, uri = owed.notice, owed.uri
        route = self._route_of(notice.route_id)
        if route is None or not route.logout_uris:
            log.info(
                "The end of a session is told to nobody on route {route_id}: no application wants to know any more",
                route_id=notice.route_id,
                id=notice.id,
            )
        elif uri is not None and uri in self._untold(notice, route.logout_uris):
            await self._tell(notice, route, uri)

    async def done(self, owed: Delivery, attempts: int) -> None:
        """
        This URI is not told again; once it was the last one, nothing is owed any more.

        :raises StoreUnavailable: If that cannot be recorded.
        """
        notice = owed.notice
        if owed.uri is not None:
            self._told.setdefault(notice.id, set()).add(owed.uri)
        if not self._untold(notice, self._uris(notice.route_id)):
            await self._registry.notice_done(notice.id, attempts)
        else:
            # Among the others may be one that a reload has brought.
            self._more()

    def _uris(self, route_id: str) -> tuple[str, ...]:
        route = self._route_of(route_id)
        return () if route is None else route.logout_uris

    def _untold(self, notice: OwedNotice, uris: tuple[str, ...]) -> tuple[str, ...]:
        told = self._told.get(notice.id)
        return tuple(uri for uri in uris if uri not in told) if told else uris

    async def _tell(self, notice: OwedNotice, route: Route, uri: str) -> None:
        try:
            status = await self._post(self._http_of(route), uri, self._token(notice, route, uri))
            if not 200 <= status < 300:
                raise NotTaken(f"the application answers {status}", is_in_trouble=status not in _ABOUT_THE_TOKEN)
        except NotTaken as problem:
            log.warn(
                "The application of route {route} at {host} was not told of the end of a session: {problem}",
                route=route.name or route.id,
                host=urlsplit(uri).netloc,
                problem=problem.problem,
                id=notice.id,
            )
            raise

    def _token(self, notice: OwedNotice, route: Route, uri: str) -> str:
        issued = int(self._clock.seconds())
        claims: Mapping[str, object] = {
            "iss": f"{notice.origin}/",
            # Never that of the identity assertion, so that neither passes for the other.
            "aud": route.upstream_logout_audience or uri,
            "sub": notice.user_id,
            "sid": notice.session_id,
            "events": {EVENT: {}},
            "jti": notice.id,
            "iat": issued,
            "exp": issued + LIFETIME,
        }
        return self._signer().sign(claims, typ="logout+jwt")

    async def _post(self, http: HTTPClient, uri: str, token: str) -> int:
        """
        The status of the answer.
        """
        answer = maybeDeferred(
            http.request,
            "POST",
            uri,
            headers=Headers({"Content-Type": ["application/x-www-form-urlencoded"]}),
            data=urlencode({"logout_token": token}).encode("ascii"),
            allow_redirects=False,
            unbuffered=True,
            reactor=self._clock,
        )
        answer.addTimeout(DEADLINE, self._clock)
        answer.addErrback(_not_answered)
        response: Any = await answer
        status = int(response.code)
        # As it came: a decoder would inflate without a limit.
        while (original := getattr(response, "original", None)) is not None:
            response = original
        response.deliverBody(_Unread())
        return status


class _Unread(Protocol):
    """
    A body that nobody wants.
    """

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()


def _not_answered(failure: Failure) -> Failure:
    if isinstance(failure.value, TimeoutError):
        raise NotTaken("the application did not answer in time", is_in_trouble=True)
    # What was stopped stays stopped, and a fault of ours stays one.
    if isinstance(failure.value, CancelledError | AssertionError | TypeError):
        return failure
    raise NotTaken(f"the application cannot be reached ({type(failure.value).__name__})", is_in_trouble=True)


def _delivery_id(notice: OwedNotice, uri: str | None) -> str:
    return notice.id if uri is None else f"{notice.id}.{hashlib.sha256(uri.encode()).hexdigest()[:16]}"


def _without_query(uri: str) -> str:
    return urlunsplit((*urlsplit(uri)[:3], "", ""))


def _nobody() -> None:
    """
    Nobody wants to be told.
    """
