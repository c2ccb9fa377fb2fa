"""
The matcher of the Pomerium Policy Language for client certificates, as it is written.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from pomerium_tx.config.document import KeyPath
from pomerium_tx.config.forms import values
from pomerium_tx.config.policy.matchers import Complain, Conditions, Read, string_matcher
from pomerium_tx.config.suggestion import suggestion

_LONG = re.compile(r"[0-9A-F]{2}(?::[0-9A-F]{2}){31}")
_SHORT = re.compile(r"[0-9a-f]{64}")
_HASH_BYTES = 32
_FINGERPRINT = "fingerprint"
_SPKI_HASH = "spki_hash"
NAMES = ("san_email", "san_dns", "san_uri")


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateMatcher:
    """
    Which client certificates are meant: all that is said must hold. None: nothing is said.
    """

    fingerprints: tuple[str, ...] | None = None
    """
    SHA-256 of the certificate, in lower-case hexadecimal digits.
    """
    spki_hashes: tuple[str, ...] | None = None
    """
    SHA-256 of its public key, in base64.
    """
    names: tuple[tuple[str, Conditions], ...] = ()
    """
    One of `NAMES`, and what some name of that kind must be.
    """


def certificate_matcher(value: object, at: KeyPath, complain: Complain) -> CertificateMatcher:
    """
    A mapping with some of ``fingerprint``, ``spki_hash``, ``san_email``, ``san_dns`` and ``san_uri``.
    """
    known = (_FINGERPRINT, _SPKI_HASH, *NAMES)
    if not isinstance(value, dict):
        complain(at, f"must be a mapping with {', '.join(known)}, not {values.kind(value)}")
        return CertificateMatcher()
    if not value:
        complain(at, f"means any certificate, trusted or not; write one of {', '.join(known)}")
    for name in value:
        if name not in known:
            complain((*at, str(name)), f"is not one of {', '.join(known)}{suggestion(str(name), known)}")
    return CertificateMatcher(
        fingerprints=_several(value, _FINGERPRINT, at, complain, _fingerprint),
        spki_hashes=_several(value, _SPKI_HASH, at, complain, _spki_hash),
        names=tuple((name, string_matcher(value[name], (*at, name), complain)) for name in NAMES if name in value),
    )


def _several(
    written: dict[str, object], name: str, at: KeyPath, complain: Complain, read: Read
) -> tuple[str, ...] | None:
    if name not in written:
        return None
    value, here = written[name], (*at, name)
    if isinstance(value, list | tuple):
        if not value:
            complain(here, "is empty, so that no certificate would match")
        return tuple(str(read(item, (*here, index), complain)) for index, item in enumerate(value))
    return (str(read(value, here, complain)),)


def _fingerprint(value: object, at: KeyPath, complain: Complain) -> str:
    if isinstance(value, str):
        if _SHORT.fullmatch(value):
            return value
        if _LONG.fullmatch(value):
            return value.replace(":", "").lower()
    complain(at, "must be SHA-256 as 64 lower-case hexadecimal digits, or as 32 upper-case pairs with colons between")
    return ""


def _spki_hash(value: object, at: KeyPath, complain: Complain) -> str:
    try:
        if isinstance(value, str) and len(base64.b64decode(value, validate=True)) == _HASH_BYTES:
            return value
    except (binascii.Error, ValueError):
        pass
    complain(at, "must be base64 of the SHA-256 of a public key")
    return ""
