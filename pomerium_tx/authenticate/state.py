"""
The ``state`` of an Authentication Request: a sign-in under way, sealed, so that any process can finish it.

OpenID Connect Core 1.0, section 3.1.2.1. The visible part has Pomerium's shape; the rest only we can read. It is bound
to the user agent by a digest of the secret in its CSRF cookie, and to a time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from pomerium_tx.web.sealed import Sealer, from_base64url, to_base64url

LIFETIME = 300.0
"""
Seconds for which a sign-in may be under way.
"""
MAX_LENGTH = 16_384

_PURPOSE = "state"
_SEPARATORS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """
    A sign-in under way.
    """

    id: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(16))
    issued: float
    nonce: str = field(repr=False)
    browser: str
    idp_id: str
    return_url: str
    """
    Where the person goes once signed in.
    """
    uses_pkce: bool
    binding: str = field(repr=False)
    """
    A digest of the CSRF secret of the user agent that began.
    """
    clicked: float | None = None
    """
    When the person asked to sign in although they had signed out; every sign-out up to then holds it no more.
    """

    asks: bool = False
    """
    Whether the OP was told to ask the person who they are, be they signed in there or not.
    """

    def is_bound_to(self, csrf_secrets: Iterable[bytes]) -> bool:
        """
        Whether the user agent that has these secrets began it.
        """
        return any(hmac.compare_digest(self.binding, binding_of(secret)) for secret in csrf_secrets)

    def is_held_by(self, signed_out: float) -> bool:
        """
        Whether a hold that is in force, of a sign-out at that time, keeps it from coming to its end.
        """
        return self.clicked is None or self.clicked < signed_out

    def is_current(self, now: float) -> bool:
        """
        Whether it is neither too old nor from the future.
        """
        return abs(now - self.issued) <= LIFETIME

    @property
    def once(self) -> str:
        """
        The key of its single use.
        """
        return f"state/{self.id}"


def binding_of(csrf_secret: bytes) -> str:
    """
    What a state shows of the secret: enough to compare, nothing to use.
    """
    return base64.b64encode(hashlib.sha256(b"state " + csrf_secret).digest()).decode("ascii")


class States:
    """
    Seals and opens them.
    """

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def seal(self, state: State) -> str:
        """
        The ``state`` parameter.
        """
        # The third place is Pomerium's for a trace id.
        prefix = f"{state.binding}|{int(state.issued)}||".encode()
        content = {
            "id": state.id,
            "issued": state.issued,
            "nonce": state.nonce,
            "browser": state.browser,
            "idp_id": state.idp_id,
            "return_url": state.return_url,
            "pkce": state.uses_pkce,
            "clicked": state.clicked,
            "asks": state.asks,
        }
        sealed = from_base64url(self._sealer.seal(_PURPOSE, json.dumps(content).encode(), associated=prefix))
        assert sealed is not None
        return base64.urlsafe_b64encode(prefix + sealed).decode("ascii")

    def open(self, value: str) -> State | None:
        """
        The sign-in that a ``state`` parameter stands for, or ``None`` if it is not ours.
        """
        if len(value) > MAX_LENGTH:
            return None
        try:
            octets = base64.b64decode(value.encode("ascii"), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        # One state has one spelling: the last character can have bits that count for nothing.
        if base64.urlsafe_b64encode(octets) != value.encode("ascii"):
            return None
        pieces = octets.split(b"|", _SEPARATORS)
        if len(pieces) != _SEPARATORS + 1:
            return None
        sealed = pieces.pop()
        plaintext = self._sealer.open(_PURPOSE, to_base64url(sealed), associated=b"|".join([*pieces, b""]))
        if plaintext is None:
            return None
        content = json.loads(plaintext)
        return State(
            id=content["id"],
            issued=content["issued"],
            nonce=content["nonce"],
            browser=content["browser"],
            idp_id=content["idp_id"],
            return_url=content["return_url"],
            uses_pkce=content["pkce"],
            binding=pieces[0].decode("ascii"),
            clicked=content.get("clicked"),
            asks=content.get("asks", False),
        )
