"""
Tests of `pomerium_tx.looks`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.model import Config
from pomerium_tx.looks import look
from tests.config.material import SMALLEST


class LookTests(SynchronousTestCase):
    """
    From keys to a look.
    """

    def test_keys(self) -> None:
        """
        Each key is seen where it belongs, and without any our pages look as they always do.
        """
        plain = look(Config.model_validate(SMALLEST))
        self.assertEqual((plain.light.primary, plain.dark.primary, plain.logo_url), (None, None, None))
        mine = look(
            Config.model_validate(
                {
                    **SMALLEST,
                    "primary_color": "#112233",
                    "darkmode_secondary_color": "#445566",
                    "logo_url": "https://app.example.com/logo.svg",
                }
            )
        )
        self.assertEqual((mine.light.primary, mine.dark.secondary), ("#112233", "#445566"))
        self.assertEqual(mine.logo_url, "https://app.example.com/logo.svg")
