"""
``/.pomerium/callback/``: the end of a sign-in, where a route host gives the user agent its session handle.
"""

from __future__ import annotations

import hashlib
from typing import ClassVar

from twisted.internet.interfaces import IReactorTime

from pomerium_tx.dashboard.login import LoginCookies
from pomerium_tx.dashboard.presented import RouteSessions
from pomerium_tx.logout.ending import Ending
from pomerium_tx.logout.handover import REDIRECT_URI, SESSION_ENCRYPTED, Handover, Handovers, login_digest
from pomerium_tx.logout.session_cookie import CookieSettings
from pomerium_tx.sessions.handle import Handle, Handles
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import Cause, StoreUnavailable
from pomerium_tx.web import html
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
        clock: IReactorTime,
    ) -> None:
        super().__init__()
        self._registry = registry
        self._handles = handles
        self._handovers = handovers
        self._sessions = sessions
        self._ending = ending
        self._url_signer = url_signer
        self._cookie = cookie
        self._login_cookies = LoginCookies(cookie.name)
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
        wanted = request.one(REDIRECT_URI)
        if wanted is None or not wanted.startswith(request.origin + "/"):
            raise HttpProblem(400, "This link leads to another application.")
        sealed = request.one(SESSION_ENCRYPTED) or ""
        handover = self._handovers.open(sealed)
        handle = None if handover is None else self._handles.open(handover.handle.encode())
        if handover is None or handle is None:
            raise HttpProblem(500, "This link cannot be read here. The hosts do not share their secrets.")
        restart = self._restart(request, handover, wanted)
        if restart is not None:
            return restart
        if not await self._is_first(sealed):
            return self._second_use(request, handle, wanted)
        session = self._registry.find(handle.session_id)
        if session is None:
            return self._is_signed_out(request, handle, wanted)
        await self._replace_earlier(request, session)
        return self._onward(wanted, ("Set-Cookie", self._cookie.set(handover.handle, self._clock.seconds())))

    def _onward(self, wanted: str, set_cookie: tuple[str, str]) -> Answer:
        if not self._cookie.is_strict:
            return redirect(wanted, headers=[set_cookie])
        # The OP has begun this chain of redirects, and the cookie would stay away to its very end: a page breaks it.
        # Its own URL is nobody's business.
        headers = [set_cookie, ("Referrer-Policy", "no-referrer")]
        return html_answer(html.sent_on(wanted.replace("\\", "%5C")), headers=headers)

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
            and known.idp_id == session.idp_id
        ]
        if earlier:
            try:
                await self._ending.end(earlier, Cause.REPLACED)
            except StoreUnavailable:
                raise HttpProblem(503, "Signing in is not possible just now. Please reload in a moment.") from None
