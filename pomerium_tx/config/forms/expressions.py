"""
Regular expressions of the configuration: RE2, as in Pomerium.

What an expression is asked about is the peer's choice, so it must be answered in time that is linear in its length:
Python's own expressions can be made to take for ever. RE2 (https://github.com/google/re2/wiki/Syntax) cannot, and is
what the expressions of a Pomerium configuration were written for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import re2

_MOST_BYTES = 4_096
_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
# What an expression remembers of the texts that peers have it read is bounded too.
_OPTIONS.max_mem = 1 << 20
_REFERENCE = re.compile(r"\\(.?)")


class InvalidExpression(ValueError):
    """
    Not an expression, or not what may take the place of a match.
    """


@dataclass(frozen=True, slots=True)
class Expression:
    """
    A regular expression over bytes.

    :raises InvalidExpression: If it is none; the message is for the operator.
    """

    pattern: str
    _compiled: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        octets = self.pattern.encode("utf-8")
        if len(octets) > _MOST_BYTES:
            raise InvalidExpression(f"is longer than {_MOST_BYTES} bytes")
        try:
            compiled = re2.compile(octets, _OPTIONS)
        except re2.error as wrong:
            words = wrong.args[0].decode(errors="replace")
            raise InvalidExpression(f"is not a regular expression of RE2: {words}") from None
        object.__setattr__(self, "_compiled", compiled)

    @property
    def groups(self) -> int:
        """
        How many groups it has.
        """
        return int(self._compiled.groups)

    def matches(self, text: bytes) -> bool:
        """
        Whether it matches the whole of *text*.
        """
        return self._compiled.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Rewrite:
    """
    What takes the place of every match of an expression.

    :raises InvalidExpression: If either part is not what it should be.
    """

    pattern: str
    substitution: str
    """
    ``\\1`` to ``\\9`` stand for what the groups matched, ``\\0`` for the whole match, ``\\\\`` for a backslash.
    """
    _expression: Expression = field(init=False, repr=False)
    _parts: tuple[bytes | int, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        expression = Expression(self.pattern)
        object.__setattr__(self, "_expression", expression)
        object.__setattr__(self, "_parts", parts_of_substitution(self.substitution, expression.groups))

    @property
    def literals(self) -> bytes:
        """
        What of the substitution is the same for every match.
        """
        return b"".join(part for part in self._parts if isinstance(part, bytes))

    def of(self, text: bytes) -> bytes:
        """
        *text* with every match replaced.
        """
        written: list[bytes] = []
        position = 0
        is_first = True
        for match in self._expression._compiled.finditer(text):
            start, end = match.span()
            # As RE2 does it: nothing at the end of a match is not another one.
            if is_first or start != end or start != position:
                written.append(text[position:start])
                written += [part if isinstance(part, bytes) else match.group(part) or b"" for part in self._parts]
                position = end
                is_first = False
        written.append(text[position:])
        return b"".join(written)


def parts_of_substitution(text: str, groups: int) -> tuple[bytes | int, ...]:
    """
    A substitution taken apart: bytes as they are, numbers of groups.

    :param groups: How many the expression has.
    :raises InvalidExpression: If it names another one, or is none.
    """
    parts: list[bytes | int] = []
    position = 0
    for reference in _REFERENCE.finditer(text):
        parts.append(text[position : reference.start()].encode("utf-8"))
        position = reference.end()
        named = reference[1]
        if named == "\\":
            parts.append(b"\\")
        elif not (named.isascii() and named.isdigit()):
            raise InvalidExpression("has a backslash before something else than a digit; write \\\\ for a backslash")
        elif int(named) > groups:
            raise InvalidExpression(f"names group {named}, and the pattern has {groups}")
        else:
            parts.append(int(named))
    parts.append(text[position:].encode("utf-8"))
    return tuple(part for part in parts if part != b"")
