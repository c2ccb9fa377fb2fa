"""
The rules that a route's settings come to: those of its access settings, those of its policy, and what the
configuration adds to all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from pomerium_tx.config.keys.route_access import RouteAccessKeys
from pomerium_tx.config.policy.matchers import Condition, Scalar
from pomerium_tx.config.policy.rules import Criterion, Rule, Rules
from pomerium_tx.policy.decision import Policy
from pomerium_tx.policy.language import compiled

WITHOUT_CERTIFICATE: Final = Rule(
    action="deny", operator="or", criteria=(Criterion(name="invalid_client_certificate", at=("downstream_mtls",)),)
)
"""
What ``downstream_mtls`` adds to the rules of every route, unless its ``enforcement`` is ``policy``.
"""


def policy_of(route: RouteAccessKeys, *, refuses_without_certificate: bool) -> Policy:
    """
    Who may use a route.
    """
    return compiled(rules_of(route, refuses_without_certificate=refuses_without_certificate))


def rules_of(route: RouteAccessKeys, *, refuses_without_certificate: bool) -> Rules:
    """
    All rules of a route.

    :param refuses_without_certificate: As the configuration says it of all routes.
    """
    settings = access_rules(
        public=route.allow_public_unauthenticated_access,
        cors_preflight=route.cors_allow_preflight,
        any_authenticated=route.allow_any_authenticated_user,
        domains=route.allowed_domains,
        claims=route.allowed_idp_claims,
        users=route.allowed_users,
    )
    return (*settings, *route.policy, *((WITHOUT_CERTIFICATE,) if refuses_without_certificate else ()))


def from_legacy(
    *,
    public: bool = False,
    any_authenticated: bool = False,
    users: Iterable[str] = (),
    domains: Iterable[str] = (),
) -> Policy:
    """
    The policy that access settings alone stand for.
    """
    return compiled(access_rules(public=public, any_authenticated=any_authenticated, users=users, domains=domains))


def access_rules(
    *,
    public: bool = False,
    cors_preflight: bool = False,
    any_authenticated: bool = False,
    domains: Iterable[str] = (),
    claims: Mapping[str, Iterable[Scalar]] | None = None,
    users: Iterable[str] = (),
) -> Rules:
    """
    What access settings stand for: one allow rule, satisfied by any of its criteria; none if they say nothing.

    :param users: User ids or e-mail addresses, compared exactly.
    :param domains: What must follow the first ``@`` of the e-mail address, compared exactly.
    """
    criteria: list[Criterion] = []
    for is_set, name, key in (
        (public, "accept", "allow_public_unauthenticated_access"),
        (cors_preflight, "cors_preflight", "cors_allow_preflight"),
        (any_authenticated, "authenticated_user", "allow_any_authenticated_user"),
    ):
        if is_set:
            criteria.append(Criterion(name=name, at=(key,)))
    criteria += _each("domain", "allowed_domains", domains)
    for claim, wanted in sorted((claims or {}).items()):
        at = ("allowed_idp_claims", claim)
        criteria += [Criterion(name="claim", path=claim, value=_condition("has", one), at=at) for one in wanted]
    for user in users:
        criteria += (*_each("user", "allowed_users", [user]), *_each("email", "allowed_users", [user]))
    return (Rule(action="allow", operator="or", criteria=tuple(criteria)),) if criteria else ()


def _each(name: str, key: str, wanted: Iterable[str]) -> Iterator[Criterion]:
    # An empty name would match a session that merely lacks the value.
    return (Criterion(name=name, value=_condition("is", one), at=(key,)) for one in wanted if one)


def _condition(operator: str, value: Scalar) -> tuple[Condition, ...]:
    return (Condition(operator=operator, value=value),)
