"""
Tests for `pomerium_tx.oidc.urls`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.oidc.urls import origin_of, own_query_without, with_query


class URLsTests(SynchronousTestCase):
    """
    Tests for `with_query` and `own_query_without`.
    """

    def test_added(self) -> None:
        """
        Fields are added after what is there, with one question mark.
        """
        for url, expected in (
            ("https://op", "https://op?a=1%20%26"),
            ("https://op/e", "https://op/e?a=1%20%26"),
            ("https://op/e?", "https://op/e?a=1%20%26"),
            ("https://op/e?x=%7E&&y", "https://op/e?x=%7E&y&a=1%20%26"),
            ("https://op/e?a=0&x=1&%61=2", "https://op/e?x=1&a=1%20%26"),
            ("https://[::1]:8/e?x=1", "https://[::1]:8/e?x=1&a=1%20%26"),
        ):
            with self.subTest(url):
                self.assertEqual(with_query(url, [("a", "1 &")]), expected)

    def test_without(self) -> None:
        """
        Only what has one of the names goes.
        """
        self.assertEqual(own_query_without("https://op/e?a=1&b=2&ab=3", ["a"]), "https://op/e?b=2&ab=3")
        self.assertEqual(own_query_without("https://op/e?a=1", ["a"]), "https://op/e")

    def test_origin(self) -> None:
        """
        The origin of an endpoint is what stands before its path, port and all.
        """
        self.assertEqual(origin_of("https://op.example:8443/a/b?c=d"), "https://op.example:8443")
