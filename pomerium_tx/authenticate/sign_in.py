"""
``/.pomerium/sign_in``: the way from a route host to a session and back.
"""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import urlencode, urlsplit

from twisted.internet.interfaces import IReactorTime

from pomerium_tx import paths
from pomerium_tx.authenticate.browser import Browsers, require_own_page
from pomerium_tx.authenticate.hold import Holds
from pomerium_tx.authenticate.program_consent import PROGRAM, ProgramConsents
from pomerium_tx.authenticate.sign_in_request import SignInRequest, SignInRequests
from pomerium_tx.authenticate.start import HELD, SignInStart
from pomerium_tx.logout.handover import (
    ADDITIONAL_HOSTS,
    PROGRAMMATIC,
    REDIRECT_URI,
    SESSION_ENCRYPTED,
    VISIT,
    Handover,
    Handovers,
)
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import OpLogout, StoreUnavailable
from pomerium_tx.web.resource import Answer, HttpProblem, Page, PageRequest, redirect
from pomerium_tx.web.signed_url import InvalidSignature, UrlSigner

_LONGEST_RETURN_URL = 3000


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
        requests: SignInRequests,
        consents: ProgramConsents | None,
        handovers: Handovers,
        url_signer: UrlSigner,
        authenticate_host: str,
        clock: IReactorTime,
    ) -> None:
        """
        :param consents: Asks people before a program gets a handle; None where it gets it at once.
        """
        super().__init__()
        self._registry = registry
        self._browsers = browsers
        self._holds = holds
        self._start = start
        self._requests = requests
        self._consents = consents
        self._handovers = handovers
        self._url_signer = url_signer
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
        asked = self._requests.read(request)
        idp_id = self._start.known_idp_id(asked.idp_id)
        browser = self._browsers.read(request)
        session = browser.session_of(idp_id)
        if session is None or self._holds.in_force(request, browser, self._start.issuer_of(idp_id)) is not None:
            return await self._start.unless_held(
                request,
                browser,
                return_url=self._return_url(request, asked),
                # A program waits for what comes at the end of this link, not for a person without it.
                held_url=asked.wanted if asked.program is None else request.url,
                idp_id=idp_id,
            )
        if asked.unvisited:
            return redirect(self._visit_url(request, asked.unvisited), headers=[self._browsers.session_cookie(session)])
        if asked.program is not None and self._consents is not None:
            return self._consents.ask(browser, session, asked)
        return redirect(self._handover_url(session, asked), headers=[self._browsers.session_cookie(session)])

    @staticmethod
    def _return_url(request: PageRequest, asked: SignInRequest) -> str:
        """
        Where the person goes with their session.
        """
        if len(request.url) <= _LONGEST_RETURN_URL:
            return request.url
        if asked.program is not None:
            raise HttpProblem(400, "This sign-in link is too long: the program must wait at a shorter address.")
        # A long URL in a URL in the state is more than some OPs take: one more redirect makes it shorter.
        return asked.wanted

    async def _clicked(self, request: PageRequest) -> Answer:
        """
        The person has read that they signed out, and wants to sign in.
        """
        require_own_page(request)
        browser = self._browsers.read(request)
        if self._consents is not None and request.one(PROGRAM, "form") is not None:
            session, asked = self._consents.given(request, browser)
            if self._holds.in_force(request, browser) is None:
                return redirect(self._handover_url(session, asked), status=303)
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
            for iss in () if receipt is None else receipt.pending:
                await self._registry.op_logout(receipt_id, OpLogout.UNCONFIRMED, iss)
            # Later, revoking the old tokens could take the new ones along.
            await self._registry.release_revocations(receipt_id)
        except StoreUnavailable:
            raise HttpProblem(503, "Signing in is not possible just now. Please try again in a moment.") from None

    def _visit_url(self, request: PageRequest, origins: tuple[str, ...]) -> str:
        """
        By way of these hosts and back, so that each of them knows the user agent when it comes with the session.
        """
        parameters = [*request.query, (VISIT, " ".join(origins))]
        return self._url_signer.sign_parameters(origins[0] + paths.ROUTE_VISIT, parameters, self._clock.seconds())

    def _handover_url(self, session: Session, asked: SignInRequest) -> str:
        hosts = [urlsplit(origin).netloc for origin, _ in asked.others]
        handle = self._browsers.mint(session, (self._authenticate_host, urlsplit(asked.origin).netloc, *hosts))
        query = {
            REDIRECT_URI: asked.wanted,
            SESSION_ENCRYPTED: self._handovers.seal(Handover(handle=handle, login=asked.login, further=asked.others)),
        }
        if hosts:
            query[ADDITIONAL_HOSTS] = ",".join(hosts)
        if asked.program is not None:
            query[PROGRAMMATIC] = "true"
        own = [(name, value) for name, value in asked.own_query if name not in query]
        location = f"{asked.origin}{paths.ROUTE_CALLBACK}?{urlencode([*own, *query.items()], errors='surrogateescape')}"
        return self._url_signer.sign(location, self._clock.seconds())
