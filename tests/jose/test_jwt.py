"""
Tests for `pomerium_tx.jose.jwt`.
"""

from __future__ import annotations

import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.jose.jwk_set import ALGORITHMS, ASYMMETRIC, JWKSet
from pomerium_tx.jose.jwt import InvalidToken, UnknownKey, compact_hs256, open_hs256, parse, verified_claims
from tests.doubles import keys

CLAIMS = {"sub": "alice", "n": 1}


def issuer_keys(*algorithms: str) -> JWKSet:
    """
    A set with a key for each of *algorithms*.
    """
    return JWKSet.parse(keys.jwk_set(*(keys.jwk(algorithm) for algorithm in algorithms)))


class ParseTests(SynchronousTestCase):
    """
    Tests for `parse`.
    """

    def refused(self, token: str, name: str = "") -> None:
        """
        *token* is refused, without being quoted.
        """
        with self.subTest(name or token):
            refusal = self.assertRaises(InvalidToken, parse, token)
            self.assertNotIn("alice", refusal.reason)

    def test_parts(self) -> None:
        """
        A token is taken apart into what it says and what was signed.
        """
        token = keys.token(CLAIMS)
        parts = parse(token)
        self.assertEqual((parts.algorithm, parts.kid, parts.claims), ("RS256", "first", CLAIMS))
        self.assertEqual(parts.signing_input, token.rpartition(".")[0].encode())
        self.assertNotIn("alice", repr(parts))
        for secret in (parts.signing_input, parts.signature):
            self.assertNotIn(repr(secret)[2:-1], repr(parts))
        self.assertNotIn("alice", repr(verified_claims(token, issuer_keys("RS256"), ASYMMETRIC)))

    def test_shapes(self) -> None:
        """
        What is not three base64url segments is refused: an unsigned token, JWE, the JSON forms, white space.
        """
        token = keys.token(CLAIMS)
        header, payload, signature = token.split(".")
        for shape in (
            "",
            "..",
            f"{header}.{payload}",
            f"{header}.{payload}.",
            f".{payload}.{signature}",
            f"{header}..{signature}",
            f"{token}.",
            f"{token}.a.b",
            f" {token}",
            f"{token}\n",
            f"{header}.{payload}=.{signature}",
            f"{header}.\u00e9.{signature}",
            json.dumps({"payload": payload, "protected": header, "signature": signature}),
        ):
            self.refused(shape)

    def test_long(self) -> None:
        """
        A token over the limit is refused before any of it is decoded.
        """
        self.refused(keys.token({"a": "x" * 70_000}), "long token")
        self.refused(keys.token(CLAIMS, header={"kid": "x" * 1_000_000}), "long kid")
        token = keys.token(CLAIMS)
        self.assertRaises(InvalidToken, parse, token, max_bytes=len(token) - 1)
        self.assertEqual(parse(token, max_bytes=len(token)).claims, CLAIMS)
        for length, reason in ((65536, "the token does not have three segments"), (65537, "the token is too long")):
            refusal = self.assertRaises(InvalidToken, parse, "x" * length)
            self.assertEqual((refusal.reason, str(refusal)), (reason, reason))

    def test_headers(self) -> None:
        """
        A header with no ``alg`` that can be verified, with extensions, or with names of a wrong type is refused.
        """
        for header in (
            {"alg": None},
            {"alg": "none"},
            {"alg": "None"},
            {"alg": "HS512"},
            {"alg": "rs256"},
            {"alg": ["RS256"]},
            {"alg": 7},
            {"alg": {}},
            {"crit": ["x"], "x": 1},
            {"crit": ["b64"], "b64": False},
            {"crit": []},
            {"b64": False},
            {"b64": True},
            {"kid": 7},
            {"kid": ["first"]},
            {"typ": 7},
        ):
            self.refused(keys.token(CLAIMS, header=header), str(header))

    def test_not_objects(self) -> None:
        """
        A payload that is not one JSON object is refused.
        """
        for payload in (b"", b'"x"', b"7", b"null", b"[]", b"\xff", b"\xef\xbb\xbf{}", b'{"a":1,"a":2}', b"[" * 20_000):
            self.refused(keys.token(payload), str(payload[:20]))

    @given(st.text(alphabet="ab.AB=-_ \n{}\u00e9", max_size=40))
    def test_only_its_own_refusal(self, text: str) -> None:
        """
        No text causes anything but `InvalidToken`.
        """
        self.assertRaises(InvalidToken, parse, text)


