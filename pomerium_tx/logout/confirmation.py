"""
A sign-out that a person has yet to confirm, sealed for the way from a route host to the authenticate host.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from pomerium_tx.web.sealed import Sealer

LIFETIME = 600.0

_PURPOSE = "sign-out confirmation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """
    What happens if the person says yes.
    """

    id: str
    session_ids: tuple[str, ...]
    target: str | None
    expires: float


class Confirmations:
    """
    Makes and reads sealed confirmations.
    """

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def seal(self, session_ids: Iterable[str], target: str | None, now: float) -> str:
        """
        A reference that stands for these sessions until it is confirmed or too old.
        """
        content = {
            "id": secrets.token_urlsafe(16),
            "sessions": list(session_ids),
            "target": target,
            "expires": now + LIFETIME,
        }
        return self._sealer.seal(_PURPOSE, json.dumps(content).encode())

    def open(self, reference: str | None, now: float) -> Confirmation | None:
        """
        What a reference stands for, or ``None`` if it is not ours or too old.
        """
        plaintext = None if not reference else self._sealer.open(_PURPOSE, reference)
        if plaintext is None:
            return None
        content = json.loads(plaintext)
        if content["expires"] < now:
            return None
        return Confirmation(
            id=content["id"],
            session_ids=tuple(content["sessions"]),
            target=content["target"],
            expires=content["expires"],
        )
