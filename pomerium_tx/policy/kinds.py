"""
What a kind of criterion is: what it asks, which reasons it gives, and how it reads in words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pomerium_tx.config.policy.rules import Criterion
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.policy.client import Client


class Outcome(NamedTuple):
    """
    What a criterion comes to.
    """

    holds: bool
    reason: str


Question = Callable[[Any, RequestHead, Canonical, Client], int]
"""
What is asked of each request: of its session, which is there if the question is about it, or of the rest. The answer is
a truth or a number.
"""
Ask = Callable[[Sequence[Criterion], bool], Question]
"""
The question whether all of some criteria of one kind hold (True), or any of them (False).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """
    What all criteria of one name have in common.
    """

    outcomes: tuple[Outcome, ...]
    """
    By the answer to the question. With a single one, nothing is asked.
    """
    ask: Ask | None = None
    """
    None only with a single outcome.
    """
    needs_session: bool = False
    """
    Whether the question is about the session and nothing else. Without a session it is not asked: the criterion does
    not hold then, for the reason that nobody is signed in.
    """
    words: Callable[[Criterion], str]
    """
    The criterion as a sentence without its full stop.
    """


def outcomes(fails: str, holds: str) -> tuple[Outcome, Outcome]:
    """
    Those of a criterion that holds or does not, with the reason of each.
    """
    return Outcome(False, fails), Outcome(True, holds)
