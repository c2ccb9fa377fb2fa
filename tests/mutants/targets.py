"""
The security core, and which tests guard each module of it: its own first, then those of the promise it is part of.
"""

from __future__ import annotations

_PACKAGE = "pomerium_tx/"

_GUARDS: dict[str, str] = {
    "authorize/check.py": """
        authorize.test_check authorize.test_sessions authorize.test_policies authorize.test_asked_again
        authorize.test_handshake authorize.test_by_token
        authorize.test_bearer conformance.test_policy conformance.test_special_endpoints""",
    "logout/ending.py": """
        logout.test_ending logout.test_ending_tombstones logout.test_ending_for_whom logout.test_back_channel_once
        logout.test_heard logout.test_back_channel logout.test_front_channel logout.test_expiry
        logout.test_rp_initiated logout.test_revocation authenticate.test_sign_out
        authenticate.test_sign_out_by_reference
        scenarios.test_receipt scenarios.test_several_providers scenarios.test_bearer_tokens""",
    "http11/canonical.py": "http11.test_canonical",
    "http11/varying.py": "http11.test_varying http11.test_remembered_heads",
    "http11/remembered_heads.py": "http11.test_remembered_heads http11.test_request_head http11.test_reader",
    "sessions/handle.py": """
        sessions.test_handle authorize.test_sessions""",
    "jose/jwt.py": "jose.test_jwt oidc.test_id_token oidc.test_logout_token",
    "oidc/logout_token.py": """
        oidc.test_logout_token oidc.test_provider_logout_token logout.test_back_channel
        conformance.test_wrong_logouts""",
    "oidc/id_token.py": """
        oidc.test_id_token oidc.test_presented_token oidc.test_provider_id_token oidc.test_provider_tokens""",
    "web/signed_url.py": "web.test_signed_url conformance.test_signed_urls",
    "web/csrf.py": "web.test_csrf web.test_resource",
    "logout/target.py": "logout.test_target logout.test_rp_initiated authenticate.test_sign_out",
    "policy/language.py": """
        policy.test_language policy.test_documented config.policy.test_rules config.policy.test_criteria""",
    "policy/criteria.py": """
        policy.test_criteria policy.test_language config.policy.test_criteria policy.test_documented""",
    "web/fetch_metadata.py": "web.test_fetch_metadata web.test_resource",
    "sessions/registry.py": """
        sessions.test_registry sessions.test_registry_joining sessions.test_registry_news sessions.test_registry_races
        sessions.test_elsewhere sessions.test_bearers sessions.test_memory""",
    "http11/fields.py": "http11.test_fields http11.test_heads http11.test_request_head proxy.heads.test_forwarding",
    "proxy/heads/forwarding.py": """
        proxy.heads.test_forwarding proxy.heads.test_header_values proxy.test_http_rules proxy.exchanges.test_websocket
        conformance.test_upstream_contract""",
    "http11/grammar.py": """
        http11.test_grammar http11.test_heads http11.test_request_head http11.test_response_head http11.test_authority
        http11.test_content http11.test_canonical""",
    "policy/matching.py": "policy.test_matching policy.test_language config.policy.test_matchers",
    "policy/session_criteria.py": """
        policy.test_session_criteria policy.test_words policy.test_language config.policy.test_criteria
        policy.test_documented""",
    "policy/request_criteria.py": """
        policy.test_request_criteria policy.test_words policy.test_language config.policy.test_criteria""",
    "policy/certificate_criteria.py": """
        policy.test_certificate_criteria policy.test_words config.policy.test_certificates""",
    "policy/decision.py": "policy.test_decision policy.test_language authorize.test_policies",
    "policy/kinds.py": "policy.test_criteria policy.test_language config.policy.test_criteria",
    "policy/explanation.py": "policy.test_explanation policy.test_documented",
    "policy/matcher_words.py": "policy.test_matcher_words policy.test_words",
    "policy/words.py": "policy.test_words policy.test_documented",
    "policy/client.py": "policy.test_certificate_criteria policy.test_request_criteria authorize.test_trusted_proxies",
    "policy/reasons.py": """
        policy.test_known_criteria policy.test_request_criteria policy.test_session_criteria
        policy.test_certificate_criteria policy.test_language authorize.test_policies authorize.test_refusal""",
    "policy/known_criteria.py": "policy.test_known_criteria policy.test_language",
    "authorize/bearer.py": "authorize.test_bearer authorize.test_by_token",
    "authorize/by_token.py": "authorize.test_by_token authorize.test_bearer",
    "authorize/refusal.py": """
        authorize.test_refusal authorize.test_check authorize.test_policies authorize.test_asked_again""",
    "authorize/handshake.py": "authorize.test_handshake authorize.test_check",
    "authorize/admitted.py": "authorize.test_admitted authorize.test_asked_again",
    "authorize/read.py": "authorize.test_read authorize.test_asked_again authorize.test_sessions authorize.test_check",
    "authorize/decision_log.py": "authorize.test_check authorize.test_asked_again authorize.test_policies",
    "authorize/verdict.py": "authorize.test_verdict authorize.test_check authorize.test_policies",
    "authorize/trusted_proxies.py": "authorize.test_trusted_proxies test_fronts",
    "web/redirect_target.py": "web.test_redirect_target authenticate.test_sign_in",
    "web/programmatic.py": "web.test_programmatic dashboard.test_login",
    "sessions/ends.py": "sessions.test_ends sessions.test_retention",
    "sessions/ending.py": "sessions.test_ending sessions.test_registry logout.test_ending",
    "sessions/ledger.py": """
        sessions.test_ledger sessions.test_knowledge sessions.test_registry sessions.test_registry_joining
        sessions.test_registry_races sessions.test_bearers sessions.test_memory""",
    "config/forms/expressions.py": "config.forms.test_expressions config.policy.test_matchers",
}

TARGETS = {_PACKAGE + module: tuple(f"tests.{test}" for test in tests.split()) for module, tests in _GUARDS.items()}
"""
By the module's path: dotted names of test modules, in the order in which they are run. Most important first.
"""
