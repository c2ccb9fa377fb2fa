"""
Routes with policies in the Pomerium Policy Language, from the file to what is cut.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pomerium_tx.config.problems import InvalidConfig
from pomerium_tx.demo.registration import ALICE
from tests.scenarios.test_no_longer_admitted import CLAIMS
from tests.scenarios.test_reload import ReloadTestCase
from tests.scenarios.traffic import NOT_ADMITTED
from tests.scenarios.triggers import TriggerTestCase
from tests.scenarios.world import APP, CHAT, CONFIG

STAFF = {"allow": {"and": [{"domain": "example.com"}, {"claim/department": "staff"}]}}


class PolicyLanguageTests(ReloadTestCase):
    """
    `CHAT` is for staff.
    """

    def setUp(self) -> None:
        super().setUp()
        self.provider.alterations["userinfo"] = self.said
        self.reload(routes=self.chat_for(STAFF))

    def said(self, claims: dict[str, Any]) -> dict[str, Any]:
        """
        What the OP says about Alice.
        """
        return {**claims, "department": "staff"} if claims["sub"] == ALICE.sub else claims

    def chat_for(self, policy: object) -> list[dict[str, Any]]:
        """
        The routes, where `CHAT` has that policy.
        """
        return self.routes(chat={"allow_any_authenticated_user": None, "policy": policy})

    def test_end_to_end(self) -> None:
        """
        Who is staff is served, who is not gets 403 and is not sent round in circles, and nobody is asked to sign in.
        """
        alice, bob = self.both(), self.both("bob")
        self.assertEqual(alice.get(CHAT + "/").status, 200)
        self.assertEqual(bob.get(CHAT + "/").status, 403)
        self.assertEqual(self.browser().get(CHAT + "/", follow=False).status, 302)

    def test_policy_changes(self) -> None:
        """
        A WebSocket is told and cut in the turn in which the policy changes; what the new policy admits lives on.
        """
        alice, bob = self.both(), self.both("bob")
        chat, _ = self.websocket(alice)
        elsewhere, _ = self.stream(alice)
        self.reload(routes=self.chat_for([STAFF, {"deny": {"or": [{"email": ALICE.email}]}}]))
        self.assertEqual(chat.take(), NOT_ADMITTED)
        self.assertIsNone(elsewhere.lost)
        self.assertEqual(alice.get(CHAT + "/").status, 403)
        self.assertEqual(alice.get(APP + "/").status, 200)
        self.assertEqual(bob.get(CHAT + "/").status, 403)
        self.reload(routes=self.chat_for({"allow": {"or": [{"http_path": {"starts_with": "/"}}]}}))
        self.assertEqual(alice.get(CHAT + "/").status, 200)
        self.assertEqual(self.receipts(), [])

    def test_request_decides(self) -> None:
        """
        By a policy about paths, what is open is judged by the path that it was opened with.
        """
        alice = self.both()
        chat, _ = self.websocket(alice)
        self.reload(routes=self.chat_for({"allow": {"and": [{"authenticated_user": 1}, {"http_path": "/socket"}]}}))
        self.assertEqual(chat.take(), b"")
        self.assertEqual(alice.get(CHAT + "/").status, 403)
        self.reload(routes=self.chat_for({"allow": {"and": [{"authenticated_user": 1}, {"http_path": "/"}]}}))
        self.assertEqual(chat.take(), NOT_ADMITTED)
        self.assertEqual(alice.get(CHAT + "/").status, 200)

    def test_wrong_policy(self) -> None:
        """
        A policy that cannot be read changes nothing: the one in force stays, and so does what is open.
        """
        alice = self.both()
        chat, _ = self.websocket(alice)
        with self.assertRaises(InvalidConfig) as caught:
            self.reload(routes=self.chat_for({"allow": {"or": [{"emial": "eve@evil.test"}]}}))
        self.assertIn("did you mean email?", str(caught.exception))
        self.assertEqual(chat.take(), b"")
        self.assertEqual(alice.get(CHAT + "/").status, 200)


def _suspend(world: TriggerTestCase) -> None:
    world.provider.alterations["userinfo"] = lambda claims: (
        {**claims, "suspended": True} if claims["sub"] == ALICE.sub else claims
    )
    world.wait_for_answer("/userinfo")


UNLESS_SUSPENDED = {"policy": {"deny": {"or": [{"claim/suspended": True}]}}}
SUSPENDED = replace(
    CLAIMS,
    name="a claim that denies",
    settings={"routes": [route | UNLESS_SUSPENDED if route["name"] == "chat" else route for route in CONFIG["routes"]]},
    approach=_suspend,
)


class RefreshedClaimTests(TriggerTestCase):
    """
    `CHAT` is for everybody who is not suspended.
    """

    def test_suspended(self) -> None:
        """
        Whom the OP has suspended in the meantime is cut there once that is known, and nowhere else; others are not.
        """
        self.start(SUSPENDED)
        chat, _ = self.websocket(self.alice)
        elsewhere, _ = self.stream(self.alice)
        his, _ = self.websocket(self.others["bob"])
        self.end()
        self.assertEqual(chat.take(), NOT_ADMITTED)
        self.assertEqual((elsewhere.lost, his.take(), his.lost), (None, b"", None))
        self.assertEqual(self.alice.get(CHAT + "/").status, 403)
        self.assertEqual(self.receipts(), [])


class AuthenticationContextTests(ReloadTestCase):
    """
    A route for those alone who have signed in in a certain way.
    """

    def test_acr(self) -> None:
        """
        Whoever asks the OP for an ``acr`` makes it a condition: an OP that answers with less, or says nothing, opens
        nothing by it.
        """
        strong = {"allow": {"and": [{"claim/acr": "strong"}]}}
        self.reload(
            idp_request_params={"acr_values": "strong"},
            routes=self.routes(chat={"allow_any_authenticated_user": None, "policy": strong}),
        )
        for said, status in (({"acr": "strong"}, 200), ({"acr": "weak"}, 403), ({}, 403)):
            with self.subTest(said=said):
                self.provider.alterations["id_token"] = lambda claims, said=said: {**claims, **said}
                alice = self.browser()
                page = alice.get(APP + "/")
                self.assertIn("acr_values=strong", " ".join((*page.trail, page.url)))
                self.assertEqual(alice.click(page, "Sign in as Alice").status, 200)
                self.assertEqual(alice.get(CHAT + "/").status, status)
