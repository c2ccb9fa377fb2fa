"""
``/.pomerium/api/``: what programs ask for. What is not there is said in plain text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from twisted.internet.interfaces import IReactorTime
from twisted.web.resource import IResource
from twisted.web.server import Request

from pomerium_tx import paths
from pomerium_tx.dashboard.login import LoginStart
from pomerium_tx.logout.handover import REDIRECT_URI
from pomerium_tx.web.fetch_metadata import prefers_json
from pomerium_tx.web.programmatic import ProgrammaticRedirects
from pomerium_tx.web.resource import Answer, Folder, HttpProblem, LocalRequest, Page, PageRequest, text_answer


class ApiPage(Page):
    """
    A page that programs read: its problems are lines of text, or JSON for who prefers that.
    """

    def getChild(self, path: bytes, request: Request) -> IResource:
        """
        Nothing, not even for a slash too many.
        """
        return _Missing()

    def problem(self, request: LocalRequest, problem: HttpProblem) -> Answer:
        """
        The problem in a form that a program's user can read.
        """
        accept = b", ".join(request.requestHeaders.getRawHeaders(b"Accept") or ()).decode("latin-1")
        if prefers_json(accept or None):
            return request.problem(problem)
        return text_answer(f"{problem.message}\n", status=problem.status, headers=problem.headers)


class ApiFolder(Folder):
    """
    A place in the tree below which everything is for programs.
    """

    def getChild(self, path: bytes, request: Request) -> IResource:
        """
        Nothing: what exists was put.
        """
        return _Missing()

    def render(self, request: Request) -> int:
        """
        Nothing either.
        """
        return _Missing().render(request)


class _Missing(ApiPage):
    isLeaf = True
    methods = None

    async def answer(self, request: PageRequest) -> Answer:
        """
        404.
        """
        raise HttpProblem(404, "Not Found")


class ProgrammaticLoginPage(ApiPage):
    """
    ``/.pomerium/api/v1/login``: the link by which a person lets a program in.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("GET",)

    def __init__(
        self,
        *,
        login: LoginStart,
        redirects: ProgrammaticRedirects,
        idp_id_of: Callable[[str], str],
        clock: IReactorTime,
    ) -> None:
        """
        :param idp_id_of: The OP that an origin's routes want people from.
        """
        super().__init__()
        self._login = login
        self._redirects = redirects
        self._idp_id_of = idp_id_of
        self._clock = clock

    async def answer(self, request: PageRequest) -> Answer:
        """
        The link, and nothing else: not even the end of a line.
        """
        redirect = request.one(REDIRECT_URI)
        if redirect is None:
            raise HttpProblem(404, "Not Found")
        if self._redirects.origin(redirect) is None:
            raise HttpProblem(
                400,
                f"{REDIRECT_URI} must be the http or https URL of a program on this computer, or of a host in"
                " programmatic_redirect_domain_whitelist.",
            )
        query = (request.raw_query or b"").decode("latin-1")
        callback = f"{request.origin}{paths.ROUTE_CALLBACK}?{query}"
        now = self._clock.seconds()
        return text_answer(self._login.for_program(callback, redirect, self._idp_id_of(request.origin), now))
