"""
The environment's word about the configuration: every key in capitals, and it wins over the file.

What only the environment does: ``ROUTES`` and ``POLICY`` are base64 of a YAML list, ``HEADERS`` is an older name of
``SET_RESPONSE_HEADERS``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from pomerium_tx.config.document import Document, read_yaml
from pomerium_tx.config.keys import ROOT_KEYS
from pomerium_tx.config.model import Config
from pomerium_tx.config.problems import InvalidConfig, Problem

_LISTS_OF_SECTIONS = ("routes", "policy", "certificates")
_OLDER_NAMES = {"HEADERS": "set_response_headers"}


def read_environment(environ: Mapping[str, str]) -> tuple[dict[str, Document], list[Problem]]:
    """
    For each key that the environment sets a document with it, and what could not be read.

    An empty variable sets nothing, as Pomerium has it.
    """
    documents: dict[str, Document] = {}
    problems: list[Problem] = []
    # Older names last: they give way to the newer one.
    for variable in sorted(environ, key=lambda name: (name in _OLDER_NAMES, name)):
        text = environ[variable]
        key = _OLDER_NAMES.get(variable, variable.lower())
        # Families of keys are not looked for: SSH_AUTH_SOCK and OTEL_SERVICE_NAME are not about us.
        is_ours = key in Config.model_fields or key in ROOT_KEYS
        if variable != variable.upper() or not text.strip() or not is_ours or key in documents:
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
