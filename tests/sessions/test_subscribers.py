"""
Tests for `pomerium_tx.sessions.subscribers`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.subscribers import Subscribers


class SubscribersTests(SynchronousTestCase):
    """
    Telling.
    """

    def test_one_that_raises(self) -> None:
        """
        A callback that raises is logged and keeps nothing from the others.
        """
        heard: list[int] = []
        subscribers: Subscribers[int] = Subscribers()
        subscribers.add(lambda event: 1 // event)
        subscribers.add(heard.append)
        subscribers.tell(0)
        self.assertEqual(heard, [0])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_stopping(self) -> None:
        """
        Who has stopped is told nothing more, and may stop twice.
        """
        heard: list[int] = []
        subscribers: Subscribers[int] = Subscribers()
        stop = subscribers.add(heard.append)
        subscribers.tell(1)
        stop()
        stop()
        subscribers.tell(2)
        self.assertEqual(heard, [1])
