"""
Everything that is fuzzed, by name.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.fuzz import (
    addresses,
    certificates,
    configuration,
    cookies,
    forwarded,
    provider,
    redirects,
    sealed,
    tokens,
    wire,
)

Check = Callable[[bytes], None]

CORPUS = Path(__file__).with_name("corpus")
FAMILIES = (addresses, certificates, configuration, cookies, forwarded, provider, redirects, sealed, tokens, wire)
TARGETS: dict[str, Check] = {
    name.removeprefix("check_"): check
    for family in FAMILIES
    for name, check in vars(family).items()
    if name.startswith("check_") and check.__module__ == family.__name__
}


def kept(target: str) -> list[Path]:
    """
    The inputs for *target* that are kept.
    """
    return sorted(path for path in (CORPUS / target).glob("*") if path.is_file())
