"""
The readers of requests and responses: what comes from the network.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from pomerium_tx.http11.heads import BadRequest, BadResponse, HeadLimits
from pomerium_tx.http11.reader import EndOfMessage, RequestReader, ResponseReader, Trailing
from tests.fuzz.ways import same_every_way

LIMITS = HeadLimits(head_bytes=1_024, fields=16, target=256)
UNDERSCORES = tuple(
    HeadLimits(head_bytes=1_024, fields=16, target=256, underscores=word) for word in ("reject", "drop", "allow")
)
REFUSALS = frozenset((400, 405, 414, 417, 431, 501, 505))
"""
What a user agent can be answered for what it has sent.
"""
_MOST_HELD = LIMITS.head_bytes + 512 + 4
"""
How many bytes may come without anything to show for them: trailers after the line of the last chunk.
"""
_METHODS = (b"GET", b"HEAD", b"CONNECT")


def simple(events: Iterable[object]) -> list[object]:
    """
    Events with neighbouring content joined and problems in words: what must not depend on how bytes were cut.
    """
    told: list[object] = []
    for event in events:
        last = told[-1] if told else None
        if isinstance(event, BadRequest):
            told.append((event.status, event.reason))
        elif isinstance(event, BadResponse):
            told.append((502, event.reason))
        elif isinstance(event, Trailing) and isinstance(last, Trailing):
            told[-1] = Trailing(last.content + event.content)
        elif isinstance(event, bytes) and isinstance(last, bytes):
            told[-1] = last + event
        else:
            told.append(event)
    return told


def requests(pieces: Iterable[bytes], limits: HeadLimits = LIMITS) -> list[object]:
    """
    What a request reader makes of *pieces*; what comes after a handshake is fed back, as by one who does not grant it.
    """
    reader = RequestReader(limits)
    events: list[object] = []
    held = 0
    for piece in pieces:
        rest: bytes | None = piece
        while rest is not None:
            head = reader.whole(rest)
            found = reader.feed(rest) if head is None else [head, EndOfMessage.END]
            if head is not None:
                # As one from which something was worked out: it is remembered.
                head.derived[requests] = True
            rest = None
            if found and isinstance(found[-1], Trailing):
                rest = found.pop().content
            held = 0 if found else held + len(piece)
            events += found
        is_over = bool(events) and isinstance(events[-1], BadRequest)
        assert is_over or held - len(piece) <= _MOST_HELD, "more bytes were kept than a head may have"
    return simple(events)


def check_request_reader(octets: bytes) -> None:
    """
    The same events however the bytes were cut, and nothing worse than a refusal, which is the last event.
    """
    for limits in UNDERSCORES:
        events = same_every_way(octets, partial(requests, limits=limits))
        problems = [event for event in events if isinstance(event, tuple)]
        assert not problems or (len(problems) == 1 and events[-1] is problems[0]), events
        assert all(status in REFUSALS for status, _ in problems), problems


def responses(pieces: Iterable[bytes], methods: Iterable[bytes]) -> list[object]:
    """
    What a response reader makes of *pieces*, the answers to *methods*, after which the connection ends.
    """
    reader = ResponseReader(LIMITS)
    events: list[object] = []
    waiting = list(methods)
    reader.expect(waiting.pop(0))
    held = 0
    for piece in pieces:
        found = reader.feed(piece)
        held = 0 if found else held + len(piece)
        is_over = bool(events + found) and isinstance((events + found)[-1], BadResponse)
        assert is_over or reader.surplus or held - len(piece) <= _MOST_HELD, "more bytes were kept than a head may have"
        events += found
    events += reader.eof()
    told = simple(events)
    if told and told[-1] is EndOfMessage.END:
        told.append(reader.surplus)
    return told


def check_response_reader(octets: bytes) -> None:
    """
    The first byte says to which method the rest is the answer. The same events however the bytes were cut, nothing
    worse than a refusal, and never a second answer to one question.
    """
    method = _METHODS[octets[0] % len(_METHODS)] if octets else b"GET"
    events = same_every_way(octets[1:], lambda pieces: responses(pieces, [method]))
    problems = [event for event in events if isinstance(event, tuple)]
    assert not problems or (len(problems) == 1 and events[-1] is problems[0]), events
    assert events.count(EndOfMessage.END) <= 1, events
