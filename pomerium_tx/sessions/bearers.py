"""
Sessions that begin with a token which a program presents, and not with a person's sign-in.

Such a session's id says which token it is of, by a digest that nobody can make without our key, and on whose behalf the
token was believed (its *scope*). So the token's session is found without keeping any token, and a token whose session
was ended by somebody is known wherever the end is known, for as long as the end is remembered.

The first half of a digest is that of what is signed, where the token is a JWT, and only the second one is that of all
of it: whoever has an ECDSA signature can make another one that verifies as well, which makes no other token of it. A
session is found by both halves, since what is signed is nothing without its signature, and ended by the first.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from typing import Final

from pomerium_tx.sessions.session import Session

PURPOSE: Final = "bearer token"
"""
What the key of bearer tokens is derived for.
"""
_SEPARATOR: Final = "~"
_OBJECT: Final = (b"ey", b"ew")
"""
How ``{`` begins in base64, by what may follow it.
"""
HALF: Final = 22
"""
Characters of half a digest: 128 bits in base64url.
"""
UNKNOWN_LIFETIME: Final = 30 * 86_400.0
"""
For how long a token is remembered that does not say when it expires, from the beginning of its session.
"""


def signed_half(key: bytes, raw: bytes) -> str:
    """
    The first half of a token's digest: what it is known by once its session has ended.

    :param key: That of bearer tokens.
    """
    # RFC 7515 section 3.1: three parts, of which the first is a JSON object. What else has three may have as its
    # first two what all tokens of its kind begin with.
    signed = raw.rpartition(b".")[0] if raw.startswith(_OBJECT) and raw.count(b".") == 2 else raw
    return half(key, signed)


def half(key: bytes, octets: bytes) -> str:
    """
    Half a digest.
    """
    return urlsafe_b64encode(hmac.digest(key, octets, "sha256")).decode("ascii")[:HALF]


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
        self._live: dict[str, dict[tuple[str, str], str]] = {}
        self._spent: dict[str, str] = {}

    def find(self, digest: str, scope: str) -> str | None:
        """
        The id of the session that the token has.
        """
        live = self._live.get(digest[:HALF])
        return None if live is None else live.get((digest, scope))

    def is_spent(self, digest: str) -> bool:
        """
        Whether somebody has ended the token's session.
        """
        return digest[:HALF] in self._spent

    def may_begin(self, session_id: str) -> bool:
        """
        Whether a session may begin: of one token there is one at a time, and none once somebody has ended it.
        """
        if not is_bearer(session_id):
            return True
        digest, scope, _ = session_id.split(_SEPARATOR)
        return not self.is_spent(digest) and self.find(digest, scope) is None

    def begun(self, session_id: str) -> None:
        """
        A session has begun.
        """
        if is_bearer(session_id):
            digest, scope, _ = session_id.split(_SEPARATOR)
            self._live.setdefault(digest[:HALF], {})[digest, scope] = session_id

    def of_token(self, half: str) -> list[str]:
        """
        The sessions of the token with that first half of a digest.
        """
        return list(self._live.get(half, {}).values())

    def of_same_tokens(self, session_ids: Iterable[str]) -> list[str]:
        """
        The other sessions of the tokens that some sessions are of: who ends one of a token's sessions means the token.
        """
        tokens = dict.fromkeys(token_of(name) for name in session_ids if is_bearer(name))
        return [name for token in tokens for name in self._live.get(token, {}).values()]

    def ended(self, session_ids: Iterable[str], receipt_id: str, *, spends: bool) -> None:
        """
        Sessions have ended.

        :param spends: Whether somebody has ended them, and not their time.
        """
        for name in session_ids:
            if not is_bearer(name):
                continue
            digest, scope, _ = name.split(_SEPARATOR)
            live = self._live.get(digest[:HALF], {})
            if live.get((digest, scope)) == name:
                del live[digest, scope]
                if not live:
                    del self._live[digest[:HALF]]
            if spends:
                self._spent[digest[:HALF]] = receipt_id

    def forget(self, session_ids: Iterable[str], receipt_id: str) -> None:
        """
        The end of some sessions is remembered no longer.
        """
        for name in session_ids:
            if is_bearer(name) and self._spent.get(token_of(name)) == receipt_id:
                del self._spent[token_of(name)]


def token_of(session_id: str) -> str:
    """
    The first half of the digest of the token that a session is of.
    """
    return session_id.split(_SEPARATOR)[0][:HALF]
