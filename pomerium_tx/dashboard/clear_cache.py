"""
``/.pomerium/clear_cache`` on a route host: the image by which a page of the authenticate host has the cache cleared.
"""

from __future__ import annotations

import base64
from typing import ClassVar

from pomerium_tx.logout.site_data import ClearingImages, clear_site_data
from pomerium_tx.sessions.store import StoreUnavailable
from pomerium_tx.web.resource import Answer, HttpProblem, Page, PageRequest

_PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""
A GIF of one transparent pixel.
"""


class ClearCachePage(Page):
    """
    Asks the user agent to clear its cache, once for every URL that we signed, and is not there otherwise.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("GET",)

    def __init__(self, images: ClearingImages) -> None:
        super().__init__()
        self._images = images

    async def answer(self, request: PageRequest) -> Answer:
        """
        The image.
        """
        try:
            is_ours = await self._images.use(request.origin, request.url)
        except StoreUnavailable:
            raise HttpProblem(503, "This cannot be recorded just now.") from None
        if not is_ours:
            raise HttpProblem(404, "This address belongs to the access proxy, and there is nothing at it any more.")
        headers = (
            ("Content-Type", "image/gif"),
            *clear_site_data(("cache",)),
            # It is for a page of another origin, wherever that may be.
            ("Cross-Origin-Resource-Policy", "cross-origin"),
        )
        return Answer(headers=headers, body=_PIXEL)
