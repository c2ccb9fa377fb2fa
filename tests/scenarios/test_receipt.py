"""
The receipt: one for every end, true, and the same wherever it is shown.
"""

from __future__ import annotations

import json
import re
from typing import Any

from twisted.internet.defer import Deferred

from pomerium_tx.sessions.store import OpLogout
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT

SIGN_OUT = "/.pomerium/sign_out"
KEYS = {
    "id",
    "time",
    "cause",
    "sessions_ended",
    "exchanges_cut",
    "in_doubt",
    "tokens_to_revoke",
    "op_logout",
    "replicas",
}


class ReceiptTests(TrafficTestCase):
    """
    What a sign-out says about itself.
    """

    def setUp(self) -> None:
        super().setUp()
        self.issued: list[dict[str, Any]] = []
        self.provider.alterations["token"] = self._issue
        self.alice = self.both()

    def _issue(self, document: dict[str, Any]) -> dict[str, Any]:
        self.issued.append(document)
        return document

    def as_json(self, host: str = APP, **fields: str) -> dict[str, Any]:
        """
        Sign out by script.
        """
        answer = self.alice.fetch(host + SIGN_OUT, "POST", **fields)
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.get("Content-Type"), "application/json")
        self.assertEqual(answer.get("Cache-Control"), "no-store")
        document = json.loads(answer.text)
        assert isinstance(document, dict)
        return document

    def test_on_a_route_host(self) -> None:
        """
        On R the receipt has all its keys and no routes: an application need not learn where else its user goes.
        """
        receipt = self.as_json()
        self.assertEqual(set(receipt), KEYS | {"end_session_url"})
        self.assertRegex(receipt["time"], r"^2023-11-14T22:13:20(\.[0-9]+)?Z$")
        self.assertEqual(receipt["cause"], "user_route")
        self.assertEqual(receipt["sessions_ended"], 1)
        self.assertEqual(receipt["exchanges_cut"], {"websocket": 0, "tunnel": 0, "sse": 0, "upload": 0, "download": 0})
        self.assertEqual(receipt["in_doubt"], {})
        self.assertEqual((receipt["tokens_to_revoke"], receipt["op_logout"]), (2, "pending"))
        self.assertEqual(receipt["replicas"], "1/1")
        self.assertNotIn("chat", json.dumps({**receipt, "end_session_url": ""}))

    def test_on_a(self) -> None:
        """
        On A it has the routes: the external origins that the session was used on.
        """
        token = self.alice.fetch(AUTHENTICATE + "/.well-known/pomerium").get("X-CSRF-Token") or ""
        receipt = self.as_json(AUTHENTICATE, X_CSRF_Token=token)
        self.assertEqual(set(receipt), KEYS | {"routes", "end_session_url"})
        self.assertEqual(sorted(receipt["routes"]), [APP, CHAT])
        self.assertEqual(receipt["cause"], "user_authenticate")

    def test_one_audit_line(self) -> None:
        """
        One audit line has the same receipt, with the routes.
        """
        receipt = self.as_json()
        (line,) = self.receipts()
        self.assertEqual({key: line[key] for key in KEYS}, {key: receipt[key] for key in KEYS})
        self.assertEqual(sorted(line["routes"]), [APP, CHAT])

    def test_same_id_on_the_page(self) -> None:
        """
        Going on to `end_session_url` leads over the OP to the page with the same id.
        """
        receipt = self.as_json()
        self.assertTrue(receipt["end_session_url"].startswith(AUTHENTICATE + SIGN_OUT + "?"))
        page = self.alice.get(receipt["end_session_url"], site="same-site")
        self.assertIn("signed out everywhere", page.text)
        self.assertIn(receipt["id"], page.text)
        self.assertEqual(len(self.receipts()), 1)

    def test_numbers(self) -> None:
        """
        What was open is counted once and by kind; what the application may have done unseen is in doubt.
        """
        bob = self.both("bob")
        self.websocket(self.alice)
        self.stream(self.alice, CHAT + "/events")
        self.download(self.alice)
        self.upload(self.alice)
        self.begin(self.alice, "DELETE", APP + "/thing")
        over, upstream = self.begin(self.alice, "GET", APP + "/over")
        self.answer(upstream, "Content-Length: 2", b"ok")
        self.assertTrue(over.take().endswith(b"ok"))
        self.download(bob)
        receipt = self.as_json()
        self.assertEqual(receipt["exchanges_cut"], {"websocket": 1, "tunnel": 0, "sse": 1, "upload": 1, "download": 2})
        methods = sorted((name.split(" ")[0], number) for name, number in receipt["in_doubt"].items())
        self.assertEqual(methods, [("DELETE", 1), ("GET", 1), ("GET", 1), ("POST", 1)])
        line = self.receipts()[0]
        self.assertEqual(line["exchanges_cut"], receipt["exchanges_cut"])
        app, chat = (route.id for route in self.house.layout.table.routes if route.name in ("app", "chat"))
        own = {f"DELETE {app}": 1, f"GET {app}": 1, f"POST {app}": 1}
        # Where else its user goes, an application need not learn.
        self.assertEqual(receipt["in_doubt"], {**own, "GET elsewhere": 1})
        self.assertEqual(line["in_doubt"], {**own, f"GET {chat}": 1})

    def test_connecting_is_not_in_doubt(self) -> None:
        """
        What no application has received is cut, and in no doubt.
        """
        self.network.hold("app.internal", 8080)
        self.begin(self.alice, "GET", APP + "/first")
        self.alice.open("POST", APP + "/second", "Content-Length: 0")
        receipt = self.as_json(CHAT)
        self.assertEqual(receipt["exchanges_cut"]["download"], 2)
        self.assertEqual(sum(receipt["in_doubt"].values()), 1)

    def test_nothing_ended(self) -> None:
        """
        When nothing was ended: the same answer, `sessions_ended` 0, no audit line.
        """
        nobody = self.browser()
        for fields in ({}, {"Cookie": "_pomerium=x.y.z"}):
            answer = nobody.once(
                "POST",
                APP + SIGN_OUT,
                {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", **fields},
            )
            receipt = json.loads(answer.text)
            self.assertEqual(answer.status, 200)
            self.assertEqual(set(receipt), KEYS | {"end_session_url"})
            self.assertEqual((receipt["sessions_ended"], receipt["tokens_to_revoke"]), (0, 0))
            self.assertEqual(set(receipt["exchanges_cut"].values()), {0})
        self.assertEqual(self.receipts(), [])

    def test_twice(self) -> None:
        """
        A second sign-out with the same cookie ends nothing more, and counts nothing a second time.
        """
        self.download(self.alice)
        handle = self.handle_of(self.alice, APP)
        first = self.as_json()
        answer = self.browser().once("POST", APP + SIGN_OUT, {"Authorization": f"Pomerium {handle}"})
        second = json.loads(answer.text)
        self.assertEqual((first["sessions_ended"], second["sessions_ended"]), (1, 0))
        self.assertEqual(second["exchanges_cut"]["download"], 0)
        self.assertEqual(len(self.receipts()), 1)

    def test_becomes_truer(self) -> None:
        """
        The OP's part is updated as facts arrive: pending, then returned.
        """
        receipt = self.as_json()
        self.alice.get(receipt["end_session_url"], site="same-site")
        kept = self.house.registry.receipt(receipt["id"])
        assert kept is not None
        self.assertEqual(kept.op_logout.value, "returned")

    def test_nothing_heard(self) -> None:
        """
        Once the way back is closed the receipt does not go on saying pending; a logout token may still come.
        """
        receipt_id = self.as_json()["id"]
        registry = self.house.registry
        for seconds, expected in ((599.0, "pending"), (1.0, "unconfirmed"), (3600.0, "unconfirmed")):
            self.advance(seconds, step=100.0)
            kept = registry.receipt(receipt_id)
            assert kept is not None
            self.assertEqual(kept.op_logout.value, expected)
            self.assertEqual(registry.ended(kept.session_ids[0]), kept)
        self.successResultOf(Deferred.fromCoroutine(registry.op_logout(receipt_id, OpLogout.CONFIRMED)))
        kept = registry.receipt(receipt_id)
        assert kept is not None
        self.assertEqual(kept.op_logout.value, "confirmed")

    def test_no_secret(self) -> None:
        """
        No token, cookie, code, state or handle value appears in the receipt, on the page, or in any log line.
        """
        sessions = list(self.house.registry.sessions())
        secrets = [cookie.value for key, cookie in self.alice.jar.items() if len(cookie.value) > 8]
        for document in self.issued:
            secrets += [document["access_token"], document["refresh_token"], document["id_token"]]
        codes = [request.parameter("code") for request in self.provider.code_exchanges]
        secrets += [code for code in codes if code]
        page = self.sign_out(self.alice, follow=True)
        url = next(url for url in page.trail if "/end-session" in url)
        state = re.search(r"state=([^&]+)", url)
        assert state is not None
        secrets += [state[1], *(re.findall(r"pomerium_ended=([^&]+)", " ".join(page.trail)))]
        told = json.dumps(self.receipts()) + page.text + repr(self.events)
        for secret in secrets:
            self.assertNotIn(secret, told)
        for session in sessions:
            self.assertNotIn(session.id, json.dumps(self.receipts()) + page.text)