class VerifiedClaimsTests(SynchronousTestCase):
    """
    Tests for `verified_claims`.
    """

    def refused(self, token: str, *, algorithms: Any = ASYMMETRIC, among: JWKSet | None = None) -> InvalidToken:
        """
        Why *token* is refused.
        """
        return self.assertRaises(InvalidToken, verified_claims, token, among or issuer_keys("RS256"), algorithms)

    def test_each_algorithm(self) -> None:
        """
        A token is believed with each algorithm that its issuer may use, and a flipped bit anywhere spoils it.
        """
        for algorithm in sorted(ALGORITHMS):
            among = JWKSet.of_secret(keys.SECRET) if algorithm == "HS256" else issuer_keys(algorithm)
            token = keys.token(CLAIMS, algorithm)
            with self.subTest(algorithm):
                self.assertEqual(verified_claims(token, among, {algorithm}).claims, CLAIMS)
            for place in range(0, len(token), 5):
                changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
                with self.subTest(algorithm, place=place):
                    self.refused(changed, algorithms={algorithm}, among=among)

    def test_not_agreed(self) -> None:
        """
        A good signature with an algorithm that was not agreed on is worth nothing.
        """
        self.assertIn("agreed", self.refused(keys.token(CLAIMS, "PS256"), algorithms={"RS256"}).reason)

    def test_key_of_another_kind(self) -> None:
        """
        A key is used with the algorithms of its kind and curve only.
        """
        among = issuer_keys("RS256", "ES384")
        p384 = keys.private_key("ES384")
        for algorithm, key in (("ES256", p384), ("ES512", p384), ("EdDSA", keys.private_key("EdDSA"))):
            with self.subTest(algorithm):
                forged = keys.token(CLAIMS, algorithm, key=key)
                self.assertIsInstance(self.refused(forged, among=among), UnknownKey)

    def test_public_key_as_secret(self) -> None:
        """
        What everybody can read is no HMAC key, even where HS256 is allowed.
        """
        public = keys.private_key("RS256").public_key()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        for secret in (pem, pem.strip(), json.dumps(keys.jwk("RS256")).encode()):
            self.refused(keys.token(CLAIMS, "HS256", key=secret), algorithms=ALGORITHMS)

    def test_key_in_the_token(self) -> None:
        """
        A token cannot bring the key, the certificate, or the place where its key is.
        """
        stranger = keys.private_key("RS256", "stranger")
        for header in (
            {"jwk": keys.jwk("RS256", "stranger")},
            {"jwk": keys.jwk("RS256", "stranger"), "kid": None},
            {"jku": "https://evil.test/jwks"},
            {"x5u": "https://evil.test/x"},
            {"x5c": ["MIIB"]},
        ):
            with self.subTest(str(header)[:20]):
                self.refused(keys.token(CLAIMS, header=header, key=stranger))

    def test_unknown_kid(self) -> None:
        """
        A key that is not in the set is told apart from a wrong signature, so that newer keys can be fetched.
        """
        for kid in ("second", "", "../../../../dev/null", "' OR 1=1"):
            with self.subTest(kid):
                self.assertIsInstance(self.refused(keys.token(CLAIMS, header={"kid": kid})), UnknownKey)
        stranger = keys.private_key("RS256", "stranger")
        self.assertNotIsInstance(self.refused(keys.token(CLAIMS, key=stranger)), UnknownKey)
        self.assertIsInstance(self.refused(keys.token(CLAIMS, key=stranger, header={"kid": None})), UnknownKey)

    def test_no_kid(self) -> None:
        """
        Without a kid the only key of its kind is taken; of several, none.
        """
        token = keys.token(CLAIMS, header={"kid": None})
        self.assertEqual(verified_claims(token, issuer_keys("RS256", "ES256"), ASYMMETRIC).claims, CLAIMS)
        two = JWKSet.parse(keys.jwk_set(keys.jwk("RS256"), keys.jwk("RS256", "stranger")))
        self.assertIn("several", self.refused(token, among=two).reason)

    def test_same_kid_twice(self) -> None:
        """
        Where two keys have one name, the signature of either is good.
        """
        two = JWKSet.parse(keys.jwk_set(keys.jwk("RS256", "stranger", kid="first"), keys.jwk("RS256")))
        self.assertEqual(verified_claims(keys.token(CLAIMS), two, {"RS256"}).claims, CLAIMS)

    def test_signatures_of_wrong_form(self) -> None:
        """
        DER, zero and overlong ECDSA signatures and short RSA ones are wrong signatures, not accidents.
        """
        key = keys.private_key("ES256")
        for name, made in {
            "der": lambda message: key.sign(message, ec.ECDSA(hashes.SHA256())),
            "zero": lambda _: bytes(64),
            "too large": lambda _: b"\xff" * 64,
            "short": lambda _: b"\x01" * 63,
            "long": lambda message: keys.signature("ES256", message, key) + b"\0",
        }.items():
            with self.subTest(name):
                self.refused(keys.token(CLAIMS, "ES256", sign=made), among=issuer_keys("ES256"))
        for size in (1, 64, 255, 257, 300):
            with self.subTest(size=size):
                self.refused(keys.token(CLAIMS, sign=lambda _, size=size: b"\x01" * size))

    def test_salt_of_wrong_length(self) -> None:
        """
        A PSS signature has a salt as long as its hash, and no other.
        """
        digest = hashes.SHA256()
        scheme = padding.PSS(mgf=padding.MGF1(digest), salt_length=padding.PSS.MAX_LENGTH)
        key = keys.private_key("PS256")
        self.refused(keys.token(CLAIMS, "PS256", sign=lambda message: bytes(key.sign(message, scheme, digest))))

    def test_signature_of_another_token(self) -> None:
        """
        A signature belongs to one token.
        """
        other = keys.token({"sub": "bob"}).rpartition(".")[2]
        self.refused(f"{keys.token(CLAIMS).rpartition('.')[0]}.{other}")


