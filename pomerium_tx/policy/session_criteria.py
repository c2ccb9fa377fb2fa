"""
The criteria about who asks: of the session and of nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pomerium_tx.config.policy.rules import Criterion
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.policy import reasons
from pomerium_tx.policy.client import Client
from pomerium_tx.policy.kinds import Ask, Kind, Question, outcomes
from pomerium_tx.policy.matcher_words import matched, matched_list
from pomerium_tx.policy.matching import ListTest, combined, list_test, names, string_test
from pomerium_tx.sessions.session import Session

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


def _named(subject: Callable[[Session], str | None]) -> Ask:
    """
    A question about a string of the session; where there is none, nothing that is asked of it holds.
    """

    def ask(criteria: Sequence[Criterion], every: bool) -> Question:
        named = [names(criterion.conditions) for criterion in criteria]
        sets = [each for each in named if each is not None]
        # Most policies list people: one look-up then, however many there are.
        if len(sets) == len(criteria):
            wanted = (frozenset.intersection if every else frozenset.union)(*sets)
            return lambda session, head, canonical, client: subject(session) in wanted
        test = combined([string_test(criterion.conditions) for criterion in criteria], every=every)

        def tested(session: Session, head: RequestHead, canonical: Canonical, client: Client) -> bool:
            found = subject(session)
            return found is not None and test(found)

        return tested

    return ask


def _domain(session: Session) -> str | None:
    # What has two is nobody's address: "a@evil.example@good.example".
    _, at, domain = session.email.partition("@")
    return domain if at and "@" not in domain else None


def _claimed(criteria: Sequence[Criterion], every: bool) -> Question:
    tests = [_of_claim(criterion.path or GROUPS, list_test(criterion.conditions)) for criterion in criteria]
    test = combined(tests, every=every)
    return lambda session, head, canonical, client: test(session.claims)


def _of_claim(name: str, test: ListTest) -> Callable[[Claims], bool]:
    return lambda claims: test(values_of(claims, name))


KINDS: Mapping[str, Kind] = {
    "authenticated_user": Kind(
        outcomes=outcomes(reasons.USER_UNAUTHORIZED, reasons.USER_OK),
        ask=lambda criteria, every: lambda session, head, canonical, client: session.user_id != "",
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
        ask=_named(_domain),
        needs_session=True,
        words=lambda criterion: matched("the e-mail domain", criterion.conditions),
    ),
    "email": Kind(
        outcomes=outcomes(reasons.EMAIL_UNAUTHORIZED, reasons.EMAIL_OK),
        ask=_named(lambda session: session.email),
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
        ask=_named(lambda session: session.user_id),
        needs_session=True,
        words=lambda criterion: matched("the user id", criterion.conditions),
    ),
}
