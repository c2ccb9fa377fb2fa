"""
Tests for `pomerium_tx.logout.upstream_notice`; what the tokens say is in `test_upstream_notice_token`.
"""

from __future__ import annotations

from treq.testing import RequestTraversalAgent
from twisted.internet.error import ConnectionRefusedError, TimeoutError
from twisted.logger import capturedLogs, formatEvent

from pomerium_tx.logout.upstream_notice import DEADLINE
from pomerium_tx.oidc.fetch import http_client
from tests.logout.notified import ONE, TWO, NoticeTestCase, a_route
from tests.oidc.test_fetch import Scripted, saying


class DeliveryTests(NoticeTestCase):
    """
    At least once, to every upstream.
    """

    def test_every_upstream(self) -> None:
        """
        Every upstream is told, with the client of its route, once, and then nothing is owed.
        """
        self.end()
        self.assertEqual(self.applications.asked, [])
        self.advance(300)
        self.assertEqual(sorted(self.applications.uris()), [ONE, TWO])
        self.assertEqual(self.clients_of, [self.routes["app"]] * 2)
        self.assertEqual(self.registry.notices(), [])
        self.assertEqual(self.outbox.progress(), ())
        self.assertTrue(all(response.transport.lost for response in self.applications.responses))

    def test_each_on_its_own(self) -> None:
        """
        One that has been told is not told again while the other is; both together are one thing that is owed.
        """
        self.applications.answers[TWO] = 503
        self.end()
        (notice,) = self.registry.notices()
        self.advance(300)
        uris = self.applications.uris()
        self.assertEqual(uris.count(ONE), 1)
        self.assertGreater(uris.count(TWO), 4)
        self.assertEqual(self.registry.notices(), [notice])
        (progress,) = self.outbox.progress_of(notice.id)
        self.assertEqual(progress.party, TWO)
        self.assertEqual(self.outbox.problem_of(notice.id), "the application answers 503")
        del self.applications.answers[TWO]
        self.advance(600)
        self.assertEqual(self.applications.uris(), [TWO])
        self.assertEqual(self.registry.notices(), [])

    def test_what_counts(self) -> None:
        """
        Any 2xx is understood; nothing else is, a redirect least of all.
        """
        self.routes["app"] = a_route(upstream_logout_uri=ONE)
        for answer, is_taken in (
            (200, True),
            (202, True),
            (204, True),
            (299, True),
            (301, False),
            (302, False),
            (307, False),
            (400, False),
            (401, False),
            (404, False),
            (429, False),
            (500, False),
            (503, False),
            (ConnectionRefusedError(), False),
            (TimeoutError(), False),
        ):
            with self.subTest(answer=answer):
                self.applications.answers = {ONE: answer}  # type: ignore[dict-item] # a union
                self.end()
                self.advance(20)
                self.assertEqual(len(self.registry.notices()), 0 if is_taken else 1)
                self.applications.answers = {}
                self.advance(100)
                self.assertEqual(self.registry.notices(), [])

    def test_no_redirect_is_followed(self) -> None:
        """
        Through the real client: a redirect leads to no other request, and a gzipped answer is not unpacked.
        """
        self.routes["app"] = a_route(upstream_logout_uri="https://app.internal/logout")
        resource = Scripted(saying(b"", 302, location="https://app.internal/elsewhere"))
        agent = RequestTraversalAgent(resource)
        client = http_client(agent)
        self.patch(self, "client", lambda route: client)
        self.end()
        self.clock.advance(0.1)
        agent.flush()
        self.assertEqual([request.path for request in resource.requests], [b"/logout"])
        self.assertTrue(resource.bodies[0].startswith(b"logout_token=ey"))
        self.assertEqual(len(self.registry.notices()), 1)
        resource.answer = saying(b"not gzip at all", 200, content_encoding="gzip")
        self.clock.advance(6.0)
        agent.flush()
        self.assertEqual(self.registry.notices(), [])

    def test_deadline(self) -> None:
        """
        An application that does not answer in time is asked again; what comes after that changes nothing.
        """
        self.routes["app"] = a_route(upstream_logout_uri=ONE)
        self.applications.held = []
        self.end()
        self.advance(int(DEADLINE) - 1)
        self.assertEqual(self.outbox.progress()[0].attempts, 0)
        self.advance(2)
        self.assertEqual(self.outbox.progress()[0].problem, "the application did not answer in time")
        self.applications.held = None
        self.advance(10)
        self.assertEqual(len(self.applications.asked), 2)
        self.assertEqual(self.registry.notices(), [])
        self.registry.leave()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_day(self) -> None:
        """
        After a day nobody is told any more, and it is said in the log.
        """
        self.applications.answers[TWO] = 503
        self.end()
        with capturedLogs() as events:
            self.clock.pump([300.0] * 300)
        self.assertEqual(self.registry.notices(), [])
        self.assertEqual(len([event for event in events if event["log_level"].name == "error"]), 1)
        self.assertLess(len(self.applications.asked), 60)

    def test_a_day_since_the_end(self) -> None:
        """
        The day begins with the end of the session, also for a process that begins later.
        """
        self.outbox.stop()
        self.end()
        self.clock.advance(24 * 3600.0)
        with capturedLogs():
            self.start()
            self.advance(1)
        self.assertEqual(self.applications.asked, [])
        self.assertEqual(self.registry.notices(), [])

    def test_limits(self) -> None:
        """
        One application gets two notices at a time, and another that does not answer does not keep it waiting.
        """
        self.routes |= {"app": a_route(upstream_logout_uri=ONE), "b": a_route(id="b", upstream_logout_uri=TWO)}
        self.applications.held = []
        for _ in range(10):
            self.end("app")
        self.end("b")
        self.advance(1)
        self.assertEqual(sorted(self.applications.uris()), [ONE, ONE, TWO])

    def test_thousands(self) -> None:
        """
        Looking anew at thousands that wait makes nothing anew.
        """
        self.applications.answers = {ONE: 503, TWO: 503}
        for _ in range(500):
            self.end()
        self.advance(10)
        self.assertEqual([id(one) for one in self.work.owed()], [id(one) for one in self.work.owed()])
        self.assertLess(len(self.applications.asked), 20)
        self.applications.answers = {}
        self.advance(120)
        self.assertEqual(len(self.registry.notices()), 0)

    def test_restart(self) -> None:
        """
        After a restart what is still owed is told, perhaps to one that knows it already.
        """
        self.applications.answers[TWO] = 503
        self.end()
        self.advance(2)
        self.outbox.stop()
        self.applications.uris()
        self.applications.answers.clear()
        self.start()
        self.advance(61)
        self.assertEqual(set(self.applications.uris()), {ONE, TWO})
        self.assertEqual(self.registry.notices(), [])

    def test_stopped(self) -> None:
        """
        The end of the service ends a request that is under way, and is no fault.
        """
        self.applications.held = []
        self.end()
        self.advance(1)
        self.assertEqual([held.called for held in self.applications.held], [False, False])
        with capturedLogs() as events:
            self.outbox.stop()
        self.assertEqual(events, [])
        self.assertEqual([held.called for held in self.applications.held], [True, True])
        self.end()
        self.advance(100)
        self.assertEqual(len(self.applications.asked), 2)
        self.registry.leave()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cannot_be_recorded(self) -> None:
        """
        That an application was told need not be recorded for it not to be told again.
        """
        self.end()
        self.clock.advance(0.05)
        notice_done = self.registry.notice_done
        self.patch(self.registry, "notice_done", self.out_of_order)
        self.advance(2)
        self.assertEqual(len(self.registry.notices()), 1)
        self.patch(self.registry, "notice_done", notice_done)
        self.end("elsewhere")
        self.advance(100)
        self.assertEqual(sorted(self.applications.uris()), [ONE, TWO])
        self.assertEqual(self.registry.notices(), [])

    async def out_of_order(self, *arguments: object) -> None:
        """
        Fail as a store does.
        """
        self.store.break_down()
        try:
            await self.registry.use_once("x", self.clock.seconds() + 1.0)
        finally:
            self.store.failure = None


