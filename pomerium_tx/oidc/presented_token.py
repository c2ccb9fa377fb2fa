"""
Tokens of an OP that a program presents itself: an access token (RFC 6750) or an ID Token, and for whom they speak.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Final

from pomerium_tx.jose.jwt import InvalidToken, parse
from pomerium_tx.oidc.id_token import LEEWAY, merge_claims
from pomerium_tx.oidc.provider import Provider, UserInfoRefused

MOST_BYTES: Final = 16_384
# RFC 6750 section 2.1.
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentedToken:
    """
    What a token says, once it is believed.
    """

    iss: str
    sub: str
    sid: str | None
    issued: float | None
    """
    By its issuer's clock; None if it does not say.
    """
    expires: float | None
    auth_time: float | None = None
    claims: Mapping[str, tuple[object, ...]] = field(repr=False)


def is_token(raw: str) -> bool:
    """
    Whether *raw* has the form of a token at all, and is not longer than any that is looked at.
    """
    return len(raw) <= MOST_BYTES and _TOKEN.fullmatch(raw) is not None


async def by_access_token(provider: Provider, raw: str, *, audiences: Set[str] | None, now: float) -> PresentedToken:
    """
    For whom an access token speaks, as the OP's UserInfo Endpoint says.

    :param audiences: Those of which the token must be for one; None for any, also for other clients of the OP.
    :raises InvalidToken: If it must not be believed.
    :raises ProviderUnavailable: If the OP cannot be asked.
    """
    said = _said_by(raw)
    if said.get("events") is not None:
        raise InvalidToken("the token is of another type than access token")
    try:
        userinfo = await provider.userinfo(raw)
    except UserInfoRefused as refusal:
        raise InvalidToken(str(refusal)) from None
    if said.get("sub", userinfo["sub"]) != userinfo["sub"]:
        # It is a JWT of something else's.
        said = {}
    if audiences is not None and audiences.isdisjoint(_audience(userinfo) or _audience(said)):
        raise InvalidToken("the token is for another audience")
    expires = _number(userinfo, "exp") or _number(said, "exp")
    if expires is not None and expires <= now - LEEWAY:
        raise InvalidToken("the token has expired")
    sid = said.get("sid")
    return PresentedToken(
        iss=provider.settings.issuer,
        sub=userinfo["sub"],
        sid=sid if isinstance(sid, str) and sid else None,
        issued=_number(said, "iat"),
        expires=expires,
        auth_time=_number(said, "auth_time"),
        claims=merge_claims(userinfo, {}),
    )


async def by_identity_token(provider: Provider, raw: str) -> PresentedToken:
    """
    For whom an ID Token of our own client speaks.

    :raises InvalidToken: If it must not be believed.
    :raises ProviderUnavailable: If there are no keys to verify it with.
    """
    token = await provider.id_token(raw, nonce=None, access_token=None)
    return PresentedToken(
        iss=token.iss,
        sub=token.sub,
        sid=token.sid,
        issued=token.iat,
        expires=token.exp,
        auth_time=token.auth_time,
        claims=merge_claims(token.claims, {}),
    )


def _said_by(raw: str) -> Mapping[str, Any]:
    """
    What a token says of itself, if it is a JWT. Nothing of it is believed before the OP has accepted the whole.
    """
    try:
        return parse(raw).claims
    except InvalidToken:
        return {}


def _number(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    return float(value) if is_number and value is not None else None


def _audience(claims: Mapping[str, Any]) -> Set[str]:
    value = claims.get("aud")
    listed = value if isinstance(value, list) else [value]
    return {one for one in listed if isinstance(one, str)}
