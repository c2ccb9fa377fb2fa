"""
Values of headers in which something of the request or its person is named: ``Bearer ${pomerium.access_token}``.

Pomerium's grammar: ``$$`` is a dollar sign; ``$a.b`` and ``${a.b}``, where white space may stand between the parts and
``["b"]`` for ``.b``, are what has that name. A ``$`` before anything else is a dollar sign too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = r"[A-Za-z0-9_-]++"
_STRING = r'"(?:\\.|[^"\\])*+"'
_GAP = r"[ \t]*+"
_REFERENCE = re.compile(
    rf"\$(?:(?P<dollar>\$)"
    rf"|\{{{_GAP}(?P<braced>{_NAME}(?:{_GAP}(?:\.{_GAP}{_NAME}|\[{_GAP}{_STRING}{_GAP}\]))*+){_GAP}\}}"
    rf"|(?P<plain>{_NAME}(?:\.{_NAME})*+)(?!\.))",
    re.DOTALL,
)
_PART = re.compile(rf"(?P<name>{_NAME})|(?P<string>{_STRING})")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)

Reference = tuple[str, ...]
"""
The parts of a name.
"""

KNOWN = frozenset(
    ("access_token", "id_token", "jwt", "client_cert_fingerprint", "client_cert_san_dns", "client_cert_san_email")
)
"""
What ``pomerium`` has, besides ``request.headers``.
"""


@dataclass(frozen=True, slots=True)
class Template:
    """
    Such a value, taken apart.
    """

    parts: tuple[str | Reference, ...]

    @classmethod
    def of(cls, text: str) -> Template:
        """
        The template that *text* is.
        """
        parts: list[str | Reference] = []
        plain, position = "", 0
        for found in _REFERENCE.finditer(text):
            plain += text[position : found.start()]
            position = found.end()
            if found["dollar"]:
                plain += "$"
                continue
            if plain:
                parts.append(plain)
                plain = ""
            parts.append(tuple(map(_part, _PART.finditer(found["braced"] or found["plain"]))))
        plain += text[position:]
        if plain:
            parts.append(plain)
        return cls(tuple(parts))

    @property
    def literal(self) -> str | None:
        """
        The value, if nothing is named in it.
        """
        if all(isinstance(part, str) for part in self.parts):
            return "".join(part for part in self.parts if isinstance(part, str))
        return None

    @property
    def named(self) -> tuple[str, ...]:
        """
        All that is named in it.
        """
        return tuple(".".join(part) for part in self.parts if not isinstance(part, str))

    @property
    def unknown(self) -> tuple[str, ...]:
        """
        What is named in it that nothing has.
        """
        return tuple(".".join(part) for part in self.parts if not isinstance(part, str) and not is_known(part))


def header_of(reference: Reference) -> str | None:
    """
    The request header that is named, if it is one.
    """
    return reference[3] if len(reference) == 4 and reference[:3] == ("pomerium", "request", "headers") else None


def is_known(reference: Reference) -> bool:
    """
    Whether something has that name.
    """
    if header_of(reference) is not None:
        return True
    return len(reference) == 2 and reference[0] == "pomerium" and reference[1] in KNOWN


def _part(found: re.Match[str]) -> str:
    return found["name"] if found["string"] is None else _ESCAPED.sub(r"\1", found["string"][1:-1])
