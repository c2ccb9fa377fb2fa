"""
What a request is about: one host and one path, the same for the decision and for the wire.

RFC 3986 section 6.2.2 and RFC 9112 section 3.2, with Pomerium's ``normalize_path``, ``merge_slashes`` and
``path_with_escaped_slashes_action: reject``. Dot segments are removed, ``//`` is merged, percent-encoded unreserved
characters are decoded, hexadecimal digits are upper case. What two readers may understand differently is refused, never
repaired.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from pomerium_tx.http11.authority import NOBODY, Authority, InvalidAuthority, authority
from pomerium_tx.http11.heads import BadRequest, RequestHead

_SEGMENT = rb"A-Za-z0-9._~!$&'()*+,;=:@\[\]\-"
# A path that is canonical as it stands: no escapes, no empty segment but the last, no segment that begins with a dot.
_PLAIN_TARGET = re.compile(rb"((?:/(?![/.])[" + _SEGMENT + rb"]*+)++)(?:\?([!\"$-~]*+))?")
_PATH = re.compile(rb"(?:[/" + _SEGMENT + rb"]|%[0-9A-Fa-f]{2})++")
_QUERY = re.compile(rb"[!\"$-~]*+")
_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?]*+)")

_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# Escaped slash, backslash or control, also escaped once more for an application that decodes twice, where a dot counts
# too; and the spellings of ASCII in more bytes than UTF-8 allows, which careless decoders accept.
_AMBIGUOUS_ESCAPE = re.compile(
    rb"(?i)%(?:2F|5C|[01].|7F|(?:25)++(?:2E|2F|5C|[01][0-9A-F]|7F)"
    rb"|C[01]%[89AB].|E0%[89].%[89AB].|F0%8.%[89AB].%[89AB].)"
)
# Some applications drop parameters before they resolve dots, others what is behind a query or fragment that they have
# decoded, or a space at the end.
_DOTS_WITH_MORE = re.compile(rb"/\.\.?+(?:;|%3B|%3F|%23|%20)")


@dataclass(slots=True)
class Canonical:
    """
    The one form of a request's target that is decided and sent.
    """

    host: str
    """
    In lower case, without port and trailing dot; an IPv6 address is in brackets.
    """
    port: int | None
    path: bytes
    query: bytes | None = field(repr=False)
    """
    As sent; None if there was no question mark.
    """
    authority: bytes
    """
    ``host[:port]``.
    """
    derived: dict[object, Any] = field(default_factory=dict, repr=False, compare=False)
    """
    What others have worked out from it and from the head that it is of, for when the very same comes again. Each keeps
    its own under itself; what many heads have in common is in `RequestHead.derived`.
    """

    @property
    def target(self) -> bytes:
        """
        The origin-form (or ``*``) to send.
        """
        return self.path if self.query is None else b"%b?%b" % (self.path, self.query)


def canonicalise(head: RequestHead, *, normalize_path: bool = True, merge_slashes: bool = True) -> Canonical:
    """
    The canonical target of *head*.

    :param normalize_path: Whether to resolve dot segments and to decode what needs no encoding.
    :param merge_slashes: Whether to make one slash of several.
    :raises BadRequest: If the request has no target here, or one that others may read differently.
    """
    rules = (normalize_path, merge_slashes)
    known: tuple[tuple[bool, bool], Canonical] | None = head.canonical
    if known is not None and known[0] == rules:
        return known[1]
    canonical = _canonical(head, normalize_path, merge_slashes)
    head.canonical = rules, canonical
    return canonical


def _canonical(head: RequestHead, normalize_path: bool, merge_slashes: bool) -> Canonical:
    target = head.target
    asked = head.host
    plain = _PLAIN_TARGET.fullmatch(target)
    if plain is None and target[:1] != b"/":
        asked, target = _origin_form(head)
        plain = _PLAIN_TARGET.fullmatch(target)
    host, port, text = _whom(asked, head)
    if plain is not None:
        return Canonical(host, port, plain[1], plain[2], text)
    if target == b"*":
        return Canonical(host, port, target, None, text)
    path, mark, query = target.partition(b"?")
    if not _QUERY.fullmatch(query):
        raise BadRequest(400, "invalid character in the query")
    return Canonical(host, port, canonical_path(path, normalize_path, merge_slashes), query if mark else None, text)


def _whom(asked: bytes, head: RequestHead) -> Authority:
    """
    The authority *asked*, unless the method is one that is not for it to answer.
    """
    if head.method in (b"CONNECT", b"TRACE"):
        raise BadRequest(405, "this method is not offered")
    if not asked and head.minor == 0:
        return NOBODY
    try:
        return authority(asked)
    except InvalidAuthority:
        raise BadRequest(400, "invalid Host") from None


def _origin_form(head: RequestHead) -> tuple[bytes, bytes]:
    """
    The authority and origin-form of a target that is not in origin-form.
    """
    target = head.target
    options = head.method == b"OPTIONS"
    if target == b"*" and options:
        return head.host, target
    absolute = _ABSOLUTE.match(target)
    if absolute is None:
        raise BadRequest(400, "invalid request target")
    rest = target[absolute.end() :]
    if not rest and options:
        # RFC 9112 section 3.2.4.
        return absolute[1], b"*"
    # A host without a path is asked for its root.
    return absolute[1], rest if rest.startswith(b"/") else b"/" + rest


def _canonical_escape(escape: re.Match[bytes]) -> bytes:
    octet = int(escape[1], 16)
    return b"%c" % octet if octet in _UNRESERVED else escape[0].upper()


def canonical_path(path: bytes, normalize_path: bool = True, merge_slashes: bool = True) -> bytes:
    """
    The canonical form of an absolute *path*.

    :raises BadRequest: If it may be read in more than one way.
    """
    if not path.startswith(b"/") or not _PATH.fullmatch(path):
        raise BadRequest(400, "invalid character or escape in the path")
    readable = _ESCAPE.sub(_canonical_escape, path)
    if _AMBIGUOUS_ESCAPE.search(readable):
        raise BadRequest(400, "ambiguous escape in the path")
    if _DOTS_WITH_MORE.search(readable):
        raise BadRequest(400, "dot segment with something behind it")
    if normalize_path:
        path = _without_dot_segments(readable) if b"/." in readable else readable
    if merge_slashes and b"//" in path:
        segments = path.split(b"/")
        path = b"/" + b"/".join(segment for segment in segments if segment)
        if not segments[-1] and len(path) > 1:
            path += b"/"
    return path


def _without_dot_segments(path: bytes) -> bytes:
    """
    RFC 3986 section 5.2.4: nothing climbs above the root.
    """
    segments = path.split(b"/")
    kept: list[bytes] = []
    for segment in segments[1:]:
        if segment == b"..":
            if kept:
                kept.pop()
        elif segment != b".":
            kept.append(segment)
    if segments[-1] in (b".", b".."):
        kept.append(b"")
    return b"/" + b"/".join(kept)
