"""
``/.pomerium/callback/visit``: where a user agent that has not begun its sign-in at this host gets the cookie to come
back with.

A program has begun it, or another host has, on which this one's sign-in depends. Whatever the authenticate host then
hands over is taken from that very user agent only, as at any other sign-in: nobody is signed in as somebody else by a
link.
"""

from __future__ import annotations

from typing import ClassVar

from twisted.internet.interfaces import IReactorTime

from pomerium_tx import paths
from pomerium_tx.dashboard.login import LoginCookies, LoginStart
from pomerium_tx.logout.handover import ADDITIONAL_LOGINS, LOGIN, VISIT, login_digest
from pomerium_tx.web.resource import Answer, HttpProblem, Page, PageRequest, redirect
from pomerium_tx.web.signed_url import InvalidSignature, UrlSigner

_ABOUT_THE_VISIT = (VISIT, LOGIN, ADDITIONAL_LOGINS)


class VisitPage(Page):
    """
    Gives the cookie, and sends on: to the next host that has to be visited, or back to the sign-in.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("GET",)

    def __init__(self, *, login: LoginStart, cookies: LoginCookies, url_signer: UrlSigner, clock: IReactorTime) -> None:
        super().__init__()
        self._login = login
        self._cookies = cookies
        self._url_signer = url_signer
        self._clock = clock

    async def answer(self, request: PageRequest) -> Answer:
        """
        302, with the cookie.
        """
        now = self._clock.seconds()
        try:
            self._url_signer.verify(request.url, now)
        except InvalidSignature:
            raise HttpProblem(400, "This link is not valid, or not any more. Please begin again.") from None
        here, *further = (request.one(VISIT) or "").split(" ")
        if here != request.origin:
            raise HttpProblem(400, "This link is for another application.")
        value = self._cookies.kept(request.raw_headers(b"cookie"))
        digest = login_digest(value)
        login, others = request.one(LOGIN), request.one(ADDITIONAL_LOGINS)
        if login is None:
            login = digest
        else:
            others = digest if not others else f"{others},{digest}"
        parameters = [pair for pair in request.query if pair[0] not in _ABOUT_THE_VISIT]
        parameters.append((LOGIN, login))
        if others:
            parameters.append((ADDITIONAL_LOGINS, others))
        if further:
            parameters.append((VISIT, " ".join(further)))
            location = self._url_signer.sign_parameters(further[0] + paths.ROUTE_VISIT, parameters, now)
        else:
            location = self._login.resume(parameters, now)
        return redirect(location, headers=[("Set-Cookie", self._cookies.set(value))])
