"""
How hypothesis runs here: the same examples each time, as many as fit into the time of a test run.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Octets = st.SearchStrategy[bytes]
Test = Callable[..., None]


def fuzzed(octets: Octets, examples: int = 300) -> Callable[[Test], Test]:
    """
    A test that is given *octets*.
    """

    def decorated(test: Test) -> Test:
        chosen = settings(
            max_examples=examples,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        return chosen(given(octets)(test))

    return decorated


def words(*choices: str | bytes) -> Octets:
    """
    One of *choices*.
    """
    return st.sampled_from([choice.encode("latin-1") if isinstance(choice, str) else choice for choice in choices])


def joined(parts: Octets, *, most: int, between: bytes = b"", least: int = 0) -> Octets:
    """
    Several *parts* in a row.
    """
    return st.lists(parts, min_size=least, max_size=most).map(between.join)


@st.composite
def damaged(draw: st.DrawFn, good: Octets) -> bytes:
    """
    What *good* makes, half of the time with an octet or two changed, added or lost.
    """
    octets = draw(good)
    for _ in range(draw(st.sampled_from((0, 0, 1, 2)))):
        place = draw(st.integers(0, len(octets)))
        noise = draw(st.sampled_from((b"", b"\r", b"\n", b"\r\n", b"\0", b" ", b"\t", b":", b"%", b"/", b".", b"\xff")))
        octets = octets[:place] + noise + octets[place + draw(st.integers(0, 1)) :]
    return octets


def lines(*parts: Octets) -> Octets:
    """
    Each part on a line.
    """
    return st.tuples(*parts).map(b"\n".join)
