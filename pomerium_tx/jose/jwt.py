"""
JSON Web Tokens, RFC 7519 under the rules of RFC 8725: taken apart while nothing in them is trusted.

The header chooses nothing but a key that the issuer has published and an algorithm that the caller allows.
``jwk``, ``jku``, ``x5u`` and ``x5c`` are never looked at.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from pomerium_tx.jose import base64url
from pomerium_tx.jose.jwk_set import ALGORITHMS, JWKSet
from pomerium_tx.jose.strict_json import InvalidJSON, compact_json, json_object

MOST_BYTES = 65536

_HS256_HEADER = base64url.encode(b'{"alg":"HS256","typ":"JWT"}')
_HS256_START = _HS256_HEADER + "."


class InvalidToken(Exception):
    """
    A token must not be believed.

    The reason is safe to show: it quotes nothing of the token.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnknownKey(InvalidToken):
    """
    A token names a key that the set does not hold (perhaps not yet).
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedToken:
    """
    A token taken apart; whoever made it may have written anything.
    """

    header: Mapping[str, Any]
    claims: Mapping[str, Any] = field(repr=False)
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def algorithm(self) -> str:
        """
        The ``alg`` that the token says.
        """
        algorithm = self.header["alg"]
        assert isinstance(algorithm, str)
        return algorithm

    @property
    def kid(self) -> str | None:
        """
        The ``kid`` that the token says, if it says one.
        """
        kid = self.header.get("kid")
        assert kid is None or isinstance(kid, str)
        return kid


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """
    Header and claims of a token whose signature is one of the issuer's.

    Nothing is said about what the claims mean, nor to whom or when.
    """

    header: Mapping[str, Any]
    claims: Mapping[str, Any] = field(repr=False)


def parse(token: str, *, max_bytes: int = MOST_BYTES) -> UnverifiedToken:
    """
    The parts of *token*, if it is a signed JWT in the compact form that can be read in one way only.

    :raises InvalidToken: If it is not.
    """
    if len(token) > max_bytes:
        raise InvalidToken("the token is too long")
    segments = token.split(".")
    if len(segments) != 3:
        raise InvalidToken("the token does not have three segments")
    try:
        raw_header, raw_claims, signature = map(base64url.decode, segments)
    except ValueError:
        raise InvalidToken("a segment of the token is not base64url") from None
    if not signature:
        raise InvalidToken("the token is not signed")
    try:
        header = json_object(raw_header)
    except InvalidJSON as problem:
        raise InvalidToken(f"the token's header is refused: {problem}") from None
    # Cheap refusals first: the claims of a token with a wrong header are not worth parsing.
    _check_header(header)
    try:
        claims = json_object(raw_claims)
    except InvalidJSON as problem:
        raise InvalidToken(f"the token's claims are refused: {problem}") from None
    signing_input = f"{segments[0]}.{segments[1]}".encode("ascii")
    return UnverifiedToken(header=header, claims=claims, signing_input=signing_input, signature=signature)


def _check_header(header: Mapping[str, Any]) -> None:
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise InvalidToken("the token's alg is refused")
    # RFC 7515 section 4.1.11: what must be understood and is not makes the token invalid; we know no extension.
    if "crit" in header:
        raise InvalidToken("the token has a crit header")
    # RFC 7797 section 6: without crit it must not be there, since one reader would verify what another does not read.
    if "b64" in header:
        raise InvalidToken("the token has a b64 header")
    if "kid" in header and not isinstance(header["kid"], str):
        raise InvalidToken("the token's kid is not a string")
    if "typ" in header and not isinstance(header["typ"], str):
        raise InvalidToken("the token's typ is not a string")


def verified_claims(token: str, keys: JWKSet, algorithms: Set[str]) -> Verified:
    """
    Header and claims of *token*, once its signature has been verified.

    :param keys: The issuer's keys.
    :param algorithms: The ``alg`` values that the issuer may use.
    :raises UnknownKey: If *keys* holds no key that the token could have been signed with.
    :raises InvalidToken: If the token must not be believed.
    """
    return verify(parse(token), keys, algorithms)


def verify(parts: UnverifiedToken, keys: JWKSet, algorithms: Set[str]) -> Verified:
    """
    Header and claims of a token that was taken apart before; otherwise like `verified_claims`.
    """
    algorithm = parts.algorithm
    if algorithm not in algorithms:
        raise InvalidToken("the token's alg is not the one agreed on")
    candidates = keys.candidates(algorithm, parts.kid)
    if not candidates:
        raise UnknownKey("no key of the issuer fits the token")
    # OpenID Connect Core section 10.1: with several keys, the kid is not optional.
    if parts.kid is None and len(candidates) > 1:
        raise InvalidToken("the token does not say which of several keys signed it")
    if not any(key.verifies(algorithm, parts.signing_input, parts.signature) for key in candidates):
        # Without a kid, a new key looks like a wrong signature.
        problem = InvalidToken if parts.kid is not None else UnknownKey
        raise problem("the token's signature is wrong")
    return Verified(header=parts.header, claims=parts.claims)


def compact_hs256(claims: Mapping[str, object], key: bytes) -> str:
    """
    A token of ours about *claims*, which only the holders of *key* can make or believe.
    """
    signing_input = _HS256_START + base64url.encode(compact_json(dict(claims)))
    return f"{signing_input}.{_hs256(key, signing_input)}"


def open_hs256(token: str, key: bytes) -> dict[str, Any] | None:
    """
    The claims of a token made by `compact_hs256` with the same *key*; of any other, none.
    """
    if not token.startswith(_HS256_START) or not token.isascii() or len(token) > MOST_BYTES:
        return None
    signing_input, _, signature = token.rpartition(".")
    if not hmac.compare_digest(_hs256(key, signing_input), signature):
        return None
    try:
        return json_object(base64url.decode(signing_input[len(_HS256_START) :]))
    except (InvalidJSON, ValueError):
        return None


def _hs256(key: bytes, signing_input: str) -> str:
    return base64url.encode(hmac.digest(key, signing_input.encode("ascii"), "sha256"))
