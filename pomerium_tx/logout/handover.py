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
PROGRAMMATIC = "pomerium_programmatic"
"""
``true`` where a program wants the session handle.
"""
CALLBACK_URI = "pomerium_callback_uri"
"""
Where on the route host the handle is handed over, with a query of its own.
"""
ADDITIONAL_HOSTS = "pomerium_additional_hosts"
"""
Further hosts to which the user agent is signed in on the way, separated by commas.
"""
ADDITIONAL_LOGINS = "pomerium_additional_logins"
"""
What `LOGIN` is for each of those, in their order.
"""
VISIT = "pomerium_visit"
"""
The origins, separated by spaces, at which the user agent has yet to get a login cookie.
"""
ENDED = "pomerium_ended"
"""
Names an end that is already recorded.
"""
OTHER_PROVIDER = "pomerium_other_idp_id"
"""
Names a further OP at which the person may still be signed in.
"""
LEG = "pomerium_leg"
"""
Names, by its place, the one OP that the person wants to be led to from an end that is already recorded.
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
    further: tuple[tuple[str, str], ...] = field(repr=False, default=())
    """
    The further hosts that follow: the origin of each, and what *login* is there.
    """
    is_further: bool = False
    """
    Whether it is for one of them, and the person wants to be somewhere else.
    """


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
        content = {
            "handle": handover.handle,
            "login": handover.login,
            "further": handover.further,
            "is_further": handover.is_further,
        }
        return self._sealer.seal(_PURPOSE, json.dumps(content).encode())

    def open(self, value: str) -> Handover | None:
        """
        The handover in a parameter, or ``None`` if we did not seal it.
        """
        plaintext = self._sealer.open(_PURPOSE, value)
        if plaintext is None:
            return None
        content = json.loads(plaintext)
        return Handover(
            handle=content["handle"],
            login=content["login"],
            further=tuple((origin, login) for origin, login in content["further"]),
            is_further=content["is_further"],
        )


def login_digest(cookie_value: str) -> str:
    """
    What a URL shows of the login cookie: enough to compare, nothing to use.
    """
    return to_base64url(hashlib.sha256(cookie_value.encode()).digest())
