"""
Tests for `pomerium_tx.web.csrf`.
"""

from __future__ import annotations

import hashlib
import hmac

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.web.csrf import FIELD, HEADER, Csrf
from pomerium_tx.web.sealed import Sealer, purpose_key, to_base64url


class CsrfTests(SynchronousTestCase):
    """
    Tests for `Csrf`.
    """

    def setUp(self) -> None:
        """
        One browser with its secret.
        """
        self.csrf = Csrf(b"k" * 32)
        self.secret = self.csrf.new()

    def test_cookie_round_trip(self) -> None:
        """
        The secret comes back from its cookie, also in another process with the same key.
        """
        value = self.csrf.cookie_value(self.secret).encode()
        self.assertEqual(Csrf(b"k" * 32).read([value]), self.secret)

    def test_form(self) -> None:
        """
        Each value has the form that it had in earlier versions, so that an update takes no open page's token away and
        makes no browser a new one; each purpose has a key of its own.
        """
        self.assertEqual((FIELD, HEADER), ("_pomerium_csrf", "X-CSRF-Token"))

        def mac(purpose: str, message: bytes) -> bytes:
            return hmac.digest(purpose_key(b"k" * 32, purpose), message, hashlib.sha256)

        cookie = to_base64url(self.secret + mac("csrf cookie", self.secret))
        self.assertEqual(self.csrf.cookie_value(self.secret), cookie)
        self.assertEqual(self.csrf.browser_id(self.secret), mac("browser id", self.secret)[:16].hex())
        for session_id, message in ((None, b""), ("", b"="), ("session-1", b"=session-1")):
            # Under a mask of zeros a token shows what is in it.
            token = to_base64url(bytes(32) + mac("csrf token", self.secret + message))
            self.assertTrue(self.csrf.verifies(token, self.secret, session_id))

    def test_first_valid_cookie(self) -> None:
        """
        Cookies that a sibling host planted in front are passed over.
        """
        value = self.csrf.cookie_value(self.secret).encode()
        other = self.csrf.cookie_value(self.csrf.new()).encode()
        planted = Csrf(b"x" * 32).cookie_value(b"s" * 32).encode()
        self.assertEqual(self.csrf.read([b"", b"\xff\x00", planted, value[:-1], value, other]), self.secret)

    def test_no_valid_cookie(self) -> None:
        """
        A browser without a cookie of ours has no secret.
        """
        self.assertIsNone(self.csrf.read([]))
        self.assertIsNone(self.csrf.read([self.csrf.token(self.secret, None).encode()]))
        self.assertIsNone(self.csrf.read([Sealer(b"k" * 32).seal("x", b"y" * 36).encode()]))

    def test_token_verifies(self) -> None:
        """
        A token is accepted for the secret and session that it was made for.
        """
        for session_id in (None, "", "session-1"):
            with self.subTest(session_id=session_id):
                token = self.csrf.token(self.secret, session_id)
                self.assertTrue(self.csrf.verifies(token, self.secret, session_id))

    def test_token_is_bound(self) -> None:
        """
        A token of another browser, of another session, from before or after a sign-in, or of another key is refused.
        """
        token = self.csrf.token(self.secret, "session-1")
        self.assertFalse(self.csrf.verifies(token, self.csrf.new(), "session-1"))
        self.assertFalse(self.csrf.verifies(token, self.secret, "session-2"))
        self.assertFalse(self.csrf.verifies(token, self.secret, None))
        self.assertFalse(self.csrf.verifies(self.csrf.token(self.secret, None), self.secret, ""))
        self.assertFalse(Csrf(b"x" * 32).verifies(token, self.secret, "session-1"))

    def test_token_looks_different_each_time(self) -> None:
        """
        No two tokens share their octets, so that the size of a compressed page tells nothing about them.
        """
        self.assertEqual(len({self.csrf.token(self.secret, None)[:8] for _ in range(20)}), 20)

    def test_malformed_token(self) -> None:
        """
        What is no token is refused, whatever it is.
        """
        token = self.csrf.token(self.secret, None)
        for strange in ("", "x", token[:-1], token + "A", token + "=", "é" * 86, self.csrf.cookie_value(self.secret)):
            with self.subTest(strange=strange):
                self.assertFalse(self.csrf.verifies(strange, self.secret, None))

    def test_browser_id(self) -> None:
        """
        A browser keeps its id of 128 bits, which is neither its secret nor another browser's.
        """
        browser = self.csrf.browser_id(self.secret)
        self.assertRegex(browser, r"\A[0-9a-f]{32}\Z")
        self.assertEqual(browser, self.csrf.browser_id(self.secret))
        self.assertNotEqual(browser, self.csrf.browser_id(self.csrf.new()))
        self.assertNotIn(browser, self.secret.hex())
