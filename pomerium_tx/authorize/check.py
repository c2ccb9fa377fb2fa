"""
The question that is asked of every request, before any byte of its body is looked at: may it proceed?

Everything here is a plain function over what is in memory. The order of the questions is the contract: whose host is
it, is the path ours, which route, which session, what says the route's policy, is the handshake from a page of its own
origin; and only then what the answer to a refusal looks like. Whatever goes wrong on the way is a refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from types import MappingProxyType
from typing import Final, Protocol

from twisted.logger import Logger

from pomerium_tx import paths
from pomerium_tx.authorize import verdict as outcome
from pomerium_tx.authorize.admitted import AdmittedVerdicts
from pomerium_tx.authorize.bearer import RouteBearer
from pomerium_tx.authorize.by_token import by_token
from pomerium_tx.authorize.decision_log import log_decision
from pomerium_tx.authorize.handshake import refused_handshake
from pomerium_tx.authorize.read import Reads
from pomerium_tx.authorize.refusal import refusal
from pomerium_tx.authorize.verdict import Action, Verdict
from pomerium_tx.config.forms import values
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.http11.remembered_heads import forget_heads
from pomerium_tx.policy.client import Client
from pomerium_tx.routing.route import Route
from pomerium_tx.routing.table import RouteTable
from pomerium_tx.sessions.handle import Handles, Presented, one_of
from pomerium_tx.sessions.session import Session

log = Logger()

_PROBES: Final = frozenset({paths.PING.encode(), paths.HEALTHZ.encode()})
_ANYWHERE: Final = _PROBES | {paths.VERIFY.encode(), paths.AUTH.encode()}
"""
What is answered under names that nobody has configured: programs ask for it by an address.
"""
_AUTHENTICATE_PATHS: Final = frozenset({b"/", paths.ROBOTS.encode(), paths.PROVIDER_CALLBACK.encode()})
_OWN_BELOW: Final = tuple(prefix + b"/" for prefix in paths.OWN_PREFIXES)
_OWN_START: Final = b"/."
_ROBOTS: Final = paths.ROBOTS.encode()


class Sessions(Protocol):
    """
    Where sessions are found.
    """

    def find(self, session_id: str) -> Session | None:
        """
        The session of that id, if it is live and valid now.
        """


class _Place:
    """
    What is found at a host and path, whoever asks.
    """

    __slots__ = ("is_own", "origin", "route")

    def __init__(self, origin: str | None, route: Route | None, *, is_own: bool) -> None:
        self.origin = origin
        """
        The external origin of the host; None if it is not ours.
        """
        self.route = route
        """
        None where no route is asked for.
        """
        self.is_own = is_own
        """
        Whether it is one of our own pages.
        """


def is_own_path(path: bytes) -> bool:
    """
    Whether *path*, in canonical form, is one that is never forwarded on any host.
    """
    return path.startswith(_OWN_START) and (path in paths.OWN_PREFIXES or path.startswith(_OWN_BELOW))


class Authorizer:
    """
    Decides about requests, by one configuration.
    """

    def __init__(
        self,
        table: RouteTable,
        sessions: Sessions,
        handles: Handles,
        *,
        idp_id_of: Callable[[Route], str],
        authenticate_origin: str,
        bearers: Mapping[str, RouteBearer] = MappingProxyType({}),
    ) -> None:
        """
        :param idp_id_of: Which provider's sessions count on a route.
        :param bearers: By the ids of the routes that take bearer tokens.
        """
        self._bearers = bearers
        self._table = table
        self._sessions = sessions
        self._admitted = AdmittedVerdicts()
        self._reads = Reads(handles)
        self._to_sign_in = object()
        self._idp_ids = {route.id: idp_id_of(route) for route in table.routes}
        authenticate = values.origin(authenticate_origin)
        self._authenticate_origin = str(authenticate)
        self._authenticate_host = authenticate.host
        default = values.DEFAULT_PORTS[authenticate.scheme]
        self._authenticate_ports = {authenticate.port} | ({None} if authenticate.port == default else set())
        # A URL without port is known at every port, as a route is, except where a route names its port.
        self._any_authenticate_port = authenticate.port is None
        named = {route.from_port for route in table.routes if route.from_host == authenticate.host}
        self._ports_of_routes = named - {None, default}

    def forget(self, session_id: str) -> None:
        """
        Keep nothing of a session any more.
        """
        self._admitted.forget(session_id)

    def forget_requests(self, session_ids: Set[str]) -> None:
        """
        Remember no request that names one of these sessions, which have ended.
        """
        self._reads.forget(session_ids)
        forget_heads(lambda derived, own: self._reads.is_over(derived, own, session_ids))

    def forget_all(self) -> None:
        """
        Keep nothing of any session: this configuration is not asked any more.
        """
        self._admitted = AdmittedVerdicts()
        self._reads.forget_all()

    def check(
        self,
        head: RequestHead,
        canonical: Canonical,
        client: Client,
        request_id: str,
        *,
        forward_auth: bool = False,
    ) -> Verdict:
        """
        What is to be done with a request.

        :param forward_auth: Another proxy has it, and asks.
        """
        try:
            verdict = self._decide(head, canonical, client)
            log_decision(verdict, head, canonical, client.address, request_id, forward_auth=forward_auth)
        except Exception:  # noqa: BLE001 - whatever is wrong with us, it must not let anybody in
            log.failure("The authorize check of request {request_id} failed", request_id=request_id)
            verdict = _failed()
        return verdict

    def decide(self, head: RequestHead, canonical: Canonical, client: Client) -> Verdict:
        """
        The same, of a request that was checked before: as it would be decided now. It is not logged.
        """
        try:
            return self._decide(head, canonical, client)
        except Exception:  # noqa: BLE001 - whatever is wrong with us, it must not keep anybody in
            log.failure("A request that is under way could not be decided again")
            return _failed()

    def _decide(self, head: RequestHead, canonical: Canonical, client: Client) -> Verdict:
        place: _Place | None = canonical.derived.get(self)
        if place is None:
            place = canonical.derived[self] = self._place(canonical)
        path, origin, route = canonical.path, place.origin, place.route
        if route is None:
            return _own_path(origin) if place.is_own else _not_found(origin)
        assert origin is not None, "routes are on hosts of ours"

        read, idp_id = self._reads.of(head, canonical.query), None
        if self._bearers and route.id in self._bearers:
            found = by_token(self._bearers[route.id], head, read, route, origin)
            if isinstance(found, Verdict):
                return found
            if found is not None:
                read, idp_id = found
        presented = read.presented
        last: Verdict
        if not presented.claimed and path != _ROBOTS and self._to_sign_in in head.derived:
            last, before = head.derived[self._to_sign_in]
            if (
                last.route is route
                and last.origin == origin
                and (before.of_session or route.policy(None, head, canonical, client) is before)
            ):
                return last
        # A handshake is asked more than that, and comes once.
        admitted = None if head.upgrade else self._admitted.of(read.session_id, (read, route.id))
        if admitted is not None:
            last, before = admitted
            if (
                last.origin == origin
                and self._sessions.find(read.session_id) is last.session
                and (before.of_session or route.policy(last.session, head, canonical, client) is before)
            ):
                # Whatever is asked below has the answer that it had before.
                return last
        session, live, trouble = self._identify(presented, idp_id or self._idp_ids[route.id])
        decision = route.policy(session, head, canonical, client)
        denials = decision.deny_reasons if decision.deny or decision.without_certificate else ()
        if not decision.admits:
            action, status, reason = refusal(head, path, presented, decision)
        elif head.upgrade == b"websocket" and (
            refused := refused_handshake(route, session, presented, origin, read.origins)
        ):
            action, status, reason = Action.DENY, 403, "Forbidden"
            denials = (*denials, refused)
        elif route.answer is None:
            action, status, reason = Action.PROCEED, 200, ""
        else:
            action, status, reason = Action.ANSWER, route.answer.status, "direct_response"
        verdict = Verdict(
            action=action,
            status=status,
            reason=reason,
            allow=decision.allow,
            reasons=(*decision.reasons, trouble) if trouble else decision.reasons,
            denials=denials,
            not_denied=() if denials else decision.deny_reasons,
            route=route,
            session=session,
            live=live,
            presented=presented,
            origin=origin,
        )
        if action is Action.PROCEED and read.names_one:
            self._admitted.keep(read.session_id, (read, route.id), verdict, decision)
        elif action is Action.SIGN_IN:
            # Whether somebody is sent to sign in, or told that they are not, is seen from other fields, too.
            head.derived[self._to_sign_in] = verdict, decision
        return verdict

    def _place(self, canonical: Canonical) -> _Place:
        """
        Whose host was asked for, and what is at that path.
        """
        host, port, path = canonical.host, canonical.port, canonical.path
        routes = self._table.at(host, port)
        is_authenticate = self.is_authenticate(host, port)
        if is_authenticate:
            origin = self._authenticate_origin
        elif routes is not None:
            origin = routes.origin(port)
        else:
            return _Place(None, None, is_own=path in _ANYWHERE)
        if is_own_path(path) or path in _PROBES or (is_authenticate and path in _AUTHENTICATE_PATHS):
            return _Place(origin, None, is_own=True)
        return _Place(origin, None if routes is None else routes.find(path), is_own=False)

    def is_authenticate(self, host: str, port: int | None) -> bool:
        """
        Whether a host in canonical form is the authenticate host.
        """
        if host != self._authenticate_host:
            return False
        if self._any_authenticate_port:
            return port not in self._ports_of_routes
        return port in self._authenticate_ports

    def _identify(self, presented: Presented, idp_id: str) -> tuple[Session | None, tuple[Session, ...], str]:
        """
        Who asks, every live session that was presented, and why the first is None although something was.
        """
        if not presented.claimed:
            return None, (), ""
        find = self._sessions.find
        named = presented.named(find)
        live = tuple([session for _, session in named])
        if presented.others:
            others = (find(handle.session_id) for handle in presented.others)
            live += tuple(session for session in others if session is not None)
        if len(named) == 1:
            [(handle, session)] = named
            if session.idp_id != idp_id or handle.idp_id not in ("", idp_id):
                return None, live, outcome.OTHER_PROVIDER
            return session, live, ""
        if named:
            # A host whose routes want people from several OPs has a cookie for each.
            own = one_of(named, idp_id)
            return own, live, outcome.SEVERAL_SESSIONS if own is None else ""
        return None, live, outcome.SESSION_NOT_FOUND if presented.handles else outcome.INVALID_HANDLE


def _failed() -> Verdict:
    return Verdict(
        action=Action.DENY,
        status=500,
        reason="Internal Server Error",
        allow=False,
        reasons=(),
        denials=(outcome.FAILED,),
    )


def _own_path(origin: str | None) -> Verdict:
    return Verdict(
        action=Action.OWN_PATH, status=200, reason="", allow=True, reasons=(outcome.POMERIUM_ROUTE,), origin=origin
    )


def _not_found(origin: str | None) -> Verdict:
    return Verdict(
        action=Action.NOT_FOUND,
        status=404,
        reason="Not Found",
        allow=False,
        reasons=(),
        denials=(outcome.ROUTE_NOT_FOUND,),
        origin=origin,
    )
