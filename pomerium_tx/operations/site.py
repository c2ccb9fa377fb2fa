"""
The administrator's own listener: its pages, and who may ask for them.

On a UNIX socket the file system says who may connect; on loopback, which every user and every page of this machine can
reach, a token does. Neither is for web pages: what a browser sends in a page's name is refused.
"""

from __future__ import annotations

import hmac

from twisted.internet.interfaces import IReactorTime
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from pomerium_tx.authorize import verdict as outcome
from pomerium_tx.authorize.verdict import Action, Verdict
from pomerium_tx.config.forms.values import AdminAddress
from pomerium_tx.http11.authority import InvalidAuthority, authority
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.operations.admin import Administered, NoticesPage, ReceiptsFolder, RevocationsPage, SessionsPage
from pomerium_tx.operations.doctor import DrillPage, ProvidersPage
from pomerium_tx.policy.client import Client
from pomerium_tx.web.answers import Answer, HttpProblem
from pomerium_tx.web.page_request import PageRequest
from pomerium_tx.web.resource import Folder, LocalRequest, Page

_OF_WEB_PAGES = ("Origin", "Sec-Fetch-Site")
_OWN_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})


def admin_site(administered: Administered, address: AdminAddress, token: str | None) -> AdminSite:
    """
    The tree of the listener at *address*.

    :param token: What has to be shown; a socket, which is its owner's alone, needs none.
    """
    root = Folder()
    root.putChild(b"sessions", SessionsPage(administered))
    root.putChild(b"revocations", RevocationsPage(administered))
    root.putChild(b"notices", NoticesPage(administered))
    root.putChild(b"providers", ProvidersPage(administered.examined))
    root.putChild(b"drill", DrillPage(administered.examined))
    root.putChild(b"receipts", ReceiptsFolder(administered.registry))
    return AdminSite(root, Gate(address, token), administered.clock)


def decide(head: RequestHead, canonical: Canonical, client: Client) -> Verdict:
    """
    Every request on this listener is for a page of ours.
    """
    return Verdict(
        action=Action.OWN_PATH, status=200, reason="", allow=True, reasons=(outcome.POMERIUM_ROUTE,), origin=""
    )


def check(head: RequestHead, canonical: Canonical, client: Client, request_id: str) -> Verdict:
    """
    The same, as the question that is asked of each request.
    """
    return decide(head, canonical, client)


class Gate:
    """
    Who may ask.
    """

    def __init__(self, address: AdminAddress, token: str | None) -> None:
        """
        :raises ValueError: If there is no token for an address that anybody on this machine can connect to.
        """
        if address.path is None and not token:
            raise ValueError("A TCP address needs a token.")
        is_socket = address.path is not None
        self._hosts = None if is_socket else _OWN_HOSTS | {_bracketed(address.host)}
        self._token = None if is_socket or token is None else token.encode()

    def problem(self, request: LocalRequest) -> HttpProblem | None:
        """
        Why a request is refused, if it is.
        """
        fields = request.requestHeaders
        for name in _OF_WEB_PAGES:
            if fields.hasHeader(name):
                return HttpProblem(403, f"This is not for web pages: a request with {name} is refused.")
        if self._hosts is not None and self._host(request) not in self._hosts:
            return HttpProblem(403, "This address is asked by its own name only.")
        if self._token is not None and not self._shows_token(request):
            return HttpProblem(401, "Show the token of admin_token_file: Authorization: Bearer ...", headers=_CHALLENGE)
        if request.content is not None and request.content.read(1):
            return HttpProblem(400, "No content is read here: everything is said in the query.")
        return None

    @staticmethod
    def _host(request: LocalRequest) -> str | None:
        values = request.requestHeaders.getRawHeaders(b"Host") or []
        try:
            return authority(values[0]).host if len(values) == 1 else None
        except InvalidAuthority:
            return None

    def _shows_token(self, request: LocalRequest) -> bool:
        assert self._token is not None
        values = request.requestHeaders.getRawHeaders(b"Authorization") or []
        if len(values) != 1:
            return False
        scheme, _, shown = values[0].partition(b" ")
        return scheme.lower() == b"bearer" and hmac.compare_digest(shown.strip(b" "), self._token)


_CHALLENGE = (("WWW-Authenticate", "Bearer"),)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class AdminSite(Site):
    """
    A tree that nobody sees who may not ask.
    """

    def __init__(self, root: IResource, gate: Gate, clock: IReactorTime) -> None:
        super().__init__(root, reactor=clock)  # type: ignore[no-untyped-call] # Twisted's own
        self._gate = gate

    def getResourceFor(self, request: Request) -> IResource:
        """
        The page asked for, or the refusal; either is JSON.
        """
        assert isinstance(request, LocalRequest)
        request.requestHeaders.setRawHeaders("Accept", ["application/json"])
        problem = self._gate.problem(request)
        if problem is not None:
            return _Refused(problem)
        found: IResource = super().getResourceFor(request)  # type: ignore[no-untyped-call] # Twisted's own
        return found


class _Refused(Page):
    """
    Says why.
    """

    isLeaf = True
    methods = None

    def __init__(self, problem: HttpProblem) -> None:
        super().__init__()
        self._problem = problem

    async def answer(self, request: PageRequest) -> Answer:
        """
        The problem.
        """
        raise self._problem
