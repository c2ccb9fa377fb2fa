"""
Workers and their parent in memory: what one of them is asked holds at all of them.

That everything a single house promises also holds for a worker is shown by a choice of its own tests.
"""

from __future__ import annotations

import html
import json
from collections.abc import Collection

from pomerium_tx.sessions.elsewhere import Seen, seen
from pomerium_tx.workers.follower import PATIENCE
from tests.scenarios import test_login_in_flight, test_my_sessions, test_nothing_in_flight, test_revocation
from tests.scenarios.browser import Browser
from tests.scenarios.test_my_sessions import PAGE
from tests.scenarios.traffic import SIGNED_OUT, TrafficTestCase
from tests.scenarios.workers_world import WithWorkers
from tests.scenarios.world import APP, CHAT


class NothingInFlightTests(WithWorkers, test_nothing_in_flight.EveryKindTests):
    """
    Everything open is cut.
    """


class RevocationTests(WithWorkers, test_revocation.FailureTests):
    """
    What a sign-out at a worker owes is paid by the parent.
    """


class SignInTests(WithWorkers, test_login_in_flight.RefreshTests):
    """
    The parent keeps sessions fresh, and a refresh in flight loses against a sign-out at a worker.
    """


class MySessionsTests(WithWorkers, test_my_sessions.PageTests):
    """
    A person's own page.
    """


class TwoWorkersTests(WithWorkers, TrafficTestCase):
    """
    A browser's connections go to either.
    """

    def setUp(self) -> None:
        super().setUp()
        self.other_house = self.build_house("proxy2")
        self.alice = self.both()
        self.elsewhere = self.at_the_other(self.alice)

    def at_the_other(self, browser: Browser) -> Browser:
        """
        The same browser, with its connections at the other worker.
        """
        other = self.browser("proxy2")
        other.jar = browser.jar
        return other

    def test_cut_at_the_other(self) -> None:
        """
        A sign-out at one cuts what is open at the other before it is answered; the receipt, which one line of the log
        has, counts all of it and says at how many it is in force.
        """
        bobs, _ = self.stream(self.at_the_other(self.both("bob")))
        socket, _ = self.websocket(self.elsewhere)
        download, _ = self.download(self.elsewhere)
        here, _ = self.stream(self.alice)
        text = self.alice.fetch(APP + "/.pomerium/sign_out", "POST").text
        receipt = json.loads(text)
        self.assertEqual(socket.take(), SIGNED_OUT)
        for agent in (download, here):
            self.assert_broken_off(agent)
        self.assertIsNone(bobs.lost)
        self.assertEqual(receipt["exchanges_cut"], {"websocket": 1, "tunnel": 0, "sse": 1, "upload": 0, "download": 1})
        self.assertEqual(receipt["replicas"], "2/2")
        (audited,) = self.receipts()
        self.assertEqual((audited["id"], audited["exchanges_cut"]), (receipt["id"], receipt["exchanges_cut"]))
        self.assertEqual(audited["replicas"], "2/2")
        self.assertEqual(self.elsewhere.get(APP + "/", follow=False).status, 302)

    def test_answer_waits(self) -> None:
        """
        The sign-out is not answered while one worker has not said that it has cut what is open there; when that worker
        is out of reach for too long, and dead, it is.
        """
        self.worker_of[self.other_house].to_parent.hold()
        agent = self.alice.open(
            "GET",
            APP + "/.pomerium/sign_out",
            "Sec-Fetch-Site: none",
            "Sec-Fetch-Mode: navigate",
            "Sec-Fetch-Dest: document",
        )
        self.settle()
        self.assertEqual(agent.take(), b"")
        self.advance(PATIENCE + 1)
        self.assertIn(b" 302 ", agent.take()[:13])
        self.assertEqual(len(self.receipts()), 1)

    def test_who_comes_back(self) -> None:
        """
        A worker that is started in the place of a dead one knows who is signed in and who is not.
        """
        bob = self.both("bob")
        self.sign_out(self.alice)
        self.worker_of[self.other_house].break_link()
        self.build_house("proxy3")
        for browser, status in ((bob, 200), (self.alice, 302)):
            late = self.browser("proxy3")
            late.jar = browser.jar
            self.assertEqual(late.get(CHAT + "/", follow=False).status, status)

    def test_tokens_are_revoked_once(self) -> None:
        """
        What is owed is paid once, and not by the workers.
        """
        self.sign_out(self.alice)
        self.advance(120.0, step=10.0)
        tokens = [request.parameter("token") for request in self.provider.revocations]
        self.assertEqual((len(tokens), len(set(tokens))), (2, 2))
        for house in (self.house, self.other_house):
            self.assertEqual(house.registry.owed(), [])

    def test_own_page_shows_what_is_open_at_the_other(self) -> None:
        """
        A person's own page has what is open at every worker, when the others answer.
        """

        async def elsewhere(session_ids: Collection[str]) -> Seen:
            return seen(session_ids, self.other_house.registry.exchanges)

        self.websocket(self.elsewhere)
        self.house.registry._elsewhere = elsewhere
        self.assertIn(f"WebSocket on {CHAT}", html.unescape(self.alice.get(PAGE).text))
