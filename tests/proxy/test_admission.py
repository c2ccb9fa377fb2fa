"""
Tests of `pomerium_tx.proxy.admission`.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.proxy import admission
from pomerium_tx.proxy.admission import Admission, ConnectionLimits, connection_limits, whose
from pomerium_tx.proxy.deadlines import Deadlines


class Connection:
    """
    A connection that is idle, or not.
    """

    def __init__(self, peer: str = "192.0.2.1", idle_since: float | None = None, *, is_owed: bool = False) -> None:
        self.peer = peer
        self.idle_since = idle_since
        self.gave_way = False
        self._is_owed = is_owed

    def give_way(self) -> bool:
        self.gave_way = not self._is_owed
        return self.gave_way


class Counting(Connection):
    """
    One that knows how often it was asked whether it is idle.
    """

    asked = 0

    @property  # type: ignore[override] # computed here
    def idle_since(self) -> float | None:
        Counting.asked += 1
        return None

    @idle_since.setter
    def idle_since(self, since: float | None) -> None:
        pass


class LimitsTests(SynchronousTestCase):
    """
    What the keys come to.
    """

    def test_from_the_descriptors(self) -> None:
        """
        Where nothing is written, half of the descriptors are for connections, the other half for those to applications,
        and some are kept for everything else; there may always be one connection.
        """
        for descriptors, connections, per_address in (
            (1024, 480, 240),
            (130, 33, 16),
            (128, 32, 16),
            (64, 16, 8),
            (8, 2, 1),
            (2, 1, 1),
            (0, 1, 1),
            (1 << 40, 524_256, 262_128),
            (-1, 524_256, 262_128),
        ):
            with self.subTest(descriptors):
                found = connection_limits(connections=0, per_address=0, descriptors=descriptors)
                self.assertEqual((found.connections, found.per_address), (connections, per_address))
                self.assertLessEqual(abs(found.to_applications - connections), 1)

    def test_written(self) -> None:
        """
        What is written holds.
        """
        for connections, per_address, expected in ((10, 0, 5), (1, 0, 1), (10, 7, 7), (10, 20, 20)):
            with self.subTest((connections, per_address)):
                found = connection_limits(connections=connections, per_address=per_address, descriptors=1024)
                self.assertEqual((found.connections, found.per_address), (connections, expected))
                self.assertEqual(found.to_applications, 960 - connections)

    def test_more_than_the_descriptors(self) -> None:
        """
        What does not fit is not promised, and the operator is told.
        """
        with capturedLogs() as logged:
            found = connection_limits(connections=5000, per_address=0, descriptors=1024)
        self.assertEqual(found, ConnectionLimits(connections=960, per_address=480, to_applications=1))
        self.assertEqual([(event["most"], event["written"]) for event in logged], [(960, 5000)])

    def test_whose(self) -> None:
        """
        Whoever has an IPv6 address has all of its network, and counts as one.
        """
        one = whose("2001:db8:0:1::1")
        for peer, is_same in (
            ("2001:db8:0:1:ffff::", True),
            ("2001:0db8:0:1::2%eth0", True),
            ("2001:db8:0:2::1", False),
            ("192.0.2.1", False),
        ):
            with self.subTest(peer):
                self.assertEqual(whose(peer) == one, is_same)
        self.assertNotEqual(whose("192.0.2.1"), whose("192.0.2.2"))


class AdmissionTests(SynchronousTestCase):
    """
    Who may connect.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.deadlines = Deadlines(self.clock, self.clock.seconds)
        self.deadlines.start()
        self.limits = ConnectionLimits(connections=4, per_address=3)
        self.admission: Admission[Connection] = Admission(lambda: self.limits, self.deadlines)

    def let_in(self, *connections: Connection) -> None:
        """
        They are welcome, and there.
        """
        for connection in connections:
            self.assertTrue(self.admission.is_welcome(connection.peer))
            self.admission.add(connection)

    def test_all(self) -> None:
        """
        There are so many at a time; when one has gone, another may come.
        """
        connections = [Connection(f"192.0.2.{number}") for number in range(4)]
        self.let_in(*connections)
        self.assertFalse(self.admission.is_welcome("192.0.2.9"))
        self.assertEqual(len(self.admission), 4)
        self.admission.discard(connections[1])
        self.admission.discard(connections[1])
        self.assertEqual(self.admission.open, [connections[0], *connections[2:]])
        self.let_in(Connection("192.0.2.9"))
        self.assertFalse(self.admission.is_welcome("192.0.2.9"))

    def test_of_one_address(self) -> None:
        """
        One address has its share, and no idle connection of anybody is closed for more.
        """
        connections = [Connection(idle_since=0.0) for _ in range(3)]
        self.let_in(*connections)
        self.assertFalse(self.admission.is_welcome("192.0.2.1"))
        self.assertFalse(any(connection.gave_way for connection in connections))
        self.assertTrue(self.admission.is_welcome("192.0.2.2"))
        self.admission.discard(connections[0])
        self.assertTrue(self.admission.is_welcome("192.0.2.1"))

    def test_all_from_one_address(self) -> None:
        """
        Where one address may have all connections, as a load balancer must, its idle ones give way to its new ones.
        """
        self.limits = ConnectionLimits(connections=3, per_address=3)
        connections = [Connection(idle_since=0.0) for _ in range(3)]
        self.let_in(*connections, Connection())
        self.assertTrue(connections[0].gave_way)

    def test_nothing_kept(self) -> None:
        """
        An address without connections leaves nothing behind.
        """
        for number in range(100):
            connection = Connection(f"192.0.2.{number}")
            self.let_in(connection)
            self.admission.discard(connection)
        self.assertEqual(self.admission._by_address, {})

    def test_idle_give_way(self) -> None:
        """
        At the limit the connection gives way that has been idle for longest, then the next; what is in use stays.
        """
        used, young, old, middle = (
            Connection(f"192.0.2.{number}", since) for number, since in enumerate((None, 30.0, 10.0, 20.0))
        )
        self.let_in(used, young, old, middle)
        for expected in (old, middle, young):
            self.let_in(Connection("198.51.100.1" if expected is old else "198.51.100.2"))
            self.assertTrue(expected.gave_way)
            self.assertEqual(len(self.admission), 4)
        self.assertFalse(self.admission.is_welcome("198.51.100.3"))
        self.assertFalse(used.gave_way)

    def test_used_again(self) -> None:
        """
        A connection that was found idle and has been used since then does not give way for how it was before.
        """
        connections = [Connection(f"192.0.2.{number}", float(number)) for number in range(4)]
        self.let_in(*connections)
        self.let_in(Connection("198.51.100.1"))
        connections[1].idle_since = None
        self.let_in(Connection("198.51.100.2"))
        self.assertEqual([connection.gave_way for connection in connections], [True, False, True, False])

    def test_owed(self) -> None:
        """
        A connection whose peer has not taken its answer is not closed on it.
        """
        self.let_in(*(Connection(f"192.0.2.{number}", 0.0, is_owed=True) for number in range(4)))
        self.assertFalse(self.admission.is_welcome("198.51.100.1"))

    def test_fresh_connections_are_found(self) -> None:
        """
        Where there are few, one that has become idle just now is found at once.
        """
        self.let_in(*(Connection(f"192.0.2.{number}", 0.0) for number in range(4)))
        for number in range(20):
            self.let_in(Connection(f"198.51.100.{number}", 1.0))

    def test_search_is_bounded(self) -> None:
        """
        Whoever floods a proxy whose connections are all in use does not make it look at each of them each time.
        """
        self.limits = ConnectionLimits(connections=admission._FEW + 1, per_address=admission._FEW)
        for number in range(admission._FEW + 1):
            self.admission.add(Counting(f"10.0.{number // 250}.{number % 250}"))
        Counting.asked = 0
        for _ in range(1000):
            self.assertFalse(self.admission.is_welcome("198.51.100.1"))
        self.assertEqual(Counting.asked, admission._FEW + 1)
        self.clock.advance(1.5)
        self.assertFalse(self.admission.is_welcome("198.51.100.1"))
        self.assertEqual(Counting.asked, 2 * (admission._FEW + 1))

    def test_nothing_kept_of_the_gone(self) -> None:
        """
        Once there are few connections again, those that were found idle are not held on to.
        """
        connections = [Connection(f"192.0.2.{number}", 0.0) for number in range(4)]
        self.let_in(*connections, Connection("198.51.100.1"))
        for connection in connections:
            self.admission.discard(connection)
        self.let_in(Connection("198.51.100.2"))
        self.assertEqual(len(self.admission._idle), 0)

    def test_smaller_limits(self) -> None:
        """
        When a reload leaves room for fewer, nobody is thrown out, and nobody is let in until enough have gone.
        """
        connections = [Connection(f"192.0.2.{number}") for number in range(4)]
        self.let_in(*connections)
        self.limits = ConnectionLimits(connections=2, per_address=2)
        for connection in connections[:2]:
            self.assertFalse(self.admission.is_welcome("198.51.100.1"))
            self.admission.discard(connection)
        self.assertFalse(self.admission.is_welcome("198.51.100.1"))
        self.admission.discard(connections[2])
        self.assertTrue(self.admission.is_welcome("198.51.100.1"))

    def test_one_line_a_minute(self) -> None:
        """
        A flood is one line a minute with its count, for each way of being refused.
        """
        self.let_in(*(Connection() for _ in range(3)), Connection("192.0.2.2"))
        with capturedLogs() as logged:
            for _ in range(30):
                for _ in range(100):
                    self.admission.is_welcome("192.0.2.1")
                    self.admission.is_welcome("192.0.2.3")
                self.clock.advance(1)
            self.clock.pump([1.0] * 90)
        counts = [(event["count"], event["most"]) for event in logged]
        self.assertCountEqual(counts, [(1, 3), (1, 4), (2999, 3), (2999, 4)])
