"""
The fields in which the requests of one user agent differ: what it comes from, what it has already, which part it wants,
and the ids of traces. A head without them is mostly the same as the last one, and what is remembered of that is of use.
"""

from __future__ import annotations

import re

from pomerium_tx.http11.heads import Field

# By how they begin, since of most there is none.
_NAMES = {
    b"Referer": (b"Referer",),
    b"If-": (b"If-None-Match", b"If-Modified-Since", b"If-Range"),
    b"Range": (b"Range",),
    b"trace": (b"traceparent", b"tracestate"),
}
VARYING = frozenset(name.lower() for names in _NAMES.values() for name in names)
"""
Their names, in lower case: none has a part in how a message is read.
"""
# As every user agent writes them, behind another line. Two readers cannot differ on such a line.
_BEGINNINGS = tuple(
    (b"\r\n" + common, tuple((b"\r\n%b: " % name, name.lower(), name) for name in names))
    for common, names in _NAMES.items()
)
_VALUE = re.compile(rb"[!-~]++(?: ++[!-~]++)*+")


def without_varying(block: bytes) -> tuple[bytes, list[Field]]:
    """
    A *block* of lines without those of such fields, and these fields. What is not written as usual stays where it is.

    :param block: It ends with an empty line.
    """
    found: list[Field] = []
    for common, beginnings in _BEGINNINGS:
        if common not in block:
            continue
        for beginning, lower, name in beginnings:
            start = block.find(beginning)
            if start >= 0:
                begin = start + len(beginning)
                end = block.index(b"\r\n", begin)
                value = block[begin:end]
                if _VALUE.fullmatch(value):
                    found.append((lower, name, value))
                    block = block[:start] + block[end:]
    return block, found
