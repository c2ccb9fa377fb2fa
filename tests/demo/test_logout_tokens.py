"""
Tests for `pomerium_tx.demo.logout_tokens`.
"""

from __future__ import annotations

from typing import Any

from treq.testing import RequestTraversalAgent
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.demo.logout_tokens import EVENT, TYPE, LogoutToken, LogoutTokenReader, logout_claims
from pomerium_tx.jose.jwt import InvalidToken
from pomerium_tx.jose.signer import derived_signer
from pomerium_tx.oidc.fetch import Fetcher, ProviderUnavailable, http_client
from tests.demo.keys import PublishedKeys

NOW = 1_700_000_000.0


class LogoutClaimsTests(SynchronousTestCase):
    """
    What a logout token says.
    """

    def test_claims(self) -> None:
        """
        Issuer, audience, session, subject, two minutes, the event, and an identifier of its own.
        """
        one, other = (logout_claims(iss="i", aud="a", sid="s", sub=None, now=NOW + 0.9) for _ in range(2))
        self.assertNotEqual(one.pop("jti"), other["jti"])
        expected = {"iss": "i", "aud": "a", "sid": "s", "sub": None, "events": {EVENT: {}}}
        self.assertEqual(one, {**expected, "iat": int(NOW), "exp": int(NOW) + 120})


class ReaderTests(SynchronousTestCase):
    """
    Reading what an issuer says about a logout.
    """

    def setUp(self) -> None:
        """
        An issuer whose keys are published.
        """
        self.clock = Clock()
        self.clock.advance(NOW)
        self.keys = PublishedKeys(derived_signer(b"issuer"))
        self.agent = RequestTraversalAgent(self.keys)
        self.reader = LogoutTokenReader(
            issuer="http://i.test",
            audience="me",
            jwks_uri="http://i.test/keys",
            fetcher=Fetcher(http_client(self.agent), self.clock, deadline=5.0, max_bytes=10_000),
            clock=self.clock,
        )

    def token(self, *, typ: str = TYPE, **changes: Any) -> str:
        """
        A good token, but for *changes*; None leaves a claim out.
        """
        claims = logout_claims(iss="http://i.test", aud="me", sid="s", sub="u", now=self.clock.seconds()) | changes
        return self.keys.signer.sign({name: value for name, value in claims.items() if value is not None}, typ)

    def read(self, token: str) -> Deferred[LogoutToken]:
        """
        What is read, once the keys are there.
        """
        reading = Deferred.fromCoroutine(self.reader.read(token))
        self.agent.flush()
        return reading

    def test_read(self) -> None:
        """
        A good token names a session, a person, or both; the audience may be one of several.
        """
        table: list[tuple[dict[str, Any], str | None, str | None]] = [
            ({}, "s", "u"),
            ({"sub": None}, "s", None),
            ({"sid": None}, None, "u"),
            ({"aud": ["you", "me"]}, "s", "u"),
        ]
        for changes, sid, sub in table:
            with self.subTest(changes=changes):
                token = self.successResultOf(self.read(self.token(**changes)))
                self.assertEqual((token.sid, token.sub, token.is_new), (sid, sub, True))

    def test_once(self) -> None:
        """
        The same token is new once, among the latest thousand.
        """
        token = self.token()
        self.assertEqual([self.successResultOf(self.read(token)).is_new for _ in range(2)], [True, False])
        for _ in range(1000):
            self.successResultOf(self.read(self.token()))
        self.assertEqual(len(self.reader._read), 1000)

    def test_refused(self) -> None:
        """
        A token that is not a logout token of this issuer for this audience, now, is not believed.
        """
        table: list[dict[str, Any]] = [
            {"iss": "http://other.test"},
            {"aud": "you"},
            {"aud": ["you"]},
            {"aud": None},
            {"exp": None},
            {"exp": NOW - 60},
            {"exp": "tomorrow"},
            {"exp": True},
            {"iat": None},
            {"iat": NOW + 61},
            {"jti": None},
            {"jti": 7},
            {"events": None},
            {"events": {}},
            {"events": [EVENT]},
            {"events": {EVENT: True}},
            {"nonce": "n"},
            {"sid": None, "sub": None},
            {"sid": ""},
            {"sub": 7},
            {"typ": "JWT"},
            {"typ": "at+jwt"},
        ]
        for changes in table:
            with self.subTest(changes=changes):
                self.failureResultOf(self.read(self.token(**changes)), InvalidToken)

    def test_forged(self) -> None:
        """
        What somebody else has signed, or nobody, is not believed.
        """
        forged = derived_signer(b"mallory").sign({"iss": "http://i.test", "aud": "me", "sid": "s"}, TYPE)
        for token in (forged, self.token()[:-8] + "AAAAAAAA", "nonsense", ""):
            self.failureResultOf(self.read(token), InvalidToken)

    def test_leeway(self) -> None:
        """
        Clocks may differ by a minute.
        """
        for changes in ({"exp": NOW - 59}, {"iat": NOW + 60}):
            self.successResultOf(self.read(self.token(**changes)))

    def test_rotated(self) -> None:
        """
        A new key is known at once.
        """
        self.successResultOf(self.read(self.token()))
        self.keys.signer = derived_signer(b"new")
        self.successResultOf(self.read(self.token()))

    def test_no_keys(self) -> None:
        """
        Without keys nothing can be said about a token.
        """
        for status, body in ((500, None), (200, b"nonsense"), (200, b'{"keys": []}')):
            with self.subTest(status=status, body=body):
                self.keys.status, self.keys.body = status, body
                self.failureResultOf(self.read(self.token()), ProviderUnavailable)
