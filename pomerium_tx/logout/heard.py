"""
What OPs have said by their logout channels lately, for whoever looks into it; nothing is decided by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pomerium_tx.sessions.store import Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """
    One logout that an OP has asked for.
    """

    iss: str
    channel: Cause
    """
    ``front_channel`` or ``back_channel``.
    """
    at: float
    sessions_ended: int = 0
    refused: str | None = None
    """
    Why it was not believed, if it was not; then anybody may have said it.
    """

    def as_json(self) -> dict[str, object]:
        """
        The same for a program.
        """
        return {"at": self.at, "sessions_ended": self.sessions_ended, "refused": self.refused}


Hear = Callable[[Heard], object]
"""
Is told each.
"""


class LastHeard:
    """
    The last logout of each OP and channel that was believed, and the last that was not.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[str, Cause, bool], Heard] = {}

    def note(self, heard: Heard) -> None:
        """
        Remember *heard* in the place of the one before. Its issuer must be a configured one, so that they are few.
        """
        self._last[heard.iss, heard.channel, heard.refused is None] = heard

    def believed(self, iss: str, channel: Cause) -> Heard | None:
        """
        The last that was believed.
        """
        return self._last.get((iss, channel, True))

    def refused(self, iss: str, channel: Cause) -> Heard | None:
        """
        The last that was not, if it is later.
        """
        refused, believed = self._last.get((iss, channel, False)), self.believed(iss, channel)
        return None if refused is None or (believed is not None and believed.at > refused.at) else refused

    def keep(self, issuers: Iterable[str]) -> None:
        """
        Forget what others than these have said.
        """
        known = frozenset(issuers)
        self._last = {key: heard for key, heard in self._last.items() if key[0] in known}
