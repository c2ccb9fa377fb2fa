"""
What matchers mean: tests of a string, and of a list of values. All comparisons are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from pomerium_tx.config.policy.matchers import Condition, Conditions

T = TypeVar("T")
StringTest = Callable[[str], bool]
ListTest = Callable[[Sequence[object]], bool]


def names(conditions: Conditions) -> frozenset[str] | None:
    """
    The strings that a matcher accepts, where it does nothing but name them.
    """
    if len(conditions) != 1 or conditions[0].operator not in ("is", "in"):
        return None
    return frozenset(_strings(conditions[0]))


def string_test(conditions: Conditions) -> StringTest:
    """
    Whether all *conditions* hold for a string.
    """
    return combined([_string_test(condition) for condition in conditions], every=True)


def list_test(conditions: Conditions) -> ListTest:
    """
    Whether all *conditions* hold for a list.
    """
    return combined([_list_test(condition) for condition in conditions], every=True)


def combined(tests: Sequence[Callable[[T], bool]], *, every: bool) -> Callable[[T], bool]:
    """
    Whether *every* one of *tests* holds, or any.
    """
    if len(tests) == 1:
        return tests[0]
    of = all if every else any
    return lambda subject: of(test(subject) for test in tests)


def _string_test(condition: Condition) -> StringTest:
    strings = _strings(condition)
    match condition.operator:
        case "is" | "in":
            return frozenset(strings).__contains__
        case "not" | "not_in":
            return lambda subject: subject not in strings
        case "contains":
            return lambda subject: strings[0] in subject
        case "starts_with":
            return lambda subject: subject.startswith(strings)
        case "ends_with":
            return lambda subject: subject.endswith(strings)
    raise AssertionError(condition)


def _list_test(condition: Condition) -> ListTest:
    has = _has(condition)
    match condition.operator:
        case "has":
            return has
        case "is":
            return lambda values: len(values) == 1 and has(values)
        case "exclude":
            return lambda values: not has(values)
    raise AssertionError(condition)


def _has(condition: Condition) -> ListTest:
    wanted, is_truth = condition.value, condition.is_truth
    if isinstance(wanted, str):
        return lambda values: wanted in values
    return lambda values: any(value == wanted and isinstance(value, bool) is is_truth for value in values)


def _strings(condition: Condition) -> tuple[str, ...]:
    value = condition.value
    return value if isinstance(value, tuple) else (str(value),)
