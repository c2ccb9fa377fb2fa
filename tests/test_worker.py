"""
Tests of `pomerium_tx.worker`: a process of its own, which does what its parent says and nothing else.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from io import StringIO
from typing import Any

from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.worker import ParentsLog
from pomerium_tx.workers.child import LINK
from pomerium_tx.workers.link import Link
from pomerium_tx.workers.messages import Open, WhatIsOpen
from pomerium_tx.workers.shares import Shares
from tests.process.daemon import PATIENCE, ROOT


class ParentsLogTests(SynchronousTestCase):
    """
    Where the lines of a worker go.
    """

    def test_written(self) -> None:
        """
        They go to the parent.
        """
        output = StringIO()
        log = ParentsLog(output)
        log.write("a line\n")
        log.flush()
        self.assertEqual(output.getvalue(), "a line\n")

    def test_nobody_reads(self) -> None:
        """
        Without one they go nowhere, and that is no fault.
        """

        class Broken(StringIO):
            """
            A pipe that nobody reads.
            """

            def write(self, text: str) -> int:
                raise BrokenPipeError

            def flush(self) -> None:
                raise BrokenPipeError

        log = ParentsLog(Broken())
        log.write("a line\n")
        log.flush()


class WorkerProcessTests(SynchronousTestCase):
    """
    ``python -m pomerium_tx.worker``, as a parent starts it.
    """

    def setUp(self) -> None:
        self.ours, theirs = socket.socketpair()
        self.ours.settimeout(PATIENCE)
        self.addCleanup(self.ours.close)
        shares = Shares.make(1)
        self.addCleanup(shares.close)
        with theirs:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-m", "pomerium_tx.worker", "1", "twisted.internet.epollreactor"),
                    str(shares.descriptor),
                ],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: os.dup2(theirs.fileno(), LINK),
                pass_fds=(LINK, shares.descriptor),
            )
        self.addCleanup(self.end)
        self.said: list[Any] = []
        self.link = Link(self.said.append, lambda: None)
        self.transport = StringTransport()
        self.link.makeConnection(self.transport)

    def end(self) -> None:
        """
        It runs no more.
        """
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def ask(self, number: int) -> None:
        """
        It answers a question.
        """
        self.link.send(WhatIsOpen(number=number, session_ids=()))
        self.ours.sendall(self.transport.value())
        self.transport.clear()
        self.said.clear()
        while not self.said:
            content = self.ours.recv(4096)
            assert content, "it has gone"
            self.link.dataReceived(content)  # type: ignore[no-untyped-call] # Twisted's own
        self.assertEqual(self.said, [Open(number=number, exchanges={})])

    def test_signals(self) -> None:
        """
        A signal that is sent to all processes at once is for the parent alone.
        """
        self.ask(1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            self.process.send_signal(number)
        self.ask(2)

    def test_nobody_reads(self) -> None:
        """
        That nobody reads its log any more keeps it from nothing.
        """
        self.ask(1)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.ours.close()
        self.assertEqual(self.process.wait(PATIENCE), 1)

    def test_without_a_parent(self) -> None:
        """
        It ends when its parent does, and has nothing to say about that but lines of JSON.
        """
        self.ask(1)
        self.ours.close()
        self.assertEqual(self.process.wait(PATIENCE), 1)
        output, _ = self.process.communicate()
        self.assertEqual([line for line in output.decode().splitlines() if not line.startswith('{"level": "info"')], [])
