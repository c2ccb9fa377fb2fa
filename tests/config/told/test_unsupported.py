"""
Tests of `pomerium_tx.config.told.unsupported`: Pomerium's keys, each in one class.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.model import Config
from pomerium_tx.config.route_section import RouteSection
from pomerium_tx.config.told import pomerium_keys
from pomerium_tx.config.told.unsupported import ROOT_KEYS, ROUTE_KEYS, KeyClass, known_root_key, known_route_key

OURS = {
    "trusted_proxies",
    "authenticate_address",
    "sign_out_redirect_allowlist",
    "sign_out_from_same_site",
    "programmatic_login",
    "end_session_needs_hint",
    "id_token_signed_response_alg",
    "revocation_delay",
    "session_idle_timeout",
    "session_idle_counts_streams",
    "backchannel_logout_allow_missing_exp",
    "frontchannel_sid_is_sub",
    "admin_address",
    "admin_token",
    "admin_token_file",
    "providers",
    "default_provider",
    "end_session",
    "sign_out_url",
    "revocation",
    "workers",
    "timeout_request_head",
    "timeout_request",
    "max_header_bytes",
    "max_header_count",
    "max_target_bytes",
    "max_pipelined_requests",
    "max_connections",
    "max_connections_per_address",
    "max_upstream_connections",
    "max_upstream_queue",
    "timeout_upstream_queue",
}
OURS_OF_ROUTES = {
    "idp",
    "idp_client_secret_file",
    "allow_websocket_origins",
    "caching",
    "clear_site_data",
    "upstream_logout_uri",
    "upstream_logout_audience",
}


class KeysTests(SynchronousTestCase):
    """
    The table of classes.
    """

    def test_every_key_of_pomerium_has_a_class(self) -> None:
        """
        No key of Pomerium's is unknown: it is supported, ignored with a warning, or refused with what to do instead.
        """
        model = {field.alias or name for name, field in Config.model_fields.items()}
        route_model = {field.alias or name for name, field in RouteSection.model_fields.items()}
        self.assertEqual([key for key in sorted(pomerium_keys.ROOT - model) if known_root_key(key) is None], [])
        self.assertEqual([key for key in sorted(pomerium_keys.ROUTE - route_model) if key not in ROUTE_KEYS], [])
        self.assertEqual(model - pomerium_keys.ROOT, OURS)
        self.assertEqual(route_model - pomerium_keys.ROUTE, OURS_OF_ROUTES)

    def test_one_class_each(self) -> None:
        """
        What the model supports is in no other class.
        """
        self.assertEqual(set(ROOT_KEYS) & set(Config.model_fields), set())
        self.assertEqual(
            set(ROUTE_KEYS) & {field.alias or name for name, field in RouteSection.model_fields.items()}, set()
        )

    def test_what_admits_is_refused(self) -> None:
        """
        Nothing that decides who gets in, or what is reachable, is merely ignored.
        """
        for key in (
            "client_ca",
            "services",
            "use_proxy_protocol",
            "autocert",
            "path_with_escaped_slashes_action",
        ):
            with self.subTest(key):
                self.assertIs(ROOT_KEYS[key].key_class, KeyClass.REFUSED)
        for key in (
            "sub_policies",
            "allowed_groups",
        ):
            with self.subTest(key):
                self.assertIs(ROUTE_KEYS[key].key_class, KeyClass.REFUSED)

    def test_harmless_values(self) -> None:
        """
        A key that asks for what happens anyway does no harm, and only such a value passes.
        """
        for key, value, harmless in (
            ("services", "ALL", True),
            ("services", "proxy", False),
            ("cookie_secure", True, True),
            ("cookie_secure", "true", True),
            ("cookie_secure", False, False),
            ("autocert", False, True),
            ("autocert", True, False),
            ("autocert", 0, False),
            ("path_with_escaped_slashes_action", "keep_unchanged", False),
            ("path_with_escaped_slashes_action", "REJECT_REQUEST", True),
            ("client_ca", "", True),
            ("client_ca", "x", False),
        ):
            with self.subTest(f"{key}: {value}"):
                self.assertEqual(ROOT_KEYS[key].is_harmless(value), harmless)
        policies = known_route_key("sub_policies")
        assert policies is not None
        self.assertTrue(policies.is_harmless([]))
        self.assertFalse(policies.is_harmless([{"rego": ["allow = true"]}]))
