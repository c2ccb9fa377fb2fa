"""
Tests of `pomerium_tx.lean_reactor`.
"""

from __future__ import annotations

import errno
import select
from typing import Any

from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.lean_reactor import LeanEPollReactor


class Poller:
    """
    A poller that is asked, and answers what it was told to.
    """

    def __init__(self, *answers: list[tuple[int, int]] | OSError) -> None:
        self.answers = list(answers)
        self.asked: list[float] = []

    def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
        """
        What is ready.
        """
        self.asked.append(timeout)
        answer = self.answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    def unregister(self, descriptor: int) -> None:
        """
        Forget it.
        """


class Selectable:
    """
    Something that is read and written.
    """

    def __init__(self, descriptor: int, why: Exception | None = None) -> None:
        self.descriptor = descriptor
        self.why = why
        self.calls: list[str] = []
        self.lost: list[Any] = []

    def fileno(self) -> int:
        """
        Its descriptor.
        """
        return self.descriptor

    def doRead(self) -> Any:
        """
        Raise what it was told to.
        """
        self.calls.append("read")
        if self.why is not None:
            raise self.why

    def doWrite(self) -> Any:
        """
        Be written.
        """
        self.calls.append("write")

    def readConnectionLost(self, reason: Failure) -> None:
        """
        It is closed.
        """
        self.lost.append(reason.value)

    connectionLost = readConnectionLost


class LeanReactorTests(SynchronousTestCase):
    """
    Events reach whom they are for, and nothing that goes wrong reaches anybody else.
    """

    def reactor(self, *answers: list[tuple[int, int]] | OSError) -> tuple[Any, Poller]:
        """
        A reactor that is not installed, and its poller.
        """
        reactor: Any = LeanEPollReactor()
        reactor._poller.close()
        reactor._poller = poller = Poller(*answers)
        self.addCleanup(reactor.disconnectAll)
        return reactor, poller

    def test_events(self) -> None:
        """
        What is ready is read or written, in the order of the poller; what was removed meanwhile is left alone.
        """
        reactor, _ = self.reactor([(1, select.EPOLLIN), (2, select.EPOLLOUT), (3, select.EPOLLIN), (9, select.EPOLLIN)])
        one, two, both = Selectable(1), Selectable(2), Selectable(3)
        reactor._selectables.update({1: one, 2: two, 3: both})
        reactor.doPoll(None)
        self.assertEqual([one.calls, two.calls, both.calls], [["read"], ["write"], ["read"]])

    def test_timeout(self) -> None:
        """
        It waits for as long as it is told, and for ever when it is told nothing.
        """
        reactor, poller = self.reactor([], [], [])
        for timeout in (None, 0, 2.5):
            reactor.doIteration(timeout)
        self.assertEqual(poller.asked, [-1, 0, 2.5])

    def test_interrupted(self) -> None:
        """
        A signal ends the wait and nothing else; another error of the poller is not hidden.
        """
        reactor, _ = self.reactor(OSError(errno.EINTR, "interrupted"), OSError(errno.EBADF, "bad"))
        reactor.doPoll(1)
        self.assertEqual(self.assertRaises(OSError, reactor.doPoll, 1).errno, errno.EBADF)

    def test_what_raises_is_lost(self) -> None:
        """
        Who raises is logged and closed, and the next one is served all the same.
        """
        reactor, _ = self.reactor([(1, select.EPOLLIN), (2, select.EPOLLIN)])
        broken, whole = Selectable(1, RuntimeError("broken")), Selectable(2)
        reactor._selectables.update({1: broken, 2: whole})
        reactor._reads.add(1)
        reactor.doPoll(None)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual([type(reason) for reason in broken.lost], [RuntimeError])
        self.assertEqual(whole.calls, ["read"])

    def test_hung_up(self) -> None:
        """
        Who has hung up without a word is lost.
        """
        reactor, _ = self.reactor([(1, select.EPOLLHUP)])
        gone = Selectable(1)
        reactor._selectables[1] = gone
        reactor.doPoll(None)
        self.assertEqual((gone.calls, [type(reason) for reason in gone.lost]), ([], [ConnectionLost]))
