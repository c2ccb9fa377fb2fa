"""
``/.pomerium/signed_out``: where a sign-out ends, and where the OP sends people back to (RP-Initiated Logout 1.0,
section 3).
"""

from __future__ import annotations

from typing import ClassVar

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from pomerium_tx import paths
from pomerium_tx.authenticate.browser import Browser, Browsers
from pomerium_tx.authenticate.hold import Hold, Holds, releases
from pomerium_tx.logout.ending import OWN_SIGN_OUT, Ending
from pomerium_tx.logout.rp_initiated import RelyingPartyLogout, answer_onward
from pomerium_tx.logout.site_data import ClearingImages, origins_of
from pomerium_tx.logout.target import Targets
from pomerium_tx.logout.urls import SignOutUrls
from pomerium_tx.sessions.departure import Departure, Leg
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.store import OpLogout, StoreUnavailable
from pomerium_tx.web import html
from pomerium_tx.web.fetch_metadata import prefers_json
from pomerium_tx.web.html import Confirmed, Truth
from pomerium_tx.web.provider_lines import ProviderLine
from pomerium_tx.web.resource import Answer, HttpProblem, Page, PageRequest, html_answer, json_answer

log = Logger()

_MAY_CHANGE = frozenset({OpLogout.PENDING, OpLogout.RETURNED})
_NOT_DONE = frozenset({OpLogout.PENDING, OpLogout.UNCONFIRMED, OpLogout.UNREACHABLE})
"""
There the person can be led, still or once more.
"""

STILL_OPEN = 30.0
"""
Seconds after an end for which the page looks by itself whether the OP has confirmed it.
"""
AGAIN = "pomerium_again"
"""
The parameter with which it does.
"""


