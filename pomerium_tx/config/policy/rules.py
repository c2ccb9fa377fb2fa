"""
The grammar of the Pomerium Policy Language: what was written below ``policy`` in, rules out.

Whatever is wrong is complained about where it stands, all of it at once, so that a policy that is in force means
exactly what is written. What the rules mean for a request is not said here but in `pomerium_tx.policy`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from pomerium_tx.config.document import KeyPath, dotted, read_yaml
from pomerium_tx.config.forms import values
from pomerium_tx.config.policy import criteria as policy_criteria
from pomerium_tx.config.policy.matchers import Complain, Conditions
from pomerium_tx.config.problems import InvalidConfig
from pomerium_tx.config.suggestion import suggestion

Action = Literal["allow", "deny"]
Operator = Literal["and", "or", "not", "nor"]
_ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
_OPERATORS: Final[tuple[Operator, ...]] = get_args(Operator)
_IGNORED: Final = "action"
"""
What Pomerium lets stand among the operators.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """
    One condition on a request or on who asks.
    """

    name: str
    path: str = ""
    """
    What follows the first slash after the name: which claim.
    """
    value: object = None
    """
    What its form (`pomerium_tx.config.policy.criteria`) has made of what stands beside it.
    """
    at: KeyPath = field(default=(), compare=False, repr=False)
    """
    Where it stands in the route.
    """

    @property
    def conditions(self) -> Conditions:
        """
        Its value, where that is a matcher.
        """
        assert isinstance(self.value, tuple), self
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """
    One operator with its criteria. Pomerium calls all operators of one action a rule; what they mean is any of them.
    """

    action: Action
    operator: Operator
    criteria: tuple[Criterion, ...]
    """
    At least one.
    """
    at: KeyPath = field(default=(), compare=False, repr=False)
    """
    Where it stands in the route.
    """


Rules = tuple[Rule, ...]


def rules(value: object) -> Rules:
    """
    The rules that were written, or what they were made into before.

    :raises ValueError: With all that is wrong.
    """
    if isinstance(value, tuple) and all(isinstance(rule, Rule) for rule in value):
        return value
    wrong: list[str] = []
    found = read_rules(value, (), lambda at, message: wrong.append(": ".join(filter(None, (dotted(at), message)))))
    if wrong:
        raise ValueError("; ".join(wrong))
    return found


def read_rules(value: object, at: KeyPath, complain: Complain) -> Rules:
    """
    The rules that were written, without those that were complained about.

    :param at: Where the value stands in the route.
    """
    if isinstance(value, str):
        # So do the annotations of Pomerium's Ingress Controller have it.
        try:
            value, _ = read_yaml(value, "")
        except InvalidConfig as invalid:
            for problem in invalid.problems:
                line = "" if problem.line is None else f"line {problem.line} of it "
                complain(at, f"{line}{problem.message}")
            return ()
    if isinstance(value, dict):
        return tuple(_of_mapping(value, at, complain))
    if isinstance(value, list | tuple):
        return tuple(rule for index, item in enumerate(value) for rule in _of_mapping(item, (*at, index), complain))
    complain(at, f"must be a mapping with allow and deny, or a list of such, not {values.kind(value)}")
    return ()


def _of_mapping(value: object, at: KeyPath, complain: Complain) -> Iterator[Rule]:
    if not isinstance(value, dict):
        complain(at, f"must be a mapping with allow or deny, not {values.kind(value)}")
        return
    for name in value:
        if name not in _ACTIONS:
            complain((*at, str(name)), f"is not allow or deny{_misplaced(str(name))}")
    for action in _ACTIONS:
        if action in value:
            yield from _of_action(action, value[action], (*at, action), complain)


def _of_action(action: Action, body: object, at: KeyPath, complain: Complain) -> Iterator[Rule]:
    if not isinstance(body, dict):
        complain(at, f"must be a mapping with and, or, not or nor, not {values.kind(body)}")
        return
    for name in body:
        if name not in _OPERATORS and name != _IGNORED:
            complain((*at, str(name)), f"is not and, or, not or nor{_misplaced(str(name))}")
    for operator in _OPERATORS:
        if operator not in body:
            continue
        here, items = (*at, operator), body[operator]
        if not isinstance(items, list | tuple):
            complain(here, f"must be a list of criteria, not {values.kind(items)}")
            continue
        criteria = [_criterion(item, (*here, index), complain) for index, item in enumerate(items)]
        known = tuple(criterion for criterion in criteria if criterion is not None)
        if known:
            yield Rule(action=action, operator=operator, criteria=known, at=here)


def _criterion(item: object, at: KeyPath, complain: Complain) -> Criterion | None:
    if not isinstance(item, dict) or len(item) != 1:
        found = f"{len(item)} keys" if isinstance(item, dict) else values.kind(item)
        complain(at, f"must be one criterion, a mapping with one key, not {found}")
        return None
    [(key, value)] = item.items()
    here = (*at, str(key))
    name, _, path = str(key).partition("/")
    form = policy_criteria.FORMS.get(name)
    if form is None:
        why = policy_criteria.refused(name)
        unknown = f"is not a criterion{suggestion(name, policy_criteria.FORMS)}"
        complain(here, unknown if why is None else f"is not supported: {why}")
        return None
    if form.has_path and not path:
        complain(here, f"does not say which: write {name}/NAME")
    if not form.has_path and "/" in key:
        complain(here, f"must be {name} alone, without a slash")
    return Criterion(name=name, path=path, value=form.read(value, here, complain), at=here)


def _misplaced(name: str) -> str:
    """
    A hint, where something stands on the wrong level.
    """
    if name in _OPERATORS:
        return "; it belongs below one of them"
    if name.partition("/")[0] in policy_criteria.FORMS:
        return "; criteria stand in a list below and, or, not or nor"
    return suggestion(name, (*_ACTIONS, *_OPERATORS))
