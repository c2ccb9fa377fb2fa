"""
The heads of requests, which are read once where their fields come again.

A user agent sends the same fields again and again, but for those that vary from one request to the next: reading them
is half of what a small request costs [measured]. What is refused is not remembered, and what was accepted under other
limits is not known under these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from pomerium_tx.http11.heads import BadRequest, HeadLimits, RequestHead
from pomerium_tx.http11.request_head import TOO_LARGE, read_head, request_line
from pomerium_tx.http11.varying import VARYING, without_varying
from pomerium_tx.remembered import Recent

_ENTRIES = 1_024
_LONGEST = 4_096
"""
How many heads are remembered, and at least as many blocks of fields: a person has one for each kind of thing that a
page is made of. And how many bytes each may have.
"""
_whole: dict[bytes, tuple[HeadLimits, RequestHead]] = {}
"""
Heads that came whole, by their bytes.
"""
_seen: set[int] = set()
"""
The hashes of others that came whole.
"""
_steady: Recent[tuple[bytes, bytes, bytes], tuple[HeadLimits, bool, tuple[Any, ...]]] = Recent(_ENTRIES)
"""
What heads have besides their target and what varies, by method, version and fields; and before that whether any of
these fields has the name of one that varies.
"""
_NAMES = [each.name for each in fields(RequestHead)][2:]
_all_but_target = attrgetter(*_NAMES)
_DERIVED = _NAMES.index("derived")


def request_head(raw: bytes, limits: HeadLimits) -> RequestHead:
    """
    The head whose bytes, up to and including the empty line, are *raw*.

    :raises BadRequest: If anything about it is in doubt.
    """
    line = request_line(raw, limits)
    method, target, minor = line.groups()
    block = raw[line.end() :]
    try:
        if target[0] == 0x2F and len(block) <= _LONGEST:
            return _in_parts(method, target, minor, block, limits)
        return read_head(method, target, minor, block, limits)
    except BadRequest as problem:
        problem.is_of_head = method == b"HEAD"
        raise


def whole_request(data: bytes, limits: HeadLimits) -> RequestHead | None:
    """
    The head of a GET without content, if *data* is all of it and it is good; None where more has to be looked at.

    A user agent asks for the same again and again: it gets the same object, with all that was worked out from it.
    """
    # What may end in content is not remembered.
    if data[:4] != b"GET " or data[-4:] != b"\r\n\r\n" or not _LONGEST >= len(data) <= limits.head_bytes:
        return None
    known = _whole.get(data)
    if known is not None and known[0] is limits:
        return known[1]
    if data.index(b"\r\n\r\n") != len(data) - 4:
        return None
    try:
        head = request_head(data, limits)
    except BadRequest:
        # Whoever reads it piece by piece says why.
        return None
    if not head.keep_alive or head.has_content or head.upgrade is not None:
        return None
    _keep(data, limits, head)
    return head


def _keep(data: bytes, limits: HeadLimits, head: RequestHead) -> None:
    """
    Remember a head that comes for the second time. Most come once: to keep those would push what is used out of the
    processor's caches, and out of ours.
    """
    known = hash(data)
    if known in _seen:
        if len(_whole) >= _ENTRIES:
            _whole.clear()
        _whole[data] = limits, head
    else:
        if len(_seen) >= _ENTRIES:
            _seen.clear()
        _seen.add(known)


def forget_heads(is_over: Callable[[Mapping[object, Any], Sequence[bytes]], bool] | None = None) -> None:
    """
    Remember nothing any more, nor what others have worked out.

    :param is_over: Which heads are meant, if not all: by what was worked out from them, and by what is their own, the
        target and the values of what varies.
    """
    if is_over is None:
        _whole.clear()
        _seen.clear()
        _steady.clear()
        return
    for data, (_, head) in list(_whole.items()):
        if is_over(head.derived, (head.target, *(value for _, _, value in head.varying))):
            del _whole[data]
    _steady.forget(lambda known: is_over(known[-1][_DERIVED], ()))


def _in_parts(method: bytes, target: bytes, minor: bytes, block: bytes, limits: HeadLimits) -> RequestHead:
    """
    The head of these parts, with a target in origin-form: from what varies, and from the rest, which is remembered.
    """
    steady, varying = without_varying(block)
    if not varying:
        return RequestHead(method, target, *_remembered(method, minor, block, limits)[1])
    try:
        is_mixed, rest = _remembered(method, minor, steady, limits)
    except BadRequest:
        # What is wrong first is for all of it to say.
        return read_head(method, target, minor, block, limits)
    if is_mixed:
        # The same name may be among both, and then their order counts.
        return RequestHead(method, target, *_remembered(method, minor, block, limits)[1])
    head = RequestHead(method, target, *rest)
    head.fields = head.fields + varying
    head.varying = varying
    if len(head.fields) > limits.fields:
        raise BadRequest(431, TOO_LARGE)
    return head


def _remembered(method: bytes, minor: bytes, block: bytes, limits: HeadLimits) -> tuple[bool, tuple[Any, ...]]:
    key = (method, minor, block)
    known = _steady.get(key)
    if known is not None and known[0] is limits:
        return known[1:]
    head = read_head(method, b"/", minor, block, limits)
    is_mixed = any(lower in VARYING for lower, _, _ in head.fields)
    known = limits, is_mixed, _all_but_target(head)
    _steady.keep(key, known)
    return known[1:]
