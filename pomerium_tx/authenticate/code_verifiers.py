"""
The PKCE code verifier of a sign-in under way, kept by the user agent (RFC 7636).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

from pomerium_tx import paths
from pomerium_tx.logout.session_cookie import CookieSettings
from pomerium_tx.web.cookies import clear_cookie, set_cookie
from pomerium_tx.web.sealed import Sealer

LIFETIME = 300

_PURPOSE = "pkce"


class CodeVerifierCookies:
    """
    One short cookie for each ``state``, sent to the callback only.
    """

    def __init__(self, settings: CookieSettings, sealer: Sealer) -> None:
        self._settings = settings
        self._sealer = sealer

    def name(self, state: str) -> str:
        """
        The cookie's name, which tells nothing of the state.
        """
        return f"{self._settings.name}_pkce_{hashlib.sha256(state.encode()).hexdigest()[:16]}"

    def set(self, state: str, code_verifier: str, now: float) -> str:
        """
        The ``Set-Cookie`` value that keeps the verifier.
        """
        name = self.name(state)
        content = json.dumps({"v": code_verifier, "iat": now}).encode()
        return set_cookie(
            name,
            self._sealer.seal(_PURPOSE, content, associated=name.encode()),
            path=paths.PROVIDER_CALLBACK,
            max_age=LIFETIME,
            same_site=self._settings.crossing_same_site,
        )

    def clear(self, state: str) -> str:
        """
        The ``Set-Cookie`` value that forgets it.
        """
        return clear_cookie(
            self.name(state),
            path=paths.PROVIDER_CALLBACK,
            domain=None,
            secure=True,
            http_only=True,
            same_site=self._settings.crossing_same_site,
        )

    def read(self, state: str, cookies: Callable[[str], list[bytes]], now: float) -> str | None:
        """
        The verifier that was kept for a state, if it is there and young enough.
        """
        name = self.name(state)
        for value in cookies(name):
            plaintext = self._sealer.open(_PURPOSE, value.decode("latin-1"), associated=name.encode())
            if plaintext is None:
                continue
            content = json.loads(plaintext)
            if abs(now - content["iat"]) <= LIFETIME:
                return str(content["v"])
        return None
