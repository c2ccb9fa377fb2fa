"""
Whatever ends a session, the same holds afterwards.
"""

from __future__ import annotations

import re

from pomerium_tx.jose.jwt import parse
from pomerium_tx.sessions.receipt import EXCHANGE_KINDS, Receipt
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import UNTIL_PROVEN, Cause
from tests.doubles.peers import UserAgent, request
from tests.scenarios.all_kinds import Open
from tests.scenarios.test_session_events import EVENTS, METADATA
from tests.scenarios.traffic import SIGNED_OUT
from tests.scenarios.triggers import Trigger, TriggerTestCase, for_every_trigger
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, OPEN


@for_every_trigger
class NothingInFlightTests(TriggerTestCase):
    """
    What is open.
    """

    def watched(self, opened: list[Open]) -> None:
        """
        In the turn of the end both sides of each exchange are looked at, and both go on.
        """

        def ended(receipt: Receipt, sessions: tuple[Session, ...]) -> None:
            for one in opened:
                one.note()
                one.go_on()

        self.addCleanup(self.house.registry.subscribe_ended(ended))

    def check_every_kind(self, trigger: Trigger) -> None:
        """
        Every exchange of the session is cut in the turn of the end, as its kind is, and no byte passes afterwards; the
        receipt counts each once; what others have open goes on; there is one receipt, and one audit line of it.
        """
        self.start(trigger)
        theirs = {name: self.some(browser) for name, browser in self.others.items()}
        mine = [self.beside_bob(), *self.everything(self.alice)]
        for name, opened in theirs.items():
            if name not in trigger.spares:
                mine += opened
        self.watched(mine)
        self.end()
        self.network.accept()
        self.settle()
        for one in mine:
            self.assertTrue(one.was_cut, f"{one.name}: not in the turn of the end")
            self.assert_cut(one)
        for name in trigger.spares:
            for one in theirs[name]:
                self.assert_open(one)
        for unheard in (b"/queued", b"/connecting", b"LATE"):
            for application in self.applications.values():
                self.assertNotIn(unheard, application.heard)
        self.assert_receipt(trigger, mine)

    def beside_bob(self) -> Open:
        """
        An exchange that was let in as bob's, and to which alice's handle came as well.
        """
        field = f"Authorization: Pomerium {self.handles[APP]}"
        agent, upstream = self.download(self.others["bob"], APP + "/file", field)
        return Open(name="beside another's", agent=agent, upstream=upstream, route="app")

    def assert_receipt(self, trigger: Trigger, cut: list[Open]) -> None:
        """
        It counts what was cut, and nothing else; it is the only one, in the audit log and in the registry.
        """
        [line] = self.receipts()
        tokens = 1 if trigger.forgets_refresh_tokens else 2
        ended = self.ended()
        self.assertEqual(
            line,
            {
                "id": line["id"],
                "time": line["time"],
                "cause": trigger.cause.value,
                "sessions_ended": len(ended),
                "exchanges_cut": self.cut_of(cut),
                "in_doubt": self.doubts_of(cut),
                "tokens_to_revoke": 0 if trigger.revokes is None else tokens * len(ended),
                "op_logout": line["op_logout"],
                "replicas": "1/1",
                "routes": [APP, CHAT, OPEN],
            },
        )
        unknown = ("unconfirmed" if "another" in trigger.name else "pending") if trigger.is_own else "not_needed"
        self.assertEqual(line["op_logout"], unknown)
        for session in ended:
            receipt = self.house.registry.ended(session.id)
            assert receipt is not None
            self.assertEqual(receipt.as_json(with_routes=True), line)

    def check_pages_that_listen(self, trigger: Trigger) -> None:
        """
        Pages that listen are told, and the stream ends as answers do; it counts as no exchange.
        """
        self.start(trigger)
        listening = [self.alice.open("GET", origin + EVENTS, *METADATA) for origin in (APP, CHAT, AUTHENTICATE)]
        theirs = [self.others[name].open("GET", CHAT + EVENTS, *METADATA) for name in self.trigger.spares]
        self.end()
        for agent in listening:
            heard = agent.take()
            self.assertEqual(heard.count(b"event: signed_out\n"), 1)
            self.assertTrue(heard.endswith(b"\r\n0\r\n\r\n"), heard)
            self.assertIsNone(agent.lost)
        for agent in theirs:
            self.assertNotIn(b"signed_out", agent.take())
        [receipt] = self.receipts()
        self.assertEqual(receipt["exchanges_cut"], dict.fromkeys(EXCHANGE_KINDS, 0))

    def check_other_house(self, trigger: Trigger) -> None:
        """
        What is open in another process is cut and counted as well, there is one end, and neither lets the session in.
        """
        self.start(trigger, houses=2)
        there = self.at(self.houses[1], self.alice)
        socket, _ = self.websocket(there)
        agents = [self.download(self.alice)[0], self.download(there)[0], self.stream(there)[0]]
        waiting, _ = self.begin(there, "POST", APP + "/slow", "Content-Length: 1", content=b"x")
        kept, _ = self.download(self.at(self.houses[1], self.others["bob"]))
        self.end()
        self.advance(2.0)
        self.assertEqual(socket.take(), SIGNED_OUT)
        for agent in agents:
            self.assertEqual(agent.take(), b"")
            self.assert_broken_off(agent)
        self.assert_answered(waiting, 302)
        self.assertEqual(kept.lost is None, "bob" in trigger.spares)
        [line] = self.receipts()
        for house in self.houses:
            receipt = house.registry.receipt(line["id"])
            assert receipt is not None
            self.assertEqual(receipt.cause, trigger.cause)
            download = 3 if "bob" in trigger.spares else 4
            self.assertEqual(
                dict(receipt.exchanges_cut),
                {"websocket": 1, "tunnel": 0, "sse": 1, "upload": 0, "download": download},
            )
            for handle in self.handles.values():
                answer = self.at(house, self.browser()).once("GET", APP + "/", {"Cookie": f"_pomerium={handle}"})
                self.assertEqual(answer.status, 302)


