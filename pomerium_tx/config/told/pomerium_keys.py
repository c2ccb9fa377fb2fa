"""
The keys that Pomerium has, supported here or not.

They are those of its ``config/options.go`` and ``config/policy.go`` and of its documentation, older ones included.
"""

from __future__ import annotations

ROOT = frozenset(
    """
    access_log_fields address allow_upgrades authenticate_callback_path authenticate_internal_service_url
    authenticate_service_url authorize_internal_service_url authorize_log_fields authorize_service_url
    authorize_service_urls auto_apply_changesets autocert autocert_ca autocert_dir autocert_eab_key_id
    autocert_eab_mac_key autocert_email autocert_must_staple autocert_trusted_ca autocert_trusted_ca_file
    autocert_use_staging bearer_token_format blob_storage certificate certificate_authority certificate_authority_file
    certificate_file certificate_key certificate_key_file certificates circuit_breaker_thresholds client_ca
    client_ca_file client_crl client_crl_file codec_type cookie_domain cookie_expire cookie_http_only cookie_name
    cookie_same_site cookie_secret cookie_secret_file cookie_secure darkmode_primary_color darkmode_secondary_color
    databroker_cluster_leader_id databroker_cluster_node_id databroker_cluster_nodes databroker_internal_service_url
    databroker_raft_bind_address databroker_service_url databroker_service_urls databroker_storage_connection_string
    databroker_storage_connection_string_file databroker_storage_type debug_address default_upstream_timeout
    dns_failure_refresh_rate dns_lookup_family dns_query_timeout dns_query_tries dns_refresh_rate dns_resolvers
    dns_udp_max_queries dns_use_tcp downstream_mtls envoy_admin_access_log_path envoy_admin_address
    envoy_admin_profile_path envoy_bind_config_freebind envoy_bind_config_source_address envoy_dynamic_extensions
    error_message_first_paragraph favicon_url google_cloud_serverless_authentication_service_account grpc_address
    grpc_client_timeout grpc_insecure headers_with_underscores_action health_check_addr health_check_systemd_disabled
    http_redirect_addr identity_providers idp_access_token_allowed_audiences idp_client_id idp_client_secret
    idp_client_secret_file idp_provider idp_provider_url idp_request_params idp_scopes insecure_server installation_id
    jwt_claims_headers jwt_groups_filter jwt_issuer_format log_level logo_url mcp_allowed_as_metadata_domains
    mcp_allowed_client_id_domains merge_slashes metrics_address metrics_basic_auth metrics_certificate
    metrics_certificate_file metrics_certificate_key metrics_certificate_key_file metrics_client_ca
    metrics_client_ca_file normalize_path otel_exporter_otlp_endpoint override_certificate_name pass_identity_headers
    path_with_escaped_slashes_action policy policy_file primary_color programmatic_redirect_domain_whitelist
    proxy_log_level routes runtime_flags secondary_color services session_recording_concurrency set_response_headers
    shared_secret shared_secret_file signing_key signing_key_file signout_redirect_url skip_xff_append ssh_address
    ssh_host_key_files ssh_host_keys ssh_rls_additional_entries ssh_rls_enabled ssh_user_ca_key ssh_user_ca_key_file
    timeout_idle timeout_read timeout_write tls_derive use_proxy_protocol xff_num_trusted_hops
    """.split()
)
"""
Outside of routes.
"""
ROUTE = frozenset(
    """
    allow_any_authenticated_user allow_public_unauthenticated_access allow_spdy allow_upgrades allow_websockets
    allowed_domains allowed_groups allowed_idp_claims allowed_users bearer_token_format circuit_breaker_thresholds
    cors_allow_preflight depends_on description enable_google_cloud_serverless_authentication envoy_opts from
    health_checks healthy_panic_threshold host_path_regex_rewrite_pattern host_path_regex_rewrite_substitution
    host_rewrite host_rewrite_header id identity_providers idle_timeout idp_access_token_allowed_audiences
    idp_client_id idp_client_secret jwt_groups_filter jwt_issuer_format kubernetes_service_account_token
    kubernetes_service_account_token_file load_balancing_policy logo_url mcp name outlier_detection
    pass_identity_headers path policy prefix prefix_rewrite preserve_host_header redirect regex regex_priority_order
    regex_rewrite_pattern regex_rewrite_substitution remove_request_headers response rewrite_response_headers
    session_recording set_authorization_header set_request_headers set_response_headers show_error_details stat_name
    sub_policies timeout tls_client_cert tls_client_cert_file tls_client_key tls_client_key_file tls_custom_ca
    tls_custom_ca_file tls_downstream_client_ca tls_downstream_client_ca_file tls_downstream_server_name
    tls_server_name tls_skip_verify tls_upstream_allow_renegotiation tls_upstream_server_name to upstream_tunnel
    """.split()
)
"""
In a route.
"""
