"""
How bytes may be cut on their way, and what must not depend on it.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Iterable, Iterator

MOST_ONE_BY_ONE = 4_096
"""
Longer input is not cut into single bytes.
"""


def ways(octets: bytes) -> Iterator[list[bytes]]:
    """
    *octets* at once, byte by byte, and twice in pieces of random sizes: the same for the same octets.
    """
    yield [octets]
    if len(octets) <= MOST_ONE_BY_ONE:
        yield [octets[place : place + 1] for place in range(len(octets))]
    chance = random.Random(zlib.crc32(octets))
    for longest in (5, 200):
        pieces, rest = [], octets
        while rest:
            size = chance.randint(1, longest)
            pieces.append(rest[:size])
            rest = rest[size:]
        yield pieces


def same_every_way(octets: bytes, read: Callable[[Iterable[bytes]], list[object]]) -> list[object]:
    """
    What *read* makes of *octets*, however they are cut.
    """
    whole: list[object] | None = None
    for pieces in ways(octets):
        found = read(pieces)
        if whole is None:
            whole = found
        assert found == whole, f"cut into {len(pieces)}: {found!r}, at once: {whole!r}"
    assert whole is not None
    return whole


def lines_of(octets: bytes, number: int) -> list[bytes]:
    """
    The first lines of *octets*, up to the bare LF after each, and the rest: *number* parts in all.
    """
    parts = octets.split(b"\n", number - 1)
    return parts + [b""] * (number - len(parts))
