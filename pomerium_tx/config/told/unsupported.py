"""
Pomerium's keys that are not supported: which are ignored with a warning, and which are refused.

Ignored is what has no effect on who gets in: transport, tracing, tuning, looks. Refused is what changes access or
exposure, with what to do instead. A key in neither table and not in the model is unknown, and refused.
A key's harmless values say what happens anyway; with one of them it passes without a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

_OFF: tuple[object, ...] = (None, False, "false", "", "0", (), {})


class KeyClass(Enum):
    """
    What becomes of a key that is not in the model.
    """

    IGNORED = "ignored"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownKey:
    """
    A key of Pomerium's that the model does not have.
    """

    key_class: KeyClass
    words: str
    harmless: tuple[object, ...]

    def is_harmless(self, value: object) -> bool:
        """
        Whether ignoring *value* changes nothing.
        """
        if isinstance(value, str):
            value = value.strip().lower()
        if isinstance(value, list):
            value = tuple(value)
        return any(type(value) is type(harmless) and value == harmless for harmless in self.harmless)


def _or_off(harmless: tuple[object, ...]) -> tuple[object, ...]:
    return (None, "", *harmless) if harmless else _OFF


def _ignored(words: str, *harmless: object) -> KnownKey:
    return KnownKey(key_class=KeyClass.IGNORED, words=f"is ignored: {words}", harmless=_or_off(harmless))


def _refused(words: str, *harmless: object) -> KnownKey:
    return KnownKey(key_class=KeyClass.REFUSED, words=f"is not supported: {words}", harmless=_or_off(harmless))


_ONE_PROCESS = _ignored("everything runs in this one process, nothing is spoken between services")
_IN_MEMORY = _refused("sessions are kept in memory; remove it")
_NO_ENVOY = _ignored("it tunes an engine that is not used here")
_NO_METRICS = _ignored("no metrics are published")
_FIXED_LOG = _ignored("log lines have fixed fields")
_MTLS = _refused("write ca or ca_file under downstream_mtls")
_MTLS_CRL = _refused("write crl or crl_file under downstream_mtls")
_MTLS_OF_ROUTE = _refused(
    "name the authority in downstream_mtls, and the route's certificates in its policy, with client_certificate"
)
_NO_SSH = _refused("there is no SSH; remove it")
_DIRECTORY = _refused("there is no directory; remove it; groups are those of the provider's groups claim")
_NO_ACME = _refused("certificates are not fetched; name their files under certificates")
_TUNED = _ignored("upstreams are chosen by load_balancing_policy and weights alone")
_NO_STATISTICS = _ignored("upstreams are ejected for errors in a row only, by consecutive_5xx and the like", 0, "0")
_NO_RECORDING = _refused("nothing is recorded; remove it")
_ONE_UPGRADE = _refused("remove it; WebSocket is the only upgrade, with allow_websockets: true")
_RENAMED_HEADERS = _refused("write set_response_headers")

ROOT_KEYS: Mapping[str, KnownKey] = {
    "services": _refused("one process does everything; remove it, or write services: all", "all"),
    "authenticate_callback_path": _refused(
        "the path is always /oauth2/callback; register that at the provider and remove the key", "/oauth2/callback"
    ),
    "authenticate_internal_service_url": _refused("remove it; authenticate_service_url must be reachable by browsers"),
    "authorize_service_url": _ONE_PROCESS,
    "authorize_service_urls": _ONE_PROCESS,
    "authorize_internal_service_url": _ONE_PROCESS,
    "databroker_service_url": _ONE_PROCESS,
    "databroker_service_urls": _ONE_PROCESS,
    "databroker_internal_service_url": _ONE_PROCESS,
    "cache_service_url": _ONE_PROCESS,
    "grpc_address": _ONE_PROCESS,
    "grpc_insecure": _ONE_PROCESS,
    "grpc_client_timeout": _ONE_PROCESS,
    "grpc_client_dns_roundrobin": _ONE_PROCESS,
    "grpc_server_max_connection_age": _ONE_PROCESS,
    "grpc_server_max_connection_age_grace": _ONE_PROCESS,
    "override_certificate_name": _ONE_PROCESS,
    "databroker_storage_connection_string": _IN_MEMORY,
    "databroker_storage_connection_string_file": _IN_MEMORY,
    "databroker_storage_cert_file": _IN_MEMORY,
    "databroker_storage_key_file": _IN_MEMORY,
    "databroker_storage_ca_file": _IN_MEMORY,
    "databroker_storage_tls_skip_verify": _IN_MEMORY,
    "databroker_cluster_leader_id": _IN_MEMORY,
    "databroker_cluster_node_id": _IN_MEMORY,
    "databroker_cluster_nodes": _IN_MEMORY,
    "databroker_raft_bind_address": _IN_MEMORY,
    "cookie_secure": _refused("cookies are always Secure; remove the key", True, "true"),
    "timeout_write": _ignored("a whole answer has no time limit; routes have timeout and idle_timeout", 0, "0", "0s"),
    "use_proxy_protocol": _refused("connections must begin with TLS or HTTP; switch PROXY off in front and remove it"),
    "path_with_escaped_slashes_action": _refused(
        "escaped slashes are always refused with 400; remove it",
        "reject",
        "reject_request",
        "keep_unchanged_reject_request",
    ),
    "codec_type": _ignored("HTTP/1.1 is spoken", "auto", "http1"),
    "tls_derive": _NO_ACME,
    "autocert": _NO_ACME,
    "autocert_ca": _ignored("autocert is off"),
    "autocert_email": _ignored("autocert is off"),
    "autocert_dir": _ignored("autocert is off"),
    "autocert_use_staging": _ignored("autocert is off"),
    "autocert_must_staple": _ignored("autocert is off"),
    "autocert_eab_key_id": _ignored("autocert is off"),
    "autocert_eab_mac_key": _ignored("autocert is off"),
    "autocert_trusted_ca": _ignored("autocert is off"),
    "autocert_trusted_ca_file": _ignored("autocert is off"),
    # Others of its keys can be set by variables; this one is a list of mappings.
    "downstream_mtls_match_subject_alt_names": _refused("write match_subject_alt_names under downstream_mtls"),
    "ssh_address": _NO_SSH,
    "ssh_host_key_files": _NO_SSH,
    "ssh_host_keys": _NO_SSH,
    "ssh_user_ca_key": _NO_SSH,
    "ssh_user_ca_key_file": _NO_SSH,
    "client_ca": _MTLS,
    "client_ca_file": _MTLS,
    "client_crl": _MTLS_CRL,
    "client_crl_file": _MTLS_CRL,
    "idp_service_account": _DIRECTORY,
    "idp_refresh_directory_timeout": _DIRECTORY,
    "idp_refresh_directory_interval": _DIRECTORY,
    "idp_qps": _DIRECTORY,
    "administrators": _refused("remove it"),
    "jwt_groups_filter": _refused("remove it; groups are those of the provider's groups claim"),
    "signing_key_algorithm": _refused("the algorithm follows from the signing key; remove it"),
    "google_cloud_serverless_authentication_service_account": _refused("remove it"),
    "forward_auth_url": _refused(
        "there is no such service: write routes and trusted_proxies, as in docs/forward-auth.md"
    ),
    "headers": _RENAMED_HEADERS,
    "metrics_address": _NO_METRICS,
    "metrics_basic_auth": _NO_METRICS,
    "metrics_certificate": _NO_METRICS,
    "metrics_certificate_file": _NO_METRICS,
    "metrics_certificate_key": _NO_METRICS,
    "metrics_certificate_key_file": _NO_METRICS,
    "metrics_client_ca": _NO_METRICS,
    "metrics_client_ca_file": _NO_METRICS,
    "health_check_addr": _ignored("there is no listener of its own; ask /healthz on any host"),
    "health_check_systemd_disabled": _ignored("systemd is not told"),
    "debug_address": _ignored("nothing listens there"),
    "debug_admin_endpoint_enabled": _ignored("nothing listens there"),
    "pomerium_debug": _ignored("use log_level: debug"),
    "proxy_log_level": _ignored("log_level holds for everything"),
    "access_log_fields": _FIXED_LOG,
    "authorize_log_fields": _FIXED_LOG,
    "dns": _NO_ENVOY,
    "installation_id": _ignored("nothing is reported"),
    "blob_storage": _NO_RECORDING,
    "session_recording_concurrency": _ignored("nothing is recorded"),
    "allow_upgrades": _ONE_UPGRADE,
    "auto_apply_changesets": _ignored("only this file is read"),
    "policy_file": _refused("write its content under routes"),
}

ROOT_FAMILIES: Mapping[str, KnownKey] = {
    "dns_": _NO_ENVOY,
    "envoy_": _NO_ENVOY,
    "otel_": _ignored("no traces are sent"),
    "tracing_": _ignored("no traces are sent"),
    "ssh_": _NO_SSH,
    "mcp_": _refused("there is no MCP; remove it"),
}

ROUTE_KEYS: Mapping[str, KnownKey] = {
    "id": _ignored("a route is known by what it matches"),
    "source": _refused("write from"),
    "destination": _refused("write to"),
    "sub_policies": _refused("Pomerium's consoles write it; write its rules under policy"),
    "allowed_groups": _refused("write allowed_idp_claims: {groups: [...]}, for the provider's groups claim"),
    "lb_policy": _ignored("its name is load_balancing_policy", "round_robin"),
    "least_request_lb_config": _TUNED,
    "ring_hash_lb_config": _TUNED,
    "maglev_lb_config": _TUNED,
    "envoy_opts": _NO_ENVOY,
    "stat_name": _NO_METRICS,
    "allow_spdy": _ONE_UPGRADE,
    "allow_upgrades": _ONE_UPGRADE,
    "tls_downstream_client_ca": _MTLS_OF_ROUTE,
    "tls_downstream_client_ca_file": _MTLS_OF_ROUTE,
    "tls_downstream_server_name": _ignored("the certificate follows the name that the browser asks for"),
    "tls_upstream_allow_renegotiation": _ignored("renegotiation is never allowed"),
    "jwt_groups_filter": _refused("remove it; groups are those of the provider's groups claim"),
    "enable_google_cloud_serverless_authentication": _refused(
        "tokens of Google's metadata server are not asked for; remove it, or let something in front of the application"
    ),
    "set_authorization_header": _refused(
        "write set_request_headers: {Authorization: 'Bearer ${pomerium.access_token}'}, or with id_token"
    ),
    "upstream_tunnel": _refused("write a to that can be reached from here"),
    "session_recording": _NO_RECORDING,
    "mcp": _refused("there is no MCP; remove it"),
}

THRESHOLD_KEYS: Mapping[str, KnownKey] = {
    "max_requests": _ignored("a connection carries one request at a time, so that max_connections bounds them too"),
    "max_retries": _ignored("a request is repeated once at most"),
    "max_connection_pools": _NO_ENVOY,
}
"""
Those of ``circuit_breaker_thresholds``.
"""

HEALTH_CHECK_KEYS: Mapping[str, KnownKey] = {
    "grpc_health_check": _refused("write http_health_check or tcp_health_check", None),
    "custom_health_check": _refused("write http_health_check or tcp_health_check"),
    "alt_port": _refused("upstreams are checked where they serve; remove it"),
    "reuse_connection": _ignored("every check makes a connection of its own", False, "false"),
    "no_traffic_healthy_interval": _ignored("no_traffic_interval holds whether an upstream is well or not"),
    "event_log_path": _ignored("changes of an upstream's health are in the log"),
    "event_logger": _ignored("changes of an upstream's health are in the log"),
    "event_service": _ignored("changes of an upstream's health are in the log"),
    "always_log_health_check_failures": _ignored("changes of an upstream's health are in the log"),
    "always_log_health_check_success": _ignored("changes of an upstream's health are in the log"),
    "tls_options": _ignored("checks speak TLS as requests do"),
    "transport_socket_match_criteria": _ignored("checks speak TLS as requests do"),
}
"""
Those of one of ``health_checks``.
"""

HTTP_HEALTH_CHECK_KEYS: Mapping[str, KnownKey] = {
    "codec_client_type": _refused("HTTP/1.1 is spoken; remove it", "http1"),
    "send": _refused("a check has no content; remove it"),
    "receive": _refused("only the status counts; remove it, and have the application answer with one"),
    "response_buffer_size": _ignored("only the status counts"),
    "request_headers_to_add": _refused("checks have fixed headers; remove it"),
    "request_headers_to_remove": _ignored("checks have fixed headers"),
    "service_name_matcher": _ignored("only the status counts"),
    "method": _refused("checks are made with GET; remove it", "get"),
}
"""
Those of ``http_health_check``.
"""

OUTLIER_KEYS: Mapping[str, KnownKey] = {
    "enforcing_success_rate": _NO_STATISTICS,
    "success_rate_minimum_hosts": _NO_STATISTICS,
    "success_rate_request_volume": _NO_STATISTICS,
    "success_rate_stdev_factor": _NO_STATISTICS,
    "enforcing_local_origin_success_rate": _NO_STATISTICS,
    "failure_percentage_threshold": _NO_STATISTICS,
    "enforcing_failure_percentage": _NO_STATISTICS,
    "enforcing_failure_percentage_local_origin": _NO_STATISTICS,
    "failure_percentage_minimum_hosts": _NO_STATISTICS,
    "failure_percentage_request_volume": _NO_STATISTICS,
    "split_external_local_origin_errors": _ignored("an upstream that cannot be reached counts as one that fails"),
    "consecutive_local_origin_failure": _ignored("an upstream that cannot be reached counts as one that fails"),
    "enforcing_consecutive_local_origin_failure": _ignored(
        "an upstream that cannot be reached counts as one that fails"
    ),
    "max_ejection_time_jitter": _ignored("ejections end on time"),
    "always_eject_one_host": _ignored("one upstream may always be ejected, unless max_ejection_percent is 0"),
    "monitors": _NO_STATISTICS,
}
"""
Those of ``outlier_detection``.
"""

OTHER_FLAGS: Mapping[str, KnownKey] = dict.fromkeys(
    """
    add_extra_metrics_labels authorize_use_synced_data config_hot_reload debug_admin_endpoints envoy_resource_manager
    grpc_databroker_keepalive http3 legacy_identity_manager mcp mcp_dynamic_client_registration pomerium_jwt_endpoint
    set_envoy_concurrency_to_go_max_procs ssh_allow_direct_tcpip ssh_rls ssh_routes_portal
    ssh_upstream_tunnel
    """.split(),
    _ignored("it has nothing to switch here"),
)
"""
Pomerium's runtime flags that have nothing to switch here.
"""


def known_root_key(name: str) -> KnownKey | None:
    """
    What becomes of *name* outside of routes; None if Pomerium does not know it either.
    """
    found = ROOT_KEYS.get(name)
    if found is not None:
        return found
    return next((known for prefix, known in ROOT_FAMILIES.items() if name.startswith(prefix)), None)


def known_route_key(name: str) -> KnownKey | None:
    """
    What becomes of *name* in a route; None if Pomerium does not know it either.
    """
    return ROUTE_KEYS.get(name)
