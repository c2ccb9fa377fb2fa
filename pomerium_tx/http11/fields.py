"""
Which fields are not simply copied.

RFC 9110 section 7.6.1 names the hop-by-hop fields, RFC 7540 section 3.2.1 one more. A name is *reserved* when an
application might mistake it for one that we set: many servers fold names to the form of a CGI variable (RFC 3875
section 4.1.18), where ``-``, ``.`` and ``_`` are one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"http2-settings",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
"""
Never forwarded, whatever Connection says.
"""

_FOLD = bytes(ord(chr(octet).upper()) if octet < 128 and chr(octet).isalnum() else 0x5F for octet in range(256))
_ODD_BEGINNINGS = (b"_", b"HTTP_")
_OURS = b"X_POMERIUM_"


def folded(name: bytes) -> bytes:
    """
    *name* as the most careless of servers sees it that make variables of field names.

    Upper case, all but letters and digits one ``_``, whatever their number, and without the ``HTTP_`` that such a
    server puts before it.
    """
    variable = name.translate(_FOLD)
    if b"__" in variable or variable.startswith(_ODD_BEGINNINGS) or variable.endswith(b"_"):
        variable = re.sub(b"_+", b"_", variable).strip(b"_")
        while variable.startswith(b"HTTP_"):
            variable = variable[len(b"HTTP_") :]
    return variable


class ReservedNames:
    """
    The names that only we may set, in every spelling: ``X-Pomerium-*`` and those given.
    """

    __slots__ = ("_folded",)

    def __init__(self, names: Iterable[bytes]) -> None:
        self._folded = frozenset(folded(name) for name in names)

    def __contains__(self, lower_name: bytes) -> bool:
        name = folded(lower_name)
        return name.startswith(_OURS) or name in self._folded
