"""
What a user agent is asked to forget of an application at a sign-out (W3C Clear Site Data).

The sign-out's own answer asks for everything that was chosen. It leads on to another page, and what a redirect asks for
leaves the page before it in the back/forward cache; so for ``cache`` the last page of the sign-out loads an image from
every such host, whose answer asks again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from urllib.parse import parse_qsl, urlencode, urlsplit

from twisted.internet.interfaces import IReactorTime

from pomerium_tx import paths
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.web.sealed import to_base64url
from pomerium_tx.web.signed_url import LEEWAY, LIFETIME, InvalidSignature, UrlSigner

SHOWN_FOR = 600.0
"""
Seconds after a sign-out in which its page still clears caches.
"""
USED_FOR = SHOWN_FOR + LIFETIME + 2 * LEEWAY
"""
Seconds for which a used image is remembered: until the last URL that the page has shown of it is good no more.
"""
MAX_IMAGES = 100

SiteData = Callable[[str], Collection[str]]
"""
From the external origin of a route host to what is to be forgotten of it: some of ``cache``, ``cookies``, ``storage``.
"""

_KINDS = ("cache", "cookies", "storage")
_IMAGE = "image"


def clear_site_data(kinds: Collection[str]) -> tuple[tuple[str, str], ...]:
    """
    The field that asks to forget *kinds*; none for none.
    """
    chosen = [f'"{kind}"' for kind in _KINDS if kind in kinds]
    return (("Clear-Site-Data", ", ".join(chosen)),) if chosen else ()


class ClearingImages:
    """
    Makes the URLs of these images, and knows them again, once for each end and host, however often they are made.
    """

    def __init__(
        self, *, registry: SessionRegistry, url_signer: UrlSigner, site_data: SiteData, clock: IReactorTime
    ) -> None:
        self._registry = registry
        self._url_signer = url_signer
        self._site_data = site_data
        self._clock = clock

    def urls(self, receipt: Receipt) -> tuple[str, ...]:
        """
        One for each host that the ended sessions were used on and whose cache is to be cleared.

        Whoever sees them learns these hosts, so they are for the person of the sessions only.
        """
        now = self._clock.seconds()
        if now >= receipt.time + SHOWN_FOR:
            return ()
        origins = [origin for origin in dict.fromkeys(receipt.routes) if "cache" in self._site_data(origin)]
        return tuple(self._url(receipt, origin, now) for origin in origins[:MAX_IMAGES])

    async def use(self, origin: str, url: str) -> bool:
        """
        Whether *url* is one of these, for the host at *origin*, and nobody has used that image before.

        :raises StoreUnavailable: If the use cannot be recorded.
        """
        now = self._clock.seconds()
        try:
            self._url_signer.verify(url, now)
        except InvalidSignature:
            return False
        names = [value for name, value in parse_qsl(urlsplit(url).query) if name == _IMAGE]
        if len(names) != 1 or "cache" not in self._site_data(origin):
            return False
        return await self._registry.use_once(f"clear-cache/{names[0]}", now + USED_FOR)

    def _url(self, receipt: Receipt, origin: str, now: float) -> str:
        place = f"{origin}{paths.CLEAR_CACHE}"
        # Every process makes the same of one end and host, and nobody else can make it, who knows the receipt's id.
        ours = self._url_signer.sign(f"{place}?{urlencode({_IMAGE: receipt.id})}", 0.0)
        image = to_base64url(hashlib.sha256(ours.encode()).digest()[:16])
        return self._url_signer.sign(f"{place}?{urlencode({_IMAGE: image})}", now)


def origins_of(urls: Collection[str]) -> tuple[str, ...]:
    """
    The origins of absolute URLs, each once.
    """
    parts = (urlsplit(url) for url in urls)
    return tuple(dict.fromkeys(f"{part.scheme}://{part.netloc}" for part in parts))
