"""
What a provider publishes and answers.
"""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from pomerium_tx.jose.jwk_set import ASYMMETRIC, InvalidKeySet, JWKSet
from pomerium_tx.jose.jwt import InvalidToken
from pomerium_tx.oidc import metadata, token_response
from pomerium_tx.oidc.fetch import Answer, ProviderUnavailable
from pomerium_tx.oidc.id_token import identity, merge_claims
from pomerium_tx.oidc.token_response import AuthenticationRefused
from tests.fuzz.ways import lines_of

ISSUER = "https://op.example"


def _answer(octets: bytes, status: int = 200) -> Answer:
    return Answer(status=status, media_type="application/json", body=octets)


def check_jwk_set(octets: bytes) -> None:
    """
    An `InvalidKeySet`, or keys that each verify nothing that was not signed with them.
    """
    try:
        document = _answer(octets).json_object()
        keys = JWKSet.parse(document)
    except (ProviderUnavailable, InvalidKeySet):
        return
    assert 0 < len(keys) <= 100
    assert all(kid is None or isinstance(kid, str) for kid in keys.kids)
    assert not keys.candidates("HS256", None), "a secret that everybody knows"
    for algorithm in sorted(ASYMMETRIC):
        for key in keys.candidates(algorithm, None):
            for signature in (b"", bytes(64), b"\x01" * 256):
                assert not key.verifies(algorithm, b"message", signature), key


def check_metadata(octets: bytes) -> None:
    """
    A `ProviderUnavailable`, or endpoints that are https URLs with a host; http only on this machine.
    """
    for issuer in (ISSUER, "http://localhost:9000"):
        try:
            document = _answer(octets).json_object()
            found = metadata.parse({**document, "issuer": document.get("issuer", issuer)}, issuer)
        except ProviderUnavailable as problem:
            assert problem.reason.isprintable()
            continue
        assert found.issuer == issuer
        for url in found.endpoints:
            parts = urlsplit(url)
            assert parts.hostname and "@" not in parts.netloc and url.isascii() and url.isprintable(), url
            assert parts.scheme == "https" or metadata.is_loopback(parts.hostname), url
        assert found.id_token_signing_alg_values_supported


def check_token_response(octets: bytes) -> None:
    """
    A status and a body, on a line each: a refusal by the provider, a `ProviderUnavailable`, or tokens that fit into a
    header.
    """
    first, body = lines_of(octets, 2)
    status = int(first) if first.isdigit() and len(first) == 3 else 200
    try:
        found = token_response.read(_answer(body, status))
    except AuthenticationRefused as refused:
        assert status in (400, 401) and refused.error.isprintable() and refused.description.isprintable()
        return
    except ProviderUnavailable as problem:
        assert problem.reason.isprintable()
        return
    assert status == 200
    for token in (found.access_token, found.refresh_token, found.id_token):
        assert token is None or (token and token.isascii() and token.isprintable() and " " not in token)
        assert token is None or token not in repr(found) or len(token) < 20
    assert found.expires_in is None or 0 <= found.expires_in < 1e10


def check_userinfo(octets: bytes) -> None:
    """
    A `ProviderUnavailable`, an `InvalidToken` for somebody else's, or flat claims of which an identity is made.
    """
    try:
        said = _answer(octets).json_object()
        claims = merge_claims({"sub": "alice", "email": "alice@example.com", "groups": ["a"]}, said)
    except (ProviderUnavailable, InvalidToken):
        return
    assert not said or said["sub"] == "alice"
    assert claims["sub"] == ("alice",)
    assert all(isinstance(values, tuple) and not isinstance(values, dict) for values in claims.values())
    assert all(isinstance(text, str) for text in identity(claims))
    # What is kept of a person is written to the log as JSON.
    json.dumps(claims)
