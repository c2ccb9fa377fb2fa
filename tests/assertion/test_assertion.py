"""
The signed assertions and how long one is used.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.assertion import assertion as assertion_module
from pomerium_tx.assertion.assertion import Assertions
from pomerium_tx.jose import jwt
from pomerium_tx.jose.jwk_set import JWKSet
from pomerium_tx.jose.signer import derived_signer
from tests.doubles.peers import pairs_of
from tests.policy.people import alice


class AssertionsTests(SynchronousTestCase):
    """
    One assertion for each session and audience.
    """

    def setUp(self) -> None:
        """
        A signer, a clock, and Alice.
        """
        self.clock = Clock()
        self.clock.advance(1_700_000_000)
        self.signer = derived_signer(b"s" * 32)
        self.alice = alice()
        self.assertions = self.make()

    def make(self, **settings: Any) -> Assertions:
        """
        Assertions with these settings.
        """
        return Assertions(self.signer, self.clock, **settings)

    def said(self, token: str) -> dict[str, Any]:
        """
        The claims of a token, once its signature has been verified by the published key.
        """
        keys = JWKSet.parse({"keys": [self.signer.public_jwk()]})
        verified = jwt.verified_claims(token, keys, {"ES256"})
        self.assertEqual(verified.header, {"alg": "ES256", "kid": self.signer.kid, "typ": "JWT"})
        return dict(verified.claims)

    def test_signed(self) -> None:
        """
        The token verifies with the published key and says who asks.
        """
        claims = self.said(self.assertions.token(self.alice, "app.test"))
        self.assertEqual((claims["iss"], claims["aud"], claims["sub"]), ("app.test", "app.test", "alice"))
        self.assertEqual(claims["exp"] - claims["iat"], 300)

    def test_issuer_format(self) -> None:
        """
        The issuer is the host or its URL, as is configured; a route's own format wins.
        """
        uri = self.make(issuer_format="uri")
        self.assertEqual(self.said(uri.token(self.alice, "app.test"))["iss"], "https://app.test/")
        self.assertEqual(self.said(uri.token(self.alice, "app.test", "hostOnly"))["iss"], "app.test")
        self.assertEqual(self.said(self.assertions.token(self.alice, "app.test", "uri"))["iss"], "https://app.test/")
        self.assertEqual(self.said(self.assertions.token(self.alice, "app.test"))["iss"], "app.test")
        self.assertEqual(uri.claims(self.alice, "app.test")["iss"], "https://app.test/")

    def test_used_again(self) -> None:
        """
        For a minute the same token serves, then a new one does.
        """
        first = self.assertions.token(self.alice, "app.test")
        self.clock.advance(59.9)
        self.assertIs(self.assertions.token(self.alice, "app.test"), first)
        self.clock.advance(0.1)
        second = self.assertions.token(self.alice, "app.test")
        self.assertNotEqual(self.said(second)["jti"], self.said(first)["jti"])
        self.assertEqual(self.said(second)["iat"], 1_700_000_060)

    def test_clock_set_back(self) -> None:
        """
        A token from the future is not used.
        """
        first = self.assertions.token(self.alice, "app.test")
        self.clock.rightNow -= 3600
        self.assertEqual(self.said(self.assertions.token(self.alice, "app.test"))["iat"], 1_700_000_000 - 3600)
        self.assertNotEqual(self.assertions.token(self.alice, "app.test"), first)

    def test_changed_session(self) -> None:
        """
        What a refresh learned is told at once.
        """
        self.assertions.token(self.alice, "app.test")
        changed = alice(email="new@example.com")
        self.assertEqual(self.said(self.assertions.token(changed, "app.test"))["email"], "new@example.com")

    def test_each_their_own(self) -> None:
        """
        Another audience or another person gets another token.
        """
        bob = alice(id="session-of-bob", user_id="bob")
        tokens = [
            self.assertions.token(session, host) for session in (self.alice, bob, None) for host in ("a.test", "b.test")
        ]
        said = [(claims["sub"], claims["aud"]) for claims in map(self.said, tokens)]
        self.assertEqual(said, [(user, host) for user in ("alice", "bob", "") for host in ("a.test", "b.test")])

    def test_headers(self) -> None:
        """
        The assertion and every configured claim header are given, and named beforehand.
        """
        assertions = self.make(claim_headers={"x-email": "email", "x-pomerium-claim-team": "team"})
        headers = dict(pairs_of(assertions.headers(self.alice, "app.test")))
        self.assertEqual(tuple(headers), assertions.header_names)
        token = assertions.token(self.alice, "app.test").encode()
        self.assertEqual(
            headers,
            {b"X-Pomerium-Jwt-Assertion": token, b"x-email": b"alice@example.com", b"x-pomerium-claim-team": b""},
        )
        self.assertEqual(dict(pairs_of(assertions.headers(None, "app.test")))[b"x-email"], b"")

    def test_configured_claims_signed(self) -> None:
        """
        A claim that has a header is in the assertion too.
        """
        assertions = self.make(claim_headers={"x-team": "team"})
        session = alice(claims={"team": ("red", "blue"), "salary": (1,)})
        claims = self.said(assertions.token(session, "app.test"))
        self.assertEqual(claims["team"], "red,blue")
        self.assertNotIn("salary", claims)

    def test_forgotten(self) -> None:
        """
        What was kept for a session can be dropped, once or twice, and others keep theirs.
        """
        bob = alice(id="session-of-bob")
        first, bobs = self.assertions.token(self.alice, "a.test"), self.assertions.token(bob, "a.test")
        self.assertions.forget(self.alice.id)
        self.assertions.forget(self.alice.id)
        self.assertIsNot(self.assertions.token(self.alice, "a.test"), first)
        self.assertIs(self.assertions.token(bob, "a.test"), bobs)

    def test_bounded(self) -> None:
        """
        Only so many sessions' assertions are kept: those signed last.
        """
        assertions = self.make(sessions_kept=2)
        people = [alice(id=f"session-{number}") for number in range(3)]
        oldest, middle, _ = (assertions.token(person, "a.test") for person in people)
        self.assertIs(assertions.token(people[1], "a.test"), middle)
        self.assertIsNot(assertions.token(people[0], "a.test"), oldest)
        self.assertEqual(len(assertions._kept), 2)

    def test_audiences_bounded(self) -> None:
        """
        Only so many audiences of one session are kept: those signed for last.
        """
        self.patch(assertion_module, "AUDIENCES_KEPT", 2)
        first = self.assertions.token(None, "a.test")
        second = self.assertions.token(None, "b.test")
        self.assertions.token(None, "c.test")
        self.assertIs(self.assertions.token(None, "b.test"), second)
        self.assertIsNot(self.assertions.token(None, "a.test"), first)
        self.assertEqual(len(self.assertions._kept[""]), 2)

    def test_no_token_shown(self) -> None:
        """
        A token is not in the ``repr`` of anything kept.
        """
        token = self.assertions.token(self.alice, "a.test")
        self.assertNotIn(token, repr(self.assertions._kept))
