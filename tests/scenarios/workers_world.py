"""
The world with workers: a parent that does what is done once, and houses that serve and know of the log over links.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from pomerium_tx.config.model import Config
from pomerium_tx.house import House, Part
from pomerium_tx.sessions.store import SessionStore
from tests.scenarios.held_http import in_memory
from tests.workers.links import Worker, Workers


class WithWorkers:
    """
    Mix it into a test of one house: `house` becomes a worker's, and what is done once is its parent's.
    """

    def make_store(self: Any) -> SessionStore:
        """
        The store of the parent.
        """
        self.workers = Workers(self.clock)
        self.worker_of: dict[House, Worker] = {}
        self.parent: House | None = None
        return self.workers.shared

    def build_house(self: Any, address: str = "proxy") -> House:
        """
        A worker, listening at *address*.
        """
        if self.parent is None:
            self.parent = self._house(self.store, Part.PARENT)
            self.successResultOf(_started(self.parent))
            self.addCleanup(self.parent.stop)
        worker = self.workers.worker(ended=self.parent.audit)
        house = self._house(worker.store, Part.WORKER)
        self.worker_of[house] = worker
        self.successResultOf(_started(house))
        self.network.listen(address, 443, house.factory)
        self.addCleanup(house.stop)
        parent, reload = self.parent, house.reload

        def reload_all(config: Config) -> None:
            parent.reload(config)
            reload(config)

        # As the service does it; and what is due is judged by the parent alone.
        house.reload = reload_all  # type: ignore[method-assign] # of this house
        house.registry.report_due = parent.registry.report_due  # type: ignore[method-assign] # of this registry
        return house

    def _house(self: Any, store: SessionStore, part: Part) -> House:
        return House(
            self.read(),
            store=store,
            clock=self.clock,
            now=self.clock.seconds,
            http=self.http,
            http_of=lambda route: in_memory(self.network),
            connect=self._upstream,
            part=part,
        )


def _started(house: House) -> Any:
    return Deferred.fromCoroutine(house.start())
