"""
How much is remembered.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    How many things of each kind are remembered at most.
    """

    receipts: int = 200_000
    departures: int = 50_000
    tombstones: int = 100_000
    outside_tombstones: int = 10_000
    """
    Those that anybody on the network can have set, since no proof is asked for in the front channel.
    """
    recent: int = 100_000
    """
    Names that sessions got lately.
    """
    once: int = 200_000
    """
    Used values of each kind.
    """
    jtis: int = 100_000
    notices: int = 100_000
    """
    Applications that have yet to be told of an end.
    """
    seen: int = 200_000
    """
    Last uses of sessions that are kept for whoever joins later.
    """
