"""
Tests for `pomerium_tx.jose.signer`.
"""

from __future__ import annotations

import base64
from typing import Any

from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from josepy.jwk import JWK
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.jose.jwk_set import JWKSet
from pomerium_tx.jose.jwt import parse, verified_claims
from pomerium_tx.jose.signer import Signer, UnusableSigningKey, derived_signer, load_signers
from tests.doubles import keys


def pem(key: Any, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    """
    *key* in PEM.
    """
    written: bytes = key.private_bytes(Encoding.PEM, form, NoEncryption())
    return written


class SignerTests(SynchronousTestCase):
    """
    Tests for `Signer`.
    """

    def test_each_kind(self) -> None:
        """
        What a signer signs is verified with what it publishes, for each kind of key.
        """
        for algorithm in ("ES256", "ES384", "ES512", "RS256", "EdDSA"):
            with self.subTest(algorithm):
                signer = Signer(keys.private_key(algorithm))
                self.assertEqual(signer.algorithm, algorithm)
                published = JWKSet.parse({"keys": [signer.public_jwk()]})
                verified = verified_claims(signer.sign({"sub": "\u00e9"}), published, {algorithm})
                self.assertEqual(verified.claims, {"sub": "\u00e9"})
                self.assertEqual(verified.header, {"alg": algorithm, "kid": signer.kid, "typ": "JWT"})

    def test_type(self) -> None:
        """
        A token says its type.
        """
        signer = derived_signer(b"s" * 32)
        self.assertEqual(parse(signer.sign({}, "logout+jwt")).header["typ"], "logout+jwt")
        self.assertEqual(parse(signer.sign({})).header["typ"], "JWT")

    def test_published(self) -> None:
        """
        A public JWK has the members that verifiers look for, and none of the private ones.
        """
        self.assertEqual(
            set(Signer(keys.private_key("ES256")).public_jwk()), {"use", "kid", "alg", "kty", "crv", "x", "y"}
        )
        self.assertEqual(set(Signer(keys.private_key("RS256")).public_jwk()), {"use", "kid", "alg", "kty", "n", "e"})

    def test_thumbprint(self) -> None:
        """
        The kid is the RFC 7638 thumbprint in lower-case hex, as another implementation computes it.
        """
        for algorithm in ("ES256", "ES512", "RS256"):
            with self.subTest(algorithm):
                signer = Signer(keys.private_key(algorithm))
                self.assertEqual(signer.kid, JWK.from_json(signer.public_jwk()).thumbprint().hex())

    def test_not_shown(self) -> None:
        """
        A signer's repr names the key and shows none of it.
        """
        signer = Signer(keys.private_key("ES256"))
        self.assertEqual(repr(signer), f"<Signer ES256 {signer.kid}>")


class LoadSignersTests(SynchronousTestCase):
    """
    Tests for `load_signers`.
    """

    def test_several(self) -> None:
        """
        All keys of a file are loaded in order, in any of the usual forms.
        """
        parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
        text = (
            parameters
            + pem(keys.private_key("ES256"), PrivateFormat.TraditionalOpenSSL)
            + pem(keys.private_key("RS256"))
            + pem(keys.private_key("EdDSA"))
        )
        self.assertEqual([signer.algorithm for signer in load_signers(text)], ["ES256", "RS256", "EdDSA"])

    def test_base64(self) -> None:
        """
        Pomerium's base64 of PEM is the same key.
        """
        text = pem(keys.private_key("ES256"))
        (signer,) = load_signers(base64.encodebytes(text))
        self.assertEqual(signer.kid, load_signers(text)[0].kid)

    def test_unusable(self) -> None:
        """
        A missing, broken, encrypted, weak or unknown key is named as such.
        """
        encrypted = keys.private_key("ES256").private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")
        )
        good = pem(keys.private_key("ES256"))
        for name, text in {
            "empty": b"",
            "text": b"not a key",
            "base64 of text": base64.b64encode(b"not a key"),
            "broken": good.replace(b"M", b"N", 3),
            "encrypted": encrypted,
            "weak": pem(rsa.generate_private_key(65537, 1024)),
            "DSA": pem(dsa.generate_private_key(1024)),
            "curve": pem(ec.generate_private_key(ec.SECP256K1())),
            "one good, one weak": good + pem(rsa.generate_private_key(65537, 1024)),
        }.items():
            with self.subTest(name):
                self.assertRaises(UnusableSigningKey, load_signers, text)


class DerivedSignerTests(SynchronousTestCase):
    """
    Tests for `derived_signer`.
    """

    def test_same_everywhere(self) -> None:
        """
        The same secret gives the same key in every process and every release; another secret another.
        """
        signer = derived_signer(b"x" * 32)
        self.assertEqual(signer.algorithm, "ES256")
        self.assertEqual(signer.kid, "40e5296a74500496f50442abd5bc0fdfbd983541cb5d0cf218ed30d9f3a7021f")
        self.assertNotEqual(signer.kid, derived_signer(b"y" * 32).kid)
