"""
The OpenID Provider, as its relying party speaks to it: discovery, keys, tokens, UserInfo, revocation.

Whatever a provider answers, callers see a value of this room or `ProviderUnavailable`, `AuthenticationRefused`,
`UserInfoRefused`, `InvalidToken`.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_plus

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from pomerium_tx.jose.jwk_set import ASYMMETRIC, InvalidKeySet, JWKSet
from pomerium_tx.jose.jwt import InvalidToken, UnverifiedToken, Verified, parse, verify
from pomerium_tx.oidc import id_token, logout_token, metadata, token_response, token_revocation
from pomerium_tx.oidc.end_session import brings_state_back, has_end_session
from pomerium_tx.oidc.fetch import DEADLINE, Answer, Fetcher, HTTPClient, ProviderUnavailable
from pomerium_tx.oidc.id_token import IdToken
from pomerium_tx.oidc.logout_token import LogoutToken
from pomerium_tx.oidc.metadata import ProviderMetadata
from pomerium_tx.oidc.provider_settings import ProviderSettings, Revocation, idp_id
from pomerium_tx.oidc.published import Published
from pomerium_tx.oidc.signing_keys import SigningKeys
from pomerium_tx.oidc.token_response import AuthenticationRefused, TokenResponse

__all__ = [
    "AuthenticationRefused",
    "Provider",
    "ProviderSettings",
    "ProviderUnavailable",
    "TokenResponse",
    "UserInfoRefused",
    "idp_id",
]

log = Logger()

_FRESH_FOR: Final = 3600.0
_METADATA_PAUSE: Final = 5.0


class UserInfoRefused(Exception):
    """
    The UserInfo Endpoint does not accept the access token: the End-User's grant is gone.
    """


@dataclass(slots=True)
class _IdTokensSeen:
    """
    What the ID Tokens of one client have shown, under one setting of their alg.
    """

    alg: str | None = None

    def learn(self, algorithm: str) -> None:
        """
        One was signed with *algorithm*. The secret's is agreed on or it is not, whatever a token says.
        """
        if algorithm in ASYMMETRIC:
            self.alg = algorithm


@dataclass(slots=True)
class _LogoutTokensSeen:
    """
    What the Logout Tokens of one client have shown.
    """

    are_typed: bool = False


class Provider:
    """
    One provider, for one client registration.

    :param deadline: Seconds that one request may take in all.
    :param max_bytes: The longest answer that is read, after decoding.
    """

    def __init__(
        self,
        settings: ProviderSettings,
        *,
        http: HTTPClient,
        clock: IReactorTime,
        deadline: float = DEADLINE,
        max_bytes: int = 1 << 20,
    ) -> None:
        self.settings = settings
        self.idp_id = idp_id(settings.issuer, settings.client_id)
        self._clock = clock
        self._fetcher = Fetcher(http, clock, deadline=deadline, max_bytes=max_bytes)
        self._metadata = Published(self._fetch_metadata, clock, fresh_for=_FRESH_FOR, pause=_METADATA_PAUSE)
        self._keys = SigningKeys(self._fetch_keys, clock)
        self._secret_in_body = False
        self._id_tokens_seen = _IdTokensSeen()
        self._logout_tokens_seen = _LogoutTokensSeen()

    def __repr__(self) -> str:
        return f"<Provider {self.settings.issuer} {self.settings.client_id}>"

    def succeed(self, previous: Provider) -> None:
        """
        Share what *previous*, which has other settings, knows and will yet learn: of an issuer what it publishes, of
        one client of it how its tokens are made; not their alg, if the configured one has changed.
        """
        if previous.settings.issuer == self.settings.issuer and type(previous) is type(self):
            self._metadata, self._keys = previous._metadata, previous._keys
        if previous.idp_id == self.idp_id:
            self._logout_tokens_seen = previous._logout_tokens_seen
            if previous.settings.id_token_signed_response_alg == self.settings.id_token_signed_response_alg:
                self._id_tokens_seen = previous._id_tokens_seen

    @property
    def may_end_session(self) -> bool:
        """
        Whether a person can be sent to the provider's own sign-out; what is not known yet may turn out to be there.
        """
        return has_end_session(self.known_metadata, self.settings)

    @property
    def brings_state_back(self) -> bool:
        """
        Whether who is sent there may be expected to return with the ``state``.
        """
        return brings_state_back(self.known_metadata, self.settings)

    @property
    def known_metadata(self) -> ProviderMetadata | None:
        """
        The last good metadata, without waiting for better.
        """
        return self._metadata.known

    async def metadata(self) -> ProviderMetadata:
        """
        The provider's metadata.

        :raises ProviderUnavailable: If none was ever had.
        """
        return await self._metadata.current()

    async def exchange_code(self, code: str, *, code_verifier: str | None) -> TokenResponse:
        """
        The tokens for an authorization code; there is always an ID Token among them.

        :raises AuthenticationRefused: If the provider refuses the code.
        :raises ProviderUnavailable: If it cannot be asked.
        :raises InvalidToken: If it sends no ID Token.
        """
        form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", self.settings.redirect_uri)]
        if code_verifier is not None:
            form.append(("code_verifier", code_verifier))
        tokens = await self._tokens(form)
        if tokens.id_token is None:
            raise InvalidToken("the token endpoint answers without an id_token")
        return tokens

    async def refresh(self, refresh_token: str) -> TokenResponse:
        """
        New tokens for *refresh_token*; those that are None stay as they were.

        :raises AuthenticationRefused: If the provider refuses; only ``invalid_grant`` is about the End-User.
        :raises ProviderUnavailable: If it cannot be asked.
        """
        return await self._tokens([("grant_type", "refresh_token"), ("refresh_token", refresh_token)])

    async def userinfo(self, access_token: str) -> dict[str, Any]:
        """
        The claims at the UserInfo Endpoint; whose they are is checked by `id_token.merge_claims`.

        :raises UserInfoRefused: If the provider does not accept the token any more.
        :raises ProviderUnavailable: If it cannot be asked.
        :raises InvalidToken: If it answers with a signed response that must not be believed.
        """
        endpoint = (await self.metadata()).userinfo_endpoint
        if endpoint is None:
            raise ProviderUnavailable("the provider has no UserInfo Endpoint")
        answer = await self._fetcher.get(endpoint, {"Authorization": f"Bearer {access_token}"})
        if answer.status in (401, 403):
            raise UserInfoRefused(f"the UserInfo Endpoint answers {answer.status}")
        if answer.status != 200:
            raise ProviderUnavailable(f"the UserInfo Endpoint answers {answer.status}")
        if answer.media_type == "application/jwt":
            claims = await self._signed_userinfo(answer)
        else:
            claims = answer.json_object()
        if not isinstance(claims.get("sub"), str):
            raise ProviderUnavailable("the UserInfo Endpoint does not say whom it speaks of")
        return claims

    async def revoke(self, token: str, hint: str) -> None:
        """
        The provider has been told to forget *token* (RFC 7009); its refusal to do so is logged, and final.

        :param hint: ``refresh_token`` or ``access_token``.
        :raises ProviderUnavailable: If it should be told again later.
        """
        if self.settings.revocation is Revocation.OFF:
            return
        endpoint = token_revocation.endpoint(await self.metadata(), self.settings)
        if endpoint is None:
            return
        answer = await self._as_client(endpoint, [("token", token), ("token_type_hint", hint)])
        token_revocation.require_final(answer, self.settings.issuer, hint)

    async def end_user(self, response: TokenResponse, *, nonce: str) -> IdToken:
        """
        Whom fresh tokens are about: what their ID Token says, verified.

        :param nonce: The one sent with the Authentication Request.
        :raises InvalidToken: If it must not be believed.
        :raises ProviderUnavailable: If there are no keys to verify it with.
        """
        assert response.id_token is not None
        return await self.id_token(response.id_token, nonce=nonce, access_token=response.access_token)

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
        The ID Token that *raw* is, verified.

        :param nonce: The one sent with the Authentication Request; None for a refreshed token.
        :param access_token: The one that came with it.
        :param sub: For a refreshed token, the one that it must have.
        :param earlier_nonce: For a refreshed token, the one of the sign-in.
        :raises InvalidToken: If it must not be believed.
        :raises ProviderUnavailable: If there are no keys to verify it with.
        """
        max_age = self.settings.request_params.get("max_age", "") if nonce is not None else ""
        verified = await self._verified(raw)
        checked = id_token.check(
            verified,
            raw,
            issuer=self.settings.issuer,
            client_id=self.settings.client_id,
            now=self._clock.seconds(),
            nonce=nonce,
            access_token=access_token,
            max_age=float(max_age) if max_age.isdecimal() else None,
            sub=sub,
            earlier_nonce=earlier_nonce,
        )
        self._id_tokens_seen.learn(verified.header["alg"])
        return checked

    async def logout_token(self, raw: str) -> LogoutToken:
        """
        The Logout Token that *raw* is, verified. What is wrong with it whoever signed it is found before keys are.

        :raises InvalidToken: If it must not be believed.
        :raises ProviderUnavailable: If there are no keys to verify it with, or not in time.
        """
        token, algorithm = parse(raw), self._logout_token_alg
        checked = logout_token.check(
            token,
            issuer=self.settings.issuer,
            client_id=self.settings.client_id,
            algorithm=algorithm,
            now=self._clock.seconds(),
            typed_only=self._logout_tokens_seen.are_typed,
            allow_missing_exp=self.settings.backchannel_logout_allow_missing_exp,
        )
        if algorithm == "HS256":
            self._verified_by_secret(token)
        else:
            await self._keys.verified_in_time(token, {algorithm})
        self._logout_tokens_seen.are_typed |= checked.is_typed
        return checked

    def learn_alg(self, raw: str) -> None:
        """
        Know the ``alg`` of *raw*, an ID Token that was verified here or in another process, if none is known yet.
        """
        if self._id_tokens_seen.alg is not None:
            return
        try:
            algorithm = parse(raw).algorithm
        except InvalidToken:
            return
        self._id_tokens_seen.learn(algorithm)

    @property
    def _logout_token_alg(self) -> str:
        settled = self.settings.id_token_signed_response_alg or self._id_tokens_seen.alg
        if settled is not None:
            return settled
        # Nobody has signed in yet; where there is a choice of one, it is known how their ID Tokens will be signed.
        known = self.known_metadata
        published = frozenset[str]() if known is None else known.id_token_signing_alg_values_supported & ASYMMETRIC
        return next(iter(published)) if len(published) == 1 else "RS256"

    async def _verified(self, raw: str) -> Verified:
        known = await self.metadata()
        token = parse(raw)
        agreed = self.settings.id_token_signed_response_alg
        if agreed == "HS256":
            return self._verified_by_secret(token)
        # A published list never brings in the client secret: an alg of the wire's choice must not (RFC 8725 2.1).
        algorithms = {agreed} if agreed is not None else known.id_token_signing_alg_values_supported & ASYMMETRIC
        return await self._keys.verified(token, algorithms)

    def _verified_by_secret(self, token: UnverifiedToken) -> Verified:
        return verify(token, JWKSet.of_secret(self.settings.client_secret.encode()), {"HS256"})

    async def _signed_userinfo(self, answer: Answer) -> dict[str, Any]:
        verified = await self._verified(answer.body.decode("ascii", "replace").strip())
        claims = dict(verified.claims)
        # Core section 5.3.2: a signed response says who made it, and for whom.
        if claims.get("iss") != self.settings.issuer or self.settings.client_id not in _listed(claims.get("aud")):
            raise InvalidToken("the UserInfo Response is another issuer's, or for another client")
        if not id_token.is_plain_jwt(verified.header) or "events" in claims:
            raise InvalidToken("the token is of another type than UserInfo Response")
        id_token.check_times_given(claims, self._clock.seconds())
        return claims

    async def _tokens(self, form: Sequence[tuple[str, str]]) -> TokenResponse:
        endpoint = (await self.metadata()).token_endpoint
        return token_response.read(await self._as_client(endpoint, form))

    async def _as_client(self, endpoint: str, form: Sequence[tuple[str, str]]) -> Answer:
        """
        The answer to *form*, sent with the client's credentials: in the header first, in the body as a fallback.
        """
        settings = self.settings
        if not settings.client_secret:
            return await self._fetcher.post(endpoint, {}, [*form, ("client_id", settings.client_id)])
        methods = (await self.metadata()).token_endpoint_auth_methods_supported
        may_post = methods is None or "client_secret_post" in methods
        only_post = methods is not None and "client_secret_basic" not in methods and may_post
        if not only_post and not self._secret_in_body:
            answer = await self._fetcher.post(endpoint, {"Authorization": self._basic()}, form)
            if not may_post or not token_revocation.is_invalid_client(answer):
                return answer
        secret = [("client_id", settings.client_id), ("client_secret", settings.client_secret)]
        answer = await self._fetcher.post(endpoint, {}, [*form, *secret])
        if answer.status == 200:
            self._secret_in_body = True
        return answer

    def _basic(self) -> str:
        # RFC 6749 section 2.3.1: both parts are form-encoded first.
        pair = f"{quote_plus(self.settings.client_id)}:{quote_plus(self.settings.client_secret)}"
        return "Basic " + base64.b64encode(pair.encode("ascii")).decode("ascii")

    async def _fetch_metadata(self) -> ProviderMetadata:
        issuer, before = self.settings.issuer, self._metadata.known
        try:
            answer = await self._fetcher.get(metadata.discovery_url(issuer), {})
            if answer.status != 200:
                raise ProviderUnavailable(f"the provider answers {answer.status} for its metadata")
            found = metadata.parse(answer.json_object(), issuer)
        except ProviderUnavailable as problem:
            log.warn("No metadata of the OP {iss}: {reason}", iss=issuer, reason=problem.reason)
            raise
        if before is not None and before.endpoints != found.endpoints:
            log.warn("The OP {iss} has changed its endpoints", iss=issuer)
        return found

    async def _fetch_keys(self) -> JWKSet:
        issuer, before = self.settings.issuer, self._keys.known
        try:
            answer = await self._fetcher.get((await self.metadata()).jwks_uri, {})
            if answer.status != 200:
                raise ProviderUnavailable(f"the provider answers {answer.status} for its keys")
            found = JWKSet.parse(answer.json_object())
        except InvalidKeySet as problem:
            log.warn("No keys of the OP {iss}: {reason}", iss=issuer, reason=str(problem))
            raise ProviderUnavailable(f"the provider's keys are refused: {problem}") from None
        except ProviderUnavailable as problem:
            log.warn("No keys of the OP {iss}: {reason}", iss=issuer, reason=problem.reason)
            raise
        if before is not None and before.kids != found.kids:
            log.info("The OP {iss} has rotated its keys: {count} now", iss=issuer, count=len(found))
        return found


def _listed(audience: object) -> list[object]:
    return audience if isinstance(audience, list) else [audience]
