"""
Tokens: taken apart, believed, refused.
"""

from __future__ import annotations

import json
from typing import Any

from pomerium_tx.authorize.bearer import SeveralCredentials, bearer_token
from pomerium_tx.jose import base64url
from pomerium_tx.jose.jwk_set import ALGORITHMS, JWKSet
from pomerium_tx.jose.jwt import InvalidToken, UnverifiedToken, parse, verify
from pomerium_tx.jose.strict_json import InvalidJSON, json_object
from pomerium_tx.oidc import id_token, logout_token
from pomerium_tx.oidc.presented_token import is_token
from pomerium_tx.sessions.handle import handle_of_authorization
from tests.doubles.keys import SECRET, b64, signature
from tests.fuzz.ways import lines_of

NOW = 1_800_000_000.0
ISSUER = "https://op.example"
CLIENT = "rp1"
NONCE = "n"
KEYS = JWKSet.of_secret(SECRET)
_LEEWAY = 60


def signed(header: bytes, claims: bytes) -> str:
    """
    A token of *header* and *claims*, whatever they are, with a good signature.
    """
    signing_input = f"{b64(header)}.{b64(claims)}"
    return f"{signing_input}.{b64(signature('HS256', signing_input.encode(), SECRET))}"


def _taken_apart(token: str) -> UnverifiedToken | None:
    try:
        return parse(token)
    except InvalidToken as refusal:
        assert refusal.reason and refusal.reason.isprintable()
        return None


def check_jwt(octets: bytes) -> None:
    """
    A text is refused as a token, or it is the only spelling of one that says what it says.
    """
    token = octets.decode("latin-1")
    found = _taken_apart(token)
    if found is None:
        return
    header, claims, mark = token.split(".")
    assert token.isascii() and found.signing_input == f"{header}.{claims}".encode()
    for segment in (header, claims, mark):
        assert base64url.encode(base64url.decode(segment)) == segment
    assert found.algorithm in ALGORITHMS
    assert json.loads(base64url.decode(claims)) == found.claims
    try:
        verify(found, KEYS, ALGORITHMS)
    except InvalidToken:
        return
    raise AssertionError("a signature that nobody has made")


def _claims(octets: bytes, octets_of_header: bytes = b'{"alg":"HS256"}') -> tuple[UnverifiedToken, str] | None:
    raw = signed(octets_of_header, octets)
    found = _taken_apart(raw)
    if found is None:
        return None
    try:
        verify(found, KEYS, {"HS256"})
    except InvalidToken:
        return None
    return found, raw


def check_id_token(octets: bytes) -> None:
    """
    A header and claims, on a line each, under a good signature: an `InvalidToken`, or an ID Token of the issuer, for
    this client, about somebody, now.
    """
    header, claims = lines_of(octets, 2)
    found = _claims(claims, header)
    if found is None:
        return
    token, raw = found
    verified = verify(token, KEYS, {"HS256"})
    for nonce, sub, max_age in ((NONCE, None, None), (None, "alice", None), (NONCE, None, 100.0)):
        try:
            said = id_token.check(
                verified,
                raw,
                issuer=ISSUER,
                client_id=CLIENT,
                now=NOW,
                nonce=nonce,
                access_token="at",
                max_age=max_age,
                sub=sub,
            )
        except InvalidToken as refusal:
            assert refusal.reason.isprintable()
            continue
        _check_believed(claims, exp=said.exp, iat=said.iat)
        assert said.sub and said.sub.isprintable() and (sub is None or said.sub == sub)
        assert nonce is None or json.loads(claims)["nonce"] == nonce
        flat = id_token.merge_claims(said.claims, {})
        assert all(isinstance(value, tuple) for value in flat.values())
        assert id_token.identity(flat)[0]


def _check_believed(octets: bytes, *, exp: float, iat: float) -> None:
    """
    What a plain reader of JSON sees in claims that were believed.
    """
    claims = json.loads(octets)
    audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    assert claims["iss"] == ISSUER and CLIENT in audience, claims
    assert exp > NOW - _LEEWAY and iat <= NOW + _LEEWAY, claims
    assert claims["iat"] == iat and claims.get("exp", exp) == exp, claims


def check_logout_token(octets: bytes) -> None:
    """
    A header and claims, on a line each: an `InvalidToken`, or a Logout Token of the issuer, for this client, now, that
    no ID Token can be.
    """
    header, claims = lines_of(octets, 2)
    found = _claims(claims, header)
    if found is None:
        return
    token, raw = found
    for typed_only in (False, True):
        for allow_missing_exp in (False, True):
            try:
                said = logout_token.check(
                    token,
                    issuer=ISSUER,
                    client_id=CLIENT,
                    algorithm="HS256",
                    now=NOW,
                    typed_only=typed_only,
                    allow_missing_exp=allow_missing_exp,
                )
            except InvalidToken as refusal:
                assert refusal.reason.isprintable()
                continue
            _check_believed(claims, exp=said.exp, iat=said.iat)
            assert said.jti and (said.sub or said.sid) and said.client_id == CLIENT
            assert said.is_typed or not typed_only
            assert "nonce" not in token.claims
            assert allow_missing_exp or "exp" in token.claims
            _check_no_id_token(token, raw)


def _check_no_id_token(token: UnverifiedToken, raw: str) -> None:
    verified = verify(token, KEYS, {"HS256"})
    try:
        id_token.check(verified, raw, issuer=ISSUER, client_id=CLIENT, now=NOW, nonce=None, access_token=None)
    except InvalidToken:
        return
    raise AssertionError("one token of two kinds")


def check_bearer(octets: bytes) -> None:
    """
    Each line is an ``Authorization``: at most one of them is a token, and none is a token and a handle of ours.
    """
    values = octets.split(b"\n")
    try:
        token = bearer_token(values)
    except SeveralCredentials:
        assert len(values) > 1
        return
    if token is None:
        return
    [value] = values
    assert handle_of_authorization(value) is None
    # A tab is a space here; neither may be in a token (`is_token`).
    assert token in value.replace(b"\t", b" ") and token == token.strip(b" \t"), (token, value)
    text = token.decode("latin-1")
    if is_token(text):
        assert text.isascii() and text.isprintable() and " " not in text
    _taken_apart(text)


def check_strict_json(octets: bytes) -> None:
    """
    A text is refused, or it is one object, the same to a plain reader of JSON, and can be written again.
    """
    try:
        found = json_object(octets)
    except InvalidJSON as problem:
        assert str(problem).isprintable()
        return
    plain: Any = json.loads(octets)
    assert plain == found
    assert json_object(json.dumps(found, ensure_ascii=False).encode("utf-8")) == found
