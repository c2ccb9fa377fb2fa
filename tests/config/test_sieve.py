"""
Tests of `pomerium_tx.config.sieve`, through whole files.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.material import ROUTE, complaints, key_pair, loaded, written

PROVIDER = {
    "idp_provider": "oidc",
    "idp_provider_url": "https://other.example.com",
    "idp_client_id": "two",
    "idp_client_secret": "secret",
}


class SieveTests(SynchronousTestCase):
    """
    What is taken out before the model sees it.
    """

    def test_unknown_keys(self) -> None:
        """
        An unknown key is refused wherever it stands, with the likely one if there is one.
        """
        for values, key, words in (
            ({"adress": ":1"}, "adress", "did you mean address?"),
            ({"Cookie_Name": "x"}, "Cookie_Name", "did you mean cookie_name?"),
            ({"zzz": 1}, "zzz", "not a known key"),
            ({"routes": [{**ROUTE, "allowed_user": ["a"]}]}, "routes[0].allowed_user", "did you mean allowed_users?"),
            ({"routes": [{**ROUTE, "cookie_expire": "1h"}]}, "routes[0].cookie_expire", "not a known key"),
            ({"certificates": [{"file": "x"}]}, "certificates[0].file", "not a known key"),
            ({5: "x"}, "5", "not a known key"),
        ):
            with self.subTest(key):
                found = {problem.key: problem.message for problem in complaints(self.mktemp(), values)}  # type: ignore[arg-type]  # a key that is no string is the point
                self.assertIn(words, found[key])

    def test_ignored_with_a_warning(self) -> None:
        """
        What has no effect on who gets in is ignored, and said so with its line.
        """
        result = loaded(self.mktemp(), {"codec_type": "http3", "routes": [{**ROUTE, "stat_name": "app"}]})
        self.assertEqual({warning.key for warning in result.warnings}, {"codec_type", "routes[0].stat_name"})
        self.assertTrue(all(warning.line for warning in result.warnings))
        self.assertIn("is ignored", result.warnings[0].message)

    def test_refused(self) -> None:
        """
        What changes access is refused, with what to do instead; a value that asks for nothing passes silently.
        """
        (problem,) = complaints(self.mktemp(), {"routes": [{**ROUTE, "sub_policies": [{"allowed_users": ["a"]}]}]})
        self.assertEqual(problem.key, "routes[0].sub_policies")
        self.assertIn("under policy", problem.message)
        result = loaded(
            self.mktemp(), {"services": "all", "autocert": False, "routes": [{**ROUTE, "sub_policies": []}]}
        )
        self.assertEqual(result.warnings, ())

    def test_circuit_breaker_thresholds(self) -> None:
        """
        Outside of routes, in the environment and in a route, connections and waiting requests are bounded by them;
        Pomerium's other keys are warned of, unknown ones refused, and what is wrong is said of the key that it is in.
        """
        name = "circuit_breaker_thresholds"
        of_route = {"max_connections": 2, "max_requests": 3, "max_retries": 1}
        values = {name: {"max_pending_requests": 0, "max_connection_pools": 1}, "routes": [{**ROUTE, name: of_route}]}
        result = loaded(self.mktemp(), values)
        self.assertEqual(
            {warning.key for warning in result.warnings},
            {f"routes[0].{name}.max_requests", f"routes[0].{name}.max_retries", f"{name}.max_connection_pools"},
        )
        self.assertEqual(result.config.upstream_bounds, (1024, 0))
        section = result.config.routes[0].circuit_breaker_thresholds
        assert section is not None
        self.assertEqual((section.max_connections, section.max_pending_requests), (2, None))
        environ = {name.upper(): '{"max_connections": 7, "max_requests": 1}'}
        result = loaded(self.mktemp(), {"routes": [ROUTE]}, environ)
        self.assertEqual(result.config.upstream_bounds, (7, 1024))
        self.assertEqual([warning.key for warning in result.warnings], [f"{name}.max_requests"])
        for where, at in (({name: ...}, name), ({"routes": [{**ROUTE, name: ...}]}, f"routes[0].{name}")):
            for thresholds, key in (
                ({"max_connections": 0}, f"{at}.max_connections"),
                ({"max_pending_requests": -1}, f"{at}.max_pending_requests"),
                ({"max_pending": 1}, f"{at}.max_pending"),
                ([1], at),
                ("{", at),
            ):
                with self.subTest(key):
                    values = {**where, name: thresholds} if at == name else {"routes": [{**ROUTE, name: thresholds}]}
                    self.assertEqual([problem.key for problem in complaints(self.mktemp(), values)], [key])

    def test_nothing_as_a_value(self) -> None:
        """
        A key without a value is as if it were not there, but for keys that say who may pass.
        """
        config = loaded(self.mktemp(), {"cookie_domain": None, "routes": None, "timeout_idle": None}).config
        self.assertEqual((config.cookie_domain, config.routes), (None, ()))
        for key in ("allowed_users", "allowed_domains", "allow_any_authenticated_user"):
            with self.subTest(key):
                (problem,) = complaints(self.mktemp(), {"routes": [{**ROUTE, key: None}]})
                self.assertIn("who may pass", problem.message)

    def test_an_empty_string(self) -> None:
        """
        An empty string is as if the key were not there, as in Pomerium, in a route and in one of several providers too;
        but not where that would let somebody in.
        """
        empty = dict.fromkeys(("signing_key", "cookie_domain", "certificate_authority", "log_level", "logo_url"), "")
        route = {**ROUTE, "prefix_rewrite": "", "tls_custom_ca": " ", "host_rewrite": "", "timeout": ""}
        values = {**empty, "providers": {"two": {**PROVIDER, "idp_scopes": "", "revocation": ""}}, "routes": [route]}
        self.assertEqual(
            loaded(self.mktemp(), values).config.model_dump(exclude={"shared_secret", "cookie_secret"}),
            loaded(self.mktemp(), {"providers": {"two": PROVIDER}, "routes": [ROUTE]}).config.model_dump(
                exclude={"shared_secret", "cookie_secret"}
            ),
        )
        for key in ("path", "prefix", "regex", "idp", "policy", "allow_any_authenticated_user", "from", "to"):
            with self.subTest(key):
                self.assertEqual(len(complaints(self.mktemp(), {"routes": [{**ROUTE, key: ""}]})), 1)
        self.assertIsNone(loaded(self.mktemp(), {"admin_address": ""}).config.admin_address)
        self.assertEqual(len(complaints(self.mktemp(), {"admin_token": ""})), 1)
        whitelist = loaded(self.mktemp(), {"programmatic_redirect_domain_whitelist": ""}).config
        self.assertEqual(whitelist.programmatic_redirect_domain_whitelist, ())

    def test_runtime_flags(self) -> None:
        """
        A flag that is unknown or has nothing to switch is a warning; a known one counts.
        """
        flags = {"match_any_incoming_port": False, "http3": True, "mcp": False, "nonsense": True}
        result = loaded(self.mktemp(), {"runtime_flags": flags, "routes": [ROUTE]})
        self.assertFalse(result.config.runtime_flags.match_any_incoming_port)
        self.assertEqual(
            {warning.key for warning in result.warnings}, {"runtime_flags.http3", "runtime_flags.nonsense"}
        )
        (problem,) = complaints(self.mktemp(), {"runtime_flags": "{"})
        self.assertEqual(problem.key, "runtime_flags")

    def test_files(self) -> None:
        """
        Each value that may be given as a file is read from it, and the file wins over a value beside it.
        """
        directory = self.mktemp()
        certificate, key = (
            str(written(directory, content, name)) for content, name in zip(key_pair(), ("c", "k"), strict=True)
        )
        values = {
            "certificate_file": certificate,
            "certificate_key_file": key,
            "certificates": [{"cert": certificate, "key": key}],
            "signing_key_file": key,
            "certificate_authority_file": certificate,
            "idp_client_secret_file": str(written(directory, "from-file", "s")),
            "routes": [
                {
                    **ROUTE,
                    "to": "https://127.0.0.1",
                    "tls_custom_ca_file": certificate,
                    "tls_client_cert_file": certificate,
                    "tls_client_key_file": key,
                }
            ],
        }
        result = loaded(self.mktemp(), values)
        config = result.config
        self.assertEqual([pair[0] for pair in config.key_pairs], [key_pair()[0]] * 2)
        self.assertEqual(config.certificate_authority, key_pair()[0])
        self.assertEqual(config.idp_client_secret.get_secret_value(), "from-file")
        self.assertIsNotNone(config.signing_key)
        self.assertEqual(config.routes[0].tls_custom_ca, key_pair()[0])
        self.assertIsNotNone(config.routes[0].client_certificate)
        self.assertEqual([warning.key for warning in result.warnings], ["idp_client_secret"])

    def test_exposed_files(self) -> None:
        """
        A secret in a file that every user of the machine may read is warned of; a certificate there is not.
        """
        directory = self.mktemp()
        paths = [written(directory, content, name) for content, name in zip(key_pair(), ("c", "k"), strict=True)]
        for path in paths:
            path.chmod(0o644)
        values = {"certificate_file": str(paths[0]), "certificate_key_file": str(paths[1]), "routes": [ROUTE]}
        (warning,) = loaded(self.mktemp(), values).warnings
        self.assertEqual(warning.key, "certificate_key_file")

    def test_files_that_cannot_be_read(self) -> None:
        """
        A file that is not there is a problem of the key that names it, and only of that.
        """
        for key in ("signing_key_file", "shared_secret_file", "certificate_authority_file"):
            with self.subTest(key):
                (problem,) = complaints(self.mktemp(), {key: "/nowhere/at/all"})
                self.assertEqual(problem.key, key)
                self.assertIn("/nowhere/at/all", problem.message)
