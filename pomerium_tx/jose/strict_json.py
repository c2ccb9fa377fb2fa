"""
JSON that two readers cannot read differently.

RFC 8259 leaves duplicate names, numbers without end and lone surrogates to the reader; whoever decides about
access by what such a text says must not have to guess what another reader saw.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

_MOST_DIGITS = 40
_DEEPEST = 32


class InvalidJSON(Exception):
    """
    A text is not the one JSON object it should be.
    """


def json_object(raw: bytes) -> dict[str, Any]:
    """
    The one JSON object that *raw* is, in UTF-8.

    :raises InvalidJSON: If it is anything else, or could be read in two ways.
    """
    try:
        text = raw.decode("utf-8")
        value = _DECODER.decode(text)
        # Escapes are the only way to a surrogate, UTF-8 has none; and most texts have fewer brackets than they may.
        if "\\u" in text or text.count("[") + text.count("{") > _DEEPEST:
            _check(value, _DEEPEST)
    except RecursionError:
        raise InvalidJSON("nested too deeply") from None
    except UnicodeError:
        raise InvalidJSON("not Unicode") from None
    except ValueError:
        # The decoder's message quotes the text, and the text may hold a secret.
        raise InvalidJSON("not JSON") from None
    if not isinstance(value, dict):
        raise InvalidJSON("not an object")
    return value


def compact_json(value: object) -> bytes:
    """
    *value* as JSON without white space, in ASCII.
    """
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise InvalidJSON("a name twice in one object")
    return members


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise InvalidJSON("a number too long")
    return int(digits)


def _fraction(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise InvalidJSON("a number too large")
    return number


def _not_a_number(name: str) -> NoReturn:
    raise InvalidJSON("a number that JSON does not have")


def _check(value: object, depth: int) -> None:
    if isinstance(value, str):
        value.encode("utf-8")
    elif isinstance(value, dict | list):
        # What is nested deeper would be refused by whoever walks or writes it later, with less stack to spare.
        if depth == 0:
            raise InvalidJSON("nested too deeply")
        for member in value:
            _check(member, depth - 1)
        if isinstance(value, dict):
            for member in value.values():
                _check(member, depth - 1)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_integer, parse_float=_fraction, parse_constant=_not_a_number
)
