"""
Matchers in words.
"""

from __future__ import annotations

import json

from pomerium_tx.config.policy.matchers import Conditions

_WORDS = {
    "is": "is {}",
    "not": "is not {}",
    "contains": "contains {}",
    "starts_with": "begins with {}",
    "ends_with": "ends with {}",
    "in": "is one of {}",
    "not_in": "is none of {}",
}
_LIST_WORDS = {"has": "has {}", "is": "has {} and nothing else", "exclude": "does not have {}"}


def matched(subject: str, conditions: Conditions) -> str:
    """
    What a matcher says about *subject*, a string.
    """
    return _said(subject, conditions, _WORDS)


def matched_list(subject: str, conditions: Conditions) -> str:
    """
    What a matcher says about *subject*, a list.
    """
    return _said(subject, conditions, _LIST_WORDS)


def shown(value: object) -> str:
    """
    A value as it can be told from the words around it: what is no plain name stands in quotes.
    """
    if isinstance(value, tuple):
        return ", ".join(shown(each) for each in value) or "nothing"
    if isinstance(value, str):
        is_plain = value.isprintable() and value != "" and not set(value) & set(" ,;:\"'")
        return (
            value if is_plain and not _is_other_type(value) else json.dumps(value, ensure_ascii=not value.isprintable())
        )
    return json.dumps(value)


def _is_other_type(text: str) -> bool:
    """
    Whether it would be read as a number or the like, if it stood without quotes.
    """
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _said(subject: str, conditions: Conditions, words: dict[str, str]) -> str:
    said = [words[condition.operator].format(shown(condition.value)) for condition in conditions]
    return f"{subject} {' and '.join(said)}"
