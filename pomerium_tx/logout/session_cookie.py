"""
The cookie that carries a session handle: set and cleared with the very same attributes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pomerium_tx.web.cookies import clear_cookie, set_cookie

AUTHENTICATE_SUFFIX = "_authenticate"


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieSettings:
    """
    The ``cookie_*`` options.
    """

    name: str = "_pomerium"
    domain: str | None = None
    http_only: bool = True
    same_site: str | None = None
    lifetime: float = 14 * 3600.0
    """
    Seconds: of the cookie, and of the session that it names.
    """

    @property
    def on_authenticate(self) -> CookieSettings:
        """
        The same for the authenticate host's own session cookie.

        Never ``Strict``: people get there from the OP and by way of other sites, and without it would sign in for ever.
        """
        return replace(self, name=self.name + AUTHENTICATE_SUFFIX, same_site=self.crossing_same_site)

    @property
    def is_strict(self) -> bool:
        """
        Whether the cookie stays away from requests that another site has brought about, by redirects too.
        """
        return (self.same_site or "").lower() == "strict"

    @property
    def crossing_same_site(self) -> str | None:
        """
        ``SameSite`` for the cookies of a sign-in under way: they must come along when the OP sends the person back.
        """
        return "lax" if self.is_strict else self.same_site

    def set(self, handle: str, now: float) -> str:
        """
        The ``Set-Cookie`` value that gives a user agent its session handle.
        """
        return set_cookie(
            self.name,
            handle,
            domain=self.domain,
            expires=now + self.lifetime,
            http_only=self.http_only,
            same_site=self.same_site,
        )

    def clear(self) -> str:
        """
        The ``Set-Cookie`` value that takes it away.
        """
        return clear_cookie(
            self.name, path="/", domain=self.domain, secure=True, http_only=self.http_only, same_site=self.same_site
        )
