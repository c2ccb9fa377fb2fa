"""
Tests for `pomerium_tx.demo.metadata`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.demo.metadata import provider_metadata


class MetadataTests(SynchronousTestCase):
    """
    What discovery says.
    """

    def test_all_three_channels(self) -> None:
        """
        Logout is offered in all three ways, with the session named.
        """
        document = provider_metadata("http://op.test", scopes=("openid",), algorithms={"RS256", "ES256"})
        self.assertEqual(document["end_session_endpoint"], "http://op.test/end-session")
        for channel in ("frontchannel", "backchannel"):
            for name in (f"{channel}_logout_supported", f"{channel}_logout_session_supported"):
                with self.subTest(name=name):
                    self.assertIs(document[name], True)

    def test_keys(self) -> None:
        """
        The algorithms are those of the keys.
        """
        document = provider_metadata("http://op.test", scopes=("openid",), algorithms={"RS256", "ES256"})
        self.assertEqual(document["id_token_signing_alg_values_supported"], ["ES256", "RS256"])
