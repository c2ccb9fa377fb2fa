"""
Logout tokens, as they are made and as they are read: OpenID Connect Back-Channel Logout 1.0, sections 2.4 and 2.6.

The proxy tells applications of an end with tokens of the same form.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twisted.internet.interfaces import IReactorTime

from pomerium_tx.jose.jwk_set import ASYMMETRIC, InvalidKeySet, JWKSet
from pomerium_tx.jose.jwt import InvalidToken, verified_claims
from pomerium_tx.oidc.fetch import Fetcher, ProviderUnavailable

EVENT = "http://schemas.openid.net/event/backchannel-logout"
TYPE = "logout+jwt"
LIFETIME = 120
LEEWAY = 60
_REMEMBERED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutToken:
    """
    A session that is over, or, without *sid*, all sessions of somebody.
    """

    sid: str | None
    sub: str | None
    is_new: bool
    """
    Whether this very token has not been read before.
    """


def logout_claims(*, iss: str, aud: str, sid: str | None, sub: str | None, now: float) -> dict[str, object]:
    """
    What a logout token says that is made now.
    """
    issued = int(now)
    return {
        "iss": iss,
        "sub": sub,
        "sid": sid,
        "aud": aud,
        "iat": issued,
        "exp": issued + LIFETIME,
        "jti": secrets.token_urlsafe(16),
        "events": {EVENT: {}},
    }


class LogoutTokenReader:
    """
    Reads the logout tokens of one issuer for one audience; a token is new once.

    :param jwks_uri: Where the issuer publishes its keys. They are fetched for every token: a new key needs no waiting.
    """

    def __init__(self, *, issuer: str, audience: str, jwks_uri: str, fetcher: Fetcher, clock: IReactorTime) -> None:
        self._issuer = issuer
        self._audience = audience
        self._jwks_uri = jwks_uri
        self._fetcher = fetcher
        self._clock = clock
        self._read: dict[str, None] = {}

    async def read(self, token: str) -> LogoutToken:
        """
        What *token* says.

        :raises InvalidToken: If it must not be believed.
        :raises ProviderUnavailable: If the keys are not to be had.
        """
        verified = verified_claims(token, await self._keys(), ASYMMETRIC)
        if verified.header.get("typ", "").lower() != TYPE:
            raise InvalidToken("the token is of another type than logout token")
        claims = verified.claims
        self._check(claims)
        sid, sub, jti = (_text(claims, name) for name in ("sid", "sub", "jti"))
        if jti is None or (sid is None and sub is None):
            raise InvalidToken("the token does not say who has left")
        is_new = jti not in self._read
        self._read[jti] = None
        while len(self._read) > _REMEMBERED:
            del self._read[next(iter(self._read))]
        return LogoutToken(sid=sid, sub=sub, is_new=is_new)

    async def _keys(self) -> JWKSet:
        answer = await self._fetcher.get(self._jwks_uri, {})
        if answer.status != 200:
            raise ProviderUnavailable(f"the issuer answers {answer.status} for its keys")
        try:
            return JWKSet.parse(answer.json_object())
        except InvalidKeySet as problem:
            raise ProviderUnavailable(f"the issuer's keys are refused: {problem}") from None

    def _check(self, claims: Mapping[str, Any]) -> None:
        now = self._clock.seconds()
        audience = claims.get("aud")
        if claims.get("iss") != self._issuer:
            raise InvalidToken("the token is another issuer's")
        if self._audience not in (audience if isinstance(audience, list) else [audience]):
            raise InvalidToken("the token is for somebody else")
        if _time(claims, "exp") <= now - LEEWAY or _time(claims, "iat") > now + LEEWAY:
            raise InvalidToken("the token has expired, or is from the future")
        events = claims.get("events")
        if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
            raise InvalidToken("the token is not about a logout")
        # Section 2.4: an ID Token must not pass for a logout token, nor the reverse.
        if "nonce" in claims:
            raise InvalidToken("the token has a nonce")


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    if value is not None and not (isinstance(value, str) and value):
        raise InvalidToken(f"the token's {name} is malformed")
    return value


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidToken(f"the token's {name} is missing or malformed")
    return float(value)
