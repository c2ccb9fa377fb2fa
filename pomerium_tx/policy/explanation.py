"""
Why a policy decides as it does about one request: every rule, every criterion.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pomerium_tx.config.policy.matchers import Scalar
from pomerium_tx.config.policy.rules import Criterion, Rule, Rules
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.policy.client import Client
from pomerium_tx.policy.decision import Decision
from pomerium_tx.policy.kinds import Outcome
from pomerium_tx.policy.language import Result, compiled, decision_of, result_of
from pomerium_tx.policy.words import criterion_in_words, rule_in_words
from pomerium_tx.sessions.session import Session, Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedCriterion:
    """
    One criterion and what it comes to.
    """

    criterion: Criterion
    outcome: Outcome
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedRule:
    """
    One rule and what it comes to.
    """

    rule: Rule
    result: Result
    words: str
    criteria: tuple[ExplainedCriterion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """
    A decision and its grounds.
    """

    decision: Decision
    rules: tuple[ExplainedRule, ...]

    @property
    def deciding(self) -> tuple[ExplainedRule, ...]:
        """
        The rules that hold and are of the action that decides; none where nobody allows and nobody denies.
        """
        action = "deny" if self.decision.deny else "allow"
        return tuple(rule for rule in self.rules if rule.rule.action == action and rule.result.holds)

    def lines(self) -> Iterator[str]:
        """
        All of it for a person to read.
        """
        if not self.rules:
            yield "there is no rule: nobody is admitted"
        for explained in self.rules:
            yield f"{'holds' if explained.result.holds else 'does not hold'}: {explained.words}"
            for each in explained.criteria:
                yield f"    {'yes' if each.outcome.holds else 'no'}: {each.words} ({each.outcome.reason})"


def explained(
    rules: Rules, session: Session | None, head: RequestHead, canonical: Canonical, client: Client
) -> Explanation:
    """
    How a policy comes to its decision about a request: the same as that of the policy compiled.
    """
    of_each = tuple(_explained(rule, session, head, canonical, client) for rule in rules)
    decision = decision_of((each.rule, each.result) for each in of_each)
    return Explanation(decision=decision, rules=of_each)


def a_person(
    *,
    user: str = "",
    email: str = "",
    groups: Iterable[str] = (),
    claims: Mapping[str, Iterable[Scalar]] | None = None,
) -> Session:
    """
    A session that nobody has, to ask what it would be admitted to.

    :param user: The id; the e-mail address where nothing is said.
    :param claims: Flat, as in a session.
    """
    said: dict[str, tuple[object, ...]] = {"email": (email,), "groups": tuple(groups)}
    return Session(
        id="",
        browser="",
        idp_id="",
        iss="",
        client_id="",
        sub=user or email,
        user_id=user or email,
        email=email,
        name="",
        began=0.0,
        expires=0.0,
        authenticated=0.0,
        id_token_iat=0.0,
        claims={name: values for name, values in said.items() if any(values)}
        | {name: tuple(values) for name, values in (claims or {}).items()},
        tokens=Tokens(id_token="", access_token=""),
    )


def _explained(
    rule: Rule, session: Session | None, head: RequestHead, canonical: Canonical, client: Client
) -> ExplainedRule:
    criteria = []
    for criterion in rule.criteria:
        # By the compiler itself, so that there is one way to evaluate a criterion.
        alone = Rule(action="allow", operator="and", criteria=(criterion,))
        decision = compiled((alone,))(session, head, canonical, client)
        [reason] = decision.reasons
        outcome = Outcome(decision.allow, reason)
        criteria.append(ExplainedCriterion(criterion=criterion, outcome=outcome, words=criterion_in_words(criterion)))
    result = result_of(rule.operator, [each.outcome for each in criteria])
    return ExplainedRule(rule=rule, result=result, words=rule_in_words(rule), criteria=tuple(criteria))
