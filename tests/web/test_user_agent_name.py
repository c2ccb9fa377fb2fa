"""
Tests for `pomerium_tx.web.user_agent_name`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.web.user_agent_name import short_name

_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
_IOS = "AppleWebKit/605.1.15 (KHTML, like Gecko)"

NAMES = [
    (f"Mozilla/5.0 (X11; Linux x86_64) {_WEBKIT} Chrome/156.0.0.0 Safari/537.36", "Chrome 156 on Linux"),
    (f"Mozilla/5.0 (X11; Linux x86_64) {_WEBKIT} HeadlessChrome/156.0.0.0 Safari/537.36", "Chrome 156 on Linux"),
    (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {_WEBKIT} Chrome/156.0.0.0 Safari/537.36", "Chrome 156 on ChromeOS"),
    (f"Mozilla/5.0 (Linux; Android 10; K) {_WEBKIT} Chrome/156.0.0.0 Mobile Safari/537.36", "Chrome 156 on Android"),
    (
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0",
        "Edge 156 on Windows",
    ),
    (
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Chrome/155.0.0.0 Safari/537.36 OPR/120.0.0.0",
        "Opera 120 on Windows",
    ),
    (
        f"Mozilla/5.0 (Linux; Android 10; K) {_WEBKIT} SamsungBrowser/28.0 Chrome/150.0.0.0 Mobile Safari/537.36",
        "Samsung Internet 28 on Android",
    ),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox 140 on Linux"),
    ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox 140 on Mac"),
    (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_IOS} Version/26.1 Safari/605.1.15", "Safari 26 on Mac"),
    (
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) {_IOS} Version/26.1 Mobile/15E148 Safari/604.1",
        "Safari 26 on iPhone",
    ),
    (
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) {_IOS} CriOS/156.0.1.2 Mobile/15E148 Safari/604.1",
        "Chrome 156 on iPhone",
    ),
    ("curl/8.5.0", "curl 8"),
    ("python-requests/2.32.0", "python-requests"),
    ("Mozilla/5.0", "An unknown browser"),
    ("", "An unknown browser"),
    ("<script>", "An unknown browser"),
    ("\xff" * 600, "An unknown browser"),
]


class ShortNameTests(SynchronousTestCase):
    """
    Tests for `short_name`.
    """

    def test_names(self) -> None:
        """
        People find their browsers by the names that they know, whatever else those claim to be.
        """
        for user_agent, name in NAMES:
            with self.subTest(user_agent=user_agent):
                self.assertEqual(short_name(user_agent), name)

    def test_long(self) -> None:
        """
        The name stays short, however long the field is.
        """
        self.assertLess(len(short_name("x" * 100_000)), 60)
        self.assertEqual(short_name(" " * 100_000 + "Firefox/1"), "An unknown browser")
