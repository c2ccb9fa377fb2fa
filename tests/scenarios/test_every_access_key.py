"""
Every key and criterion about who may pass: with it somebody is let in or kept out, without it they are not.
"""

from __future__ import annotations

import unittest
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from twisted.python.reflect import namedAny

from pomerium_tx.config.keys.route_access import RouteAccessKeys
from pomerium_tx.config.model import Config
from pomerium_tx.demo.registration import ALICE, BOB
from pomerium_tx.policy.known_criteria import KINDS
from tests.scenarios.test_reload import ReloadTestCase
from tests.scenarios.world import CHAT, CONFIG, WorldTestCase

PREFLIGHT = {"Origin": "https://other.example.net", "Access-Control-Request-Method": "GET"}
OUTSIDE = "198.51.100.7"
OTHER_PORT = ":8443"


def without(key: str, reads: Any) -> Any:
    """
    What reads a world's configuration, with *key* taken out of it and of every route.
    """

    def read(world: WorldTestCase, **changes: Any) -> Config:
        values = {**CONFIG, **world.settings, **changes, key: None}
        values["routes"] = [{name: value for name, value in route.items() if name != key} for route in values["routes"]]
        config: Config = reads(world, **values)
        return config

    return read


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """
    One request for the route.
    """

    by: str | None = "alice"
    method: str = "GET"
    port: str = ""
    path: str = "/"
    fields: Mapping[str, str] = field(default_factory=dict)
    address: str = "192.0.2.1"


NOBODY = Asked(by=None)
BY_ALICE, BY_BOB = Asked(), Asked(by="bob")
ASKING = Asked(by=None, method="OPTIONS", fields=PREFLIGHT)

KEYS: Mapping[str, tuple[object, Asked, Asked | None]] = {
    "allow_public_unauthenticated_access": (True, NOBODY, None),
    "allow_any_authenticated_user": (True, BY_BOB, NOBODY),
    "allowed_users": ([ALICE.email], BY_ALICE, BY_BOB),
    "allowed_domains": (["example.com"], BY_ALICE, BY_BOB),
    "allowed_idp_claims": ({"groups": ["engineering"]}, BY_ALICE, BY_BOB),
    "cors_allow_preflight": (True, ASKING, NOBODY),
    "policy": ([{"allow": {"or": [{"email": ALICE.email}]}}], BY_ALICE, BY_BOB),
}
"""
By key: a value, whom it lets in, and whom not.
"""
NOT_ABOUT_ACCESS = {"show_error_details"}

CRITERIA: Mapping[str, tuple[dict[str, object], Asked, Asked | None]] = {
    "accept": ({"accept": True}, BY_ALICE, None),
    "authenticated_user": ({"authenticated_user": True}, BY_ALICE, None),
    "user": ({"user": ALICE.sub}, BY_ALICE, BY_BOB),
    "email": ({"email": {"starts_with": "alice@"}}, BY_ALICE, BY_BOB),
    "domain": ({"domain": "example.com"}, BY_ALICE, BY_BOB),
    "claim": ({"claim/groups": "engineering"}, BY_ALICE, BY_BOB),
    "groups": ({"groups": {"has": "engineering"}}, BY_ALICE, BY_BOB),
    "http_method": ({"http_method": {"in": ["PUT", "DELETE"]}}, Asked(method="DELETE"), BY_ALICE),
    "http_path": ({"http_path": {"starts_with": "/admin"}}, Asked(path="/x/../admin/y"), BY_ALICE),
    "source_ip": ({"source_ip": ["198.51.100.0/24"]}, Asked(address=OUTSIDE), BY_ALICE),
    "cors_preflight": ({"cors_preflight": True}, Asked(method="OPTIONS", fields=PREFLIGHT), BY_ALICE),
}
"""
By criterion: one, whom it keeps out where it denies, and whom not.
"""
ELSEWHERE = {
    "reject": "it never holds",
    "pomerium_routes": "likewise",
    "client_certificate": "tests.scenarios.test_client_certificates",
    "invalid_client_certificate": "likewise",
}

NOT_FROM_OUTSIDE = [{"allow": {"or": [{"accept": True}]}}, {"deny": {"or": [{"source_ip": "198.51.100.0/24"}]}}]
NOT_BELOW_ADMIN = [{"allow": {"or": [{"accept": True}]}}, {"deny": {"or": [{"http_path": {"starts_with": "/admin/"}}]}}]
FORWARDED = Asked(fields={"X-Forwarded-For": OUTSIDE})
SETTINGS: Mapping[str, tuple[object, object, Asked, bool]] = {
    "trusted_proxies": (["192.0.2.0/24"], NOT_FROM_OUTSIDE, FORWARDED, False),
    "xff_num_trusted_hops": (1, NOT_FROM_OUTSIDE, FORWARDED, False),
    "normalize_path": (False, NOT_BELOW_ADMIN, Asked(path="/x/../admin/y"), True),
    "merge_slashes": (False, NOT_BELOW_ADMIN, Asked(path="//admin/y"), True),
    "headers_with_underscores_action": ("drop", NOT_BELOW_ADMIN, Asked(fields={"X_Any": "1"}), True),
    "runtime_flags": ({"match_any_incoming_port": False}, NOT_BELOW_ADMIN, Asked(port=OTHER_PORT), False),
}
"""
By key outside of routes: a value, a policy, and who is let in with it and not without, or the other way round.
"""

