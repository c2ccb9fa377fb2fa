"""
Tests for `pomerium_tx.demo.end_session`.
"""

from __future__ import annotations

from urllib.parse import urlencode

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.demo.end_session import LogoutRequest, read_logout
from pomerium_tx.demo.ledger import RequestRefused
from pomerium_tx.jose.signer import derived_signer
from tests.demo.support import ISSUER, RP, SIGNED_OUT, make_provider


class ReadLogoutTests(SynchronousTestCase):
    """
    What a relying party asks for at the end-session endpoint.
    """

    def setUp(self) -> None:
        """
        An OP at which alice is signed in.
        """
        self.clock = Clock()
        self.provider = make_provider(self.clock)
        self.session = self.provider.sign_in("alice")
        self.hint = self.provider.tokens_for("alice", session=self.session).id_token

    def read(self, **parameters: str) -> LogoutRequest:
        """
        The logout that *parameters* ask for.
        """
        return read_logout(urlencode(parameters), self.provider)

    def test_whole(self) -> None:
        """
        Hint, client, URI and state are understood together.
        """
        request = self.read(id_token_hint=self.hint, client_id="rp", post_logout_redirect_uri=SIGNED_OUT, state="s t")
        self.assertIs(request.client, RP)
        self.assertTrue(request.is_about(self.session))
        self.assertEqual(request.location(), f"{SIGNED_OUT}?state=s+t")

    def test_client_of_the_hint(self) -> None:
        """
        The client need not be named where the hint names it.
        """
        request = self.read(id_token_hint=self.hint, post_logout_redirect_uri=SIGNED_OUT)
        self.assertEqual(request.location(), SIGNED_OUT)

    def test_old_hint(self) -> None:
        """
        A hint that has expired is still a hint.
        """
        self.clock.advance(100_000)
        self.assertIs(self.read(id_token_hint=self.hint).client, RP)

    def test_nothing(self) -> None:
        """
        Nothing need be said at all.
        """
        request = self.read()
        self.assertIsNone(request.location())
        self.assertFalse(request.is_about(self.session))

    def test_about_somebody_else(self) -> None:
        """
        A hint of another session, even of the same person, is not about this one.
        """
        for username in ("alice", "bob"):
            with self.subTest(username=username):
                other = self.provider.tokens_for(username).id_token
                self.assertFalse(self.read(id_token_hint=other).is_about(self.session))

    def test_refused(self) -> None:
        """
        Whatever is wrong, nobody is sent anywhere.
        """
        forged = derived_signer(b"mallory").sign({"iss": ISSUER, "aud": "rp", "sub": "x"})
        foreign = self.provider.sign({"iss": "http://evil.test", "aud": "rp", "sub": "x"})
        nobodys = self.provider.sign({"iss": ISSUER, "aud": ["nobody"], "sub": "x"})
        table = [
            {"id_token_hint": forged},
            {"id_token_hint": foreign},
            {"id_token_hint": nobodys},
            {"id_token_hint": "nonsense"},
            {"client_id": "unknown"},
            {"id_token_hint": self.hint, "client_id": "other"},
            {"post_logout_redirect_uri": SIGNED_OUT},
            {"client_id": "other", "post_logout_redirect_uri": SIGNED_OUT},
            {"client_id": "rp", "post_logout_redirect_uri": SIGNED_OUT + "/"},
            {"client_id": "rp", "post_logout_redirect_uri": "http://evil.test/"},
        ]
        for parameters in table:
            with self.subTest(parameters=sorted(parameters)):
                self.assertRaises(RequestRefused, self.read, **parameters)

    def test_repeated(self) -> None:
        """
        A repeated parameter is refused.
        """
        self.assertRaises(RequestRefused, read_logout, "state=a&state=b", self.provider)

    def test_hint_is_not_shown(self) -> None:
        """
        Neither the hint's claims nor the state are in the ``repr``.
        """
        shown = repr(self.read(id_token_hint=self.hint, state="the-state"))
        self.assertNotIn(self.session.sid, shown)
        self.assertNotIn("the-state", shown)
