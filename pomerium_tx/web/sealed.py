"""
Values that travel through the user agent and that only we can read: RFC 8439 encryption, one key per purpose.
"""

from __future__ import annotations

import base64
import os
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES = 12
_ALPHABET = re.compile(r"[A-Za-z0-9_-]*")


def purpose_key(key: bytes, purpose: str) -> bytes:
    """
    A key for one purpose only, so that what is made for one is worth nothing for another.
    """
    if not key:
        raise ValueError("An empty key keeps nothing secret.")
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"pomerium-tx " + purpose.encode()).derive(key)


def to_base64url(octets: bytes) -> str:
    """
    Base64url without padding.
    """
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def from_base64url(text: str) -> bytes | None:
    """
    The octets, or ``None`` if the text is not exactly how `to_base64url` would write them.
    """
    if not _ALPHABET.fullmatch(text) or len(text) % 4 == 1:
        return None
    octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return octets if to_base64url(octets) == text else None


class Sealer:
    """
    Seals and opens values under keys derived from one secret.
    """

    def __init__(self, key: bytes) -> None:
        if not key:
            raise ValueError("An empty key keeps nothing secret.")
        self._key = key
        self._ciphers: dict[str, ChaCha20Poly1305] = {}

    def seal(self, purpose: str, plaintext: bytes, *, associated: bytes = b"") -> str:
        """
        The plaintext, unreadable and unchangeable, as base64url without padding.

        :param purpose: A constant of the program: `open` must name the same.
        :param associated: What must be presented again at `open`, though it is not in the value.
        """
        nonce = os.urandom(_NONCE_BYTES)
        return to_base64url(nonce + self._cipher(purpose).encrypt(nonce, plaintext, associated))

    def open(self, purpose: str, value: str, *, associated: bytes = b"") -> bytes | None:
        """
        What was sealed, or ``None`` if it was not sealed by us for this.
        """
        octets = from_base64url(value)
        if octets is None or len(octets) <= _NONCE_BYTES:
            return None
        try:
            return self._cipher(purpose).decrypt(octets[:_NONCE_BYTES], octets[_NONCE_BYTES:], associated)
        except InvalidTag:
            return None

    def _cipher(self, purpose: str) -> ChaCha20Poly1305:
        cipher = self._ciphers.get(purpose)
        if cipher is None:
            cipher = self._ciphers[purpose] = ChaCha20Poly1305(purpose_key(self._key, f"sealed {purpose}"))
        return cipher
