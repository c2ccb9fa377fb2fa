"""
What has ended is not in memory any more, whatever was remembered of its requests so that the next ones are quicker.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping
from typing import Any

from pomerium_tx.http11 import remembered_heads
from pomerium_tx.sessions import session as session_module
from pomerium_tx.sessions.session import Session
from tests.doubles.peers import UserAgent, request
from tests.scenarios.traffic import HANDSHAKE, TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT


class ForgottenTests(TrafficTestCase):
    """
    Sessions and their tokens.
    """

    settings: Mapping[str, Any] = {"trusted_proxies": ["192.0.2.7"]}

    def kept(self) -> list[str]:
        """
        The ids of all sessions that are anywhere in memory.
        """
        gc.collect()
        return [one.id for one in gc.get_objects() if type(one) is Session and one.id in self.known]

    def remembered(self) -> set[str]:
        """
        What is remembered so that their next requests would be quicker.
        """
        handle = self.handle.encode()
        fields = {"fields" for _, _, block in remembered_heads._steady if handle in block}
        whole = {"whole" for head in remembered_heads._whole if handle in head}
        presented = {
            "presented"
            for read in self.house.layout.authorizer._reads._of_fields.values()
            if read.may_name_any(self.known)
        }
        return fields | whole | presented | {"claims" for name in self.known if name in session_module._awake._opened}

    def ask_in_every_way(self) -> None:
        """
        Whatever a person's user agents ask for, again and again: pages, pictures, pages of ours, handshakes, and what
        other proxies ask about.
        """
        handle = self.handle = self.handle_of(self.alice, APP)
        cookie = f"Cookie: _pomerium={handle}"
        asked = [
            request("GET", target, f"{host}.example.com", *fields)
            for host in ("app", "chat", "open", "denied")
            for target in ("/", "/picture", f"/?pomerium_session={handle}", "/.pomerium/user")
            for fields in ((cookie,), (cookie, "Accept: image/png"), (f"Authorization: Pomerium {handle}",))
        ]
        asked += [
            request("GET", f"/?pomerium_session={handle}", "app.example.com"),
            request("GET", "/", "app.example.com", f"Referer: {APP}/?pomerium_session={handle}"),
        ]
        asked.append(request("GET", "/", "chat.example.com", cookie, f"Origin: {CHAT}", *HANDSHAKE))
        told = ("X-Forwarded-Method: GET", "X-Forwarded-Host: app.example.com", "X-Forwarded-Uri: /")
        told += ("X-Forwarded-For: 192.0.2.9", "X-Forwarded-Proto: https")
        asked.append(request("GET", "/.pomerium/verify", AUTHENTICATE.removeprefix("https://"), cookie, *told))
        for _ in range(3):
            for one in asked:
                agent = UserAgent.connect(self.network, "proxy", 443, peer="192.0.2.7")
                for _ in range(2):
                    agent.say(one)
                    self.settle()
                agent.transport.abortConnection()
                self.settle()

    def test_signed_out(self) -> None:
        """
        Whoever has signed out leaves nothing of their session behind, and others lose nothing by it.
        """
        self.alice = self.both()
        self.known = {session.id for session in self.house.registry.sessions()}
        self.assertEqual(len(self.known), 1)
        self.ask_in_every_way()
        self.assertIn(*self.known, self.kept())
        self.sign_out(self.alice, follow=True)
        self.events.clear()
        for application in self.applications.values():
            application.connections.clear()
        self.assertTrue(self.remembered())
        self.advance(90.0)
        self.assertEqual((self.kept(), self.remembered()), ([], set()))