class SignedOutPage(Page):
    """
    Says what is true, and never signs anybody in.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("GET",)

    def __init__(
        self,
        *,
        registry: SessionRegistry,
        browsers: Browsers,
        holds: Holds,
        ending: Ending,
        relying_party_logout: RelyingPartyLogout,
        urls: SignOutUrls,
        images: ClearingImages,
        targets: Targets,
        clock: IReactorTime,
    ) -> None:
        super().__init__()
        self._registry = registry
        self._browsers = browsers
        self._holds = holds
        self._ending = ending
        self._relying_party_logout = relying_party_logout
        self._urls = urls
        self._images = images
        self._targets = targets
        self._clock = clock

    async def answer(self, request: PageRequest) -> Answer:
        """
        On to the next OP or to where the person wanted to be, if an OP has sent them back; else the page.
        """
        states = request.values("state", "query")
        departure = self._registry.departure_by_state(states[0]) if len(states) == 1 else None
        leg = None if departure is None else departure.leg_of(states[0])
        # It counts in the very user agent that was sent away with it.
        hold = None if departure is None else self._holds.of(request, departure.receipt_id)
        if departure is None or leg is None or hold is None or not await self._is_first(departure, leg):
            return self._page(request, self._holds.read(request), (), is_released=False)
        await self._returned(departure, leg)
        receipt = self._registry.receipt(departure.receipt_id)
        # The cookie knows of the one return there is, be it recorded or not.
        is_last = len(departure.legs) == 1 or (receipt is not None and receipt.op_logout.releases_hold)
        headers = (self._holds.after_return(request, self._browsers.read(request), hold, is_last=is_last),)
        onward = await self._relying_party_logout.onward(departure, shown=hold.shown, after=leg)
        # By the rule of today: what was allowed when the person left may not be now.
        if onward.is_provider or self._targets.of(departure.target) is not None:
            return answer_onward(onward, headers, is_get=onward.is_provider)
        return self._page(request, hold, headers, is_released=is_last)

    async def _is_first(self, departure: Departure, leg: Leg) -> bool:
        key = f"post-logout/{departure.reference}/{departure.legs.index(leg)}"
        try:
            return await self._registry.use_once(key, departure.expires + 60.0)
        except StoreUnavailable:
            raise HttpProblem(
                503, "You are signed out here. What follows cannot be recorded just now: please reload in a moment."
            ) from None

    async def _returned(self, departure: Departure, leg: Leg) -> None:
        receipt = self._registry.receipt(departure.receipt_id)
        try:
            if receipt is not None and not receipt.op_logout_at(leg.iss).releases_hold:
                await self._registry.op_logout(departure.receipt_id, OpLogout.RETURNED, leg.iss)
            await self._registry.release_revocations(departure.receipt_id, leg.iss)
        except StoreUnavailable:
            # The cookie knows of the return; the tokens are revoked when their time has come.
            log.warn("The receipt {id} does not say that the person has returned", id=departure.receipt_id)

    def _page(
        self, request: PageRequest, hold: Hold | None, headers: tuple[tuple[str, str], ...], *, is_released: bool
    ) -> Answer:
        browser = self._browsers.read(request)
        receipt = self._receipt(browser, hold)
        is_signed_in = self._browsers.is_signed_in(browser)
        is_released = is_released or (hold is not None and hold.is_released)
        if is_signed_in:
            headers = (*headers, self._browsers.csrf_cookie(browser))
        truth = Truth.STILL_SIGNED_IN if is_signed_in else _truth(receipt, hold, is_released=is_released)
        receipt_id = receipt.id if receipt is not None else None if hold is None else hold.receipt_id or None
        lines = () if is_signed_in or receipt is None else self._lines(receipt, hold)
        told = {line.name for line in lines}
        if prefers_json(request.header("Accept")):
            shown: dict[str, object] = {
                "truth": truth.value,
                "op_logout": None if receipt is None else receipt.op_logout.value,
                "receipt": receipt_id,
            }
            if lines:
                shown["providers"] = [] if receipt is None else receipt.providers_as_json()
            return json_answer(shown, headers=headers)
        is_first_look = request.one(AGAIN, "query") is None
        # Where somebody else was, in another browser, is not for this person to see.
        shows_images = hold is not None and hold.is_of_one_browser and is_first_look and not is_signed_in
        images = self._images.urls(receipt) if receipt is not None and shows_images else ()
        body = html.signed_out(
            truth,
            confirmed=_confirmed(receipt) if truth is Truth.EVERYWHERE else None,
            on_all_devices=receipt is not None and hold is not None and hold.is_on_all_devices,
            stays_signed_out=truth is Truth.NOTHING and hold is not None,
            receipt_id=receipt_id,
            sign_in_url=paths.DASHBOARD,
            sign_out_action=paths.SIGN_OUT if is_signed_in else None,
            csrf_token=self._browsers.token(browser) if is_signed_in else "",
            providers=lines,
            other_providers=()
            if hold is None or is_signed_in
            else [name for name in hold.other_providers if name not in told],
            target=None if is_signed_in or receipt is None else self._target(receipt, hold),
            look_again=f"{paths.SIGNED_OUT}?{AGAIN}=1" if self._may_change(truth, receipt) else None,
            images=images,
        )
        return html_answer(body, headers=headers, image_origins=origins_of(images))

    def _lines(self, receipt: Receipt, hold: Hold | None) -> tuple[ProviderLine, ...]:
        """
        What is true of each OP, where there are several.
        """
        # Who has nothing but a reference learns nothing of whose it was.
        if len(receipt.op_logouts) < 2 or (hold is not None and hold.is_by_reference):
            return ()
        departure = self._ending.departure_of(receipt.id)
        numbers = {} if departure is None else {leg.iss: number for number, leg in enumerate(departure.legs)}
        now = self._clock.seconds()
        return tuple(
            ProviderLine(
                name=iss,
                outcome=op_logout.value,
                sign_out_url=self._urls.leg(departure.reference, numbers[iss], now)
                if departure is not None and iss in numbers and op_logout in _NOT_DONE
                else None,
            )
            for iss, op_logout in receipt.op_logouts.items()
        )

    def _target(self, receipt: Receipt, hold: Hold | None) -> str | None:
        """
        Where the person wanted to be, while the way is open: an OP may send them back without what leads there.
        """
        departure = self._ending.departure_of(receipt.id)
        if departure is None or departure.target is None or hold is None or hold.is_by_reference:
            return None
        return self._targets.of(departure.target)

    def _may_change(self, truth: Truth, receipt: Receipt | None) -> bool:
        """
        Whether the OP's own word, on the back channel, may arrive while the person reads.
        """
        return (
            truth in (Truth.EVERYWHERE, Truth.PROVIDER_UNCONFIRMED)
            and receipt is not None
            and not _MAY_CHANGE.isdisjoint(receipt.op_logouts.values() or (receipt.op_logout,))
            and self._clock.seconds() < receipt.time + STILL_OPEN
        )

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
    if hold is not None and hold.has_ended_nothing:
        return Truth.NOTHING
    if receipt is None:
        # The hold remembers a sign-out that the registry does not know any more.
        return Truth.NOTHING if hold is None else Truth.PROVIDER_UNCONFIRMED
    if releases(receipt):
        return Truth.EVERYWHERE
    if receipt.op_logout is OpLogout.NOT_SUPPORTED:
        return Truth.NO_PROVIDER_SIGN_OUT
    return Truth.PROVIDER_UNCONFIRMED


def _confirmed(receipt: Receipt | None) -> Confirmed:
    # The cookie knows of a return, be the receipt forgotten.
    is_confirmed = receipt is not None and receipt.op_logout is OpLogout.CONFIRMED
    return Confirmed.BY_LOGOUT_TOKEN if is_confirmed else Confirmed.BY_RETURN
