"""
Tests for `pomerium_tx.jose.jwk_set`.
"""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.jose.jwk_set import InvalidKeySet, JWKSet
from tests.doubles import keys

RSA = keys.jwk("RS256")
N = keys.private_key("RS256").public_key().public_numbers().n
SMALL = rsa.generate_private_key(65537, 1024).public_key().public_numbers().n
EC = keys.jwk("ES256")
UNUSABLE: list[tuple[str, Any]] = [
    ("not an object", 7),
    ("null", None),
    ("no kty", {**RSA, "kty": None}),
    ("unknown kty", {**RSA, "kty": "PQ"}),
    ("kty a list", {**RSA, "kty": ["RSA"]}),
    ("symmetric", keys.jwk("HS256")),
    ("for encryption", {**RSA, "use": "enc"}),
    ("not for verifying", {**RSA, "key_ops": ["encrypt"]}),
    ("key_ops a string", {**RSA, "key_ops": "verify"}),
    ("kid a number", {**RSA, "kid": 7}),
    ("alg a list", {**RSA, "alg": ["RS256"]}),
    ("no modulus", {**RSA, "n": None}),
    ("modulus a number", {**RSA, "n": 7}),
    ("modulus not base64", {**RSA, "n": "***"}),
    ("modulus empty", {**RSA, "n": ""}),
    ("modulus short", {**RSA, "n": keys.uint(SMALL)}),
    ("modulus even", {**RSA, "n": keys.uint(N + 1)}),
    ("modulus of 16384 bits", {**RSA, "n": keys.uint((1 << 16383) + 1)}),
    ("modulus of a megabyte", {**RSA, "n": "A" * 1_000_000}),
    ("exponent 1", {**RSA, "e": keys.uint(1)}),
    ("exponent 0", {**RSA, "e": "AA"}),
    ("exponent even", {**RSA, "e": keys.uint(65536)}),
    ("exponent huge", {**RSA, "e": keys.uint(N - 2)}),
    ("unknown curve", {**EC, "crv": "secp256k1"}),
    ("curve a number", {**EC, "crv": 7}),
    ("no curve", {**EC, "crv": None}),
    ("point not on the curve", {**EC, "y": EC["x"]}),
    ("point at zero", {**EC, "x": keys.b64(bytes(32)), "y": keys.b64(bytes(32))}),
    ("coordinate short", {**EC, "x": keys.b64(b"\1" * 31)}),
    ("coordinate a list", {**EC, "x": []}),
    ("coordinates of another curve", {**EC, "crv": "P-384"}),
    ("X25519", {**keys.jwk("EdDSA"), "crv": "X25519"}),
    ("Ed25519 short", {**keys.jwk("EdDSA"), "x": "AAAA"}),
    ("Ed25519 without x", {**keys.jwk("EdDSA"), "x": None}),
]


class JWKSetTests(SynchronousTestCase):
    """
    Tests for `JWKSet`.
    """

    def test_every_kind(self) -> None:
        """
        RSA, EC and Ed25519 keys are found by algorithm and name.
        """
        document = keys.jwk_set(*(keys.jwk(a, kid=a) for a in ("RS256", "ES256", "ES384", "ES512", "EdDSA")))
        found = JWKSet.parse(document)
        self.assertEqual(len(found), 5)
        self.assertEqual(found.kids, {"RS256", "ES256", "ES384", "ES512", "EdDSA"})
        for algorithm in ("RS256", "ES256", "ES384", "ES512", "EdDSA"):
            with self.subTest(algorithm):
                self.assertEqual([key.kid for key in found.candidates(algorithm, None)], [algorithm])
                self.assertEqual(len(found.candidates(algorithm, algorithm)), 1)
                self.assertEqual(found.candidates(algorithm, "other"), [])
        self.assertEqual([key.kid for key in found.candidates("PS512", None)], ["RS256"])

    def test_unusable_is_skipped(self) -> None:
        """
        A key that cannot be used is left out, and the one beside it is not.
        """
        for name, key in UNUSABLE:
            with self.subTest(name):
                found = JWKSet.parse(keys.jwk_set(key, keys.jwk("ES384", kid="good")))
                self.assertEqual(found.kids, {"good"})

    def test_said_use(self) -> None:
        """
        A key that says what it is for is used for that only.
        """
        found = JWKSet.parse(keys.jwk_set({**RSA, "alg": "PS256", "use": "sig", "key_ops": ["verify"]}))
        self.assertEqual(len(found.candidates("PS256", "first")), 1)
        self.assertEqual(found.candidates("RS256", "first"), [])
        (key,) = found.candidates("PS256", "first")
        signed = keys.signature("RS256", b"x", keys.private_key("RS256"))
        self.assertFalse(key.verifies("RS256", b"x", signed))

    def test_private_members_are_not_looked_at(self) -> None:
        """
        A published private key costs no search for its primes.
        """
        found = JWKSet.parse(keys.jwk_set({**RSA, "d": "AQAB", "p": 7}))
        self.assertEqual(len(found), 1)

    def test_not_a_set(self) -> None:
        """
        A document without any usable key is an outage, never a set without keys.
        """
        for document in (None, [], "keys", 7, {}, {"keys": None}, {"keys": {}}, {"keys": []}, {"keys": [7]}):
            with self.subTest(str(document)):
                self.assertRaises(InvalidKeySet, JWKSet.parse, document)

    def test_bounded(self) -> None:
        """
        A document with very many keys costs no more than a hundred.
        """
        self.assertEqual(len(JWKSet.parse(keys.jwk_set(*([keys.jwk("EdDSA")] * 1000)))), 100)

    def test_secret(self) -> None:
        """
        A client secret verifies HS256 alone, whatever the token calls it, and is not shown.
        """
        found = JWKSet.of_secret(keys.SECRET)
        self.assertEqual(len(found.candidates("HS256", "any")), 1)
        self.assertEqual(found.candidates("RS256", None), [])
        self.assertNotIn("client secret", repr(found) + repr(found.candidates("HS256", None)))
        self.assertEqual(len(JWKSet.of_secret(b"")), 0)
