"""
The endpoints of the development OP that relying parties call directly.

Token endpoint: RFC 6749, 3.2; revocation: RFC 7009; UserInfo: OpenID Connect Core 1.0, 5.3.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from urllib.parse import unquote_plus

from pomerium_tx.demo.authorization import one
from pomerium_tx.demo.ledger import Grant, RequestRefused
from pomerium_tx.demo.messages import NO_STORE, Answer, Received, json_answer
from pomerium_tx.demo.provider import DevelopmentProvider
from pomerium_tx.demo.registration import Client


def discovery(provider: DevelopmentProvider, _: Received) -> Answer:
    """
    What the OP can do and where.
    """
    return _altered(provider, "discovery", provider.metadata(), _ANYBODY)


def jwks(provider: DevelopmentProvider, _: Received) -> Answer:
    """
    The OP's keys.
    """
    return _altered(provider, "jwks", provider.jwk_set(), _ANYBODY)


def token(provider: DevelopmentProvider, received: Received) -> Answer:
    """
    Tokens for a code or for a refresh token.
    """
    try:
        client = _authenticated(provider, received)
        grant_type = one(received.parameters, "grant_type")
        if grant_type == "authorization_code":
            grant = _redeemed(provider, received, client)
            issued = provider.issue(grant, nonce=grant.nonce)
        elif grant_type == "refresh_token":
            # Core 12.2: the refreshed ID Token should not have a nonce.
            issued = provider.issue(_rotated(provider, received, client))
        elif grant_type is None:
            raise RequestRefused("invalid_request", "The grant_type is missing.")
        else:
            raise RequestRefused("unsupported_grant_type", "Only authorization_code and refresh_token are supported.")
    except RequestRefused as refused:
        return _refusal(refused)
    document: dict[str, object] = {
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": issued.expires_in,
        "scope": issued.scope,
        "id_token": issued.id_token,
    }
    if issued.refresh_token is not None:
        document["refresh_token"] = issued.refresh_token
    return _altered(provider, "token", document, (NO_STORE, ("Pragma", "no-cache")))


def userinfo(provider: DevelopmentProvider, received: Received) -> Answer:
    """
    The claims about the person whom an access token stands for.
    """
    scheme, _, access_token = (received.authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not access_token:
        return Answer(status=401, headers=(NO_STORE, ("WWW-Authenticate", "Bearer")))
    grant = provider.ledger.grant_of(access_token.strip())
    if grant is None:
        challenge = 'Bearer error="invalid_token", error_description="The access token has expired or was revoked."'
        return Answer(status=401, headers=(NO_STORE, ("WWW-Authenticate", challenge)))
    return _altered(provider, "userinfo", grant.user.claims(grant.scope), (NO_STORE,))


def revocation(provider: DevelopmentProvider, received: Received) -> Answer:
    """
    A token is good for nothing any more.
    """
    try:
        client = _authenticated(provider, received)
        revoked = one(received.parameters, "token")
        if revoked is None:
            raise RequestRefused("invalid_request", "The token is missing.")
        provider.ledger.revoke(revoked, client_id=client.client_id)
    except RequestRefused as refused:
        return _refusal(refused)
    return Answer(headers=(NO_STORE,))


_ANYBODY = (("Cache-Control", "max-age=60"), ("Access-Control-Allow-Origin", "*"))


def _redeemed(provider: DevelopmentProvider, received: Received, client: Client) -> Grant:
    code = one(received.parameters, "code")
    if code is None:
        raise RequestRefused("invalid_request", "The code is missing.")
    return provider.ledger.redeem(
        code,
        client_id=client.client_id,
        redirect_uri=one(received.parameters, "redirect_uri"),
        code_verifier=one(received.parameters, "code_verifier"),
    )


def _rotated(provider: DevelopmentProvider, received: Received, client: Client) -> Grant:
    refresh_token = one(received.parameters, "refresh_token")
    if refresh_token is None:
        raise RequestRefused("invalid_request", "The refresh_token is missing.")
    return provider.ledger.rotate(refresh_token, client_id=client.client_id)


def _authenticated(provider: DevelopmentProvider, received: Received) -> Client:
    """
    The client that sent the request, by ``client_secret_basic`` or ``client_secret_post``.
    """
    client_id = one(received.parameters, "client_id")
    client_secret = one(received.parameters, "client_secret")
    if received.authorization is not None:
        if client_secret is not None:
            raise RequestRefused("invalid_request", "The client authenticates in two ways.")
        basic_id, client_secret = _basic(received.authorization)
        if client_id not in (None, basic_id):
            raise RequestRefused("invalid_request", "The client names itself in two ways.")
        client_id = basic_id
    client = provider.clients.get(client_id or "")
    if (
        client is None
        or client_secret is None
        or not hmac.compare_digest(client.client_secret.encode("utf-8"), client_secret.encode("utf-8"))
    ):
        raise RequestRefused("invalid_client", "The client could not be authenticated.", 401)
    return client


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, credentials = authorization.partition(" ")
    try:
        decoded = base64.b64decode(credentials.strip(), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        decoded = ""
    client_id, colon, client_secret = decoded.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise RequestRefused("invalid_client", "The Authorization header is not one of the Basic scheme.", 401)
    # RFC 6749, 2.3.1: both are form-encoded before they are joined.
    return unquote_plus(client_id), unquote_plus(client_secret)


def _refusal(refused: RequestRefused) -> Answer:
    headers = (NO_STORE, ("WWW-Authenticate", 'Basic realm="op"')) if refused.status == 401 else (NO_STORE,)
    document = {"error": refused.error, "error_description": refused.description}
    return json_answer(document, status=refused.status, headers=headers)


def _altered(
    provider: DevelopmentProvider, name: str, document: dict[str, object], headers: tuple[tuple[str, str], ...]
) -> Answer:
    alteration = provider.alterations.get(name)
    return json_answer(document if alteration is None else alteration(document), headers=headers)
