"""
What parent and worker say to one another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pomerium_tx.config.model import Config
from pomerium_tx.logout.heard import Heard
from pomerium_tx.sessions.elsewhere import SeenExchange
from pomerium_tx.sessions.store import Change

# The log, as the worker asks for it.


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """
    A change for the log.
    """

    number: int
    change: Change = field(repr=False)
    expected_version: int | None
    within: int | None
    """
    The position of the change that the worker was applying when it asked.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow:
    """
    The worker wants every change after a position.
    """

    number: int
    from_position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfollow:
    """
    And now no more.
    """

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """
    The worker has applied every change up to a position.
    """

    number: int
    position: int


# The log, as the parent answers.


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """
    The change is in the log, and has been applied everywhere.
    """

    number: int
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAppended:
    """
    It is not.
    """

    number: int
    is_conflict: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFollowed:
    """
    The log does not reach back so far.
    """

    number: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """
    What was in the log before: pairs of position and change, pickled once for all who follow.
    """

    number: int
    kept: tuple[tuple[int, bytes], ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """
    That was all; what comes now is new.
    """

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewChange:
    """
    A change that has just been written.
    """

    number: int
    position: int
    content: bytes = field(repr=False)


# The worker's life.


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """
    The first that a worker is told: serve by this.
    """

    config: Config = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """
    The worker knows all sessions, and accepts connections.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Configure:
    """
    Serve by this from now on.
    """

    number: int
    config: Config = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """
    That is done.
    """

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """
    Accept no more, finish what is under way, and leave.
    """

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hurry:
    """
    Finish nothing.
    """


# What OPs ask for.


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """
    A worker was asked for a logout by an OP.
    """

    heard: Heard


# What is open.


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIsOpen:
    """
    A question, in either direction: what is open for some sessions?
    """

    number: int
    session_ids: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """
    The answer, in the other direction.
    """

    number: int
    exchanges: Mapping[str, tuple[SeenExchange, ...]] = field(repr=False)
