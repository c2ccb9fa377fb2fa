"""
As much of JSON Schema 2020-12 as our schema uses: an instance is judged as an editor judges it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

ANNOTATIONS = {
    "$schema", "$defs", "title", "description", "deprecated", "deprecationMessage", "doNotSuggest", "errorMessage",
}  # fmt: skip
_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "integer": (int,),
    "number": (int, float),
}


def complaints(schema: Mapping[str, object], value: object, root: Mapping[str, object], at: str = "") -> Iterator[str]:
    """
    Everything that *schema* finds wrong with *value*.

    :raises AssertionError: At a keyword that this does not know.
    """
    for keyword, wanted in schema.items():
        if keyword not in ANNOTATIONS:
            yield from _CHECKS[keyword](wanted, value, root, at, schema)


def _ref(wanted, value, root, at, schema):  # type: ignore[no-untyped-def]
    name = wanted.removeprefix("#/$defs/")
    yield from complaints(root["$defs"][name], value, root, at)


def _any_of(wanted, value, root, at, schema):  # type: ignore[no-untyped-def]
    found = [list(complaints(choice, value, root, at)) for choice in wanted]
    if all(found):
        yield from min(found, key=len)


def _type(wanted, value, root, at, schema):  # type: ignore[no-untyped-def]
    names = [wanted] if isinstance(wanted, str) else wanted
    types = tuple(each for name in names for each in _TYPES[name])
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        yield f"{at}: is no {names}"


def _equal(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


def _enum(wanted, value, root, at, schema):  # type: ignore[no-untyped-def]
    if not any(_equal(value, choice) for choice in wanted):
        yield f"{at}: is none of {wanted}"


def _const(wanted, value, root, at, schema):  # type: ignore[no-untyped-def]
    if not _equal(value, wanted):
        yield f"{at}: is not {wanted}"


def _pattern(wanted, value, root, at, schema):  # type: ignore[no-untyped-def]
    if isinstance(value, str) and not re.search(wanted, value):
        yield f"{at}: does not match {wanted}"


def _min_length(wanted, value, root, at, schema):  # type: ignore[no-untyped-def]
    if isinstance(value, str) and len(value) < wanted:
        yield f"{at}: is too short"


def _minimum(wanted, value, root, at, schema):  # type: ignore[no-untyped-def]
    if isinstance(value, int) and value < wanted:
        yield f"{at}: is too small"


def _maximum(wanted, value, root, at, schema):  # type: ignore[no-untyped-def]
    if isinstance(value, int) and value > wanted:
        yield f"{at}: is too large"


def _required(wanted, value, root, at, schema):  # type: ignore[no-untyped-def]
    if isinstance(value, dict):
        yield from (f"{at}: lacks {name}" for name in wanted if name not in value)


def _items(wanted, value, root, at, schema):  # type: ignore[no-untyped-def]
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from complaints(wanted, item, root, f"{at}[{index}]")


def _properties(wanted, value, root, at, schema):  # type: ignore[no-untyped-def]
    if isinstance(value, dict):
        for name in set(wanted) & set(value):
            yield from complaints(wanted[name], value[name], root, f"{at}.{name}")


def _pattern_properties(wanted, value, root, at, schema):  # type: ignore[no-untyped-def]
    if isinstance(value, dict):
        for pattern, inner in wanted.items():
            for name in value:
                if re.search(pattern, name):
                    yield from complaints(inner, value[name], root, f"{at}.{name}")


def _additional(wanted, value, root, at, schema):  # type: ignore[no-untyped-def]
    if not isinstance(value, dict):
        return
    for name in value:
        patterns = schema.get("patternProperties", {})
        if name in schema.get("properties", {}) or any(re.search(pattern, name) for pattern in patterns):
            continue
        if wanted is False:
            yield f"{at}.{name}: is not known"
        elif wanted is not True:
            yield from complaints(wanted, value[name], root, f"{at}.{name}")


_CHECKS = {
    "$ref": _ref,
    "anyOf": _any_of,
    "type": _type,
    "enum": _enum,
    "const": _const,
    "pattern": _pattern,
    "minLength": _min_length,
    "minimum": _minimum,
    "maximum": _maximum,
    "required": _required,
    "items": _items,
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional,
}
