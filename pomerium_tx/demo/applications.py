"""
The first sample application: a page, an upload, and two things that never end by themselves.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.web.template import tags
from zope.interface import implementer

from pomerium_tx.demo import logout_notices, pages
from pomerium_tx.demo.application_pages import (
    ALARM,
    NO_STORE,
    Links,
    identity,
    navigation,
    request_line,
    respond_with_page,
    respond_with_problem,
    respond_with_static,
    scripts,
    shown_fields,
)
from pomerium_tx.demo.logout_notices import LogoutNotices
from pomerium_tx.demo.serving import ServedExchange
from pomerium_tx.http11.heads import RequestHead

log = Logger()

DOWNLOAD_INTERVAL = 0.25
DOWNLOAD_PIECE = 16384
"""
Every interval one piece: 64 KiB in a second.
"""
EVENT_INTERVAL = 1.0


@dataclass(slots=True)
class Counters:
    """
    What has reached an application: proof of what has not.
    """

    requests: int = 0
    downloads_open: int = 0
    events_open: int = 0
    uploads_complete: int = 0
    uploads_cut: int = 0
    bytes_uploaded: int = 0


class SampleApplication:
    """
    Answers the exchanges of the first sample application.
    """

    def __init__(self, *, clock: IReactorTime, links: Links, notices: LogoutNotices) -> None:
        self.counters = Counters()
        self._notices = notices
        self._clock = clock
        self._links = links
        self._script = pages.static_file("app.js")
        self._answers: dict[str, tuple[tuple[bytes, ...], Callable[[ServedExchange], None]]] = {
            "/": ((b"GET", b"HEAD"), self._page),
            "/style.css": ((b"GET", b"HEAD"), lambda exchange: respond_with_static(exchange, pages.STYLE, b"text/css")),
            "/app.js": (
                (b"GET", b"HEAD"),
                lambda exchange: respond_with_static(exchange, self._script, b"text/javascript"),
            ),
            "/upload": ((b"POST", b"PUT"), self._upload),
            "/download": ((b"GET",), self._download),
            "/events": ((b"GET",), self._events),
            logout_notices.PATH: ((b"POST",), notices.answer),
        }

    def __call__(self, exchange: ServedExchange) -> None:
        if exchange.path == "/counters":
            exchange.respond(200, [(b"Content-Type", b"application/json"), NO_STORE], self._counted())
            return
        self.counters.requests += 1
        methods, answer = self._answers.get(exchange.path, ((), None))
        if answer is None:
            respond_with_problem(exchange, 404, "There is nothing here.")
        elif exchange.head.method not in methods:
            respond_with_problem(exchange, 405, "That cannot be done here.", (b"Allow", b", ".join(methods)))
        else:
            answer(exchange)

    def _counted(self) -> bytes:
        told = {"logouts_told": self._notices.received, "logout_notices_refused": self._notices.refused}
        return json.dumps(asdict(self.counters) | told).encode("ascii") + b"\n"

    def _page(self, exchange: ServedExchange) -> None:
        respond_with_page(exchange, _application_page(exchange.head, self._links, self._notices))

    def _upload(self, exchange: ServedExchange) -> None:
        began = self._clock.seconds()
        received = 0

        def content_received(content: bytes) -> None:
            nonlocal received
            received += len(content)
            self.counters.bytes_uploaded += len(content)

        def content_ended() -> None:
            self.counters.uploads_complete += 1
            took = self._clock.seconds() - began
            said = f"{received:,} bytes arrived in {took:.1f} seconds."
            if b"text/html" in (exchange.head.get(b"accept") or b""):
                back = tags.p(tags.a("Back to the application", href="/"))
                content = [tags.section(tags.p(said), back)]
                respond_with_page(
                    exchange, pages.document("Uploaded", content, navigation=navigation(self._links, here=""))
                )
            else:
                exchange.respond(200, [(b"Content-Type", b"text/plain"), NO_STORE], f"{said}\n".encode("ascii"))

        def cut() -> None:
            self.counters.uploads_cut += 1

        exchange.content_received, exchange.content_ended, exchange.cut = content_received, content_ended, cut

    def _download(self, exchange: ServedExchange) -> None:
        line = 0

        def piece() -> bytes:
            nonlocal line
            lines = range(line, line + DOWNLOAD_PIECE // 64)
            line = lines.stop
            return b"".join(b"%-63s\n" % (b"%010d bytes before this line" % (number * 64)) for number in lines)

        def cut() -> None:
            paced.stop()
            self.counters.downloads_open -= 1

        paced = _Paced(self._clock, DOWNLOAD_INTERVAL, lambda: exchange.write(piece()))
        exchange.cut = cut
        self.counters.downloads_open += 1
        fields = [
            (b"Content-Type", b"text/plain; charset=utf-8"),
            (b"Content-Disposition", b'attachment; filename="endless.txt"'),
            NO_STORE,
        ]
        exchange.begin(200, fields, paced)
        paced.start()

    def _events(self, exchange: ServedExchange) -> None:
        count = 0

        def event() -> None:
            nonlocal count
            count += 1
            now = datetime.fromtimestamp(self._clock.seconds(), UTC).isoformat(timespec="seconds")
            told = json.dumps({"count": count, "time": now})
            exchange.write(f"id: {count}\ndata: {told}\n\n".encode("ascii"))

        def cut() -> None:
            paced.stop()
            self.counters.events_open -= 1

        paced = _Paced(self._clock, EVENT_INTERVAL, event)
        exchange.cut = cut
        self.counters.events_open += 1
        exchange.begin(200, [(b"Content-Type", b"text/event-stream"), NO_STORE], paced)
        # A page that was cut learns why when it asks again: soon.
        exchange.write(b"retry: 1000\n\n")
        paced.start()


@implementer(IPushProducer)
class _Paced:
    """
    Does something at regular intervals, except while the other side does not read.
    """

    def __init__(self, clock: IReactorTime, interval: float, step: Callable[[], None]) -> None:
        self._interval = interval
        self._step = step
        self._is_paused = False
        self._call = LoopingCall(self._tick)
        self._call.clock = clock

    def start(self) -> None:
        """
        The first step is taken now.
        """
        self._call.start(self._interval).addErrback(lambda failure: log.failure("A sample stream stopped", failure))

    def stop(self) -> None:
        """
        No step is taken any more.
        """
        if self._call.running:
            self._call.stop()

    def pauseProducing(self) -> None:
        self._is_paused = True

    def resumeProducing(self) -> None:
        self._is_paused = False

    def stopProducing(self) -> None:
        self.stop()

    def _tick(self) -> None:
        if not self._is_paused:
            self._step()


def _application_page(head: RequestHead, links: Links, notices: LogoutNotices) -> bytes:
    events = tags.section(
        tags.h2("Event stream"),
        tags.p("One event a second, without end."),
        tags.p(tags.span("Not open.", id="events-state", role="status"), " ", tags.span(id="events-last")),
        tags.div(tags.button("Open the event stream", type="button", id="events-open"), class_="row"),
        tags.noscript(tags.p(tags.a("Open the event stream without JavaScript", href="/events"))),
    )
    download = tags.section(
        tags.h2("Download"),
        tags.p("64 KiB a second, without end."),
        tags.p(tags.span("Not begun.", id="download-state", role="status"), " ", tags.span(id="download-last")),
        tags.div(
            tags.button("Read it in this page", type="button", id="download-open"),
            tags.a("Save it as a file", href="/download", download="endless.txt"),
            class_="row",
        ),
    )
    upload = tags.section(
        tags.h2("Upload"),
        tags.p("The application counts the bytes as they arrive and keeps none."),
        tags.form(
            tags.p(tags.label("A file: ", for_="file"), tags.input(type="file", name="file", id="file", required="")),
            tags.button("Upload", type="submit"),
            method="post",
            action="/upload",
            enctype="multipart/form-data",
        ),
    )
    fields = tags.details(
        tags.summary("The request as the application received it"),
        pages.rows(shown_fields(head), names="Field", values="Value", caption=request_line(head)),
    )
    content = [ALARM, identity(head), events, download, upload, notices.shown(), tags.section(fields)]
    return pages.document(
        "Sample application", content, navigation=navigation(links, here="Application"), scripts=scripts("/app.js")
    )