class ConfigurationTests(NoticeTestCase):
    """
    Whom to tell is what the configuration says at the time of the attempt.
    """

    def setUp(self) -> None:
        super().setUp()
        self.applications.answers = {ONE: 503, TWO: 503}
        self.end()
        self.advance(2)
        self.applications.uris()
        self.applications.answers.clear()

    def test_route_gone(self) -> None:
        """
        A route that is gone is told to nobody, and the log says so.
        """
        self.routes.clear()
        with capturedLogs() as events:
            self.advance(10)
        self.assertEqual(self.applications.uris(), [])
        self.assertEqual(self.registry.notices(), [])
        self.assertTrue(any("nobody" in formatEvent(event) for event in events))

    def test_no_uri_any_more(self) -> None:
        """
        Nor is an application told that does not want to know any more.
        """
        self.routes["app"] = a_route(upstream_logout_uri=None)
        self.advance(10)
        self.assertEqual(self.applications.uris(), [])
        self.assertEqual(self.registry.notices(), [])

    def test_gone_before_the_first_attempt(self) -> None:
        """
        What was owed to a route that was gone at once is not owed for ever.
        """
        self.end("app")
        self.routes.clear()
        self.advance(100)
        self.assertEqual(self.applications.uris(), [])
        self.assertEqual(self.registry.notices(), [])

    def test_another_uri(self) -> None:
        """
        An application that has moved is told where it is now, and no longer where it was.
        """
        self.routes["app"] = a_route(upstream_logout_uri="https://new.internal/logout")
        self.advance(100)
        self.assertEqual(self.applications.uris(), ["https://new.internal/logout"])
        self.assertEqual(self.registry.notices(), [])

    def test_one_upstream_less(self) -> None:
        """
        An upstream that was removed is told nothing more; the others are.
        """
        self.routes["app"] = a_route(upstreams=self.routes["app"].upstreams[1:])
        self.advance(100)
        self.assertEqual(self.applications.uris(), [TWO])
        self.assertEqual(self.registry.notices(), [])


