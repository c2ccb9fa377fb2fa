"""
The authenticate host's small pages.
"""

from __future__ import annotations

from typing import ClassVar

from pomerium_tx import paths
from pomerium_tx.authenticate.browser import Browsers
from pomerium_tx.authenticate.hold import Holds
from pomerium_tx.authenticate.start import SignInStart
from pomerium_tx.web import html
from pomerium_tx.web.csrf import HEADER
from pomerium_tx.web.resource import Answer, Page, PageRequest, html_answer, json_answer, redirect, text_answer


class MySessionPage(Page):
    """
    ``/.pomerium/``: the session of this browser.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("GET",)

    def __init__(self, *, browsers: Browsers, holds: Holds, start: SignInStart) -> None:
        super().__init__()
        self._browsers = browsers
        self._holds = holds
        self._start = start

    async def answer(self, request: PageRequest) -> Answer:
        """
        The session and a button that ends it, or the way to sign in.
        """
        browser = self._browsers.read(request)
        session = browser.session
        if session is None or self._holds.in_force(request, browser) is not None:
            here = request.origin + paths.DASHBOARD
            return await self._start.unless_held(
                request, browser, return_url=here, held_url=here, idp_id=self._start.known_idp_id(None)
            )
        body = html.my_session(
            user=session.name or session.user_id,
            email=session.email,
            began=session.began,
            routes=sorted(session.origins),
            sign_out_action=paths.SIGN_OUT,
            csrf_token=self._browsers.token(browser),
        )
        return html_answer(body, headers=[self._browsers.csrf_cookie(browser)])


class WellKnownPage(Page):
    """
    ``/.well-known/pomerium``: where everything is, and a CSRF token for pages of this origin.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("GET",)

    def __init__(self, *, browsers: Browsers) -> None:
        super().__init__()
        self._browsers = browsers

    async def answer(self, request: PageRequest) -> Answer:
        """
        The document. Others may read it, but not the token: its field is not exposed to them.
        """
        browser = self._browsers.read(request)
        document = {
            "issuer": request.origin + "/",
            "authentication_callback_endpoint": request.origin + paths.PROVIDER_CALLBACK,
            "jwks_uri": request.origin + paths.JWKS,
            "frontchannel_logout_uri": request.origin + paths.SIGN_OUT,
        }
        headers = [
            ("Access-Control-Allow-Origin", "*"),
            (HEADER, self._browsers.token(browser)),
            self._browsers.csrf_cookie(browser),
        ]
        return json_answer(document, headers=headers)


class RootPage(Page):
    """
    ``/``: nothing but a way in.
    """

    methods: ClassVar[tuple[str, ...] | None] = None

    async def answer(self, request: PageRequest) -> Answer:
        """
        On to the dashboard.
        """
        return redirect(request.origin + paths.DASHBOARD)


class RobotsPage(Page):
    """
    ``/robots.txt``: there is nothing here for robots.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("GET",)

    async def answer(self, request: PageRequest) -> Answer:
        """
        Keep out.
        """
        return text_answer("User-agent: *\nDisallow: /\n")
