"""
What a fire drill came to (`pomerium_tx.drill`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pomerium_tx.sessions.receipt import Receipt

_SIGNED_OUT: Final = 4401
"""
The close code that pages with a WebSocket are promised.
"""


class DrillFailed(Exception):
    """
    The drill did not come so far that anything was measured. The message is for the operator.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillReport:
    """
    What the end of the drill's session came to.
    """

    cut_after: Mapping[str, float | None]
    """
    Seconds from the end until its reader knew, by kind; None where it never did.
    """
    answered_after: float
    """
    Seconds until the end was answered.
    """
    close_code: int | None
    """
    What the page with the WebSocket saw.
    """
    refused_after: bool
    """
    Whether a kept connection with the old cookie was refused after the end.
    """
    receipt: Receipt

    @property
    def is_passed(self) -> bool:
        """
        Whether everything was cut, said, counted and refused as it has to be.
        """
        counted = self.receipt.exchanges_cut
        return (
            bool(self.cut_after)
            and None not in self.cut_after.values()
            and self.close_code == _SIGNED_OUT
            and self.refused_after
            and all(counted[kind] == 1 for kind in self.cut_after)
        )

    def as_json(self) -> dict[str, object]:
        """
        The same for a program, with times in milliseconds.
        """
        return {
            "passed": self.is_passed,
            "cut_after_ms": {kind: _milliseconds(after) for kind, after in self.cut_after.items()},
            "answered_after_ms": _milliseconds(self.answered_after),
            "websocket_close_code": self.close_code,
            "old_cookie_refused": self.refused_after,
            "receipt": self.receipt.as_json(with_routes=False),
        }


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
