"""
A policy in words, as short and as exact as may be.
"""

from __future__ import annotations

from typing import Final

from pomerium_tx.config.policy.rules import Criterion, Rule, Rules
from pomerium_tx.policy.known_criteria import KINDS

ALWAYS: Final = "always"
NEVER: Final = "never"
_OPERATORS: Final = {"and": "if all of", "or": "if any of", "not": "if none of", "nor": "unless all of"}


def policy_in_words(rules: Rules) -> tuple[str, ...]:
    """
    One sentence for each rule: ``allow if all of: the claim groups has admin; the e-mail domain is example.com``.
    """
    if not any(rule.action == "allow" for rule in rules):
        return (*(rule_in_words(rule) for rule in rules), "allow nobody: there is no allow rule")
    return tuple(rule_in_words(rule) for rule in rules)


def rule_in_words(rule: Rule) -> str:
    """
    One rule.
    """
    said = list(dict.fromkeys(criterion_in_words(criterion) for criterion in rule.criteria))
    if len(said) > 1:
        return f"{rule.action} {_OPERATORS[rule.operator]}: {'; '.join(said)}"
    if rule.operator in ("not", "nor"):
        return f"{rule.action} unless {said[0]}"
    return f"{rule.action} {said[0]}" if said[0] in (ALWAYS, NEVER) else f"{rule.action} if {said[0]}"


def criterion_in_words(criterion: Criterion) -> str:
    """
    One criterion, as a sentence without its full stop.
    """
    return KINDS[criterion.name].words(criterion)
