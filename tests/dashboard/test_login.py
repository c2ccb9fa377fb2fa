"""
Tests for `pomerium_tx.dashboard.login`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.dashboard.login import LoginCookies, LoginStart
from pomerium_tx.logout.handover import login_digest
from pomerium_tx.web.signed_url import UrlSigner
from tests.logout.world import query_of

A = "https://authenticate.example.com"


class LoginStartTests(SynchronousTestCase):
    """
    The redirect from a route to the sign-in.
    """

    def setUp(self) -> None:
        self.signer = UrlSigner(b"key")
        self.login = LoginStart(url_signer=self.signer, authenticate_origin=A, cookie_name="sso")

    def begin(self, url: str = "https://app.example.com/x", *cookies: bytes) -> tuple[str, str]:
        return self.login.begin(url, cookies, "idp", 1000.0)

    def test_location(self) -> None:
        """
        It is signed and has what the authenticate host needs.
        """
        url = "https://app.example.com/a%20b?x=1&y=%2F+é"
        location, cookie = self.begin(url)
        self.signer.verify(location, 1000.0)
        self.assertTrue(location.startswith(A + "/.pomerium/sign_in?"))
        query = query_of(location)
        self.assertEqual(query["pomerium_redirect_uri"], "https://app.example.com/a%20b?x=1&y=%2F+%E9")
        self.assertEqual(query["pomerium_idp_id"], "idp")
        value = cookie.partition("=")[2].partition(";")[0]
        self.assertEqual(query["pomerium_login"], login_digest(value))
        self.assertNotIn(value, location)

    def test_cookie(self) -> None:
        """
        Host-only, HttpOnly, Lax, Secure, fifteen minutes, 128 random bits, another one each time.
        """
        cookie = self.begin()[1]
        pair, *attributes = cookie.split("; ")
        self.assertEqual(set(attributes), {"Path=/", "Max-Age=900", "Secure", "HttpOnly", "SameSite=Lax"})
        self.assertEqual((pair.partition("=")[0], len(pair.partition("=")[2])), ("sso_login", 22))
        self.assertNotEqual(cookie, self.begin()[1])

    def test_parallel_tabs(self) -> None:
        """
        A cookie that is there is used again, so that tabs share it, and kept for as long again.
        """
        first = self.begin()[1]
        pair = first.partition(";")[0].encode()
        location, second = self.begin("https://app.example.com/y", b"a=b; " + pair)
        self.assertEqual(second, first)
        self.assertEqual(query_of(location)["pomerium_login"], login_digest(pair.partition(b"=")[2].decode()))

    def test_malformed_cookie(self) -> None:
        """
        What cannot be ours is not used.
        """
        for value in (b"", b"short", b"x" * 23, b"\xff" * 22, b'"' + b"x" * 20 + b'"'):
            with self.subTest(value=value):
                given = self.begin("https://app.example.com/", b"sso_login=" + value)[1]
                self.assertNotEqual(given.partition(";")[0].encode("latin-1"), b"sso_login=" + value)

    def test_several_cookies(self) -> None:
        """
        All well-formed values are read, in order; the first is used again.
        """
        values = [letter * 22 for letter in "ab"]
        header = f"sso_login={values[0]}; sso_login=x; sso_login={values[1]}".encode()
        self.assertEqual(LoginCookies("sso").read([header]), values)
        self.assertTrue(self.begin("https://app.example.com/", header)[1].startswith(f"sso_login={values[0]};"))

    def test_strange_octets(self) -> None:
        """
        Octets that no Location can carry are percent-encoded; what is encoded stays as it is.
        """
        location, _ = self.begin('https://app.example.com/%zz?\xe9 "<>')
        self.assertEqual(query_of(location)["pomerium_redirect_uri"], 'https://app.example.com/%zz?%E9%20"<>')
