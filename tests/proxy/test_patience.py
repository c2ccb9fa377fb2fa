"""
Tests of `pomerium_tx.proxy.patience`.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.proxy.connection import Times
from pomerium_tx.proxy.deadlines import NEVER
from pomerium_tx.proxy.patience import Patience

TIMES = Times(head=10.0, body=20.0, request=50.0, idle=100.0)


def head(content_length: int | None = None) -> RequestHead:
    """
    A head with so much content.
    """
    return RequestHead(b"POST", b"/", 1, [], b"a", content_length, False, True, None, False, frozenset())


class PatienceTests(SynchronousTestCase):
    """
    For how long a user agent is waited for.
    """

    def setUp(self) -> None:
        """
        Somebody connects, at five o'clock.
        """
        self.clock = Clock()
        self.clock.advance(5.0)
        proxy: Any = SimpleNamespace(times=TIMES, deadlines=SimpleNamespace(now=self.clock.seconds))
        self.patience = Patience(proxy)
        self.patience.connected()

    def test_first_head(self) -> None:
        """
        The first head's time runs from the connection, whenever its first byte comes.
        """
        self.assertEqual(self.patience.until, 15.0)
        self.clock.advance(8.0)
        self.patience.head_began()
        self.clock.advance(1.0)
        self.patience.head_began()
        self.assertEqual(self.patience.until, 15.0)

    def test_later_head(self) -> None:
        """
        A later head's time runs from its first byte, and no later byte prolongs it.
        """
        self.patience.head_came(head())
        self.patience.answered()
        self.assertEqual((self.patience.until, self.patience.idle_since), (105.0, 5.0))
        self.clock.advance(40.0)
        self.patience.head_began()
        self.clock.advance(5.0)
        self.patience.head_began()
        self.assertEqual(self.patience.until, 55.0)
        self.patience.head_came(head())
        self.patience.answered()
        self.clock.advance(1.0)
        self.patience.head_began()
        self.assertEqual(self.patience.until, 61.0)

    def test_content(self) -> None:
        """
        Each piece of content has its time, and all of the request has one that no piece prolongs.
        """
        self.clock.advance(2.0)
        self.patience.head_began()
        self.clock.advance(2.0)
        self.patience.head_came(head(7))
        self.assertEqual((self.patience.until, self.patience.request_until), (29.0, 57.0))
        for seconds, until in ((10.0, 39.0), (15.0, 54.0), (15.0, 57.0)):
            self.clock.advance(seconds)
            self.patience.content_awaited()
            self.assertEqual(self.patience.until, until)

    def test_nothing_is_waited_for(self) -> None:
        """
        A request that has come whole needs no patience.
        """
        self.patience.head_came(head())
        self.assertEqual(self.patience.until, NEVER)
        self.patience.head_came(head(7))
        self.patience.request_came()
        self.assertEqual(self.patience.until, NEVER)
