"""
A socket that is bound early and accepted on late.

Binding happens while privileges and the parent process are still there, so that a taken port is one line and exit
status 1; accepting begins once there is something to answer with.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterable
from typing import Any, Protocol

from twisted.internet.interfaces import IListeningPort, IReactorSocket
from twisted.internet.protocol import ServerFactory

BACKLOG = 1024


class NotBound(Exception):
    """
    An address cannot be listened on.
    """


class Bindable(Protocol):
    """
    Where to listen: an empty host is every address of the machine.
    """

    @property
    def host(self) -> str:
        """
        A name or address.
        """

    @property
    def port(self) -> int:
        """
        0 for any free one.
        """


class Listener:
    """
    One configured address, which may be several sockets.

    :param key: The configuration key that names the address, for the message.
    """

    def __init__(self, address: Bindable, *, key: str) -> None:
        self._address = address
        self._key = key
        self._sockets: list[socket.socket] = []
        self._ports: list[IListeningPort] = []

    def bind(self) -> None:
        """
        Reserve the address.

        :raises NotBound: If that is not possible; the message is for the operator.
        """
        try:
            if self._address.host:
                self._bind_name()
            else:
                self._bind_everywhere()
        except OSError as problem:
            self.close()
            where = f"{self._address.host or '*'}:{self._address.port}"
            raise NotBound(f"{self._key}: cannot listen on {where}: {problem.strerror or problem}") from problem

    def inherit(self, descriptors: Iterable[int]) -> None:
        """
        Take sockets that another process has bound, instead of binding any.
        """
        self._sockets.extend(socket.socket(fileno=descriptor) for descriptor in descriptors)

    @property
    def descriptors(self) -> list[int]:
        """
        Those of the sockets that are bound and not accepted on, for other processes to inherit.
        """
        return [bound.fileno() for bound in self._sockets]

    def accept(self, reactor: IReactorSocket, factory: ServerFactory[Any]) -> None:
        """
        Serve connections from now on.
        """
        for bound in self._sockets:
            self._ports.append(reactor.adoptStreamPort(bound.fileno(), bound.family, factory))
        self.close()

    @property
    def ports(self) -> list[IListeningPort]:
        """
        Where connections are accepted.
        """
        return list(self._ports)

    async def stop(self) -> None:
        """
        Accept no further connection.
        """
        ports, self._ports = self._ports, []
        for port in ports:
            stopped: Any = port.stopListening()
            if stopped is not None:
                await stopped

    def close(self) -> None:
        """
        Give up the sockets that were bound.
        """
        for bound in self._sockets:
            bound.close()
        self._sockets.clear()

    @property
    def port(self) -> int:
        """
        The port that is listened on, also where any free one was asked for.
        """
        if self._ports:
            return int(self._ports[0].getHost().port)  # type: ignore[attr-defined] # a TCP address has one
        return int(self._sockets[0].getsockname()[1])

    def _bind_everywhere(self) -> None:
        try:
            self._bind(socket.AF_INET6, ("::", self._address.port), both_families=True)
        except OSError as problem:
            if not _without_ipv6(problem):
                raise
            self._bind(socket.AF_INET, ("0.0.0.0", self._address.port))

    def _bind_name(self) -> None:
        found = socket.getaddrinfo(
            self._address.host, self._address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, _, _, _, where in dict.fromkeys(found):
            try:
                self._bind(family, where)
            except OSError as problem:
                # A name may stand for an IPv6 address on a machine without it.
                if family != socket.AF_INET6 or len(found) == 1 or not _without_ipv6(problem):
                    raise

    def _bind(self, family: int, where: Any, *, both_families: bool = False) -> None:
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if both_families else 1)
            bound.bind(where)
            bound.listen(BACKLOG)
            bound.setblocking(False)
        except OSError:
            bound.close()
            raise
        self._sockets.append(bound)


def port_of(descriptor: int) -> int:
    """
    The port of a socket that another process has bound.
    """
    with socket.socket(fileno=os.dup(descriptor)) as bound:
        return int(bound.getsockname()[1])


def _without_ipv6(problem: OSError) -> bool:
    return problem.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
