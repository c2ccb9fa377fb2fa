"""
What an administrator does to people who are at work: a command ends their sessions, a reload takes a route away.
"""

from __future__ import annotations

import json

from tests.interop.deployment import DeploymentCase
from tests.interop.live import EVERYTHING_CUT, ends, open_exchanges, wait_for_ends
from tests.interop.wire import fetch


class AdministrationCase(DeploymentCase):
    """
    Alice and bob are at work on two routes each.
    """

    def setUp(self) -> None:
        self.deploy()
        self.alice, self.bob = self.person(), self.person()
        self.app_tab, self.chat_tab, self.bobs_tab = self.alice.tab(), self.alice.tab(), self.bob.tab()
        self.sign_in(self.app_tab, f"{self.site.app}/")
        self.chat_tab.goto(f"{self.site.chat}/")
        self.sign_in(self.bobs_tab, f"{self.site.app}/", user="bob")
        for tab in (self.app_tab, self.chat_tab, self.bobs_tab):
            open_exchanges(tab)


class CommandTests(AdministrationCase):
    """
    ``pomerium-tx sessions``.
    """

    def test_end_by_user(self) -> None:
        """
        Ending alice's sessions cuts everything she has open, on every route, with a code that her pages understand, and
        nothing of bob's; the command prints the receipt of the audit log.
        """
        dry = self.proxy.administer("sessions", "end", "--user", "alice@example.com", "--dry-run")
        self.assertEqual(dry.returncode, 0, dry.stderr)
        self.assertIn("alice", dry.stdout)
        self.assertEqual((ends(self.app_tab), ends(self.chat_tab)), ({}, {}))
        cookies = {route: self.alice.cookies(route) for route in (self.site.app, self.site.chat)}
        ended = self.proxy.administer("sessions", "end", "--user", "alice@example.com", "--yes", "--json")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertEqual(wait_for_ends(self.app_tab), EVERYTHING_CUT)
        self.assertEqual(wait_for_ends(self.chat_tab), EVERYTHING_CUT)
        receipt = json.loads(ended.stdout)
        self.assertEqual((receipt["cause"], receipt["sessions_ended"]), ("administrator", 1))
        self.assertEqual(receipt["exchanges_cut"]["websocket"], 2)
        self.assertEqual(self.the_receipt()["id"], receipt["id"])
        for route, cookie in cookies.items():
            self.assertEqual(fetch(f"{route}/", headers={"Cookie": cookie}).status, 302)
        self.assertEqual(ends(self.bobs_tab), {})
        listed = json.loads(self.proxy.administer("sessions", "list", "--json").stdout)
        self.assertEqual([each["email"] for each in listed["sessions"]], ["bob@example.com"])


class ReloadTests(AdministrationCase):
    """
    SIGHUP: what the new configuration does not allow any more ends at once, and nothing else.
    """

    def test_route_removed(self) -> None:
        """
        A route that is gone takes with it what was open on it; the same person's other route goes on.
        """
        remaining = [route for route in self.configuration["routes"] if route["from"] != self.site.chat]
        self.proxy.reload(routes=remaining)
        self.assertEqual(wait_for_ends(self.chat_tab).keys(), EVERYTHING_CUT.keys())
        self.app_tab.wait_for_timeout(300)
        self.assertEqual((ends(self.app_tab), ends(self.bobs_tab)), ({}, {}))
        self.app_tab.goto(f"{self.site.app}/still")
        self.assertEqual(self.app_tab.title(), "Application")
        self.assertEqual(self.proxy.receipts(), [])

    def test_policy_changed(self) -> None:
        """
        Who may not use a route any more is cut off on that route alone, stays signed in, and is told why.
        """
        routes = [dict(route) for route in self.configuration["routes"]]
        del routes[0]["allowed_domains"]
        routes[0]["allowed_users"] = ["bob@example.com"]
        self.proxy.reload(routes=routes)
        self.assertEqual(wait_for_ends(self.app_tab).keys(), EVERYTHING_CUT.keys())
        self.app_tab.wait_for_timeout(300)
        self.assertEqual((ends(self.chat_tab), ends(self.bobs_tab)), ({}, {}))
        answer = self.app_tab.goto(f"{self.site.app}/")
        assert answer is not None
        self.assertEqual(answer.status, 403)
        self.chat_tab.goto(f"{self.site.chat}/still")
        self.assertEqual(self.chat_tab.title(), "Chat")
        self.assertEqual(self.proxy.receipts(), [])
