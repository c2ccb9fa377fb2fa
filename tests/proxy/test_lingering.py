"""
Tests of `pomerium_tx.proxy.lingering`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.proxy import lingering
from pomerium_tx.proxy.deadlines import NEVER
from pomerium_tx.proxy.lingering import LONGEST_SECONDS, MOST_BYTES, QUIET_SECONDS, Lingering

PATIENCE = 300.0


class Wire:
    """
    A transport that records what becomes of it.
    """

    def __init__(self) -> None:
        self.unsent = False
        self.said: list[str] = []

    def loseWriteConnection(self) -> None:
        self.said.append("half")

    def loseConnection(self) -> None:
        self.said.append("close")

    def abortConnection(self) -> None:
        self.said.append("abort")

    def pauseProducing(self) -> None:
        self.said.append("pause")


class LingeringTests(SynchronousTestCase):
    """
    What is still coming makes no reset that overtakes the answer.
    """

    def setUp(self) -> None:
        self.wire = Wire()

    def lingering(self, *, heard_out: bool = False) -> Lingering:
        """
        One that begins at 100.
        """
        return Lingering(self.wire, 100.0, heard_out=heard_out)

    def test_quiet(self) -> None:
        """
        Our direction is closed first, and all of it when nothing has come for a while.
        """
        end = self.lingering()
        self.assertEqual(self.wire.said, ["half"])
        self.assertLess(end.check(101.0, PATIENCE), NEVER)
        self.assertEqual(end.check(100.0 + QUIET_SECONDS, PATIENCE), NEVER)
        self.assertEqual(self.wire.said, ["half", "close"])

    def test_heard_out(self) -> None:
        """
        Nobody is waited for who has closed already.
        """
        self.lingering(heard_out=True)
        self.assertEqual(self.wire.said, ["close"])

    def test_goes_on(self) -> None:
        """
        Whoever goes on sending is read on, but not for ever.
        """
        end = self.lingering()
        now = 100.0
        while end.check(now, PATIENCE) < NEVER:
            end.discard(10, now)
            now += 1.0
        self.assertEqual(now, 100.0 + LONGEST_SECONDS)
        self.assertEqual(self.wire.said, ["half", "close"])

    def test_much(self) -> None:
        """
        What is too much is left in the kernel; it has had time to take the answer when the connection is closed.
        """
        end = self.lingering()
        end.discard(MOST_BYTES, 101.0)
        self.assertEqual(self.wire.said, ["half"])
        end.discard(1, 101.0)
        self.assertEqual(self.wire.said, ["half", "pause"])
        self.assertEqual(end.check(102.0, PATIENCE), NEVER)
        self.assertEqual(self.wire.said, ["half", "pause", "close"])

    def test_unread_answer(self) -> None:
        """
        Who takes the answer slowly is waited for as long as for anything else that is idle.
        """
        end = self.lingering()
        self.wire.unsent = True
        self.assertLess(end.check(100.0 + PATIENCE - 1, PATIENCE), NEVER)
        self.assertEqual(end.check(100.0 + PATIENCE, PATIENCE), NEVER)
        self.assertEqual(self.wire.said, ["half", "abort"])

    def test_tls(self) -> None:
        """
        Over TLS, which is closed as a whole, a peer that does not answer is not waited for.
        """
        self.patch(lingering, "can_half_close", lambda transport: False)
        end = self.lingering()
        self.assertEqual(self.wire.said, ["close"])
        self.assertEqual(end.check(100.0 + QUIET_SECONDS, PATIENCE), NEVER)
        self.assertEqual(self.wire.said, ["close", "abort"])
