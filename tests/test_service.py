"""
Tests of `pomerium_tx.service`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import yaml
from twisted.application.service import IService
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from pomerium_tx import logs
from pomerium_tx.config.loader import Loaded, load
from pomerium_tx.config.problems import InvalidConfig, Problem
from pomerium_tx.config.reload import merged
from pomerium_tx.house import House
from pomerium_tx.outside import Outside
from pomerium_tx.proxy.factory import DownstreamFactory
from pomerium_tx.proxy.listener import Listener, NotBound
from pomerium_tx.resolver import LocalhostResolver
from pomerium_tx.service import PomeriumService, build_service
from pomerium_tx.sessions.store import StoreUnavailable
from pomerium_tx.tls.certificates import UnusableCertificate
from tests.config.material import ROUTE, SMALLEST, key_pair


class Reactor(MemoryReactorClock):
    """
    A reactor that resolves names and notices that it is to stop.
    """

    nameResolver: Any = "the system's"

    def __init__(self) -> None:
        super().__init__()
        self.stopped = 0

    def installNameResolver(self, resolver: Any) -> Any:
        before, self.nameResolver = self.nameResolver, resolver
        return before

    def stop(self) -> None:
        self.stopped += 1


class RecordedListener:
    """
    A listener that says what is done to it.
    """

    def __init__(self, name: str, done: list[str], *, refused: bool = False) -> None:
        self.port = 443
        self._name = name
        self._done = done
        self._refused = refused

    def bind(self) -> None:
        if self._refused:
            raise NotBound(f"{self._name}: cannot listen")
        self._done.append(f"bind {self._name}")

    def accept(self, reactor: object, factory: object) -> None:
        self._done.append(f"accept {self._name}")

    async def stop(self) -> None:
        self._done.append(f"stop {self._name}")

    def close(self) -> None:
        self._done.append(f"close {self._name}")


class RecordedHouse:
    """
    A house that says what is done to it.
    """

    def __init__(self, done: list[str], starting: Callable[[], Deferred[None]]) -> None:
        self.factory = self
        self.config: Any = None
        self.has_no_room = False
        self.open_connections = 0
        self._done = done
        self._starting = starting

    def reload(self, config: Any) -> None:
        if self.has_no_room:
            raise ValueError("there is no room")
        self.config = config
        self._done.append(f"reload {config.log_level}")

    async def start(self) -> None:
        self._done.append("join")
        await self._starting()

    def audit(self, receipt_id: str) -> None:
        raise AssertionError("nothing ends here")

    def drain(self) -> None:
        self._done.append("drain")

    def stop(self) -> None:
        self._done.append("leave")


class RecordedOutside:
    """
    A network that says what is done to it.
    """

    def __init__(self, done: list[str]) -> None:
        self._done = done
        self.unusable: list[object] = []

    def configure(self, config: object) -> None:
        if config in self.unusable:
            raise UnusableCertificate("no certificate")
        self._done.append(f"configure {config.log_level}")  # type: ignore[attr-defined] # a configuration

    def wrapped(self, factory: object) -> object:
        return factory

    async def close(self) -> None:
        self._done.append("close")


class PomeriumServiceTests(SynchronousTestCase):
    """
    Starting and stopping in order.
    """

    def make(
        self,
        *,
        refused: Sequence[str] = (),
        starting: Callable[[], Deferred[None]] = lambda: succeed(None),
    ) -> PomeriumService:
        """
        A service with two listeners, of which some cannot bind.
        """
        self.reactor = Reactor()
        self.done: list[str] = []
        self.house = RecordedHouse(self.done, starting)

        return PomeriumService(
            self.reactor,
            cast(House, self.house),
            cast(Outside, RecordedOutside(self.done)),
            listeners=[
                cast(Listener, RecordedListener(name, self.done, refused=name in refused)) for name in ("one", "two")
            ],
            drain_seconds=10.0,
        )

    def take(self) -> list[str]:
        """
        What was done since the last time.
        """
        done, self.done[:] = list(self.done), []
        return done

    def test_interface(self) -> None:
        """
        It is a service with a name.
        """
        service = self.make()
        verifyObject(IService, service)
        self.assertEqual(service.name, "pomerium")

    def test_start(self) -> None:
        """
        Every address is bound before the store is joined, and connections are accepted only then; nothing is bound
        twice.
        """
        service = self.make()
        service.privilegedStartService()
        service.privilegedStartService()
        service.startService()
        self.assertEqual(self.take(), ["bind one", "bind two", "join", "accept one", "accept two"])
        self.assertTrue(service.running)

    def test_start_without_privileges(self) -> None:
        """
        Whoever calls only `startService` gets the same.
        """
        self.make().startService()
        self.assertEqual(self.take(), ["bind one", "bind two", "join", "accept one", "accept two"])

    def test_waits_for_the_store(self) -> None:
        """
        Nothing is accepted before all sessions are known.
        """
        joining: Deferred[None] = Deferred()
        self.make(starting=lambda: joining).startService()
        self.assertEqual(self.take(), ["bind one", "bind two", "join"])
        joining.callback(None)
        self.assertEqual(self.take(), ["accept one", "accept two"])

    def test_taken_addresses(self) -> None:
        """
        Each address that is not to be had is told of, in a line of its own, and none is kept.
        """
        for refused, lines in (
            (["one"], ["one: cannot listen"]),
            (["two"], ["two: cannot listen"]),
            (["one", "two"], ["one: cannot listen", "two: cannot listen"]),
        ):
            with self.subTest(refused):
                service = self.make(refused=refused)
                problem = self.assertRaises(NotBound, service.privilegedStartService)
                self.assertEqual(str(problem).splitlines(), lines)
                self.assertEqual(self.take()[-2:], ["close one", "close two"])

    def test_failed_start(self) -> None:
        """
        If the store cannot be joined, that is told as gravely as possible, nothing is accepted, and the process ends,
        knowing that it has failed.
        """
        service = self.make(starting=lambda: fail(StoreUnavailable()))
        with capturedLogs() as events:
            service.startService()
        self.assertEqual([event["log_level"] for event in events], [LogLevel.critical])
        self.flushLoggedErrors(StoreUnavailable)
        self.assertEqual(self.take(), ["bind one", "bind two", "join"])
        self.assertEqual((service.has_failed, self.reactor.stopped), (True, 0))
        self.reactor.advance(0)
        self.assertEqual(self.reactor.stopped, 1)

    def test_stop(self) -> None:
        """
        Nothing is accepted any more, then what is under way drains, then connections to the outside close.
        """
        service = self.make()
        service.startService()
        self.take()
        stopping = service.stopService()
        # What was cut is reset in the next turn, for which the end waits.
        self.assertNoResult(stopping)
        self.reactor.advance(0)
        self.successResultOf(stopping)
        self.assertEqual(self.take(), ["stop one", "close one", "stop two", "close two", "drain", "leave", "close"])
        self.assertFalse(service.running or service.has_failed)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def stopping(self) -> tuple[PomeriumService, Deferred[None]]:
        """
        A service that is stopping while two connections are open.
        """
        service = self.make()
        service.startService()
        self.house.open_connections = 2
        stopping = service.stopService()
        self.reactor.advance(1)
        self.assertNoResult(stopping)
        self.assertEqual(self.take()[-1], "drain")
        return service, stopping

    def test_drains(self) -> None:
        """
        It waits until the last connection is closed, and no longer.
        """
        _, stopping = self.stopping()
        self.house.open_connections = 0
        self.reactor.advance(0.1)
        self.successResultOf(stopping)
        self.assertEqual(self.take(), ["leave", "close"])

    def test_drains_for_a_while(self) -> None:
        """
        It does not wait for ever.
        """
        _, stopping = self.stopping()
        self.reactor.pump([1.0] * 8)
        self.assertNoResult(stopping)
        self.reactor.pump([1.0] * 2)
        self.successResultOf(stopping)
        self.assertEqual(self.take(), ["leave", "close"])

    def test_hurry(self) -> None:
        """
        Whoever stops it may change their mind about waiting.
        """
        service, stopping = self.stopping()
        service.hurry()
        self.reactor.advance(0.1)
        self.successResultOf(stopping)

    def test_stopped_while_starting(self) -> None:
        """
        A service that is stopped before it knows all sessions never accepts, and has not failed.
        """
        joining: Deferred[None] = Deferred()
        service = self.make(starting=lambda: joining)
        service.startService()
        stopping = service.stopService()
        self.reactor.advance(0)
        self.successResultOf(stopping)
        joining.callback(None)
        self.assertFalse([done for done in self.take() if done.startswith("accept")])
        self.assertFalse(service.has_failed)


class ReloadCase(SynchronousTestCase):
    """
    Reading the configuration again.
    """

    def setUp(self) -> None:
        self.done: list[str] = []
        self.house = RecordedHouse(self.done, lambda: succeed(None))
        self.house.config = self.loaded(log_level="info").config
        self.outside = RecordedOutside(self.done)
        self.service = PomeriumService(
            Reactor(), cast(House, self.house), cast(Outside, self.outside), listeners=[], drain_seconds=1.0
        )

    def loaded(self, **changes: object) -> Loaded:
        """
        What a file says.
        """
        path = Path(self.mktemp())
        path.write_text(yaml.safe_dump({**SMALLEST, "routes": [ROUTE], **changes}))
        return load(path, {})

    def reload(self, read: Callable[[], Loaded]) -> tuple[bool, list[tuple[LogLevel, str]]]:
        """
        Whether it was put in force, and what the log says.
        """
        with capturedLogs() as events:
            is_done = self.service.reload(read)
        return is_done, [(event["log_level"], formatEvent(event)) for event in events]


class ReloadTests(ReloadCase):
    """
    Reading the configuration again.
    """

    def test_in_force(self) -> None:
        """
        A good file is put in force, outside and in, and that is told.
        """
        new = self.loaded(log_level="warn")
        is_done, told = self.reload(lambda: new)
        self.assertTrue(is_done)
        self.assertEqual(self.done, ["configure warn", "reload warn"])
        self.assertEqual(told[-1], (LogLevel.info, "The configuration was read again: 1 routes"))

    def test_bad_file(self) -> None:
        """
        A bad file changes nothing; the log has each of its problems.
        """

        def read() -> Loaded:
            raise InvalidConfig([Problem(file="f", line=number, key="k", message="is bad") for number in (1, 2)])

        is_done, told = self.reload(read)
        self.assertFalse(is_done)
        self.assertEqual(self.done, [])
        self.assertEqual([level for level, _ in told], [LogLevel.error] * 3)
        self.assertEqual([line for _, line in told[:2]], ["f:1: k: is bad", "f:2: k: is bad"])

    def test_no_room(self) -> None:
        """
        What cannot be put in force although it is valid leaves everything as it was, outside too.
        """
        self.house.has_no_room = True
        new = self.loaded(log_level="warn")
        is_done, told = self.reload(lambda: new)
        self.assertFalse(is_done)
        self.assertEqual(self.done, ["configure warn", "configure info"])
        self.assertEqual([level for level, _ in told], [LogLevel.critical])
        self.flushLoggedErrors(ValueError)

    def test_unusable_certificate(self) -> None:
        """
        A certificate that cannot be used keeps the house as it was.
        """
        new = self.loaded(log_level="warn")
        self.outside.unusable.append(merged(self.house.config, new.config)[0])
        is_done, _ = self.reload(lambda: new)
        self.assertFalse(is_done)
        self.assertEqual(self.done, ["configure info"])
        self.flushLoggedErrors(UnusableCertificate)

    def test_waits_for_a_restart(self) -> None:
        """
        What only a restart can change is told, and stays.
        """
        before = self.house.config.address
        new = self.loaded(address="127.0.0.1:1")
        _, told = self.reload(lambda: new)
        self.assertIn((LogLevel.warn, "address: the new value waits for a restart"), told)
        self.assertEqual(self.house.config.address, before)


class BuildCase(SynchronousTestCase):
    """
    From a configuration to a service.
    """

    def load(self, **changes: object) -> Loaded:
        """
        A configuration on loopback, at free ports.
        """
        with socket.socket() as one, socket.socket() as other:
            for each in (one, other):
                each.bind(("127.0.0.1", 0))
            ports = [each.getsockname()[1] for each in (one, other)]
        path = Path(self.mktemp())
        values = {
            **SMALLEST,
            "address": f"127.0.0.1:{ports[0]}",
            "authenticate_service_url": f"https://authenticate.example.com:{ports[1]}",
            "routes": [ROUTE],
            **changes,
        }
        path.write_text(yaml.safe_dump(values))
        self.ports = ports
        return load(path, {})

    def build(self, **changes: object) -> PomeriumService:
        """
        The service of a configuration.
        """
        self.addCleanup(logs.threshold.set, "info")
        self.reactor = Reactor()
        return build_service(self.load(**changes), self.reactor)


class BuildServiceTests(BuildCase):
    """
    From a configuration to a service.
    """

    def bound(self, service: PomeriumService) -> list[int]:
        """
        The ports that it binds.
        """
        service.privilegedStartService()
        ports = [listener.port for listener in service._listeners]
        for listener in service._listeners:
            listener.close()
        return ports

    def test_listeners(self) -> None:
        """
        There is one listener for each address: two hosts at one address share it.
        """
        self.assertEqual(self.bound(self.build()), self.ports)
        port = self.ports[0]
        shared = {"address": f"127.0.0.1:{port}", "authenticate_service_url": f"https://a.example.com:{port}"}
        self.assertEqual(self.bound(self.build(**shared)), [port])
        own = {"address": f"127.0.0.1:{port}", "authenticate_address": f"127.0.0.1:{self.ports[1]}"}
        expected = [port, int(own["authenticate_address"].rpartition(":")[2])]
        self.assertEqual(self.bound(self.build(**own)), expected)

    def test_redirecting_listener(self) -> None:
        """
        The address that sends browsers to https is bound with the others, and its being taken is told by its key.
        """
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        service = self.build(http_redirect_addr=f"127.0.0.1:{taken.getsockname()[1]}")
        problem = self.assertRaises(NotBound, service.privilegedStartService)
        self.assertTrue(str(problem).startswith("http_redirect_addr: cannot listen on 127.0.0.1:"), str(problem))

    def test_names_of_keys(self) -> None:
        """
        A taken address is told by the key that it came from.
        """
        for changes, key in (
            ({}, "authenticate_service_url"),
            ({"authenticate_address": "own"}, "authenticate_address"),
        ):
            with self.subTest(key):
                taken = socket.create_server(("127.0.0.1", 0))
                self.addCleanup(taken.close)
                port = taken.getsockname()[1]
                changed: dict[str, object] = {"authenticate_service_url": f"https://authenticate.example.com:{port}"}
                if changes:
                    changed = {"authenticate_address": f"127.0.0.1:{port}"}
                service = self.build(**changed)
                problem = self.assertRaises(NotBound, service.privilegedStartService)
                self.assertEqual(str(problem), f"{key}: cannot listen on 127.0.0.1:{port}: Address already in use")

    def test_tls(self) -> None:
        """
        Connections are TLS unless the configuration says otherwise.
        """
        self.assertIsInstance(self.factory(self.build()), DownstreamFactory)
        certificate, key = key_pair()
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / "certificate.pem").write_bytes(certificate)
        (folder / "key.pem").write_bytes(key)
        (folder / "key.pem").chmod(0o600)
        service = self.build(
            insecure_server=False,
            certificate_file=str(folder / "certificate.pem"),
            certificate_key_file=str(folder / "key.pem"),
        )
        self.assertIsInstance(self.factory(service), TLSMemoryBIOFactory)

    def factory(self, service: PomeriumService) -> object:
        """
        What would speak on its connections.
        """
        return service._outside.wrapped(service.house.factory)

    def test_names(self) -> None:
        """
        Names below ``localhost`` are this machine, in whatever is connected to.
        """
        self.build()
        self.assertIsInstance(self.reactor.nameResolver, LocalhostResolver)

    def test_log_level_and_warnings(self) -> None:
        """
        The configured level holds, and what the operator should know is a warning in the log.
        """
        with capturedLogs() as events:
            self.build(log_level="error", proxy_log_level="info")
        warnings = [event["problem"] for event in events if event["log_level"] is LogLevel.warn]
        self.assertEqual([warning.split(": ")[1] for warning in warnings], ["proxy_log_level"])
        self.assertFalse(logs.threshold.admits(LogLevel.warn))
