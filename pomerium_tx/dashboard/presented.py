"""
Who makes a request to a route host's own page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from pomerium_tx.authorize.bearer import handle_of
from pomerium_tx.bearer.route_tokens import RouteTokens, sessions_of
from pomerium_tx.sessions.handle import Carrier, Handles, Presented, one_of
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import Session
from pomerium_tx.web.resource import PageRequest


class RouteSessions:
    """
    Reads what a request presents.
    """

    def __init__(
        self,
        registry: SessionRegistry,
        handles: Handles,
        idp_id_of: Callable[[str], str] = lambda origin: "",
        tokens_at: Callable[[str], Sequence[RouteTokens]] = lambda origin: (),
    ) -> None:
        """
        :param idp_id_of: The OP whose session counts on a host, where a person has several.
        :param tokens_at: The bearer tokens that routes of an origin take. Whose session has begun counts here too.
        """
        self._registry = registry
        self._handles = handles
        self._idp_id_of = idp_id_of
        self._tokens_at = tokens_at

    def presented(self, request: PageRequest) -> Presented:
        """
        What counts: cookie before header before query.
        """
        return self._presented(request, cookie=True, header=True, query=True)

    def session(self, request: PageRequest) -> Session | None:
        """
        The only live session that is presented; of several of one browser, that of this host's OP.
        """
        named = self.presented(request).named(self._registry.find)
        return one_of(named, self._idp_id_of(request.origin)) if named else None

    def used(self, request: PageRequest) -> Session | None:
        """
        The only live session that is presented, for a page whose opening is use of it.
        """
        session = self.session(request)
        if session is not None:
            self._registry.touch(session.id, request.client_address)
        return session

    def all_session_ids(self, request: PageRequest) -> tuple[str, ...]:
        """
        Every session that a valid handle names, wherever it is carried.
        """
        presented = self.presented(request)
        return tuple(handle.session_id for handle in (*presented.handles, *presented.others))

    def in_header_only(self, request: PageRequest) -> bool:
        """
        Whether a handle is presented in a header, and none in a cookie.
        """
        return self._presented(request, header=True).claimed and not self._presented(request, cookie=True).claimed

    def outside_cookie(self, request: PageRequest) -> bool:
        """
        Whether a handle is presented in a header or in the query.
        """
        return self._presented(request, header=True, query=True).claimed

    def _presented(
        self, request: PageRequest, *, cookie: bool = False, header: bool = False, query: bool = False
    ) -> Presented:
        presented = self._handles.presented(
            cookies=request.raw_headers(b"cookie") if cookie else (),
            authorization=request.raw_headers(b"authorization") if header else (),
            x_pomerium_authorization=request.raw_headers(b"x-pomerium-authorization") if header else (),
            query=request.raw_query if query else None,
        )
        routes = self._tokens_at(request.origin) if header else ()
        is_token, sessions = sessions_of(request.raw_headers(b"authorization"), routes) if routes else (False, [])
        if not is_token:
            return presented
        found = tuple(map(handle_of, sessions))
        if presented.claimed:
            others = (*presented.others, *found)
            return replace(presented, others=others, outside_cookie=True)
        return Presented(Carrier.HEADER, found, True, (), True)
