"""
Tests for `pomerium_tx.sessions.ends`.
"""

from __future__ import annotations

from math import inf

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.ends import Ends

NOW = 1_700_000_000.0


class EndsTests(SynchronousTestCase):
    """
    Names with an end.
    """

    def setUp(self) -> None:
        """
        None yet; what ends is written down.
        """
        self.there: set[str] = set()
        self.ended: list[str] = []
        self.ends = Ends(self.there.__contains__, self.ended.append)

    def put(self, name: str, expires: float) -> None:
        """
        Remember a name.
        """
        self.there.add(name)
        self.ends.put(name, expires)

    def test_in_time(self) -> None:
        """
        Nothing is told before its time, and all that is over is told within ten seconds, soonest first.
        """
        for name, after in (("b", 100.0), ("a", 50.0), ("never", inf), ("far", 1e300), ("past", -5.0)):
            self.put(name, NOW + after)
        for after, ended in ((10, ["past"]), (49, ["past"]), (60, ["past", "a"]), (110, ["past", "a", "b"])):
            self.ends.forget(NOW + after)
            self.assertEqual(self.ended, ended)
        self.assertEqual(len(self.ends), 1)

    def test_at_the_moment(self) -> None:
        """
        Those whose ends are taken together are told of when the last of them can have ended, at that very moment.
        """
        self.put("first", NOW)
        self.put("last", NOW + 7.9)
        self.ends.forget(NOW + 7.9)
        self.assertEqual(self.ended, [])
        self.ends.forget(NOW + 8.0)
        self.assertEqual(self.ended, ["first", "last"])

    def test_gone(self) -> None:
        """
        Whoever is gone before that is not told of.
        """
        self.put("a", NOW)
        self.there.clear()
        self.ends.forget(NOW + 100)
        self.assertEqual((self.ended, len(self.ends)), ([], 0))

    def test_memory_is_bounded(self) -> None:
        """
        Those who are gone before their time do not pile up, and whoever is there is not lost among them.
        """
        self.put("stays", NOW + 40_000)
        for number in range(10_000):
            self.put(str(number), NOW + number)
            self.there.discard(str(number))
        self.assertIn(len(self.ends), range(1, 2000))
        self.ends.forget(NOW + 50_000)
        self.assertEqual((self.ended, len(self.ends)), (["stays"], 0))

    def test_void_places(self) -> None:
        """
        Where nobody stays, no more than a thousand who are gone are kept, and a few.
        """
        for number in range(5000):
            self.ends.put(str(number), NOW)
            self.assertLessEqual(len(self.ends), 1026)

    def test_few_questions(self) -> None:
        """
        Who is gone is not asked while there are few, and of many that are all there each is asked about once, on
        average: whether they end one after the other or all at the same time.
        """
        for apart in (1, 0):
            with self.subTest(apart=apart):
                asked: list[str] = []
                ends = Ends(lambda name, asked=asked: not asked.append(name), self.ended.append)
                for number in range(1000):
                    ends.put(str(number), NOW + number * apart)
                self.assertEqual(asked, [])
                for number in range(1000, 5000):
                    ends.put(str(number), NOW + number * apart)
                self.assertIn(len(asked), range(1000, 5000))
                self.assertEqual(len(ends), 5000)
