"""
The base of our own twisted.web pages.

Twisted's `Resource` renders HEAD by GET, answers other methods 501 and parses bodies before anybody asked;
a `Page` does what it lists and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate
from io import BytesIO
from typing import ClassVar
from urllib.parse import unquote_to_bytes

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Request

from pomerium_tx.web.answers import (
    Answer,
    HttpProblem,
    answer_fields,
    event_stream_answer,
    html_answer,
    json_answer,
    problem_answer,
    protocol_problem_answer,
    redirect,
    text_answer,
)
from pomerium_tx.web.page_request import BadParameter, PageRequest, form_pairs, parse_pairs

__all__ = [
    "Answer",
    "BadParameter",
    "Folder",
    "HttpProblem",
    "LocalRequest",
    "Page",
    "PageRequest",
    "answer_fields",
    "event_stream_answer",
    "html_answer",
    "json_answer",
    "problem_answer",
    "protocol_problem_answer",
    "redirect",
    "text_answer",
]

log = Logger()

_BODILESS = (204, 304)
_OUR_FAULT = "Something went wrong on our side. It has been written down."


class LocalRequest(Request):
    """
    A request that is answered here and not forwarded. Whoever creates it knows what twisted.web cannot know.
    """

    origin: str = ""
    """
    The external origin of the host asked, as configured.
    """
    client_address: str = ""
    client: object = None
    """
    Whoever is at the other end, for rooms that know more of it than its address.
    """
    peer_address: str = ""
    request_id: str = ""
    answering: Deferred[None] | None = None
    """
    Fires when the answer is written, or nobody wants it any more. Cancelled at the end of the service.
    """
    frameable: bool = False
    """
    Whether the answer being written may be shown in other sites' frames, whatever is configured.
    """
    dress: Callable[[Answer], Answer] = staticmethod(lambda answer: answer)
    """
    Gives the answer the look that is configured.
    """
    is_streaming: bool = False
    """
    Whether the answer lasts as long as whoever writes it likes.
    """
    defaultContentType: bytes | None = None
    _abandoned = False

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """
        Take the request as it is; a page reads its form itself.
        """
        # Without content nobody called gotLength.
        self.content = self.content or BytesIO()
        self.content.seek(0)
        self.args: dict[bytes, list[bytes]] = {}
        self.method, self.uri, self.clientproto = command, path, version
        self.path = path.partition(b"?")[0]
        self.process()

    def process(self) -> None:
        """
        Find the page in the site's tree and let it answer.
        """
        self.site = self.channel.site  # type: ignore[attr-defined] # a channel that makes such requests has one
        # No Server field: it would name a version.
        self.responseHeaders.setRawHeaders("Date", [formatdate(usegmt=True)])
        self.prepath: list[bytes] = []
        self.postpath = [unquote_to_bytes(segment) for segment in self.path[1:].split(b"/")]
        self.notifyFinish().addErrback(self._abandon)
        try:
            self.render(self.site.getResourceFor(self))  # type: ignore[no-untyped-call] # Twisted's own
        except Exception:  # noqa: BLE001 - a fault of the tree is answered too
            self.processingFailed(Failure())  # type: ignore[no-untyped-call] # Twisted's own

    def processingFailed(self, reason: Failure) -> Failure:
        """
        Answer 500, without a traceback whatever the site says.
        """
        log.failure("The tree has no answer for {path}", reason, path=self.path.decode("latin-1"))
        self.answer(self.problem(HttpProblem(500, _OUR_FAULT)))
        return reason

    def problem(self, problem: HttpProblem) -> Answer:
        """
        An error in the form that this request prefers.
        """
        accept = b", ".join(self.requestHeaders.getRawHeaders(b"Accept") or ()).decode("latin-1")
        return problem_answer(problem, accept=accept or None, request_id=self.request_id)

    def answer(self, answer: Answer) -> None:
        """
        Write the whole answer, or the beginning of one that goes on, unless nobody is there to read it.
        """
        if self._abandoned or self.startedWriting:
            if answer.stream is not None:
                answer.stream.reader_left()
            return
        answer = self.dress(answer)
        self.frameable = answer.frameable
        self.setResponseCode(answer.status)
        for name, value in answer_fields(answer, self.request_id):
            self.responseHeaders.addRawHeader(name.encode("latin-1"), value.encode("latin-1"))
        if answer.stream is not None:
            stream, self.is_streaming = answer.stream, True
            self.notifyFinish().addErrback(lambda reason: stream.reader_left())
            stream.start(self)
            return
        if answer.status not in _BODILESS:
            self.responseHeaders.setRawHeaders("Content-Length", [str(len(answer.body))])
            self.write(answer.body)  # type: ignore[no-untyped-call] # Twisted's own
        self.finish()

    def finish(self) -> None:
        """
        End the answer, and with it the connection where HTTP/1.0 knows no other end of content of unknown size.
        """
        if self.is_streaming and not self.chunked:
            self.channel.loseConnection()  # type: ignore[no-untyped-call] # Twisted's own
        super().finish()  # type: ignore[no-untyped-call] # Twisted's own

    def _abandon(self, reason: Failure) -> None:
        # The page goes on: a sign-out must not stop half-way because somebody closed a tab.
        self._abandoned = True


class Page(Resource):
    """
    One page of ours.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("GET",)
    """
    All the methods that it answers, HEAD only if named; ``None`` is any.
    """
    reads_form: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Twisted's own

    async def answer(self, request: PageRequest) -> Answer:
        """
        Answer the request.

        :raises HttpProblem: To answer an error.
        """
        raise NotImplementedError

    def problem(self, request: LocalRequest, problem: HttpProblem) -> Answer:
        """
        An error: in the form that the request prefers, if the page's readers know no other.
        """
        return request.problem(problem)

    def getChild(self, path: bytes, request: Request) -> IResource:
        """
        The page itself, told so by a redirect, for a slash too many; else nothing.
        """
        is_one_slash = (request.prepath or [])[-2:] != [b"", b""] and not request.postpath
        return _OtherSlash() if path == b"" and is_one_slash else _Missing()

    def render(self, request: Request) -> int:
        """
        Begin to answer.
        """
        assert isinstance(request, LocalRequest)
        request.answering = Deferred.fromCoroutine(self._answered(request)).addErrback(_unanswered, request)
        return NOT_DONE_YET

    async def _answered(self, request: LocalRequest) -> None:
        try:
            if self.methods is not None and request.method.decode("latin-1") not in self.methods:
                raise HttpProblem(
                    405, "This address cannot be used in that way.", headers=[("Allow", ", ".join(self.methods))]
                )
            answer = await self.answer(_page_request(request, reads_form=self.reads_form))
        except HttpProblem as problem:
            answer = self.problem(request, problem)
        except CancelledError:
            stopping = HttpProblem(503, "The service is stopping. Please try again in a moment.")
            answer = self.problem(request, stopping)
        except Exception:  # noqa: BLE001 - here a fault becomes an answer
            log.failure("Page {path} failed", path=request.path.decode("latin-1"))
            answer = self.problem(request, HttpProblem(500, _OUR_FAULT))
        request.answer(answer)


