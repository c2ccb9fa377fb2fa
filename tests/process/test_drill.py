"""
A fire drill on real sockets.
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Mapping
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
from pomerium_tx.routing.route import Route, Upstream
from pomerium_tx.sessions.attachments import Attachments
from pomerium_tx.sessions.memory import MemoryStore
from tests.config.material import key_pair
from tests.scenarios.world import CONFIG
from tests.tls.authorities import Authority


class DrillTests(TestCase):
    """
    A house on a real network.
    """

    async def setUp(self) -> None:
        from twisted.internet import reactor  # noqa: TID251 - these tests are about the real one

        self.reactor: Any = reactor
        self.house = self.build(CONFIG)
        self.addCleanup(lambda: self.house.stop())
        await self.house.start()

    def build(self, values: Mapping[str, Any]) -> House:
        """
        A house with this configuration.
        """
        path = Path(self.mktemp() + ".yaml")
        path.write_text(yaml.safe_dump(dict(values)))

        def connect(route: Route, upstream: Upstream) -> IStreamClientEndpoint:
            return HostnameEndpoint(self.reactor, upstream.host, upstream.port)

        return House(
            load(path, {}).config,
            store=MemoryStore(),
            clock=self.reactor,
            now=time.monotonic,
            http=StubTreq(Resource()),
            http_of=lambda route: StubTreq(Resource()),
            connect=connect,
        )

    async def test_passed(self) -> None:
        """
        Everything that was open is cut, and nothing is left of the drill, neither a session nor a route.
        """
        report = await drill(self.reactor, self.house)
        self.assertTrue(report.is_passed, report)
        self.assertEqual(self.house.registry.count, 0)
        self.assertEqual([route.name for route in self.house.layout.table.routes], ["app", "chat", "open", "denied"])
        self.assertTrue((await drill(self.reactor, self.house)).is_passed)

    async def test_whatever_is_configured(self) -> None:
        """
        It is passed whatever the settings of everybody else's routes, of proxies in front and of certificates are.
        """
        certificate, key = key_pair()
        for name, changes in {
            "certificates": {
                "insecure_server": False,
                "certificate": certificate.decode(),
                "certificate_key": key.decode(),
                "downstream_mtls": {"ca": b64encode(Authority("CA").pem).decode()},
            },
            "proxies in front": {"trusted_proxies": ["127.0.0.1"], "xff_num_trusted_hops": 1},
            "tokens": {"bearer_token_format": "idp_access_token"},
            "another cookie": {"cookie_name": "__Secure-other", "cookie_same_site": "strict"},
            "responses": {"set_response_headers": {"disable": "true"}},
            "short limits": {"default_upstream_timeout": "1s", "max_upstream_connections": 5, "max_connections": 16},
            "idle": {"session_idle_timeout": "1s"},
        }.items():
            with self.subTest(name):
                self.house.stop()
                self.house = self.build({**CONFIG, **changes})
                await self.house.start()
                report = await drill(self.reactor, self.house)
                self.assertTrue(report.is_passed, report)

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
