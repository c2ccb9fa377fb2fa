"""
The Pomerium Policy Language for editors, as JSON Schema 2020-12.

It marks what stands on a wrong level or has no known name. Whether a matcher makes sense is said when the file is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from pomerium_tx.config.policy.criteria import FORMS
from pomerium_tx.config.policy.rules import Action, Operator

_CRITERION: Mapping[str, object] = {
    "type": "object",
    "properties": {name: {} for name, form in FORMS.items() if not form.has_path},
    "patternProperties": {f"^{name}/.": {} for name, form in FORMS.items() if form.has_path},
    "additionalProperties": False,
}
_BODY: Mapping[str, object] = {
    "type": "object",
    "properties": {"action": {}, **{name: {"type": "array", "items": _CRITERION} for name in get_args(Operator)}},
    "additionalProperties": False,
}
_RULES: Mapping[str, object] = {
    "type": "object",
    "properties": dict.fromkeys(get_args(Action), _BODY),
    "additionalProperties": False,
}
POLICY: dict[str, object] = {"anyOf": [_RULES, {"type": "array", "items": _RULES}, {"type": "string"}]}
"""
What may stand below ``policy``.
"""
