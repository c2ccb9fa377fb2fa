"""
Every key of the model, described for people and for editors.

It is read from the model itself, so that nothing can be missing.

A key's description is the docstring below it, its group the docstring of the class it stands in or, within a class, the
comment line above it that stands by itself.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Any, get_args, get_origin

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from pomerium_tx.config.keys.health import HealthCheck, HttpHealthCheck, OutlierDetection
from pomerium_tx.config.keys.running import RuntimeFlags
from pomerium_tx.config.model import Config
from pomerium_tx.config.reload import UNTIL_RESTART
from pomerium_tx.config.route_section import CircuitBreakerThresholds, RouteSection
from pomerium_tx.config.section import Section
from pomerium_tx.config.told import pomerium_keys
from pomerium_tx.config.told import unsupported as keys
from pomerium_tx.config.told.unsupported import KnownKey
from pomerium_tx.config.told.written_forms import FILE, SECTION, SECTIONS, Form, Reader, form_of, without_none

_HEADING = re.compile(r"\n\n    # ([^\n]+)\.\n    (?=\w)")
_FIELD = re.compile(r"\n    (\w+): ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """
    One key that may be written.
    """

    name: str
    """
    As it is written.
    """
    group: str
    form: Form
    is_required: bool
    default: str
    """
    As it would be written; empty where there is none.
    """
    description: str
    """
    In Markdown.
    """
    is_ours: bool
    """
    Whether Pomerium does not have it.
    """
    environment: str
    """
    The variable that sets it, or empty.
    """
    needs_restart: bool
    file_of: str
    """
    The key whose value is in the file that this one names, or empty.
    """
    section: str
    """
    The name of the section that it holds, or empty.
    """
    may_be_empty: bool
    """
    Whether an empty string is as if it were not there.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """
    One kind of mapping in the file.
    """

    name: str
    """
    The name of its class.
    """
    description: str
    keys: tuple[Key, ...]
    others: Mapping[str, KnownKey]
    """
    Pomerium's keys that are ignored or refused in it.
    """
    other_families: Mapping[str, KnownKey]
    """
    The same, by what the keys begin with.
    """
    admits_others: bool
    """
    Whether a key that nobody knows is ignored with a warning.
    """
    is_message: bool
    """
    Whether ``a_key`` may be written ``aKey``.
    """


_OTHERS: Mapping[type[Section], tuple[Mapping[str, KnownKey], Mapping[str, KnownKey]]] = {
    Config: (keys.ROOT_KEYS, keys.ROOT_FAMILIES),
    RouteSection: (keys.ROUTE_KEYS, {}),
    CircuitBreakerThresholds: (keys.THRESHOLD_KEYS, {}),
    HealthCheck: (keys.HEALTH_CHECK_KEYS, {}),
    HttpHealthCheck: (keys.HTTP_HEALTH_CHECK_KEYS, {}),
    OutlierDetection: (keys.OUTLIER_KEYS, {}),
    RuntimeFlags: (keys.OTHER_FLAGS, {}),
}
_POMERIUMS: Mapping[type[Section], frozenset[str]] = {
    Config: pomerium_keys.ROOT,
    RouteSection: pomerium_keys.ROUTE,
}


def described() -> tuple[Described, ...]:
    """
    Every kind of mapping there is: the whole file first, then what is in it, in the order in which it is met.
    """
    met: list[type[Section]] = [Config]
    found = []
    for section in met:
        found.append(_described(section))
        for field in section.model_fields.values():
            inner = _section_in(field.annotation)
            if inner is not None and inner not in met:
                met.append(inner)
    return tuple(found)


def _described(section: type[Section]) -> Described:
    others, families = _OTHERS.get(section, ({}, {}))
    owners = [owner for owner in reversed(section.__mro__) if issubclass(owner, Section) and owner is not Section]
    words = {name: text for owner in owners for name, text in docstrings(owner).items()}
    return Described(
        name=section.__name__,
        description=_markdown(inspect.getdoc(section) or ""),
        keys=tuple(_key(section, name, group, words.get(name, "")) for name, group in _grouped(section)),
        others=others,
        other_families=families,
        admits_others=section is RuntimeFlags,
        is_message=section.is_message,
    )


