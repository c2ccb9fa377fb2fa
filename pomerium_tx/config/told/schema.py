"""
The configuration as a JSON Schema, for editors that complete and check while one types.

The root and a route name every key of Pomerium's, too: what is ignored is marked as deprecated, what is refused admits
nothing but the values that do no harm. Nothing is required outside of routes, since the environment may give it.
"""

from __future__ import annotations

from collections.abc import Mapping

from pomerium_tx.config.told.described import Described, Key, described
from pomerium_tx.config.told.unsupported import KeyClass, KnownKey
from pomerium_tx.config.told.written_forms import Schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NAMES_AN_ANSWER = ("to", "redirect", "response")


def schema() -> Schema:
    """
    What a configuration file may be.
    """
    root, *inner = described()
    return {
        "$schema": DIALECT,
        "title": "pomerium_tx",
        "description": "config.yaml of pomerium_tx: Pomerium's keys, and some of its own.",
        **_mapping(root),
        "$defs": {section.name: _mapping(section) for section in inner},
    }


def _mapping(section: Described) -> Schema:
    properties: dict[str, object] = {key.name: _property(key) for key in section.keys}
    properties |= {name: _known(known) for name, known in section.others.items() if name not in properties}
    found: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if section.other_families:
        # A name of the model or of the table may begin as one of a family does.
        others = "|".join(sorted(properties))
        found["patternProperties"] = {
            f"^(?!({others})$){prefix}": _known(known) for prefix, known in section.other_families.items()
        }
    if section.is_message:
        found["patternProperties"] = {"[A-Z]": {}}
    if section.admits_others:
        found["additionalProperties"] = {"deprecated": True}
    required = [key.name for key in section.keys if key.is_required]
    if section.name == "RouteSection":
        required = [name for name in required if name not in _NAMES_AN_ANSWER]
        answers = [name for name in _NAMES_AN_ANSWER if name in {key.name for key in section.keys}]
        found["anyOf"] = [{"required": [name]} for name in answers]
    if required and section.name != "Config":
        found["required"] = required
    return found


def _property(key: Key) -> Schema:
    schema = dict(key.form.schema)
    # A key without a value is as if it were not there, unless it says who may pass.
    if not key.is_required and not key.name.startswith("allow"):
        schema = _or_nothing(schema, may_be_empty=key.may_be_empty)
    words = [key.description, f"{key.form.words[:1].upper()}{key.form.words[1:]}."]
    words += [f"Default: {key.default}"] * bool(key.default)
    return {"description": _plain(" ".join(words)), **schema}


def _or_nothing(schema: Schema, *, may_be_empty: bool) -> Schema:
    if not schema:
        return schema
    choices = schema.get("anyOf")
    nothing: list[Schema] = [{"type": "null"}, {"const": ""}]
    return {"anyOf": [*(choices if isinstance(choices, list) else [schema]), *nothing[: 1 + may_be_empty]]}


def _known(known: KnownKey) -> Schema:
    words = _plain(known.words)
    marks: Schema = {"description": words, "deprecated": True, "deprecationMessage": words, "doNotSuggest": True}
    if known.key_class is KeyClass.IGNORED:
        return marks
    values = [_json(value) for value in known.harmless]
    folded = [value for value in values if isinstance(value, str) and value]
    return {
        **marks,
        "anyOf": [{"enum": values}, *({"type": "string", "pattern": rf"^\s*{_folded(text)}\s*$"} for text in folded)],
        "errorMessage": words,
    }


def _folded(text: str) -> str:
    return "".join(f"[{c.upper()}{c.lower()}]" if c.isalpha() else c for c in text)


def _json(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


def _plain(markdown: str) -> str:
    return " ".join(markdown.replace("`", "").split())
