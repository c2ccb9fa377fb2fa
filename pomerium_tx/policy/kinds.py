"""
What a kind of criterion is: what it asks, which reasons it gives, and how it reads in words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pomerium_tx.config.policy_rules import Criterion


class Outcome(NamedTuple):
    """
    What a criterion comes to.
    """

    holds: bool
    reason: str


class Question(NamedTuple):
    """
    What is asked of each request, as an expression that becomes a part of the policy's function.
    """

    expression: str
    """
    Of ``session``, which is never None, or of ``head``, ``canonical`` and ``client``. ``{}`` in it stands for
    *constant*. It is ours: nothing that was configured is in it.
    """
    constant: object
    """
    A test, or what is compared with.
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
    By the answer to the question, which is a truth or a number. With a single one, nothing is asked.
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
