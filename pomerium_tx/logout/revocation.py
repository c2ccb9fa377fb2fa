"""
The tokens that OPs are still to forget: Token Revocation, RFC 7009.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from twisted.logger import Logger

from pomerium_tx.logout.owed_work import NotTaken, Terms
from pomerium_tx.oidc.fetch import ProviderUnavailable
from pomerium_tx.oidc.provider import Provider
from pomerium_tx.oidc.provider_settings import Revocation
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.store import UNTIL_PROVEN, OwedRevocation

log = Logger()


class Revocations:
    """
    The work of an outbox: tokens are revoked at their OP.
    """

    kind = "revocation"
    at_once_each = 6

    def __init__(self, *, registry: SessionRegistry, providers: Mapping[str, Provider]) -> None:
        """
        :param providers: Those that are there at the time of each attempt, by id.
        """
        self._registry = registry
        self._providers = providers

    def owed(self) -> Iterable[OwedRevocation]:
        """
        What the registry says is owed, and not only if an end is proven.
        """
        return [one for one in self._registry.owed() if one.not_before != UNTIL_PROVEN]

    def subscribe(self, callback: Callable[[], object]) -> Callable[[], None]:
        """
        Have *callback* told when more is owed.
        """
        return self._registry.subscribe_owed(callback)

    def terms(self, owed: OwedRevocation) -> Terms:
        """
        Not before its time; all that one OP is owed belongs together.
        """
        provider = self._providers.get(owed.idp_id)
        return Terms(
            owed_id=owed.id,
            party=owed.idp_id if provider is None else provider.settings.issuer,
            not_before=owed.not_before,
            attempts=owed.attempts,
        )

    async def attempt(self, owed: OwedRevocation) -> None:
        """
        The OP has been told to forget the tokens, in their order.

        :raises NotTaken: If it cannot be told now.
        """
        provider = self._providers.get(owed.idp_id)
        if provider is None:
            log.warn("Nobody can revoke {id}: its OP is not configured any more", id=owed.id)
            return
        if provider.settings.revocation is Revocation.LAST_SESSION and self._has_session(provider, owed.sub):
            # Whoever ends the last one revokes that one's tokens, and with them the grant, which these are part of.
            log.info("The revocation {id} is not needed: the person has another session", id=owed.id)
            return
        try:
            for hint, token in owed.tokens:
                await provider.revoke(token, hint)
        except ProviderUnavailable as problem:
            log.warn("The revocation {id} has to wait: {reason}", id=owed.id, reason=problem.reason)
            raise NotTaken(problem.reason, is_in_trouble=True) from None

    def _has_session(self, provider: Provider, sub: str) -> bool:
        sessions = map(self._registry.known, self._registry.by_sub(provider.settings.issuer, sub))
        return any(session is not None and session.idp_id == provider.idp_id for session in sessions)

    async def done(self, owed: OwedRevocation, attempts: int) -> None:
        """
        The registry knows that it is not owed any more.

        :raises StoreUnavailable: If that cannot be recorded.
        """
        await self._registry.revocation_done(owed.id, attempts)
