"""
How the development OP tells relying parties that a session is over.

OpenID Connect Back-Channel Logout 1.0, section 2.5, and Front-Channel Logout 1.0, section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit, urlunsplit

from twisted.internet.defer import CancelledError, Deferred, DeferredList, succeed
from twisted.internet.defer import TimeoutError as NoAnswerInTime
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from pomerium_tx.demo.registration import Client
from pomerium_tx.oidc.fetch import Fetcher, ProviderUnavailable

log = Logger()

Post = Callable[[str, str], Coroutine[Any, Any, int]]
"""
Sends a logout token to a URI; the status of the answer, or `ProviderUnavailable` if there is none.
"""

PAUSES = (1.0, 4.0)
"""
Seconds between the first attempt and the second, and between that and the last.
"""
ATTEMPT_SECONDS = 5.0
PAGE_SECONDS = 2.0
"""
How long the person waits for relying parties to answer.
"""
_REMEMBERED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedLogout:
    """
    A logout token, and the relying party that it is for.
    """

    client_id: str
    uri: str
    sid: str
    sub: str
    logout_token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutRecord:
    """
    One attempt to tell one relying party.
    """

    client_id: str
    sid: str
    channel: Literal["back", "front"]
    time: float
    attempt: int = 1
    status: int | None = None
    """
    What it answered; unknown in the front channel, where the user agent is answered.
    """
    failure: str | None = None
    """
    Why there is no answer.
    """

    @property
    def is_final(self) -> bool:
        """
        Whether the same token, sent again, would change nothing.
        """
        return self.status is not None and self.status < 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """
    What becomes of logout tokens on their way, for tests: lost (no copies), doubled, late.
    """

    copies: int = 1
    delay: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """
    What the user agent loads so that a relying party hears of the logout.
    """

    client_id: str
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Logout:
    """
    The end of a session at the OP, as relying parties hear of it.
    """

    sid: str
    frames: tuple[Frame, ...] = ()
    told: Deferred[None] = field(default_factory=lambda: succeed(None), repr=False)
    """
    Fires when every back channel has answered or was given up, at the latest after `PAGE_SECONDS`.
    """


def fetcher_post(fetcher: Fetcher) -> Post:
    """
    Sends logout tokens by HTTP, as section 2.5 says.
    """

    async def post(uri: str, logout_token: str) -> int:
        return (await fetcher.post(uri, {}, [("logout_token", logout_token)])).status

    return post


class LogoutChannels:
    """
    Tells relying parties, and remembers what came of it.

    :param post: How logout tokens are sent; None if they are only to be kept for a test to send.
    """

    def __init__(self, *, issuer: str, clock: IReactorTime, post: Post | None) -> None:
        self.delivery = Delivery()
        self.records: list[LogoutRecord] = []
        """
        Every attempt, oldest first; the latest thousand.
        """
        self.owed: list[OwedLogout] = []
        """
        Every logout token that a relying party had a right to, oldest first; the latest thousand.
        """
        self._issuer = issuer
        self._clock = clock
        self._post = post
        self._under_way: set[Deferred[None]] = set()

    def front(self, client: Client, sid: str) -> Frame | None:
        """
        What tells *client* through the user agent, if it wants to be told so.
        """
        if client.frontchannel_logout_uri is None:
            return None
        self._remember(LogoutRecord(client_id=client.client_id, sid=sid, channel="front", time=self._clock.seconds()))
        parts = urlsplit(client.frontchannel_logout_uri)
        # Section 2: the URI's own query is kept.
        added = urlencode({"iss": self._issuer, "sid": sid}) if client.frontchannel_logout_session_required else ""
        query = "&".join(part for part in (parts.query, added) if part)
        return Frame(client_id=client.client_id, url=urlunsplit(parts._replace(query=query)))

    def back(self, owed: Iterable[OwedLogout]) -> Deferred[None]:
        """
        Every relying party that is *owed* a logout token is being told.

        What is returned fires when all have been told or given up, at the latest after `PAGE_SECONDS`.
        """
        owed = list(owed)
        self.owed += owed
        del self.owed[:-_REMEMBERED]
        if self._post is None:
            return succeed(None)
        post, delivery = self._post, self.delivery
        sending = [self._own(self._deliver(one, post, delivery.delay)) for one in owed for _ in range(delivery.copies)]
        return _all_or_late(sending, self._clock)

    def stop(self) -> None:
        """
        Nobody is told any more.
        """
        for delivery in list(self._under_way):
            delivery.cancel()

    def _own(self, delivery: Coroutine[Any, Any, None]) -> Deferred[None]:
        sending = Deferred.fromCoroutine(delivery)
        self._under_way.add(sending)

        def over(result: Failure | None) -> None:
            self._under_way.discard(sending)
            if isinstance(result, Failure) and not isinstance(result.value, CancelledError):
                log.failure("A back-channel logout was not sent", result)

        sending.addBoth(over)
        return sending

    async def _deliver(self, owed: OwedLogout, post: Post, delay: float) -> None:
        if delay:
            await deferLater(self._clock, delay)
        for attempt, pause in enumerate((*PAUSES, None), 1):
            record = await self._attempt(owed, post, attempt)
            self._remember(record)
            if record.is_final or pause is None:
                return
            await deferLater(self._clock, pause)

    async def _attempt(self, owed: OwedLogout, post: Post, attempt: int) -> LogoutRecord:
        status, failure = None, None
        try:
            answer = Deferred.fromCoroutine(post(owed.uri, owed.logout_token))
            status = await answer.addTimeout(ATTEMPT_SECONDS, self._clock)
        except ProviderUnavailable as unavailable:
            failure = unavailable.reason
        except NoAnswerInTime:
            failure = "there was no answer in time"
        return LogoutRecord(
            client_id=owed.client_id,
            sid=owed.sid,
            channel="back",
            time=self._clock.seconds(),
            attempt=attempt,
            status=status,
            failure=failure,
        )

    def _remember(self, record: LogoutRecord) -> None:
        self.records.append(record)
        del self.records[:-_REMEMBERED]


def _all_or_late(sending: list[Deferred[None]], clock: IReactorTime) -> Deferred[None]:
    waiting: Deferred[None] = Deferred()

    def over(_: object = None) -> None:
        if late.active():
            late.cancel()
        if not waiting.called:
            waiting.callback(None)

    late = clock.callLater(PAGE_SECONDS, over)
    # Lists of their own: nobody's waiting may take a delivery's result away.
    DeferredList(sending).addBoth(over)
    return waiting
