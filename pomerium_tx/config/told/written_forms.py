"""
In which forms a value may be written, for people and for editors.

They follow from the function of `pomerium_tx.config.forms` that reads it and, where that is not among those listed
here, from the type of what it gives and from the first sentence of its docstring. A schema is JSON Schema 2020-12. It
may admit what is refused when it is read, never the other way round: what an editor marks in red is wrong.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, Union, get_args, get_origin

from pomerium_tx.config.forms import answers as answer_forms
from pomerium_tx.config.forms import general as forms
from pomerium_tx.config.forms import headers as header_forms
from pomerium_tx.config.forms import networks, secrets, upstreams, values
from pomerium_tx.config.forms import paths as path_forms
from pomerium_tx.config.forms import programs as program_forms
from pomerium_tx.config.forms.provider_types import PROVIDER_TYPES
from pomerium_tx.config.forms.whole_numbers import WholeNumber
from pomerium_tx.config.keys import provider as provider_section
from pomerium_tx.config.policy import rules as policy_rules
from pomerium_tx.config.policy.schema import POLICY

Schema = dict[str, object]
Reader = Callable[[Any], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """
    How a value may be written.
    """

    words: str
    """
    For people, in Markdown.
    """
    schema: Schema


def any_case(words: tuple[str, ...]) -> str:
    """
    A pattern for one of *words* in upper or lower case: JSON Schema's have no flag for that.
    """

    def letter(character: str) -> str:
        both = character.upper() + character.lower()
        return (
            f"[{both}]"
            if character.isalpha()
            else "".join(f"\\{c}" if c in r".+*?()[]{}|^$\/" else c for c in both[:1])
        )

    return rf"^\s*({'|'.join(''.join(letter(character) for character in word) for word in words)})\s*$"


_TEXT: Schema = {"type": "string", "minLength": 1}
_LIST: Schema = {"anyOf": [{"type": "array", "items": _TEXT}, {"type": "string"}]}
_SCALAR: Schema = {"type": ["string", "number", "boolean"]}
_MAPPING: Schema = {"anyOf": [{"type": "object", "additionalProperties": _SCALAR}, {"type": "string"}]}
_DURATION_TEXT: Schema = {"type": "string", "pattern": r"^\s*(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)\s*$"}
_DURATION: Schema = {"anyOf": [_DURATION_TEXT, {"const": 0}]}
_URL: Schema = {"type": "string", "pattern": r"^https?://[^\s\\]+$"}
_PATH: Schema = {"type": "string", "pattern": r"^\s*/"}
_TRUE = ("true", "t", "1", "yes", "y", "on")
_FALSE = ("false", "f", "0", "no", "n", "off")

_FORMS: dict[object, Form] = {
    forms.truth: Form(
        words="`true` or `false`",
        schema={
            "anyOf": [{"type": "boolean"}, {"enum": [0, 1]}, {"type": "string", "pattern": any_case(_TRUE + _FALSE)}]
        },
    ),
    values.duration: Form(words="a duration: `30s`, `5m`, `1h30m`", schema=_DURATION),
    values.limit: Form(words="a duration: `30s`, `5m`, `1h30m`", schema=_DURATION),
    values.positive_duration: Form(words="a duration longer than nothing: `30s`, `5m`", schema=_DURATION_TEXT),
    values.string_list: Form(words="a list of strings, or one string with commas", schema=_LIST),
    values.string_map: Form(words="a mapping of names to values, or one as JSON", schema=_MAPPING),
    values.header_map: Form(words="a mapping of headers to values, or one as JSON", schema=_MAPPING),
    values.origin_url: Form(words="a URL without a path", schema=_URL),
    values.origin_list: Form(words="a list of URLs without paths, or one string with commas", schema=_LIST),
    values.absolute_url: Form(words="a URL", schema=_URL),
    values.address: Form(
        words="an address: `:443`, `127.0.0.1:8000`, `[::1]:8000`",
        schema={"type": "string", "pattern": r":\d{1,5}\s*$"},
    ),
    values.admin_address: Form(
        words="`unix:/absolute/path`, `127.0.0.1:9443`, or `off`",
        schema={"type": "string", "pattern": rf"^\s*$|^\s*unix:/|:\d+\s*$|{any_case(('off',))}"},
    ),
    forms.text: Form(words="a string", schema=_TEXT),
    forms.label: Form(words="a string", schema={"type": "string"}),
    forms.request_headers: Form(words="a mapping of headers to values, or one as JSON", schema=_MAPPING),
    forms.response_headers: Form(words="a mapping of headers to values, or one as JSON", schema=_MAPPING),
    forms.header_names: Form(words="a list of headers, or one string with commas", schema=_LIST),
    forms.claim_headers: Form(
        words="a mapping of headers to claims, or a list of claims",
        schema={
            "anyOf": [
                {"type": "object", "additionalProperties": _SCALAR},
                {"type": "array", "items": _TEXT},
                {"type": "string"},
            ]
        },
    ),
    forms.allowed_claims: Form(
        words="a mapping of claims to their values, or one as JSON",
        schema={"anyOf": [{"type": "object"}, {"type": "string"}]},
    ),
    policy_rules.rules: Form(
        words="a mapping with `allow` and `deny`, a list of such, or either as a string of YAML or JSON", schema=POLICY
    ),
    forms.site_data: Form(words="a list of `cache`, `cookies`, `storage`", schema=_LIST),
    forms.domains: Form(words="a list of domains, or one string with commas", schema=_LIST),
    upstreams.upstreams: Form(
        words="a URL, or a list of URLs, each with or without `,` and a weight",
        schema={"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    ),
    upstreams.balancing_policy: Form(
        words="`ROUND_ROBIN`, `LEAST_REQUEST`, `RANDOM`, `RING_HASH` or `MAGLEV`", schema={"type": "string"}
    ),
    forms.path: Form(words="a path, beginning with a slash", schema=_PATH),
    forms.host: Form(words="a host name", schema=_TEXT),
    forms.authority: Form(words="a host name, with or without a port", schema=_TEXT),
    forms.issuer: Form(words="a URL", schema=_URL),
    forms.cookie_name: Form(words="letters, digits and `-` or `_`", schema=_TEXT),
    forms.cookie_domain: Form(words="a domain with a dot in it", schema=_TEXT),
    forms.logout_uri: Form(words="a URL, or a path", schema={"type": "string", "pattern": r"^\s*(/|https?://)"}),
    secrets.key_of_32_bytes: Form(
        words="base64 of 32 bytes", schema={"type": "string", "pattern": "^[A-Za-z0-9+/]{43}=$"}
    ),
    secrets.password: Form(words="a string", schema=_TEXT),
    secrets.admin_token: Form(
        words="at least 32 characters, without a space", schema={"type": "string", "minLength": 32}
    ),
    secrets.signing_keys: Form(words="PEM, or base64 of it", schema=_TEXT),
    secrets.certificates: Form(words="PEM, or base64 of it", schema=_TEXT),
    secrets.revocation_lists: Form(words="PEM, or base64 of it", schema=_TEXT),
    secrets.private_key: Form(words="PEM, or base64 of it", schema=_TEXT),
}
_PROVIDERS = tuple(sorted(PROVIDER_TYPES))
_FORMS |= {
    answer_forms.body: Form(words="a string", schema={"type": "string"}),
    answer_forms.path_and_query: Form(words="a path, with a query or without", schema=_PATH),
    answer_forms.redirecting_status: Form(
        words="`301`, `302`, `303`, `307` or `308`", schema={"type": ["integer", "string"]}
    ),
    forms.colour: Form(words="a colour: `#6f43e7`", schema={"type": "string", "pattern": r"^\s*#"}),
    forms.header_name: Form(words="a header", schema=_TEXT),
    header_forms.header_text: Form(words="a string", schema={"type": "string"}),
    header_forms.underscores: Form(
        words="`reject`, `drop` or `allow`",
        schema={"type": "string", "pattern": any_case(("reject", "reject_request", "drop", "drop_header", "allow"))},
    ),
    forms.image_url: Form(words="a URL with `https:` or `data:`", schema={"type": "string"}),
    forms.signature_algorithm: Form(words="`RS256`, `ES256` or the like", schema=_TEXT),
    networks.networks: Form(words="a list of addresses and networks, or one string with commas", schema=_LIST),
    path_forms.expression: Form(words="a regular expression of RE2", schema=_TEXT),
    path_forms.path_to_send: Form(words="a path, beginning with a slash", schema=_PATH),
    path_forms.substitution: Form(words="a string, with `\\1` for the first group", schema={"type": "string"}),
    program_forms.dependencies: Form(words="a list of hosts, or one string with commas", schema=_LIST),
    program_forms.redirect_domains: Form(words="a list of hosts, or one string with commas", schema=_LIST),
    provider_section.provider_type: Form(
        words=", ".join(f"`{name}`" for name in _PROVIDERS),
        schema={"anyOf": [{"enum": list(_PROVIDERS)}, {"type": "string", "pattern": any_case(_PROVIDERS)}]},
    ),
    provider_section.revocation_mode: Form(
        words="`each`, `last_session` or `off`",
        schema={
            "anyOf": [
                {"enum": ["each", "last_session", "off", False]},
                {"type": "string", "pattern": any_case(("each", "last_session", "off"))},
            ]
        },
    ),
    values.route_origin: Form(words="a URL without a path, `*` in its host for any characters", schema=_URL),
}
FILE = Form(words="the name of a file", schema=_TEXT)
SECTIONS = "a list of mappings"
SECTION = "a mapping, or one as JSON"


def form_of(reader: Reader | None, kind: object) -> Form:
    """
    How a value may be written that *reader* makes something of the type *kind* of.
    """
    if isinstance(reader, WholeNumber):
        bounds: Schema = {"type": "integer", "minimum": reader.least, "maximum": reader.most}
        return Form(
            words=f"a whole number from {reader.least} to {reader.most}",
            schema={"anyOf": [bounds, {"type": "string", "pattern": r"^\s*\d+\s*$"}]},
        )
    found = _FORMS.get(reader)
    if found is not None:
        return found
    words = _choices(kind)
    if words:
        choice: Schema = {"anyOf": [{"enum": list(words)}, {"type": "string", "pattern": any_case(words)}]}
        return Form(
            words=", ".join(f"`{word}`" for word in words[:-1]) + " or " * (len(words) > 1) + f"`{words[-1]}`",
            schema=choice,
        )
    # What is read by a function that is not listed may be written in ways that its result does not tell.
    schema = {} if reader is not None else _plain(kind)
    return Form(words=_said_by(reader) or _kind_words(kind), schema=schema)


def _choices(kind: object) -> tuple[str, ...]:
    if get_origin(kind) is Literal:
        return tuple(str(choice) for choice in get_args(kind))
    return ()


def _said_by(reader: Reader | None) -> str:
    """
    The first sentence of a reader's docstring, unless that only names the key that it is for.
    """
    first = (inspect.getdoc(reader) or "").partition("\n\n")[0].replace("\n", " ")
    if reader is None or (first.startswith("``") and first.endswith("``.")):
        return ""
    sentence = first.removesuffix(".").replace("``", "`")
    return sentence[:1].lower() + sentence[1:] if sentence[1:2].islower() or sentence[1:2] == " " else sentence


def _plain(kind: Any) -> Schema:
    types = {bool: "boolean", int: "integer", float: "number", str: "string"}
    if kind in types:
        return {"type": types[kind]}
    if get_origin(kind) in (tuple, list):
        return {"type": "array"}
    return {"type": "object"} if _is_mapping(kind) else {}


def _kind_words(kind: Any) -> str:
    if kind is timedelta:
        return "a duration: `30s`, `5m`, `1h30m`"
    if get_origin(kind) in (tuple, list):
        return "a list"
    if _is_mapping(kind):
        return "a mapping"
    return {bool: "`true` or `false`", int: "a whole number", float: "a number"}.get(kind, "a string")


def _is_mapping(kind: object) -> bool:
    origin = get_origin(kind)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def without_none(kind: Any) -> tuple[Any, bool]:
    """
    A type without the None among its choices, and whether there was one.
    """
    if get_origin(kind) is Union or type(kind).__name__ == "UnionType":
        choices = [choice for choice in get_args(kind) if choice is not type(None)]
        if len(choices) == 1:
            return choices[0], True
    return kind, False
