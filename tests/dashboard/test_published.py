"""
Tests for `pomerium_tx.dashboard.published`.
"""

from __future__ import annotations

import json

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.dashboard.published import JwksPage, PingPage
from pomerium_tx.jose.signer import derived_signer
from tests.doubles.channel import ask
from tests.logout.user_agent import UserAgent
from tests.logout.world import A, R, World


class WellKnownTests(SynchronousTestCase):
    """
    ``/.well-known/pomerium`` of a route host.
    """

    def test_document(self) -> None:
        """
        The host's own addresses, for everybody to read; no CSRF token here.
        """
        world = World()
        self.addCleanup(world.stop)
        for path in ("/.well-known/pomerium", "/.well-known/pomerium/"):
            answer = UserAgent(world).get(R + path)
            self.assertEqual(
                json.loads(answer.body),
                {
                    "issuer": R + "/",
                    "authentication_callback_endpoint": A + "/oauth2/callback",
                    "jwks_uri": R + "/.well-known/pomerium/jwks.json",
                    "frontchannel_logout_uri": R + "/.pomerium/sign_out",
                    "frontchannel_logout_session_supported": True,
                    "backchannel_logout_uri": R + "/.pomerium/backchannel_logout",
                    "backchannel_logout_session_supported": True,
                },
            )
            self.assertEqual(answer.header("access-control-allow-origin"), "*")
            self.assertEqual(answer.headers("set-cookie"), [])
            self.assertIsNone(answer.header("x-csrf-token"))


class JwksTests(SynchronousTestCase):
    """
    The JWK Set.
    """

    def setUp(self) -> None:
        self.signer = derived_signer(b"secret")
        self.clock = Clock()
        self.page = JwksPage([self.signer.public_jwk()], clock=self.clock)

    def test_keys(self) -> None:
        """
        The public key, for a minute, for every origin.
        """
        answer = ask(self.page, "/")
        [key] = json.loads(answer.body)["keys"]
        self.assertEqual((key["kid"], key["alg"], key["crv"], key["use"]), (self.signer.kid, "ES256", "P-256", "sig"))
        self.assertNotIn("d", key)
        self.assertEqual(answer.header("content-type"), "application/json")
        self.assertEqual(answer.header("cache-control"), "max-age=60")
        self.assertEqual(answer.header("access-control-allow-origin"), "*")

    def test_conditional(self) -> None:
        """
        Whoever has it already gets 304, with nothing in it.
        """
        etag = ask(self.page, "/").header("etag") or ""
        self.assertTrue(etag.startswith('"'))
        for condition, status in (
            (etag, 304),
            (f'"x", W/{etag}', 304),
            ("*", 304),
            ('"x"', 200),
            (etag.strip('"'), 200),
        ):
            with self.subTest(condition=condition):
                answer = ask(self.page, "/", headers=[("If-None-Match", condition)])
                self.assertEqual(answer.status, status)
                self.assertEqual(answer.body == b"", status == 304)

    def test_retired(self) -> None:
        """
        A key that signs no more is there behind the one that does, until its time, and another ``ETag`` says so.
        """
        old = derived_signer(b"an older secret")
        page = JwksPage([self.signer.public_jwk()], retired=[(old.public_jwk(), 600.0)], clock=self.clock)
        self.clock.advance(599)
        before = ask(page, "/")
        self.assertEqual([key["kid"] for key in json.loads(before.body)["keys"]], [self.signer.kid, old.kid])
        self.clock.advance(1)
        after = ask(page, "/", headers=[("If-None-Match", before.header("etag") or "")])
        self.assertEqual(after.status, 200)
        self.assertEqual([key["kid"] for key in json.loads(after.body)["keys"]], [self.signer.kid])

    def test_preflight(self) -> None:
        """
        A preflight is answered 204.
        """
        answer = ask(self.page, "/", method="OPTIONS", headers=[("Origin", "https://other.example")])
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.assertEqual(answer.header("access-control-allow-origin"), "*")

    def test_head(self) -> None:
        """
        HEAD has the fields without the body.
        """
        answer = ask(self.page, "/", method="HEAD")
        self.assertEqual((answer.status, answer.body), (200, b""))

    def test_other_methods(self) -> None:
        """
        It is there to be read.
        """
        self.assertEqual(ask(self.page, "/", method="POST").status, 405)


class PingTests(SynchronousTestCase):
    """
    ``/ping`` and ``/healthz``.
    """

    def test_ping(self) -> None:
        """
        GET says OK, HEAD nothing, anything else is 405.
        """
        for method, status, body in (("GET", 200, b"OK\n"), ("HEAD", 200, b""), ("POST", 405, None)):
            with self.subTest(method=method):
                answer = ask(PingPage(), "/ping", method=method)
                self.assertEqual(answer.status, status)
                if body is not None:
                    self.assertEqual(answer.body, body)
                    self.assertEqual(answer.header("content-type"), "text/plain; charset=utf-8")
