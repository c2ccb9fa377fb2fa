"""
Tests of `pomerium_tx.config.keys`: Pomerium's keys, each in one class.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.keys import ROOT_KEYS, ROUTE_KEYS, KeyClass, known_root_key, known_route_key
from pomerium_tx.config.model import Config
from pomerium_tx.config.route_section import RouteSection

POMERIUM_ROOT_KEYS = """
address insecure_server http_redirect_addr services authenticate_service_url authenticate_internal_service_url
authenticate_callback_path signout_redirect_url shared_secret shared_secret_file cookie_secret cookie_secret_file
cookie_name cookie_domain cookie_expire cookie_http_only cookie_same_site cookie_secure idp_provider idp_provider_url
idp_client_id idp_client_secret idp_client_secret_file idp_scopes idp_request_params idp_access_token_allowed_audiences
identity_providers routes policy signing_key signing_key_file jwt_claims_headers jwt_issuer_format pass_identity_headers
bearer_token_format programmatic_redirect_domain_whitelist set_response_headers default_upstream_timeout timeout_read
timeout_write timeout_idle certificates certificate_file certificate_key_file certificate certificate_key
certificate_authority certificate_authority_file autocert autocert_ca autocert_email autocert_dir autocert_use_staging
autocert_must_staple autocert_eab_key_id autocert_eab_mac_key autocert_trusted_ca autocert_trusted_ca_file
downstream_mtls tls_derive override_certificate_name codec_type dns_lookup_family dns_query_timeout envoy_admin_address
envoy_bind_config_source_address use_proxy_protocol circuit_breaker_thresholds xff_num_trusted_hops skip_xff_append
merge_slashes normalize_path headers_with_underscores_action path_with_escaped_slashes_action log_level proxy_log_level
access_log_fields authorize_log_fields metrics_address metrics_basic_auth metrics_certificate metrics_certificate_file
metrics_certificate_key metrics_certificate_key_file metrics_client_ca metrics_client_ca_file health_check_addr
debug_address otel_exporter_otlp_endpoint databroker_storage_type databroker_storage_connection_string grpc_address
grpc_insecure grpc_client_timeout authorize_service_url authorize_service_urls databroker_service_url
databroker_service_urls ssh_address ssh_host_keys mcp_allowed_client_id_domains blob_storage primary_color
secondary_color darkmode_primary_color darkmode_secondary_color logo_url favicon_url error_message_first_paragraph
runtime_flags
""".split()
POMERIUM_ROUTE_KEYS = """
from to redirect response regex regex_priority_order path prefix load_balancing_policy health_checks outlier_detection
healthy_panic_threshold circuit_breaker_thresholds tls_skip_verify tls_custom_ca tls_custom_ca_file tls_server_name
tls_upstream_server_name tls_client_cert tls_client_key tls_client_cert_file tls_client_key_file
tls_upstream_allow_renegotiation prefix_rewrite regex_rewrite_pattern regex_rewrite_substitution host_rewrite
host_rewrite_header host_path_regex_rewrite_pattern host_path_regex_rewrite_substitution preserve_host_header
rewrite_response_headers set_request_headers remove_request_headers set_response_headers allow_websockets allow_spdy
allow_upgrades timeout idle_timeout allow_public_unauthenticated_access allow_any_authenticated_user allowed_users
allowed_domains allowed_idp_claims cors_allow_preflight policy idp_client_id idp_client_secret show_error_details
depends_on tls_downstream_client_ca jwt_groups_filter jwt_issuer_format kubernetes_service_account_token
enable_google_cloud_serverless_authentication name description logo_url pass_identity_headers bearer_token_format
identity_providers
""".split()
OURS = {
    "trusted_proxies",
    "authenticate_address",
    "sign_out_redirect_allowlist",
    "sign_out_from_same_site",
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
        self.assertEqual([key for key in POMERIUM_ROOT_KEYS if key not in model and known_root_key(key) is None], [])
        self.assertEqual([key for key in POMERIUM_ROUTE_KEYS if key not in route_model and key not in ROUTE_KEYS], [])
        self.assertEqual(model - set(POMERIUM_ROOT_KEYS), OURS)
        self.assertEqual(route_model - set(POMERIUM_ROUTE_KEYS), OURS_OF_ROUTES)

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
            "downstream_mtls",
            "client_ca",
            "bearer_token_format",
            "identity_providers",
            "services",
            "use_proxy_protocol",
            "autocert",
            "path_with_escaped_slashes_action",
        ):
            with self.subTest(key):
                self.assertIs(ROOT_KEYS[key].key_class, KeyClass.REFUSED)
        for key in (
            "policy",
            "allowed_idp_claims",
            "allowed_groups",
            "regex",
            "redirect",
            "response",
            "prefix_rewrite",
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
            ("downstream_mtls", {}, True),
            ("downstream_mtls", {"ca": "x"}, False),
        ):
            with self.subTest(f"{key}: {value}"):
                self.assertEqual(ROOT_KEYS[key].is_harmless(value), harmless)
        policy = known_route_key("policy")
        assert policy is not None
        self.assertTrue(policy.is_harmless([]))
        self.assertFalse(policy.is_harmless([{"deny": {}}]))