def docstrings(owner: type[Section]) -> dict[str, str]:
    """
    What stands below each attribute that *owner* itself has.
    """
    [definition] = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for statement, below in pairwise(definition.body):
        match statement, below:
            case ast.AnnAssign(target=ast.Name(name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = inspect.cleandoc(text)
    return found


def _grouped(section: type[Section]) -> Iterator[tuple[str, str]]:
    """
    The attributes of *section* in the order of the classes that it is made of, and the group of each.
    """
    origin = {
        name: owner
        for owner in reversed(section.__mro__)
        if issubclass(owner, Section)
        for name in vars(owner).get("__annotations__", ())
        if name in section.model_fields
    }
    owners = [owner for owner in section.__mro__[1:] if owner in origin.values()]
    for owner in (*owners, section):
        group = _markdown(inspect.getdoc(owner) or "").removesuffix(".") if owner is not section else ""
        headings = _headings(owner)
        for name in vars(owner).get("__annotations__", ()):
            group = headings.get(name, group)
            if origin.get(name) is owner:
                yield name, group


def _headings(section: type[Section]) -> dict[str, str]:
    """
    The attributes above which a group begins, and what it is called.
    """
    source = inspect.getsource(section)
    found = {}
    for heading in _HEADING.finditer(source):
        field = _FIELD.match(source, heading.end() - 5)
        if field is not None:
            found[field[1]] = heading[1]
    return found


def _key(section: type[Section], attribute: str, group: str, words: str) -> Key:
    field = section.model_fields[attribute]
    name = field.alias or attribute
    file_of = {file_key: key for key, file_key in section.files.items()}.get(name, "")
    inner = _section_in(field.annotation)
    is_root = section is Config
    return Key(
        name=name,
        group=group,
        form=_form(field, inner, is_file=bool(file_of)),
        is_required=field.is_required() and section.files.get(name, name) == name,
        default=_default(field),
        description=_markdown(words),
        is_ours=section in _POMERIUMS and name not in _POMERIUMS[section],
        environment=name.upper() if is_root else "",
        needs_restart=is_root and (file_of or name) in UNTIL_RESTART,
        file_of="" if file_of == name else file_of,
        section="" if inner is None else inner.__name__,
        may_be_empty=section.is_unwritten(name, ""),
    )


def _form(field: FieldInfo, inner: type[Section] | None, *, is_file: bool) -> Form:
    if is_file:
        return FILE
    reader, kind = _reader(field)
    if inner is None:
        return form_of(reader, kind)
    reference = {"$ref": f"#/$defs/{inner.__name__}"}
    match get_origin(kind):
        case None:
            return Form(words=SECTION, schema={"anyOf": [reference, {"type": "string"}]})
        case origin if isinstance(origin, type) and issubclass(origin, Mapping):
            by_name = {"type": "object", "additionalProperties": reference}
            return Form(
                words="a mapping of names to mappings, or one as JSON",
                schema={"anyOf": [by_name, {"type": "string"}]},
            )
        case _:
            return Form(words=SECTIONS, schema={"type": "array", "items": reference})


def _reader(field: FieldInfo) -> tuple[Reader | None, object]:
    """
    The function that reads a key, and the type of what it gives.
    """
    metadata: list[object] = list(field.metadata)
    kind: Any = field.annotation
    while True:
        kind, is_optional = without_none(kind)
        if get_origin(kind) is Annotated:
            kind, *more = get_args(kind)
            metadata += more
        elif not is_optional:
            break
    readers: list[Any] = [each.func for each in metadata if isinstance(each, BeforeValidator)]
    return (readers[0] if readers else None), kind


def _section_in(kind: object) -> type[Section] | None:
    if isinstance(kind, type) and issubclass(kind, Section):
        return kind
    return next((found for found in map(_section_in, get_args(kind)) if found is not None), None)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    if field.default_factory is not None:
        return "random"
    return _written(field.default)


def _written(value: object) -> str:
    match value:
        case None | "" | b"" | () | Section():
            return ""
        case bool():
            return "true" if value else "false"
        case timedelta():
            return _duration(value)
        case tuple():
            return f"[{', '.join(map(str, value))}]"
        case Mapping():
            return ", ".join(f"{name}: {item}" for name, item in value.items())
        case _:
            return str(value)


def _duration(value: timedelta) -> str:
    seconds = value.total_seconds()
    parts = []
    for unit, length in (("h", 3600), ("m", 60)):
        count = int(seconds // length)
        parts += [f"{count}{unit}"] * (count > 0)
        seconds -= count * length
    return "".join(parts + [f"{seconds:g}s"] * (seconds > 0 or not parts))


def _markdown(text: str) -> str:
    return text.replace("``", "`").strip()
