"""
Tests of `pomerium_tx.administration`: over the data path.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from twisted.logger import capturedLogs

from pomerium_tx import logs
from pomerium_tx.access import log_access
from pomerium_tx.administration import CONNECTIONS, admin_proxy
from pomerium_tx.config.forms.values import AdminAddress
from pomerium_tx.config.model import Config
from pomerium_tx.proxy.deadlines import Deadlines
from pomerium_tx.proxy.factory import DownstreamFactory
from tests.config.material import ROUTE, SMALLEST
from tests.doubles.network import Network
from tests.doubles.peers import UserAgent, request
from tests.operations.administered import AdministeredCase

HERE = ("127.0.0.1", 9443)
log_admin = partial(log_access, service="admin")
TOKEN = "a-token-of-more-than-32-characters-0123456789"


class AdminProxyTests(AdministeredCase):
    """
    Connections to the administrator's listener.
    """

    def agent(self, **changes: Any) -> UserAgent:
        """
        Somebody who is connected to it.
        """
        self.network = Network(self.clock)
        config = Config.model_validate({**SMALLEST, "routes": [ROUTE], **changes})
        proxy = admin_proxy(config, self.administered, Deadlines(self.clock, self.clock.seconds), log_admin)
        assert proxy is not None
        factory: Any = DownstreamFactory(proxy)
        self.network.listen(*HERE, factory)
        return UserAgent.connect(self.network, *HERE)

    def answered(self, agent: UserAgent, *fields: str, target: str = "/sessions", method: str = "GET") -> bytes:
        """
        What is answered to a request.
        """
        return agent.ask(request(method, target, "localhost", *fields))

    def test_pages(self) -> None:
        """
        Every request is for the administrator's pages, one after the other on one connection, and is logged as such.
        """
        self.begin("alice-1")
        agent = self.agent()
        with capturedLogs() as events:
            self.assertIn(b" 200 OK\r\n", self.answered(agent))
            self.assertIn(b'"sessions_ended":1', self.answered(agent, target="/sessions?user=alice", method="DELETE"))
            self.assertIn(b" 404 ", self.answered(agent, target="/.pomerium/sign_out"))
        lines = [json.loads(logs.json_line(event)) for event in events if event["log_format"] == logs.ACCESS]
        self.assertEqual([line["service"] for line in lines], ["admin"] * 3)
        self.assertEqual([line["path"] for line in lines][:2], ["/sessions"] * 2)

    def test_token(self) -> None:
        """
        On a TCP address it is the configured token that counts, and it is not logged.
        """
        agent = self.agent(admin_address=AdminAddress(host="127.0.0.1", port=9443), admin_token=TOKEN)
        with capturedLogs() as events:
            self.assertIn(b" 401 ", self.answered(agent))
            self.assertIn(b" 200 ", self.answered(agent, f"Authorization: Bearer {TOKEN}"))
        self.assertNotIn(TOKEN, "".join(map(logs.json_line, events)))

    def test_bad_request(self) -> None:
        """
        What cannot be read is refused here as everywhere.
        """
        with capturedLogs() as events:
            self.assertIn(b" 400 ", self.answered(self.agent(), target="/a%2Fb"))
        self.assertEqual([event["service"] for event in events], ["admin"])

    def test_many_connections(self) -> None:
        """
        There are few at a time, and whoever opens more and says nothing on them keeps no administrator out.
        """
        agents = [self.agent()] + [UserAgent.connect(self.network, *HERE) for _ in range(2 * CONNECTIONS.connections)]
        self.assertEqual(sum(agent.lost is None for agent in agents), CONNECTIONS.connections)
        self.assertIn(b" 200 ", self.answered(agents[-1]))

    def test_off(self) -> None:
        """
        Without an address there is nothing.
        """
        config = Config.model_validate({**SMALLEST, "routes": [ROUTE], "admin_address": ""})
        self.assertIsNone(admin_proxy(config, self.administered, Deadlines(self.clock, self.clock.seconds), log_admin))