@for_every_trigger
class NoStaleWindowTests(TriggerTestCase):
    """
    What comes afterwards.
    """

    def ways(self) -> dict[str, bytes]:
        """
        Requests that present a handle of alice's session.
        """
        own = self.alice.cookie("authenticate.example.com", "_pomerium_authenticate") or ""
        ways = {}
        for name, handle in (*self.handles.items(), (AUTHENTICATE, own)):
            for host in ("app.example.com", "chat.example.com"):
                ways[f"cookie of {name} at {host}"] = request("GET", "/x", host, f"Cookie: _pomerium={handle}")
                ways[f"query of {name} at {host}"] = request("GET", f"/x?pomerium_session={handle}", host)
                for field in (
                    "X-Pomerium-Authorization: ",
                    "Authorization: Pomerium ",
                    "Authorization: Bearer Pomerium-",
                ):
                    ways[f"{field} of {name} at {host}"] = request("GET", "/x", host, f"{field}{handle}")
        return ways

    def told_to_public(self) -> object:
        """
        As whom a public application sees who comes with alice's handle.
        """
        self.applications["open"].take()
        UserAgent.connect(self.network, "proxy", 443).ask(
            request("GET", "/x", "open.example.com", f"Cookie: _pomerium={self.handles[APP]}")
        )
        found = re.search(rb"(?i)\r\nx-pomerium-jwt-assertion: (\S+)\r\n", self.applications["open"].take())
        assert found is not None
        return parse(found[1].decode()).claims["email"]

    def check_every_handle(self, trigger: Trigger) -> None:
        """
        No handle of the session gets in any more, on no route, on connections old and new; to a public route it is
        nobody's. Those of others do.
        """
        self.start(trigger)
        ways = self.ways()
        agents = {name: UserAgent.connect(self.network, "proxy", 443) for name in ways}
        for name, agent in agents.items():
            self.assertTrue(agent.ask(ways[name]).startswith(b"HTTP/1.1 200 "), name)
        self.assertEqual(self.told_to_public(), "alice@example.com")
        self.end()
        for application in self.applications.values():
            application.take()
        for name, agent in agents.items():
            again = agent if agent.lost is None else UserAgent.connect(self.network, "proxy", 443)
            expected = b"302" if name.startswith("cookie") else b"401"
            for asked in (again, UserAgent.connect(self.network, "proxy", 443)):
                self.assertEqual(asked.ask(ways[name])[9:12], expected, name)
        self.assertNotIn(b"get /x", b"".join(one.take() for one in self.applications.values()).lower())
        self.assertEqual(self.told_to_public(), "")
        for name, browser in self.others.items():
            status = 200 if name in trigger.spares else 302
            for origin in (APP, CHAT):
                self.assertEqual(self.replay(self.handle_of(browser, origin), origin).status, status)

    def check_hold(self, trigger: Trigger) -> None:
        """
        After an end that the person asked for nothing signs them in by itself; after any other it does, if the OP
        knows them.
        """
        self.start(trigger)
        self.end()
        if trigger.cause is Cause.PROVIDER_REMOVED:
            self.assertTrue(self.alice.get(CHAT + "/", follow=False).get("Location"))
            return
        page = self.alice.get(CHAT + "/")
        self.assertEqual(page.status, 200)
        self.assertEqual("You signed out at " in page.text, trigger.is_own)
        self.assertEqual(page.url == CHAT + "/", not trigger.is_own)
        for handle in self.handles.values():
            self.assertEqual(self.replay(handle, APP).status, 302)


