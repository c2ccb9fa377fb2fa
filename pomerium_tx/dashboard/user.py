"""
Who the person is, for the person (``/.pomerium/``) and for scripts of the application (``/.pomerium/user``, and where
the operator has asked for it ``/.pomerium/jwt``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar
from urllib.parse import urlsplit

from pomerium_tx import paths
from pomerium_tx.assertion.assertion import Assertions
from pomerium_tx.dashboard.presented import RouteSessions
from pomerium_tx.dashboard.sign_in import RouteSignIn
from pomerium_tx.sessions.session import Session
from pomerium_tx.web import session_pages
from pomerium_tx.web.resource import Answer, HttpProblem, Page, PageRequest, html_answer, json_answer

MayEnter = Callable[[Session, PageRequest], bool]
"""
Whether a session is let into some application of the host that is asked.
"""

_ABOUT_THE_TOKEN = ("iss", "aud", "exp", "iat", "jti")


class WhoAmIPage(Page):
    """
    ``/.pomerium/``, with a session or without.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("GET",)

    def __init__(
        self, *, sessions: RouteSessions, assertions: Assertions, authenticate_origin: str, has_portal: bool
    ) -> None:
        """
        :param has_portal: Whether there is a page with all the routes that are open to a person.
        """
        super().__init__()
        self._portal_path = paths.ROUTES_PORTAL if has_portal else None
        self._sessions = sessions
        self._assertions = assertions
        self._authenticate_url = authenticate_origin + paths.DASHBOARD

    async def answer(self, request: PageRequest) -> Answer:
        """
        What the application is told, and a way out.
        """
        session = self._sessions.used(request)
        rows: list[tuple[str, str]] = []
        if session is not None:
            claims = self._assertions.claims(session, _host(request))
            rows = [(name, _text(value)) for name, value in claims.items() if name not in _ABOUT_THE_TOKEN]
        body = session_pages.who_am_i(rows, paths.SIGN_OUT, self._authenticate_url, self._portal_path)
        return html_answer(body, listening=bool(rows))


class UserPage(Page):
    """
    ``/.pomerium/user``, which Pomerium's JavaScript SDK reads.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("GET",)

    def __init__(self, *, sessions: RouteSessions, assertions: Assertions, sign_in: RouteSignIn) -> None:
        super().__init__()
        self._sessions = sessions
        self._assertions = assertions
        self._sign_in = sign_in

    async def answer(self, request: PageRequest) -> Answer:
        """
        The claims of the identity assertion, as JSON.
        """
        session = self._sessions.used(request)
        if session is None:
            return self._sign_in.begin(request)
        claims = self._assertions.claims(session, _host(request))
        return json_answer({name: value for name, value in claims.items() if name not in _ABOUT_THE_TOKEN})


class JwtPage(Page):
    """
    ``/.pomerium/jwt``: the identity assertion itself, where the operator has asked for that.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("GET",)

    def __init__(
        self, *, sessions: RouteSessions, assertions: Assertions, sign_in: RouteSignIn, may_enter: MayEnter
    ) -> None:
        """
        :param may_enter: Whether some application of the host would be told of the person.
        """
        super().__init__()
        self._sessions = sessions
        self._assertions = assertions
        self._sign_in = sign_in
        self._may_enter = may_enter

    async def answer(self, request: PageRequest) -> Answer:
        """
        What ``X-Pomerium-Jwt-Assertion`` would say to the application now.

        :raises HttpProblem: 403, if it would say nothing, because the person is not let in.
        """
        session = self._sessions.used(request)
        if session is None:
            return self._sign_in.begin(request)
        if not self._may_enter(session, request):
            raise HttpProblem(403, "This application is not for you.", sign_out_path=paths.SIGN_OUT)
        token = self._assertions.token(session, _host(request))
        return Answer(headers=(("Content-Type", "application/jwt"),), body=token.encode("ascii"))


def _host(request: PageRequest) -> str:
    return urlsplit(request.origin).hostname or ""


def _text(value: object) -> str:
    return ", ".join(str(one) for one in value) if isinstance(value, list | tuple) else str(value)
