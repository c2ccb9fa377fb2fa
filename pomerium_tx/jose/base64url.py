"""
Base64url without padding, RFC 7515 section 2, in its one canonical spelling.
"""

from __future__ import annotations

import base64
import binascii


def encode(raw: bytes) -> str:
    """
    *raw* in base64url, unpadded.
    """
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """
    The bytes that *text* spells.

    :raises ValueError: If another spelling would be the right one: padding, white space, other alphabets, bits
        left over. A signed token must have one spelling, or a list of used ones proves nothing.
    """
    try:
        raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (binascii.Error, UnicodeError):
        raise ValueError("not base64url") from None
    if encode(raw) != text:
        raise ValueError("not canonical base64url")
    return raw
