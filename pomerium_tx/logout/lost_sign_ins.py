"""
The sign-ins under way that an end makes lose.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from pomerium_tx.sessions.tombstone import Tombstone, TombstoneKind

TOMBSTONE_LIFETIME = 600.0
"""
Seconds: longer than any sign-in or refresh can be under way.
"""

Name = tuple[TombstoneKind, str, str]
"""
Whom a tombstone names: the kind, the issuer (empty for a browser), the value.
"""


def tombstones_of(
    names: Iterable[Name], at: float, now: float, *, signed_in_until: float = inf
) -> tuple[Tombstone, ...]:
    """
    One for each of *names*: their sign-ins under way, if they began before *at*, must lose.
    """
    return tuple(
        Tombstone(
            kind=kind,
            iss=iss,
            value=value,
            at=at,
            signed_in_until=signed_in_until,
            expires=now + TOMBSTONE_LIFETIME,
        )
        for kind, iss, value in sorted(names)
    )
