"""
Tokens that only our own pages can know, bound to a cookie and to a session.
"""

from __future__ import annotations

import hmac
import os
from typing import TYPE_CHECKING

from pomerium_tx.web.sealed import from_base64url, purpose_key, to_base64url

if TYPE_CHECKING:
    from collections.abc import Iterable

FIELD = "_pomerium_csrf"
"""
The parameter in which a form sends the token.
"""

HEADER = "X-CSRF-Token"
"""
The field in which a script sends the token, and in which it gets it.
"""

_SIZE = 32


class Csrf:
    """
    Makes and checks the cookie and the tokens that go with it.
    """

    def __init__(self, key: bytes) -> None:
        self._cookie_key = purpose_key(key, "csrf cookie")
        self._token_key = purpose_key(key, "csrf token")
        self._browser_key = purpose_key(key, "browser id")

    def new(self) -> bytes:
        """
        A fresh secret for a user agent that has none.
        """
        return os.urandom(_SIZE)

    def cookie_value(self, secret: bytes) -> str:
        """
        The secret as the cookie carries it, signed so that no sibling host can choose it.
        """
        return to_base64url(secret + self._mac(self._cookie_key, secret))

    def read(self, values: Iterable[bytes]) -> bytes | None:
        """
        The secret of the first value that is ours.
        """
        for value in values:
            octets = from_base64url(value.decode("latin-1"))
            if octets is None or len(octets) != 2 * _SIZE:
                continue
            secret, mac = octets[:_SIZE], octets[_SIZE:]
            if hmac.compare_digest(mac, self._mac(self._cookie_key, secret)):
                return secret
        return None

    def token(self, secret: bytes, session_id: str | None) -> str:
        """
        A token for this secret and session. It looks different each time, so that compression reveals nothing.
        """
        mask = os.urandom(_SIZE)
        return to_base64url(mask + _xor(mask, self._bound(secret, session_id)))

    def verifies(self, token: str, secret: bytes, session_id: str | None) -> bool:
        """
        Whether the token was made for this secret and this session.
        """
        octets = from_base64url(token)
        if octets is None or len(octets) != 2 * _SIZE:
            return False
        return hmac.compare_digest(_xor(octets[:_SIZE], octets[_SIZE:]), self._bound(secret, session_id))

    def browser_id(self, secret: bytes) -> str:
        """
        The id of the user agent that holds the secret, from which the secret cannot be told.
        """
        return self._mac(self._browser_key, secret)[:16].hex()

    def _bound(self, secret: bytes, session_id: str | None) -> bytes:
        session = b"" if session_id is None else b"=" + session_id.encode()
        return self._mac(self._token_key, secret + session)

    @staticmethod
    def _mac(key: bytes, message: bytes) -> bytes:
        return hmac.digest(key, message, "sha256")


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
