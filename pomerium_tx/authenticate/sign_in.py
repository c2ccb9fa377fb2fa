"""
``/.pomerium/sign_in``: the way from a route host to a session and back.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar
from urllib.parse import urlencode, urlsplit

from twisted.internet.interfaces import IReactorTime

from pomerium_tx import paths
from pomerium_tx.authenticate.browser import Browsers, require_own_page
from pomerium_tx.authenticate.hold import Holds
from pomerium_tx.authenticate.start import HELD, SignInStart
from pomerium_tx.logout.handover import IDP_ID, LOGIN, REDIRECT_URI, SESSION_ENCRYPTED, Handover, Handovers
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import OpLogout, StoreUnavailable
from pomerium_tx.web.resource import Answer, HttpProblem, Page, PageRequest, redirect
from pomerium_tx.web.signed_url import InvalidSignature, UrlSigner

_LONGEST_RETURN_URL = 3000
_ORIGIN = re.compile(r"(https?://[0-9A-Za-z._-]+(?::[0-9]{1,5})?|https?://\[[0-9A-Fa-f:]+\](?::[0-9]{1,5})?)[/?]")


class SignInPage(Page):
    """
    Hands a session over to the route host that asks, once there is one.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("GET", "POST")
    reads_form: ClassVar[bool] = True

    def __init__(
        self,
        *,
        registry: SessionRegistry,
        browsers: Browsers,
        holds: Holds,
        start: SignInStart,
        handovers: Handovers,
        url_signer: UrlSigner,
        serves_origin: Callable[[str], bool],
        authenticate_host: str,
        clock: IReactorTime,
    ) -> None:
        """
        :param serves_origin: Whether a URL's origin is that of a configured route.
        """
        super().__init__()
        self._registry = registry
        self._browsers = browsers
        self._holds = holds
        self._start = start
        self._handovers = handovers
        self._url_signer = url_signer
        self._serves_origin = serves_origin
        self._authenticate_host = authenticate_host
        self._clock = clock

    async def answer(self, request: PageRequest) -> Answer:
        """
        On to the route host, off to the OP, or the page that says that the person has signed out.
        """
        if request.method == "POST":
            return await self._clicked(request)
        try:
            self._url_signer.verify(request.url, self._clock.seconds())
        except InvalidSignature:
            raise HttpProblem(
                400, "This sign-in link is not valid, or not any more. Please go back to the application."
            ) from None
        wanted = request.one(REDIRECT_URI)
        origin = None if wanted is None else self._route_origin(wanted)
        if wanted is None or origin is None:
            raise HttpProblem(400, "This sign-in link leads to no application that is known here.")
        idp_id = self._start.known_idp_id(request.one(IDP_ID))
        browser = self._browsers.read(request)
        session = browser.session
        if session is None or session.idp_id != idp_id or self._holds.in_force(request, browser) is not None:
            # A long URL in a URL in the state is more than some OPs take: one more redirect makes it shorter.
            return_url = request.url if len(request.url) <= _LONGEST_RETURN_URL else wanted
            return await self._start.unless_held(
                request, browser, return_url=return_url, held_url=wanted, idp_id=idp_id
            )
        location = self._handover_url(session, origin, wanted, request.one(LOGIN) or "")
        return redirect(location, headers=[self._browsers.session_cookie(session)])

    async def _clicked(self, request: PageRequest) -> Answer:
        """
        The person has read that they signed out, and wants to sign in.
        """
        require_own_page(request)
        browser = self._browsers.read(request)
        held = self._start.read_held(request.one(HELD, "form"))
        if held is None or not self._browsers.has_token(browser, request):
            raise HttpProblem(
                400, "This page is too old. Please open the application again.", retry=None if held is None else held[0]
            )
        url, idp_id = held[0], self._start.known_idp_id(held[1])
        for hold in self._holds.all_in_force(request, browser):
            await self._give_up_logout(hold.receipt_id)
        return await self._start.begin(request, browser, return_url=url, idp_id=idp_id, by_click=True)

    async def _give_up_logout(self, receipt_id: str) -> None:
        """
        Wait no longer for the OP to confirm a sign-out: its person signs in again.
        """
        receipt = self._registry.receipt(receipt_id)
        try:
            if receipt is not None and receipt.op_logout is OpLogout.PENDING:
                await self._registry.op_logout(receipt_id, OpLogout.UNCONFIRMED)
            # Later, revoking the old tokens could take the new ones along.
            await self._registry.release_revocations(receipt_id)
        except StoreUnavailable:
            raise HttpProblem(503, "Signing in is not possible just now. Please try again in a moment.") from None

    def _route_origin(self, url: str) -> str | None:
        match = _ORIGIN.match(url)
        return match[1] if match is not None and self._serves_origin(match[1] + "/") else None

    def _handover_url(self, session: Session, origin: str, wanted: str, login: str) -> str:
        host = urlsplit(origin).netloc
        handle = self._browsers.mint(session, (self._authenticate_host, host))
        query = {
            REDIRECT_URI: wanted,
            SESSION_ENCRYPTED: self._handovers.seal(Handover(handle=handle, login=login)),
        }
        return self._url_signer.sign(f"{origin}{paths.ROUTE_CALLBACK}?{urlencode(query)}", self._clock.seconds())
