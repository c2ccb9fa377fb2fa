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
from pomerium_tx.logout.confirmation import Confirmation, Confirmations
from pomerium_tx.logout.ending import Ending, SignedOut
from pomerium_tx.logout.handover import CONFIRM, ENDED, OTHER_PROVIDER, REDIRECT_URI
from pomerium_tx.logout.rp_initiated import RelyingPartyLogout
from pomerium_tx.logout.sign_out_request import (
    confirmation_required,
    nothing_to_see,
    nothing_was_ended,
    provider_speaks,
    refused,
    rule_of,
)
from pomerium_tx.logout.target import Targets
from pomerium_tx.logout.urls import SignOutUrls
from pomerium_tx.oidc.provider import Provider
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.store import Cause, Departure, StoreUnavailable
from pomerium_tx.web import html
from pomerium_tx.web.fetch_metadata import SignOutRule, prefers_json
from pomerium_tx.web.resource import Answer, Page, PageRequest, html_answer, json_answer, redirect
from pomerium_tx.web.signed_url import InvalidSignature, UrlSigner

_Headers = tuple[tuple[str, str], ...]


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
        ending: Ending,
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
        self._ending = ending
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
        if provider_speaks(request):
            return nothing_to_see()
        rule = rule_of(request, handle_in_header=False, from_same_site_now=self._from_same_site_now)
        browser = self._browsers.read(request)
        reference = request.one(ENDED, "query")
        if reference is not None and self._is_signed(request):
            return await self._go_on(request, browser, reference)
        refusal = refused(rule)
        if refusal is not None:
            return refusal
        has_token = self._browsers.has_token(browser, request)
        if has_token and rule in (SignOutRule.NOW, SignOutRule.NOW_JSON):
            return await self._sign_out(request, browser, as_json=rule is SignOutRule.NOW_JSON)
        if rule is SignOutRule.NOW_JSON or prefers_json(request.header("Accept")):
            return confirmation_required(request)
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
        if departure is None or not self._is_of(request, browser, departure):
            return redirect(self._urls.signed_out, status=303, headers=self._still_held(request, browser))
        issuers = [
            provider.settings.issuer
            for name in request.values(OTHER_PROVIDER, "query")
            if (provider := self._providers.get(name)) is not None
        ]
        return await self._leave(request, browser, departure, tuple(issuers))

    def _is_of(self, request: PageRequest, browser: Browser, departure: Departure) -> bool:
        is_known = self._holds.of(request, departure.receipt_id) is not None
        return is_known or self._browsers.is_of(browser, departure)

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
        wanted = request.one(REDIRECT_URI)
        if wanted is None and confirmation is not None:
            wanted = confirmation.target
        return self._targets.of(wanted)

    async def _sign_out(self, request: PageRequest, browser: Browser, *, as_json: bool) -> Answer:
        now = self._clock.seconds()
        reference = request.one(html.REFERENCE_FIELD, "form") or request.one(CONFIRM)
        confirmation = self._confirmations.open(reference, now)
        try:
            # What uses a reference up is the end of its sessions, which is for good. Whatever is used up before that is
            # lost if the end cannot be recorded, and the same click tried again would end nothing.
            confirmed = () if confirmation is None else confirmation.session_ids
            signed_out = await self._ending.sign_out(
                tuple(dict.fromkeys((*confirmed, *browser.session_ids))),
                cause=Cause.USER_AUTHENTICATE,
                target=self._target(request, confirmation),
                browsers=self._browsers.own_ids(browser),
            )
        except StoreUnavailable:
            raise nothing_was_ended() from None
        issuers = tuple(
            self._providers[name].settings.issuer for name in signed_out.other_idp_ids if name in self._providers
        )
        departure = signed_out.departure
        if as_json:
            return self._receipt(request, browser, signed_out, issuers)
        if departure is not None:
            return await self._leave(request, browser, departure, issuers)
        return redirect(
            self._target(request, confirmation) or self._urls.signed_out,
            status=302 if request.method == "GET" else 303,
            headers=self._still_held(request, browser),
        )

    def _receipt(
        self, request: PageRequest, browser: Browser, signed_out: SignedOut, issuers: tuple[str, ...]
    ) -> Answer:
        now = self._clock.seconds()
        departure = signed_out.departure
        if departure is None:
            url = self._urls.nothing_ended(None, now)
            headers = self._still_held(request, browser)
        else:
            url = self._urls.ended(departure.reference, signed_out.other_idp_ids, now)
            headers = self._after(request, browser, departure, issuers)
        return json_answer({**signed_out.receipt.as_json(with_routes=True), "end_session_url": url}, headers=headers)

    async def _leave(
        self, request: PageRequest, browser: Browser, departure: Departure, issuers: tuple[str, ...]
    ) -> Answer:
        """
        To the OP, by redirect or by form.
        """
        onward = await self._relying_party_logout.onward(departure)
        headers = self._after(request, browser, departure, issuers)
        if onward.fields is not None:
            body = html.self_submitting(onward.action, onward.fields)
            return html_answer(body, headers=headers, self_submitting=True)
        status = 302 if request.method == "GET" and onward.is_provider else 303
        return redirect(onward.location, status=status, headers=headers)

    def _after(
        self, request: PageRequest, browser: Browser, departure: Departure, issuers: tuple[str, ...]
    ) -> _Headers:
        """
        The hold, and an end to the cookie of a session that is no more.
        """
        receipt = self._registry.receipt(departure.receipt_id)
        if receipt is None:
            return self._still_held(request, browser)
        headers = self._browsers.without_stale_session(browser)
        return (*headers, self._holds.after(request, browser, receipt, issuers))

    def _still_held(self, request: PageRequest, browser: Browser) -> _Headers:
        """
        An end to the cookie of a session that is no more, but not to the hold that it may stand for.
        """
        return (*self._browsers.without_stale_session(browser), *self._holds.kept(request, browser))
