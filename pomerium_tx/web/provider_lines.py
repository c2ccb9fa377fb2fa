"""
What is true of each OP after a sign-out that concerned several, one line each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from twisted.web.template import tags

from pomerium_tx.web.page_frame import safe_href

if TYPE_CHECKING:
    from twisted.web.template import Flattenable

_STILL = "you may still be signed in there."
_OUTCOMES: Mapping[str, str] = {
    "confirmed": "has confirmed that you are signed out there.",
    "returned": "has sent you back from its own sign-out.",
    "not_supported": f"has no sign-out, so {_STILL}",
    "unconfirmed": f"did not confirm it, so {_STILL}",
    "unreachable": f"could not be reached, so {_STILL}",
    "pending": f"was not heard of yet, so {_STILL}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderLine:
    """
    One OP.
    """

    name: str
    outcome: str
    """
    As a receipt says it.
    """
    sign_out_url: str | None = field(default=None, repr=False)
    """
    The way there, if the person can still be led.
    """


def provider_lines(lines: Sequence[ProviderLine]) -> Flattenable:
    """
    The lines as a list; nothing where there are none.
    """
    return tags.ul(*map(_line, lines)) if lines else ""


def _line(line: ProviderLine) -> Flattenable:
    href = None if line.sign_out_url is None else safe_href(line.sign_out_url)
    button: tuple[Flattenable, ...] = () if href is None else (" ", tags.a("Sign out there too", href=href))
    return tags.li(tags.code(line.name), " ", _OUTCOMES.get(line.outcome, f"says nothing, so {_STILL}"), *button)
