"""
The way to the OP's own logout: OpenID Connect RP-Initiated Logout 1.0, section 2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from twisted.logger import Logger

from pomerium_tx.logout.target import Targets
from pomerium_tx.oidc.end_session import end_session_request
from pomerium_tx.oidc.fetch import ProviderUnavailable
from pomerium_tx.oidc.provider import Provider
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.store import Departure, OpLogout, StoreUnavailable

log = Logger()


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

    async def onward(self, departure: Departure, *, is_by_reference: bool = False) -> Onward:
        """
        The OP's end-session endpoint, or where the person wants to be if the OP cannot be asked.

        It ends nothing, and says the same as often as it is asked.

        :param is_by_reference: Whether whoever goes there has nothing to show but the departure's reference. Then the
            OP is not told whose session it was, and the ``state`` stands for nothing when it comes back.
        """
        if not departure.idp_id:
            # Of several browsers: it leads to no OP, and none was asked.
            await self._found_out(departure, OpLogout.UNCONFIRMED)
            return self._home(departure)
        provider = self._providers.get(departure.idp_id)
        try:
            metadata = None if provider is None else await provider.metadata()
        except ProviderUnavailable as problem:
            log.warn("No logout at the OP: {reason}", reason=problem.reason)
            metadata = None
        if provider is None or metadata is None:
            await self._found_out(departure, OpLogout.UNREACHABLE)
            return self._home(departure)
        request = end_session_request(
            metadata,
            provider.settings,
            id_token_hint=None if is_by_reference else departure.id_token,
            post_logout_redirect_uri=self._signed_out_url,
            state=hashlib.sha256(departure.state.encode()).hexdigest() if is_by_reference else departure.state,
        )
        if request is None:
            await self._found_out(departure, OpLogout.NOT_SUPPORTED)
            return self._home(departure)
        await self._found_out(departure, OpLogout.PENDING)
        if request.too_long:
            return Onward(location=request.url, is_provider=True, action=request.action, fields=request.fields)
        return Onward(location=request.url, is_provider=True)

    def _home(self, departure: Departure) -> Onward:
        return Onward(location=self._targets.of(departure.target) or self._signed_out_url, is_provider=False)

    async def _found_out(self, departure: Departure, op_logout: OpLogout) -> None:
        receipt = self._registry.receipt(departure.receipt_id)
        if receipt is None or receipt.op_logout.releases_hold:
            return
        if op_logout is OpLogout.UNCONFIRMED and receipt.op_logout is OpLogout.NOT_SUPPORTED:
            return
        # The person's click has given this logout up; who alternates between the two has nothing more written.
        if op_logout is OpLogout.PENDING and receipt.op_logout is OpLogout.UNCONFIRMED:
            return
        try:
            await self._registry.op_logout(departure.receipt_id, op_logout)
            # There is nobody whom revoking first could keep from telling the other relying parties.
            if op_logout is OpLogout.NOT_SUPPORTED:
                await self._registry.release_revocations(departure.receipt_id)
        except StoreUnavailable:
            # The end is recorded; the person need not wait for a better receipt.
            log.warn("The receipt {id} does not say {op_logout}", id=departure.receipt_id, op_logout=op_logout.value)
