"""
The environment's word about the configuration: every key in capitals, and it wins over the file.

What only the environment does: ``ROUTES`` and ``POLICY`` are base64 of a YAML list, ``HEADERS`` is an older name of
``SET_RESPONSE_HEADERS``, and the keys of ``downstream_mtls`` have variables of their own, such as
``DOWNSTREAM_MTLS_CA_FILE``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from pomerium_tx.config.document import HALF_A_CHARACTER, Document, read_yaml
from pomerium_tx.config.keys.client_certificates import DownstreamMtls
from pomerium_tx.config.model import Config
from pomerium_tx.config.problems import InvalidConfig, Problem
from pomerium_tx.config.told.unsupported import ROOT_KEYS

_LISTS_OF_SECTIONS = ("routes", "policy", "certificates")
_SECTIONS = {"downstream_mtls": DownstreamMtls}
_INSIDE = {
    f"{section}_{name}": (section, name)
    for section, kind in _SECTIONS.items()
    for name in kind.model_fields
    if name != "match_subject_alt_names"
}
_OLDER_NAMES = {"HEADERS": "set_response_headers"}


def read_environment(environ: Mapping[str, str]) -> tuple[dict[str, Document], list[Problem]]:
    """
    For each key that the environment sets a document with it, and what could not be read. A key in a section is written
    with a dot.

    An empty variable sets nothing, as Pomerium has it.
    """
    documents: dict[str, Document] = {}
    problems: list[Problem] = []
    # Older names last: they give way to the newer one.
    for variable in sorted(environ, key=lambda name: (name in _OLDER_NAMES, name)):
        text = environ[variable]
        key = _OLDER_NAMES.get(variable, variable.lower())
        if HALF_A_CHARACTER.search(text) and variable == variable.upper() and (key in _INSIDE or _is_ours(key)):
            # So Python shows octets that are no UTF-8.
            problems.append(Problem(file=f"${variable}", line=None, key=key, message="is not UTF-8 text"))
            continue
        if key in _INSIDE and variable == variable.upper() and text.strip():
            section, name = _INSIDE[key]
            documents[f"{section}.{name}"] = Document(file=f"${variable}", values={name: text})
            continue
        if variable != variable.upper() or not text.strip() or not _is_ours(key) or key in documents:
            continue
        file = f"${variable}"
        if key not in _LISTS_OF_SECTIONS:
            documents[key] = Document(file=file, values={key: text})
            continue
        try:
            documents[key] = _sections(key, text, file)
        except InvalidConfig as invalid:
            problems.extend(invalid.problems)
    return documents, problems


def overridden(written: Mapping[str, object], said: Mapping[str, Document]) -> dict[str, object]:
    """
    What stood in the file, with what the environment has *said* in its place.
    """
    values = dict(written) | {key: document.values[key] for key, document in said.items() if "." not in key}
    for name, section in _SECTIONS.items():
        inside = {key.partition(".")[2]: document for key, document in said.items() if key.startswith(f"{name}.")}
        before = values.get(name)
        if not inside or not isinstance(before, dict | None):
            continue
        merged = dict(before or {})
        for key, file_key in section.files.items():
            if key in inside or file_key in inside:
                merged.pop(key, None)
                merged.pop(file_key, None)
        values[name] = merged | {key: document.values[key] for key, document in inside.items()}
    return values


def _is_ours(key: str) -> bool:
    # Families of keys are not looked for: SSH_AUTH_SOCK and OTEL_SERVICE_NAME are not about us.
    return key in Config.model_fields or key in ROOT_KEYS


def _sections(key: str, text: str, file: str) -> Document:
    if text.lstrip().startswith("["):
        content = text
    else:
        try:
            content = base64.b64decode("".join(text.split()), validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            message = "must be base64 of a YAML list"
            raise InvalidConfig([Problem(file=file, line=None, key=key, message=message)]) from None
    value, lines = read_yaml(content, file, (key,))
    return Document(file=file, values={key: value}, lines=lines)
