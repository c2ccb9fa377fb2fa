"""
``/.pomerium/signed_out``: where a sign-out ends, and where the OP sends people back to (RP-Initiated Logout 1.0,
section 3).
"""

from __future__ import annotations

from typing import ClassVar

from twisted.logger import Logger

from pomerium_tx import paths
from pomerium_tx.authenticate.browser import Browser, Browsers
from pomerium_tx.authenticate.hold import Hold, Holds
from pomerium_tx.logout.ending import OWN_SIGN_OUT
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.store import Departure, OpLogout, StoreUnavailable
from pomerium_tx.web import html
from pomerium_tx.web.html import Truth
from pomerium_tx.web.resource import Answer, HttpProblem, Page, PageRequest, html_answer, redirect

log = Logger()


class SignedOutPage(Page):
    """
    Says what is true, and never signs anybody in.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("GET",)

    def __init__(self, *, registry: SessionRegistry, browsers: Browsers, holds: Holds) -> None:
        super().__init__()
        self._registry = registry
        self._browsers = browsers
        self._holds = holds

    async def answer(self, request: PageRequest) -> Answer:
        """
        On to where the person wanted to be, if the OP has sent them back; else the page.
        """
        states = request.values("state", "query")
        departure = self._registry.departure_by_state(states[0]) if len(states) == 1 else None
        # It counts in the very user agent that was sent away with it.
        hold = None if departure is None else self._holds.of(request, departure.receipt_id)
        if departure is None or hold is None or not await self._is_first(departure):
            return self._page(request, self._holds.read(request), ())
        await self._returned(departure)
        headers = (self._holds.after_return(request, self._browsers.read(request), hold),)
        if departure.target is not None:
            return redirect(departure.target, status=303, headers=headers)
        return self._page(request, hold, headers)

    async def _is_first(self, departure: Departure) -> bool:
        try:
            return await self._registry.use_once(f"post-logout/{departure.reference}", departure.expires + 60.0)
        except StoreUnavailable:
            raise HttpProblem(
                503, "You are signed out here. What follows cannot be recorded just now: please reload in a moment."
            ) from None

    async def _returned(self, departure: Departure) -> None:
        receipt = self._registry.receipt(departure.receipt_id)
        try:
            if receipt is not None and not receipt.op_logout.releases_hold:
                await self._registry.op_logout(departure.receipt_id, OpLogout.RETURNED)
            await self._registry.release_revocations(departure.receipt_id)
        except StoreUnavailable:
            # The cookie knows of the return; the tokens are revoked when their time has come.
            log.warn("The receipt {id} does not say that the person has returned", id=departure.receipt_id)

    def _page(self, request: PageRequest, hold: Hold | None, headers: tuple[tuple[str, str], ...]) -> Answer:
        browser = self._browsers.read(request)
        receipt = self._receipt(browser, hold)
        if self._browsers.is_signed_in(browser):
            body = html.signed_out(
                Truth.STILL_SIGNED_IN,
                receipt_id=None if receipt is None else receipt.id,
                sign_out_action=paths.SIGN_OUT,
                csrf_token=self._browsers.token(browser),
            )
            return html_answer(body, headers=[*headers, self._browsers.csrf_cookie(browser)])
        is_released = bool(headers) or (hold is not None and hold.is_released)
        body = html.signed_out(
            _truth(receipt, hold, is_released=is_released),
            receipt_id=hold.receipt_id if hold is not None else None if receipt is None else receipt.id,
            sign_in_url=paths.DASHBOARD,
            other_providers=() if hold is None else hold.other_providers,
        )
        return html_answer(body, headers=headers)

    def _receipt(self, browser: Browser, hold: Hold | None) -> Receipt | None:
        if hold is not None:
            return self._registry.receipt(hold.receipt_id)
        for name in browser.session_ids:
            receipt = self._registry.ended(name)
            if receipt is not None and receipt.cause in OWN_SIGN_OUT:
                return receipt
        return None


def _truth(receipt: Receipt | None, hold: Hold | None, *, is_released: bool) -> Truth:
    if is_released:
        return Truth.EVERYWHERE
    if receipt is None:
        # The hold remembers a sign-out that the registry does not know any more.
        return Truth.NOTHING if hold is None else Truth.PROVIDER_UNCONFIRMED
    if receipt.op_logout.releases_hold:
        return Truth.EVERYWHERE
    if receipt.op_logout is OpLogout.NOT_SUPPORTED:
        return Truth.NO_PROVIDER_SIGN_OUT
    return Truth.PROVIDER_UNCONFIRMED
