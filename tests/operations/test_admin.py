"""
Tests of `pomerium_tx.operations.admin`.
"""

from __future__ import annotations

import json
from urllib.parse import quote

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs

from pomerium_tx import logs
from pomerium_tx.operations.admin import ADMIN_ENDED
from pomerium_tx.operations.listing import LOOKED_AT
from pomerium_tx.operations.views import reference
from pomerium_tx.sessions.registry import SignedOutMeanwhile
from pomerium_tx.sessions.store import UNTIL_PROVEN, Cause, OpLogout
from tests.doubles.channel import ask
from tests.doubles.exchanges import MemoryExchange
from tests.operations.administered import APP, CHAT, AdministeredCase, used
from tests.sessions import records

ISS = quote(records.ISS, safe="")
OTHER_ISS = "https://other-op.example.com"


class ListTests(AdministeredCase):
    """
    ``GET /sessions``.
    """

    def test_nobody(self) -> None:
        """
        Without sessions the list is there, and empty.
        """
        self.assertEqual(self.answer("/sessions"), {"count": 0, "sessions": [], "next": None})

    def test_facts(self) -> None:
        """
        All that tells sessions apart is shown, with what is open; nothing with which one could be used.
        """
        session = self.begin("alice-1", uses=used("id-app", "id-chat"), sids=("sid-1", "sid-2"))
        self.clock.advance(60)
        self.registry.touch(session.id, "198.51.100.9")
        MemoryExchange(kind="sse", route_id="id-app", age=48.0, bytes_in=3, bytes_out=4).open(self.registry, session.id)
        MemoryExchange(kind="download", route_id="id-chat").open(self.registry, session.id)
        MemoryExchange(kind="upload", route_id="id-gone").open(self.registry, session.id)
        self.assertEqual(
            self.answer("/sessions")["sessions"],
            [
                {
                    "id": reference("alice-1"),
                    "user": "alice",
                    "email": "alice@example.com",
                    "name": "Alice",
                    "iss": records.ISS,
                    "sub": "alice",
                    "sids": ["sid-1", "sid-2"],
                    "idp_id": self.provider.idp_id,
                    "user_agent": "Firefox",
                    "address": "192.0.2.1",
                    "last_address": "198.51.100.9",
                    "began": "2023-11-14T22:13:20.000Z",
                    "expires": "2023-11-15T12:13:20.000Z",
                    "last_seen": "2023-11-14T22:14:20.000Z",
                    "routes": [APP, CHAT],
                    "exchanges": [
                        {"kind": "sse", "route": "app", "age": 48.0, "bytes_in": 3, "bytes_out": 4},
                        {"kind": "download", "route": CHAT, "age": 0.0, "bytes_in": 0, "bytes_out": 0},
                        {"kind": "upload", "route": "id-gone", "age": 0.0, "bytes_in": 0, "bytes_out": 0},
                    ],
                }
            ],
        )

    def test_no_secret(self) -> None:
        """
        No token, claim, browser or session id is in the list.
        """
        session = self.begin("alice-secret", claims={"groups": ("a-claim",)})
        text = self.ask("/sessions").text
        tokens = session.tokens
        for secret in (session.id, session.browser, "a-claim", tokens.id_token, tokens.access_token, "refresh-"):
            self.assertNotIn(secret, text.replace("sid-alice-secret", ""))

    def test_filters(self) -> None:
        """
        A list is of those sessions that everything given applies to.
        """
        self.begin("alice-1", uses=used("id-app"))
        self.begin("bob-1")
        self.assertEqual([one["user"] for one in self.answer("/sessions?user=bob")["sessions"]], ["bob"])
        self.assertEqual(self.answer("/sessions?user=bob&route=app")["count"], 0)

    def test_parts(self) -> None:
        """
        A long list is given in parts, the oldest first, each session once, also when some end in between.
        """
        for number in range(7):
            self.begin(f"alice-{number}", began=records.NOW - 7.25 + number)
        first = self.answer("/sessions?limit=3")
        self.assertEqual((first["count"], len(first["sessions"])), (7, 3))
        self.successResultOf(self.ending.end(["alice-2", "alice-3"], Cause.EXPIRED))
        second = self.answer(f"/sessions?limit=3&after={quote(first['next'])}")
        self.assertEqual((second["count"], second["next"]), (5, None))
        shown = [one["id"] for part in (first, second) for one in part["sessions"]]
        self.assertEqual(shown, [reference(f"alice-{number}") for number in (0, 1, 2, 4, 5, 6)])

    def test_turns(self) -> None:
        """
        Very many sessions are looked at in many turns, and what ends meanwhile is not shown.
        """
        for number in range(LOOKED_AT + 1):
            self.begin(f"alice-{number}")
        asked = ask(self.site.resource, "/sessions?limit=10000", origin="")
        self.assertFalse(asked.is_done)
        self.successResultOf(self.ending.end(["alice-1000"], Cause.EXPIRED))
        while not asked.is_done:
            self.clock.advance(0)
        self.assertNotIn(reference("alice-1000"), asked.text)
        self.assertEqual(len(json.loads(asked.body)["sessions"]), LOOKED_AT)


