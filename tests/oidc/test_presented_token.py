"""
Tests of `pomerium_tx.oidc.presented_token`: tokens of an OP that a program presents itself.
"""

from __future__ import annotations

from typing import Any

from pomerium_tx.jose.jwt import InvalidToken
from pomerium_tx.oidc.presented_token import MOST_BYTES, PresentedToken, by_access_token, by_identity_token, is_token
from pomerium_tx.oidc.provider import ProviderUnavailable
from tests.oidc.op import ISSUER, NOW, ProviderTestCase


class IsTokenTests(ProviderTestCase):
    """
    What may be shown to an OP at all.
    """

    def test_form(self) -> None:
        """
        Letters, digits and the few signs that RFC 6750 has.
        """
        for raw in ("a", "aA0-._~+/==", "a.b.c", "x" * MOST_BYTES):
            self.assertTrue(is_token(raw), raw[:20])
        for raw in ("", "=", "a b", "a\n", "a,b", "\u00e9", "a=b", "x" * (MOST_BYTES + 1)):
            self.assertFalse(is_token(raw), raw[:20])


class AccessTokenTests(ProviderTestCase):
    """
    Access tokens.
    """

    def ask(self, raw: str, audiences: set[str] | None = None) -> PresentedToken:
        token: PresentedToken = self.now(by_access_token(self.provider, raw, audiences=audiences, now=NOW))
        return token

    def refuse(self, raw: str, audiences: set[str] | None = None, kind: type[Exception] = InvalidToken) -> None:
        self.refused(by_access_token(self.provider, raw, audiences=audiences, now=NOW), kind)

    def test_opaque(self) -> None:
        """
        Whose an opaque token is, the UserInfo Endpoint says; when it was issued and expires, nobody.
        """
        token = self.ask("opaque")
        self.assertEqual((token.iss, token.sub, token.issued, token.expires), (ISSUER, "alice", None, None))
        self.assertEqual(token.claims["email"], ("alice@x",))

    def test_jwt(self) -> None:
        """
        What a JWT says of its times and session counts, once the OP has accepted the whole.
        """
        token = self.ask(self.token(sid="s", auth_time=NOW - 10))
        self.assertEqual((token.issued, token.expires, token.sid), (NOW, NOW + 300, "s"))
        self.assertEqual(token.auth_time, NOW - 10)

    def test_jwt_of_somebody_else(self) -> None:
        """
        A JWT that speaks of somebody else than UserInfo does says nothing of this person.
        """
        token = self.ask(self.token(sub="bob", sid="s"))
        self.assertEqual((token.sub, token.sid, token.expires), ("alice", None, None))

    def test_refused(self) -> None:
        """
        What the OP does not accept, what has expired, and a logout token: not believed.
        """
        self.refuse(self.token(exp=NOW - 61))
        self.refuse(self.token(events={}))
        asked = self.op.asked("/me")
        self.op.say("/me", {}, 401)
        self.refuse("opaque")
        self.assertEqual(self.op.asked("/me"), asked + 1)

    def test_unavailable(self) -> None:
        """
        An OP that says nothing of use has not refused anybody.
        """
        for status in (200, 302, 404, 429, 500):
            self.op.say("/me", {}, status)
            self.refuse("opaque", kind=ProviderUnavailable)

    def test_audiences(self) -> None:
        """
        One of the wanted audiences, as UserInfo or else the token itself says; who says none is for none.
        """
        wanted = {"us", "we"}
        self.ask(self.token(aud="us"), wanted)
        self.ask(self.token(aud=["others", "we"]), wanted)
        for aud in ("others", ["others"], [], None, 7, {"us": 1}):
            self.refuse(self.token(aud=aud), wanted)
        self.refuse("opaque", wanted)
        self.op.say("/me", {"sub": "alice", "aud": "us"})
        self.ask("opaque", wanted)
        self.op.say("/me", {"sub": "alice", "aud": "others"})
        self.refuse(self.token(aud="us"), wanted)


class IdentityTokenTests(ProviderTestCase):
    """
    ID Tokens, without the sign-in that they came from.
    """

    def test_believed(self) -> None:
        """
        One for our client, that any sign-in brought.
        """
        token: Any = self.now(by_identity_token(self.provider, self.token(sid="s", email="alice@x")))
        self.assertEqual((token.iss, token.sub, token.sid, token.expires), (ISSUER, "alice", "s", NOW + 300))
        self.assertEqual(token.claims["email"], ("alice@x",))
        self.assertEqual(self.op.asked("/me"), 0)

    def test_refused(self) -> None:
        """
        None for another client, of another issuer, that has expired, or is of another type.
        """
        for changes in ({"aud": "rp:2"}, {"iss": "https://evil.test"}, {"exp": NOW - 61}, {"events": {}}):
            with self.subTest(changes):
                self.refused(by_identity_token(self.provider, self.token(**changes)), InvalidToken)