@for_every_trigger
class WhatElseTests(TriggerTestCase):
    """
    Tokens, and sign-ins under way.
    """

    def check_tokens(self, trigger: Trigger) -> None:
        """
        Tokens are revoked at once, refresh token first, or a minute after the person's own sign-out, or never.
        """
        self.start(trigger)
        self.end()
        tokens = self.session.tokens
        expected = [("refresh_token", tokens.refresh_token), ("access_token", tokens.access_token)]
        if trigger.forgets_refresh_tokens:
            del expected[0]
        if trigger.revokes is None:
            self.advance(300.0, step=10.0)
            self.assertEqual(self.revoked(), [])
            # What anybody can have said waits for the OP's own word.
            self.assertEqual([one for one in self.house.registry.owed() if one.not_before != UNTIL_PROVEN], [])
            return
        if trigger.revokes:
            self.advance(trigger.revokes - 1.0, step=1.0)
            self.assertEqual(self.revoked(), [])
            self.advance(1.0)
        self.advance(1.0)
        self.assertEqual(self.revoked(), expected)
        self.assertEqual(self.house.registry.owed(), [])

    def check_sign_in_under_way(self, trigger: Trigger) -> None:
        """
        A sign-in under way loses if the end names its person or its browser, and its tokens are revoked; if not, it is
        a session like any other.
        """
        self.start(trigger)
        if trigger.cause is Cause.REFRESH_REFUSED and "UserInfo" in trigger.name:
            return
        callback = self.to_callback()
        if trigger.cause is not Cause.IDLE:
            self.advance(1.0)
        self.end()
        before = len(self.provider.revocations)
        page = self.alice.get(callback, site="cross-site")
        if trigger.cause is Cause.PROVIDER_REMOVED:
            self.assertEqual((page.status, self.house.registry.count), (400, 0))
        elif trigger.names_somebody:
            self.assertEqual(page.status, 401)
            self.assertIn("You were signed out while signing in", page.text)
            self.assertEqual(self.house.registry.count, len(trigger.spares))
            self.advance(1.0)
            self.assertGreaterEqual(len(self.provider.revocations), before + 2)
        else:
            self.assertEqual((page.status, page.url), (200, CHAT + "/"))
        self.assertEqual(self.replay(self.handles[APP], APP).status, 302)

    def check_again(self, trigger: Trigger) -> None:
        """
        What has ended is not ended again: not another receipt, not another audit line, not another token to revoke.
        """
        self.start(trigger)
        self.end()
        before = self.house.registry.ended(self.session.id)
        owed = len(self.house.registry.owed())
        for cause in Cause:
            if not cause.value.startswith("user_"):
                self.end_now(cause)
        if trigger.is_own:
            self.sign_out(self.alice)
        self.assertEqual(self.house.registry.ended(self.session.id), before)
        self.assertEqual(len(self.receipts()), 1)
        self.assertLessEqual(len(self.house.registry.owed()), owed)
