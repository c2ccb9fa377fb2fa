"""
Tests of `pomerium_tx.oidc.token_issuer`: tokens of issuers that nobody signs in at.
"""

from __future__ import annotations

from typing import Any

from treq.testing import StubTreq

from pomerium_tx.jose.jwt import InvalidToken
from pomerium_tx.oidc.fetch import ProviderUnavailable
from pomerium_tx.oidc.token_issuer import IssuerSettings, TokenIssuer
from tests.doubles import keys
from tests.oidc.op import DISCOVERY, ISSUER, NOW, ProviderTestCase

WRONG: list[dict[str, Any]] = [
    {"iss": ISSUER + "/"},
    {"iss": None},
    {"aud": "others"},
    {"aud": ["others"]},
    {"aud": None},
    {"aud": ["us", 7]},
    {"aud": [["us"]]},
    {"sub": ""},
    {"sub": None},
    {"sub": 7},
    {"sub": "x" * 1025},
    {"sub": "a\nb"},
    {"exp": NOW - 61},
    {"exp": "soon"},
    {"exp": None},
    {"nbf": NOW + 61},
    {"iat": NOW + 61},
    {"events": {}},
    {"cnf": {"x5t#S256": "x"}},
    {"__header": {"typ": "logout+jwt"}},
    {"__header": {"typ": "dpop+jwt"}},
    {"__header": {"typ": "application/secevent+jwt"}},
    {"__alg": "RS512"},
    {"__alg": "HS256"},
    {"__key": keys.private_key("RS256", "second")},
]


class TokenIssuerTests(ProviderTestCase):
    """
    One of ``identity_providers``.
    """

    def setUp(self) -> None:
        super().setUp()
        self.issuer = self.make()

    def make(self, **changes: Any) -> TokenIssuer:
        settings: dict[str, Any] = {
            "name": "ci",
            "issuer": ISSUER,
            "jwks_url": None,
            "algorithms": frozenset({"RS256", "ES256"}),
            "audiences": frozenset({"us", "we"}),
        }
        return TokenIssuer(IssuerSettings(**{**settings, **changes}), http=StubTreq(self.op), clock=self.clock)

    def signed(self, **changes: Any) -> str:
        return self.token(**{"aud": "us", **changes})

    def test_believed(self) -> None:
        """
        A token of the issuer, for one of the audiences, by any of its keys.
        """
        for changes in (
            {},
            {"aud": ["others", "we"]},
            {"__header": {"typ": "at+jwt"}},
            {"__header": {"typ": "application/at+jwt"}},
        ):
            with self.subTest(changes):
                token = self.now(self.issuer.verified(self.signed(**changes)))
                self.assertEqual((token.iss, token.sub, token.expires), (ISSUER, "alice", NOW + 300))

    def test_wrong(self) -> None:
        """
        Whatever is wrong with a token, whoever signed it: it is not believed.
        """
        for changes in WRONG:
            with self.subTest(changes):
                self.refused(self.issuer.verified(self.signed(**changes)), InvalidToken)
        for raw in ("", "opaque", "a.b.c", self.signed()[:-2]):
            self.refused(self.issuer.verified(raw), InvalidToken)

    def test_without_keys(self) -> None:
        """
        What is wrong by itself needs no keys, so that nobody can have them asked for by it.
        """
        for changes in WRONG[:-1]:
            self.refused(self.issuer.verified(self.signed(**changes)), InvalidToken)
        self.assertEqual(self.op.asked(DISCOVERY), 0)

    def test_jwks_url(self) -> None:
        """
        Where the keys are is configured, or what the issuer says; only about itself, and at a safe address.
        """
        self.now(self.make(jwks_url=ISSUER + "/jwks").verified(self.signed()))
        self.assertEqual(self.op.asked(DISCOVERY), 0)
        for document in (
            {"issuer": ISSUER + "/", "jwks_uri": ISSUER + "/jwks"},
            {"issuer": ISSUER},
            {"issuer": ISSUER, "jwks_uri": "http://op.example/jwks"},
            {"issuer": ISSUER, "jwks_uri": 7},
        ):
            self.op.say(DISCOVERY, document)
            self.refused(self.make().verified(self.signed()), ProviderUnavailable)

    def test_unavailable(self) -> None:
        """
        Without keys nothing can be known, and nobody is refused.
        """
        for body, status in ((b"", 500), (b"[]", 200), (b'{"keys": []}', 200)):
            self.op.say("/jwks", body, status)
            self.refused(self.make().verified(self.signed()), ProviderUnavailable)

    def test_new_key(self) -> None:
        """
        A key that the issuer has added since is found.
        """
        self.now(self.issuer.verified(self.signed()))
        self.op.say("/jwks", keys.jwk_set(keys.jwk("RS256", "second", kid="second")))
        self.clock.advance(6)
        self.now(
            self.issuer.verified(self.signed(__key=keys.private_key("RS256", "second"), __header={"kid": "second"}))
        )
