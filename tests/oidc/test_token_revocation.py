"""
Tests for `pomerium_tx.oidc.token_revocation`.
"""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.oidc.fetch import Answer, ProviderUnavailable
from pomerium_tx.oidc.token_revocation import endpoint, is_invalid_client, require_final
from tests.oidc.test_end_session import METADATA, SETTINGS


def answered(status: int, body: bytes = b"") -> Answer:
    """
    An answer.
    """
    return Answer(status=status, media_type="application/json", body=body)


class TokenRevocationTests(SynchronousTestCase):
    """
    Where tokens are revoked, and what an answer means.
    """

    def test_endpoint(self) -> None:
        """
        The metadata's own goes before a known path on the host of the authorization endpoint; else there is none.
        """
        published = replace(METADATA, revocation_endpoint="https://op.example/r")
        known = replace(SETTINGS, revocation_path="/oauth2/revoke")
        self.assertEqual(endpoint(published, known), "https://op.example/r")
        self.assertEqual(endpoint(METADATA, known), "https://op.example/oauth2/revoke")
        self.assertIsNone(endpoint(METADATA, SETTINGS))

    def test_final(self) -> None:
        """
        A success is final, and so is a refusal of the token; whatever may be otherwise later is not.
        """
        for status in (200, 204, 400, 404, 422):
            require_final(answered(status, b'{"error":"unsupported_token_type"}'), "https://op.example", "access_token")
        for answer in (*map(answered, (401, 403, 429, 500, 503)), answered(400, b'{"error":"invalid_client"}')):
            with self.subTest(answer.status):
                self.assertRaises(ProviderUnavailable, require_final, answer, "https://op.example", "access_token")

    def test_invalid_client(self) -> None:
        """
        Only what says so is about the client.
        """
        self.assertTrue(is_invalid_client(answered(401, b'{"error":"invalid_client"}')))
        for answer in (answered(401), answered(400, b"[]"), answered(500, b'{"error":"invalid_client"}')):
            self.assertFalse(is_invalid_client(answer))
