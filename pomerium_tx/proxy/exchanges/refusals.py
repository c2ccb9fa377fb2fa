"""
The answers that the data path gives itself: sign-in, 401, 403, 404, errors of an upstream, bad requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from pomerium_tx import paths
from pomerium_tx.authorize.verdict import Action, Verdict
from pomerium_tx.http11 import writer
from pomerium_tx.http11.heads import BadRequest, RequestHead
from pomerium_tx.proxy.asked import Asked
from pomerium_tx.proxy.exchanges.answering import route_answer
from pomerium_tx.routing.route import Route
from pomerium_tx.web import html
from pomerium_tx.web.answers import (
    Answer,
    answer_fields,
    html_answer,
    json_answer,
    protocol_problem_answer,
    redirect,
    text_answer,
)
from pomerium_tx.web.fetch_metadata import prefers_json

_BACKCHANNEL_LOGOUT = paths.BACKCHANNEL_LOGOUT.encode("ascii")
_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_CHANGING = frozenset(("Location", "Set-Cookie", "X-Request-Id", "Date", "Content-Length", "Connection", "Retry-After"))
"""
What is another in every answer.
"""
_REMEMBERED = 128
_ROBOTS = "User-agent: *\nDisallow: /\n"
_MESSAGES = {
    401: "You are not signed in, or no longer.",
    403: "This application is not for you.",
    404: "No application is known at this address.",
    495: (
        "Your browser has shown no certificate, or one that is not accepted here. Once it has the right one, load this "
        "page again and choose it. If it has it already, close all of its windows first: it may remember that you "
        "chose another, or none."
    ),
    500: "Something went wrong on our side. It has been written down.",
}

BeginSignIn = Callable[[str, Sequence[bytes], Route], tuple[str, str]]
"""
From the wanted URL, the Cookie fields and the route: the sign-in URL and the ``Set-Cookie`` that goes with it.
"""


class Refusals:
    """
    Complete responses, ready to be written.

    :param dress: Gives our pages the look that is configured.
    :param response_fields: What the configuration sets on every response of a route, or of none; our own fields win.
    """

    def __init__(
        self,
        *,
        begin_sign_in: BeginSignIn,
        response_fields: Callable[[Route | None], Sequence[tuple[str, str]]],
        dress: Callable[[Answer], Answer] = lambda answer: answer,
    ) -> None:
        self.dress: Final = dress
        self._begin_sign_in = begin_sign_in
        self._response_fields = response_fields

    def for_verdict(self, asked: Asked, verdict: Verdict, *, close: bool) -> tuple[int, bytes]:
        """
        The status and the response to a request that does not proceed, or no longer.

        :param verdict: That of the request, or what it would be now.
        """
        if asked.canonical.path == b"*" or is_last_recipient(asked.head):
            # RFC 9110 section 9.3.7: the answer is about this server, and as good for everybody.
            answer = text_answer("", headers=(("Allow", _METHODS),))
            return answer.status, self._write(answer, asked.head, asked.request_id, close=close, route=None)
        match verdict.action:
            case Action.SIGN_IN:
                return verdict.status, self._sign_in(asked, verdict, close=close)
            case Action.ROBOTS:
                answer = text_answer(_ROBOTS)
            case Action.ANSWER:
                return verdict.status, self._of_route(asked, verdict, close=close)
            case _:
                answer = self._error(
                    asked.head,
                    verdict.status,
                    verdict.reason,
                    _MESSAGES.get(verdict.status, verdict.reason),
                    asked.request_id,
                    sign_out=verdict.session is not None,
                    details=verdict.details,
                )
        return answer.status, self._write(answer, asked.head, asked.request_id, close=close, route=verdict.route)

    def for_status(
        self, asked: Asked, status: int, message: str, *, close: bool, retry_after: int | None = None
    ) -> bytes:
        """
        The response that says why there is none of an upstream, or of a page of ours.

        :param retry_after: Seconds after which asking again may help.
        """
        if asked.canonical.path == _BACKCHANNEL_LOGOUT and asked.verdict.action is Action.OWN_PATH:
            # OPs read this form, whatever they say that they accept.
            answer = protocol_problem_answer("invalid_request", message, status=status)
        else:
            reason = writer.REASONS.get(status, b"").decode("ascii")
            answer = self._error(asked.head, status, reason, message, asked.request_id, sign_out=False)
            if retry_after is not None:
                answer = replace(answer, headers=(*answer.headers, ("Retry-After", str(retry_after))))
        return self._write(answer, asked.head, asked.request_id, close=close, route=asked.verdict.route)

    def own_response_fields(self, route: Route | None) -> Sequence[tuple[str, str]]:
        """
        What the configuration sets on the responses of our own pages, unless the page says otherwise.
        """
        return self._response_fields(route)

    def bad_request(self, problem: BadRequest, head: RequestHead | None, request_id: str) -> bytes:
        """
        The response to what cannot be read; the connection closes after it.
        """
        answer = self._error(head, problem.status, problem.reason, problem.reason, request_id, sign_out=False)
        written = self._write(answer, head, request_id, close=True, route=None)
        return written[: len(written) - content_size(written)] if problem.is_of_head else written

    def _of_route(self, asked: Asked, verdict: Verdict, *, close: bool) -> bytes:
        route = verdict.route
        assert route is not None
        fields = _encoded(self._response_fields(route))
        return route_answer(route, asked.head, asked.canonical, fields, request_id=asked.request_id, close=close)

    def _sign_in(self, asked: Asked, verdict: Verdict, *, close: bool) -> bytes:
        head = asked.head
        assert verdict.route is not None and verdict.origin is not None
        # The person's own spelling comes back after the sign-in, byte for byte.
        target = head.target if head.target.startswith(b"/") else asked.canonical.target
        location, set_cookie = self._begin_sign_in(
            verdict.origin + target.decode("ascii"), head.get_all(b"cookie"), verdict.route
        )
        changing = [
            (b"Location", location.encode("ascii")),
            (b"Set-Cookie", set_cookie.encode("ascii")),
            (b"X-Request-Id", asked.request_id.encode("ascii")),
        ]
        return self._written(_TO_SIGN_IN, _OF_THE_WAY, changing, head, close=close, route=verdict.route)

    def _error(
        self,
        head: RequestHead | None,
        status: int,
        reason: str,
        message: str,
        request_id: str,
        *,
        sign_out: bool,
        details: Sequence[str] = (),
    ) -> Answer:
        fields: list[tuple[str, str]] = []
        if status == 401:
            # RFC 9110 section 15.5.2 wants a challenge; user agents show no dialogue for a scheme that they do not
            # know.
            fields.append(("WWW-Authenticate", "Pomerium"))
        elif status == 426:
            fields += [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
        elif status == 405:
            fields.append(("Allow", _METHODS))
        accept = head.get(b"accept") if head is not None else None
        if prefers_json(accept.decode("latin-1") if accept is not None else None):
            said = {"error": reason, "request_id": request_id, **({"reasons": list(details)} if details else {})}
            return json_answer(said, status=status, headers=fields)
        page = html.error_page(
            status,
            html.title_of(status),
            message,
            request_id=request_id,
            sign_out_path=paths.SIGN_OUT if sign_out else None,
            retry=None,
            details=details,
        )
        return html_answer(page, status=status, headers=fields)

    def _write(
        self, answer: Answer, head: RequestHead | None, request_id: str, *, close: bool, route: Route | None
    ) -> bytes:
        answer = self.dress(answer)
        fields = answer_fields(answer, request_id)
        changing = _encoded([field for field in fields if field[0] in _CHANGING])
        return self._written(answer, _steady(fields), changing, head, close=close, route=route)

    def _written(
        self,
        answer: Answer,
        steady: tuple[tuple[str, str], ...],
        changing: list[tuple[bytes, bytes]],
        head: RequestHead | None,
        *,
        close: bool,
        route: Route | None,
    ) -> bytes:
        changing += [(b"Date", writer.date()), (b"Content-Length", b"%d" % len(answer.body))]
        if close:
            changing.append((b"Connection", b"close"))
        elif head is not None and head.minor == 0:
            changing.append((b"Connection", b"keep-alive"))
        before = _lines(answer.status, steady, tuple(self._response_fields(route)))
        written = writer.head_of(before, writer.field_lines(changing))
        return written if head is not None and head.method == b"HEAD" else written + answer.body


def _steady(fields: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple([field for field in fields if field[0] not in _CHANGING])


# What is the same whoever is sent to sign in: a flood of anonymous requests must cost less than they do.
_TO_SIGN_IN = redirect("https://of.each.invalid/")
_OF_THE_WAY = _steady(answer_fields(_TO_SIGN_IN, ""))


@lru_cache(maxsize=_REMEMBERED)
def _lines(status: int, steady: tuple[tuple[str, str], ...], configured: tuple[tuple[str, str], ...]) -> writer.Lines:
    """
    The first line of an answer, those of what it says of itself, and of what is configured and nobody says otherwise.
    """
    given = {name.lower() for name, _ in steady} | {name.lower() for name in _CHANGING}
    first = writer.status_line(status, writer.REASONS.get(status, b""))
    fields = _encoded([*steady, *(pair for pair in configured if pair[0].lower() not in given)])
    return writer.Lines(first + writer.field_lines(fields))


def is_last_recipient(head: RequestHead) -> bool:
    """
    Whether the request may not be passed on (RFC 9110 section 7.6.2).
    """
    return head.method == b"OPTIONS" and (head.get(b"max-forwards") or b"1").strip(b"0") == b""


def content_size(response: bytes) -> int:
    """
    How many bytes of content *response* has.
    """
    return len(response) - response.index(b"\r\n\r\n") - 4


def _encoded(fields: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
