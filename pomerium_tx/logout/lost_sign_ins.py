"""
The sign-ins under way that an end makes lose.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from pomerium_tx.sessions.tombstone import Tombstone, TombstoneKind

LIFETIME = 600.0
"""
Seconds: longer than any sign-in or refresh can be under way.
"""
TOKEN_LIFETIME = 86_400.0
"""
The same where tokens are accepted that were issued before a sign-out and are presented for the first time after it.
"""

Name = tuple[TombstoneKind, str, str]
"""
Whom a tombstone names: the kind, the issuer (empty for a browser), the value.
"""


def tombstones_of(
    names: Iterable[Name], now: float, *, signed_in_until: float = inf, lifetime: float = LIFETIME
) -> tuple[Tombstone, ...]:
    """
    One for each of *names*: their sign-ins under way, if they began before *now*, must lose.

    :param lifetime: Of those that name a person, and not a browser.
    """
    return tuple(
        Tombstone(
            kind=kind,
            iss=iss,
            value=value,
            at=now,
            signed_in_until=signed_in_until,
            expires=now + (LIFETIME if kind == "browser" else lifetime),
        )
        for kind, iss, value in sorted(names)
    )
