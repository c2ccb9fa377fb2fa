"""
Sessions that begin with a token which a program presents, and not with a person's sign-in.

Such a session's id says which token it is of, by a digest that nobody can make without our key, and on whose behalf the
token was believed (its *scope*). So the token's session is found without keeping any token, and a token whose session
was ended by somebody is known wherever the end is known, for as long as the end is remembered.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Final

from pomerium_tx.sessions.session import Session

_SEPARATOR: Final = "~"
UNKNOWN_LIFETIME: Final = 30 * 86_400.0
"""
For how long a token is remembered that does not say when it expires, from the beginning of its session.
"""


def new_bearer_session_id(digest: str, scope: str) -> str:
    """
    A fresh id for a session of the token with that digest.
    """
    assert _SEPARATOR not in digest + scope
    return _SEPARATOR.join((digest, scope, secrets.token_urlsafe(12)))


def is_bearer(session_id: str) -> bool:
    """
    Whether a session began with a token.
    """
    return _SEPARATOR in session_id


def remembered_until(session: Session) -> float:
    """
    Until when it must be known that a session has ended: as long as a handle of it, or its token, could be presented.
    """
    if not is_bearer(session.id):
        return session.expires
    tokens = session.tokens
    known = [time for time in (tokens.access_token_expires, tokens.id_token_expires) if time is not None]
    return max(session.expires, *known) if known else max(session.expires, session.began + UNKNOWN_LIFETIME)


class Bearers:
    """
    The tokens whose sessions live, and those that begin none any more: a part of the fold over the log.
    """

    def __init__(self) -> None:
        """
        Know of none.
        """
        self._live: dict[str, dict[str, str]] = {}
        self._spent: dict[str, str] = {}

    def find(self, digest: str, scope: str) -> str | None:
        """
        The id of the session that the token has.
        """
        scopes = self._live.get(digest)
        return None if scopes is None else scopes.get(scope)

    def is_spent(self, digest: str) -> bool:
        """
        Whether somebody has ended the token's session.
        """
        return digest in self._spent

    def may_begin(self, session_id: str) -> bool:
        """
        Whether a session may begin: of one token there is one at a time, and none once somebody has ended it.
        """
        if not is_bearer(session_id):
            return True
        digest, scope, _ = session_id.split(_SEPARATOR)
        return digest not in self._spent and self.find(digest, scope) is None

    def begun(self, session_id: str) -> None:
        """
        A session has begun.
        """
        if is_bearer(session_id):
            digest, scope, _ = session_id.split(_SEPARATOR)
            self._live.setdefault(digest, {})[scope] = session_id

    def of_same_tokens(self, session_ids: Iterable[str]) -> list[str]:
        """
        The other sessions of the tokens that some sessions are of: who ends one of a token's sessions means the token.
        """
        digests = dict.fromkeys(name.split(_SEPARATOR)[0] for name in session_ids if is_bearer(name))
        return [name for digest in digests for name in self._live.get(digest, {}).values()]

    def ended(self, session_ids: Iterable[str], receipt_id: str, *, spends: bool) -> None:
        """
        Sessions have ended.

        :param spends: Whether somebody has ended them, and not their time.
        """
        for name in session_ids:
            if not is_bearer(name):
                continue
            digest, scope, _ = name.split(_SEPARATOR)
            scopes = self._live.get(digest, {})
            if scopes.get(scope) == name:
                del scopes[scope]
                if not scopes:
                    del self._live[digest]
            if spends:
                self._spent[digest] = receipt_id

    def forget(self, session_ids: Iterable[str], receipt_id: str) -> None:
        """
        The end of some sessions is remembered no longer.
        """
        for name in session_ids:
            digest = name.split(_SEPARATOR)[0]
            if is_bearer(name) and self._spent.get(digest) == receipt_id:
                del self._spent[digest]
