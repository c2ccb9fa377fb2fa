"""
``docs/configuration.md``: every key there is, from the model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from pomerium_tx.config.told.described import Described, Key, described
from pomerium_tx.config.told.unsupported import KeyClass, KnownKey
from pomerium_tx.config.told.written_forms import SECTIONS

_HEAD = """\
# Configuration

<!-- Made by `make docs` from pomerium_tx/config; a change here would be lost. -->

One file, `config.yaml` (or `.json`, `.toml`), with Pomerium's keys and Pomerium's meanings. Keys that Pomerium does
not have are marked **ours**. What Pomerium has and this does not stands [at the end](#what-is-ignored-or-refused):
ignored with a warning where nobody gets in by it, else refused with what to do instead. An unknown key is refused.

**Values.** Durations are written `30s`, `5m`, `1h30m`. A list may be one string with commas, a mapping may be JSON.
`true` and `false` may be quoted. A key without a value, or with an empty string, is as if it were not there; one that
says who may pass must have one.

**Environment.** Every key outside of routes can be set by a variable of its name in capitals (`COOKIE_EXPIRE=8h`),
which wins over the file. `ROUTES`, `POLICY` and `CERTIFICATES` are base64 of a YAML list, or one that begins with `[`.
An empty variable sets nothing. Where the environment says everything, the file is `/dev/null`.

**Files.** A key that ends in `_file` names a file that holds the value, and wins over the key without it. Use them for
secrets, and let nobody else read them.

**Reload.** SIGHUP (`systemctl reload`) reads everything again and puts it in force in one turn; whoever is not admitted
any more is cut. Keys marked **restart** wait for one, and the log says so.

**Editors.** `pomerium-tx schema > config.schema.json` writes a JSON Schema; with this line at the top of `config.yaml`,
editors that know yaml-language-server complete and check while you type:

```yaml
# yaml-language-server: $schema=config.schema.json
```
"""
_TITLES = {"Config": "Outside of routes", "RouteSection": "In a route"}
_CLASSES = {KeyClass.IGNORED: "ignored", KeyClass.REFUSED: "refused"}


def configuration_page() -> str:
    """
    The whole page, in Markdown.
    """
    sections = described()
    titles = _titles(sections)
    parts = [_HEAD, _contents(sections, titles)]
    for section in sections:
        parts += _section(section, titles[section.name])
    parts += [_OTHERS_HEAD]
    for section in sections:
        rows = _others(section)
        if rows:
            title = f"{titles[section.name]}, not supported"
            parts.append(f"### {title}\n\n| key | | why, and what to do |\n|---|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def _titles(sections: Sequence[Described]) -> dict[str, str]:
    """
    What each kind of mapping is called: by the keys that hold one.
    """
    holders: dict[str, dict[str, None]] = {}
    for section in sections:
        for key in section.keys:
            if key.section:
                words = f"one of `{key.name}`" if key.form.words == SECTIONS else f"`{key.name}`"
                holders.setdefault(key.section, {})[words] = None
    return {name: f"In {' and '.join(words)}" for name, words in holders.items()} | _TITLES


def _contents(sections: Sequence[Described], titles: Mapping[str, str]) -> str:
    lines = ["## Contents\n"]
    for section in sections:
        groups = [group for group in dict.fromkeys(key.group for key in section.keys) if group]
        links = f": {', '.join(map(_link, groups))}" if groups else ""
        lines.append(f"* {_link(titles[section.name])}{links}")
    return "\n".join([*lines, f"* {_link(_OTHERS_TITLE)}\n"])


def _link(heading: str) -> str:
    """
    A link to a heading, as GitHub and others make their anchors.
    """
    anchor = re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-")
    return f"[{heading}](#{anchor})"


_OTHERS_TITLE = "What is ignored or refused"
_OTHERS_HEAD = f"""\
## {_OTHERS_TITLE}

These keys of Pomerium's.
With a value that asks for what happens anyway, such as `false` or nothing, each passes without a word.
"""


def _section(section: Described, title: str) -> Iterator[str]:
    yield f"## {title}\n"
    for group, keys in groupby(section.keys, key=lambda key: key.group):
        if group:
            yield f"### {group}\n"
        for key in keys:
            yield f"#### `{key.name}`\n"
            yield f"{_facts(key)}\n"
            if key.description:
                yield f"{key.description}\n"


def _facts(key: Key) -> str:
    facts = [f"{key.form.words[:1].upper()}{key.form.words[1:]}"]
    if key.is_required:
        facts.append("**required**")
    elif key.default:
        facts.append("random unless set" if key.default == "random" else f"default `{key.default}`")
    if key.environment:
        facts.append(f"`{key.environment}`")
    if key.needs_restart:
        facts.append("**restart**")
    if key.is_ours:
        facts.append("**ours**")
    return " · ".join(facts)


def _others(section: Described) -> list[str]:
    names = {key.name for key in section.keys}
    found: Mapping[str, KnownKey] = {
        **{name: known for name, known in section.others.items() if name not in names},
        **{f"{prefix}...": known for prefix, known in section.other_families.items()},
    }
    return [
        f"| `{name}` | {_CLASSES[known.key_class]} | {_reason(known)}{_exceptions(known)} |"
        for name, known in sorted(found.items())
    ]


def _reason(known: KnownKey) -> str:
    reason = known.words.partition(": ")[2] or known.words
    return reason.replace("|", "\\|")


def _exceptions(known: KnownKey) -> str:
    """
    The values that pass, where they are not just a way of saying no.
    """
    told = [value for value in known.harmless if isinstance(value, str) and value not in ("", "0", "false", "true")]
    return f" (passes: {', '.join(f'`{value}`' for value in told)})" if told else ""
