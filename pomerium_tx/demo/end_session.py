"""
The end-session endpoint of the development OP.

OpenID Connect RP-Initiated Logout 1.0, section 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pomerium_tx.demo.authorization import one, parse_query, response_location
from pomerium_tx.demo.ledger import OPSession, RequestRefused
from pomerium_tx.demo.provider import DevelopmentProvider
from pomerium_tx.demo.registration import Client
from pomerium_tx.jose.jwk_set import JWKSet
from pomerium_tx.jose.jwt import InvalidToken, verified_claims


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutRequest:
    """
    What a relying party asks for by sending the person here.
    """

    client: Client | None
    hint: Mapping[str, object] | None = field(repr=False)
    """
    The claims of the ``id_token_hint``.
    """
    post_logout_redirect_uri: str | None
    state: str | None = field(repr=False)

    def is_about(self, session: OPSession) -> bool:
        """
        Whether the hint proves that the relying party means this *session*.
        """
        if self.hint is None or self.hint.get("sub") != session.user.sub:
            return False
        return self.hint.get("sid") == session.sid

    def location(self) -> str | None:
        """
        Where the person goes once they are signed out.
        """
        if self.post_logout_redirect_uri is None:
            return None
        return response_location(self.post_logout_redirect_uri, {}, state=self.state)


def read_logout(query: str, provider: DevelopmentProvider) -> LogoutRequest:
    """
    The logout that *query* asks for.

    :raises RequestRefused: If any of it is wrong: nothing is ended and nobody is sent anywhere.
    """
    parameters = parse_query(query)
    hint = _hint(one(parameters, "id_token_hint"), provider)
    client = _client(parameters, hint, provider)
    uri = one(parameters, "post_logout_redirect_uri")
    if uri is not None and (client is None or uri not in client.post_logout_redirect_uris):
        raise RequestRefused("invalid_request", "The post_logout_redirect_uri is not registered for this client.")
    return LogoutRequest(client=client, hint=hint, post_logout_redirect_uri=uri, state=one(parameters, "state"))


def _hint(token: str | None, provider: DevelopmentProvider) -> Mapping[str, object] | None:
    if token is None:
        return None
    algorithms = {signer.algorithm for signer in provider.signers}
    try:
        claims = verified_claims(token, JWKSet.parse(provider.jwk_set()), algorithms).claims
    except InvalidToken:
        raise RequestRefused("invalid_request", "The id_token_hint is not an ID Token of this provider.") from None
    # Section 2: a hint that has expired is still a hint.
    if claims.get("iss") != provider.issuer or _audience(claims, provider) is None:
        raise RequestRefused("invalid_request", "The id_token_hint is not an ID Token of this provider.")
    return claims


def _audience(claims: Mapping[str, object], provider: DevelopmentProvider) -> str | None:
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    return next((client_id for client_id in audiences if client_id in provider.clients), None)


def _client(
    parameters: Sequence[tuple[str, str]], hint: Mapping[str, object] | None, provider: DevelopmentProvider
) -> Client | None:
    client_id = one(parameters, "client_id")
    audience = None if hint is None else _audience(hint, provider)
    if client_id is None:
        return None if audience is None else provider.clients[audience]
    if client_id not in provider.clients:
        raise RequestRefused("invalid_request", "The client_id is not known.")
    if audience not in (None, client_id):
        raise RequestRefused("invalid_request", "The id_token_hint was issued to another client.")
    return provider.clients[client_id]
