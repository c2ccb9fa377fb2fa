"""
The authenticate host's small pages.
"""

from __future__ import annotations

from typing import ClassVar

from pomerium_tx import paths
from pomerium_tx.authenticate.browser import Browsers
from pomerium_tx.web.csrf import HEADER
from pomerium_tx.web.resource import Answer, Page, PageRequest, json_answer, redirect, text_answer


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
            "frontchannel_logout_session_supported": True,
            "backchannel_logout_uri": request.origin + paths.BACKCHANNEL_LOGOUT,
            "backchannel_logout_session_supported": True,
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