class SecretTests(NoticeTestCase):
    """
    What is not to be seen.
    """

    def test_nowhere(self) -> None:
        """
        A failure names route, host and status; neither token nor session is in the log or in what is shown.
        """
        self.applications.answers = {ONE: 503, TWO: ConnectionRefusedError()}
        with capturedLogs() as events:
            session = self.end()
            self.advance(30)
        said = [formatEvent(event) for event in events]
        self.assertTrue(any("the app at one.internal:8080" in line and "503" in line for line in said), said)
        self.assertTrue(any("two.internal:8080" in line and "ConnectionRefused" in line for line in said), said)
        shown = repr(events) + repr(self.outbox.progress()) + repr(list(self.work.owed()))
        self.assertNotIn(session.id, shown)
        for _, token in self.applications.asked:
            self.assertNotIn(token, shown)
            self.assertNotIn(token.rpartition(".")[2], shown)

    def test_query_of_the_uri(self) -> None:
        """
        A URI's query, where some put a password, is sent and not shown.
        """
        self.routes["app"] = a_route(upstream_logout_uri=ONE + "?key=secret")
        self.applications.answers = {ONE + "?key=secret": 503}
        with capturedLogs() as events:
            self.end()
            self.advance(3)
        self.assertEqual(self.applications.uris(), [ONE + "?key=secret"])
        self.assertEqual(self.outbox.progress()[0].party, ONE)
        self.assertNotIn("secret", repr(events) + repr(self.outbox.progress()))
