"""
Tests for `pomerium_tx.logout.session_events`.
"""

from __future__ import annotations

import json

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.logout.session_events import (
    ALIVE_SECONDS,
    MOST_STREAMS,
    ServiceStops,
    SessionEvents,
    SessionEventsScriptPage,
    TooManyStreams,
)
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.store import Cause
from pomerium_tx.web.event_stream import EventStream
from pomerium_tx.web.page_frame import LISTENING_SCRIPT
from tests.doubles.channel import Asked, ask
from tests.logout.user_agent import UserAgent
from tests.logout.world import FROM_OWN_PAGE, NAVIGATION, R2, SCRIPT, A, R, World
from tests.web.test_event_stream import RecordingReader

EVENTS = "/.pomerium/session_events"
LISTENING = b": listening\n\n"


class _Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        self.alice = UserAgent(self.world)
        self.session = self.alice.sign_in()

    def end(self, cause: Cause = Cause.ADMINISTRATOR) -> Receipt:
        """
        The session ends.
        """
        return self.successResultOf(Deferred.fromCoroutine(self.world.ending.end([self.session.id], cause)))

    @staticmethod
    def told(receipt: Receipt) -> bytes:
        """
        What a page hears of an end.
        """
        shown = receipt.as_json(with_routes=False)
        data = json.dumps({"receipt": shown["id"], "time": shown["time"]})
        return f"event: signed_out\ndata: {data}\n\n".encode()


class SessionEventsTests(_Case):
    """
    Tests for `SessionEvents`.
    """

    def setUp(self) -> None:
        super().setUp()
        self.events = SessionEvents(registry=self.world.registry, clock=self.world.clock)
        self.addCleanup(self.events.close)

    def listen(self) -> RecordingReader:
        """
        A reader of the session's stream.
        """
        reader = RecordingReader()
        self.events.listen(self.session.id).start(reader)
        return reader

    def test_signed_out(self) -> None:
        """
        Whatever ended the session, every stream of it tells so, and ends.
        """
        for cause in Cause:
            if cause.value.startswith("user"):
                continue
            with self.subTest(cause):
                self.session = self.alice.sign_in()
                readers = [self.listen(), self.listen()]
                receipt = self.end(cause)
                for reader in readers:
                    self.assertEqual(b"".join(reader.received), LISTENING + self.told(receipt))
                    self.assertEqual(reader.finished, 1)
                self.assertEqual(self.events.count, 0)

    def test_own_sign_out(self) -> None:
        """
        The same after the person's own sign-out.
        """
        reader = self.listen()
        self.alice.get(R + "/.pomerium/sign_out", FROM_OWN_PAGE)
        self.assertEqual(b"".join(reader.received), LISTENING + self.told(self.world.receipts[0]))

    def test_other_session(self) -> None:
        """
        The end of another session is nobody else's business.
        """
        other = UserAgent(self.world, "bob").sign_in()
        reader = self.listen()
        self.successResultOf(Deferred.fromCoroutine(self.world.ending.end([other.id], Cause.ADMINISTRATOR)))
        self.assertEqual((b"".join(reader.received), reader.finished), (LISTENING, 0))

    def test_ended_before(self) -> None:
        """
        Who begins to listen in the moment of the end hears of it as well.
        """
        receipt = self.end()
        reader = self.listen()
        self.assertEqual(b"".join(reader.received), LISTENING + self.told(receipt))
        self.assertEqual((reader.finished, self.events.count), (1, 0))

    def test_ended_between(self) -> None:
        """
        So does who listens already, but whose answer has not begun.
        """
        stream, reader = self.events.listen(self.session.id), RecordingReader()
        receipt = self.end()
        stream.start(reader)
        self.assertEqual(b"".join(reader.received), LISTENING + self.told(receipt))
        self.assertEqual(reader.finished, 1)

    def test_alive(self) -> None:
        """
        Every 25 seconds there is a comment, as long as anybody listens, and no longer.
        """
        reader = self.listen()
        self.world.clock.pump([1.0] * (ALIVE_SECONDS - 1))
        later = self.listen()
        for count in range(3):
            self.assertEqual(b"".join(reader.received), LISTENING + b": \n\n" * count)
            self.world.clock.pump([1.0])
            self.assertEqual(b"".join(reader.received), LISTENING + b": \n\n" * (count + 1))
            self.assertEqual(b"".join(later.received), LISTENING + b": \n\n" * count)
            self.world.clock.pump([1.0] * (ALIVE_SECONDS - 1))
            self.assertEqual(b"".join(later.received), LISTENING + b": \n\n" * (count + 1))
        assert isinstance(later.producer, EventStream)
        later.producer.reader_left()
        calls = len(self.world.clock.getDelayedCalls())
        assert isinstance(reader.producer, EventStream)
        reader.producer.reader_left()
        self.assertEqual(len(self.world.clock.getDelayedCalls()), calls - 1)
        self.assertEqual(self.events.count, 0)

    def test_no_use(self) -> None:
        """
        Listening is no use of the session, however long.
        """
        self.world.clock.advance(1.0)
        seen = self.world.registry.last_seen(self.session.id)
        self.listen()
        self.world.clock.pump([1.0] * ALIVE_SECONDS)
        self.assertEqual(self.world.registry.last_seen(self.session.id), seen)
        self.assertEqual(self.world.registry.exchanges(self.session.id), ())
        self.assertEqual(sum(self.end().exchanges_cut.values()), 0)

    def test_most(self) -> None:
        """
        There are so many for one session and no more, until one leaves; other sessions have their own.
        """
        readers = [self.listen() for _ in range(MOST_STREAMS)]
        self.assertRaises(TooManyStreams, self.events.listen, self.session.id)
        self.assertEqual(self.events.count, MOST_STREAMS)
        other = UserAgent(self.world, "bob").sign_in()
        self.events.listen(other.id)
        assert isinstance(readers[3].producer, EventStream)
        readers[3].producer.reader_left()
        self.listen()

    def test_close(self) -> None:
        """
        When the service stops every stream ends at once, in order, without a word of a sign-out; none begins.
        """
        reader = self.listen()
        self.events.close()
        self.assertEqual((b"".join(reader.received), reader.finished), (LISTENING, 1))
        self.assertRaises(ServiceStops, self.events.listen, self.session.id)
        self.end()
        self.assertEqual(b"".join(reader.received), LISTENING)


