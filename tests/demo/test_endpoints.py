"""
Tests for `pomerium_tx.demo.endpoints`.
"""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote_plus

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.demo.registration import ALICE
from pomerium_tx.jose.jwk_set import JWKSet
from pomerium_tx.jose.jwt import verified_claims
from tests.demo.support import (
    CALLBACK,
    ISSUER,
    OTHER,
    RP,
    VERIFIER,
    Browser,
    Seen,
    authorization_url,
    make_provider,
    query_of,
)


def basic(client_id: str, client_secret: str) -> str:
    """
    The Authorization header of a client.
    """
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


GOOD = basic(RP.client_id, RP.client_secret)


class EndpointCase(SynchronousTestCase):
    """
    A relying party's server, over HTTP in memory.
    """

    def setUp(self) -> None:
        """
        An OP.
        """
        self.clock = Clock()
        self.provider = make_provider(self.clock)
        self.caller = Browser(self, self.provider)

    def code(self) -> str:
        """
        A code for alice.
        """
        return query_of(self.provider.authorize(authorization_url(), person="alice"))["code"]

    def exchange(self, code: str | None = None, *, authorization: str | None = GOOD, **changes: str) -> Seen:
        """
        The answer to a token request with a code.
        """
        form = {
            "grant_type": "authorization_code",
            "code": self.code() if code is None else code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
            **changes,
        }
        headers = {} if authorization is None else {"Authorization": authorization}
        return self.caller.post(f"{ISSUER}/token", form, **headers)

    def refresh(self, refresh_token: str) -> Seen:
        """
        The answer to a token request with a refresh token.
        """
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return self.caller.post(f"{ISSUER}/token", form, Authorization=GOOD)

    def claims(self, id_token: str) -> dict[str, Any]:
        """
        The verified claims of *id_token*.
        """
        keys = JWKSet.parse(json.loads(self.caller.get(f"{ISSUER}/jwks").body))
        return dict(verified_claims(id_token, keys, {"ES256"}).claims)


class DiscoveryTests(EndpointCase):
    """
    What everybody may read.
    """

    def test_documents(self) -> None:
        """
        Discovery and the JWK Set are JSON, at the places that discovery itself names.
        """
        seen = self.caller.get(f"{ISSUER}/.well-known/openid-configuration")
        self.assertEqual(seen.headers["content-type"], "application/json")
        document = json.loads(seen.body)
        self.assertEqual(document["issuer"], ISSUER)
        self.assertTrue(document["authorization_response_iss_parameter_supported"])
        self.assertEqual(json.loads(self.caller.get(document["jwks_uri"]).body), self.provider.jwk_set())

    def test_altered(self) -> None:
        """
        A test can have any document changed.
        """
        self.provider.alterations["discovery"] = lambda document: document | {"issuer": "http://evil.test"}
        seen = self.caller.get(f"{ISSUER}/.well-known/openid-configuration")
        self.assertEqual(json.loads(seen.body)["issuer"], "http://evil.test")


class TokenTests(EndpointCase):
    """
    The token endpoint.
    """

    def test_code(self) -> None:
        """
        A code becomes tokens, with the nonce of the request, never stored by anybody between.
        """
        seen = self.exchange()
        document = json.loads(seen.body)
        self.assertEqual((seen.status, seen.headers["cache-control"]), (200, "no-store"))
        self.assertEqual((document["token_type"], document["expires_in"]), ("Bearer", 600))
        claims = self.claims(document["id_token"])
        self.assertEqual((claims["sub"], claims["nonce"]), (ALICE.sub, "the nonce"))
        self.assertEqual(len(self.provider.code_exchanges), 1)

    def test_client_authentication(self) -> None:
        """
        The secret may be in the header or in the form.
        """
        self.assertEqual(self.exchange().status, 200)
        posted = self.exchange(authorization=None, client_id=RP.client_id, client_secret=RP.client_secret)
        self.assertEqual(posted.status, 200)

    def test_client_refused(self) -> None:
        """
        A client that does not prove who it is gets nothing, and its code is not used up.
        """
        table: list[tuple[int, str | None, dict[str, str]]] = [
            (401, None, {}),
            (401, None, {"client_id": "rp"}),
            (401, None, {"client_id": "rp", "client_secret": "wrong"}),
            (401, None, {"client_id": "nobody", "client_secret": RP.client_secret}),
            (401, basic("rp", "wrong"), {}),
            (401, "Basic !!!", {}),
            (401, "Basic " + base64.b64encode(b"no colon").decode(), {}),
            (401, "Bearer abc", {}),
            (400, GOOD, {"client_secret": RP.client_secret}),
            (400, GOOD, {"client_id": "other"}),
        ]
        code = self.code()
        for status, authorization, changes in table:
            with self.subTest(authorization=authorization, changes=changes):
                seen = self.exchange(code, authorization=authorization, **changes)
                self.assertEqual(seen.status, status)
                expected = "invalid_client" if status == 401 else "invalid_request"
                self.assertEqual(json.loads(seen.body)["error"], expected)
                self.assertEqual("www-authenticate" in seen.headers, status == 401)
        self.assertEqual(self.exchange(code).status, 200)

    def test_grant_refused(self) -> None:
        """
        What is wrong with a token request is said by its ``error``.
        """
        table = [
            ("invalid_grant", {"code": "unknown"}),
            ("invalid_request", {"code": ""}),
            ("invalid_grant", {"redirect_uri": "http://other.localhost/cb"}),
            ("invalid_grant", {"code_verifier": "x" * 43}),
            ("invalid_grant", {"code_verifier": ""}),
            ("unsupported_grant_type", {"grant_type": "password"}),
            ("invalid_request", {"grant_type": ""}),
            ("invalid_request", {"grant_type": "refresh_token"}),
            ("invalid_grant", {"grant_type": "refresh_token", "refresh_token": "unknown"}),
        ]
        for error, changes in table:
            with self.subTest(error=error, changes=changes):
                seen = self.exchange(**changes)
                self.assertEqual((seen.status, json.loads(seen.body)["error"]), (400, error))

    def test_refresh(self) -> None:
        """
        Refreshing gives new tokens of the same session without a nonce; the old refresh token is worthless.
        """
        first = json.loads(self.exchange().body)
        self.clock.advance(100)
        second = json.loads(self.refresh(first["refresh_token"]).body)
        before, after = self.claims(first["id_token"]), self.claims(second["id_token"])
        self.assertNotIn("nonce", after)
        self.assertEqual(after["iat"], before["iat"] + 100)
        for claim in ("iss", "sub", "aud", "sid", "auth_time"):
            self.assertEqual(after[claim], before[claim])
        self.assertNotEqual(first["refresh_token"], second["refresh_token"])
        self.assertEqual(json.loads(self.refresh(first["refresh_token"]).body)["error"], "invalid_grant")
        self.assertEqual(json.loads(self.refresh(second["refresh_token"]).body)["error"], "invalid_grant")
        self.assertEqual(len(self.provider.refreshes), 3)

    def test_offline(self) -> None:
        """
        A refresh token works after its session at the OP has ended.
        """
        document = json.loads(self.exchange().body)
        self.provider.end_session(self.claims(document["id_token"])["sid"])
        self.assertEqual(self.refresh(document["refresh_token"]).status, 200)

    def test_altered(self) -> None:
        """
        A test can have the token response changed.
        """

        def without_expiry(document: dict[str, object]) -> object:
            del document["expires_in"]
            return document

        self.provider.alterations["token"] = without_expiry
        self.assertNotIn("expires_in", json.loads(self.exchange().body))


