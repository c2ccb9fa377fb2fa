"""
A session that lives, and a route that does not admit its person any more: by a reload, or by what the OP says now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pomerium_tx.demo.registration import ALICE, Lifetimes
from pomerium_tx.sessions.store import Cause
from tests.doubles.peers import UserAgent, request
from tests.scenarios.all_kinds import Open
from tests.scenarios.test_session_events import EVENTS, METADATA
from tests.scenarios.traffic import NOT_ADMITTED
from tests.scenarios.triggers import Trigger, TriggerTestCase
from tests.scenarios.world import APP, CHAT, CONFIG

OTHER_ADDRESS = "alice@elsewhere.example"


def routes(*admitted: str) -> list[dict[str, Any]]:
    """
    The routes, where `CHAT` admits these.
    """
    rule = {"allow_any_authenticated_user": None, "allowed_users": list(admitted)}
    changed = [route | rule if route["name"] == "chat" else route for route in CONFIG["routes"]]
    return [{key: value for key, value in route.items() if value is not None} for route in changed]


SETTINGS: Mapping[str, Any] = {"routes": routes("alice@example.com", "bob@example.com")}


def _say_otherwise(world: TriggerTestCase) -> None:
    world.provider.alterations["userinfo"] = lambda claims: (
        {**claims, "email": OTHER_ADDRESS} if claims["sub"] == ALICE.sub else claims
    )
    world.wait_for_answer("/userinfo")


RELOAD = Trigger(
    name="reload",
    cause=Cause.PROVIDER_REMOVED,
    settings=SETTINGS,
    pull=lambda world: world.house.reload(world.read(routes=routes("bob@example.com"))),
)
CLAIMS = Trigger(
    name="refreshed claims",
    cause=Cause.REFRESH_REFUSED,
    settings=SETTINGS,
    lifetimes=Lifetimes(access_token=20 * 3600.0, id_token=20 * 3600.0),
    approach=_say_otherwise,
    pull=lambda world: world.http.release("/userinfo"),
)


class NoLongerAdmittedTests(TriggerTestCase):
    """
    Alice is not admitted at `CHAT` any more.
    """

    def opened(self) -> tuple[list[Open], list[Open]]:
        """
        What is open at `CHAT`, and elsewhere.
        """
        opened = self.everything(self.alice)
        return [one for one in opened if one.route == "chat"], [one for one in opened if one.route != "chat"]

    def assert_cut_there(self, there: list[Open], elsewhere: list[Open]) -> None:
        """
        All of it is cut there, and nothing elsewhere; no session has ended.
        """
        self.network.accept()
        self.settle()
        for one in there:
            self.assert_cut(one, NOT_ADMITTED)
        for one in elsewhere:
            self.assert_open(one)
        self.assertNotIn(b"/connecting", self.chat.heard)
        self.assertEqual(self.receipts(), [])
        self.assertEqual(self.house.registry.count, 3)
        self.assertEqual(self.house.registry.owed(), [])

    def test_reload(self) -> None:
        """
        Every kind of exchange is cut on that route, in the turn of the reload, and on no other; that of her other
        devices as well, bob's not.
        """
        self.start(RELOAD)
        phone, _ = self.stream(self.others["phone"], CHAT + "/events")
        others = {name: self.some(browser) for name, browser in self.others.items()}
        there, elsewhere = self.opened()
        RELOAD.pull(self)
        for one in there:
            one.note()
            one.go_on()
            self.assertTrue(one.was_cut, one.name)
        self.assert_cut_there([*there, others["phone"][1]], [*elsewhere, others["phone"][0], *others["bob"]])
        self.assert_broken_off(phone)

    def test_refreshed_claims(self) -> None:
        """
        Every kind of exchange is cut on that route, and on no other, when the OP says something else of her.
        """
        self.start(CLAIMS)
        others = [one for browser in self.others.values() for one in self.some(browser)]
        there, elsewhere = self.opened()
        for one in there:
            one.note()
        self.end()
        for one in there:
            one.go_on()
        self.assert_cut_there(there, [*elsewhere, *others])

    def test_refreshed_claims_elsewhere(self) -> None:
        """
        What is open in another process than the one that has asked the OP is cut as well.
        """
        self.start(CLAIMS, houses=2)
        agents = [self.stream(self.at(house, self.alice), CHAT + "/events")[0] for house in self.houses]
        kept = [self.stream(self.at(house, self.alice))[0] for house in self.houses]
        self.end()
        for house, agent in zip(self.houses, agents, strict=True):
            self.assertEqual(house.registry.sessions()[0].email, OTHER_ADDRESS)
            self.assert_broken_off(agent)
        self.assertEqual([agent.lost for agent in kept], [None, None])

    def test_afterwards(self) -> None:
        """
        With any handle that route says 403, on connections old and new, and the others go on; pages that listen hear
        of no sign-out.
        """
        for trigger in (RELOAD, CLAIMS):
            with self.subTest(trigger.name):
                self.start(trigger)
                handle = self.handles[APP]
                ways = {
                    host: [
                        request("GET", "/x", host, f"Cookie: _pomerium={handle}"),
                        request("GET", "/x", host, f"Authorization: Pomerium {handle}"),
                        request("GET", f"/x?pomerium_session={handle}", host),
                    ]
                    for host in ("app.example.com", "chat.example.com")
                }
                old = UserAgent.connect(self.network, "proxy", 443)
                listening = self.alice.open("GET", CHAT + EVENTS, *METADATA)
                self.end()
                self.chat.take()
                for host, status in (("app.example.com", b"200"), ("chat.example.com", b"403")):
                    for asked in ways[host]:
                        for agent in (old, UserAgent.connect(self.network, "proxy", 443)):
                            self.assertEqual(agent.ask(asked)[9:12], status, asked)
                self.assertEqual(self.chat.take(), b"")
                self.assertNotIn(b"signed_out", listening.take())
                self.assertIsNone(listening.lost)
                self.advance(30.0, step=10.0)
                self.assertEqual(self.revoked(), [])
