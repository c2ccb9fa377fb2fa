"""
GitHub, which has OAuth 2.0 (RFC 6749) and an API of its own, and neither metadata nor ID Tokens nor a sign-out.

Who somebody is, its API says, over TLS, to whoever has an access token that our own code was exchanged for; PKCE and
the ``state`` tie that code to the user agent. As Pomerium has it, ``sub`` among the claims is the login; what a session
is kept under is GitHub's number of the account, which no other account ever gets.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from math import inf
from typing import Any, Final
from urllib.parse import quote, urlsplit

from pomerium_tx.jose.jwt import InvalidToken
from pomerium_tx.oidc import token_response, token_revocation
from pomerium_tx.oidc.fetch import Answer, ProviderUnavailable
from pomerium_tx.oidc.id_token import IdToken
from pomerium_tx.oidc.logout_token import LogoutToken
from pomerium_tx.oidc.metadata import ProviderMetadata
from pomerium_tx.oidc.provider import AuthenticationRefused, Provider, TokenResponse, UserInfoRefused
from pomerium_tx.oidc.provider_settings import Revocation

_PUBLIC: Final = "https://github.com"
_ACCEPT: Final = "application/vnd.github+json"
_SPENT: Final = frozenset({"bad_verification_code", "bad_refresh_token"})


def api_of(issuer: str) -> str:
    """
    Where the API is of GitHub itself, of GHE.com, or of an Enterprise Server.
    """
    parts = urlsplit(issuer)
    if issuer == _PUBLIC or parts.netloc.endswith(".ghe.com"):
        return f"{parts.scheme}://api.{parts.netloc}"
    return f"{issuer}/api/v3"


class GitHub(Provider):
    """
    GitHub, for one OAuth app or GitHub App.
    """

    @property
    def known_metadata(self) -> ProviderMetadata:
        """
        What its documentation says.
        """
        issuer = self.settings.issuer
        return ProviderMetadata(
            issuer=issuer,
            authorization_endpoint=f"{issuer}/login/oauth/authorize",
            token_endpoint=f"{issuer}/login/oauth/access_token",
            jwks_uri="",
            userinfo_endpoint=f"{api_of(issuer)}/user",
            code_challenge_methods_supported=frozenset({"S256"}),
            prompt_values_supported=frozenset({"select_account"}),
            token_endpoint_auth_methods_supported=frozenset({"client_secret_post"}),
        )

    async def metadata(self) -> ProviderMetadata:
        """
        The same; nothing has to be asked for.
        """
        return self.known_metadata

    async def exchange_code(self, code: str, *, code_verifier: str | None) -> TokenResponse:
        """
        The tokens for an authorization code; there is no ID Token among them.
        """
        form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", self.settings.redirect_uri)]
        if code_verifier is not None:
            form.append(("code_verifier", code_verifier))
        return await self._tokens(form)

    async def end_user(self, response: TokenResponse, *, nonce: str) -> IdToken:
        """
        Whom the API says that an access token is about. It is no ID Token: none is there to be sent as a hint.
        """
        claims = await self._account(response.access_token)
        now = self._clock.seconds()
        return IdToken(
            raw="",
            iss=self.settings.issuer,
            sub=str(claims["github_id"]),
            aud=(self.settings.client_id,),
            sid=None,
            iat=now,
            exp=inf,
            nonce=None,
            auth_time=None,
            claims=claims,
        )

    async def userinfo(self, access_token: str) -> dict[str, Any]:
        """
        The claims that Pomerium makes of the API's answers.
        """
        claims = await self._account(access_token)
        answer = await self._fetcher.get(f"{api_of(self.settings.issuer)}/user/emails", _bearer(access_token))
        # Without the scope for it there are no addresses; that is no reason to keep anybody out.
        if answer.status in (403, 404):
            return claims
        for address in _good(answer).json_objects():
            if address.get("primary") is True and address.get("verified") is True:
                claims |= {"email": address.get("email"), "email_verified": True}
        return claims

    async def revoke(self, token: str, hint: str) -> None:
        """
        GitHub has been told to forget *token*, that one alone; a refresh token goes with its access token.
        """
        if hint != "access_token" or self.settings.revocation is Revocation.OFF:
            return
        client_id = quote(self.settings.client_id, safe="")
        content = json.dumps({"access_token": token}).encode()
        answer = await self._fetcher.delete(
            f"{api_of(self.settings.issuer)}/applications/{client_id}/token",
            {"Accept": _ACCEPT, "Authorization": self._basic()},
            content,
        )
        token_revocation.require_final(answer, self.settings.issuer, hint)

    async def id_token(
        self,
        raw: str,
        *,
        nonce: str | None,
        access_token: str | None,
        sub: str | None = None,
        earlier_nonce: str | None = None,
    ) -> IdToken:
        """
        None: GitHub signs no ID Tokens for people, so that one in its name is somebody else's work.
        """
        raise InvalidToken("GitHub signs no ID Tokens")

    async def logout_token(self, raw: str) -> LogoutToken:
        """
        None, as little as ID Tokens.
        """
        raise InvalidToken("GitHub signs no logout tokens")

    async def _tokens(self, form: Sequence[tuple[str, str]]) -> TokenResponse:
        answer = await self._as_client(self.known_metadata.token_endpoint, form)
        # What RFC 6749 says by 400, GitHub says by 200.
        if answer.status == 200 and "error" in answer.json_object():
            answer = replace(answer, status=400)
        try:
            return token_response.read(answer)
        except AuthenticationRefused as refusal:
            if refusal.error not in _SPENT:
                raise
            raise AuthenticationRefused("invalid_grant", refusal.description) from None

    async def _account(self, access_token: str) -> dict[str, Any]:
        answer = await self._fetcher.get(f"{api_of(self.settings.issuer)}/user", _bearer(access_token))
        said = _good(answer).json_object()
        number, login = said.get("id"), said.get("login")
        if isinstance(number, bool) or not isinstance(number, int) or not isinstance(login, str) or not login:
            raise ProviderUnavailable("the API does not say whom it speaks of")
        claims: dict[str, Any] = {"sub": login, "user": login, "github_id": number}
        claims |= {"name": said.get("name") or login, "picture": said.get("avatar_url")}
        return {name: value for name, value in claims.items() if value is not None}


def _bearer(access_token: str) -> dict[str, str]:
    return {"Accept": _ACCEPT, "Authorization": f"Bearer {access_token}"}


def _good(answer: Answer) -> Answer:
    if answer.status == 401:
        raise UserInfoRefused("the API answers 401")
    if answer.status != 200:
        raise ProviderUnavailable(f"the API answers {answer.status}")
    return answer
