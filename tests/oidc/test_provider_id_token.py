"""
Tests for `pomerium_tx.oidc.provider`: ID Tokens and the keys that they are verified with.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs

from pomerium_tx.jose.jwt import InvalidToken, UnknownKey
from pomerium_tx.oidc.provider import (
    ProviderUnavailable,
)
from tests.doubles import keys
from tests.oidc.op import HOSTILE, NOW, SECRET, ProviderTestCase


class IdTokenTests(ProviderTestCase):
    """
    Tests for `Provider.id_token`.
    """

    def verified(self, raw: str, **arguments: Any) -> Coroutine[Deferred[Any], Any, Any]:
        """
        The verification of *raw*.
        """
        return self.provider.id_token(raw, **{"nonce": "n", "access_token": "at", **arguments})

    def test_verified(self) -> None:
        """
        A good token is believed, with each algorithm that metadata list and a key exists for.
        """
        self.assertEqual(self.now(self.verified(self.token())).sub, "alice")
        token = self.token(__alg="ES256", __header={"kid": "ec"})
        self.assertEqual(self.now(self.verified(token)).raw, token)
        self.assertEqual(self.op.asked("/jwks"), 1)

    def test_checked(self) -> None:
        """
        The claims are checked for this issuer, client, request, subject and time.
        """
        self.refused(self.verified(self.token(iss="https://evil.test")), InvalidToken)
        self.refused(self.verified(self.token(aud="other")), InvalidToken)
        self.refused(self.verified(self.token(nonce="other")), InvalidToken)
        self.refused(self.verified(self.token(at_hash="x")), InvalidToken)
        self.refused(self.verified(self.token(), nonce=None, sub="bob"), InvalidToken)
        self.clock.advance(361)
        self.refused(self.verified(self.token()), InvalidToken)

    def test_max_age(self) -> None:
        """
        A configured ``max_age`` is insisted on at sign-in, and not at a refresh.
        """
        self.provider = self.relying_party(request_params={"max_age": "100"})
        self.refused(self.verified(self.token(auth_time=NOW - 161)), InvalidToken)
        self.assertEqual(self.now(self.verified(self.token(auth_time=NOW))).sub, "alice")
        self.assertEqual(self.now(self.verified(self.token(auth_time=0), nonce=None)).sub, "alice")

    def test_hs256(self) -> None:
        """
        HS256 is for a client that is registered so, and then nothing else is.
        """
        signed = self.token(__alg="HS256", __key=SECRET.encode())
        self.refused(self.verified(signed), InvalidToken)
        self.provider = self.relying_party(id_token_signed_response_alg="HS256")
        self.assertEqual(self.now(self.verified(signed)).sub, "alice")
        self.refused(self.verified(self.token()), InvalidToken)
        self.refused(self.verified(self.token(__alg="HS256", __key=b"")), InvalidToken)

    def test_registered_alg(self) -> None:
        """
        A client that is registered for one algorithm takes no other.
        """
        for registered in ("ES256", "none"):
            self.provider = self.relying_party(id_token_signed_response_alg=registered)
            self.refused(self.verified(self.token()), InvalidToken)

    def test_rotation(self) -> None:
        """
        A key that is not known yet is looked for once, and found.
        """
        self.now(self.verified(self.token()))
        self.op.say("/jwks", keys.jwk_set(keys.jwk("RS256", "second")))
        self.clock.advance(10)
        rotated = self.token(__header={"kid": "second"}, __key=keys.private_key("RS256", "second"))
        with capturedLogs() as logged:
            self.assertEqual(self.now(self.verified(rotated)).sub, "alice")
        self.assertEqual(len(logged), 1)
        self.assertEqual(self.op.asked("/jwks"), 2)
        self.refused(self.verified(self.token()), UnknownKey)

    def test_rotation_without_kid(self) -> None:
        """
        Where keys have no names, a signature by none of them asks for newer ones too.
        """
        self.op.say("/jwks", keys.jwk_set(keys.jwk("RS256", kid=None)))
        self.now(self.verified(self.token(__header={"kid": None})))
        self.op.say("/jwks", keys.jwk_set(keys.jwk("RS256", "second", kid=None)))
        self.clock.advance(10)
        rotated = self.token(__header={"kid": None}, __key=keys.private_key("RS256", "second"))
        self.assertEqual(self.now(self.verified(rotated)).sub, "alice")

    def test_throttled(self) -> None:
        """
        A thousand tokens with unknown keys lead to one fetch in ten seconds, and are all refused.
        """
        self.now(self.verified(self.token()))
        self.clock.advance(10)
        for count in range(1000):
            self.refused(self.verified(self.token(__header={"kid": f"k{count}"})), UnknownKey)
        self.assertEqual(self.op.asked("/jwks"), 2)

    def test_wrong_signature(self) -> None:
        """
        A wrong signature of a known key asks for nothing.
        """
        self.now(self.verified(self.token()))
        self.clock.advance(10)
        self.refused(self.verified(self.token(__key=keys.private_key("RS256", "stranger"))), InvalidToken)
        self.assertEqual(self.op.asked("/jwks"), 1)

    def test_single_flight(self) -> None:
        """
        A hundred sign-ins at once wait for one fetch.
        """
        jwks = self.op.says.pop("/jwks")
        waiting = [Deferred.fromCoroutine(self.verified(self.token())) for _ in range(100)]
        (request,) = self.op.silent
        request.write(jwks[1])
        request.finish()
        self.stub.flush()
        for one in waiting:
            self.assertEqual(self.successResultOf(one).sub, "alice")
        self.assertEqual(self.op.asked("/jwks"), 1)

    def test_no_keys(self) -> None:
        """
        Without keys nothing is believed, and the reason is the provider's.
        """
        for name, status, body, headers in [*HOSTILE, ("no keys", 200, b'{"keys":[]}', {})]:
            with self.subTest(name):
                self.op.says["/jwks"] = (status, body, headers)
                self.provider = self.relying_party()
                self.refused(self.verified(self.token()), ProviderUnavailable)

    def test_last_good_keys(self) -> None:
        """
        Known keys stay good while the provider cannot be asked; unknown ones stay unknown.
        """
        self.now(self.verified(self.token()))
        for name, status, body, headers in [*HOSTILE, ("no keys", 200, b'{"keys":[]}', {})]:
            with self.subTest(name):
                self.op.says["/jwks"] = (status, body, headers)
                self.clock.advance(10)
                self.assertEqual(self.now(self.verified(self.token(exp=NOW + 9999))).sub, "alice")
                unknown = self.token(exp=NOW + 9999, __header={"kid": "second"})
                self.refused(self.verified(unknown), UnknownKey)

    def test_withdrawn(self) -> None:
        """
        A key that the provider has withdrawn is good for an hour at most.
        """
        self.now(self.verified(self.token()))
        self.op.say("/jwks", keys.jwk_set(keys.jwk("ES256")))
        self.clock.advance(3600)
        later = self.token(iat=NOW + 3600, exp=NOW + 3900)
        self.refused(self.verified(later), InvalidToken)
