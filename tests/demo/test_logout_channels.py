"""
Tests for `pomerium_tx.demo.logout_channels`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qsl

from treq.testing import RequestTraversalAgent
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Request

from pomerium_tx.demo.logout_channels import Delivery, LogoutChannels, LogoutRecord, OwedLogout, fetcher_post
from pomerium_tx.oidc.fetch import Fetcher, ProviderUnavailable, http_client
from tests.demo.support import ISSUER, TOLD


def owed(client_id: str = "told") -> OwedLogout:
    """
    A logout that a client is to be told of.
    """
    return OwedLogout(client_id=client_id, uri=f"http://{client_id}.test/", sid="s", sub="u", logout_token="hush")


class ChannelsCase(SynchronousTestCase):
    """
    The channels, and relying parties that answer as the test says.
    """

    def setUp(self) -> None:
        """
        Nobody has been told of anything.
        """
        self.clock = Clock()
        self.sent: list[str] = []
        self.answer: Callable[[], int] | None = None
        """
        What a relying party answers; without it, it answers when the test does.
        """
        self.waiting: list[Deferred[int]] = []
        self.channels = LogoutChannels(issuer=ISSUER, clock=self.clock, post=self.post)

    async def post(self, uri: str, logout_token: str) -> int:
        """
        A relying party is told.
        """
        self.assertEqual(logout_token, "hush")
        self.sent.append(uri)
        if self.answer is not None:
            return self.answer()
        waiting: Deferred[int] = Deferred()
        self.waiting.append(waiting)
        return await waiting

    def outcomes(self) -> list[tuple[int, int | str | None]]:
        """
        Attempts, and what came of them.
        """
        return [(record.attempt, record.status or record.failure) for record in self.channels.records]


class BackTests(ChannelsCase):
    """
    The back channel.
    """

    def test_told(self) -> None:
        """
        Everybody is told at the same time, and once all have answered that is known.
        """
        told = self.channels.back([owed("a"), owed("b")])
        self.assertEqual(self.sent, ["http://a.test/", "http://b.test/"])
        self.waiting[1].callback(200)
        self.assertNoResult(told)
        self.waiting[0].callback(204)
        self.assertIsNone(self.successResultOf(told))
        self.assertEqual(
            [(record.client_id, record.status) for record in self.channels.records], [("b", 200), ("a", 204)]
        )
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nobody(self) -> None:
        """
        Where nobody is to be told nobody waits.
        """
        self.assertIsNone(self.successResultOf(self.channels.back([])))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_kept(self) -> None:
        """
        Without a way to send, what is owed is kept for a test to send.
        """
        channels = LogoutChannels(issuer=ISSUER, clock=self.clock, post=None)
        self.assertIsNone(self.successResultOf(channels.back([owed()])))
        self.assertEqual((channels.owed, channels.records), ([owed()], []))

    def test_slow(self) -> None:
        """
        The person waits two seconds at most; an answer that comes later is recorded all the same.
        """
        told = self.channels.back([owed()])
        self.clock.advance(1.9)
        self.assertNoResult(told)
        self.clock.advance(0.1)
        self.assertIsNone(self.successResultOf(told))
        self.waiting[0].callback(200)
        self.assertEqual(self.outcomes(), [(1, 200)])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_retried(self) -> None:
        """
        Who fails is told again after a second, and after four more, and that is all.
        """

        def fail() -> int:
            raise ProviderUnavailable("it cannot be reached")

        for answer, outcome in ((lambda: 500, 500), (lambda: 503, 503), (fail, "it cannot be reached")):
            with self.subTest(outcome=outcome):
                self.channels.records.clear()
                self.answer = answer
                told = self.channels.back([owed()])
                for after, count in ((0, 1), (0.9, 1), (0.1, 2), (3.9, 2), (0.1, 3), (1000, 3)):
                    self.clock.advance(after)
                    self.assertEqual(len(self.channels.records), count)
                self.assertEqual(self.outcomes(), [(1, outcome), (2, outcome), (3, outcome)])
                self.successResultOf(told)

    def test_recovered(self) -> None:
        """
        An attempt that succeeds is the last.
        """
        answers = iter([500, 200])
        self.answer = lambda: next(answers)
        self.channels.back([owed()])
        self.clock.pump([1, 10, 10])
        self.assertEqual(self.outcomes(), [(1, 500), (2, 200)])

    def test_refused(self) -> None:
        """
        Who refuses the token is not asked again.
        """
        self.answer = lambda: 400
        self.channels.back([owed()])
        self.clock.pump([1, 10, 10])
        self.assertEqual(self.outcomes(), [(1, 400)])

    def test_silent(self) -> None:
        """
        An attempt takes five seconds at most.
        """
        self.channels.back([owed()])
        self.clock.advance(5)
        self.assertEqual(self.outcomes(), [(1, "there was no answer in time")])
        self.clock.advance(1)
        self.assertEqual(len(self.sent), 2)

    def test_deliveries(self) -> None:
        """
        A test can have tokens lost, doubled and late.
        """
        self.answer = lambda: 200
        for delivery, at_once, later in (
            (Delivery(), 1, 1),
            (Delivery(copies=0), 0, 0),
            (Delivery(copies=2), 2, 2),
            (Delivery(delay=90.0), 0, 1),
            (Delivery(copies=2, delay=90.0), 0, 2),
        ):
            with self.subTest(delivery=delivery):
                self.sent.clear()
                self.channels.delivery = delivery
                self.channels.back([owed()])
                self.assertEqual(len(self.sent), at_once)
                self.clock.advance(90)
                self.assertEqual(len(self.sent), later)

    def test_stopped(self) -> None:
        """
        Nothing is left running, in an attempt or between two, and nobody is left waiting.
        """
        told = [self.channels.back([owed()])]
        self.answer = lambda: 500
        told.append(self.channels.back([owed()]))
        self.channels.delivery = Delivery(delay=90.0)
        told.append(self.channels.back([owed()]))
        self.channels.stop()
        for one in told:
            self.successResultOf(one)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.outcomes(), [(1, 500)])

    def test_broken(self) -> None:
        """
        A fault of ours is heard of, and nobody waits for it.
        """

        def fail() -> int:
            raise AssertionError("ours")

        self.answer = fail
        self.successResultOf(self.channels.back([owed()]))
        self.assertEqual(len(self.flushLoggedErrors(AssertionError)), 1)

    def test_bounded(self) -> None:
        """
        The latest thousand are remembered.
        """
        self.answer = lambda: 200
        self.channels.back([owed()] * 1005)
        self.assertEqual((len(self.channels.owed), len(self.channels.records)), (1000, 1000))

    def test_nothing_is_shown(self) -> None:
        """
        A logout token is in no ``repr``.
        """
        self.assertNotIn("hush", repr(owed()))


class FrontTests(ChannelsCase):
    """
    The front channel.
    """

    def url(self, uri: str | None, *, session_required: bool = True) -> str | None:
        """
        What is framed for a client with that URI.
        """
        client = replace(TOLD, frontchannel_logout_uri=uri, frontchannel_logout_session_required=session_required)
        frame = self.channels.front(client, "s&")
        return None if frame is None else frame.url

    def test_url(self) -> None:
        """
        ``iss`` and ``sid`` are added where they are required, and the URI's own query is kept.
        """
        named = "iss=http%3A%2F%2Fop.localhost%3A8002&sid=s%26"
        table = [
            ("http://rp.test/out", True, f"http://rp.test/out?{named}"),
            ("http://rp.test/out?a=b%20c", True, f"http://rp.test/out?a=b%20c&{named}"),
            ("http://rp.test/out?a=b", False, "http://rp.test/out?a=b"),
            (None, True, None),
        ]
        for uri, session_required, expected in table:
            with self.subTest(uri=uri):
                self.assertEqual(self.url(uri, session_required=session_required), expected)

    def test_recorded(self) -> None:
        """
        That somebody is told this way is recorded; what comes of it is not known.
        """
        self.url("http://rp.test/out")
        self.assertEqual(self.channels.records, [LogoutRecord(client_id="told", sid="s&", channel="front", time=0.0)])


class _Told(Resource):
    """
    A relying party over HTTP.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[list[tuple[str, str]]] = []
        self.status = 200

    def render_POST(self, request: Request) -> bytes:
        """
        Remembers the form.
        """
        assert request.content is not None
        self.forms.append(parse_qsl(request.content.read().decode()))
        request.setResponseCode(self.status)
        return b""


class FetcherPostTests(SynchronousTestCase):
    """
    Logout tokens over HTTP.
    """

    def test_posted(self) -> None:
        """
        The token is the one field of a form, and the answer's status is told, whatever it is.
        """
        told, clock = _Told(), Clock()
        agent = RequestTraversalAgent(told)
        post = fetcher_post(Fetcher(http_client(agent), clock, deadline=5.0, max_bytes=100))
        for status in (200, 400, 503):
            with self.subTest(status=status):
                told.status = status
                posting = Deferred.fromCoroutine(post("http://rp.test/back", "a.b.c"))
                agent.flush()
                self.assertEqual(self.successResultOf(posting), status)
                self.assertEqual(told.forms.pop(), [("logout_token", "a.b.c")])
