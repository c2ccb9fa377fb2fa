"""
Tests for `pomerium_tx.sessions.attachments`.
"""

from __future__ import annotations

import gc

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.attachments import MANY, Attachments
from pomerium_tx.sessions.store import Cause
from tests.doubles.exchanges import MemoryExchange


class AttachmentsTests(SynchronousTestCase):
    """
    What is open for whom.
    """

    def test_equal_exchanges_are_two(self) -> None:
        """
        Exchanges that look alike are each cut, and each counted.
        """
        attachments = Attachments()
        exchanges = [MemoryExchange(), MemoryExchange()]
        for exchange in (*exchanges, *exchanges):
            attachments.add("s", exchange)
        cut = attachments.cut(["s", "nobody"], Cause.IDLE)
        assert cut is not None
        self.assertEqual(cut[0]["download"], 2)
        self.assertEqual([exchange.causes for exchange in exchanges], [[Cause.IDLE]] * 2)
        self.assertIsNone(attachments.cut(["s"], Cause.IDLE))

    def test_nothing_stays(self) -> None:
        """
        A session whose exchanges are over takes no memory.
        """
        attachments = Attachments()
        exchange = MemoryExchange()
        attachments.add("s", exchange)
        attachments.discard("s", MemoryExchange())
        self.assertEqual(len(attachments), 1)
        attachments.discard("s", exchange)
        self.assertEqual(len(attachments), 0)

    def test_one_that_cannot_be_counted(self) -> None:
        """
        An exchange that cannot say what it is is cut like the others.
        """

        class Broken(MemoryExchange):
            """
            Does not know its kind.
            """

            @property
            def kind(self) -> str:
                """
                Unknown.
                """
                raise ZeroDivisionError

            @kind.setter
            def kind(self, kind: str) -> None:
                """
                Forgotten.
                """

        attachments = Attachments()
        broken = Broken()
        attachments.add("s", broken)
        attachments.cut(["s"], Cause.IDLE)
        self.assertTrue(broken.is_cut)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_in_doubt_is_asked_before_the_cut(self) -> None:
        """
        What was in doubt when it was cut is counted by method and route.
        """
        attachments = Attachments()
        for method, route_id in (("POST", "a"), ("POST", "a"), ("PUT", "b")):
            attachments.add("s", MemoryExchange(method=method, route_id=route_id, in_doubt=True))
        cut = attachments.cut(["s"], Cause.IDLE)
        assert cut is not None
        self.assertEqual(cut[1], {"POST a": 2, "PUT b": 1})

    def test_many(self) -> None:
        """
        While many are cut nothing is collected, and afterwards as before, whatever a cut does.
        """
        attachments = Attachments()
        during: list[bool] = []

        def on_cut(exchange: MemoryExchange) -> None:
            during.append(gc.isenabled())
            raise ZeroDivisionError

        for count, expected in ((MANY, True), (MANY + 1, False)):
            exchanges = [MemoryExchange(on_cut=on_cut) for _ in range(count)]
            for exchange in exchanges:
                attachments.add("s", exchange)
            attachments.cut(["s"], Cause.ADMINISTRATOR)
            self.assertEqual((set(during), gc.isenabled()), ({expected}, True))
            during.clear()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2 * MANY + 1)
