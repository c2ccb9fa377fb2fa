"""
Where a person lands after signing out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from pomerium_tx.logout.handover import REDIRECT_URI
from pomerium_tx.web.redirect_target import origin_of
from pomerium_tx.web.resource import PageRequest


def wanted_target(request: PageRequest) -> str | None:
    """
    What a request asks for; of several nobody knows which one was meant, so that none is.
    """
    values = request.values(REDIRECT_URI)
    return values[0] if len(values) == 1 else None


class Targets:
    """
    The rule by which a wanted ``pomerium_redirect_uri`` is honoured or ignored, one and the same on every host.
    """

    def __init__(
        self,
        *,
        serves_origin: Callable[[str], bool],
        origins: Collection[str],
        any_absolute: bool,
        default: str | None,
    ) -> None:
        """
        :param serves_origin: Whether a URL's origin is that of a configured route.
        :param origins: Origins that are named: those of routes, the authenticate host's, and those of
            ``sign_out_redirect_allowlist``.
        :param any_absolute: The runtime flag ``allow_any_sign_out_redirect_uri``.
        :param default: ``signout_redirect_url``. Its origin is allowed too.
        """
        self._serves_origin = serves_origin
        self._origins = frozenset(origins)
        self._any_absolute = any_absolute
        self._default = default
        default_origin = None if default is None else origin_of(default)
        if default_origin is not None:
            self._origins |= {default_origin}

    def of(self, wanted: str | None, *, asked_at: str | None = None) -> str | None:
        """
        Where to go, or ``None`` for the page that says that the person is signed out.

        :param wanted: What the request asks for: anything at all.
        :param asked_at: The origin that the request came to; None for what was honoured before.
        """
        if wanted:
            origin = origin_of(wanted)
            if origin is not None and (
                self._any_absolute or origin in self._origins or self._is_of_route(origin, asked_at)
            ):
                return wanted
        return self._default

    def _is_of_route(self, origin: str, asked_at: str | None) -> bool:
        # A route whose configuration names no port is served at whichever port leads here. What listens at another
        # port of its host than the person has come to may be anybody's.
        is_elsewhere = asked_at is not None and _port(origin) not in ("", _port(asked_at))
        return not is_elsewhere and self._serves_origin(origin + "/")


def _port(origin: str) -> str:
    return re.search(r"(?::([0-9]+))?$", origin)[1] or ""  # type: ignore[index] # it matches at every end
