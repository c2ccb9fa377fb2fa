"""
On whose behalf a token is believed: the provider of a route, or an issuer that nobody signs in at.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from pomerium_tx.jose.jwt import InvalidToken, parse
from pomerium_tx.oidc.id_token import identity
from pomerium_tx.oidc.presented_token import PresentedToken, by_access_token, by_identity_token
from pomerium_tx.oidc.provider import Provider
from pomerium_tx.oidc.token_issuer import IssuerSettings, TokenIssuer
from pomerium_tx.sessions.session import Session, Tokens

JWT_SCOPE = "jwt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Believed:
    """
    A token that was believed, and what its session is to know.
    """

    token: PresentedToken
    idp_id: str
    client_id: str
    user_id: str
    tokens: Tokens = field(repr=False)


class TokenKind(Protocol):
    """
    What a route takes tokens for.
    """

    @property
    def scope(self) -> str:
        """
        Tokens that were believed by one setting have no session by another.
        """

    @property
    def key(self) -> str:
        """
        The same, for what was not believed: a route may take the tokens of fewer issuers than another.
        """

    @property
    def refuses_cookie(self) -> bool:
        """
        Whether nobody may present a token together with a browser's session.
        """

    def admits(self, session: Session) -> bool:
        """
        Whether the session of a token, which may have begun on another route, counts here.
        """

    async def believed(self, raw: str) -> Believed:
        """
        The token, verified.

        :raises InvalidToken: If it must not be believed.
        :raises ProviderUnavailable: If that cannot be known just now.
        """


class AccessTokens:
    """
    ``bearer_token_format: idp_access_token``.
    """

    refuses_cookie = False

    def __init__(self, provider: Provider, audiences: Set[str] | None, clock: IReactorTime) -> None:
        """
        :param audiences: None for any.
        """
        self._provider = provider
        self._audiences = audiences
        self._clock = clock
        self.scope = self.key = short_hash(
            "access token", provider.idp_id, None if audiences is None else sorted(audiences)
        )

    def admits(self, session: Session) -> bool:
        return session.idp_id == self._provider.idp_id

    async def believed(self, raw: str) -> Believed:
        now = self._clock.seconds()
        token = await by_access_token(self._provider, raw, audiences=self._audiences, now=now)
        tokens = Tokens(id_token="", access_token=raw, access_token_expires=token.expires)
        return _of_provider(self._provider, token, tokens)


class IdentityTokens:
    """
    ``bearer_token_format: idp_identity_token``.
    """

    refuses_cookie = False

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self.scope = self.key = short_hash("identity token", provider.idp_id)

    def admits(self, session: Session) -> bool:
        return session.idp_id == self._provider.idp_id

    async def believed(self, raw: str) -> Believed:
        if not self._provider.settings.is_oidc:
            raise InvalidToken("the provider has no ID Tokens")
        token = await by_identity_token(self._provider, raw)
        return _of_provider(
            self._provider, token, Tokens(id_token=raw, access_token="", id_token_expires=token.expires)
        )


class IssuedTokens:
    """
    ``bearer_token_format: jwt``.
    """

    scope = JWT_SCOPE
    refuses_cookie = True

    def __init__(self, issuers: Mapping[str, TokenIssuer]) -> None:
        """
        :param issuers: Those whose tokens the route takes, by id.
        """
        self._issuers = issuers
        self._by_iss = {issuer.settings.issuer: (name, issuer) for name, issuer in issuers.items()}
        self.key = short_hash("jwt", sorted(issuers))

    def admits(self, session: Session) -> bool:
        return session.idp_id in self._issuers

    async def believed(self, raw: str) -> Believed:
        iss = parse(raw).claims.get("iss")
        found = self._by_iss.get(iss) if isinstance(iss, str) else None
        if found is None:
            raise InvalidToken("the token is of no issuer that counts here")
        idp_id, issuer = found
        token = await issuer.verified(raw)
        name = issuer.settings.name
        # Pomerium's names: two issuers may mean different workloads by the same subject.
        return Believed(
            token=token,
            idp_id=idp_id,
            client_id=name,
            user_id=f"{name}/{token.sub}",
            tokens=Tokens(id_token="", access_token="", id_token_expires=token.expires),
        )


def issuer_id(settings: IssuerSettings) -> str:
    """
    What an issuer's sessions are told by: with other settings it is another one.
    """
    rest = (settings.issuer, settings.jwks_url, sorted(settings.algorithms), sorted(settings.audiences))
    return f"{settings.name}-{short_hash(*rest)}"


def short_hash(*parts: object) -> str:
    """
    A name that says the same of the same parts, in every process.
    """
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _of_provider(provider: Provider, token: PresentedToken, tokens: Tokens) -> Believed:
    return Believed(
        token=token,
        idp_id=provider.idp_id,
        client_id=provider.settings.client_id,
        user_id=identity(token.claims)[0] or token.sub,
        tokens=tokens,
    )
