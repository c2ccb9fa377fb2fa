"""
Tests of `pomerium_tx.operations.unix_listener`: with real sockets.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from pomerium_tx.operations import unix_listener
from pomerium_tx.operations.unix_listener import PAUSE, SocketNotBound, UnixListener


class Reactor(Clock):
    """
    Looks at readers when it is told to, and keeps the connections that it adopts.
    """

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[Any] = []
        self.adopted: list[socket.socket] = []
        self.failure: OSError | None = None

    def addReader(self, reader: Any) -> None:
        assert reader not in self.readers
        assert reader.fileno() >= 0
        self.readers.append(reader)

    def removeReader(self, reader: Any) -> None:
        if reader in self.readers:
            self.readers.remove(reader)

    def adoptStreamConnection(self, descriptor: int, family: int, factory: object) -> None:
        if self.failure is not None:
            raise self.failure
        assert family == socket.AF_UNIX
        self.adopted.append(socket.fromfd(descriptor, family, socket.SOCK_STREAM))


class ListenerCase(SynchronousTestCase):
    """
    A folder for sockets.
    """

    def setUp(self) -> None:
        # Not below trial's own: the path of a socket must be short.
        folder = Path(os.path.relpath(self.mktemp()))
        folder.mkdir(parents=True)
        self.path = str(folder / "s")
        self.reactor = Reactor()
        self.addCleanup(lambda: [adopted.close() for adopted in self.reactor.adopted])

    def listener(self, *, is_required: bool = True, path: str | None = None) -> UnixListener:
        """
        A listener that is closed after the test.
        """
        listener = UnixListener(path or self.path, key="admin_address", is_required=is_required)
        self.addCleanup(listener.close)
        return listener

    def serving(self) -> UnixListener:
        """
        A listener that accepts.
        """
        listener = self.listener()
        listener.bind()
        listener.accept(self.reactor, Factory())
        return listener

    def connect(self) -> socket.socket:
        """
        A connection to the path.
        """
        connection = socket.socket(socket.AF_UNIX)
        self.addCleanup(connection.close)
        connection.settimeout(5)
        connection.connect(self.path)
        return connection

    def mode(self) -> int:
        """
        Who may use the path.
        """
        return stat.S_IMODE(os.lstat(self.path).st_mode)


class BindTests(ListenerCase):
    """
    Having the path.
    """

    def test_only_owner(self) -> None:
        """
        From its first moment the socket is its owner's alone, whatever the process's mask is, which stays as it was.
        """
        modes: list[int] = []
        look = self.mode

        class Watched(socket.socket):
            """
            Looks at the path as soon as it is there.
            """

            def bind(self, address: Any) -> None:
                super().bind(address)
                modes.append(look())

        self.patch(socket, "socket", Watched)
        for mask in (0o000, 0o022, 0o777):
            before = os.umask(mask)
            try:
                listener = self.listener()
                listener.bind()
                self.assertEqual(os.umask(mask), mask)
            finally:
                os.umask(before)
            self.assertTrue(listener.is_bound)
            self.assertEqual(str(listener), f"unix:{self.path}")
            listener.close()
            self.assertFalse(listener.is_bound)
        self.assertEqual(modes, [0o600] * 3)

    def test_left_behind(self) -> None:
        """
        The socket of a process that is gone is replaced.
        """
        with socket.socket(socket.AF_UNIX) as gone:
            gone.bind(self.path)
            gone.listen()
        self.assertTrue(os.path.exists(self.path))
        self.serving()
        self.connect()

    def test_taken(self) -> None:
        """
        The socket of a process that lives is left alone, also when it is too busy to answer.
        """
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(self.path)
            other.listen(0)
            for connections in range(4):
                with self.subTest(connections):
                    problem = self.assertRaises(SocketNotBound, self.listener().bind)
                    self.assertEqual(
                        str(problem),
                        f"admin_address: cannot listen on unix:{self.path}: Another process is listening there",
                    )
                full = socket.socket(socket.AF_UNIX)
                self.addCleanup(full.close)
                full.setblocking(False)
                full.connect_ex(self.path)
            self.assertTrue(os.path.exists(self.path))

    def test_taken_by_us(self) -> None:
        """
        Two listeners do not take one path from each other, and the second one's end leaves the first one's socket.
        """
        self.serving()
        second = self.listener()
        self.assertRaises(SocketNotBound, second.bind)
        second.close()
        self.connect()

    def test_other_file(self) -> None:
        """
        Nothing but a socket is ever removed.
        """
        Path(self.path).write_text("precious")
        problem = self.assertRaises(SocketNotBound, self.listener().bind)
        self.assertIn("no socket", str(problem))
        self.assertEqual(Path(self.path).read_text(), "precious")
        link = f"{self.path}-link"
        os.symlink(self.path, link)
        self.assertRaises(SocketNotBound, self.listener(path=link).bind)
        self.assertTrue(os.path.islink(link))

    def test_no_folder(self) -> None:
        """
        Without its directory, and with a path that no socket can have, it is said what is wrong.
        """
        for path, problem in ((f"{self.path}/none/s", "No such file"), ("/" + "x" * 200 + "/s", "")):
            with self.subTest(path[:20]):
                self.assertIn(problem, str(self.assertRaises(SocketNotBound, self.listener(path=path).bind)))
        long = f"{os.path.dirname(self.path)}/{'x' * 200}"
        self.assertIn("too long", str(self.assertRaises(SocketNotBound, self.listener(path=long).bind)))

    def test_at_the_same_time(self) -> None:
        """
        While another process looks for what is left behind at the path, nothing is removed there; no lock stays.
        """
        listener = self.listener()
        with unix_listener._alone_at(self.path):
            self.assertIn("about to", str(self.assertRaises(SocketNotBound, listener.bind)))
        listener.bind()
        self.assertTrue(listener.is_bound)
        self.assertEqual(os.listdir(os.path.dirname(self.path)), [os.path.basename(self.path)])

    def test_a_moment_later(self) -> None:
        """
        A lock whose file the process before has removed is no lock: another may have a new one by now.
        """
        listener, original = self.listener(), fcntl.flock

        def late(descriptor: int, operation: int) -> None:
            original(descriptor, operation)
            os.unlink(self.path + ".lock")

        self.patch(fcntl, "flock", late)
        self.assertIn("about to", str(self.assertRaises(SocketNotBound, listener.bind)))

    def test_lock_of_others(self) -> None:
        """
        Whoever may only look into the directory keeps nobody from having the path.
        """
        descriptor = os.open(os.path.dirname(self.path), os.O_RDONLY)
        self.addCleanup(os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        modes: list[int] = []
        original = fcntl.flock

        def look(descriptor: int, operation: int) -> None:
            modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
            original(descriptor, operation)

        self.patch(fcntl, "flock", look)
        listener = self.listener()
        listener.bind()
        self.assertTrue(listener.is_bound)
        self.assertEqual(modes, [0o600])

    def test_lock_that_is_not_ours(self) -> None:
        """
        What others can open or have put there is not locked, and not followed.
        """
        lock = self.path + ".lock"
        Path(lock).touch(0o644)
        self.assertIn("not a file of our own", str(self.assertRaises(SocketNotBound, self.listener().bind)))
        os.unlink(lock)
        os.mkfifo(lock, 0o600)
        self.assertIn("not a file of our own", str(self.assertRaises(SocketNotBound, self.listener().bind)))
        os.unlink(lock)
        os.symlink("elsewhere", lock)
        self.assertRaises(SocketNotBound, self.listener().bind)
        self.assertFalse(os.path.exists(os.path.join(os.path.dirname(self.path), "elsewhere")))
        os.unlink(lock)
        Path(lock).touch(0o600)
        self.patch(os, "geteuid", lambda: 4242)
        self.assertIn("not a file of our own", str(self.assertRaises(SocketNotBound, self.listener().bind)))

    def test_directory_of_everybody(self) -> None:
        """
        Where anybody can put another socket in its place there is none; where they cannot remove ours there is.
        """
        folder = os.path.dirname(self.path)
        os.chmod(folder, 0o777)
        self.assertIn("Anybody can replace", str(self.assertRaises(SocketNotBound, self.listener().bind)))
        other = self.listener(is_required=False)
        with capturedLogs() as events:
            other.bind()
        self.assertEqual([event["log_level"].name for event in events], ["warn"])
        os.chmod(folder, 0o1777)
        listener = self.listener()
        listener.bind()
        self.assertTrue(listener.is_bound)

    def test_not_required(self) -> None:
        """
        Where the operator has not asked for it, a path that cannot be had is one warning, and all goes on without.
        """
        listener = self.listener(is_required=False, path=f"{self.path}/none/s")
        with capturedLogs() as events:
            listener.bind()
        (event,) = events
        self.assertEqual(event["log_level"].name, "warn")
        self.assertIn("admin_address: cannot listen on unix:", event["problem"])
        self.assertIn(f"make the folder {self.path}/none, or write another path", event["problem"])
        self.assertFalse(listener.is_bound)
        listener.accept(self.reactor, Factory())
        self.assertEqual(self.reactor.readers, [])
        self.successResultOf(Deferred.fromCoroutine(listener.stop()))


class AcceptTests(ListenerCase):
    """
    Serving connections.
    """

    def test_connections(self) -> None:
        """
        Those that came before are served too, and serving opens the socket to nobody else.
        """
        listener = self.listener()
        listener.bind()
        early = self.connect()
        listener.accept(self.reactor, Factory())
        self.connect()
        (reader,) = self.reactor.readers
        verifyObject(IReadDescriptor, reader)
        reader.doRead()
        self.assertEqual(len(self.reactor.adopted), 2)
        self.assertEqual([os.get_blocking(adopted.fileno()) for adopted in self.reactor.adopted], [False, False])
        early.sendall(b"hello")
        self.assertEqual(self.reactor.adopted[0].recv(10), b"hello")
        self.assertEqual(self.mode(), 0o600)

    def test_no_room(self) -> None:
        """
        While there is no room for more connections none is accepted, so that nothing runs hot; then it goes on.
        """
        self.serving()
        (reader,) = self.reactor.readers
        self.connect()
        self.reactor.failure = OSError(errno.EMFILE, "Too many open files")
        with capturedLogs() as events:
            reader.doRead()
        self.assertEqual([event["log_level"].name for event in events], ["error"])
        self.assertEqual(self.reactor.readers, [])
        self.reactor.failure = None
        self.reactor.advance(PAUSE)
        self.assertEqual(self.reactor.readers, [reader])
        self.connect()
        reader.doRead()
        self.assertEqual(len(self.reactor.adopted), 1)

    def test_gone(self) -> None:
        """
        Somebody who has gone before being accepted does no harm.
        """
        self.serving()
        (reader,) = self.reactor.readers
        self.connect().close()
        self.reactor.failure = OSError(errno.ENOTCONN, "Not connected")
        reader.doRead()
        self.assertEqual(self.reactor.readers, [reader])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_many(self) -> None:
        """
        Many at once are accepted in several turns.
        """
        self.serving()
        (reader,) = self.reactor.readers
        for _ in range(unix_listener.AT_ONCE + 1):
            self.connect()
        reader.doRead()
        self.assertEqual(len(self.reactor.adopted), unix_listener.AT_ONCE)
        reader.doRead()
        self.assertEqual(len(self.reactor.adopted), unix_listener.AT_ONCE + 1)

    def test_reactor_ends(self) -> None:
        """
        When the reactor itself lets go, the socket is closed.
        """
        self.serving()
        (reader,) = self.reactor.readers
        reader.connectionLost(Failure(Exception()))
        self.assertEqual(reader.fileno(), -1)


class StopTests(ListenerCase):
    """
    Giving up the path.
    """

    def test_stop(self) -> None:
        """
        Nothing is left: neither at the path, nor with the reactor, nor a second time.
        """
        for pause in (False, True):
            with self.subTest(pause):
                listener = self.serving()
                if pause:
                    self.connect()
                    self.reactor.failure = OSError(errno.EMFILE, "Too many open files")
                    with capturedLogs():
                        self.reactor.readers[0].doRead()
                self.successResultOf(Deferred.fromCoroutine(listener.stop()))
                self.assertFalse(os.path.lexists(self.path))
                self.assertEqual((self.reactor.readers, self.reactor.getDelayedCalls()), ([], []))
                self.successResultOf(Deferred.fromCoroutine(listener.stop()))

    def test_bound_only(self) -> None:
        """
        What was bound and never served leaves nothing either.
        """
        listener = self.listener()
        listener.bind()
        listener.close()
        self.assertFalse(os.path.lexists(self.path))

    def test_gone_already(self) -> None:
        """
        If somebody has removed the socket, or put another there, stopping is no problem, and the other stays.
        """
        listener = self.serving()
        os.unlink(self.path)
        listener.close()
        listener = self.serving()
        os.unlink(self.path)
        self.serving()
        listener.close()
        self.connect()

    def test_may_not(self) -> None:
        """
        If it may not be removed any more, as after privileges were dropped, one line says so.
        """
        listener = self.serving()

        def refuse(path: str) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

        self.patch(os, "unlink", refuse)
        with capturedLogs() as events:
            listener.close()
        self.assertEqual([event["log_level"].name for event in events], ["warn"])
        self.assertEqual(self.reactor.readers, [])