class EndTests(AdministeredCase):
    """
    ``DELETE /sessions``.
    """

    def test_ends(self) -> None:
        """
        The sessions named end, the others do not; the answer is the receipt, with the routes.
        """
        self.begin("alice-1", uses=used("id-app", "id-chat"))
        self.begin("alice-2")
        self.begin("bob-1")
        exchange = MemoryExchange(kind="websocket")
        exchange.open(self.registry, "alice-1")
        receipt = self.answer("/sessions?user=ALICE%40example.com", "DELETE")
        self.assertEqual(self.live(), ["bob-1"])
        self.assertEqual(exchange.causes, [Cause.ADMINISTRATOR])
        self.assertEqual((receipt["cause"], receipt["sessions_ended"]), ("administrator", 2))
        self.assertEqual(receipt["exchanges_cut"]["websocket"], 1)
        self.assertEqual(receipt["routes"], [APP, CHAT])
        self.assertEqual([one.id for one in self.audited], [receipt["id"]])
        self.assertEqual(self.answer(f"/receipts/{receipt['id']}"), receipt)

    def test_needs_filter(self) -> None:
        """
        Without a filter nothing ends: neither by silence, nor by what is no filter.
        """
        self.begin("alice-1")
        for target in ("/sessions", "/sessions?dry_run=false", "/sessions?dry_run=true", "/sessions?limit=5"):
            with self.subTest(target):
                self.assertIn("user, iss, sid, sub, route, issued_before", self.problem(target, "DELETE"))
        self.assertEqual(self.live(), ["alice-1"])

    def test_wrong_parameter(self) -> None:
        """
        A parameter that is not understood ends nothing, whatever else is given, and is named.
        """
        self.begin("alice-1")
        for query, name in (
            ("users=bob", "users"),
            ("user=bob", "user"),
            ("route=", "route"),
            ("sid", "sid"),
            ("issued_before=yesterday", "issued_before"),
            ("dry_run=perhaps", "dry_run"),
            ("limit=1", "limit"),
            ("after=1_x", "after"),
        ):
            with self.subTest(query):
                self.assertIn(f"parameter {name} ", self.problem(f"/sessions?user=alice&{query}", "DELETE"))
        self.assertEqual(self.live(), ["alice-1"])

    def test_dry_run(self) -> None:
        """
        A trial says which sessions would end, and ends none; it can be read in parts.
        """
        for name in ("alice-1", "alice-2", "bob-1"):
            self.begin(name)
        answer = self.answer("/sessions?user=alice&dry_run=true&limit=1", "DELETE")
        self.assertEqual((answer["dry_run"], answer["count"], len(answer["sessions"])), (True, 2, 1))
        self.assertEqual(len(self.live()), 3)
        self.assertEqual(self.audited, [])
        self.assertEqual(self.answer("/sessions?user=alice&dry_run=false", "DELETE")["sessions_ended"], 2)

    def test_nothing_matched(self) -> None:
        """
        If nobody is meant, the receipt says 0, and no line is written.
        """
        self.begin("alice-1")
        with capturedLogs() as events:
            receipt = self.answer("/sessions?user=carol", "DELETE")
        self.assertEqual(receipt["sessions_ended"], 0)
        self.assertEqual((self.audited, events), ([], []))

    def test_log(self) -> None:
        """
        Who was meant is logged; what can be used to sign somebody out is not.
        """
        self.begin("alice-1", sids=("sid-4711",))
        with capturedLogs() as events:
            receipt = self.answer(f"/sessions?sid=sid-4711&user=alice&iss={ISS}", "DELETE")
        (event,) = events
        line = json.loads(logs.json_line(event))
        self.assertEqual((line["message"], line["level"], line["service"]), (ADMIN_ENDED, "info", "admin"))
        self.assertEqual((line["receipt-id"], line["sessions-ended"]), (receipt["id"], 1))
        self.assertEqual((line["user"], line["iss"], line["sid"]), ("alice", records.ISS, "[redacted]"))
        self.assertNotIn("sid-4711", json.dumps(line))
        self.assertNotIn("route", line)

    def test_login_in_flight(self) -> None:
        """
        A sign-in that was under way for whom an end names completely produces no session, if there was one or not.
        """
        for number, query in enumerate(("sub=alice", "sid=sid-x", "sub=alice&sid=sid-x")):
            with self.subTest(query):
                issued = self.clock.seconds()
                self.clock.advance(1)
                self.assertEqual(self.answer(f"/sessions?iss={ISS}&{query}", "DELETE")["sessions_ended"], 0)
                late = records.session(f"alice-{number}", sids=("sid-x",))
                beginning = Deferred.fromCoroutine(self.registry.begin(late, state_issued=issued))
                self.failureResultOf(beginning, SignedOutMeanwhile)

    def test_login_in_flight_of_others(self) -> None:
        """
        An end that names fewer than all sessions of somebody, or ends nothing, leaves their sign-ins alone.
        """
        issued = self.clock.seconds()
        self.clock.advance(1)
        for number, (method, query) in enumerate(
            (
                ("DELETE", f"iss={ISS}&sub=alice&issued_before=1"),
                ("DELETE", f"iss={ISS}&sub=alice&route=app"),
                ("DELETE", f"iss={ISS}&sub=alice&user=bob"),
                ("DELETE", f"iss={ISS}&sub=alice&dry_run=true"),
                ("DELETE", f"iss={quote(OTHER_ISS, safe='')}&sub=alice"),
                ("DELETE", "sub=alice&user=bob"),
                ("GET", f"iss={ISS}&sub=alice"),
            )
        ):
            with self.subTest(query):
                self.answer(f"/sessions?{query}", method)
                session = records.session(f"alice-{number}", began=self.clock.seconds())
                self.successResultOf(self.registry.begin(session, state_issued=issued))
                self.successResultOf(self.ending.end([session.id], Cause.EXPIRED))

    def test_later_login(self) -> None:
        """
        A sign-in that begins after the end is not affected.
        """
        self.answer(f"/sessions?iss={ISS}&sub=alice", "DELETE")
        self.clock.advance(1)
        self.begin("alice-9", began=self.clock.seconds())
        self.assertEqual(self.live(), ["alice-9"])

    def test_meanwhile(self) -> None:
        """
        Also a session that begins or changes while very many others are looked at ends with them.
        """
        for number in range(LOOKED_AT + 1):
            self.begin(f"bob-{number}")
        self.begin("alice-1")
        asked = ask(self.site.resource, "/sessions?route=id-chat", method="DELETE", origin="")
        self.assertFalse(asked.is_done)
        self.begin("alice-2", uses=used("id-chat"))
        self.successResultOf(self.registry.use_route("bob-7", "id-chat", CHAT))
        while not asked.is_done:
            self.clock.advance(0)
        self.assertEqual(json.loads(asked.body)["sessions_ended"], 2)
        self.assertFalse({"alice-2", "bob-7"} & set(self.live()))
        self.assertEqual(len(self.live()), LOOKED_AT + 1)

    def test_store_unavailable(self) -> None:
        """
        An end that cannot be recorded has not happened, and the answer says so and when to try again.
        """
        self.begin("alice-1")
        self.store.break_down()
        asked = self.ask("/sessions?user=alice", "DELETE")
        self.assertEqual((asked.status, asked.header("Retry-After")), (503, "5"))
        self.assertIn("nothing has ended", asked.text)
        self.assertEqual(self.live(), ["alice-1"])
        self.store.failure = None
        self.assertEqual(self.answer("/sessions?user=alice", "DELETE")["sessions_ended"], 1)

    def test_other_methods(self) -> None:
        """
        There are no other methods, so that no form of a page can do anything.
        """
        for method in ("POST", "PUT", "HEAD", "OPTIONS"):
            with self.subTest(method):
                asked = self.ask("/sessions?user=alice", method)
                self.assertEqual((asked.status, asked.header("Allow")), (405, "GET, DELETE"))


