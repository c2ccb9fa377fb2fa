"""
Tests for `pomerium_tx.web.html.signed_out`: images that are there to be loaded.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.web.html import Truth, signed_out

URL = 'https://a.test/i?x=1&y="><script>'


class SignedOutImagesTests(SynchronousTestCase):
    """
    They are on the page, and nobody sees or hears of them.
    """

    def test_loaded_and_not_seen(self) -> None:
        """
        Each is one pixel, of which a screen reader does not speak, and its URL cannot end early.
        """
        text = signed_out(Truth.EVERYWHERE, images=[URL, "https://b.test/i"]).decode()
        self.assertEqual(text.count("<img "), 2)
        self.assertEqual(text.count('alt="" width="1" height="1"'), 2)
        self.assertIn('src="https://a.test/i?x=1&amp;y=&quot;&gt;&lt;script&gt;"', text)
        self.assertNotIn("lazy", text)

    def test_none(self) -> None:
        """
        Without applications to clear there is no image.
        """
        for truth in Truth:
            with self.subTest(truth):
                self.assertNotIn(b"<img", signed_out(truth))
