"""
From an authorization code to a person: token request, ID Token, UserInfo (OpenID Connect Core 1.0, 3.1.3 and 5.3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pomerium_tx.jose.jwt import InvalidToken, parse
from pomerium_tx.oidc.id_token import IdToken, identity, merge_claims
from pomerium_tx.oidc.provider import Provider, TokenResponse
from pomerium_tx.sessions.session import Session, Tokens, new_session_id

NOT_KNOWN = 0.0
"""
When a person has said who they are, if neither the OP says it nor we told it to ask: it may have been long ago.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """
    Whom the OP says is there.
    """

    id_token: IdToken
    tokens: Tokens = field(repr=False)
    claims: Mapping[str, tuple[object, ...]] = field(repr=False)


async def person_of(
    provider: Provider,
    response: TokenResponse,
    *,
    nonce: str,
    now: float,
    require_current: Callable[[IdToken], None] = lambda id_token: None,
) -> Person:
    """
    The person whom fresh tokens are about.

    :param require_current: Raises, if nothing more is to be done with these tokens.
    :raises InvalidToken: If what the OP says must not be believed.
    :raises ProviderUnavailable: If it does not say enough.
    :raises UserInfoRefused: If it does not know its own access token.
    """
    id_token = await provider.end_user(response, nonce=nonce)
    metadata = await provider.metadata()
    require_current(id_token)
    userinfo = {} if metadata.userinfo_endpoint is None else await provider.userinfo(response.access_token)
    return Person(
        id_token=id_token,
        tokens=tokens_of(response, id_token, now),
        claims=merge_claims(id_token.claims, userinfo),
    )


def tokens_of(response: TokenResponse, id_token: IdToken | None, now: float) -> Tokens:
    """
    The tokens as a session keeps them.
    """
    return Tokens(
        id_token="" if id_token is None else id_token.raw,
        access_token=response.access_token,
        refresh_token=response.refresh_token,
        access_token_expires=None if response.expires_in is None else now + response.expires_in,
        id_token_expires=None if id_token is None else id_token.exp,
    )


def supposed_sub(response: TokenResponse) -> str:
    """
    Whom an ID Token that nobody has verified names; empty if it names nobody.
    """
    try:
        sub = parse(response.id_token or "").claims.get("sub")
    except InvalidToken:
        return ""
    return sub if isinstance(sub, str) else ""


def new_session(
    person: Person,
    provider: Provider,
    *,
    browser: str,
    user_agent: str,
    address: str,
    now: float,
    lifetime: float,
    was_asked: bool = False,
) -> Session:
    """
    A session for a person who has just signed in.

    :param was_asked: Whether the OP was told to ask them who they are.
    """
    id_token = person.id_token
    user_id, email, name = identity(person.claims)
    return Session(
        id=new_session_id(),
        browser=browser,
        idp_id=provider.idp_id,
        iss=id_token.iss,
        client_id=provider.settings.client_id,
        sub=id_token.sub,
        user_id=user_id,
        email=email,
        name=name,
        sids=() if id_token.sid is None else (id_token.sid,),
        began=now,
        expires=now + lifetime,
        authenticated=_authenticated(id_token, now, was_asked=was_asked),
        id_token_iat=id_token.iat,
        nonce=id_token.nonce,
        user_agent=user_agent[:512],
        address=address,
        claims=person.claims,
        tokens=person.tokens,
    )


def _authenticated(id_token: IdToken, now: float, *, was_asked: bool) -> float:
    if id_token.auth_time is not None:
        return min(id_token.auth_time, now)
    return now if was_asked else NOT_KNOWN
