"""
A UNIX socket that only its owner can connect to, bound early and accepted on late.

Twisted's own port for such sockets opens them to everybody when it adopts one, and fails to stop when the file is gone.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReadDescriptor
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

log = Logger()

BACKLOG = 64
AT_ONCE = 16
"""
Connections accepted in one turn of the reactor.
"""
PAUSE = 1.0
"""
Seconds without accepting, when there is no room for another connection.
"""
_NOT_FOR_OTHERS = 0o177
_GONE = frozenset({errno.EAGAIN, errno.ECONNABORTED, errno.EINTR, errno.ENOTCONN, errno.EPERM})


class SocketNotBound(Exception):
    """
    The path cannot be listened on.
    """


class UnixListener:
    """
    One path in the file system.

    :param key: The configuration key that names the path, for the message.
    :param is_required: Whether it is an error that it cannot be had; if not, it is one line in the log.
    """

    def __init__(self, path: str, *, key: str, is_required: bool) -> None:
        self._path = path
        self._key = key
        self._is_required = is_required
        self._socket: socket.socket | None = None
        self._inode: tuple[int, int] | None = None
        self._accepting: _Accepting | None = None

    def __str__(self) -> str:
        return f"unix:{self._path}"

    @property
    def is_bound(self) -> bool:
        """
        Whether the path is ours.
        """
        return self._inode is not None

    def bind(self) -> None:
        """
        Have the path. What a process that is gone has left there is removed.

        :raises SocketNotBound: If that is not possible, and required; the message is for the operator.
        """
        try:
            _require_safe(os.path.dirname(self._path) or ".")
            with _alone_at(self._path):
                self._remove_left_behind()
                self._bind()
        except OSError as problem:
            self.close()
            why = f"{self._key}: cannot listen on {self}: {problem.strerror or problem}"
            if isinstance(problem, FileNotFoundError):
                why += f"; make the folder {os.path.dirname(self._path)}, or write another path"
            if self._is_required:
                raise SocketNotBound(why) from problem
            log.warn("{problem}; sessions cannot be administered", problem=why)

    def accept(self, reactor: Any, factory: Factory) -> None:
        """
        Serve connections from now on, if the path is ours.

        :param reactor: Must provide ``IReactorSocket``, ``IReactorFDSet`` and ``IReactorTime``.
        """
        listening, self._socket = self._socket, None
        if listening is not None:
            self._accepting = _Accepting(reactor, listening, factory)
            self._accepting.resume()

    async def stop(self) -> None:
        """
        Accept no further connection, and leave nothing at the path.
        """
        self.close()

    def close(self) -> None:
        """
        Give up the path.
        """
        self._unlink()
        accepting, self._accepting = self._accepting, None
        if accepting is not None:
            accepting.stop()
        bound, self._socket = self._socket, None
        if bound is not None:
            bound.close()

    def _bind(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        # From its first moment it is nobody else's: a mode that is set later comes too late for who was faster.
        mask = os.umask(_NOT_FOR_OTHERS)
        try:
            self._socket.bind(self._path)
        finally:
            os.umask(mask)
        self._inode = _inode(self._path)
        self._socket.listen(BACKLOG)

    def _remove_left_behind(self) -> None:
        try:
            mode = os.lstat(self._path).st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(mode):
            raise OSError(errno.EEXIST, "Something that is no socket is there")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            try:
                probe.connect(self._path)
            except ConnectionRefusedError:
                os.unlink(self._path)
                return
            except BlockingIOError:
                # Somebody listens, and is busy.
                pass
        raise OSError(errno.EADDRINUSE, "Another process is listening there")

    def _unlink(self) -> None:
        inode, self._inode = self._inode, None
        if inode is None:
            return
        try:
            # Another may be there by now, if somebody has removed ours.
            if _inode(self._path) == inode:
                os.unlink(self._path)
        except FileNotFoundError:
            pass
        except OSError as problem:
            log.warn("The socket {path} stays behind: {reason}", path=self._path, reason=problem.strerror)


def _require_safe(folder: str) -> None:
    mode = os.stat(folder).st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise OSError(errno.EPERM, "Anybody can replace what is in its directory")


@contextmanager
def _alone_at(path: str) -> Iterator[None]:
    """
    Nobody else of us is looking whether *path* was left behind: one of two would remove the other's new socket.

    The lock is on a file that nobody else can open, since whoever can open what is locked can keep us from locking it.
    """
    name = path + ".lock"
    descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise OSError(errno.EPERM, f"{name} is not a file of our own")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_there = _inode(name) == (found.st_dev, found.st_ino)
        except (BlockingIOError, FileNotFoundError):
            is_there = False
        if not is_there:
            # Who had it has removed it, and another may have made a new one.
            raise OSError(errno.EAGAIN, "Another process is about to listen there")
        try:
            yield
        finally:
            with suppress(OSError):
                os.unlink(name)
    finally:
        os.close(descriptor)


def _inode(path: str) -> tuple[int, int]:
    found = os.lstat(path)
    return found.st_dev, found.st_ino


@implementer(IReadDescriptor)
class _Accepting:
    """
    Hands the connections of a socket to the reactor.
    """

    def __init__(self, reactor: Any, listening: socket.socket, factory: Factory) -> None:
        self._reactor = reactor
        self._listening = listening
        self._factory = factory
        self._pause: IDelayedCall | None = None

    def resume(self) -> None:
        """
        Accept what comes.
        """
        self._pause = None
        self._reactor.addReader(self)

    def stop(self) -> None:
        """
        Accept nothing more.
        """
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        self._reactor.removeReader(self)
        self._listening.close()

    def fileno(self) -> int:
        return self._listening.fileno()

    def logPrefix(self) -> str:
        return "admin"

    def doRead(self) -> None:
        for _ in range(AT_ONCE):
            try:
                accepted, _ = self._listening.accept()
                with accepted:
                    accepted.setblocking(False)
                    self._reactor.adoptStreamConnection(accepted.fileno(), socket.AF_UNIX, self._factory)
            except OSError as problem:
                if problem.errno not in _GONE:
                    log.error("No administrator's connection can be accepted: {reason}", reason=problem.strerror)
                    self._reactor.removeReader(self)
                    self._pause = self._reactor.callLater(PAUSE, self.resume)
                return

    def connectionLost(self, reason: Failure) -> None:
        """
        The reactor has given up the socket, at its own end.
        """
        self._listening.close()
