"""
What a session keeps and is seldom asked for, in as few bytes as may be.

Most of a session in memory is its tokens and claims, and most sessions are asleep. They are kept as one compressed
line of JSON each; what it takes to read them again is a dozen microseconds, once a minute for those that are in use.
"""

from __future__ import annotations

import json
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

AWAKE: Final = 1_024
"""
Of so many sessions what was asked last is at hand: a policy about claims asks with every request.
"""
# What claims and tokens have in common: a text that the compressor knows beforehand, its most frequent end last.
_KNOWN: Final = (
    b'"updated_at":["phone_number":["website":["profile":["picture":["https://zoneinfo":["locale":["en"],"roles":['
    b'"groups":["preferred_username":["given_name":["family_name":["email_verified":[true],"hd":["tid":["oid":["'
    b'"acr":["amr":["name":["email":["@example.com"],"sub":["eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6I'
)
_WINDOW: Final = -12
"""
Raw deflate with 4 KiB of memory: there is seldom more to look back at.
"""
_encode: Final = json.JSONEncoder(separators=(",", ":")).encode


class Seldom(NamedTuple):
    """
    What is seldom asked for, but for the tokens.
    """

    name: str
    nonce: str | None
    authenticated: float
    id_token_iat: float
    claims: Mapping[str, tuple[object, ...]]


class Secrets(NamedTuple):
    """
    The tokens.
    """

    id_token: str
    access_token: str
    refresh_token: str | None
    access_token_expires: float | None
    id_token_expires: float | None


def pack(seldom: Seldom, secrets: Secrets) -> bytes:
    """
    All of it; claims are what JSON can say.
    """
    name, nonce, authenticated, id_token_iat, claims = seldom
    said = _encode([name, nonce, authenticated, id_token_iat, dict(claims)])
    *texts, access_token_expires, id_token_expires = secrets
    parts = [[] if text is None else _parts(text) for text in texts]
    form = [[len(part) if is_decoded else -len(part) for part, is_decoded in of_text] for of_text in parts]
    told = _encode([access_token_expires, id_token_expires, *form])
    compressor = zlib.compressobj(1, zlib.DEFLATED, _WINDOW, 8, zlib.Z_DEFAULT_STRATEGY, _KNOWN)
    # JSON as it is written here has no line break.
    plain = b"\n".join(
        (said.encode("ascii"), told.encode("ascii"), b"".join(part for each in parts for part, _ in each))
    )
    return compressor.compress(plain) + compressor.flush()


def seldom_in(packed: bytes) -> Seldom:
    """
    What was packed, but for the tokens.
    """
    said, _, _ = _opened(packed).partition(b"\n")
    name, nonce, authenticated, id_token_iat, claims = json.loads(said)
    by_name = MappingProxyType({claim: tuple(values) for claim, values in claims.items()})
    return Seldom(name, nonce, authenticated, id_token_iat, by_name)


class Awake:
    """
    What was packed, but for the tokens, of those that were asked last.
    """

    def __init__(self) -> None:
        self._opened: dict[str, tuple[bytes, Seldom]] = {}

    def __len__(self) -> int:
        return len(self._opened)

    def seldom_in(self, packed: bytes, name: str) -> Seldom:
        """
        The same as `seldom_in`.

        :param name: Whose it is; of each only what was asked last is kept.
        """
        opened = self._opened.get(name)
        if opened is not None and opened[0] is packed:
            return opened[1]
        seldom = seldom_in(packed)
        if opened is None and len(self._opened) >= AWAKE:
            del self._opened[next(iter(self._opened))]
        self._opened[name] = packed, seldom
        return seldom

    def forget(self, name: str) -> None:
        """
        Keep nothing of that one.
        """
        self._opened.pop(name, None)


def secrets_in(packed: bytes) -> Secrets:
    """
    The tokens that were packed.
    """
    _, told, octets = _opened(packed).split(b"\n", 2)
    access_token_expires, id_token_expires, *form = json.loads(told)
    texts: list[Any] = []
    for of_text in form:
        parts = []
        for length in of_text:
            part, octets = octets[: abs(length)], octets[abs(length) :]
            parts.append(_base64(part) if length >= 0 else part)
        texts.append(b".".join(parts).decode("utf-8", "surrogatepass") if parts else None)
    id_token, access_token, refresh_token = texts
    return Secrets(id_token, access_token, refresh_token, access_token_expires, id_token_expires)


def _parts(text: str) -> list[tuple[bytes, bool]]:
    """
    The parts of a token between its dots, and of each whether it is Base64 that was decoded, as in a JWT: what the
    claims say as well is found to be the same then.
    """
    found = []
    for part in text.encode("utf-8", "surrogatepass").split(b"."):
        try:
            decoded = urlsafe_b64decode(part + b"=" * (-len(part) % 4))
        except ValueError:
            decoded = b""
        is_decoded = _base64(decoded) == part
        found.append((decoded if is_decoded else part, is_decoded))
    return found


def _base64(octets: bytes) -> bytes:
    return urlsafe_b64encode(octets).rstrip(b"=")


def _opened(packed: bytes) -> bytes:
    return zlib.decompressobj(_WINDOW, _KNOWN).decompress(packed)