def _unanswered(reason: Failure, request: LocalRequest) -> None:
    # Not even the error page could be made: say it without one.
    log.failure("Page {path} has no error page", reason, path=request.path.decode("latin-1"))
    request.answer(text_answer(f"{_OUR_FAULT}\n", status=500))


def _page_request(request: LocalRequest, *, reads_form: bool) -> PageRequest:
    _, question_mark, query = request.uri.partition(b"?")
    form = []
    if reads_form and request.method == b"POST":
        content_types = request.requestHeaders.getRawHeaders(b"Content-Type") or [b""]
        assert request.content is not None
        form = form_pairs(content_types[0].decode("latin-1"), request.content.read())
    return PageRequest(
        method=request.method.decode("latin-1"),
        path=request.path.decode("latin-1"),
        origin=request.origin,
        url=request.origin + request.uri.decode("latin-1"),
        raw_query=query if question_mark else None,
        query=parse_pairs(query),
        form_fields=form,
        client_address=request.client_address,
        client=request.client,
        peer_address=request.peer_address,
        request_id=request.request_id,
        fields={name.lower(): tuple(values) for name, values in request.requestHeaders.getAllRawHeaders()},
    )


class Folder(Resource):
    """
    A place in the tree that has pages below it and, but for its child of the empty name, none of its own.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Twisted's own

    def getChild(self, path: bytes, request: Request) -> IResource:
        """
        Nothing: what exists was put.
        """
        return _Missing()

    def render(self, request: Request) -> int:
        """
        Send to the page with the slash, if there is one.
        """
        page = _OtherSlash() if b"" in self.children else _Missing()
        return page.render(request)


class _Missing(Page):
    """
    Says that there is nothing here.
    """

    isLeaf = True
    methods = None

    async def answer(self, request: PageRequest) -> Answer:
        """
        404.
        """
        raise HttpProblem(404, "This address belongs to the access proxy, and there is no page at it.")


class _OtherSlash(Page):
    """
    Sends to the same path without the slash at its end, or with one.
    """

    isLeaf = True
    methods = None

    async def answer(self, request: PageRequest) -> Answer:
        """
        301, or 308 where the method must stay what it is.
        """
        path = request.path[:-1] if request.path.endswith("/") else request.path + "/"
        query = request.url[len(request.origin) + len(request.path) :]
        return redirect(request.origin + path + query, status=301 if request.method in ("GET", "HEAD") else 308)