class SessionEventsPageTests(_Case):
    """
    Tests for `SessionEventsPage`, on both kinds of host.
    """

    HOSTS = (A, R)

    def listen(self, origin: str, headers: dict[str, str] | None = None, alice: UserAgent | None = None) -> Asked:
        """
        Ask for the stream as a page of the same host does.
        """
        return (alice or self.alice).get(origin + EVENTS, SCRIPT if headers is None else headers)

    def test_stream(self) -> None:
        """
        A page of the host gets a stream that is not kept, and hears of the end at once.
        """
        for origin in self.HOSTS:
            with self.subTest(origin):
                self.session = self.alice.sign_in()
                self.alice.get(A + "/.pomerium/")
                stream = self.listen(origin)
                self.assertEqual((stream.status, stream.header("content-type")), (200, "text/event-stream"))
                self.assertEqual(stream.header("cache-control"), "no-store")
                self.assertEqual(stream.header("transfer-encoding"), "chunked")
                self.assertIsNone(stream.header("content-length"))
                self.assertIn(LISTENING, stream.body)
                self.assertFalse(stream.is_done)
                receipt = self.end()
                self.assertTrue(stream.is_done)
                self.assertIn(self.told(receipt), stream.body)
                self.assertTrue(stream.body.endswith(b"\r\n0\r\n\r\n"), stream.body)

    def test_nobody(self) -> None:
        """
        Without a live session it is 401: never signed in, signed in on another host, signed out.
        """
        for origin in (*self.HOSTS, R2):
            with self.subTest(origin):
                self.assertEqual(self.listen(origin, alice=UserAgent(self.world)).status, 401)
        self.assertEqual(self.listen(R2).status, 401)
        self.end()
        for origin in self.HOSTS:
            with self.subTest(origin, ended=True):
                self.assertEqual(self.listen(origin).status, 401)

    OTHERS = (
        NAVIGATION,
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": R},
        {"Sec-Fetch-Site": "Same-Origin"},
        {"Sec-Fetch-Site": ""},
        {"Origin": "null"},
        {"Origin": "https://evil.example.net"},
        {"Origin": R2},
        {"Origin": R + "/"},
    )

    def test_not_from_elsewhere(self) -> None:
        """
        No other origin's page may listen, nor learn from the answer whether anybody is signed in.
        """
        for headers in self.OTHERS:
            for origin in self.HOSTS:
                for alice in (self.alice, UserAgent(self.world)):
                    with self.subTest(origin, headers=headers):
                        self.assertEqual(self.listen(origin, headers, alice).status, 403)

    def test_without_fetch_metadata(self) -> None:
        """
        A user agent that says nothing of the asking page, or names the host's own origin, is answered.
        """
        for origin in self.HOSTS:
            for headers in ({}, {"Origin": origin}):
                with self.subTest(origin, headers=headers):
                    self.assertEqual(self.listen(origin, headers).status, 200)

    def test_methods(self) -> None:
        """
        It is for GET only.
        """
        for origin in self.HOSTS:
            answer = self.alice.post(origin + EVENTS, {}, SCRIPT)
            self.assertEqual((answer.status, answer.header("allow")), (405, "GET"))

    def test_most(self) -> None:
        """
        A page too many is told to come back later; the hosts count together.
        """
        for index in range(MOST_STREAMS):
            self.assertEqual(self.listen(self.HOSTS[index % 2]).status, 200)
        for origin in self.HOSTS:
            answer = self.listen(origin)
            self.assertEqual((answer.status, answer.header("retry-after")), (429, "30"))

    def test_stopping(self) -> None:
        """
        While the service stops it is 503, which does not say that anybody was signed out.
        """
        self.world.session_events.close()
        answer = self.listen(R)
        self.assertEqual((answer.status, answer.header("retry-after")), (503, "30"))

    def test_page_gone(self) -> None:
        """
        A page that is closed is forgotten.
        """
        stream = self.listen(R)
        self.assertEqual(self.world.session_events.count, 1)
        stream.disconnect()
        self.assertEqual(self.world.session_events.count, 0)
        self.end()
        self.assertEqual(self.flushLoggedErrors(), [])


