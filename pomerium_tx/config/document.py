"""
YAML, JSON and TOML as plain values, with the place of each.

YAML is read as its version 1.2 reads it (Section 10.3.2, the core schema), as Pomerium does: ``no`` is a word and
``1:30`` not a number. A key that stands twice is a problem, a tag that makes an object is a problem, and what an alias
repeats counts each time.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from pomerium_tx.config.problems import InvalidConfig, Problem

KeyPath = tuple[str | int, ...]
MAX_VALUES = 200_000
MAX_DEPTH = 40
# Escapes can write what is no character and has no UTF-8; JSON writes one character as two of them.
HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")
_ESCAPED_HALF = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_NO_TEXT = "contains half a character (\\ud800 to \\udfff)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """
    A mapping and where its keys stand.
    """

    file: str
    values: dict[str, object]
    lines: Mapping[KeyPath, int] = field(default_factory=dict)

    def line(self, path: KeyPath) -> int | None:
        """
        The line of *path*, or of what is nearest around it.
        """
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None


def dotted(path: KeyPath) -> str:
    """
    ``routes[1].to``
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read_document(text: str, file: str) -> Document:
    """
    The document in *text*, by the extension of *file*.

    :raises InvalidConfig: If it is not one mapping, well-formed and without a key that stands twice.
    """
    if file.endswith(".toml"):
        return _read_toml(text, file)
    if file.endswith(".json"):
        return _read_json(text, file)
    values, lines = read_yaml(text, file)
    return Document(file=file, values=_mapping({} if values is None else values, file), lines=lines)


def read_yaml(text: str, file: str, root: KeyPath = ()) -> tuple[object, dict[KeyPath, int]]:
    """
    Any value, and the lines of everything in it.

    :param root: The path of the value itself.
    :raises InvalidConfig: As in `read_document`.
    """
    builder = _Builder(file)
    try:
        node = yaml.compose(text, Loader=_CoreSchema)
        value = None if node is None else builder.build(node, root)
    except yaml.MarkedYAMLError as error:
        line = None if error.problem_mark is None else error.problem_mark.line + 1
        raise InvalidConfig([_problem(file, line, f"is not valid YAML: {error.problem}")]) from None
    except yaml.YAMLError:
        raise InvalidConfig([_problem(file, None, "is not valid YAML: it contains control characters")]) from None
    except RecursionError:
        raise InvalidConfig([_problem(file, None, "is nested too deeply")]) from None
    except (ValueError, OverflowError):
        # PyYAML's own words for it say nothing of YAML.
        raise InvalidConfig([_problem(file, None, "is not valid YAML: it escapes what is no character")]) from None
    if builder.problems:
        raise InvalidConfig(builder.problems)
    return value, builder.lines


class _CoreSchema(yaml.SafeLoader):
    """
    YAML 1.2's core schema, and the merge key.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - as PyYAML declares it


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("merge", r"<<", "<"),
):
    _CoreSchema.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), ["" if c == "\0" else c for c in _first]
    )


class _Builder:
    """
    Turns nodes into values, collecting what is wrong.
    """

    def __init__(self, file: str) -> None:
        self.problems: list[Problem] = []
        self.lines: dict[KeyPath, int] = {}
        self._file = file
        self._built = 0

    def build(self, node: yaml.Node, path: KeyPath) -> object:
        self._built += 1
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        if len(path) > MAX_DEPTH or self._built > MAX_VALUES:
            # What an alias repeats is built again; without this limit nine lines could fill the memory.
            raise InvalidConfig([_problem(self._file, line, "is too large or nested too deeply", path[:4])])
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._build_mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self._build_scalar(node, path)
        self._complain(node, path, f"has a tag that is not allowed: {node.tag}")
        return None

    def _build_mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, object]:
        own: dict[str, object] = {}
        inherited: dict[str, object] = {}
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                self._merge(value_node, path, inherited)
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self._complain(key_node, path, "has a key that is not a string")
                continue
            name = str(key_node.value)
            if HALF_A_CHARACTER.search(name):
                self._complain(key_node, path, f"has a key that {_NO_TEXT}")
                continue
            if name in own:
                self._complain(key_node, (*path, name), "stands twice; remove one")
                continue
            self.lines[*path, name] = key_node.start_mark.line + 1
            own[name] = self.build(value_node, (*path, name))
        return inherited | own

    def _merge(self, node: yaml.Node, path: KeyPath, inherited: dict[str, object]) -> None:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        for source in sources:
            merged = self.build(source, (*path, "<<"))
            if not isinstance(merged, dict):
                self._complain(source, path, "merges something that is not a mapping")
                continue
            for name, value in merged.items():
                inherited.setdefault(name, value)

    def _build_scalar(self, node: yaml.ScalarNode, path: KeyPath) -> object:
        text, tag = str(node.value), node.tag.removeprefix("tag:yaml.org,2002:")
        if HALF_A_CHARACTER.search(text):
            self._complain(node, path, _NO_TEXT)
            return None
        try:
            match tag:
                case "str" | "merge":
                    return text
                case "null":
                    return None
                case "bool":
                    return {"true": True, "false": False}[text.lower()]
                case "int":
                    return int(text, {"0o": 8, "0x": 16}.get(text[:2].lower(), 10))
                case "float":
                    number = float(text)
                    if math.isfinite(number):
                        return number
        except (ValueError, KeyError):
            pass
        self._complain(node, path, f"has a tag or number that is not allowed: {node.tag}")
        return None

    def _complain(self, node: yaml.Node, path: KeyPath, message: str) -> None:
        self.problems.append(_problem(self._file, node.start_mark.line + 1, message, path))


def _read_json(text: str, file: str) -> Document:
    twice: list[str] = []

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        mapping = dict(pairs)
        if len(mapping) < len(pairs):
            names = [name for name, _ in pairs]
            twice.extend(sorted({name for name in names if names.count(name) > 1}))
        return mapping

    def not_a_number(name: str) -> object:
        raise ValueError(name)

    try:
        values = json.loads(text, object_pairs_hook=unique, parse_constant=not_a_number)
        json.dumps(values, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        raise InvalidConfig([_problem(file, error.lineno, f"is not valid JSON: {error.msg}")]) from None
    except UnicodeEncodeError:
        raise InvalidConfig([_problem(file, None, _NO_TEXT)]) from None
    except (ValueError, RecursionError):
        raise InvalidConfig([_problem(file, None, "is not valid JSON")]) from None
    if twice:
        raise InvalidConfig(_problem(file, None, "stands twice; remove one", (name,)) for name in twice)
    try:
        # JSON is YAML but for the tabs, and YAML's nodes know their lines.
        _, lines = read_yaml(_ESCAPED_HALF.sub("?", text.replace("\t", " ")), file)
    except InvalidConfig:
        lines = {}
    return Document(file=file, values=_mapping(values, file), lines=lines)


def _read_toml(text: str, file: str) -> Document:
    try:
        return Document(file=file, values=tomllib.loads(text))
    except (ValueError, RecursionError) as error:
        found = re.search(r"\(at line (\d+), column \d+\)", str(error))
        line = None if found is None else int(found[1])
        raise InvalidConfig([_problem(file, line, f"is not valid TOML: {error}")]) from None


def _mapping(values: object, file: str) -> dict[str, object]:
    if isinstance(values, dict):
        return values
    raise InvalidConfig([_problem(file, 1, "must be a mapping of keys to values, such as address: :443")])


def _problem(file: str, line: int | None, message: str, path: KeyPath = ()) -> Problem:
    return Problem(file=file, line=line, key=dotted(path), message=message)
