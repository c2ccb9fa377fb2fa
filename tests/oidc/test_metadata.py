"""
Tests for `pomerium_tx.oidc.metadata`.
"""

from __future__ import annotations

from typing import Any

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.oidc.fetch import ProviderUnavailable
from pomerium_tx.oidc.metadata import discovery_url, is_endpoint, is_loopback, parse

ISSUER = "https://op.example"
DOCUMENT: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://op.example/authorize",
    "token_endpoint": "https://op.example/token",
    "jwks_uri": "https://keys.example/jwks?v=1",
    "userinfo_endpoint": "https://op.example/me",
    "end_session_endpoint": "https://op.example/end?tenant=b",
    "revocation_endpoint": "https://op.example/revoke",
    "id_token_signing_alg_values_supported": ["none", "ES256", "XX", 7],
    "code_challenge_methods_supported": ["plain", "S256"],
    "prompt_values_supported": ["login"],
    "token_endpoint_auth_methods_supported": ["client_secret_post"],
    "authorization_response_iss_parameter_supported": True,
    "unknown": {"x": []},
}
REQUIRED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
OPTIONAL = ("userinfo_endpoint", "end_session_endpoint", "revocation_endpoint")
NO_ENDPOINTS: list[Any] = [
    None,
    "",
    7,
    ["https://op.example/"],
    {"url": "https://op.example/"},
    "/relative",
    "//op.example/x",
    "op.example",
    "http://op.example/x",
    "http://localhost/x",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "gopher://op.example/",
    "https://",
    "https:///x",
    "https://user:pw@op.example/x",
    "https://op.example@evil.test/",
    "https://op.example/x#f",
    "https://op.example\\evil.test/",
    "https://op.example/\\evil.test/",
    "https://op.example/a b",
    "https://op.example/\r\nX: y",
    "https://op.example/\u00e9",
    "https://op.ex\u00e4mple/",
    "https://op.example:99999/",
    "https://op.example:x/",
    "https://[::1/",
    "https://[fe80::1%25eth0]/",
    "https://a..b/",
    "https://op%2eexample/",
    "https://op.example/" + "x" * 3000,
]


class ParseTests(SynchronousTestCase):
    """
    Tests for `parse`.
    """

    def test_read(self) -> None:
        """
        What is used of a provider's metadata is read, and no algorithm that cannot be verified.
        """
        found = parse(DOCUMENT, ISSUER)
        for name in (*REQUIRED, *OPTIONAL, "issuer"):
            self.assertEqual(getattr(found, name), DOCUMENT[name])
        self.assertEqual(found.id_token_signing_alg_values_supported, {"ES256"})
        self.assertTrue(found.supports_pkce)
        self.assertTrue(found.authorization_response_iss_parameter_supported)
        self.assertEqual(found.prompt_values_supported, {"login"})
        self.assertEqual(found.token_endpoint_auth_methods_supported, {"client_secret_post"})
        self.assertEqual(found.endpoints, {DOCUMENT[name] for name in (*REQUIRED, *OPTIONAL)})

    def test_least(self) -> None:
        """
        A provider that says no more than it must can be used; nothing is assumed that it does not say.
        """
        found = parse({name: DOCUMENT[name] for name in ("issuer", *REQUIRED)}, ISSUER)
        self.assertEqual(found.id_token_signing_alg_values_supported, {"RS256"})
        self.assertFalse(found.supports_pkce)
        self.assertFalse(found.authorization_response_iss_parameter_supported)
        self.assertIsNone(found.token_endpoint_auth_methods_supported)
        for name in OPTIONAL:
            self.assertIsNone(getattr(found, name))

    def test_another_issuer(self) -> None:
        """
        Metadata of an issuer that is not exactly the configured one is refused.
        """
        for issuer in (None, 7, "", "https://op.example/", "https://OP.example", "https://evil.test", [ISSUER]):
            with self.subTest(str(issuer)):
                self.assertRaises(ProviderUnavailable, parse, {**DOCUMENT, "issuer": issuer}, ISSUER)

    def test_endpoints(self) -> None:
        """
        Without a required endpoint that can be used there is no provider; an optional one is as if absent.
        """
        for url in NO_ENDPOINTS:
            for name in REQUIRED:
                with self.subTest(name, url=str(url)[:60]):
                    self.assertRaises(ProviderUnavailable, parse, {**DOCUMENT, name: url}, ISSUER)
            for name in OPTIONAL:
                with self.subTest(name, url=str(url)[:60]), capturedLogs() as logged:
                    self.assertIsNone(getattr(parse({**DOCUMENT, name: url}, ISSUER), name))
                    self.assertEqual(len(logged), 0 if url is None else 1)

    def test_only_none(self) -> None:
        """
        A provider that signs with nothing that can be verified is refused.
        """
        for values in ([], ["none"], ["HS512", 7]):
            with self.subTest(str(values)):
                document = {**DOCUMENT, "id_token_signing_alg_values_supported": values}
                self.assertRaises(ProviderUnavailable, parse, document, ISSUER)

    def test_wrong_types(self) -> None:
        """
        A member of a wrong type counts as absent.
        """
        for value in (None, 7, "S256", {"S256": 1}, True):
            with self.subTest(str(value)):
                document = {**DOCUMENT, "code_challenge_methods_supported": value}
                self.assertFalse(parse(document, ISSUER).supports_pkce)
        document = {**DOCUMENT, "authorization_response_iss_parameter_supported": "true"}
        self.assertFalse(parse(document, ISSUER).authorization_response_iss_parameter_supported)

    def test_loopback(self) -> None:
        """
        Plain http is for a provider on this machine, and for its endpoints on this machine.
        """
        issuer = "http://op.localhost:8002"
        for url, usable in (
            ("http://op.localhost:8002/token", True),
            ("http://127.0.0.1:8002/token", True),
            ("http://[::1]:8002/token", True),
            ("https://op.example/token", True),
            ("http://op.example/token", False),
            ("http://localhost.evil.test/token", False),
            ("http://10.0.0.1/token", False),
        ):
            with self.subTest(url):
                self.assertEqual(is_endpoint(url, issuer), usable)


class NamesTests(SynchronousTestCase):
    """
    Tests for `discovery_url` and `is_loopback`.
    """

    def test_discovery_url(self) -> None:
        """
        The metadata are below the issuer, whether it ends with a slash or not.
        """
        for issuer in ("https://op.example/realm", "https://op.example/realm/"):
            self.assertEqual(discovery_url(issuer), "https://op.example/realm/.well-known/openid-configuration")

    def test_loopback(self) -> None:
        """
        Loopback is by name or address, and nothing that only begins or ends like one.
        """
        for host in ("localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "::1"):
            self.assertTrue(is_loopback(host), host)
        for host in ("", "localhost.evil.test", "xlocalhost", "127.0.0.1.evil.test", "0.0.0.0", "10.0.0.1", "::"):
            self.assertFalse(is_loopback(host), host)
