"""
Who the person is, for the person (``/.pomerium/``) and for scripts of the application (``/.pomerium/user``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar
from urllib.parse import urlsplit

from twisted.internet.interfaces import IReactorTime

from pomerium_tx import paths
from pomerium_tx.assertion.assertion import Assertions
from pomerium_tx.dashboard.login import LoginStart
from pomerium_tx.dashboard.presented import RouteSessions
from pomerium_tx.web import session_pages
from pomerium_tx.web.fetch_metadata import unauthenticated_is_401
from pomerium_tx.web.resource import Answer, HttpProblem, Page, PageRequest, html_answer, json_answer, redirect

_ABOUT_THE_TOKEN = ("iss", "aud", "exp", "iat", "jti")


class WhoAmIPage(Page):
    """
    ``/.pomerium/``, with a session or without.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("GET",)

    def __init__(self, *, sessions: RouteSessions, assertions: Assertions, authenticate_origin: str) -> None:
        super().__init__()
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
        body = session_pages.who_am_i(rows, paths.SIGN_OUT, self._authenticate_url)
        return html_answer(body, listening=bool(rows))


class UserPage(Page):
    """
    ``/.pomerium/user``, which Pomerium's JavaScript SDK reads.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("GET",)

    def __init__(
        self,
        *,
        sessions: RouteSessions,
        assertions: Assertions,
        login: LoginStart,
        idp_id_of: Callable[[str], str],
        clock: IReactorTime,
    ) -> None:
        """
        :param idp_id_of: The OP that an origin's routes want people from.
        """
        super().__init__()
        self._sessions = sessions
        self._assertions = assertions
        self._login = login
        self._idp_id_of = idp_id_of
        self._clock = clock

    async def answer(self, request: PageRequest) -> Answer:
        """
        The claims of the identity assertion, as JSON.
        """
        session = self._sessions.used(request)
        if session is not None:
            claims = self._assertions.claims(session, _host(request))
            return json_answer({name: value for name, value in claims.items() if name not in _ABOUT_THE_TOKEN})
        if unauthenticated_is_401(request.header, handle_outside_cookie=self._sessions.outside_cookie(request)):
            raise HttpProblem(401, "Unauthenticated")
        location, set_cookie = self._login.begin(
            request.url, request.raw_headers(b"cookie"), self._idp_id_of(request.origin), self._clock.seconds()
        )
        return redirect(location, headers=[("Set-Cookie", set_cookie)])


def _host(request: PageRequest) -> str:
    return urlsplit(request.origin).hostname or ""


def _text(value: object) -> str:
    return ", ".join(str(one) for one in value) if isinstance(value, list | tuple) else str(value)
