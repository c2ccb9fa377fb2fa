"""
Tests of `pomerium_tx.signing`.
"""

from __future__ import annotations

import json

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.model import Config
from pomerium_tx.signing import RETIRED_KEY_SECONDS, Signing
from tests.config.material import SMALLEST, key_pair
from tests.doubles.channel import ask


class SigningTests(SynchronousTestCase):
    """
    What is published.
    """

    def setUp(self) -> None:
        self.clock = Clock()

    def signing(self, previous: Signing | None = None, **values: object) -> Signing:
        return Signing(Config.model_validate({**SMALLEST, **values}), self.clock, previous)

    def published(self, signing: Signing) -> list[str]:
        document = json.loads(ask(signing.jwks, "/", origin="https://app.example.com").body)
        return [key["kid"] for key in document["keys"]]

    def test_derived(self) -> None:
        """
        Without a key of its own a configuration signs with one that follows from its secret: always the same.
        """
        one, other = self.signing(), self.signing()
        self.assertEqual([signer.kid for signer in one.signers], [signer.kid for signer in other.signers])
        self.assertEqual(self.published(one), [one.signers[0].kid])

    def test_replaced(self) -> None:
        """
        A key that a reload replaces is published until nothing can be valid that it has signed.
        """
        before = self.signing()
        after = self.signing(before, signing_key=key_pair()[1].decode())
        both = [after.signers[0].kid, before.signers[0].kid]
        self.assertEqual(self.published(after), both)
        self.clock.advance(RETIRED_KEY_SECONDS - 1)
        again = self.signing(after, signing_key=key_pair()[1].decode())
        self.assertEqual(self.published(again), both)
        self.clock.advance(1)
        self.assertEqual(self.published(again), both[:1])
