"""
The authenticate host's sign-out, as route hosts send people to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlencode, urlsplit

from pomerium_tx import paths
from pomerium_tx.logout.handover import CLEARED, CONFIRM, ENDED, LEG, OTHER_PROVIDER, PRESENTED, REDIRECT_URI
from pomerium_tx.oidc.metadata import is_loopback
from pomerium_tx.sessions.departure import DEPARTURE_LIFETIME
from pomerium_tx.web.signed_url import UrlSigner


class SignOutUrls:
    """
    Writes these URLs.
    """

    def __init__(self, signer: UrlSigner, authenticate_origin: str) -> None:
        self._signer = signer
        self._sign_out = authenticate_origin + paths.SIGN_OUT
        self.signed_out = authenticate_origin + paths.SIGNED_OUT
        """
        The one ``post_logout_redirect_uri``.
        """

    def ended(self, reference: str, other_idp_ids: Iterable[str], now: float, *, cookies_cleared: bool = False) -> str:
        """
        On from an end that is recorded under *reference*, for as long as it can be looked up there.

        :param cookies_cleared: Whether the user agent has been asked to forget its cookies.
        """
        query = [(ENDED, reference), *((OTHER_PROVIDER, idp_id) for idp_id in other_idp_ids)]
        if cookies_cleared:
            query.append((CLEARED, "1"))
        return self._signer.sign(f"{self._sign_out}?{urlencode(query)}", now, int(DEPARTURE_LIFETIME))

    def leg(self, reference: str, number: int, now: float) -> str:
        """
        On from an end that is recorded under *reference* to one of the OPs that it leads to.
        """
        query = urlencode([(ENDED, reference), (LEG, number)])
        return self._signer.sign(f"{self._sign_out}?{query}", now, int(DEPARTURE_LIFETIME))

    def nothing_ended(self, target: str | None, now: float, presented: str | None = None) -> str:
        """
        On from a request that named no live session. It carries no authority over any.

        :param presented: A sealed confirmation of the sessions that it did name.
        """
        pairs = ((REDIRECT_URI, target), (PRESENTED, presented))
        query = urlencode([(name, value) for name, value in pairs if value is not None])
        return self._signer.sign(f"{self._sign_out}?{query}" if query else self._sign_out, now)

    def confirmation(self, reference: str) -> str:
        """
        To the page that asks the person.
        """
        return f"{self._sign_out}?{urlencode({CONFIRM: reference})}"


def sends_fetch_metadata(origin: str) -> bool:
    """
    Whether user agents say to this origin who makes a request: https, or a loopback name.
    """
    parts = urlsplit(origin)
    return parts.scheme == "https" or is_loopback(parts.hostname or "")
