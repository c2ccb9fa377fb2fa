"""
The cookie that carries a session handle: set and cleared with the very same attributes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pomerium_tx.web.cookies import clear_cookie, family_pairs, set_cookie

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
    plain_idp_id: str = ""
    """
    The client at an OP whose sessions are in the cookie of this very name; those of another are in one of their own, so
    that a host can have both. Empty: of any.
    """

    def of(self, idp_id: str) -> CookieSettings:
        """
        The same for sessions of one client at an OP.
        """
        if self.plain_idp_id in ("", idp_id):
            return self
        return replace(self, name=f"{self.name}_{idp_id[:16]}")

    def named(self, name: str) -> CookieSettings:
        """
        The same for the cookie of that name.
        """
        return replace(self, name=name)

    def pairs(self, cookie_headers: Iterable[bytes]) -> list[tuple[str, bytes]]:
        """
        The names and values of all cookies with session handles that the ``Cookie`` fields bring.
        """
        return [
            (name.decode("ascii"), value) for name, value in family_pairs(cookie_headers, self.name.encode("ascii"))
        ]

    def clear_all(self, cookie_headers: Iterable[bytes]) -> list[str]:
        """
        The ``Set-Cookie`` values that take them all away, the one of this very name whether it was brought or not.
        """
        names = dict.fromkeys((self.name, *(name for name, _ in self.pairs(cookie_headers))))
        return [self.named(name).clear() for name in names]

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
