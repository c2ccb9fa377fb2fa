"""
The Pomerium Policy Language, compiled: rules in, one plain function out.

It asks the questions of the criteria, each once; what their answers come to is worked out when they are given for the
first time. ``and`` asks for all criteria, ``or`` for any, ``not`` for none, and ``nor`` for at least one that does not
hold; all rules of one action are alternatives. As with Pomerium, what a combination comes to has the reasons of those
of its parts that come to the same, and a negated criterion keeps its reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from pomerium_tx.config.policy.rules import Criterion, Operator, Rule, Rules
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.policy import reasons
from pomerium_tx.policy.client import Client
from pomerium_tx.policy.decision import Decision, Policy
from pomerium_tx.policy.kinds import Kind, Outcome, Question
from pomerium_tx.policy.known_criteria import KINDS
from pomerium_tx.sessions.session import Session

NOBODY_THERE: Final = Outcome(False, reasons.USER_UNAUTHENTICATED)
ANSWERS_KEPT: Final = 1_024
"""
For how many different sets of answers a policy knows what they come to.
"""
_EVERY: Final = {"and": True, "not": True, "or": False, "nor": False}
_NEGATED: Final = {"and": False, "not": True, "or": False, "nor": True}


class Result(NamedTuple):
    """
    What a rule, or all rules of one action, come to.
    """

    holds: bool
    reasons: frozenset[str]


def compiled(rules: Rules) -> Policy:
    """
    The policy that *rules* are.
    """
    decisions = _Decisions(rules)
    if decisions.asked:
        return _function(decisions.asked, decisions)
    constant = decisions[()]
    return lambda session, head, canonical, client: constant


def result_of(operator: Operator, criteria: Iterable[Outcome]) -> Result:
    """
    What the outcomes of the criteria below *operator* come to.
    """
    negated = _NEGATED[operator]
    results = [Result(holds is not negated, frozenset({reason})) for holds, reason in criteria]
    return _merged(results, every=_EVERY[operator])


def decision_of(results: Iterable[tuple[Rule, Result]]) -> Decision:
    """
    What the results of all rules come to.
    """
    by_action: dict[str, list[Result]] = {"allow": [], "deny": []}
    for rule, result in results:
        by_action[rule.action].append(result)
    allow, deny = (_merged(of_action, every=False) for of_action in by_action.values())
    return Decision(
        allow=allow.holds,
        deny=deny.holds,
        reasons=tuple(sorted(allow.reasons)),
        deny_reasons=tuple(sorted(deny.reasons)),
        unauthenticated=reasons.USER_UNAUTHENTICATED in allow.reasons | deny.reasons,
        without_certificate=not reasons.WITHOUT_CERTIFICATE.isdisjoint(deny.reasons),
    )


def _merged(results: Sequence[Result], *, every: bool) -> Result:
    holds = bool(results) and (all if every else any)(result.holds for result in results)
    return Result(holds, frozenset[str]().union(*(result.reasons for result in results if result.holds is holds)))


@dataclass(frozen=True, slots=True)
class _Asked:
    """
    Criteria of one kind in one rule. They have the same reasons, so that they are asked about together.
    """

    name: str
    criteria: tuple[Criterion, ...]
    every: bool

    @property
    def kind(self) -> Kind:
        return KINDS[self.name]

    @property
    def question(self) -> Question:
        ask = self.kind.ask
        assert ask is not None, self.name
        return ask(self.criteria, self.every)

    def outcome(self, answer: int | None) -> Outcome:
        """
        What it comes to, by the answer to its question, if it was asked.
        """
        possible = self.kind.outcomes
        if len(possible) == 1:
            return possible[0]
        return NOBODY_THERE if answer is None else possible[answer]


class _Decisions(dict[tuple[int, ...], Decision]):
    """
    The decisions of one policy by the answers to its questions, made when they are asked for.
    """

    def __init__(self, rules: Rules) -> None:
        super().__init__()
        self._rules = [(rule, _grouped(rule)) for rule in rules]
        asked = dict.fromkeys(each for _, of_rule in self._rules for each in of_rule if len(each.kind.outcomes) > 1)
        # Those about the session last: where there is none, the answers end before them.
        self.asked = sorted(asked, key=lambda each: each.kind.needs_session)
        self._of_session = all(each.kind.needs_session for each in asked)
        self._known: dict[Decision, Decision] = {}

    def __missing__(self, answers: tuple[int, ...]) -> Decision:
        given = dict(zip(self.asked, answers, strict=False))
        decision = decision_of(
            (rule, result_of(rule.operator, [each.outcome(given.get(each)) for each in of_rule]))
            for rule, of_rule in self._rules
        )
        decision = self._known.setdefault(decision, replace(decision, of_session=self._of_session))
        if len(self) >= ANSWERS_KEPT:
            self.clear()
        self[answers] = decision
        return decision


def _grouped(rule: Rule) -> list[_Asked]:
    by_name: dict[str, dict[Criterion, None]] = {}
    for criterion in rule.criteria:
        by_name.setdefault(criterion.name, {})[criterion] = None
    # Whether all of them hold matters where one that does not decides, negated or not.
    every = rule.operator in ("and", "nor")
    return [_Asked(name, tuple(of_name), every) for name, of_name in by_name.items()]


def _function(asked: Sequence[_Asked], decisions: _Decisions) -> Policy:
    """
    The function that asks what is asked and looks up what it comes to.
    """
    questions = tuple(each.question for each in asked)
    of_request = tuple(each.question for each in asked if not each.kind.needs_session)

    def policy(session: Session | None, head: RequestHead, canonical: Canonical, client: Client) -> Decision:
        put = of_request if session is None else questions
        return decisions[tuple([question(session, head, canonical, client) for question in put])]

    return policy
