"""
One request to the provider: a total deadline, a limit on the decoded body, no redirects, no cookies.

treq alone gives none of these: its ``timeout`` ends at the headers, it follows redirects, keeps cookies of one
person's request for the next, and inflates whatever it is sent.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Protocol
from urllib.parse import urlencode

from treq.client import HTTPClient as TreqClient
from treq.cookies import IndexableCookieJar
from twisted.internet import protocol
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IConsumer, IReactorTime
from twisted.python.failure import Failure
from twisted.web.client import GzipDecoder, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer
from zope.interface import implementer

from pomerium_tx.jose.strict_json import InvalidJSON, json_object

DEADLINE = 4.5
"""
Seconds that one request to a provider may take in all: a person whose provider is silent is told so within five.
"""
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class ProviderUnavailable(Exception):
    """
    The provider gave no answer that can be used; the same request may succeed later.

    The reason is safe to show: it quotes nothing that was sent or received.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class HTTPClient(Protocol):
    """
    What is used of `treq.client.HTTPClient`.
    """

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Headers,
        data: bytes | None,
        allow_redirects: bool,
        unbuffered: bool,
        reactor: Any,
    ) -> Deferred[Any]:
        """
        The response, once its head has come.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    A response, whole.
    """

    status: int
    media_type: str
    body: bytes = field(repr=False)

    def json_objects(self) -> list[dict[str, Any]]:
        """
        The JSON objects that the body is a list of.

        :raises ProviderUnavailable: If it is not one.
        """
        try:
            # What can be read of an object can be read of a list in one.
            (listed,) = json_object(b'{"all":' + self.body + b"}").values()
        except (InvalidJSON, ValueError):
            listed = None
        if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
            raise ProviderUnavailable("the provider's answer is no list")
        return listed

    def json_object(self) -> dict[str, Any]:
        """
        The JSON object that the body is.

        :raises ProviderUnavailable: If it is not one.
        """
        try:
            return json_object(self.body)
        except InvalidJSON as problem:
            raise ProviderUnavailable(f"the provider's answer is refused: {problem}") from None


def http_client(agent: IAgent) -> HTTPClient:
    """
    A client that keeps no cookies and needs no reactor for request bodies.
    """
    no_cookies = DefaultCookiePolicy(allowed_domains=[])
    return TreqClient(agent, IndexableCookieJar(no_cookies), data_to_body_producer=_WholeBody)


