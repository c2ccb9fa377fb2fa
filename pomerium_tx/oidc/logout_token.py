"""
Logout Tokens, OpenID Connect Back-Channel Logout 1.0 section 2.6: what they must say, before any key is looked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pomerium_tx.jose.jwt import InvalidToken, UnverifiedToken

EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
LEEWAY: Final = 60.0
WITHOUT_EXP: Final = 120.0
"""
Seconds that a token without ``exp`` is good for, where such tokens are taken at all.
"""

# The year 10000: what is later overflows somebody's calendar.
_LAST_TIME: Final = 253402300800.0
_LONGEST_NAME: Final = 1024
_SUB: Final = re.compile(r"[ -~]{1,255}")
_UNTYPED: Final = frozenset({"jwt", "application/jwt"})
_TYPED: Final = frozenset({"logout+jwt", "application/logout+jwt"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutToken:
    """
    That a session at the OP is over, or all of one End-User.
    """

    iss: str
    sub: str | None = field(repr=False)
    sid: str | None = field(repr=False)
    jti: str = field(repr=False)
    iat: float
    exp: float
    client_id: str | None
    """
    Whose sessions alone it may end, if it is signed with what that client also knows.
    """
    is_typed: bool
    """
    Whether it says that it is a Logout Token and nothing else.
    """


def audience(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """
    For whom a token is.

    :raises InvalidToken: If it does not say so in one of the two ways there are.
    """
    value = claims.get("aud")
    members = [value] if isinstance(value, str) else value
    if not isinstance(members, list) or not all(isinstance(member, str) for member in members):
        raise InvalidToken("the token's aud is missing or malformed")
    return tuple(members)


def check(
    token: UnverifiedToken,
    *,
    issuer: str,
    client_id: str,
    algorithm: str,
    now: float,
    typed_only: bool,
    allow_missing_exp: bool,
) -> LogoutToken:
    """
    The Logout Token that *token* is, if its signature is the issuer's.

    :param algorithm: The one ``alg`` that it may be signed with (section 2.6, item 3).
    :param typed_only: Whether this OP is known to say ``logout+jwt``.
    :param allow_missing_exp: The setting ``backchannel_logout_allow_missing_exp``.
    :raises InvalidToken: If it is no Logout Token of *issuer* for *client_id*, now.
    """
    claims = token.claims
    is_typed = _is_typed(token, typed_only=typed_only)
    if token.algorithm != algorithm:
        raise InvalidToken("the token's alg is not that of this client's ID Tokens")
    if claims.get("iss") != issuer:
        raise InvalidToken("the token is another issuer's")
    if client_id not in audience(claims):
        raise InvalidToken("the token is for another audience")
    iat, exp = _times(claims, now, allow_missing_exp=allow_missing_exp)
    jti = _name(claims, "jti")
    if jti is None:
        raise InvalidToken("the token has no jti")
    _check_event(claims)
    # RFC 8725 section 3.12: this is what an ID Token has and a Logout Token must not.
    if "nonce" in claims:
        raise InvalidToken("the token has a nonce, so it is no logout token")
    sub, sid = _name(claims, "sub"), _name(claims, "sid")
    if sub is None and sid is None:
        raise InvalidToken("the token has neither sub nor sid")
    if sub is not None and _SUB.fullmatch(sub) is None:
        raise InvalidToken("the token's sub is malformed")
    return LogoutToken(
        iss=issuer,
        sub=sub,
        sid=sid,
        jti=jti,
        iat=iat,
        exp=exp,
        client_id=client_id if algorithm == "HS256" else None,
        is_typed=is_typed,
    )


def _is_typed(token: UnverifiedToken, *, typed_only: bool) -> bool:
    typ = token.header.get("typ", "JWT")
    # RFC 7515 section 4.1.9: a media type, in any case, its application/ left out or not.
    folded = typ.lower() if isinstance(typ, str) else ""
    if folded in _TYPED:
        return True
    if folded not in _UNTYPED:
        raise InvalidToken("the token is of another type than logout token")
    if typed_only:
        raise InvalidToken("the token does not say logout+jwt, as those of this provider do")
    return False


def _times(claims: Mapping[str, Any], now: float, *, allow_missing_exp: bool) -> tuple[float, float]:
    iat = _time(claims, "iat")
    if iat > now + LEEWAY or ("nbf" in claims and _time(claims, "nbf") > now + LEEWAY):
        raise InvalidToken("the token is from the future")
    if "exp" in claims:
        exp = _time(claims, "exp")
        has_expired = exp <= now - LEEWAY
    elif allow_missing_exp:
        exp = iat + WITHOUT_EXP
        has_expired = exp <= now
    else:
        raise InvalidToken("the token has no exp (backchannel_logout_allow_missing_exp would do without)")
    if has_expired:
        raise InvalidToken("the token has expired")
    return iat, exp


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LAST_TIME:
        raise InvalidToken(f"the token's {name} is missing or malformed")
    return float(value)


def _name(claims: Mapping[str, Any], name: str) -> str | None:
    # A null is not left out: whoever writes one may have meant to name somebody.
    if name not in claims:
        return None
    value = claims[name]
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_NAME:
        raise InvalidToken(f"the token's {name} is malformed")
    return value


def _check_event(claims: Mapping[str, Any]) -> None:
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise InvalidToken("the token does not tell of a back-channel logout")
