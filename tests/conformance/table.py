"""
Which test proves which of the 100 checks of Pomerium's behaviour, or what says that we do otherwise.

The checks are those of ``pomerium-behaviour.md``, section 12; what is promised instead of some of them is in
``sign-out.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tested:
    """
    The check holds, and these tests fail if it does not.
    """

    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Overruled:
    """
    Another promise has taken the place of the check, or of a part of it; these tests prove that one.
    """

    by: str
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Later:
    """
    The check need not hold yet: it is for something that the product does not have, or not all of.
    """

    what: str
    tests: tuple[str, ...] = ()
    """
    Those that prove a part of it already.
    """


Entry = Tested | Overruled | Later


def _tested(*tests: str) -> Tested:
    return Tested(tuple(map(_full, tests)))


def _overruled(by: str, *tests: str) -> Overruled:
    return Overruled(by, tuple(map(_full, tests)))


def _later(what: str, *tests: str) -> Later:
    return Later(what, tuple(map(_full, tests)))


def _full(name: str) -> str:
    """
    A test of this package is written without the package's name.
    """
    return name if name.startswith("tests.") else f"tests.conformance.{name}"


TABLE: Mapping[int, Entry] = {
    # Signed URLs
    1: _tested("tests.web.test_signed_url.VectorTests.test_vectors"),
    2: _tested(
        "test_signed_urls.SignedUrlTests.test_2_changes",
        "test_signed_urls.RedirectedTests.test_2_every_host",
        "tests.web.test_signed_url.UrlSignerTests.test_changes_are_refused",
    ),
    3: _tested("test_signed_urls.SignedUrlTests.test_3_order"),
    4: _tested("test_signed_urls.SignedUrlTests.test_4_expiry"),
    5: _tested("test_signed_urls.SignedUrlTests.test_5_future"),
    6: _tested("test_signed_urls.SignedUrlTests.test_6_malformed"),
    # Sign-in
    7: _tested("test_sign_in.RouteTests.test_7_redirect"),
    8: _overruled("sign-out.md §9", "test_sign_in.RouteTests.test_8_any_accept"),
    9: _overruled("sign-out.md §9", "test_sign_in.RouteTests.test_9_json"),
    10: _tested("test_sign_in.RouteTests.test_10_stale_header"),
    11: _overruled(
        "sign-out.md: the external scheme, not always https", "test_sign_in.ExternalSchemeTests.test_11_redirect_uri"
    ),
    12: _tested("test_sign_in.AuthenticationRequestTests.test_12_request"),
    13: _tested(
        "test_sign_in.AuthenticationRequestTests.test_13_pkce",
        "test_sign_in.AuthenticationRequestTests.test_13_no_pkce",
    ),
    14: _tested("test_sign_in.AuthenticationRequestTests.test_14_xhr"),
    15: _tested("test_sign_in.AuthenticationRequestTests.test_15_csrf_cookie"),
    16: _tested("test_sign_in.AuthenticationResponseTests.test_16_other_browser"),
    17: _tested("test_sign_in.AuthenticationResponseTests.test_17_old_state"),
    18: _tested("test_sign_in.AuthenticationResponseTests.test_18_refused"),
    19: _tested("test_signed_in.TokenTests.test_19_id_token", "tests.oidc.test_id_token.CheckTests.test_refused"),
    20: _tested("test_signed_in.TokenTests.test_20_userinfo"),
    21: _tested("test_signed_in.HandoverTests.test_21_callback"),
    22: _tested("test_signed_in.HandoverTests.test_22_tampered"),
    23: _tested("test_signed_in.HandoverTests.test_23_sign_in"),
    24: _tested("test_signed_in.HandoverTests.test_24_cookie"),
    25: _tested("test_signed_in.HandoverTests.test_25_refused"),
    26: _tested("test_signed_in.HandoverTests.test_26_second_route"),
    27: _tested(
        "test_signed_in.DefaultCookieTests.test_27_defaults", "test_signed_in.ConfiguredCookieTests.test_27_options"
    ),
    28: _tested("test_signed_in.TokenTests.test_28_oid"),
    29: _tested("tests.scenarios.test_depends_on.DependsOnTests.test_chain"),
    30: _tested("test_signed_in.TokenTests.test_30_nonce"),
    # Sign-out on the route
    31: _tested("test_sign_out_on_route.DefaultTests.test_31_with_session"),
    32: _tested("test_sign_out_on_route.DefaultTests.test_32_without_session"),
    33: _tested("test_sign_out_on_route.DefaultTests.test_33_post"),
    34: _tested("test_sign_out_on_route.DefaultTests.test_34_other_methods"),
    35: _tested("test_sign_out_on_route.DefaultTests.test_35_not_forwarded"),
    36: _overruled(
        "sign-out.md §3, where the user lands", "test_sign_out_on_route.DefaultTests.test_36_foreign_target"
    ),
    37: _overruled(
        "sign-out.md §3: kept under the reference, never in a URL",
        "test_sign_out_on_route.RedirectUrlTests.test_37_default_target",
    ),
    38: _overruled("sign-out.md §3, where the user lands", "test_sign_out_on_route.AnyRedirectTests.test_38_flag"),
    39: _overruled("sign-out.md §1 and §3", "test_sign_out_on_route.DefaultTests.test_39_record"),
    40: _tested("test_sign_out_on_route.DefaultTests.test_40_front_channel"),
    # Sign-out on authenticate
    41: _overruled(
        "sign-out.md §4: with a reference",
        "test_sign_out_on_authenticate.SignedTests.test_41_onward",
        "test_sign_out_on_authenticate.SignedTests.test_41_no_authority",
    ),
    42: _overruled("sign-out.md §4", "test_sign_out_on_authenticate.SignedTests.test_42_parameters"),
    43: _overruled(
        "sign-out.md §4: without a reference A asks; the query is kept as the check says",
        "test_sign_out_on_authenticate.SignedTests.test_43_own_query",
        "test_sign_out_on_authenticate.SignedTests.test_43_no_record",
    ),
    44: _overruled("sign-out.md §4: 303", "test_sign_out_on_authenticate.SignedTests.test_44_no_end_session"),
    45: _overruled("sign-out.md §4: 303", "test_sign_out_on_authenticate.SignedTests.test_45_unreachable"),
    46: _overruled(
        "sign-out.md §1.4",
        "test_sign_out_on_authenticate.SignedTests.test_46_revocation",
        "test_sign_out_on_authenticate.SignedTests.test_46_not_returned",
    ),
    47: _tested("test_sign_out_on_authenticate.SignedTests.test_47_revocation_fails"),
    48: _overruled("sign-out.md §4 and §6", "test_sign_out_on_authenticate.UnsignedTests.test_48_question"),
    49: _overruled("sign-out.md §4: a POST with a token", "test_sign_out_on_authenticate.UnsignedTests.test_49_button"),
    50: _tested("test_sign_out_on_authenticate.UnsignedTests.test_50_foreign_target"),
    51: _overruled("sign-out.md §6", "test_sign_out_on_authenticate.UnsignedTests.test_51_cross_site"),
    52: _tested("test_sign_out_on_authenticate.SignedOutPageTests.test_52_page"),
    53: _later("overruled by sign-out.md §4, whose state takes the cookie's place; per provider redirects come later"),
    54: _later("clients of their own for routes"),
    55: _tested("test_after_sign_out.SignedOutTests.test_55_other_route"),
    56: _tested("test_after_sign_out.SignedOutTests.test_56_sign_in_again"),
    57: _tested("test_after_sign_out.SignedOutTests.test_57_header"),
    58: _tested("test_after_sign_out.SignedOutTests.test_58_concurrent"),
    59: _tested("test_after_sign_out.SignedOutTests.test_59_other_browser"),
    60: _tested("test_after_sign_out.LongLivedTokensTests.test_60_no_jobs"),
    61: _later("nothing more: it is closed already", "test_after_sign_out.SignedOutTests.test_61_websocket"),
    62: _later("front-channel logout"),
    63: _later("back-channel logout"),
    64: _tested("test_after_sign_out.SignedOutTests.test_64_no_store"),
    65: _overruled("sign-out.md §3, where the user lands", "test_after_sign_out.SignedOutTests.test_65_sdk"),
    # Sessions
    66: _tested("test_sessions.ExpiryTests.test_66_expiry"),
    67: _tested("test_sessions.RefreshTests.test_67_refresh"),
    68: _tested("test_sessions.RefreshTests.test_68_invalid_grant"),
    69: _tested("test_sessions.RefreshTests.test_69_timeout"),
    70: _tested("test_sessions.NoRefreshTokenTests.test_70_expired"),
    71: _tested("test_sessions.HandleTests.test_71_other_provider"),
    72: _tested(
        "test_sessions.HandleTests.test_72_forged", "tests.sessions.test_handle.OpenTests.test_every_bit_counts"
    ),
    73: _tested("test_sessions.HandleTests.test_73_precedence"),
    # Special endpoints
    74: _tested("test_special_endpoints.ProbeTests.test_74_probes"),
    75: _tested("test_special_endpoints.RouteHostTests.test_75_page"),
    76: _tested("test_special_endpoints.RouteHostTests.test_76_user"),
    77: _overruled("sign-out.md §5, discovery", "test_special_endpoints.PublishedTests.test_77_well_known"),
    78: _tested("test_special_endpoints.PublishedTests.test_78_jwks"),
    79: _tested("test_special_endpoints.RouteHostTests.test_79_unknown"),
    80: _tested("test_special_endpoints.RouteHostTests.test_80_robots"),
    81: _tested("test_special_endpoints.PublishedTests.test_81_root"),
    82: _tested(
        "tests.dashboard.test_api.ProgrammaticLoginTests.test_link",
        "tests.dashboard.test_api.ProgrammaticLoginTests.test_method",
        "tests.dashboard.test_api.ProgrammaticLoginTests.test_parameter",
    ),
    83: _tested("tests.scenarios.test_programs.ProgramTests.test_round_trip"),
    # Upstream contract
    84: _tested("test_upstream_contract.CredentialsTests.test_84_stripped"),
    85: _tested(
        "test_upstream_contract.CredentialsTests.test_85_replaced",
        "test_upstream_contract.OwnSettingsTests.test_85_removed",
    ),
    86: _tested("test_upstream_contract.CredentialsTests.test_86_assertion"),
    87: _tested("test_upstream_contract.OwnSettingsTests.test_87_issuer"),
    88: _later("claim headers in all their spellings", "test_upstream_contract.ClaimHeaderTests.test_88_empty"),
    89: _tested(
        "test_upstream_contract.CredentialsTests.test_89_forwarded",
        "test_upstream_contract.OwnSettingsTests.test_89_host",
        "tests.scenarios.test_route_paths.PathsTests.test_hosts",
    ),
    90: _tested(
        "tests.routing.test_rewriting.PathRewriteTests.test_rewritten",
        "tests.scenarios.test_route_paths.PathsTests.test_rewrites",
        "tests.scenarios.test_route_paths.PathsTests.test_decided_and_sent",
    ),
    91: _tested(
        "test_upstream_contract.BrokenUpstreamTests.test_91_down",
        "test_upstream_contract.BrokenUpstreamTests.test_91_slow",
    ),
    92: _tested(
        "test_upstream_contract.ResponseHeadersTests.test_92_defaults",
        "test_upstream_contract.CertificatesTests.test_92_certificates",
        "test_upstream_contract.DisabledHeadersTests.test_92_disabled",
    ),
    93: _tested(
        "test_upstream_contract.WebSocketTests.test_93_refused",
        "test_upstream_contract.WebSocketTests.test_93_other_protocols",
        "test_upstream_contract.WebSocketTests.test_93_relayed",
    ),
    # Policy
    94: _tested(
        "test_policy.LanguageTests.test_94_deny_beats_allow",
        "tests.policy.test_decision.DecisionTests.test_precedence",
        "tests.policy.test_criteria.LegacyTests.test_no_rule",
    ),
    95: _tested(
        "test_policy.LanguageTests.test_95_not_and_nor",
        "tests.policy.test_language.OperatorTests.test_semantics",
    ),
    96: _tested(
        "test_policy.AccessSettingsTests.test_96_users_and_domains",
        "test_policy.LanguageTests.test_96_claims",
    ),
    97: _tested("test_policy.RefusalTests.test_97_unauthorised"),
    98: _tested("test_policy.LanguageTests.test_98_preflight"),
    99: _tested("test_policy.RefusalTests.test_99_public", "test_policy.LanguageTests.test_99_public_by_policy"),
    100: _tested(
        "test_policy.MatchingTests.test_100_first_route",
        "tests.routing.test_table.FindTests.test_wildcards",
        "tests.routing.test_table.FindTests.test_any_kinds",
        "tests.scenarios.test_route_paths.PathsTests.test_wildcard",
    ),
}
