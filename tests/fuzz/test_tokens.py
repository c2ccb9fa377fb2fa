"""
Tokens and what providers say.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.oidc.logout_token import EVENT
from tests.doubles import keys
from tests.fuzz import provider, tokens
from tests.fuzz.engine import Octets, damaged, fuzzed, joined, lines, words
from tests.fuzz.test_carried import JSON

Values = st.SearchStrategy[Any]
TIMES = st.one_of(
    st.sampled_from((0, -1, 1e300, 10**30, True, None, "1800000000")),
    st.floats(-100, 100).map(lambda seconds: tokens.NOW + seconds),
)
ODD_HEADERS: Values = st.fixed_dictionaries(
    {"alg": st.sampled_from(("HS256", "HS256", "HS256", "RS256", "none", None))},
    optional={
        "typ": st.one_of(st.sampled_from(("JWT", "logout+jwt", "application/logout+jwt", "at+jwt", "jwt")), JSON),
        "kid": JSON,
    },
)


HEADERS: Octets = st.one_of(st.just({"alg": "HS256"}), st.just({"alg": "HS256", "typ": "JWT"}), ODD_HEADERS).map(
    lambda header: json.dumps(header).encode()
)


def claims(*, good: dict[str, Any], odd: dict[str, Values]) -> Octets:
    """
    Claims that are good but for one or two.
    """

    def written(parts: tuple[dict[str, Any], frozenset[str]]) -> bytes:
        changed, gone = parts
        members = {name: value for name, value in {**good, **changed}.items() if name not in gone}
        return json.dumps(members).encode()

    changed = st.sets(st.sampled_from(sorted(odd)), min_size=1, max_size=2).flatmap(
        lambda names: st.fixed_dictionaries({name: odd[name] for name in sorted(names)})
    )
    gone = st.one_of(st.just(frozenset[str]()), st.frozensets(st.sampled_from(sorted(good)), max_size=1))
    return st.tuples(changed, gone).map(written)


SUBJECTS = st.one_of(st.sampled_from(("alice", "", "a" * 255, "a" * 256, "\u00e9", "a\n")), JSON)
AUDIENCES = st.one_of(st.sampled_from(("rp1", ["rp1"], ["rp1", "x"], [], ["x"], {"rp1": 1}, [["rp1"]])), JSON)
COMMON: dict[str, Values] = {
    "iss": st.one_of(st.sampled_from((tokens.ISSUER + "/", [tokens.ISSUER])), JSON),
    "aud": AUDIENCES,
    "iat": TIMES,
    "exp": TIMES,
    "nbf": TIMES,
    "sub": SUBJECTS,
    "sid": SUBJECTS,
    "events": st.one_of(st.just({EVENT: {}}), st.just([EVENT]), JSON),
    "nonce": st.one_of(st.just("n"), JSON),
    "jti": st.one_of(st.just("j"), JSON),
}
ID_TOKENS = claims(
    good={"iss": tokens.ISSUER, "sub": "alice", "aud": "rp1", "iat": tokens.NOW, "exp": tokens.NOW + 300, "nonce": "n"},
    odd={**COMMON, "auth_time": TIMES, "at_hash": JSON, "azp": AUDIENCES, "groups": JSON, "": JSON, "oid": JSON},
)
LOGOUT_TOKENS = claims(
    good={
        "iss": tokens.ISSUER,
        "aud": "rp1",
        "iat": tokens.NOW,
        "exp": tokens.NOW + 120,
        "jti": "j",
        "events": {EVENT: {}},
        "sub": "alice",
        "sid": "s",
    },
    odd=COMMON,
)
SEGMENTS = st.one_of(
    st.dictionaries(st.sampled_from(("alg", "kid", "crit", "b64", "sub", "typ")), JSON, max_size=3).map(
        lambda members: keys.b64(json.dumps(members).encode()).encode()
    ),
    words("eyJhbGciOiJIUzI1NiJ9", "eyJhbGciOiJub25lIn0", "e30", "e31", "", "=", "A", "\xe9"),
)
URLS = words(
    "https://op.example/x",
    "http://localhost:9000/x",
    "http://op.example/x",
    "https://a@b/",
    "https://[::1]:443/",
    "https://[::1",
    "https://a:99999/",
    "https:///",
    "https://a\\b/",
    "https://a/#",
    "//a",
    "",
).map(bytes.decode)
METADATA = st.fixed_dictionaries(
    {name: st.one_of(URLS, JSON) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")},
    optional={
        "issuer": JSON,
        "userinfo_endpoint": st.one_of(URLS, JSON),
        "id_token_signing_alg_values_supported": st.one_of(st.just(["RS256", "none", 7]), JSON),
        "code_challenge_methods_supported": JSON,
    },
)
NUMBERS = st.one_of(st.sampled_from(("", "AQAB", "AQ", "A" * 342, "A" * 5_000, "AA==", "\u00e9")), JSON)
JWKS = st.one_of(
    st.sampled_from([keys.jwk(algorithm) for algorithm in ("RS256", "ES256", "ES512", "EdDSA")]),
    st.fixed_dictionaries(
        {"kty": st.sampled_from(("RSA", "EC", "OKP", "oct", "rsa", 7, None))},
        optional={
            **dict.fromkeys(("n", "e", "x", "y", "k", "d"), NUMBERS),
            "crv": st.one_of(st.sampled_from(("P-256", "P-384", "P-521", "Ed25519", "X25519", "secp256k1")), JSON),
            **dict.fromkeys(("kid", "alg", "use", "key_ops"), JSON),
        },
    ),
    JSON,
)


class TokenTests(SynchronousTestCase):
    """
    Tokens.
    """

    @fuzzed(damaged(joined(SEGMENTS, most=4, between=b".")), 300)
    def test_text(self, octets: bytes) -> None:
        """
        A token has one spelling, and is not believed for having one.
        """
        tokens.check_jwt(octets)

    @fuzzed(lines(HEADERS, ID_TOKENS), 450)
    def test_id_tokens(self, octets: bytes) -> None:
        """
        An ID Token that is believed is the issuer's, for us, about somebody, now.
        """
        tokens.check_id_token(octets)

    @fuzzed(lines(HEADERS, LOGOUT_TOKENS), 450)
    def test_logout_tokens(self, octets: bytes) -> None:
        """
        So is a Logout Token, and it is never an ID Token as well.
        """
        tokens.check_logout_token(octets)

    @fuzzed(
        joined(
            st.tuples(
                words("Bearer", "bearer", "Pomerium", "Basic", ""),
                words(" ", "\t", "  ", ""),
                words("Pomerium-", "", ""),
                words("a.b.c", "x y", "", "\xff", "~+/="),
                words("", " "),
            ).map(b"".join),
            most=3,
            between=b"\n",
            least=1,
        ),
        300,
    )
    def test_bearer_tokens(self, octets: bytes) -> None:
        """
        A request presents one credential, or nobody can know which.
        """
        tokens.check_bearer(octets)


class ProviderTests(SynchronousTestCase):
    """
    What a provider publishes and answers.
    """

    @fuzzed(damaged(JSON.map(lambda value: json.dumps({"a": value}).encode())), 300)
    def test_json(self, octets: bytes) -> None:
        """
        JSON that is taken has one reading.
        """
        tokens.check_strict_json(octets)

    @fuzzed(st.lists(JWKS, max_size=3).map(lambda found: json.dumps({"keys": found}).encode()), 200)
    def test_keys(self, octets: bytes) -> None:
        """
        A key that is taken verifies only what was signed with it.
        """
        provider.check_jwk_set(octets)

    @fuzzed(METADATA.map(lambda members: json.dumps(members).encode()), 250)
    def test_metadata(self, octets: bytes) -> None:
        """
        Metadata that is taken has endpoints to which secrets may be sent.
        """
        provider.check_metadata(octets)

    @fuzzed(
        lines(
            words("200", "200", "200", "400", "401", "500"),
            st.dictionaries(
                st.sampled_from(("access_token", "refresh_token", "id_token", "token_type", "expires_in", "error")),
                st.one_of(st.sampled_from(("at", "Bearer", "300", 300, 1e300, -1, "a\r\nb", "invalid_grant")), JSON),
                max_size=7,
            ).map(lambda members: json.dumps({"token_type": "Bearer", "access_token": "at", **members}).encode()),
        ),
        300,
    )
    def test_token_responses(self, octets: bytes) -> None:
        """
        Tokens that are taken fit into a header; a refusal is fit to be shown.
        """
        provider.check_token_response(octets)

    @fuzzed(
        st.dictionaries(st.sampled_from("sub email name oid groups a a.b exp".split()), JSON, max_size=5).map(
            lambda members: json.dumps({"sub": "alice", **members}).encode()
        ),
        200,
    )
    def test_userinfo(self, octets: bytes) -> None:
        """
        Claims are flat, and about whom they should be.
        """
        provider.check_userinfo(octets)
