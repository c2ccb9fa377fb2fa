"""
ID Tokens, OpenID Connect Core 1.0 section 3.1.3.7, and what their claims say together with those of UserInfo.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pomerium_tx.jose.jwt import InvalidToken, Verified

LEEWAY: Final = 60.0
_OLDEST: Final = 3600.0
# The year 10000: what is later overflows somebody's calendar.
_LAST_TIME: Final = 253402300800.0
_SUB: Final = re.compile(r"[ -~]{1,255}")
_LONGEST_SID: Final = 1024
_ABOUT_THE_TOKEN: Final = frozenset({"iss", "exp", "iat", "nbf", "nonce", "at_hash", "c_hash", "s_hash"})


@dataclass(frozen=True, slots=True, kw_only=True)
class IdToken:
    """
    An ID Token that has been verified and is meant for us.
    """

    raw: str = field(repr=False)
    iss: str
    sub: str
    aud: tuple[str, ...]
    sid: str | None
    iat: float
    exp: float
    nonce: str | None = field(repr=False)
    auth_time: float | None
    claims: Mapping[str, Any] = field(repr=False)


def check(
    verified: Verified,
    raw: str,
    *,
    issuer: str,
    client_id: str,
    now: float,
    nonce: str | None,
    access_token: str | None,
    max_age: float | None = None,
    sub: str | None = None,
    earlier_nonce: str | None = None,
) -> IdToken:
    """
    The ID Token that *verified* is.

    :param raw: The token as it came, for ``id_token_hint``.
    :param nonce: The one sent with the Authentication Request; None for a refreshed token (section 12.2).
    :param access_token: The one that came with it, for ``at_hash``.
    :param max_age: As asked for in the Authentication Request.
    :param sub: The one that a refreshed token must have.
    :param earlier_nonce: The one that a refreshed token has if it has any: that of the sign-in (section 12.2).
    :raises InvalidToken: If it is not an ID Token of *issuer* for *client_id*, now, from that request.
    """
    claims = verified.claims
    # RFC 8725 section 3.11: access tokens and logout tokens have types of their own.
    if not is_plain_jwt(verified.header) or "events" in claims:
        raise InvalidToken("the token is of another type than ID Token")
    if claims.get("iss") != issuer:
        raise InvalidToken("the token is another issuer's")
    subject = claims.get("sub")
    if not isinstance(subject, str) or _SUB.fullmatch(subject) is None:
        raise InvalidToken("the token's sub is malformed")
    if sub is not None and subject != sub:
        raise InvalidToken("the token is about somebody else")
    sid = claims.get("sid")
    if sid is not None and not (isinstance(sid, str) and 0 < len(sid) <= _LONGEST_SID):
        raise InvalidToken("the token's sid is malformed")
    auth_time = _time(claims, "auth_time") if claims.get("auth_time") is not None else None
    iat, exp = _check_times(claims, now, first=nonce is not None)
    _check_nonce(claims, nonce)
    if earlier_nonce is not None and claims.get("nonce") not in (None, earlier_nonce):
        raise InvalidToken("the token's nonce is not that of the sign-in")
    if max_age is not None and (auth_time is None or not -LEEWAY <= now - auth_time <= max_age + LEEWAY):
        raise InvalidToken("the authentication is older than asked for")
    if access_token is not None and "at_hash" in claims:
        _check_at_hash(claims["at_hash"], verified.header["alg"], access_token)
    return IdToken(
        raw=raw,
        iss=issuer,
        sub=subject,
        aud=_audience(claims, client_id),
        sid=sid,
        iat=iat,
        exp=exp,
        nonce=claims.get("nonce"),
        auth_time=auth_time,
        claims=claims,
    )


def is_plain_jwt(header: Mapping[str, Any]) -> bool:
    """
    Whether a token is of no particular type, as ID Tokens are and UserInfo Responses.
    """
    # RFC 7515 section 4.1.9: a media type may be written in full.
    typ = header.get("typ", "JWT")
    return isinstance(typ, str) and typ.upper().removeprefix("APPLICATION/") == "JWT"


def check_times_given(claims: Mapping[str, Any], now: float) -> None:
    """
    Return, unless what a token says of its times forbids to believe it now (RFC 7519, 4.1.4 to 4.1.6).

    :raises InvalidToken: If it does.
    """
    if "exp" in claims and _time(claims, "exp") <= now - LEEWAY:
        raise InvalidToken("the token has expired")
    if any(name in claims and _time(claims, name) > now + LEEWAY for name in ("iat", "nbf")):
        raise InvalidToken("the token is from the future")


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LAST_TIME:
        raise InvalidToken(f"the token's {name} is missing or malformed")
    return float(value)


def _check_times(claims: Mapping[str, Any], now: float, *, first: bool) -> tuple[float, float]:
    exp, iat = _time(claims, "exp"), _time(claims, "iat")
    if exp <= now - LEEWAY:
        raise InvalidToken("the token has expired")
    if iat > now + LEEWAY or ("nbf" in claims and _time(claims, "nbf") > now + LEEWAY):
        raise InvalidToken("the token is from the future")
    # Some providers answer a refresh with the token of the sign-in.
    if first and iat < now - _OLDEST:
        raise InvalidToken("the token was issued too long ago")
    return iat, exp


def _check_nonce(claims: Mapping[str, Any], nonce: str | None) -> None:
    said = claims.get("nonce")
    if said is not None and not isinstance(said, str):
        raise InvalidToken("the token's nonce is malformed")
    if nonce is not None and not hmac.compare_digest((said or "").encode(), nonce.encode()):
        raise InvalidToken("the token's nonce is not the one that was sent")


def _audience(claims: Mapping[str, Any], client_id: str) -> tuple[str, ...]:
    value = claims.get("aud")
    audience = [value] if isinstance(value, str) else value
    if not isinstance(audience, list) or not all(isinstance(member, str) for member in audience):
        raise InvalidToken("the token's aud is malformed")
    if client_id not in audience:
        raise InvalidToken("the token is for another audience")
    authorized = claims.get("azp")
    if authorized is not None and authorized != client_id:
        raise InvalidToken("the token was issued to another client")
    if authorized is None and len(set(audience)) > 1:
        raise InvalidToken("the token has several audiences and no azp")
    return tuple(audience)


def _check_at_hash(at_hash: object, algorithm: str, access_token: str) -> None:
    # Section 3.1.3.6: the left half of the hash that the alg names; Ed25519's is SHA-512.
    name = "sha512" if algorithm == "EdDSA" else f"sha{algorithm[2:]}"
    digest = hashlib.new(name, access_token.encode("ascii")).digest()
    expected = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=")
    if not isinstance(at_hash, str) or not hmac.compare_digest(at_hash.encode(), expected):
        raise InvalidToken("the token came with another access token")


def merge_claims(id_token: Mapping[str, Any], userinfo: Mapping[str, Any]) -> dict[str, tuple[object, ...]]:
    """
    What the provider says about the End-User: flat names, each with its values; UserInfo's over the ID Token's.

    ``{"a": {"b": 1}}`` is ``a.b``: ``(1,)``. What has the value null is not there.

    :raises InvalidToken: If UserInfo speaks of somebody else (section 5.3.2).
    """
    if userinfo and userinfo.get("sub") != id_token.get("sub"):
        raise InvalidToken("UserInfo is about somebody else")
    merged = dict(id_token)
    merged.update((name, value) for name, value in userinfo.items() if value is not None)
    return dict(_flat("", {name: value for name, value in merged.items() if name not in _ABOUT_THE_TOKEN}))


def _flat(prefix: str, members: Mapping[str, Any]) -> Iterator[tuple[str, tuple[object, ...]]]:
    for name, value in members.items():
        match value:
            case None:
                continue
            case dict():
                yield from _flat(f"{prefix}{name}.", value)
            case list():
                yield prefix + name, tuple(value)
            case _:
                yield prefix + name, (value,)


def identity(claims: Mapping[str, tuple[object, ...]]) -> tuple[str, str, str]:
    """
    The user's id, e-mail address and name by flattened *claims*; empty where they say nothing.

    ``oid`` wins over ``sub``: Azure's ``sub`` differs from client to client.
    """
    return _first(claims, "oid") or _first(claims, "sub"), _first(claims, "email"), _first(claims, "name")


def _first(claims: Mapping[str, tuple[object, ...]], name: str) -> str:
    return next((value for value in claims.get(name, ()) if isinstance(value, str) and value), "")