class HS256Tests(SynchronousTestCase):
    """
    Tests for `compact_hs256` and `open_hs256`.
    """

    key = b"k" * 32

    def test_there_and_back(self) -> None:
        """
        Claims come back from the token that was made of them.
        """
        self.assertEqual(open_hs256(compact_hs256(CLAIMS, self.key), self.key), CLAIMS)

    def test_form(self) -> None:
        """
        The token is byte for byte one that Pomerium would write and others can read.
        """
        token = compact_hs256(CLAIMS, self.key)
        self.assertTrue(token.startswith(keys.b64(b'{"alg":"HS256","typ":"JWT"}') + "."))
        among = JWKSet.of_secret(self.key)
        self.assertEqual(verified_claims(token, among, {"HS256"}).claims, CLAIMS)

    def test_refused(self) -> None:
        """
        Another key, header, signature or form opens nothing, and breaks nothing.
        """
        token = compact_hs256(CLAIMS, self.key)
        self.assertIsNone(open_hs256(token, b"j" * 32))
        start = token.partition(".")[0]
        for other in (
            "",
            ".",
            start,
            start + ".",
            token + "=",
            token + " ",
            token + "\u00e9",
            token[:-1],
            "x" * 100_000,
            keys.token(CLAIMS, "HS256", key=self.key),
            self.with_header(b'{"alg":"HS256","typ":"JWX"}'),
            keys.token(CLAIMS, "HS256", key=self.key, header={"alg": "none"}),
        ):
            with self.subTest(other[:20]):
                self.assertIsNone(open_hs256(other, self.key))

    def test_long(self) -> None:
        """
        A token as long as any may be is opened, and one that is longer is not read.
        """
        longest = compact_hs256({"a": "x" * 49_083}, self.key)
        self.assertEqual(len(longest), 65536)
        self.assertIsNotNone(open_hs256(longest, self.key))
        self.assertIsNone(open_hs256(compact_hs256({"a": "x" * 49_084}, self.key), self.key))

    def with_header(self, header: bytes) -> str:
        """
        The usual claims under another header, rightly signed.
        """
        signing_input = f"{keys.b64(header)}.{keys.b64(json.dumps(CLAIMS).encode())}"
        return f"{signing_input}.{keys.b64(keys.signature('HS256', signing_input.encode(), self.key))}"

    def test_every_character(self) -> None:
        """
        No token with one character changed is opened, the unused bits at its end included.
        """
        token = compact_hs256(CLAIMS, self.key)
        for place in range(len(token)):
            for character in "AZ09-_.":
                if character != token[place]:
                    changed = token[:place] + character + token[place + 1 :]
                    self.assertIsNone(open_hs256(changed, self.key))
        last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        opened = [c for c in last if open_hs256(token[:-1] + c, self.key) is not None]
        self.assertEqual(opened, [token[-1]])
