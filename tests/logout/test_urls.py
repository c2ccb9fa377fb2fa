"""
Tests for `pomerium_tx.logout.urls`.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.logout.urls import SignOutUrls, sends_fetch_metadata
from pomerium_tx.sessions.departure import DEPARTURE_LIFETIME
from pomerium_tx.web.signed_url import InvalidSignature, UrlSigner
from tests.logout.world import query_of

A = "https://authenticate.example.com"


class SignOutUrlsTests(SynchronousTestCase):
    """
    The URLs by which a sign-out goes on.
    """

    def setUp(self) -> None:
        self.signer = UrlSigner(b"key")
        self.urls = SignOutUrls(self.signer, A)

    def test_ended(self) -> None:
        """
        A signed reference, and the other OPs.
        """
        url = self.urls.ended("reference", ["two", "three"], 100.0)
        self.signer.verify(url, 100.0)
        pairs = parse_qsl(urlsplit(url).query)
        self.assertIn(("pomerium_ended", "reference"), pairs)
        self.assertEqual([value for name, value in pairs if name == "pomerium_other_idp_id"], ["two", "three"])

    def test_lifetimes(self) -> None:
        """
        The way on from an end is open for as long as the end can be looked up, no other one for longer than usual.
        """
        for url, lifetime in (
            (self.urls.ended("reference", [], 100.0), DEPARTURE_LIFETIME),
            (self.urls.nothing_ended(None, 100.0), 300.0),
        ):
            with self.subTest(lifetime=lifetime):
                self.signer.verify(url, 100.0 + lifetime + 60.0)
                self.assertRaises(InvalidSignature, self.signer.verify, url, 100.0 + lifetime + 61.0)

    def test_cookies_cleared(self) -> None:
        """
        The signature covers that the browser may have lost its cookies.
        """
        self.assertNotIn("pomerium_cleared", self.urls.ended("reference", [], 100.0))
        url = self.urls.ended("reference", [], 100.0, cookies_cleared=True)
        self.signer.verify(url, 100.0)
        self.assertEqual(query_of(url)["pomerium_cleared"], "1")

    def test_nothing_ended(self) -> None:
        """
        A signed URL without a reference: the signature alone has no authority.
        """
        for target in (None, "https://app.example.com/?a=1&b=2"):
            with self.subTest(target=target):
                url = self.urls.nothing_ended(target, 100.0)
                self.signer.verify(url, 100.0)
                self.assertTrue(url.startswith(A + "/.pomerium/sign_out?"))
                self.assertEqual(query_of(url).get("pomerium_redirect_uri"), target)
                self.assertNotIn("pomerium_ended", url)
                self.assertNotIn("pomerium_presented", url)

    def test_presented(self) -> None:
        """
        What was presented although it has ended goes along, and the signature covers it.
        """
        url = self.urls.nothing_ended("https://app.example.com/", 100.0, "sealed")
        self.signer.verify(url, 100.0)
        self.assertEqual(query_of(url)["pomerium_presented"], "sealed")

    def test_confirmation(self) -> None:
        """
        The reference, unsigned: it is sealed itself.
        """
        self.assertEqual(query_of(self.urls.confirmation("sealed")), {"pomerium_confirm": "sealed"})

    def test_signed_out(self) -> None:
        """
        One URI for every OP to register.
        """
        self.assertEqual(self.urls.signed_out, A + "/.pomerium/signed_out")


class FetchMetadataTests(SynchronousTestCase):
    """
    Where user agents say who makes a request.
    """

    def test_origins(self) -> None:
        """
        On https, and on loopback names.
        """
        for origin, expected in (
            ("https://app.example.com", True),
            ("http://app.localhost:8000", True),
            ("http://127.0.0.1:8000", True),
            ("http://[::1]", True),
            ("http://app.example.com", False),
        ):
            with self.subTest(origin=origin):
                self.assertIs(sends_fetch_metadata(origin), expected)