class OwedTests(AdministeredCase):
    """
    What is still to be done.
    """

    def test_in_parts(self) -> None:
        """
        The list goes on where a part of it ended, also among those that wait for a proof and have no time.
        """
        for name, not_before in (("a", records.NOW), ("b", UNTIL_PROVEN), ("c", UNTIL_PROVEN)):
            self.successResultOf(self.registry.owe(records.owed(name, not_before=not_before)))
        shown, following = [], ""
        while following is not None:
            after = f"&after={quote(following)}" if following else ""
            part = self.answer(f"/revocations?limit=1{after}")
            shown += [(each["id"], each["state"]) for each in part["revocations"]]
            following = part["next"]
        self.assertEqual(shown, [("a", "waiting"), ("b", "unproven"), ("c", "unproven")])

    def test_revocations(self) -> None:
        """
        Each revocation that is owed is listed, with its receipt and how often it was tried; never a token.
        """
        self.begin("alice-1")
        receipt = self.answer("/sessions?user=alice", "DELETE")
        first = self.answer("/revocations")
        (owed,) = first["revocations"]
        self.attempts[owed["id"]] = 3
        self.successResultOf(self.registry.owe(records.owed("zz-2", idp_id="removed")))
        answer = self.answer("/revocations")
        self.assertEqual((answer["count"], answer["next"]), (2, None))
        self.assertEqual(
            answer["revocations"],
            [
                {
                    "id": owed["id"],
                    "receipt_id": receipt["id"],
                    "idp_id": self.provider.idp_id,
                    "iss": records.ISS,
                    "tokens": 2,
                    "not_before": "2023-11-14T22:13:20.000Z",
                    "attempts": 3,
                    "state": "retrying",
                },
                {
                    "id": "zz-2",
                    "receipt_id": None,
                    "idp_id": "removed",
                    "iss": None,
                    "tokens": 2,
                    "not_before": "2023-11-14T22:14:20.000Z",
                    "attempts": 0,
                    "state": "waiting",
                },
            ],
        )
        self.assertEqual(owed["state"], "waiting")
        self.assertNotIn("access-alice", self.ask("/revocations").text)

    def test_notices(self) -> None:
        """
        Each application that is still to be told of an end is listed, by its route.
        """
        self.ending.configure(revocation_delay=60.0, notify=["id-app"])
        self.begin("alice-1", uses=used("id-app", "id-chat"))
        receipt = self.answer("/sessions?user=alice", "DELETE")
        (notice,) = self.answer("/notices")["notices"]
        del notice["id"]
        self.assertEqual(
            notice,
            {
                "receipt_id": receipt["id"],
                "route": "app",
                "origin": APP,
                "user": "alice",
                "since": "2023-11-14T22:13:20.000Z",
                "attempts": 0,
                "state": "waiting",
            },
        )
        self.assertNotIn("alice-1", self.ask("/notices").text)

    def test_parameters(self) -> None:
        """
        These lists can be read in parts, and know no other parameter.
        """
        for path in ("/revocations", "/notices"):
            with self.subTest(path):
                self.assertEqual(self.answer(f"{path}?limit=1")["count"], 0)
                self.assertIn("parameter user ", self.problem(f"{path}?user=alice"))
                self.assertEqual(self.ask(f"{path}?limit=1", "DELETE").status, 405)


class ReceiptTests(AdministeredCase):
    """
    ``GET /receipts/<id>``.
    """

    def test_as_of_now(self) -> None:
        """
        A receipt is shown as true as it is by now, and for an id that no receipt has there is none.
        """
        self.begin("alice-1")
        receipt = self.answer("/sessions?user=alice", "DELETE")
        self.successResultOf(self.registry.op_logout(receipt["id"], OpLogout.UNREACHABLE))
        self.assertEqual(self.answer(f"/receipts/{receipt['id']}"), {**receipt, "op_logout": "unreachable"})
        for target in ("/receipts/unknown", "/receipts/", "/receipts", "/receipts/%FF", f"/receipts/{receipt['id']}/x"):
            with self.subTest(target):
                self.problem(target, status=404)
        self.assertIn("parameter user ", self.problem(f"/receipts/{receipt['id']}?user=alice"))
