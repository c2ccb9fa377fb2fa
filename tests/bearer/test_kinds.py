"""
Tests of `pomerium_tx.bearer.kinds`: on whose behalf tokens are believed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from treq.testing import StubTreq

from pomerium_tx.bearer.kinds import AccessTokens, IdentityTokens, IssuedTokens, issuer_id
from pomerium_tx.jose.jwt import InvalidToken
from pomerium_tx.oidc.token_issuer import IssuerSettings, TokenIssuer
from tests.oidc.op import ISSUER, NOW, ProviderTestCase
from tests.sessions.test_bearers import session

SETTINGS = IssuerSettings(
    name="ci", issuer=ISSUER, jwks_url=None, algorithms=frozenset({"RS256"}), audiences=frozenset({"us"})
)


class KindsTests(ProviderTestCase):
    """
    The three kinds.
    """

    def issuer(self, **changes: Any) -> TokenIssuer:
        return TokenIssuer(replace(SETTINGS, **changes), http=StubTreq(self.op), clock=self.clock)

    def test_access_token(self) -> None:
        """
        The session belongs to the route's provider, keeps the token, and cannot renew it.
        """
        kind = AccessTokens(self.provider, None, self.clock)
        believed = self.now(kind.believed("opaque"))
        self.assertEqual((believed.idp_id, believed.client_id), (self.provider.idp_id, "rp:1"))
        self.assertEqual((believed.user_id, believed.tokens.access_token), ("alice", "opaque"))
        self.assertIsNone(believed.tokens.refresh_token)
        self.assertFalse(kind.refuses_cookie)

    def test_identity_token(self) -> None:
        """
        Likewise; the ID Token is what the OP knows the session by.
        """
        raw = self.token(oid="of-the-directory")
        believed = self.now(IdentityTokens(self.provider).believed(raw))
        self.assertEqual((believed.user_id, believed.tokens.id_token), ("of-the-directory", raw))
        self.assertEqual((believed.tokens.access_token, believed.tokens.id_token_expires), ("", NOW + 300))

    def test_no_id_tokens(self) -> None:
        """
        A provider that signs none has none that could be believed.
        """
        kind = IdentityTokens(self.relying_party(is_oidc=False))
        self.refused(kind.believed(self.token()), InvalidToken)

    def test_issued(self) -> None:
        """
        A workload is called after its issuer, and none of its token is kept.
        """
        issuer = self.issuer()
        kind = IssuedTokens({issuer_id(SETTINGS): issuer})
        believed = self.now(kind.believed(self.token(aud="us", oid="x")))
        self.assertEqual((believed.user_id, believed.client_id), ("ci/alice", "ci"))
        self.assertEqual(believed.idp_id, issuer_id(SETTINGS))
        self.assertEqual((believed.tokens.id_token, believed.tokens.access_token), ("", ""))
        self.assertTrue(kind.refuses_cookie)

    def test_of_another_issuer(self) -> None:
        """
        An issuer that does not count on a route is not even asked for its keys.
        """
        kind = IssuedTokens({"id": self.issuer()})
        for raw in (self.token(iss="https://other.example", aud="us"), self.token(iss=["x"], aud="us"), "opaque"):
            self.refused(kind.believed(raw), InvalidToken)
        self.assertEqual(self.op.requests, [])

    def test_admits(self) -> None:
        """
        The session of a token counts where tokens of its provider or issuer do.
        """
        one = session("token")
        self.assertFalse(AccessTokens(self.provider, None, self.clock).admits(one))
        self.assertFalse(IdentityTokens(self.provider).admits(one))
        self.assertFalse(IssuedTokens({"id": self.issuer()}).admits(one))
        self.assertTrue(IssuedTokens({"op": self.issuer()}).admits(one))

    def test_scopes(self) -> None:
        """
        A token that was believed by one setting has no session by another.
        """
        kinds = [
            AccessTokens(self.provider, None, self.clock),
            AccessTokens(self.provider, {"a"}, self.clock),
            AccessTokens(self.provider, {"a", "b"}, self.clock),
            AccessTokens(self.relying_party(client_id="other"), None, self.clock),
            IdentityTokens(self.provider),
            IssuedTokens({}),
        ]
        self.assertEqual(len({kind.scope for kind in kinds}), len(kinds))
        self.assertEqual(AccessTokens(self.provider, {"b", "a"}, self.clock).scope, kinds[2].scope)
        self.assertNotEqual(IssuedTokens({"a": self.issuer()}).key, IssuedTokens({}).key)

    def test_issuer_id(self) -> None:
        """
        An issuer with other settings is another one.
        """
        changes: list[dict[str, Any]] = [
            {"name": "x"},
            {"issuer": "https://x"},
            {"jwks_url": "https://x"},
            {"algorithms": frozenset({"ES256"})},
            {"audiences": frozenset({"x"})},
        ]
        ids = {issuer_id(SETTINGS), *(issuer_id(replace(SETTINGS, **one)) for one in changes)}
        self.assertEqual(len(ids), 6)
