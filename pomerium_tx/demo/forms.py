"""
What the demo's applications do with requests that cannot be answered at their head.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from pomerium_tx.demo.application_pages import respond_with_problem
from pomerium_tx.demo.authorization import parse_query
from pomerium_tx.demo.ledger import RequestRefused
from pomerium_tx.demo.serving import ServedExchange

log = Logger()

LONGEST_FORM = 65536
Form = list[tuple[str, str]]


def receive_form(exchange: ServedExchange, answer: Callable[[Form], None]) -> None:
    """
    *answer* is called with the form that the request is, once all of it has arrived; what is no form has no fields.
    """
    content = bytearray()

    def content_received(piece: bytes) -> None:
        content.extend(piece[: LONGEST_FORM + 1 - len(content)])

    def content_ended() -> None:
        media_type = (exchange.head.get(b"content-type") or b"").partition(b";")[0].strip().lower()
        if len(content) > LONGEST_FORM:
            respond_with_problem(exchange, 413, "The form is too long.")
            return
        is_form = media_type == b"application/x-www-form-urlencoded"
        try:
            form = parse_query(content.decode("utf-8", "replace")) if is_form else []
        except RequestRefused:
            respond_with_problem(exchange, 400, "The form has too many fields.")
            return
        answer(form)

    exchange.content_received, exchange.content_ended = content_received, content_ended


def answer_later(exchange: ServedExchange, answer: Coroutine[Any, Any, None]) -> None:
    """
    *answer* responds when it can; it is given up when the connection is lost.
    """
    answering = Deferred.fromCoroutine(answer)

    def failed(failure: Failure) -> None:
        if isinstance(failure.value, CancelledError):
            return
        log.failure("An answer of a demo application failed", failure)
        if not exchange.is_finished:
            respond_with_problem(exchange, 500, "That went wrong.")

    answering.addErrback(failed)
    exchange.cut = answering.cancel
