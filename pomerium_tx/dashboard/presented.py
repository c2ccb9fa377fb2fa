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
        The live session of the one handle that is presented.
        """
        handle = self.presented(request).handle
        return None if handle is None else self._registry.find(handle.session_id)

    def all_session_ids(self, request: PageRequest) -> tuple[str, ...]:
        """
        Every session that a valid handle names, wherever it is carried.
        """
        carriers = (
            self._presented(request, cookie=True),
            self._presented(request, header=True),
            self._presented(request, query=True),
        )
        return tuple(dict.fromkeys(handle.session_id for found in carriers for handle in found.handles))

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
        authorization = request.raw_headers(b"authorization") if header else []
        x_pomerium_authorization = request.raw_headers(b"x-pomerium-authorization") if header else []
        return self._handles.presented(
            cookies=request.raw_headers(b"cookie") if cookie else (),
            authorization=authorization[0] if authorization else None,
            x_pomerium_authorization=x_pomerium_authorization[0] if x_pomerium_authorization else None,
            query=request.raw_query if query else None,
        )
