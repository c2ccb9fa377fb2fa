"""
Cookie fields: what is taken out of them, and what is written.
"""

from __future__ import annotations

import re

from pomerium_tx.web.cookies import (
    MAX_BYTES,
    clear_cookie,
    cookie_pairs,
    cookie_values,
    family_pairs,
    is_reserved_cookie,
    set_cookie,
    without,
)
from tests.fuzz.ways import lines_of

NAME = b"_pomerium"
_FIT = re.compile(rb"[\t -~\x80-\xff]*")


def _is_ours(name: bytes) -> bool:
    return is_reserved_cookie(name, NAME)


def _may_be_ours(name: bytes, value: bytes) -> bool:
    # What has no name is read as a name by some, and then it has no value.
    return _is_ours(name) or (not name and b"=" not in value and _is_ours(value))


def check_cookies(octets: bytes) -> None:
    """
    Every cookie of ours is taken out of a field, and every other one stays as it is, in order.
    """
    header = octets.strip(b" \t")
    if not _FIT.fullmatch(header):
        return
    pairs = cookie_pairs(header)
    assert all(header.find(name) >= 0 and header.find(value) >= 0 for name, value in pairs)
    kept = without(header, _is_ours)
    others = [pair for pair in pairs if not _is_ours(pair[0])]
    left = cookie_pairs(kept) if kept else []
    assert [pair for pair in left if not _may_be_ours(*pair)] == [pair for pair in others if not _may_be_ours(*pair)], (
        kept,
        others,
    )
    assert not [name for name, _ in left if _is_ours(name)], kept
    if kept is not None:
        assert without(kept, _is_ours) == kept
    assert cookie_values([header], NAME) == [value for name, value in pairs if name == NAME]
    family = family_pairs([header, header], NAME)
    assert len(family) % 2 == 0 and all(_is_ours(name) for name, _ in family), family


def check_set_cookie(octets: bytes) -> None:
    """
    A name, a value, a path and a domain, on a line each: a `ValueError`, or a field in which each stands where it was
    meant to, and which comes back as the same name and value.
    """
    name, value, path, domain = (part.decode("latin-1") for part in lines_of(octets, 4))
    try:
        written = set_cookie(name, value, path=path or "/", domain=domain or None, same_site="lax", max_age=5)
        cleared = clear_cookie(name, path=path or "/", domain=domain or None, same_site="lax")
    except ValueError:
        return
    assert len(name) + len(value) <= MAX_BYTES
    for text, wanted in ((written, value), (cleared, "")):
        assert _FIT.fullmatch(text.encode("latin-1")), text
        first, *attributes = text.split("; ")
        assert cookie_pairs(first.encode("latin-1")) == [(name.encode(), wanted.encode())], text
        known = ("Path=", "Domain=", "Max-Age=", "Expires=", "Secure", "HttpOnly", "SameSite=")
        assert len(attributes) == len({each.partition("=")[0] for each in attributes}), text
        assert all(each.startswith(known) for each in attributes), text
        assert ";" not in "".join((first, *attributes)), text
