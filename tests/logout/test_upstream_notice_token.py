"""
Tests for the Logout Tokens of `pomerium_tx.logout.upstream_notice`.
"""

from __future__ import annotations

from pomerium_tx.assertion.assertion import Assertions
from pomerium_tx.jose.signer import Signer, derived_signer
from pomerium_tx.logout.upstream_notice import EVENT
from tests.doubles import keys
from tests.logout.notified import ONE, START, TWO, NoticeTestCase, a_route, verified


class TokenTests(NoticeTestCase):
    """
    What an application is told.
    """

    def test_claims(self) -> None:
        """
        Another implementation verifies the signature with the published key, and every claim is as promised.
        """
        for algorithm in ("ES256", "RS256"):
            with self.subTest(algorithm):
                self.signer = Signer(keys.private_key(algorithm))
                session = self.end()
                self.advance(1)
                self.assertEqual(sorted(uri for uri, _ in self.applications.asked), [ONE, TWO])
                for uri, token in self.applications.asked:
                    header, claims = verified(token, [self.signer.public_jwk()])
                    self.assertEqual(header, {"alg": algorithm, "kid": self.signer.kid, "typ": "logout+jwt"})
                    self.assertTrue(START <= claims["iat"] <= self.clock.seconds())
                    self.assertEqual(claims["exp"], claims["iat"] + 120)
                    self.assertIsInstance(claims["iat"], int)
                    self.assertTrue(claims.pop("jti"))
                    del claims["iat"], claims["exp"]
                    self.assertEqual(
                        claims,
                        {
                            "iss": "https://app.example.com/",
                            "aud": uri,
                            "sub": "alice",
                            "sid": session.id,
                            "events": {EVENT: {}},
                        },
                    )
                self.applications.asked.clear()

    def test_audience(self) -> None:
        """
        The audience is what the route says, if it says one.
        """
        self.routes["app"] = a_route(upstream_logout_audience="the-application")
        self.end()
        self.advance(1)
        audiences = [verified(token, [self.signer.public_jwk()])[1]["aud"] for _, token in self.applications.asked]
        self.assertEqual(audiences, ["the-application"] * 2)

    def test_origin_of_the_use(self) -> None:
        """
        The issuer is the origin on which the session was used, which a route for many hosts does not know.
        """
        self.end(origin="https://tenant.example.com:8443")
        self.advance(1)
        (_, token), _ = self.applications.asked
        self.assertEqual(verified(token, [self.signer.public_jwk()])[1]["iss"], "https://tenant.example.com:8443/")

    def test_same_jti_fresh_times(self) -> None:
        """
        Every attempt has the same `jti`, and times of its own; the notices of two sessions differ.
        """
        self.routes["app"] = a_route(upstream_logout_uri=ONE)
        self.applications.answers[ONE] = 503
        self.end()
        self.advance(100)
        claims = [verified(token, [self.signer.public_jwk()])[1] for _, token in self.applications.asked]
        self.assertGreater(len(claims), 3)
        self.assertEqual(len({each["jti"] for each in claims}), 1)
        self.assertEqual(len({each["iat"] for each in claims}), len(claims))
        self.assertEqual({each["exp"] - each["iat"] for each in claims}, {120})
        del self.applications.answers[ONE]
        self.end()
        self.advance(100)
        jtis = {verified(token, [self.signer.public_jwk()])[1]["jti"] for _, token in self.applications.asked}
        self.assertEqual(len(jtis), 2)

    def test_signer_of_the_moment(self) -> None:
        """
        After the keys have changed, the next attempt is signed with the new one.
        """
        self.routes["app"] = a_route(upstream_logout_uri=ONE)
        self.applications.answers[ONE] = 503
        self.end()
        self.advance(1)
        self.signer = derived_signer(b"another secret")
        self.advance(10)
        (_, first), (_, second), *_ = self.applications.asked
        self.assertEqual(verified(second, [self.signer.public_jwk()])[0]["kid"], self.signer.kid)
        self.assertNotEqual(first.split(".")[0], second.split(".")[0])

    def test_neither_passes_for_the_other(self) -> None:
        """
        An identity assertion is no Logout Token and a Logout Token no identity assertion, although one key signs both
        and both may have one issuer.
        """
        session = self.end()
        self.advance(1)
        uri, logout_token = self.applications.asked[0]
        for issuer_format in ("hostOnly", "uri"):
            with self.subTest(issuer_format):
                assertion = Assertions(self.signer, self.clock, issuer_format).token(session, "app.example.com")
                self.assertTrue(self.is_logout_token(logout_token, uri))
                self.assertTrue(self.is_assertion(assertion))
                self.assertFalse(self.is_logout_token(assertion, uri))
                self.assertFalse(self.is_assertion(logout_token))
                of_assertion = verified(assertion, [self.signer.public_jwk()])
                of_notice = verified(logout_token, [self.signer.public_jwk()])
                self.assertNotEqual(of_assertion[0]["typ"], of_notice[0]["typ"])
                self.assertNotEqual(of_assertion[1]["aud"], of_notice[1]["aud"])
                # The session has one name in both.
                self.assertEqual(of_assertion[1]["sid"], of_notice[1]["sid"])
                self.assertEqual(of_assertion[1]["sub"], of_notice[1]["sub"])

    def is_logout_token(self, token: str, uri: str) -> bool:
        """
        Whether an application that follows the specification (section 2.6) believes it.
        """
        header, claims = verified(token, [self.signer.public_jwk()])
        return (
            header["typ"] == "logout+jwt"
            and claims["aud"] == uri
            and "nonce" not in claims
            and isinstance(claims.get("events", {}).get(EVENT), dict)
        )

    def is_assertion(self, token: str) -> bool:
        """
        Whether an application that asks for no more than Pomerium's own libraries do believes that somebody is there.
        """
        _, claims = verified(token, [self.signer.public_jwk()])
        return bool(claims["aud"] == "app.example.com" and claims["sub"] and claims["exp"] > self.clock.seconds())
