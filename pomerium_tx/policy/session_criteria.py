"""
The criteria about who asks: of the session and of nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pomerium_tx.config.policy_rules import Criterion
from pomerium_tx.policy import reasons
from pomerium_tx.policy.kinds import Ask, Kind, Question, outcomes
from pomerium_tx.policy.matcher_words import matched, matched_list
from pomerium_tx.policy.matching import ListTest, StringTest, combined, list_test, names, string_test

Claims = Mapping[str, tuple[object, ...]]
GROUPS = "groups"
"""
The claim in which the provider says of which groups a person is.
"""


def values_of(claims: Claims, name: str) -> tuple[object, ...]:
    """
    The values of the claim *name*: of the one that is called so, or else of the one that is found by taking each slash
    for a step into a mapping.
    """
    found = claims.get(name)
    if found is None and "/" in name:
        found = claims.get(name.replace("/", "."))
    return () if found is None else found


def _named(subject: str, general: Callable[[StringTest], StringTest], whole: str) -> Ask:
    """
    A question about a string of the session.

    :param subject: The string that names are looked up for.
    :param general: Makes a test of *whole* of one of the string.
    """

    def ask(criteria: Sequence[Criterion], every: bool) -> Question:
        named = [names(criterion.conditions) for criterion in criteria]
        sets = [each for each in named if each is not None]
        # Most policies list people: one look-up then, however many there are.
        if len(sets) == len(criteria):
            of = frozenset.intersection if every else frozenset.union
            return Question(f"{subject} in {{}}", of(*sets))
        tests = [string_test(criterion.conditions) for criterion in criteria]
        return Question(f"{{}}({whole})", general(combined(tests, every=every)))

    return ask


def _of_domain(test: StringTest) -> StringTest:
    """
    A test of the domain of an e-mail address. What has none, or could have two, is not matched, and does not differ
    from anything either.
    """

    def of_email(email: str) -> bool:
        _, at, domain = email.partition("@")
        return at != "" and "@" not in domain and test(domain)

    return of_email


def _claimed(criteria: Sequence[Criterion], every: bool) -> Question:
    tests = [_of_claim(criterion.path or GROUPS, list_test(criterion.conditions)) for criterion in criteria]
    return Question("{}(session.claims)", combined(tests, every=every))


def _of_claim(name: str, test: ListTest) -> Callable[[Claims], bool]:
    return lambda claims: test(values_of(claims, name))


# Not the part after the last "@": "a@evil.example@good.example" is nobody's address.
_DOMAIN = 'session.email.partition("@")[2]'

KINDS: Mapping[str, Kind] = {
    "authenticated_user": Kind(
        outcomes=outcomes(reasons.USER_UNAUTHORIZED, reasons.USER_OK),
        ask=lambda criteria, every: Question("session.user_id != {}", ""),
        needs_session=True,
        words=lambda criterion: "somebody is signed in",
    ),
    "claim": Kind(
        outcomes=outcomes(reasons.CLAIM_UNAUTHORIZED, reasons.CLAIM_OK),
        ask=_claimed,
        needs_session=True,
        words=lambda criterion: matched_list(f"the claim {criterion.path}", criterion.conditions),
    ),
    "domain": Kind(
        outcomes=outcomes(reasons.DOMAIN_UNAUTHORIZED, reasons.DOMAIN_OK),
        ask=_named(_DOMAIN, _of_domain, "session.email"),
        needs_session=True,
        words=lambda criterion: matched("the e-mail domain", criterion.conditions),
    ),
    "email": Kind(
        outcomes=outcomes(reasons.EMAIL_UNAUTHORIZED, reasons.EMAIL_OK),
        ask=_named("session.email", lambda test: test, "session.email"),
        needs_session=True,
        words=lambda criterion: matched("the e-mail address", criterion.conditions),
    ),
    "groups": Kind(
        outcomes=outcomes(reasons.GROUPS_UNAUTHORIZED, reasons.GROUPS_OK),
        ask=_claimed,
        needs_session=True,
        words=lambda criterion: matched_list("the claim groups", criterion.conditions),
    ),
    "user": Kind(
        outcomes=outcomes(reasons.USER_UNAUTHORIZED, reasons.USER_OK),
        ask=_named("session.user_id", lambda test: test, "session.user_id"),
        needs_session=True,
        words=lambda criterion: matched("the user id", criterion.conditions),
    ),
}
