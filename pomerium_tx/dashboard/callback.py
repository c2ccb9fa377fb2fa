"""
``/.pomerium/callback/``: the end of a sign-in, where a route host gives the user agent its session handle.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import ClassVar
from urllib.parse import urlencode, urlsplit

from twisted.internet.interfaces import IReactorTime

from pomerium_tx import paths
from pomerium_tx.dashboard.login import LoginCookies
from pomerium_tx.dashboard.presented import RouteSessions
from pomerium_tx.logout.ending import Ending
from pomerium_tx.logout.handover import (
    ADDITIONAL_HOSTS,
    PROGRAMMATIC,
    REDIRECT_URI,
    SESSION_ENCRYPTED,
    Handover,
    Handovers,
    login_digest,
)
from pomerium_tx.logout.session_cookie import CookieSettings
from pomerium_tx.sessions.handle import Handle, Handles
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import Cause, StoreUnavailable
from pomerium_tx.web import html
from pomerium_tx.web.programmatic import ProgrammaticRedirects, with_handle
from pomerium_tx.web.resource import Answer, HttpProblem, Page, PageRequest, html_answer, redirect
from pomerium_tx.web.signed_url import LEEWAY, LIFETIME, InvalidSignature, UrlSigner


class RouteCallbackPage(Page):
    """
    Takes over a session from the authenticate host, once.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("GET",)

    def __init__(
        self,
        *,
        registry: SessionRegistry,
        handles: Handles,
        handovers: Handovers,
        sessions: RouteSessions,
        ending: Ending,
        url_signer: UrlSigner,
        cookie: CookieSettings,
        login_cookies: LoginCookies,
        serves_origin: Callable[[str], bool],
        redirects: ProgrammaticRedirects,
        clock: IReactorTime,
    ) -> None:
        """
        :param serves_origin: Whether a URL's origin is that of a configured route.
        :param redirects: Where programs may have handles sent.
        """
        super().__init__()
        self._registry = registry
        self._handles = handles
        self._handovers = handovers
        self._sessions = sessions
        self._ending = ending
        self._url_signer = url_signer
        self._cookie = cookie
        self._login_cookies = login_cookies
        self._serves_origin = serves_origin
        self._redirects = redirects
        self._clock = clock

    async def answer(self, request: PageRequest) -> Answer:
        """
        The cookie, and on to where the person wanted to be.
        """
        try:
            self._url_signer.verify(request.url, self._clock.seconds())
        except InvalidSignature:
            raise HttpProblem(
                400, "This link is not valid, or not any more. Please open the application again."
            ) from None
        wanted = request.one(REDIRECT_URI) or ""
        is_for_program = request.one(PROGRAMMATIC) == "true"
        sealed = request.one(SESSION_ENCRYPTED) or ""
        handover = self._handovers.open(sealed)
        if not self._may_lead_to(wanted, request, handover, is_for_program=is_for_program):
            raise HttpProblem(400, "This link leads to another application.")
        handle = None if handover is None else self._handles.open(handover.handle.encode())
        if handover is None or handle is None:
            raise HttpProblem(500, "This link cannot be read here. The hosts do not share their secrets.")
        if is_for_program:
            return await self._for_program(request, sealed, handover, handle, wanted)
        if handover.is_further:
            return await self._further(request, sealed, handover, handle, wanted)
        restart = self._restart(request, handover, wanted)
        if restart is not None:
            return restart
        if not await self._is_first(sealed):
            return self._second_use(request, handle, wanted)
        session = self._registry.find(handle.session_id)
        if session is None:
            return self._is_signed_out(request, handle, wanted)
        await self._replace_earlier(request, session)
        return self._onward(handover, wanted, [self._session_cookie(handover, session)])

    def _may_lead_to(
        self, wanted: str, request: PageRequest, handover: Handover | None, *, is_for_program: bool
    ) -> bool:
        if is_for_program:
            return self._redirects.origin(wanted) is not None
        if handover is not None and handover.is_further:
            return self._serves_origin(wanted)
        return wanted.startswith(request.origin + "/")

    async def _for_program(
        self, request: PageRequest, sealed: str, handover: Handover, handle: Handle, wanted: str
    ) -> Answer:
        """
        The handle for a program, and the cookie too for a user agent that has come by way of `VisitPage`.
        """
        if not await self._is_first(sealed):
            raise HttpProblem(400, "This link was used already. Please start the program's sign-in again.")
        session = self._registry.find(handle.session_id)
        if session is None:
            return html_answer(html.signed_out_while_signing_in(None, request_id=request.request_id), status=401)
        # The program's address has the handle in it, and is no other site's business.
        headers = [("Referrer-Policy", "no-referrer")]
        if self._is_of_this(request, handover):
            await self._replace_earlier(request, session)
            headers.append(self._session_cookie(handover, session))
        return redirect(with_handle(wanted, handover.handle), headers=headers)

    async def _further(
        self, request: PageRequest, sealed: str, handover: Handover, handle: Handle, wanted: str
    ) -> Answer:
        """
        On, whatever becomes of this host: the person is signed in where they want to be.
        """
        session = self._registry.find(handle.session_id)
        headers = []
        if session is not None and self._is_of_this(request, handover) and await self._is_first(sealed):
            await self._replace_earlier(request, session)
            headers.append(self._session_cookie(handover, session))
        return self._onward(handover, wanted, headers)

    def _is_of_this(self, request: PageRequest, handover: Handover) -> bool:
        """
        Whether this user agent is the one that the handover is for.
        """
        return handover.login in map(login_digest, self._login_cookies.read(request.raw_headers(b"cookie")))

    def _session_cookie(self, handover: Handover, session: Session) -> tuple[str, str]:
        return "Set-Cookie", self._cookie.of(session.idp_id).set(handover.handle, self._clock.seconds())

    def _onward(self, handover: Handover, wanted: str, headers: Sequence[tuple[str, str]]) -> Answer:
        if handover.further:
            return redirect(self._next_url(handover, wanted), headers=headers)
        if not self._cookie.is_strict:
            return redirect(wanted, headers=headers)
        # The OP has begun this chain of redirects, and the cookie would stay away to its very end: a page breaks it.
        # Its own URL is nobody's business.
        return html_answer(
            html.sent_on(wanted.replace("\\", "%5C")), headers=[*headers, ("Referrer-Policy", "no-referrer")]
        )

    def _next_url(self, handover: Handover, wanted: str) -> str:
        """
        The same for the next host on the way, sealed anew.
        """
        (origin, login), *rest = handover.further
        further = Handover(handle=handover.handle, login=login, further=tuple(rest), is_further=True)
        query = {REDIRECT_URI: wanted, SESSION_ENCRYPTED: self._handovers.seal(further)}
        if rest:
            query[ADDITIONAL_HOSTS] = ",".join(urlsplit(host).netloc for host, _ in rest)
        url = f"{origin}{paths.ROUTE_CALLBACK}?{urlencode(query)}"
        return self._url_signer.sign(url, self._clock.seconds())

    def _restart(self, request: PageRequest, handover: Handover, wanted: str) -> Answer | None:
        """
        The answer to a user agent that did not begin this sign-in: nobody may be signed in as somebody else.
        """
        values = self._login_cookies.read(request.raw_headers(b"cookie"))
        if not values:
            raise HttpProblem(
                400,
                "This sign-in was begun in another browser, or too long ago.",
                title="You are not signed in here yet",
                retry=wanted,
            )
        # With the cookie there, it begins again and gets through.
        return None if handover.login in map(login_digest, values) else redirect(wanted)

    async def _is_first(self, sealed: str) -> bool:
        key = f"callback/{hashlib.sha256(sealed.encode()).hexdigest()}"
        try:
            return await self._registry.use_once(key, self._clock.seconds() + LIFETIME + 2 * LEEWAY)
        except StoreUnavailable:
            raise HttpProblem(503, "Signing in is not possible just now. Please reload in a moment.") from None

    def _second_use(self, request: PageRequest, handle: Handle, wanted: str) -> Answer:
        session = self._sessions.session(request)
        if session is not None and session.id == handle.session_id:
            return redirect(wanted)
        raise HttpProblem(400, "This link was used already.", title="You are not signed in here yet", retry=wanted)

    def _is_signed_out(self, request: PageRequest, handle: Handle, wanted: str) -> Answer:
        receipt = self._registry.ended(handle.session_id)
        if receipt is not None and receipt.cause is Cause.REPLACED:
            # A sign-in in another tab came in between; the browser is signed in, by another session.
            return redirect(wanted)
        return html_answer(html.signed_out_while_signing_in(wanted, request_id=request.request_id), status=401)

    async def _replace_earlier(self, request: PageRequest, session: Session) -> None:
        """
        End what this host's cookie still named: the browser has another session by the same OP now.
        """
        earlier = [
            name
            for name in self._sessions.all_session_ids(request)
            if name != session.id
            and (known := self._registry.known(name)) is not None
            and (known.idp_id == session.idp_id or known.browser != session.browser)
        ]
        if earlier:
            try:
                await self._ending.end(earlier, Cause.REPLACED)
            except StoreUnavailable:
                raise HttpProblem(503, "Signing in is not possible just now. Please reload in a moment.") from None
