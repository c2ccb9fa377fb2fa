"""
Tests of `pomerium_tx.access`.
"""

from __future__ import annotations

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.access import log_access
from pomerium_tx.proxy.connection import Answered


class LogAccessTests(SynchronousTestCase):
    """
    One line for each request.
    """

    def test_unreadable(self) -> None:
        """
        A request that could not be read has a line as well.
        """
        events: list[dict[str, object]] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        log_access(
            Answered(
                request_id="id",
                peer="192.0.2.1",
                head=None,
                asked=None,
                status=400,
                size=7,
                seconds=0.0,
                details="malformed",
            ),
            "admin",
        )
        self.assertEqual(len(events), 1)
