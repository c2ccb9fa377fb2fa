"""
Who makes a request to a route host's own page.
"""

from __future__ import annotations

from pomerium_tx.sessions.handle import Handles, Presented
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import Session
from pomerium_tx.web.resource import PageRequest


class RouteSessions:
    """
    Reads what a request presents.
    """

    def __init__(self, registry: SessionRegistry, handles: Handles) -> None:
        self._registry = registry
        self._handles = handles

    def presented(self, request: PageRequest) -> Presented:
        """
        What counts: cookie before header before query.
        """
        return self._presented(request, cookie=True, header=True, query=True)

    def session(self, request: PageRequest) -> Session | None:
        """
        The only live session that is presented.
        """
        named = self.presented(request).named(self._registry.find)
        return named[0][1] if len(named) == 1 else None

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
        return self._handles.presented(
            cookies=request.raw_headers(b"cookie") if cookie else (),
            authorization=request.raw_headers(b"authorization") if header else (),
            x_pomerium_authorization=request.raw_headers(b"x-pomerium-authorization") if header else (),
            query=request.raw_query if query else None,
        )
