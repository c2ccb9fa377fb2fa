"""
Tests for `pomerium_tx.authenticate.code_verifiers`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.authenticate.code_verifiers import CodeVerifierCookies
from pomerium_tx.logout.session_cookie import CookieSettings
from pomerium_tx.web.sealed import Sealer


class CodeVerifierCookiesTests(SynchronousTestCase):
    """
    The PKCE verifier in the user agent's keeping.
    """

    def setUp(self) -> None:
        self.cookies = CodeVerifierCookies(CookieSettings(name="sso", same_site="strict"), Sealer(b"secret"))

    def value(self, state: str = "state") -> bytes:
        return self.cookies.set(state, "verifier", 100.0).partition("=")[2].partition(";")[0].encode()

    def read(self, value: bytes, *, state: str = "state", now: float = 100.0) -> str | None:
        return self.cookies.read(state, lambda name: [value] if name == self.cookies.name(state) else [], now)

    def test_round_trip(self) -> None:
        """
        What is kept is read, and cannot be read by anybody else.
        """
        self.assertEqual(self.read(self.value()), "verifier")
        self.assertNotIn("verifier", self.cookies.set("state", "verifier", 100.0))

    def test_of_another_state(self) -> None:
        """
        The verifier of one sign-in is none for another, though the cookie be renamed.
        """
        self.assertIsNone(self.read(self.value("state"), state="another"))

    def test_old_or_damaged(self) -> None:
        """
        After five minutes, or damaged, it is not there.
        """
        value = self.value()
        self.assertIsNotNone(self.read(value, now=400.0))
        self.assertIsNone(self.read(value, now=401.0))
        for damaged in (b"", b"x", value[:-1], b"\xff"):
            with self.subTest(damaged=damaged):
                self.assertIsNone(self.read(damaged))

    def test_attributes(self) -> None:
        """
        It goes to the callback only, comes along from the OP's site, and is cleared with the same attributes.
        """
        kept = {"Path=/oauth2/callback", "Secure", "HttpOnly", "SameSite=Lax"}
        self.assertLessEqual({*kept, "Max-Age=300"}, set(self.cookies.set("state", "v", 0.0).split("; ")))
        self.assertLessEqual({*kept, "Max-Age=0"}, set(self.cookies.clear("state").split("; ")))
        self.assertTrue(self.cookies.name("state").startswith("sso_pkce_"))
