"""
The way to the OPs' own logout, one after the other: OpenID Connect RP-Initiated Logout 1.0, section 2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from twisted.logger import Logger

from pomerium_tx.logout.target import Targets
from pomerium_tx.oidc.end_session import end_session_request
from pomerium_tx.oidc.fetch import ProviderUnavailable
from pomerium_tx.oidc.provider import Provider
from pomerium_tx.sessions.departure import Departure, Leg
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.store import OpLogout, StoreUnavailable
from pomerium_tx.web import html
from pomerium_tx.web.resource import Answer, html_answer, redirect

log = Logger()

_SETTLED = frozenset({OpLogout.CONFIRMED, OpLogout.RETURNED, OpLogout.NOT_SUPPORTED})
"""
At these OPs there is nothing left to ask for.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Onward:
    """
    Where the user agent goes from here: to *location*, or to *action* with a form where that is too long.
    """

    location: str = field(repr=False)
    is_provider: bool
    """
    Whether that is the OP, and not yet where the person wants to be.
    """
    action: str = ""
    fields: tuple[tuple[str, str], ...] | None = field(default=None, repr=False)


class RelyingPartyLogout:
    """
    Sends people on from an end that is recorded.
    """

    def __init__(
        self,
        *,
        registry: SessionRegistry,
        providers: Mapping[str, Provider],
        targets: Targets,
        signed_out_url: str,
    ) -> None:
        """
        :param targets: The rule in force now, which need not be the one of the time of the end.
        :param signed_out_url: The one ``post_logout_redirect_uri`` that is registered at each OP.
        """
        self._registry = registry
        self._providers = providers
        self._targets = targets
        self._signed_out_url = signed_out_url

    async def onward(
        self,
        departure: Departure,
        *,
        shown: Collection[int] = (),
        is_by_reference: bool = False,
        after: Leg | None = None,
        to: str | None = None,
    ) -> Onward:
        """
        The end-session endpoint of the next OP that is to be asked, or where the person wants to be if there is none.

        It ends nothing, and says the same as often as it is asked, until more is known.

        :param shown: The places of the legs whose sessions whoever goes there has shown. No OP is told whose session it
            was that they have not.
        :param is_by_reference: Whether whoever goes there has nothing to show but the departure's reference. Then the
            OP is not told whose session it was, and the ``state`` stands for nothing when it comes back.
        :param after: The leg that is done.
        :param to: The issuer of the one OP that the person wants to be led to.
        """
        if not departure.legs:
            # Of several browsers: it leads to no OP, and none was asked.
            await self._found_out(departure, "", OpLogout.UNCONFIRMED)
        for leg in self._ahead(departure, after, to):
            is_shown = departure.legs.index(leg) in shown
            onward = await self._to(departure, leg, is_shown=is_shown, is_by_reference=is_by_reference)
            if onward is not None:
                return onward
            if is_by_reference:
                # Whoever it is learns of one OP at most.
                break
        return Onward(location=self._targets.of(departure.target) or self._signed_out_url, is_provider=False)

    def _ahead(self, departure: Departure, after: Leg | None, to: str | None) -> Sequence[Leg]:
        legs = departure.legs
        if to is not None:
            return [leg for leg in legs if leg.iss == to]
        if after is not None:
            legs = legs[legs.index(after) + 1 :]
        receipt = self._registry.receipt(departure.receipt_id)
        ahead = [leg for leg in legs if receipt is None or receipt.op_logout_at(leg.iss) not in _SETTLED]
        # A sign-out that is complete is answered once more as it was in the beginning.
        return ahead if ahead or after is not None else legs[:1]

    async def _to(self, departure: Departure, leg: Leg, *, is_shown: bool, is_by_reference: bool) -> Onward | None:
        provider = self._providers.get(leg.idp_id)
        try:
            metadata = None if provider is None else await provider.metadata()
        except ProviderUnavailable as problem:
            log.warn("No logout at the OP {iss}: {reason}", iss=leg.iss, reason=problem.reason)
            metadata = None
        if provider is None or metadata is None:
            await self._found_out(departure, leg.iss, OpLogout.UNREACHABLE)
            return None
        request = end_session_request(
            metadata,
            provider.settings,
            id_token_hint=leg.id_token if is_shown and not is_by_reference else None,
            post_logout_redirect_uri=self._signed_out_url,
            state=hashlib.sha256(leg.state.encode()).hexdigest() if is_by_reference else leg.state,
        )
        if request is None:
            await self._found_out(departure, leg.iss, OpLogout.NOT_SUPPORTED)
            return None
        await self._found_out(departure, leg.iss, OpLogout.PENDING)
        if request.too_long:
            return Onward(location=request.url, is_provider=True, action=request.action, fields=request.fields)
        return Onward(location=request.url, is_provider=True)

    async def _found_out(self, departure: Departure, iss: str, op_logout: OpLogout) -> None:
        receipt = self._registry.receipt(departure.receipt_id)
        if receipt is None:
            return
        known = receipt.op_logout_at(iss)
        if known.releases_hold:
            return
        if op_logout is OpLogout.UNCONFIRMED and known is OpLogout.NOT_SUPPORTED:
            return
        # The person's click has given this logout up; who alternates between the two has nothing more written.
        if op_logout is OpLogout.PENDING and known is OpLogout.UNCONFIRMED:
            return
        try:
            await self._registry.op_logout(departure.receipt_id, op_logout, iss)
            # There is nobody whom revoking first could keep from telling the other relying parties.
            if op_logout is OpLogout.NOT_SUPPORTED:
                await self._registry.release_revocations(departure.receipt_id, iss)
        except StoreUnavailable:
            # The end is recorded; the person need not wait for a better receipt.
            log.warn("The receipt {id} does not say {op_logout}", id=departure.receipt_id, op_logout=op_logout.value)


def answer_onward(onward: Onward, headers: Sequence[tuple[str, str]], *, is_get: bool) -> Answer:
    """
    The redirect, or the form, that leads a user agent onward.
    """
    if onward.fields is not None:
        return html_answer(html.self_submitting(onward.action, onward.fields), headers=headers, self_submitting=True)
    return redirect(onward.location, status=302 if is_get and onward.is_provider else 303, headers=headers)
