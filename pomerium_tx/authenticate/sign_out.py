"""
``/.pomerium/sign_out`` on the authenticate host: on from an end that is recorded, or the end of what is here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from twisted.internet.interfaces import IReactorTime

from pomerium_tx import paths
from pomerium_tx.authenticate.browser import Browser, Browsers
from pomerium_tx.authenticate.hold import Holds
from pomerium_tx.authenticate.my_sessions import EVERYWHERE_FIELD, OwnSessions
from pomerium_tx.authenticate.recent_authentication import RecentAuthentication
from pomerium_tx.logout.confirmation import Confirmation, Confirmations
from pomerium_tx.logout.ending import Ending, SignedOut
from pomerium_tx.logout.front_channel import FrontChannel
from pomerium_tx.logout.handover import CLEARED, CONFIRM, ENDED, LEG, OTHER_PROVIDER, PRESENTED
from pomerium_tx.logout.rp_initiated import RelyingPartyLogout, answer_onward
from pomerium_tx.logout.sign_out_request import (
    confirmation_required,
    nothing_was_ended,
    refused,
    rule_of,
)
from pomerium_tx.logout.target import Targets, wanted_target
from pomerium_tx.logout.urls import SignOutUrls
from pomerium_tx.oidc.provider import Provider
from pomerium_tx.sessions.departure import Departure
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.store import Cause, StoreUnavailable
from pomerium_tx.web import html
from pomerium_tx.web.fetch_metadata import SignOutRule, is_page_navigation, prefers_json
from pomerium_tx.web.resource import Answer, Page, PageRequest, html_answer, json_answer, redirect
from pomerium_tx.web.signed_url import InvalidSignature, UrlSigner

_Headers = tuple[tuple[str, str], ...]
_SAME_SITE = frozenset({"none", "same-origin", "same-site"})


class SignOutPage(Page):
    """
    Signs out, shows the way to the OP, or asks.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("GET", "POST")
    reads_form: ClassVar[bool] = True

    def __init__(
        self,
        *,
        registry: SessionRegistry,
        providers: Mapping[str, Provider],
        browsers: Browsers,
        holds: Holds,
        sessions: OwnSessions,
        recent: RecentAuthentication,
        ending: Ending,
        front_channel: FrontChannel,
        relying_party_logout: RelyingPartyLogout,
        confirmations: Confirmations,
        targets: Targets,
        urls: SignOutUrls,
        url_signer: UrlSigner,
        from_same_site_now: bool,
        clock: IReactorTime,
    ) -> None:
        """
        :param from_same_site_now: The setting ``sign_out_from_same_site: now``.
        """
        super().__init__()
        self._registry = registry
        self._providers = providers
        self._browsers = browsers
        self._holds = holds
        self._sessions = sessions
        self._recent = recent
        self._ending = ending
        self._front_channel = front_channel
        self._relying_party_logout = relying_party_logout
        self._confirmations = confirmations
        self._targets = targets
        self._urls = urls
        self._url_signer = url_signer
        self._from_same_site_now = from_same_site_now
        self._clock = clock

    async def answer(self, request: PageRequest) -> Answer:
        """
        Sign out, go on, or ask; which of them, the request itself says.
        """
        told = await self._front_channel.answer(request, lambda asked: self._browsers.read(asked).session_ids)
        if told is not None:
            return told
        rule = rule_of(request, handle_in_header=False, from_same_site_now=self._from_same_site_now)
        browser = self._browsers.read(request)
        reference = request.one(ENDED, "query")
        if reference is not None and self._is_signed(request):
            return await self._go_on(request, browser, reference)
        # Whoever presents a handle in a header is a script, and is answered as one; it has no authority here.
        is_script = rule is SignOutRule.NOW_JSON or self._browsers.in_header_only(browser, request)
        refusal = None if is_script else refused(rule)
        if refusal is not None:
            return refusal
        has_token = self._browsers.has_token(browser, request)
        if has_token and rule in (SignOutRule.NOW, SignOutRule.NOW_JSON):
            if request.one(EVERYWHERE_FIELD, "form") == "1":
                return await self._sign_out_everywhere(request, browser, as_json=is_script)
            return await self._sign_out(request, browser, as_json=is_script)
        if is_script or prefers_json(request.header("Accept")):
            return confirmation_required(request)
        if self._has_asked_on_route(request, browser):
            return self._held_all_the_same(request, browser, self._target(request, None), has_ended_nothing=True)
        return self._ask(request, browser)

    def _is_signed(self, request: PageRequest) -> bool:
        try:
            self._url_signer.verify(request.url, self._clock.seconds())
        except InvalidSignature:
            return False
        return True

    async def _go_on(self, request: PageRequest, browser: Browser, reference: str) -> Answer:
        """
        On from an end that a route host has recorded. Nothing ends here.

        The URL alone is worth nothing: applications learn it, and anybody can send a person to one of their own.
        """
        departure = self._registry.departure(reference)
        if departure is not None and self._browsers.is_signed_in(browser):
            return self._ask(request, browser)
        is_theirs = departure is not None and self._is_of(request, browser, departure)
        try:
            may_go_on = is_theirs or (departure is not None and await self._has_forgotten_us(request, departure))
        except StoreUnavailable:
            # Without a cookie it may be tried again.
            return redirect(self._urls.signed_out, status=303, headers=self._still_held(request, browser))
        if departure is None or not may_go_on:
            # If it was a click it holds, but whose session has ended is not for this person to learn.
            is_clicked = departure is not None and _comes_from_here(request)
            headers = self._after_click(request, browser, has_ended_nothing=False) if is_clicked else None
            return redirect(self._urls.signed_out, status=303, headers=headers or self._still_held(request, browser))
        issuers = [
            provider.settings.issuer
            for name in request.values(OTHER_PROVIDER, "query")
            if (provider := self._providers.get(name)) is not None
        ]
        chosen = request.one(LEG, "query")
        to = next((leg.iss for number, leg in enumerate(departure.legs) if str(number) == chosen and is_theirs), None)
        return await self._leave(request, browser, departure, tuple(issuers), is_by_reference=not is_theirs, to=to)

    def _is_of(self, request: PageRequest, browser: Browser, departure: Departure) -> bool:
        """
        Whether the sessions that have ended were this very user agent's: nobody else is told of them or led on.
        """
        return self._holds.of(request, departure.receipt_id) is not None or self._browsers.is_of(browser, departure)

    async def _has_forgotten_us(self, request: PageRequest, departure: Departure) -> bool:
        """
        Whether it may be the user agent that a route host has just asked to forget its cookies, and ours with them.

        It comes from the same site, without any cookie, and once. Who has one was not asked. That proves nothing, so it
        must not be told whose session it was.

        :raises StoreUnavailable: If nobody can know who was first.
        """
        if self._holds.by_reference(request, departure.receipt_id) is not None:
            return True
        if request.one(CLEARED, "query") is None or request.raw_headers(b"cookie"):
            return False
        if request.header("Sec-Fetch-Mode") != "navigate" or request.header("Sec-Fetch-Site") not in _SAME_SITE:
            return False
        return await self._registry.use_once(f"cleared/{departure.reference}", departure.expires + 60.0)

    def _has_asked_on_route(self, request: PageRequest, browser: Browser) -> bool:
        """
        Whether this very user agent has just asked a route host to sign it out, when none of its sessions was left.

        The signature says that somebody has, and it is the one who has the same handles.
        """
        shown = self._confirmations.open(request.one(PRESENTED, "query"), self._clock.seconds())
        if shown is None or set(shown.session_ids).isdisjoint(browser.session_ids):
            return False
        return self._is_signed(request) and not self._browsers.is_signed_in(browser)

    def _ask(self, request: PageRequest, browser: Browser) -> Answer:
        """
        The page whose button signs out.
        """
        reference = request.one(CONFIRM)
        confirmation = self._confirmations.open(reference, self._clock.seconds())
        body = html.confirm_sign_out(
            paths.SIGN_OUT,
            self._browsers.token(browser),
            redirect_uri=self._target(request, confirmation),
            reference=None if confirmation is None else reference,
            cancel=paths.DASHBOARD,
        )
        return html_answer(body, headers=[self._browsers.csrf_cookie(browser)])

    def _target(self, request: PageRequest, confirmation: Confirmation | None) -> str | None:
        wanted = wanted_target(request)
        if wanted is None and confirmation is not None:
            return self._targets.of(confirmation.target)
        return self._targets.of(wanted, asked_at=request.origin)

    async def _sign_out_everywhere(self, request: PageRequest, browser: Browser, *, as_json: bool) -> Answer:
        """
        On all the person's devices, if it is they who ask.
        """
        own = self._sessions.current(request, browser)
        stale = None if own is None else self._recent.stale(browser.sessions)
        if stale is not None:
            return await self._recent.ask(request, browser, stale)
        receipts = (self._registry.ended(name) for name in browser.session_ids)
        is_repeated = any(receipt is not None and receipt.cause is Cause.USER_EVERYWHERE for receipt in receipts)
        if own is None and (not is_repeated or self._browsers.is_signed_in(browser)):
            # It has ended in another way, and nobody is there whose other sessions these could be; or one lives that
            # is not said to be this person's.
            return await self._sessions.sign_in(request, browser)
        return await self._sign_out(request, browser, as_json=as_json, everywhere=True)

    async def _sign_out(
        self, request: PageRequest, browser: Browser, *, as_json: bool, everywhere: bool = False
    ) -> Answer:
        now = self._clock.seconds()
        reference = request.one(html.REFERENCE_FIELD, "form") or request.one(CONFIRM)
        # What another host has named is another browser's perhaps, and another person's: not all devices are theirs.
        confirmation = None if everywhere else self._confirmations.open(reference, now)
        try:
            # What uses a reference up is the end of its sessions, which is for good. Whatever is used up before that is
            # lost if the end cannot be recorded, and the same click tried again would end nothing.
            confirmed = () if confirmation is None else confirmation.session_ids
            signed_out = await self._ending.sign_out(
                tuple(dict.fromkeys((*confirmed, *browser.session_ids))),
                cause=Cause.USER_EVERYWHERE if everywhere else Cause.USER_AUTHENTICATE,
                target=self._target(request, confirmation),
                browsers=self._browsers.own_ids(browser),
                everywhere=everywhere,
                may_follow=lambda departure: self._is_of(request, browser, departure),
            )
        except StoreUnavailable:
            raise nothing_was_ended() from None
        issuers = tuple(
            self._providers[name].settings.issuer for name in signed_out.other_idp_ids if name in self._providers
        )
        departure = signed_out.departure
        if everywhere and departure is not None and departure.from_elsewhere:
            # Somebody has ended what was here; they have not signed out where they did that.
            return await self._sessions.sign_in(request, browser)
        if as_json:
            return self._receipt(request, browser, signed_out, issuers)
        if departure is not None:
            return await self._leave(request, browser, departure, issuers)
        is_nothing = not signed_out.receipt.sessions_ended
        return self._held_all_the_same(
            request, browser, self._target(request, confirmation), has_ended_nothing=is_nothing
        )

    def _receipt(
        self, request: PageRequest, browser: Browser, signed_out: SignedOut, issuers: tuple[str, ...]
    ) -> Answer:
        now = self._clock.seconds()
        receipt, departure = signed_out.receipt, signed_out.departure
        is_nothing = not receipt.sessions_ended
        if departure is None:
            url = self._urls.nothing_ended(None, now)
            headers = self._after_click(request, browser, has_ended_nothing=is_nothing)
        else:
            url = self._urls.ended(departure.reference, signed_out.other_idp_ids, now)
            headers = self._after(request, browser, departure, issuers)
        # Where somebody else goes, in another browser, is not for this person to learn.
        is_theirs = is_nothing or (departure is not None and len(departure.browsers) == 1)
        return json_answer({**receipt.as_json(with_routes=is_theirs), "end_session_url": url}, headers=headers)

    async def _leave(
        self,
        request: PageRequest,
        browser: Browser,
        departure: Departure,
        issuers: tuple[str, ...],
        *,
        is_by_reference: bool = False,
        to: str | None = None,
    ) -> Answer:
        """
        To the first OP, or to the one of that issuer.
        """
        shown = self._shown(request, browser, departure)
        onward = await self._relying_party_logout.onward(departure, shown=shown, is_by_reference=is_by_reference, to=to)
        headers = self._after(request, browser, departure, issuers, is_by_reference=is_by_reference)
        return answer_onward(onward, headers, is_get=request.method == "GET")

    def _shown(self, request: PageRequest, browser: Browser, departure: Departure) -> tuple[int, ...]:
        """
        The places of the legs whose sessions this user agent has shown: now, or when it left for the first one.
        """
        hold = self._holds.of(request, departure.receipt_id)
        before = () if hold is None else hold.shown
        return tuple(sorted({*departure.shown(browser.session_ids), *before}))

    def _after(
        self,
        request: PageRequest,
        browser: Browser,
        departure: Departure,
        issuers: tuple[str, ...],
        *,
        is_by_reference: bool = False,
    ) -> _Headers:
        """
        The hold, and an end to the cookie of a session that is no more.
        """
        receipt = self._registry.receipt(departure.receipt_id)
        if receipt is None:
            return self._still_held(request, browser)
        headers = self._browsers.without_stale_session(browser)
        hold = self._holds.after(
            request,
            browser,
            receipt,
            issuers,
            is_of_one_browser=len(departure.browsers) == 1 and not is_by_reference,
            is_by_reference=is_by_reference,
            is_on_all_devices=receipt.cause is Cause.USER_EVERYWHERE and not departure.from_elsewhere,
            shown=self._shown(request, browser, departure),
        )
        return (*headers, hold)

    def _held_all_the_same(
        self, request: PageRequest, browser: Browser, target: str | None, *, has_ended_nothing: bool
    ) -> Answer:
        """
        Where the person wants to be, or to the page that tells the truth; the OP has no part in it.
        """
        return redirect(
            target or self._urls.signed_out,
            status=302 if request.method == "GET" else 303,
            headers=self._after_click(request, browser, has_ended_nothing=has_ended_nothing),
        )

    def _after_click(self, request: PageRequest, browser: Browser, *, has_ended_nothing: bool) -> _Headers:
        """
        The hold of a person who has said that they want to be signed out, and has no part in any end.
        """
        hold = self._holds.after_click(request, browser, self._clock.seconds(), has_ended_nothing=has_ended_nothing)
        return (*self._browsers.without_stale_session(browser), *hold)

    def _still_held(self, request: PageRequest, browser: Browser) -> _Headers:
        """
        An end to the cookie of a session that is no more, but not to the hold that it may stand for.
        """
        return (*self._browsers.without_stale_session(browser), *self._holds.kept(request, browser))


def _comes_from_here(request: PageRequest) -> bool:
    """
    Whether a person has gone there by themselves, or from one of our hosts, as far as the user agent says anything.
    """
    site = request.header("Sec-Fetch-Site")
    return site is None or (site in _SAME_SITE and is_page_navigation(request.header))