class SessionEventsScriptPageTests(SynchronousTestCase):
    """
    Tests for `SessionEventsScriptPage`.
    """

    def test_script(self) -> None:
        """
        Every host has the script, for its own pages, and user agents may keep it.
        """
        world = World()
        self.addCleanup(world.stop)
        for origin in (A, R):
            answer = UserAgent(world).get(origin + "/.pomerium/session_events.js", {"Sec-Fetch-Dest": "script"})
            self.assertEqual((answer.status, answer.text), (200, LISTENING_SCRIPT + "\n"))
            self.assertEqual(answer.header("content-type"), "text/javascript; charset=utf-8")
            self.assertEqual(answer.header("cache-control"), "public, max-age=3600")
            self.assertEqual(answer.header("cross-origin-resource-policy"), "same-origin")
            self.assertEqual(answer.headers("set-cookie"), [])

    def test_not_modified(self) -> None:
        """
        A user agent that has it is not sent it again.
        """
        tag = ask(SessionEventsScriptPage(), "/").header("etag") or ""
        for known, status in ((tag, 304), (f'"x", W/{tag}', 304), ('"x"', 200), ("", 200)):
            with self.subTest(known):
                answer = ask(SessionEventsScriptPage(), "/", headers=[("If-None-Match", known)])
                self.assertEqual((answer.status, bool(answer.body)), (status, status == 200))
                self.assertEqual(answer.header("etag"), tag)

    def test_head(self) -> None:
        """
        HEAD is answered without the script.
        """
        answer = ask(SessionEventsScriptPage(), "/", method="HEAD")
        self.assertEqual((answer.status, answer.body), (200, b""))
