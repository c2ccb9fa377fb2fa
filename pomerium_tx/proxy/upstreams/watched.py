"""
The upstreams of a route together with everything that watches them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pomerium_tx.proxy.upstreams.health_checks import HealthWatch
from pomerium_tx.proxy.upstreams.members import Members
from pomerium_tx.proxy.upstreams.outliers import Outliers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WatchedMembers:
    """
    Watched from `start` to `stop`.
    """

    members: Members
    outliers: Outliers | None
    watches: Sequence[HealthWatch]

    def start(self) -> None:
        """
        They are in use.
        """
        if self.outliers is not None:
            self.outliers.start()
        for watch in self.watches:
            watch.start()

    def stop(self) -> None:
        """
        They are not in use any more.
        """
        if self.outliers is not None:
            self.outliers.stop()
        for watch in self.watches:
            watch.stop()
