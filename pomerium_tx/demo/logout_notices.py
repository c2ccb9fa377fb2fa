"""
What the sample application does when the proxy tells it that a session has ended.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime

from twisted.internet.interfaces import IReactorTime
from twisted.web.template import Tag, tags

from pomerium_tx.demo import pages
from pomerium_tx.demo.application_pages import NO_STORE
from pomerium_tx.demo.forms import Form, answer_later, receive_form
from pomerium_tx.demo.logout_tokens import LogoutTokenReader
from pomerium_tx.demo.serving import ServedExchange
from pomerium_tx.jose.jwt import InvalidToken
from pomerium_tx.oidc.fetch import ProviderUnavailable

PATH = "/logout_notice"
_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """
    The end of a session, as the proxy told of it.
    """

    session: str
    time: float


class LogoutNotices:
    """
    Receives the proxy's notices, believes those that it has signed, and remembers the latest.
    """

    def __init__(self, *, reader: LogoutTokenReader, clock: IReactorTime) -> None:
        self.received = 0
        self.refused = 0
        self.latest: deque[Notice] = deque(maxlen=_SHOWN)
        """
        The latest first.
        """
        self._reader = reader
        self._clock = clock

    def answer(self, exchange: ServedExchange) -> None:
        """
        Answer a notice.
        """
        receive_form(exchange, lambda form: answer_later(exchange, self._read(exchange, form)))

    def shown(self) -> Tag:
        """
        The notices, for a page.
        """
        told = [
            (
                datetime.fromtimestamp(notice.time, UTC).strftime("%H:%M:%S UTC"),
                f"session {notice.session[:8]}... ended",
            )
            for notice in self.latest
        ]
        if not told:
            return tags.section(tags.h2("Told by the proxy"), tags.p("No session has ended yet."))
        table = pages.rows(told, names="Time", values="What", caption="Sessions that ended, each once")
        return tags.section(tags.h2("Told by the proxy"), table)

    async def _read(self, exchange: ServedExchange, form: Form) -> None:
        tokens = [value for name, value in form if name == "logout_token"]
        try:
            if len(tokens) != 1:
                raise InvalidToken("there is not exactly one logout token")
            token = await self._reader.read(tokens[0])
        except InvalidToken as invalid:
            self.refused += 1
            _refuse(exchange, 400, invalid.reason)
        except ProviderUnavailable as unavailable:
            _refuse(exchange, 503, unavailable.reason)
        else:
            if token.is_new:
                self.received += 1
                self.latest.appendleft(Notice(session=token.sid or "", time=self._clock.seconds()))
            exchange.respond(200, [NO_STORE])


def _refuse(exchange: ServedExchange, status: int, reason: str) -> None:
    document = {"error": "invalid_request", "error_description": reason}
    fields = [(b"Content-Type", b"application/json"), NO_STORE]
    exchange.respond(status, fields, json.dumps(document).encode("ascii"))
