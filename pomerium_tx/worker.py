"""
The process of one worker: `pomerium_tx.workers.child` starts it, and nobody else.
"""

from __future__ import annotations

import signal

if __name__ == "__main__":
    # Before all else: whoever signals a whole group of processes means the parent, which says what is to be done. Its
    # end is noticed too.
    for _number in (
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGHUP,
        signal.SIGUSR1,
        signal.SIGUSR2,
    ):
        signal.signal(_number, signal.SIG_IGN)

import fcntl
import os
import socket
import sys
from importlib import import_module
from typing import Any, TextIO, cast

from twisted.logger import globalLogBeginner

from pomerium_tx import logs
from pomerium_tx.collector import collector
from pomerium_tx.workers.child import LINK, OneLink
from pomerium_tx.workers.shares import Shares
from pomerium_tx.workers.worker import Worker

LOG_PIPE = 1 << 20
"""
Bytes of the log that may wait for a parent that is busy; whoever has more to write waits too.
"""


def main(arguments: list[str]) -> int:
    """
    Serve until the parent says otherwise; the exit status of the process.

    :param arguments: The worker's number, the module of its reactor, the descriptor of `Shares`, and those of
        its sockets.
    """
    number, reactor_module, shares, *descriptors = arguments
    import_module(reactor_module).install()
    from twisted.internet import reactor as installed

    reactor: Any = installed
    _make_room(sys.stdout.fileno())
    sys.stdout = cast(TextIO, ParentsLog(sys.stdout))  # all of a file that is used
    globalLogBeginner.beginLoggingTo([logs.json_lines()], redirectStandardIO=False)
    statuses: list[int] = []

    def leave(status: int) -> None:
        if not statuses:
            statuses.append(status)
            reactor.stop()

    worker = Worker(
        reactor,
        number=int(number),
        shares=Shares.inherited(int(shares)),
        descriptors=list(map(int, descriptors)),
        leave=leave,
    )
    reactor.adoptStreamConnection(LINK, socket.AF_UNIX, OneLink(worker.link))
    os.close(LINK)
    collector.start()
    reactor.run(installSignalHandlers=False)
    return statuses[0] if statuses else 1


class ParentsLog:
    """
    A file that is read by the parent: when it is gone nobody is, and no line is worth a fault.
    """

    def __init__(self, output: TextIO) -> None:
        self._output = output

    def write(self, text: str) -> None:
        """
        Write, if anybody reads.
        """
        try:
            self._output.write(text)
        except OSError:
            pass

    def flush(self) -> None:
        """
        What was written has gone out, if anybody reads.
        """
        try:
            self._output.flush()
        except OSError:
            pass


def _make_room(descriptor: int) -> None:
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, LOG_PIPE)
    except (AttributeError, OSError):
        # Not on this system, or not so much for this user: it is as it is.
        pass


if __name__ == "__main__":
    _status = main(sys.argv[1:])
    sys.stdout.flush()
    # Not through the interpreter's end, which takes a million sessions apart.
    os._exit(_status)
