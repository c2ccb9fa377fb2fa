"""
URLs that carry their own signature, in Pomerium's format.

A signature says that we made the URL a few minutes ago, and nothing about who presents it.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable
from functools import lru_cache
from operator import itemgetter
from urllib.parse import parse_qsl, quote_plus

LIFETIME = 300
LEEWAY = 60
MAX_PARAMETERS = 100

ISSUED = "pomerium_issued"
EXPIRY = "pomerium_expiry"
SIGNATURE = "pomerium_signature"

# 32 octets, padded. Compared as text, so that a second spelling of the same octets is no signature.
_BASE64 = re.compile(r"[A-Za-z0-9_-]{43}=")
_SECONDS = re.compile(r"[0-9]{1,15}")

_ESCAPES = {octet: quote_plus(chr(octet)) for octet in range(128)}

_NAME = itemgetter(0)

_Pairs = list[tuple[str, str]]


class InvalidSignature(Exception):
    """
    The URL was not signed by us, or not recently.
    """

    def __init__(self, reason: str) -> None:
        """
        :param reason: Safe to show and to log.
        """
        super().__init__(reason)
        self.reason = reason


class UrlSigner:
    """
    Signs and verifies absolute URLs with one shared key.
    """

    def __init__(self, key: bytes) -> None:
        if not key:
            raise ValueError("An empty key signs for everybody.")
        self._mac = hmac.new(key, digestmod="sha512_256")

    def sign(self, url: str, now: float, lifetime: int = LIFETIME) -> str:
        """
        The URL, with its parameters sorted, two times and a signature added.

        :param lifetime: Seconds.
        :raises ValueError: If the URL has a fragment, which no server would see again.
        """
        base, pairs = _taken_apart(url)
        return self.sign_parameters(base, pairs, now, lifetime)

    def sign_parameters(self, base: str, pairs: Iterable[tuple[str, str]], now: float, lifetime: int = LIFETIME) -> str:
        """
        The URL that `sign` makes of *base* with these parameters.

        :param base: Without a query.
        """
        issued, expiry = str(int(now)), str(int(now) + lifetime)
        kept = [pair for pair in pairs if pair[0] not in (ISSUED, EXPIRY, SIGNATURE)]
        encoded = _encoded([*kept, (ISSUED, issued), (EXPIRY, expiry)])
        signature = self._signature(_joined(base, encoded), issued, expiry)
        return _joined(base, [*encoded, *_encoded([(SIGNATURE, signature)])])

    def verify(self, url: str, now: float) -> None:
        """
        Return, if we signed this URL within its lifetime; the order of its parameters does not matter.

        :raises InvalidSignature: If not, whatever the URL holds.
        """
        try:
            base, pairs = _taken_apart(url)
            signature = _only(pairs, SIGNATURE, _BASE64)
            issued = _only(pairs, ISSUED, _SECONDS)
            expiry = _only(pairs, EXPIRY, _SECONDS)
            if now - LEEWAY > int(expiry):
                raise InvalidSignature("The link has expired.")
            if now + LEEWAY < int(issued):
                raise InvalidSignature("The link is from the future.")
            unsigned = _put_together(base, [pair for pair in pairs if pair[0] != SIGNATURE])
            expected = self._signature(unsigned, issued, expiry)
        except ValueError:
            raise InvalidSignature("The link is malformed.") from None
        if not hmac.compare_digest(expected, signature):
            raise InvalidSignature("The link's signature does not match.")

    def _signature(self, url: str, issued: str, expiry: str) -> str:
        mac = self._mac.copy()
        mac.update(f"{url}{issued} {expiry}".encode())
        return base64.urlsafe_b64encode(mac.digest()).decode("ascii")


def _taken_apart(url: str) -> tuple[str, _Pairs]:
    if "#" in url:
        raise ValueError("A signed URL has no fragment.")
    base, _, query = url.partition("?")
    # Octets that are no UTF-8 must come out as they went in.
    return base, parse_qsl(query, keep_blank_values=True, errors="surrogateescape", max_num_fields=MAX_PARAMETERS)


def _put_together(base: str, pairs: _Pairs) -> str:
    return _joined(base, _encoded(pairs))


def _encoded(pairs: _Pairs) -> _Pairs:
    """
    Each name, and the parameter as it is written.
    """
    return [(name, f"{_quoted_often(name)}={_quoted(value)}") for name, value in pairs]


def _joined(base: str, encoded: _Pairs) -> str:
    # Sorted by name only: the values of a repeated parameter keep their order.
    in_order = sorted(encoded, key=_NAME)
    return f"{base}?{'&'.join([parameter for _, parameter in in_order])}"


def _quoted(text: str) -> str:
    # What `quote_plus` makes of it, at a fifth of the price where all of it is ASCII [measured].
    return text.translate(_ESCAPES) if text.isascii() else quote_plus(text, errors="surrogateescape")


# The same few names again and again.
_quoted_often = lru_cache(64)(_quoted)


def _only(pairs: _Pairs, name: str, form: re.Pattern[str]) -> str:
    values = [value for key, value in pairs if key == name]
    if len(values) != 1:
        raise InvalidSignature("The link is not signed." if not values else "The link is signed twice.")
    if not form.fullmatch(values[0]):
        raise InvalidSignature("The link is malformed.")
    return values[0]