NAMED = {
    "idp": "test_several_providers.SignInTests.test_each_route_its_own",
    "idp_client_id": "test_several_providers.SignInTests.test_another_client",
    "providers": "test_several_providers.SignInTests.test_each_route_its_own",
    "bearer_token_format": "test_bearer_tokens.AccessTokenTests.test_believed_once",
    "idp_access_token_allowed_audiences": "test_bearer_tokens.AudienceTests.test_audience",
    "identity_providers": "test_bearer_tokens.IssuedTokenTests.test_of_which_issuer",
    "programmatic_redirect_domain_whitelist": "test_programs.UnaskedTests.test_at_once",
    "downstream_mtls": "test_client_certificates.DefaultDenyTests.test_without",
    "cookie_expire": "test_expiry.AbsoluteTests.test_absolute",
    "session_idle_timeout": "test_idle.WhenTests.test_unused",
}
"""
Further keys, wherever they stand, and a test that fails without each.
"""


class EveryAccessKeyTests(ReloadTestCase):
    """
    `CHAT` has the key, or has it not.
    """

    def setUp(self) -> None:
        super().setUp()
        self.provider.alterations["userinfo"] = lambda claims: (
            {**claims, "email": "bob@elsewhere.example"} if claims["sub"] == BOB.sub else claims
        )
        self.handles = {person: self.handle_of(self.both(person), CHAT) for person in ("alice", "bob")}

    def have(self, **keys: Any) -> None:
        """
        From now on the route has these keys about who may pass, and no others.
        """
        self.reload(routes=self.routes(chat={"allow_any_authenticated_user": None, **keys}))

    def is_let_in(self, asked: Asked) -> bool:
        """
        Whether the application sees the request.
        """
        cookie = {} if asked.by is None else {"Cookie": f"_pomerium={self.handles[asked.by]}"}
        self.chat.take()
        answer = self.browser(address=asked.address).once(
            asked.method, CHAT + asked.port + asked.path, {**cookie, **asked.fields}
        )
        is_heard = self.chat.take() != b""
        self.assertEqual(answer.status == 200, is_heard)
        return is_heard

    def test_keys(self) -> None:
        """
        Each key lets in whom it names and nobody else; without it they are not let in either.
        """
        for key, (value, named, other) in KEYS.items():
            with self.subTest(key):
                self.have(**{key: value})
                self.assertTrue(self.is_let_in(named))
                self.assertFalse(other is not None and self.is_let_in(other))
                self.have()
                self.assertFalse(self.is_let_in(named))

    def test_denials(self) -> None:
        """
        Each criterion, where it denies, keeps out whom it names and nobody else; without it they are let in.
        """
        everybody = {"allow": {"or": [{"accept": True}]}}
        for name, (criterion, named, other) in CRITERIA.items():
            with self.subTest(name):
                self.have(policy=[everybody, {"deny": {"or": [criterion]}}])
                self.assertFalse(self.is_let_in(named))
                self.assertTrue(other is None or self.is_let_in(other))
                self.have(policy=[everybody])
                self.assertTrue(self.is_let_in(named))

    def test_admissions(self) -> None:
        """
        Each criterion, where it allows, lets in whom it names and nobody else.
        """
        for name, (criterion, named, other) in CRITERIA.items():
            with self.subTest(name):
                self.have(policy=[{"allow": {"and": [criterion]}}])
                self.assertTrue(self.is_let_in(named))
                self.assertFalse(other is not None and self.is_let_in(other))

    def test_settings(self) -> None:
        """
        Each key outside of routes that has a part in the decision makes the difference that it is there for.
        """
        for key, (value, policy, asked, is_let_in) in SETTINGS.items():
            with self.subTest(key):
                routes = self.routes(chat={"allow_any_authenticated_user": None, "policy": policy})
                self.reload(routes=routes, **{key: value})
                self.assertEqual(self.is_let_in(asked), is_let_in, key)
                self.reload(routes=routes)
                self.assertEqual(self.is_let_in(asked), not is_let_in, key)

    def test_named(self) -> None:
        """
        With the key the named test passes, without it does not.
        """
        for key, name in NAMED.items():
            with self.subTest(key=key, test=name):
                self.assertTrue(self.passes(name))
                patch = self.patch(WorldTestCase, "read", without(key, WorldTestCase.read))
                self.assertFalse(self.passes(name))
                patch.restore()

    def passes(self, name: str) -> bool:
        """
        Whether a test of scenarios passes now.
        """
        class_name, _, method = f"tests.scenarios.{name}".rpartition(".")
        result = unittest.TestResult()
        namedAny(class_name)(method).run(result)
        self.flushLoggedErrors()
        self.assertEqual(result.testsRun, 1)
        return result.wasSuccessful()

    def test_whole(self) -> None:
        """
        No key and no criterion is forgotten.
        """
        self.assertEqual(set(KEYS) | NOT_ABOUT_ACCESS, set(RouteAccessKeys.model_fields))
        self.assertEqual(set(CRITERIA) | set(ELSEWHERE), set(KINDS))
