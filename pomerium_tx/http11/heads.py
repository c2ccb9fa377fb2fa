"""
The heads of messages, and what is wrong with a bad one.

RFC 9110 section 6; RFC 9112 sections 2 to 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

Field = tuple[bytes, bytes, bytes]
"""
A field line: its name in lower case, its name as received, its value without the whitespace around it.
"""


_NAME_AND_VALUE = itemgetter(0, 2)


class BadRequest(Exception):
    """
    The user agent's message must not be believed; the connection ends after the answer.

    :param status: The status of the answer.
    :param reason: What is wrong, in words that are safe to show: nothing of the message is in it.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.is_of_head = False
        """
        Whether the method is known to be HEAD, to which no content is answered.
        """

    def __str__(self) -> str:
        return f"{self.status} {self.reason}"


class BadResponse(Exception):
    """
    The upstream's message must not be believed; its connection is not used again.

    :param reason: What is wrong; nothing of the message is in it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadLimits:
    """
    How large a head may be; trailers obey the same limits.
    """

    head_bytes: int = 65_536
    fields: int = 200
    target: int = 8_192
    underscores: str = "reject"
    """
    What becomes of a request with an underscore in the name of a field: ``reject``, ``drop`` (of the field), ``allow``.
    """


@dataclass(slots=True)
class RequestHead:
    """
    A request up to its content, as received but for the whitespace around values.
    """

    method: bytes
    target: bytes = field(repr=False)
    minor: int
    fields: list[Field] = field(repr=False)
    host: bytes
    """
    The authority: that of an absolute-form target, else the one Host; empty only in HTTP/1.0 without Host.
    """
    content_length: int | None
    chunked: bool
    keep_alive: bool
    upgrade: bytes | None
    """
    ``websocket``, if that and nothing else is asked for; None if the request is to be answered in HTTP.
    """
    expect_continue: bool
    connection: frozenset[bytes]
    """
    The lower-case options of Connection.
    """
    derived: dict[object, Any] = field(default_factory=dict, repr=False, compare=False)
    """
    What others have worked out from this head whatever its target and its `varying` fields: heads that differ in
    nothing else have it in common. Each keeps its own under itself, and what is of this head alone in
    `Canonical.derived`.
    """
    canonical: Any = field(default=None, repr=False, compare=False)
    """
    What `canonicalise` has made of this head, for when it is asked again.
    """
    varying: Sequence[Field] = field(default=(), repr=False, compare=False)
    """
    The last of its fields, as far as they differ from one request to the next: see `pomerium_tx.http11.varying`. One
    that is written in an unusual way is among the others.
    """

    @property
    def steady(self) -> list[Field]:
        """
        The other fields.
        """
        return self.fields[: len(self.fields) - len(self.varying)]

    def get(self, name: bytes) -> bytes | None:
        """
        The first value of a lower-case *name*.
        """
        values: dict[bytes, bytes] | None = self.derived.get(RequestHead)
        if values is None:
            values = self.derived[RequestHead] = dict(map(_NAME_AND_VALUE, reversed(self.steady)))
        for line in self.varying:
            # None has a name of the others.
            if line[0] == name:
                return line[2]
        return values.get(name)

    def get_all(self, name: bytes) -> list[bytes]:
        """
        Every value of a lower-case *name*, in order.
        """
        return [line[2] for line in self.fields if line[0] == name]

    @property
    def has_content(self) -> bool:
        """
        Whether at least one byte of framing follows the head.
        """
        return self.chunked or bool(self.content_length)


@dataclass(slots=True)
class ResponseHead:
    """
    A response up to its content; an interim one has a status below 200.
    """

    status: int
    reason: bytes
    minor: int
    fields: list[Field] = field(repr=False)
    content_length: int | None
    """
    As announced, also where no content follows (HEAD, 304); None where there may be no announcement (1xx, 204).
    """
    chunked: bool
    keep_alive: bool
    connection: frozenset[bytes]
    has_content: bool
    close_delimited: bool
    """
    Whether the content ends where the connection does.
    """
    upgrade: bytes | None
    """
    The protocol that a 101 switches to, in lower case.
    """
    derived: dict[object, Any] = field(default_factory=dict, repr=False, compare=False)
    """
    What others have worked out from this head: equal ones have it in common. Each keeps its own under itself.
    """

    def get(self, name: bytes) -> bytes | None:
        """
        The first value of a lower-case *name*.
        """
        for line in self.fields:
            if line[0] == name:
                return line[2]
        return None

    def get_all(self, name: bytes) -> list[bytes]:
        """
        Every value of a lower-case *name*, in order.
        """
        return [line[2] for line in self.fields if line[0] == name]
