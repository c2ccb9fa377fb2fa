"""
``/.pomerium/sign_out`` on a route host: the sign-out that a person asks for where they are.
"""

from __future__ import annotations

from typing import ClassVar

from twisted.internet.interfaces import IReactorTime

from pomerium_tx.dashboard.presented import RouteSessions
from pomerium_tx.logout.confirmation import Confirmations
from pomerium_tx.logout.ending import Ending, SignedOut
from pomerium_tx.logout.front_channel import FrontChannel
from pomerium_tx.logout.session_cookie import CookieSettings
from pomerium_tx.logout.sign_out_request import (
    confirmation_required,
    nothing_was_ended,
    refused,
    rule_of,
)
from pomerium_tx.logout.site_data import SiteData, clear_site_data
from pomerium_tx.logout.target import Targets, wanted_target
from pomerium_tx.logout.urls import SignOutUrls
from pomerium_tx.sessions.store import Cause, StoreUnavailable
from pomerium_tx.web.fetch_metadata import SignOutRule, prefers_json
from pomerium_tx.web.resource import Answer, Page, PageRequest, json_answer, redirect


class RouteSignOutPage(Page):
    """
    Ends the session, first of all; then shows the way to the authenticate host.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("GET", "POST")
    reads_form: ClassVar[bool] = True

    def __init__(
        self,
        *,
        sessions: RouteSessions,
        ending: Ending,
        front_channel: FrontChannel,
        targets: Targets,
        confirmations: Confirmations,
        urls: SignOutUrls,
        cookie: CookieSettings,
        from_same_site_now: bool,
        site_data: SiteData,
        clock: IReactorTime,
    ) -> None:
        """
        :param from_same_site_now: The setting ``sign_out_from_same_site: now``.
        """
        super().__init__()
        self._sessions = sessions
        self._ending = ending
        self._front_channel = front_channel
        self._targets = targets
        self._confirmations = confirmations
        self._urls = urls
        self._cookie = cookie
        self._from_same_site_now = from_same_site_now
        self._site_data = site_data
        self._clock = clock

    async def answer(self, request: PageRequest) -> Answer:
        """
        Sign out, ask, or refuse; which of them, the request itself says.
        """
        told = await self._front_channel.answer(request, self._sessions.all_session_ids)
        if told is not None:
            return told
        rule = rule_of(
            request,
            handle_in_header=self._sessions.in_header_only(request),
            from_same_site_now=self._from_same_site_now,
        )
        refusal = refused(rule)
        if refusal is not None:
            return refusal
        target = self._targets.of(wanted_target(request), asked_at=request.origin)
        if rule is SignOutRule.CONFIRM:
            return self._ask(request, target)
        try:
            signed_out = await self._ending.sign_out(
                self._sessions.all_session_ids(request), cause=Cause.USER_ROUTE, target=target
            )
        except StoreUnavailable:
            raise nothing_was_ended() from None
        forgotten = self._site_data(request.origin)
        cleared = self._cookie.clear_all(request.raw_headers(b"cookie"))
        headers = [*(("Set-Cookie", value) for value in cleared), *clear_site_data(forgotten)]
        url = self._next_url(request, signed_out, target, cookies_cleared="cookies" in forgotten)
        if rule is SignOutRule.NOW_JSON:
            # Where else its user goes, an application need not learn.
            own_routes = signed_out.routes_at(request.origin)
            receipt = signed_out.receipt.as_json(with_routes=False, own_routes=own_routes)
            return json_answer({**receipt, "end_session_url": url}, headers=headers)
        return redirect(url, headers=headers)

    def _next_url(
        self, request: PageRequest, signed_out: SignedOut, target: str | None, *, cookies_cleared: bool
    ) -> str:
        now = self._clock.seconds()
        if signed_out.departure is None:
            presented = self._sessions.all_session_ids(request)
            shown = self._confirmations.seal(presented, target, now) if presented else None
            return self._urls.nothing_ended(target, now, shown)
        reference, others = signed_out.departure.reference, signed_out.other_idp_ids
        return self._urls.ended(reference, others, now, cookies_cleared=cookies_cleared)

    def _ask(self, request: PageRequest, target: str | None) -> Answer:
        """
        To the authenticate host, which asks: this host's applications could press the button themselves.
        """
        if prefers_json(request.header("Accept")):
            return confirmation_required(request)
        reference = self._confirmations.seal(self._sessions.all_session_ids(request), target, self._clock.seconds())
        return redirect(self._urls.confirmation(reference))