class Fetcher:
    """
    Makes requests to one provider.

    :param deadline: Seconds from the request to the last byte of the answer.
    :param max_bytes: The longest body, after decoding.
    """

    def __init__(self, http: HTTPClient, clock: IReactorTime, *, deadline: float, max_bytes: int) -> None:
        self._http = http
        self._clock = clock
        self._deadline = deadline
        self._max_bytes = max_bytes

    async def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """
        The answer to a GET.

        :raises ProviderUnavailable: If there is none that could be read.
        """
        return await self._in_time("GET", url, headers, None)

    async def post(self, url: str, headers: Mapping[str, str], form: Sequence[tuple[str, str]]) -> Answer:
        """
        The answer to a POST of *form*.

        :raises ProviderUnavailable: If there is none that could be read.
        """
        headers = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
        return await self._in_time("POST", url, headers, urlencode(form).encode("ascii"))

    async def delete(self, url: str, headers: Mapping[str, str], content: bytes) -> Answer:
        """
        The answer to a DELETE with JSON as its content.

        :raises ProviderUnavailable: If there is none that could be read.
        """
        return await self._in_time("DELETE", url, {**headers, "Content-Type": "application/json"}, content)

    async def _in_time(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        late = False

        def give_up() -> None:
            nonlocal late
            late = True
            answer.cancel()

        answer = Deferred.fromCoroutine(self._answer(method, url, headers, body))
        timer = self._clock.callLater(self._deadline, give_up)
        try:
            return await answer
        except (ProviderUnavailable, CancelledError):
            if late:
                raise ProviderUnavailable("the provider did not answer in time") from None
            raise
        finally:
            if timer.active():
                timer.cancel()

    async def _answer(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        fields = Headers({"Accept": ["application/json"], **{name: [value] for name, value in headers.items()}})
        response = await maybeDeferred(
            self._http.request,
            method,
            url,
            headers=fields,
            data=body,
            allow_redirects=False,
            unbuffered=True,
            reactor=self._clock,
        ).addErrback(_unreachable)
        raw, gzipped = _undecoded(response)
        content = await _body(raw, self._max_bytes, gzipped=gzipped)
        return Answer(status=raw.code, media_type=_media_type(raw), body=content)


def _unreachable(failure: Failure) -> Failure:
    # A cancelled request stays cancelled, and a fault of ours stays one; whatever else can go wrong on the way to
    # a name that somebody else has chosen is that somebody's.
    if isinstance(failure.value, CancelledError | AssertionError | TypeError):
        return failure
    raise ProviderUnavailable(f"the provider cannot be reached ({type(failure.value).__name__})")


def _undecoded(response: Any) -> tuple[Any, int]:
    """
    *response* as it came, and how often it is gzipped: twisted's decoder would inflate without a limit.
    """
    layers = 0
    while (original := getattr(response, "original", None)) is not None:
        layers += isinstance(response, GzipDecoder)
        response = original
    return response, layers


def _media_type(response: Any) -> str:
    value: bytes = response.headers.getRawHeaders(b"content-type", [b""])[0]
    return value.partition(b";")[0].strip().lower().decode("ascii", "replace")


async def _body(response: Any, limit: int, *, gzipped: int) -> bytes:
    encodings = b",".join(response.headers.getRawHeaders(b"content-encoding", [])).strip(b", \t").lower()
    if 300 <= response.code < 400:
        refusal = "the provider redirects where it must answer"
    elif gzipped > 1 or encodings not in (b"", b"identity"):
        refusal = "the provider's answer has an encoding that was not asked for"
    else:
        reading = _Reading(limit, gzipped=gzipped == 1)
        response.deliverBody(reading)
        return await reading.finished
    response.deliverBody(_Discarding())
    raise ProviderUnavailable(refusal)


class _Discarding(protocol.Protocol):
    """
    A body that nobody wants, whatever it is.
    """

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()


class _Reading(protocol.Protocol):
    """
    A body on its way in.
    """

    def __init__(self, limit: int, *, gzipped: bool) -> None:
        self.finished: Deferred[bytes] = Deferred(lambda _: self._abort())
        self._limit = limit
        self._content = bytearray()
        self._inflate = zlib.decompressobj(_GZIP_WINDOW) if gzipped else None

    def dataReceived(self, data: bytes) -> None:
        if self.finished.called:
            return
        if self._inflate is not None:
            try:
                # One more than fits, so that what is too long shows.
                data = self._inflate.decompress(data, self._limit - len(self._content) + 1)
            except zlib.error:
                self._refuse("the provider's answer is not gzip")
                return
        self._content += data
        if len(self._content) > self._limit:
            self._refuse("the provider's answer is too long")

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        if self.finished.called:
            return
        ended = isinstance(reason.value, ResponseDone | PotentialDataLoss)
        if not ended or (self._inflate is not None and not self._inflate.eof and self._content):
            self.finished.errback(ProviderUnavailable("the provider's answer broke off"))
        else:
            self.finished.callback(bytes(self._content))

    def _refuse(self, reason: str) -> None:
        self.finished.errback(ProviderUnavailable(reason))
        self._abort()

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()


@implementer(IBodyProducer)
class _WholeBody:
    """
    A request body that is written at once.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.length = len(body)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        consumer.write(self._body)
        return succeed(None)

    def pauseProducing(self) -> None:
        """
        Nothing is left to pause.
        """

    def resumeProducing(self) -> None:
        """
        Nothing is left to resume.
        """

    def stopProducing(self) -> None:
        """
        Nothing is left to stop.
        """
