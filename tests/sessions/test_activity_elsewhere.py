"""
Tests for `pomerium_tx.sessions.activity`: what several processes tell one another.
"""

from __future__ import annotations

from pomerium_tx.sessions.store import SessionsSeen
from tests.sessions.records import NOW
from tests.sessions.test_activity import ActivityTestCase


class ElsewhereTests(ActivityTestCase):
    """
    What others report, each six seconds.
    """

    def hear(self, *, at: float | None = None, is_news: bool = True, address: str = "", **seen: float) -> None:
        """
        Another process says which sessions were last used at which seconds; alice's is ``alice-1``.
        """
        uses = {f"{name}-1": NOW + second for name, second in seen.items()}
        change = SessionsSeen(
            registry="other",
            at=self.clock.seconds() if at is None else NOW + at,
            seen=uses,
            addresses=dict.fromkeys(uses, address) if address else {},
        )
        self.activity.heard(change, is_news=is_news)

    def test_used_elsewhere(self) -> None:
        """
        A session is as idle as it is where it was used last, and was seen then and there.
        """
        begun = self.begin()
        self.clock.advance(30)
        self.hear(alice=25, address="a")
        self.assertEqual((self.activity.last_seen(begun), self.activity.last_address(begun)), (NOW + 25, "a"))
        self.touch(address="b")
        self.hear(alice=28, address="a")
        self.assertEqual((self.activity.last_seen(begun), self.activity.last_address(begun)), (NOW + 30, "b"))
        self.clock.advance(5)
        self.hear(alice=34)
        self.assertEqual((self.activity.last_seen(begun), self.activity.last_address(begun)), (NOW + 34, "192.0.2.1"))
        self.clock.pump([1] * 70)
        self.assertEqual(self.reported, [("alice-1", 94)])

    def test_when(self) -> None:
        """
        A session is idle later only while something may be unsaid: by one interval at most, and not when all is quiet.
        """
        for heard, when in ((0, 60), (47, 60), (48, 60), (49, 61), (53, 65), (54, 66), (59, 66)):
            with self.subTest(heard=heard):
                self.setUp()
                self.begin()
                self.clock.advance(heard)
                self.hear()
                while self.clock.seconds() < NOW + 70:
                    self.assertEqual(self.is_idle(), self.clock.seconds() >= NOW + when)
                    self.clock.advance(0.5)
                self.assertEqual(self.reported, [("alice-1", when)])

    def test_used_while_in_doubt(self) -> None:
        """
        A session that may have been used elsewhere is used like any other.
        """
        self.begin()
        self.clock.advance(58)
        self.hear()
        self.clock.advance(7)
        self.touch()
        self.clock.pump([1] * 70)
        self.assertEqual(self.reported, [("alice-1", 125)])

    def test_idle_already(self) -> None:
        """
        Who was idle stays so, noticed or not, because more may be reported; who turns out to have been used does not.
        """
        for name in ("alice-1", "bob-1"):
            self.begin(name)
        self.clock.rightNow += 60
        self.assertTrue(self.is_idle("alice-1") and self.is_idle("bob-1"))
        self.hear(bob=59)
        self.assertEqual((self.is_idle("alice-1"), self.is_idle("bob-1")), (True, False))
        self.assertEqual(self.reported, [("alice-1", 60)])
        self.hear(alice=60)
        self.assertTrue(self.is_idle("alice-1"))
        self.activity.limit(50)
        self.assertTrue(self.is_idle("alice-1"))

    def test_another_clock(self) -> None:
        """
        What others say is understood by their own clocks, and nothing is used in the future.
        """
        begun = self.begin()
        self.clock.advance(30)
        self.hear(at=1000, alice=995)
        self.assertEqual(self.activity.last_seen(begun), NOW + 25)
        self.hear(at=-1000, alice=-1001)
        self.assertEqual(self.activity.last_seen(begun), NOW + 29)
        self.hear(at=1000, alice=1500)
        self.assertEqual(self.activity.last_seen(begun), NOW + 30)
        self.assertEqual(self.activity._addresses, {})

    def test_before_the_start(self) -> None:
        """
        What was said before this process started says when sessions were seen, and makes nobody idle.
        """
        self.clock.advance(1000)
        self.activity.joined()
        begun = self.begin()
        self.hear(at=50, alice=40, address="a", is_news=False)
        self.activity.joined()
        self.assertEqual((self.activity.last_seen(begun), self.activity.last_address(begun)), (NOW + 40, "a"))
        self.assertFalse(self.is_idle())
        self.clock.pump([0.5] * 130)
        self.assertEqual(self.reported, [("alice-1", 1060)])
        self.assertEqual(self.activity.last_seen(begun), NOW + 40)
        self.end()
        self.assertEqual(self.activity._earlier, {})

    def test_unknown(self) -> None:
        """
        Reports about sessions that are not, or no more, leave nothing behind.
        """
        self.hear(alice=0, address="a")
        self.assertEqual((self.activity._seen, self.activity._addresses, self.activity._earlier), ({}, {}, {}))

    def test_limited_later(self) -> None:
        """
        Where there was no timeout nobody has reported anything: for one interval somebody may.
        """
        self.activity.limit(None)
        self.begin()
        self.clock.advance(100)
        self.activity.limit(60)
        self.assertFalse(self.is_idle())
        self.clock.advance(5)
        self.hear(alice=99)
        self.clock.pump([1] * 60)
        self.assertEqual(self.reported, [("alice-1", 159)])

    def test_first_of_all(self) -> None:
        """
        Where there are no sessions yet there is nothing to wait for, however short the timeout.
        """
        self.activity.limit(None)
        self.activity.joined()
        self.activity.limit(0.5)
        self.begin()
        self.clock.pump([0.25] * 4)
        self.assertEqual(self.reported, [("alice-1", 0.5)])

    def test_one_of_many(self) -> None:
        """
        Where there are, somebody may have used them just before this process could hear of it.
        """
        self.activity.limit(0.5)
        self.begin()
        self.activity.joined()
        self.clock.pump([0.25] * 8)
        self.assertEqual(self.reported, [("alice-1", 1)])

    def test_shorter(self) -> None:
        """
        A timeout that becomes shorter waits for what may be unsaid.
        """
        self.begin()
        self.clock.advance(20)
        self.hear()
        self.activity.limit(10)
        self.assertFalse(self.is_idle())
        self.clock.advance(1)
        self.assertEqual(self.reported, [("alice-1", 21)])


