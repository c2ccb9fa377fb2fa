"""
Tests for `pomerium_tx.oidc.provider`: metadata, UserInfo, revocation.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs

from pomerium_tx.jose.jwt import InvalidToken
from pomerium_tx.oidc.provider import (
    ProviderUnavailable,
    UserInfoRefused,
)
from tests.doubles import keys
from tests.oidc.op import DISCOVERY, HOSTILE, ISSUER, METADATA, ProviderTestCase


class MetadataTests(ProviderTestCase):
    """
    Tests for `Provider.metadata` and what it rests on.
    """

    def test_cached(self) -> None:
        """
        Metadata are fetched once an hour, and can be had without waiting from then on.
        """
        self.assertIsNone(self.provider.known_metadata)
        found = self.now(self.provider.metadata())
        self.assertIs(self.provider.known_metadata, found)
        self.clock.advance(3599)
        self.now(self.provider.metadata())
        self.assertEqual(self.op.asked(DISCOVERY), 1)
        self.clock.advance(1)
        self.now(self.provider.metadata())
        self.assertEqual(self.op.asked(DISCOVERY), 2)

    def test_hostile(self) -> None:
        """
        Whatever discovery answers, the provider is unavailable; it is asked again after five seconds, not before.
        """
        for name, status, body, headers in HOSTILE:
            with self.subTest(name):
                self.op.says[DISCOVERY] = (status, body, headers)
                provider = self.relying_party()
                before = self.op.asked(DISCOVERY)
                for _ in range(5):
                    self.refused(provider.metadata(), ProviderUnavailable)
                self.assertEqual(self.op.asked(DISCOVERY), before + 1)
                self.clock.advance(5)
                self.refused(provider.metadata(), ProviderUnavailable)
                self.assertEqual(self.op.asked(DISCOVERY), before + 2)

    def test_last_good(self) -> None:
        """
        When a refetch fails, the last good metadata stay.
        """
        found = self.now(self.provider.metadata())
        for name, status, body, headers in HOSTILE:
            with self.subTest(name):
                self.op.says[DISCOVERY] = (status, body, headers)
                self.clock.advance(3600)
                self.assertIs(self.now(self.provider.metadata()), found)

    def test_silent(self) -> None:
        """
        A provider that does not answer is given up after ten seconds, by all who wait at once.
        """
        del self.op.says[DISCOVERY]
        waiting = [Deferred.fromCoroutine(self.provider.metadata()) for _ in range(100)]
        self.assertEqual(self.op.asked(DISCOVERY), 1)
        self.clock.advance(10)
        for one in waiting:
            self.failureResultOf(one, ProviderUnavailable)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_endpoints_move(self) -> None:
        """
        A change of endpoints is followed, and logged.
        """
        self.now(self.provider.metadata())
        self.op.say(DISCOVERY, {**METADATA, "token_endpoint": "https://other.example/token"})
        self.clock.advance(3600)
        with capturedLogs() as logged:
            self.assertEqual(self.now(self.provider.metadata()).token_endpoint, "https://other.example/token")
        self.assertEqual(len(logged), 1)


class UserInfoTests(ProviderTestCase):
    """
    Tests for `Provider.userinfo`.
    """

    def test_claims(self) -> None:
        """
        The access token is sent in the header, and the claims come back.
        """
        self.assertEqual(self.now(self.provider.userinfo("at")), {"sub": "alice", "email": "alice@x"})
        self.assertEqual(self.op.requests[-1], ("/me", {}, "Bearer at"))

    def test_refused(self) -> None:
        """
        401 and 403 say that the grant is gone, whatever the body.
        """
        for status in (401, 403):
            self.op.say("/me", b"<html>", status)
            self.refused(self.provider.userinfo("at"), UserInfoRefused)

    def test_hostile(self) -> None:
        """
        Whatever else UserInfo answers, the provider is unavailable.
        """
        for name, status, body, headers in HOSTILE:
            if status != 403:
                with self.subTest(name):
                    self.op.says["/me"] = (status, body, headers)
                    self.refused(self.provider.userinfo("at"), ProviderUnavailable)

    def test_no_sub(self) -> None:
        """
        Claims about nobody are not used.
        """
        for sub in (None, 7, ["alice"]):
            self.op.say("/me", {"sub": sub, "email": "x"})
            self.refused(self.provider.userinfo("at"), ProviderUnavailable)

    def test_no_endpoint(self) -> None:
        """
        A provider without the endpoint says so in its metadata, and cannot be asked.
        """
        self.op.say(DISCOVERY, {**METADATA, "userinfo_endpoint": None})
        self.assertIsNone(self.now(self.provider.metadata()).userinfo_endpoint)
        self.refused(self.provider.userinfo("at"), ProviderUnavailable)

    def test_signed(self) -> None:
        """
        A signed response is verified: key, issuer, audience, times and type.
        """
        claims = {"sub": "alice", "iss": ISSUER, "aud": ["rp:1"]}
        self.op.say("/me", keys.token(claims).encode(), content_type="application/jwt")
        self.assertEqual(self.now(self.provider.userinfo("at")), claims)
        for change in ({"iss": "https://evil.test"}, {"aud": "other"}, {"aud": None}, {"iss": None}):
            with self.subTest(str(change)):
                self.op.say("/me", keys.token({**claims, **change}).encode(), content_type="application/jwt")
                self.refused(self.provider.userinfo("at"), InvalidToken)
        now = self.clock.seconds()
        for change, header in (
            ({"exp": now - 61}, {}),
            ({"exp": "x"}, {}),
            ({"nbf": now + 61}, {}),
            ({"iat": now + 61}, {}),
            ({"events": {}}, {}),
            ({}, {"typ": "logout+jwt"}),
            ({}, {"typ": "at+jwt"}),
        ):
            with self.subTest(change=change, header=header):
                token = keys.token({**claims, **change}, header=header)
                self.op.say("/me", token.encode(), content_type="application/jwt")
                self.refused(self.provider.userinfo("at"), InvalidToken)
        forged = keys.token(claims, key=keys.private_key("RS256", "stranger"))
        for body in (forged.encode(), b"", b"\xff", b"{}"):
            self.op.say("/me", body, content_type="application/jwt")
            self.refused(self.provider.userinfo("at"), InvalidToken)


class RevokeTests(ProviderTestCase):
    """
    Tests for `Provider.revoke`.
    """

    def test_told(self) -> None:
        """
        The provider is told which token of which kind, by an authenticated client.
        """
        self.now(self.provider.revoke("rt", "refresh_token"))
        path, form, authorization = self.op.requests[-1]
        self.assertEqual((path, form), ("/revoke", {"token": "rt", "token_type_hint": "refresh_token"}))
        assert authorization is not None

    def test_done(self) -> None:
        """
        Any 200, and any refusal of the token, is final; a refusal is logged without the token.
        """
        for status, body, lines in (
            (200, b"<html>", 0),
            (200, b"[]", 0),
            (204, b"", 0),
            (400, b'{"error":"unsupported_token_type"}', 1),
            (400, b"", 1),
            (404, b"", 1),
        ):
            with self.subTest(status=status, body=body), capturedLogs() as logged:
                self.op.say("/revoke", body, status)
                self.now(self.provider.revoke("t0ken", "access_token"))
                self.assertEqual(len(logged), lines)
                self.assertNotIn("t0ken", repr(logged))

    def test_again(self) -> None:
        """
        What may pass is tried again by the caller.
        """
        for status in (302, 401, 403, 429, 500, 503):
            self.op.say("/revoke", b"", status)
            self.refused(self.provider.revoke("t", "access_token"), ProviderUnavailable)
        # The client's secret may have been changed at the OP, and will be here.
        self.op.say("/revoke", b'{"error":"invalid_client"}', 400)
        self.refused(self.provider.revoke("t", "access_token"), ProviderUnavailable)
        self.op.say(DISCOVERY, b"", 503)
        self.refused(self.relying_party().revoke("t", "access_token"), ProviderUnavailable)

    def test_no_endpoint(self) -> None:
        """
        Where there is no endpoint, there is nothing to do.
        """
        self.op.say(DISCOVERY, {**METADATA, "revocation_endpoint": None})
        self.now(self.provider.revoke("t", "access_token"))
        self.assertEqual(self.op.asked("/revoke"), 0)
