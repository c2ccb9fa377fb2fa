"""
Tests of `pomerium_tx.config.rules.providers`, of the keys of several providers and of the routes that choose one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import yaml
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.loader import load
from tests.config.material import ROUTE, SMALLEST, complaints, loaded, written

OTHER = {
    "idp_provider": "oidc",
    "idp_provider_url": "https://other.example.com",
    "idp_client_id": "client",
    "idp_client_secret": "other-secret",
}
NO_ROOT = {key: ... for key in SMALLEST if key.startswith("idp_")}


class ProviderRulesTests(SynchronousTestCase):
    """
    What keys about providers can get wrong together.
    """

    def refused(self, values: Mapping[str, object], *expected: tuple[str, str]) -> None:
        """
        There are exactly these problems.
        """
        with self.subTest(str(values)):
            found = complaints(self.mktemp(), dict(values))
            self.assertEqual([problem.key for problem in found], [key for key, _ in expected], list(map(str, found)))
            for problem, (_, words) in zip(found, expected, strict=True):
                self.assertIn(words, problem.message)

    def test_named_providers(self) -> None:
        """
        Providers have names; the one whose keys stand outside is the default, else the first, or the one that is named.
        """
        for values, names, default in (
            ({}, ["default"], "default"),
            ({"providers": {"b": OTHER}}, ["default", "b"], "default"),
            ({"providers": {"b": OTHER}, "default_provider": "b"}, ["default", "b"], "b"),
            ({**NO_ROOT, "providers": {"b": OTHER, "c": {**OTHER, "idp_client_id": "c"}}}, ["b", "c"], "b"),
        ):
            with self.subTest(str(values)):
                config = loaded(self.mktemp(), {"routes": [ROUTE], **values}).config
                self.assertEqual((list(config.provider_sections), config.default_provider_name), (names, default))

    def test_environment(self) -> None:
        """
        Further providers can come from the environment, as JSON, and their problems are told by its variable.
        """
        path = written(self.mktemp(), yaml.safe_dump({**SMALLEST, "routes": [{**ROUTE, "idp": "b"}]}))
        config = load(path, {"PROVIDERS": json.dumps({"b": OTHER})}).config
        self.assertEqual(config.providers["b"].issuer, "https://other.example.com")

    def test_secret_file(self) -> None:
        """
        A named provider's secret may be in a file of its own.
        """
        secret = str(written(self.mktemp(), "from-a-file\n", "secret"))
        keys = {key: value for key, value in OTHER.items() if key != "idp_client_secret"}
        config = loaded(
            self.mktemp(), {"routes": [ROUTE], "providers": {"b": {**keys, "idp_client_secret_file": secret}}}
        ).config
        found = config.providers["b"].idp_client_secret
        assert found is not None
        self.assertEqual(found.get_secret_value(), "from-a-file")

    def test_required(self) -> None:
        """
        Each provider needs what it cannot do without, wherever it stands; all of it is told at once.
        """
        self.refused(
            {"providers": {"b": {}}},
            ("providers.b.idp_provider", "required"),
            ("providers.b.idp_provider_url", "required"),
            ("providers.b.idp_client_id", "required"),
            ("providers.b.idp_client_secret", "required"),
        )
        self.refused(
            {**NO_ROOT, "idp_provider": "google", "providers": {"b": OTHER}},
            ("idp_client_id", "required"),
            ("idp_client_secret", "required"),
        )

    def test_broken_values(self) -> None:
        """
        What is wrong with a named provider's keys is told by name, line and key; nothing else is complained about.
        """
        for change, key, words in (
            ({"idp_provider": "saml"}, "idp_provider", "must be one of"),
            ({"idp_provider_url": "https://op/?a"}, "idp_provider_url", "query"),
            ({"idp_client_id": 3}, "idp_client_id", "quotes"),
            ({"sign_out_url": "https://op/?a={x}"}, "sign_out_url", "braces"),
            ({"revocation": "never"}, "revocation", "each, last_session or off"),
            ({"idp_clientid": "x"}, "idp_clientid", "did you mean idp_client_id?"),
            ({"routes": []}, "routes", "not a known key"),
            ({"idp_scopes": ["email"]}, "idp_scopes", "openid"),
            ({"idp_provider_url": "http://op.example.com"}, "idp_provider_url", "https://"),
            ({"sign_out_url": "http://op.example.com/?a={state}"}, "sign_out_url", "https://"),
        ):
            self.refused({"providers": {"b": {**OTHER, **change}}}, (f"providers.b.{key}", words))
        self.refused({"providers": {"b": 1}}, ("providers.b", "mapping"))
        self.refused({"providers": [1]}, ("providers", "mapping"))
        self.refused({"providers": {"b c": OTHER}}, ("providers", "'b c' is no name"))

    def test_azure(self) -> None:
        """
        An Entra tenant has to be named: tokens of the common endpoint come from whichever tenant.
        """
        azure = {**OTHER, "idp_provider": "azure"}
        for name in ("common", "organizations", "consumers"):
            url = f"https://login.microsoftonline.com/{name}/v2.0"
            self.refused(
                {"providers": {"b": {**azure, "idp_provider_url": url}}},
                ("providers.b.idp_provider_url", "many tenants"),
            )
        del azure["idp_provider_url"]
        self.refused({"providers": {"b": azure}}, ("providers.b.idp_provider_url", "required"))

    def test_choosing(self) -> None:
        """
        Who chooses a provider chooses one that is there.
        """
        self.refused({"default_provider": "x"}, ("default_provider", "none of the providers: default"))
        self.refused({"routes": [{**ROUTE, "idp": "x"}]}, ("routes[0].idp", "none of the providers"))
        self.refused({"providers": {"default": OTHER}}, ("providers.default", "write another"))

    def test_clients_of_routes(self) -> None:
        """
        A route may have a client of its own; one client has one secret, wherever it is written.
        """
        own = {**ROUTE, "idp_client_id": "own", "idp_client_secret": "own-secret"}
        self.assertEqual(loaded(self.mktemp(), {"routes": [own]}).warnings, ())
        self.refused(
            {"routes": [{**ROUTE, "idp_client_id": "client", "idp_client_secret": "another"}]},
            ("routes[0].idp_client_secret", "another than elsewhere"),
        )
        (warning,) = loaded(self.mktemp(), {"routes": [{**ROUTE, "idp_client_secret": "x"}]}).warnings
        self.assertEqual(warning.key, "routes[0].idp_client_secret")

    def test_two_names_for_one(self) -> None:
        """
        One client has one name: of two, nobody could tell whose settings count.
        """
        self.refused({"providers": {"b": OTHER, "c": OTHER}}, ("providers.c.idp_client_id", "same provider as b"))
        same = {**OTHER, "idp_provider_url": SMALLEST["idp_provider_url"], "idp_client_secret": "planted-client-secret"}
        self.refused({"providers": {"b": same}}, ("providers.b.idp_client_id", "as default"))

    def test_ignored(self) -> None:
        """
        What has no effect is said.
        """
        for change, key in (
            ({"idp_request_params": {"state": "x"}}, "idp_request_params.state"),
            ({"end_session": False, "sign_out_url": "https://op.example.com/out"}, "sign_out_url"),
        ):
            with self.subTest(key):
                (warning,) = loaded(
                    self.mktemp(), {"routes": [ROUTE], "providers": {"b": {**OTHER, **change}}}
                ).warnings
                self.assertEqual(warning.key, f"providers.b.{key}")
