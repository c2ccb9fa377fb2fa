"""
Tests of `pomerium_tx.workers.shares`.
"""

from __future__ import annotations

import os

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.workers.shares import PAUSE, UNRELIEVED, FairPort, Shares


class SharesTests(SynchronousTestCase):
    """
    Who has how many connections.
    """

    def setUp(self) -> None:
        """
        Three workers, of whom none serves.
        """
        self.shares = Shares.make(3)
        self.addCleanup(self.shares.close)

    def ahead(self, *connections: int | None) -> list[bool]:
        """
        Who should leave the next connection to another, when they have so many.
        """
        for number, count in enumerate(connections, 1):
            self.shares.put(number, count)
        return [self.shares.is_ahead(number) for number in (1, 2, 3)]

    def test_seen_by_all(self) -> None:
        """
        What one puts, everybody who has the memory sees.
        """
        other = Shares.inherited(os.dup(self.shares.descriptor))
        self.addCleanup(other.close)
        self.shares.put(2, 300)
        other.put(3, 0)
        self.assertEqual(
            [shares.of(number) for shares in (self.shares, other) for number in (1, 2, 3)], [None, 300, 0] * 2
        )

    def test_who_is_ahead(self) -> None:
        """
        Who has clearly more than some other that serves; never one alone, nor because of one that does not serve.
        """
        for connections, ahead in (
            ((0, 0, 0), [False, False, False]),
            ((1, 0, 0), [False, False, False]),
            ((2, 0, 0), [True, False, False]),
            ((2, 2, 0), [True, True, False]),
            ((5, None, None), [False, False, False]),
            ((5, None, 1), [True, False, False]),
            ((None, 9, 0), [False, True, False]),
            ((110, 100, 100), [False, False, False]),
            ((114, 100, 100), [True, False, False]),
        ):
            with self.subTest(connections=connections):
                self.assertEqual(self.ahead(*connections), ahead)


class Port:
    """
    A listening port that notes what is done with it.
    """

    def __init__(self) -> None:
        self.numberAccepts = 100
        self.accepted: list[int] = []
        self.is_read = True

    def doRead(self) -> None:
        """
        Accept as many as are to be.
        """
        self.accepted.append(self.numberAccepts)

    def stopReading(self) -> None:
        """
        Wait for no connection.
        """
        self.is_read = False

    def startReading(self) -> None:
        """
        Wait for connections.
        """
        self.is_read = True


class FairPortTests(SynchronousTestCase):
    """
    Whose turn it is.
    """

    def setUp(self) -> None:
        """
        It is ours.
        """
        self.port = Port()
        self.clock = Clock()
        self.is_ahead = False
        self.fair = FairPort(self.port, self.clock, lambda: self.is_ahead)

    def test_one_at_a_time(self) -> None:
        """
        Who is not ahead takes one connection, and sees then.
        """
        for _ in range(3):
            self.port.doRead()
        self.assertEqual(self.port.accepted, [1, 1, 1])

    def test_left_to_others(self) -> None:
        """
        Who is ahead looks away for a moment, and takes what nobody else has taken in it.
        """
        self.is_ahead = True
        self.port.doRead()
        self.assertEqual((self.port.accepted, self.port.is_read), ([], False))
        self.clock.advance(PAUSE)
        self.assertTrue(self.port.is_read)
        self.port.doRead()
        self.assertEqual(self.port.accepted, [UNRELIEVED])
        self.port.doRead()
        self.assertEqual((self.port.accepted, self.port.is_read), ([UNRELIEVED], False))

    def test_closed_meanwhile(self) -> None:
        """
        A port that is closed is not waited for any more.
        """
        self.is_ahead = True
        self.port.doRead()
        self.fair.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertFalse(self.port.is_read)
