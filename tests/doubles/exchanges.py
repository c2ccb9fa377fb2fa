"""
An open exchange without sockets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.store import Cause


@dataclass(slots=True)
class MemoryExchange:
    """
    An `OpenExchange` that passes what it is given until it is cut, and detaches itself when it is over.

    Like one on the data path it compares by value, cannot be hashed, and is of use only while it is not cut.
    """

    kind: str = "download"
    route_id: str = "route"
    method: str = "GET"
    age: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0
    in_doubt: bool = False
    admitted: bool = True
    causes: list[Cause | None] = field(default_factory=list)
    """
    Why it was cut, once for each time.
    """
    passed: list[bytes] = field(default_factory=list)
    on_cut: Callable[[MemoryExchange], object] | None = None
    """
    Called in the middle of a cut.
    """
    _session_id: str = ""
    _registry: SessionRegistry | None = None

    @property
    def is_open(self) -> bool:
        """
        Whether anything can still pass.
        """
        return not self.causes

    def is_admitted(self) -> bool:
        """
        Whether its request would be let through now.
        """
        return self.admitted

    def open(self, registry: SessionRegistry, session_id: str) -> bool:
        """
        Attach itself; whether it may go on.
        """
        if not registry.attach(session_id, self):
            return False
        self._registry, self._session_id = registry, session_id
        return True

    def write(self, content: bytes) -> None:
        """
        Pass content to the user agent, unless it is cut.
        """
        if not self.causes:
            self.bytes_out += len(content)
            self.passed.append(content)

    def close(self) -> None:
        """
        Come to an end by itself.
        """
        if self._registry is not None:
            self._registry.detach(self._session_id, self)
            self._registry = None

    def cut(self, cause: Cause | None) -> None:
        """
        Let nothing more pass.
        """
        self.causes.append(cause)
        self.in_doubt = False
        if self.on_cut is not None:
            self.on_cut(self)
        self.close()

    @property
    def is_cut(self) -> bool:
        """
        Whether it was cut.
        """
        return bool(self.causes)
