"""
An issuer of JWTs that nobody signs in at: workloads present them (RFC 7519, RFC 8725, RFC 9068).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from pomerium_tx.jose.jwk_set import InvalidKeySet, JWKSet
from pomerium_tx.jose.jwt import InvalidToken, Verified, parse
from pomerium_tx.oidc.fetch import DEADLINE, Fetcher, HTTPClient, ProviderUnavailable
from pomerium_tx.oidc.id_token import check_times_given, merge_claims
from pomerium_tx.oidc.metadata import discovery_url, is_endpoint
from pomerium_tx.oidc.presented_token import PresentedToken
from pomerium_tx.oidc.published import Published
from pomerium_tx.oidc.signing_keys import SigningKeys

log = Logger()

_FRESH_FOR: Final = 3600.0
_PAUSE: Final = 5.0
# RFC 9068 section 4, and what issuers write who mean nothing by it.
_TYPES: Final = frozenset({"JWT", "AT+JWT", "JOSE"})
_LONGEST: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerSettings:
    """
    One of ``identity_providers``.
    """

    name: str
    issuer: str
    jwks_url: str | None
    """
    None: what the issuer's own metadata say.
    """
    algorithms: frozenset[str]
    audiences: frozenset[str]


class TokenIssuer:
    """
    Verifies the tokens of one issuer.

    :param deadline: Seconds that one request may take in all.
    """

    def __init__(
        self, settings: IssuerSettings, *, http: HTTPClient, clock: IReactorTime, deadline: float = DEADLINE
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._fetcher = Fetcher(http, clock, deadline=deadline, max_bytes=1 << 20)
        self._jwks_url = Published(self._discover, clock, fresh_for=_FRESH_FOR, pause=_PAUSE)
        self._keys = SigningKeys(self._fetch_keys, clock)

    async def verified(self, raw: str) -> PresentedToken:
        """
        For whom a token speaks. What is wrong with it whoever signed it is found before keys are.

        :raises InvalidToken: If it must not be believed.
        :raises ProviderUnavailable: If there are no keys to verify it with.
        """
        token = parse(raw)
        self._check(token.header, token.claims)
        verified = await self._keys.verified(token, self.settings.algorithms)
        return _presented(verified, self.settings.issuer)

    def _check(self, header: Mapping[str, Any], claims: Mapping[str, Any]) -> None:
        settings = self.settings
        typ = header.get("typ", "JWT").upper().removeprefix("APPLICATION/")
        if typ not in _TYPES or "events" in claims:
            raise InvalidToken("the token is of another type")
        if header["alg"] not in settings.algorithms:
            raise InvalidToken("the token's alg is not the one agreed on")
        if claims.get("iss") != settings.issuer:
            raise InvalidToken("the token is another issuer's")
        audience = claims.get("aud")
        listed = audience if isinstance(audience, list) else [audience]
        if not all(isinstance(one, str) for one in listed) or settings.audiences.isdisjoint(listed):
            raise InvalidToken("the token is for another audience")
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST or not subject.isprintable():
            raise InvalidToken("the token's sub is missing or malformed")
        if "exp" not in claims:
            raise InvalidToken("the token does not expire")
        if "cnf" in claims:
            # RFC 7800: whoever has it must prove that it is theirs, which a bearer does not.
            raise InvalidToken("the token is bound to a key")
        check_times_given(claims, self._clock.seconds())

    async def _discover(self) -> str:
        issuer = self.settings.issuer
        if self.settings.jwks_url is not None:
            return self.settings.jwks_url
        document = (await self._document(discovery_url(issuer), "its metadata")).json_object()
        url = document.get("jwks_uri")
        if document.get("issuer") != issuer or not isinstance(url, str) or not is_endpoint(url, issuer):
            raise ProviderUnavailable("the issuer's metadata are another's, or do not say where its keys are")
        return url

    async def _fetch_keys(self) -> JWKSet:
        issuer = self.settings.issuer
        try:
            return JWKSet.parse((await self._document(await self._jwks_url.current(), "its keys")).json_object())
        except InvalidKeySet as problem:
            reason = f"the issuer's keys are refused: {problem}"
        except ProviderUnavailable as problem:
            reason = problem.reason
        log.warn("No keys of the token issuer {iss}: {reason}", iss=issuer, reason=reason)
        raise ProviderUnavailable(reason)

    async def _document(self, url: str, what: str) -> Any:
        answer = await self._fetcher.get(url, {})
        if answer.status != 200:
            raise ProviderUnavailable(f"the issuer answers {answer.status} for {what}")
        return answer


def _presented(verified: Verified, issuer: str) -> PresentedToken:
    claims = verified.claims
    sid, auth_time = claims.get("sid"), claims.get("auth_time")
    return PresentedToken(
        iss=issuer,
        sub=claims["sub"],
        sid=sid if isinstance(sid, str) and 0 < len(sid) <= _LONGEST else None,
        issued=float(claims["iat"]) if "iat" in claims else None,
        expires=float(claims["exp"]),
        auth_time=float(auth_time) if isinstance(auth_time, int | float) else None,
        claims=merge_claims(claims, {}),
    )
