"""
What the authenticate host and the route hosts say to each other in URLs, at sign-in and at sign-out alike.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from pomerium_tx.web.sealed import Sealer, to_base64url

REDIRECT_URI = "pomerium_redirect_uri"
"""
Where the person wants to be.
"""
IDP_ID = "pomerium_idp_id"
"""
The OP that a route wants people from.
"""
LOGIN = "pomerium_login"
"""
A digest of the cookie that the route host gave to the user agent when the sign-in began.
"""
SESSION_ENCRYPTED = "pomerium_session_encrypted"
"""
A sealed `Handover`.
"""
ENDED = "pomerium_ended"
"""
Names an end that is already recorded.
"""
OTHER_PROVIDER = "pomerium_other_idp_id"
"""
Names a further OP at which the person may still be signed in.
"""
CLEARED = "pomerium_cleared"
"""
Says that the user agent was asked to forget the cookies of the whole site, so that it may come without any.
"""
CONFIRM = "pomerium_confirm"
"""
A sealed `Confirmation`.
"""
PRESENTED = "pomerium_presented"
"""
A sealed `Confirmation` that needs no yes: a route host was asked to sign out by whoever has the handles of these
sessions, and none of them was left to end.
"""

_PURPOSE = "session"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """
    A session handle on its way to a route host, for the user agent that began to sign in there.
    """

    handle: str = field(repr=False)
    login: str = field(repr=False)


class Handovers:
    """
    Seals and opens them.
    """

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def seal(self, handover: Handover) -> str:
        """
        The handover as a parameter.
        """
        content = {"handle": handover.handle, "login": handover.login}
        return self._sealer.seal(_PURPOSE, json.dumps(content).encode())

    def open(self, value: str) -> Handover | None:
        """
        The handover in a parameter, or ``None`` if we did not seal it.
        """
        plaintext = self._sealer.open(_PURPOSE, value)
        if plaintext is None:
            return None
        content = json.loads(plaintext)
        return Handover(handle=content["handle"], login=content["login"])


def login_digest(cookie_value: str) -> str:
    """
    What a URL shows of the login cookie: enough to compare, nothing to use.
    """
    return to_base64url(hashlib.sha256(cookie_value.encode()).digest())
