"""
Tests of `pomerium_tx.proxy.held`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.proxy.held import Held


class HeldTests(SynchronousTestCase):
    """
    Bytes that wait.
    """

    def test_in_order_and_bounded(self) -> None:
        """
        Bytes come out in the order in which they came, never more than asked for, and the size is always true.
        """
        held = Held()
        held.add(b"abcdef")
        held.add(b"gh")
        taken = []
        while held.size:
            size = held.size
            taken.append(held.take(4))
            self.assertEqual(held.size, size - len(taken[-1]))
        self.assertEqual(taken, [b"abcd", b"efgh"])
        self.assertEqual(held.take(4), b"")

    def test_all(self) -> None:
        """
        Everything can be taken at once, also after a part.
        """
        held = Held()
        held.add(b"abc")
        held.add(b"def")
        held.take(2)
        self.assertEqual(held.take_all(), b"cdef")
        self.assertEqual((held.size, held.take_all()), (0, b""))

    def test_clear(self) -> None:
        """
        What is cleared is gone.
        """
        held = Held()
        held.add(b"abc")
        held.clear()
        self.assertEqual((held.size, held.take(9)), (0, b""))
