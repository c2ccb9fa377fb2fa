"""
A session that is not used, where two processes may be asked for it.
"""

from __future__ import annotations

from tests.scenarios.test_idle import LIMIT, IdleTestCase
from tests.scenarios.traffic import SIGNED_OUT
from tests.scenarios.world import APP


class TwoHousesTests(IdleTestCase):
    """
    Two processes.
    """

    def setUp(self) -> None:
        super().setUp()
        self.other_house = self.build_house("proxy2")
        self.elsewhere = self.browser("proxy2")
        self.elsewhere.jar = self.alice.jar
        self.assertEqual(self.elsewhere.get(APP + "/").status, 200)

    def test_idle_in_both(self) -> None:
        """
        A session that is used in neither ends once, with one receipt, and is cut in both.
        """
        here, _ = self.websocket(self.alice)
        there, _ = self.websocket(self.elsewhere)
        self.assert_idle_after(LIMIT)
        self.assertEqual((here.take(), there.take()), (SIGNED_OUT, SIGNED_OUT))
        for house in (self.house, self.other_house):
            receipt = house.registry.receipt(self.receipts()[0]["id"])
            assert receipt is not None
            self.assertEqual((receipt.exchanges_cut["websocket"], receipt.sessions_ended), (2, 1))
        self.advance(LIMIT)
        self.assertEqual(self.causes(), ["idle"])

    def test_used_in_one(self) -> None:
        """
        A session that is used in one of them is not idle, whatever the other knows.
        """
        for browser in (self.alice, self.elsewhere):
            for _ in range(4):
                self.advance(LIMIT - 1.0, step=LIMIT)
                self.assertEqual(browser.get(APP + "/", follow=False).status, 200)
        self.assertEqual(self.causes(), [])

    def test_when(self) -> None:
        """
        Wherever it was used last, a session ends at the limit, or up to a tenth of it later where a process may not
        know yet; until then it is let in by both, and from then on by neither.
        """
        for pauses in ((7.0,), (3.0, 15.0), (19.0, 0.5), (19.0, 1.0, 18.5)):
            for is_turned in (False, True):
                with self.subTest(pauses=pauses, is_turned=is_turned):
                    self.setUp()
                    browsers = [self.alice, self.elsewhere]
                    for number, pause in enumerate(pauses):
                        self.advance(pause, step=0.5)
                        browser = browsers[(number + is_turned) % 2]
                        self.assertEqual(browser.get(APP + "/", follow=False).status, 200)
                    self.advance(LIMIT - 0.5, step=0.5)
                    houses = (self.house, self.other_house)
                    self.assertNotIn(None, [house.registry.find(self.session.id) for house in houses])
                    self.advance(0.5 + LIMIT / 10, step=0.5)
                    self.assertEqual(self.causes(), ["idle"])
                    for house in ("proxy", "proxy2"):
                        late = self.browser(house)
                        late.jar = self.alice.jar
                        self.assertEqual(late.get(APP + "/", follow=False).status, 302)

    def test_others_do_not_count(self) -> None:
        """
        However busy others are in either house, a session that nobody uses ends, in time.
        """
        bob = self.both("bob")
        for second in range(int(LIMIT + LIMIT / 10)):
            bob.get(APP + "/")
            self.assertEqual(self.is_alive(), second < LIMIT, second)
            self.advance(1.0)
        self.assertFalse(self.is_alive())

    def test_unavailable_for_a_while(self) -> None:
        """
        Uses that the store did not take for a while are told when it does; nobody waits for that, nor ends for it.
        """
        self.advance(10.0)
        self.unreliable.break_down()
        self.assertEqual(self.elsewhere.get(APP + "/", follow=False).status, 200)
        self.advance(6.0)
        self.unreliable.failure = None
        self.advance(LIMIT - 7.0)
        self.assertTrue(self.is_alive())
        self.assertEqual(self.alice.get(APP + "/", follow=False).status, 200)

    def test_seen_elsewhere(self) -> None:
        """
        The page of the person's sessions says in either house when they were used, and from where.
        """
        self.advance(9.0)
        phone = self.browser("proxy2", address="198.51.100.7")
        phone.jar = self.alice.jar
        phone.get(APP + "/")
        self.advance(2.0)
        registry = self.house.registry
        self.assertEqual(registry.last_seen(self.session.id), self.clock.seconds() - 2.0)
        self.assertEqual(registry.last_address(self.session.id), "198.51.100.7")