class ReportTests(ActivityTestCase):
    """
    What is said to others.
    """

    def said(self) -> list[tuple[float, dict[str, float]]]:
        """
        When which sessions were said to have been used when.
        """
        changes = [change for change in self.store.appended if isinstance(change, SessionsSeen)]
        return [(one.at - NOW, {name: at - NOW for name, at in one.seen.items()}) for one in changes]

    def test_said(self) -> None:
        """
        A first use is said at once, and what follows each six seconds, as long as there is something.
        """
        self.begin("alice-1")
        self.begin("bob-1")
        self.clock.advance(10)
        self.touch("alice-1")
        self.clock.advance(0)
        for _ in range(8):
            self.clock.advance(1)
            self.touch("bob-1")
        self.clock.pump([1] * 30)
        self.assertEqual(self.said(), [(10, {"alice-1": 10}), (16, {"bob-1": 15}), (22, {"bob-1": 18})])

    def test_off(self) -> None:
        """
        Without a timeout nothing is said; when there is one, at once what counts under it, for all that were used.
        """
        self.activity.limit(None)
        self.begin("alice-1")
        self.begin("bob-1")
        self.clock.advance(5)
        self.touch("bob-1")
        self.clock.advance(45)
        self.touch("alice-1")
        self.clock.advance(20)
        self.assertEqual(self.said(), [])
        self.activity.limit(60)
        self.clock.advance(0)
        self.assertEqual(self.said(), [(70, {"alice-1": 50})])
        self.touch("alice-1")
        self.activity.limit(None)
        self.clock.advance(20)
        self.assertEqual(len(self.said()), 1)

    def test_no_use(self) -> None:
        """
        What is not use any more, and what is of a session that has ended, is not said.
        """
        self.begin("alice-1")
        self.begin("bob-1", 59)
        self.clock.advance(59.5)
        self.touch("bob-1")
        self.end("bob-1")
        self.clock.advance(1)
        self.touch("alice-1")
        self.clock.advance(1)
        self.assertEqual(self.said(), [])

    def test_own_word(self) -> None:
        """
        What this process has said itself keeps it from nothing.
        """
        self.begin("alice-1")
        self.begin("bob-1")
        self.clock.advance(59)
        self.touch("bob-1")
        self.clock.advance(0)
        [change] = self.store.appended
        assert isinstance(change, SessionsSeen)
        self.activity.heard(change, is_news=True)
        self.clock.advance(1)
        self.assertEqual(self.reported, [("alice-1", 60)])