class UserInfoTests(EndpointCase):
    """
    The UserInfo endpoint.
    """

    def test_claims(self) -> None:
        """
        A good access token shows whom it stands for, by GET and by POST.
        """
        token = self.provider.tokens_for("alice").access_token
        for method in ("GET", "POST"):
            seen = self.caller.send(method, f"{ISSUER}/userinfo", None, {"Authorization": f"Bearer {token}"})
            document = json.loads(seen.body)
            self.assertEqual((document["email"], document["groups"]), (ALICE.email, list(ALICE.groups)))
        self.assertEqual(len(self.provider.userinfo_calls), 2)

    def test_refused(self) -> None:
        """
        Without a good access token there is only a challenge.
        """
        expired = self.provider.tokens_for("alice").access_token
        self.clock.advance(600)
        good = self.provider.tokens_for("alice").access_token
        table = [
            ({}, "Bearer"),
            ({"Authorization": f"Basic {good}"}, "Bearer"),
            ({"Authorization": "Bearer"}, "Bearer"),
            ({"Authorization": "Bearer unknown"}, "invalid_token"),
            ({"Authorization": f"Bearer {expired}"}, "invalid_token"),
        ]
        for headers, challenge in table:
            with self.subTest(headers=headers):
                seen = self.caller.get(f"{ISSUER}/userinfo", **headers)
                self.assertEqual((seen.status, seen.body), (401, b""))
                self.assertIn(challenge, seen.headers["www-authenticate"])


class RevocationTests(EndpointCase):
    """
    The revocation endpoint.
    """

    def revoke(self, authorization: str = GOOD, **form: str) -> Seen:
        """
        The answer to a revocation request.
        """
        return self.caller.post(f"{ISSUER}/revoke", form, Authorization=authorization)

    def test_refresh_token(self) -> None:
        """
        A revoked refresh token refreshes nothing, and its access token opens nothing.
        """
        issued = self.provider.tokens_for("alice")
        assert issued.refresh_token is not None
        seen = self.revoke(token=issued.refresh_token, token_type_hint="refresh_token")
        self.assertEqual((seen.status, seen.body), (200, b""))
        self.assertEqual(self.refresh(issued.refresh_token).status, 400)
        self.assertIsNone(self.provider.ledger.grant_of(issued.access_token))
        self.assertEqual(self.provider.revocations[0].parameter("token"), issued.refresh_token)
        self.assertEqual(self.provider.revocations[0].parameter("token_type_hint"), "refresh_token")

    def test_access_token(self) -> None:
        """
        A revoked access token opens nothing, whatever the hint says.
        """
        issued = self.provider.tokens_for("alice")
        self.assertEqual(self.revoke(token=issued.access_token, token_type_hint="refresh_token").status, 200)
        self.assertIsNone(self.provider.ledger.grant_of(issued.access_token))

    def test_unknown(self) -> None:
        """
        A token that is not known counts as revoked.
        """
        self.assertEqual(self.revoke(token="unknown").status, 200)

    def test_refused(self) -> None:
        """
        Without a token, without being a client, and for another client's token, nothing is revoked.
        """
        issued = self.provider.tokens_for("alice")
        other = basic(OTHER.client_id, OTHER.client_secret)
        self.assertEqual(json.loads(self.revoke().body)["error"], "invalid_request")
        self.assertEqual(self.revoke("Basic eA==", token=issued.access_token).status, 401)
        self.assertEqual(json.loads(self.revoke(other, token=issued.access_token).body)["error"], "unauthorized_client")
        self.assertIsNotNone(self.provider.ledger.grant_of(issued.access_token))
