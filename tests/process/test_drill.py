"""
A fire drill on real sockets.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml
from treq.testing import StubTreq
from twisted.internet.endpoints import HostnameEndpoint, IStreamClientEndpoint
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource

from pomerium_tx import drill as drilling
from pomerium_tx.config.loader import load
from pomerium_tx.drill import DrillFailed, drill
from pomerium_tx.house import House
from pomerium_tx.routing.route import Route
from pomerium_tx.sessions.attachments import Attachments
from pomerium_tx.sessions.memory import MemoryStore
from tests.scenarios.world import CONFIG


class DrillTests(TestCase):
    """
    A house on a real network.
    """

    async def setUp(self) -> None:
        from twisted.internet import reactor  # noqa: TID251 - these tests are about the real one

        self.reactor: Any = reactor
        path = Path(self.mktemp() + ".yaml")
        path.write_text(yaml.safe_dump(CONFIG))

        def connect(route: Route) -> IStreamClientEndpoint:
            [upstream] = route.upstreams
            return HostnameEndpoint(self.reactor, upstream.host, upstream.port)

        self.house = House(
            load(path, {}).config,
            store=MemoryStore(),
            clock=self.reactor,
            now=time.monotonic,
            http=StubTreq(Resource()),
            http_of=lambda route: StubTreq(Resource()),
            connect=connect,
        )
        self.addCleanup(self.house.stop)
        await self.house.start()

    async def test_passed(self) -> None:
        """
        Everything that was open is cut, and nothing is left of the drill, neither a session nor a route.
        """
        report = await drill(self.reactor, self.house)
        self.assertTrue(report.is_passed, report)
        self.assertEqual(self.house.registry.count, 0)
        self.assertEqual([route.name for route in self.house.layout.table.routes], ["app", "chat", "open", "denied"])
        self.assertTrue((await drill(self.reactor, self.house)).is_passed)

    async def test_a_hole(self) -> None:
        """
        Where what is open is not cut, the drill says so.
        """
        with patch.object(Attachments, "cut", lambda self, ids, cause: None), patch.object(drilling, "PATIENCE", 0.2):
            report = await drill(self.reactor, self.house)
        self.assertFalse(report.is_passed)
        self.assertEqual(set(report.cut_after.values()), {None})

    async def test_not_answered(self) -> None:
        """
        Where nothing could be opened it does not claim to have measured anything, and leaves no session behind.
        """
        with (
            patch.object(drilling, "_ANSWERS", {}),
            patch.object(drilling, "PATIENCE", 0.2),
            self.assertRaises(DrillFailed),
        ):
            await drill(self.reactor, self.house)
        self.assertEqual(self.house.registry.count, 0)
