"""
What the keys about headers of requests and answers may hold.
"""

from __future__ import annotations

import re

from pomerium_tx.config.forms import general as forms
from pomerium_tx.config.forms import values

_UNFIT = re.compile(r"[^\t\x20-\x7e\x80-\xff]")


def underscores(value: object) -> str:
    """
    ``headers_with_underscores_action``, with the longer names of two.
    """
    word = forms.lower(value).removeprefix("headers_with_underscores_action_")
    word = {"reject_request": "reject", "drop_header": "drop"}.get(word, word)
    if word not in ("reject", "drop", "allow"):
        raise ValueError("must be reject, drop or allow")
    return word


def header_text(value: object) -> str:
    """
    The beginning of a header's value.
    """
    if not isinstance(value, str):
        raise ValueError(f"must be a string, not {values.kind(value)}; put it in quotes")
    if _UNFIT.search(value):
        raise ValueError("contains a line break or another character that no header may have")
    return value
