"""
``/.pomerium/session_events``: tells open pages that their session has ended, whatever ended it and wherever.

Server-Sent Events, for pages of the same origin. Listening is no use of a session: it does not keep one alive, and a
receipt does not count it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import ClassVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import Session
from pomerium_tx.web.event_stream import EventStream
from pomerium_tx.web.page_frame import LISTENING_SCRIPT
from pomerium_tx.web.resource import Answer, HttpProblem, Page, PageRequest, event_stream_answer

EVENTS = "session_events"
SCRIPT = "session_events.js"
"""
The names of both pages below ``/.pomerium/``.
"""

ALIVE_SECONDS = 25
"""
Between two comments, so that no hop in front of us takes the connection for a dead one.
"""
MOST_STREAMS = 20
"""
For one session: of a browser's pages on one host, one listens for all.
"""
_RETRY_AFTER = 30


class TooManyStreams(Exception):
    """
    A session is listened to by as many as may.
    """


class ServiceStops(Exception):
    """
    Nobody may begin to listen any more.
    """


class SessionEvents:
    """
    Who listens to which session. One serves all hosts.
    """

    def __init__(self, *, registry: SessionRegistry, clock: IReactorTime) -> None:
        self._registry = registry
        self._clock = clock
        self._streams: dict[str, list[EventStream]] = {}
        # By the second in which they are due: not all in one turn, in which nothing else could happen.
        self._due: list[dict[EventStream, None]] = [{} for _ in range(ALIVE_SECONDS)]
        self._second = 0
        self._alive: IDelayedCall | None = None
        self._is_closed = False
        self._unsubscribe = registry.subscribe_ended(self._ended)

    @property
    def count(self) -> int:
        """
        How many listen.
        """
        return sum(len(streams) for streams in self._streams.values())

    def listen(self, session_id: str) -> EventStream:
        """
        A stream that tells of the end of the session, and then ends; also if it has ended already.

        :raises TooManyStreams: If there are enough.
        :raises ServiceStops: After `close`.
        """
        if self._is_closed:
            raise ServiceStops
        streams = self._streams.setdefault(session_id, [])
        if len(streams) >= MOST_STREAMS:
            raise TooManyStreams
        due = self._due[self._second]
        stream = EventStream(lambda over: self._forget(session_id, due, over))
        streams.append(stream)
        due[stream] = None
        stream.comment("listening")
        # Whoever looked before they listened may have missed it.
        receipt = self._registry.ended(session_id)
        if receipt is not None:
            _tell(stream, receipt)
        elif self._alive is None:
            self._alive = self._clock.callLater(1.0, self._keep_alive)
        return stream

    def close(self) -> None:
        """
        End every stream, in order and without an event, and begin no more: the service stops.
        """
        self._is_closed = True
        self._unsubscribe()
        for streams in tuple(self._streams.values()):
            for stream in tuple(streams):
                stream.end()

    def _ended(self, receipt: Receipt, sessions: tuple[Session, ...]) -> None:
        for session in sessions:
            for stream in tuple(self._streams.get(session.id, ())):
                _tell(stream, receipt)

    def _keep_alive(self) -> None:
        self._alive = self._clock.callLater(1.0, self._keep_alive)
        self._second = (self._second + 1) % ALIVE_SECONDS
        for stream in tuple(self._due[self._second]):
            stream.comment()

    def _forget(self, session_id: str, due: dict[EventStream, None], stream: EventStream) -> None:
        del due[stream]
        streams = self._streams[session_id]
        streams.remove(stream)
        if not streams:
            del self._streams[session_id]
        if not self._streams and self._alive is not None:
            self._alive.cancel()
            self._alive = None


def _tell(stream: EventStream, receipt: Receipt) -> None:
    shown = receipt.as_json(with_routes=False)
    stream.event("signed_out", json.dumps({"receipt": shown["id"], "time": shown["time"]}))
    stream.end()


class SessionEventsPage(Page):
    """
    The stream, for whoever has a session on this host.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("GET",)

    def __init__(self, *, events: SessionEvents, session_of: Callable[[PageRequest], Session | None]) -> None:
        """
        :param session_of: The live session that a request presents.
        """
        super().__init__()
        self._events = events
        self._session_of = session_of

    async def answer(self, request: PageRequest) -> Answer:
        """
        A stream that lasts as long as the session.
        """
        if not _is_same_origin(request):
            raise HttpProblem(403, "Only pages of this host may listen here.")
        session = self._session_of(request)
        if session is None:
            raise HttpProblem(401, "You are not signed in.")
        try:
            return event_stream_answer(self._events.listen(session.id))
        except TooManyStreams:
            raise _later(429, "Too many pages listen to this session.") from None
        except ServiceStops:
            raise _later(503, "The service is stopping. Please try again in a moment.") from None


class SessionEventsScriptPage(Page):
    """
    The script that listens, for applications' own pages. It is the same for everybody.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("GET", "HEAD")

    async def answer(self, request: PageRequest) -> Answer:
        """
        The script, unless the user agent has it.
        """
        headers = [("Cache-Control", "public, max-age=3600"), ("ETag", _ETAG)]
        if _ETAG in (request.header("If-None-Match") or ""):
            return Answer(status=304, headers=tuple(headers))
        headers += [
            ("Content-Type", "text/javascript; charset=utf-8"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
        ]
        return Answer(headers=tuple(headers), body=_SCRIPT)


def _is_same_origin(request: PageRequest) -> bool:
    site = request.header("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    return request.header("Origin") in (None, request.origin)


def _later(status: int, message: str) -> HttpProblem:
    return HttpProblem(status, message, headers=[("Retry-After", str(_RETRY_AFTER))])


_SCRIPT = LISTENING_SCRIPT.encode() + b"\n"
_ETAG = f'"{hashlib.sha256(_SCRIPT).hexdigest()[:32]}"'
