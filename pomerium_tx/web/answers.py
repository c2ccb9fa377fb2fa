"""
What a page answers, and the fields that every answer of ours carries.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pomerium_tx.web import html
from pomerium_tx.web.fetch_metadata import prefers_json
from pomerium_tx.web.page_frame import LISTENING_POLICY, POLICY, SUBMITTING_POLICY, page, with_images

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pomerium_tx.web.event_stream import EventStream

Headers = tuple[tuple[str, str], ...]

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_LOCATION = re.compile(r"[\x21-\x7e]+")
_NO_CONTENT = "default-src 'none'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    Status, fields and content of one answer.
    """

    status: int = 200
    headers: Headers = ()
    body: bytes = b""
    frameable: bool = False
    """
    Whether other sites may show it in a frame.
    """
    content_security_policy: str = _NO_CONTENT
    """
    Without ``frame-ancestors``, which *frameable* decides.
    """
    stream: EventStream | None = None
    """
    What comes instead of a body, for as long as it lasts.
    """

    def __post_init__(self) -> None:
        """
        :raises ValueError: If a field would end early on the wire and begin another.
        """
        for name, value in (*self.headers, ("Content-Security-Policy", self.content_security_policy)):
            if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
                raise ValueError(f"The field {name!r} cannot be sent.")

    def header(self, name: str) -> str | None:
        """
        The first value of a field, by its name in any case.
        """
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class HttpProblem(Exception):
    """
    Ends a page with an error status, as HTML or JSON, whichever the request prefers.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        title: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        retry: str | None = None,
        sign_out_path: str | None = None,
        details: Iterable[str] = (),
    ) -> None:
        """
        :param message: Shown to the person; must hold no secret.
        :param retry: Where a link "Try again" goes.
        :param sign_out_path: Where a link "Sign out" goes.
        :param details: Reasons that are shown, too.
        """
        super().__init__(status, message)
        self.status = status
        self.message = message
        self.title = title if title is not None else html.title_of(status)
        self.headers: Headers = tuple(headers)
        self.retry = retry
        self.sign_out_path = sign_out_path
        self.details = tuple(details)


def html_answer(
    body: bytes,
    *,
    status: int = 200,
    headers: Iterable[tuple[str, str]] = (),
    frameable: bool = False,
    self_submitting: bool = False,
    listening: bool = False,
    image_origins: Iterable[str] = (),
) -> Answer:
    """
    A page of `html`.

    :param self_submitting: It is `html.self_submitting`, whose script may run.
    :param listening: It is told of the end of the session that it was made for.
    :param image_origins: Where it has images from.
    """
    policy = SUBMITTING_POLICY if self_submitting else LISTENING_POLICY if listening else POLICY
    return Answer(
        status=status,
        headers=(("Content-Type", "text/html; charset=utf-8"), *headers),
        body=body,
        frameable=frameable,
        content_security_policy=with_images(policy, image_origins),
    )


def event_stream_answer(stream: EventStream) -> Answer:
    """
    Server-Sent Events, for as long as there are any.
    """
    # The last field is for a hop in front of us that would collect the events.
    return Answer(headers=(("Content-Type", "text/event-stream"), ("X-Accel-Buffering", "no")), stream=stream)


def json_answer(value: object, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Answer:
    """
    A value as JSON.
    """
    body = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    return Answer(status=status, headers=(("Content-Type", "application/json"), *headers), body=body)


def protocol_problem_answer(
    error: str, description: str, *, status: int, headers: Iterable[tuple[str, str]] = ()
) -> Answer:
    """
    An error for a program that speaks OAuth 2.0 or OpenID Connect (RFC 6749, section 5.2).

    :param error: Its code.
    :param description: Printable ASCII without quotes and backslashes; must hold no secret.
    """
    return json_answer({"error": error, "error_description": description}, status=status, headers=headers)


def text_answer(text: str, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Answer:
    """
    Plain text.
    """
    return Answer(status=status, headers=(("Content-Type", "text/plain; charset=utf-8"), *headers), body=text.encode())


def redirect(location: str, status: int = 302, headers: Iterable[tuple[str, str]] = ()) -> Answer:
    """
    Sends the user agent elsewhere. The page for those that do not go names no URL, since it may hold a secret.

    :raises ValueError: If the location is not printable ASCII without spaces.
    """
    if not _LOCATION.fullmatch(location):
        raise ValueError("A Location is printable ASCII without spaces.")
    return html_answer(_ELSEWHERE, status=status, headers=(("Location", location), *headers))


def problem_answer(problem: HttpProblem, *, accept: str | None, request_id: str) -> Answer:
    """
    An error as JSON if that is preferred, else as a page.
    """
    if prefers_json(accept):
        said: dict[str, object] = {"error": problem.message, "request_id": request_id}
        if problem.details:
            said["reasons"] = list(problem.details)
        return json_answer(said, status=problem.status, headers=problem.headers)
    body = html.error_page(
        problem.status,
        problem.title,
        problem.message,
        request_id=request_id,
        sign_out_path=problem.sign_out_path,
        retry=problem.retry,
        details=problem.details,
    )
    return html_answer(body, status=problem.status, headers=problem.headers)


def answer_fields(answer: Answer, request_id: str) -> list[tuple[str, str]]:
    """
    All fields of an answer as they are sent: its own, and those of ours that it does not give itself.
    """
    fields = list(answer.headers)
    given = {name.lower() for name, _ in fields}
    policy = answer.content_security_policy
    ours = [
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "same-origin"),
        ("Content-Security-Policy", policy if answer.frameable else f"{policy}; frame-ancestors 'none'"),
    ]
    if not answer.frameable:
        ours.append(("X-Frame-Options", "DENY"))
    if (answer.header("Content-Type") or "").startswith("text/html"):
        ours.append(("X-Pomerium-Intercepted-Response", "true"))
    if request_id:
        ours.append(("X-Request-Id", request_id))
    return fields + [(name, value) for name, value in ours if name.lower() not in given]


_ELSEWHERE = page("You are being sent on", "You are being sent on. If nothing happens, go back and try again.")
