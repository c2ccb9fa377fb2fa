"""
Tests of `pomerium_tx.config.rules.programs` and of the keys that they are about, through whole files.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.material import ROUTE, complaints, loaded

CHAT = {**ROUTE, "from": "https://chat.example.com"}


class _Case(SynchronousTestCase):
    def warnings(self, **values: object) -> list[tuple[str, str]]:
        return [(one.key, one.message) for one in loaded(self.mktemp(), values).warnings]

    def refused(self, key: str, **values: object) -> str:
        [problem] = complaints(self.mktemp(), values)
        self.assertEqual(problem.key, key)
        return problem.message


class ProgramRulesTests(_Case):
    """
    Programs, and further hosts.
    """

    def test_whitelist(self) -> None:
        """
        Hosts and addresses, by list or by commas; nothing that is no host.
        """
        config = loaded(self.mktemp(), {"programmatic_redirect_domain_whitelist": "localhost, Tools.example.com,::1"})
        found = config.config.programmatic_redirect_domain_whitelist
        self.assertEqual(found, ("localhost", "tools.example.com", "::1"))
        for wrong in ("https://tools.example.com", "tools.example.com:8000", "*.example.com", "a b"):
            message = self.refused(
                "programmatic_redirect_domain_whitelist", programmatic_redirect_domain_whitelist=[wrong]
            )
            self.assertIn("is not a host", message)

    def test_unasked(self) -> None:
        """
        To hand out handles unasked is worth a warning where they leave the computer.
        """
        self.assertEqual(self.warnings(routes=[ROUTE], programmatic_login="now"), [])
        [(key, message)] = self.warnings(
            routes=[ROUTE], programmatic_login="now", programmatic_redirect_domain_whitelist=["tools.example.com"]
        )
        self.assertEqual(key, "programmatic_login")
        self.assertIn("unasked", message)

    def test_depends_on(self) -> None:
        """
        Hosts and URLs are read as hosts; those that lead nowhere are named, too many are refused.
        """
        routes = [{**ROUTE, "depends_on": ["https://chat.example.com/x", "chat.example.com"]}, CHAT]
        self.assertIn("not a host", self.refused("routes[0].depends_on", routes=routes))
        routes = [{**ROUTE, "depends_on": ["https://chat.example.com", "chat.example.com"]}, CHAT]
        config = loaded(self.mktemp(), {"routes": routes}).config
        self.assertEqual(config.routes[0].depends_on, ("chat.example.com",))
        [one, two] = self.warnings(routes=[{**ROUTE, "depends_on": ["no.example.com", "app.example.com"]}, CHAT])
        self.assertEqual((one[0], two[0]), ("routes[0].depends_on", "routes[0].depends_on"))
        self.assertIn("the host of no route", one[1])
        self.assertIn("own host", two[1])
        six = [f"h{number}.example.com" for number in range(6)]
        self.assertIn("5 hosts", self.refused("routes[0].depends_on", routes=[{**ROUTE, "depends_on": six}]))


CI = {"issuer": "https://ci.example.org", "audiences": ["us"]}


class TokenRulesTests(_Case):
    """
    Bearer tokens.
    """

    def test_formats(self) -> None:
        """
        Pomerium's four formats, in any case, outside of routes and in one; nothing else.
        """
        for form in ("default", "idp_identity_token", "IDP_Identity_Token"):
            self.assertEqual(self.warnings(routes=[ROUTE], bearer_token_format=form), [])
        loaded_config = loaded(self.mktemp(), {"routes": [{**ROUTE, "bearer_token_format": "default"}]}).config
        self.assertEqual(loaded_config.routes[0].bearer_token_format, "default")
        self.refused("bearer_token_format", bearer_token_format="opaque", routes=[ROUTE])

    def test_any_audience(self) -> None:
        """
        To believe access tokens of any client of the provider is worth a warning.
        """
        [(key, message)] = self.warnings(routes=[ROUTE, CHAT], bearer_token_format="idp_access_token")
        self.assertEqual(key, "bearer_token_format")
        self.assertIn("any client", message)
        route = {**ROUTE, "bearer_token_format": "idp_access_token"}
        [(key, _)] = self.warnings(routes=[route])
        self.assertEqual(key, "routes[0].bearer_token_format")
        self.assertEqual(self.warnings(routes=[{**route, "idp_access_token_allowed_audiences": ["us"]}]), [])
        [(key, _)] = self.warnings(routes=[{**ROUTE, "idp_access_token_allowed_audiences": ["us"]}])
        self.assertEqual(key, "routes[0].idp_access_token_allowed_audiences")

    def test_jwt(self) -> None:
        """
        Tokens of other issuers need one, by its name; a route that takes none must not name any.
        """
        jwt = {**ROUTE, "bearer_token_format": "jwt"}
        self.assertIn("needs an issuer", self.refused("routes[0].bearer_token_format", routes=[jwt]))
        named = {**jwt, "identity_providers": ["other"]}
        message = self.refused("routes[0].identity_providers", routes=[named], identity_providers={"ci": CI})
        self.assertIn("none of identity_providers: ci", message)
        stray = {**ROUTE, "identity_providers": ["ci"]}
        self.refused("routes[0].identity_providers", routes=[stray], identity_providers={"ci": CI})
        self.assertEqual(self.warnings(routes=[jwt], identity_providers={"ci": CI}), [])

    def test_issuers(self) -> None:
        """
        An issuer is one URL, safe, with audiences, and algorithms that no secret signs with.
        """
        jwt = {**ROUTE, "bearer_token_format": "jwt"}
        for key, changes in (
            ("identity_providers.ci.issuer", {"issuer": "http://ci.example.org"}),
            ("identity_providers.ci.issuer", {"issuer": "ci"}),
            ("identity_providers.ci.issuer", {"issuer": "kubernetes:///"}),
            ("identity_providers.ci.jwks_url", {"jwks_url": "http://ci.example.org/keys"}),
            ("identity_providers.ci.audiences", {"audiences": []}),
            ("identity_providers.ci.supported_algs", {"supported_algs": ["HS256"]}),
            ("identity_providers.ci.supported_algs", {"supported_algs": ["none"]}),
            ("identity_providers.ci.unknown", {"unknown": "x"}),
        ):
            with self.subTest(changes):
                self.refused(key, routes=[jwt], identity_providers={"ci": {**CI, **changes}})
        two = {"ci": CI, "also": CI}
        self.assertIn("too", self.refused("identity_providers.ci.issuer", routes=[jwt], identity_providers=two))
        for name in ("CI", "a/b", ""):
            self.refused("identity_providers", routes=[jwt], identity_providers={name: CI})

    def test_public(self) -> None:
        """
        A public route that takes tokens refuses wrong ones, and says so at the start.
        """
        public = {key: value for key, value in ROUTE.items() if not key.startswith("allow")}
        route = {**public, "allow_public_unauthenticated_access": True, "bearer_token_format": "idp_identity_token"}
        [(key, _)] = self.warnings(routes=[route])
        self.assertEqual(key, "routes[0].bearer_token_format")
