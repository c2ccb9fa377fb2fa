"""
What the keys of a route may hold that are about its paths.
"""

from __future__ import annotations

import re

from pomerium_tx.config.forms import general as forms
from pomerium_tx.config.forms import values
from pomerium_tx.config.forms.expressions import Expression

_SENT = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/\[\]-]|%[0-9A-Fa-f]{2})*")


def expression(value: object) -> str:
    """
    A regular expression.
    """
    if not isinstance(value, str) or not value:
        raise ValueError("must be a regular expression; put it in quotes")
    Expression(value)
    return value


def substitution(value: object) -> str:
    """
    What takes the place of a match. Whether it fits its pattern is for the rules.
    """
    if not isinstance(value, str):
        raise ValueError(f"must be a string, not {values.kind(value)}; put it in quotes")
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("must not contain spaces, control characters or anything outside ASCII")
    return value


def order(value: object) -> int:
    """
    A whole number.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("must be a whole number")
    return value


def path_to_send(value: object) -> str:
    """
    The beginning of a path that an application gets.
    """
    written = forms.text(value)
    if not written.startswith("/"):
        raise ValueError("must begin with a slash")
    if "//" in written:
        raise ValueError("must not have two slashes in a row")
    if not _SENT.fullmatch(written):
        raise ValueError("must be a path only: no query, no fragment, and what is no path character as %XX")
    if any(segment in (".", "..") for segment in written.split("/")):
        raise ValueError("must not contain the segments . and ..")
    if re.search(r"(?i)%(?:2E|2F|5C|[01].|7F)", written):
        raise ValueError("must not contain an escaped slash, backslash, dot or control character")
    return written
