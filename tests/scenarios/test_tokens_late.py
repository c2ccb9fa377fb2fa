"""
Tokens that arrive when their session has ended: they are revoked, and used for nothing; and nothing more is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pomerium_tx.demo.messages import Fault
from pomerium_tx.jose.signer import Signer
from pomerium_tx.sessions.store import UNTIL_PROVEN, Cause, SessionStore
from tests.doubles import keys
from tests.doubles.peers import UserAgent
from tests.doubles.stores import UnreliableStore
from tests.scenarios.triggers import Trigger, TriggerTestCase, at_once, for_every_trigger

LOST = b"You were signed out while signing in"


class LateTestCase(TriggerTestCase):
    """
    A world that remembers what the OP has issued.
    """

    def make_store(self) -> SessionStore:
        self.unreliable = UnreliableStore()
        return self.unreliable

    def remember(self) -> None:
        """
        Remember it from now on.
        """
        self.issued: list[Mapping[str, Any]] = []
        self.provider.alterations["token"] = self._issue

    def _issue(self, document: dict[str, Any]) -> dict[str, Any]:
        self.issued.append(document)
        return document

    def refreshing(self, path: str = "/token") -> None:
        """
        The OP has answered a refresh of alice's session; that, or its UserInfo, is on its way.
        """
        self.remember()
        self.wait_for_answer(path)
        self.assertEqual(len(self.issued), 1)

    def signing_in(self) -> UserAgent:
        """
        The OP has answered the code exchange of a sign-in in alice's browser, and that is on its way.
        """
        callback = self.to_callback()
        self.advance(1.0)
        self.remember()
        self.http.hold("/token")
        agent = self.alice.open("GET", callback)
        self.assertEqual((self.http.waiting("/token"), len(self.issued)), (1, 1))
        return agent

    def uses(self) -> int:
        """
        How often the OP was asked for something with one of alice's tokens, old or new.
        """
        tokens = [token for _, token in self.session.tokens.revocable()]
        tokens += [document[name] for document in self.issued[:1] for name in ("access_token", "refresh_token")]
        used = [request.parameter("refresh_token") for request in self.provider.refreshes]
        used += [(request.authorization or "").removeprefix("Bearer ") for request in self.provider.userinfo_calls]
        return sum(token in tokens for token in used)

    def assert_revoked(self) -> None:
        """
        The new tokens are revoked by now, refresh token first, once.
        """
        [late] = self.issued[:1]
        asked = [request.parameter("token") for request in self.provider.revocations]
        new = [token for token in asked if token in late.values()]
        self.assertEqual(new, [late["refresh_token"], late["access_token"]])


@for_every_trigger
class RefreshTests(LateTestCase):
    """
    A refresh under way.
    """

    def check_tokens(self, trigger: Trigger) -> None:
        """
        The tokens that it brings are revoked, at once and whatever has ended the session, and are used for nothing.
        """
        self.start(at_once(trigger))
        self.refreshing()
        self.end()
        uses = self.uses()
        self.http.release("/token")
        self.advance(2.0)
        self.assert_revoked()
        self.assertEqual(self.uses(), uses)
        self.assert_over()

    def check_user_info(self, trigger: Trigger) -> None:
        """
        So are those of a refresh that waits for UserInfo, whatever that says.
        """
        self.start(at_once(trigger))
        self.refreshing("/userinfo")
        self.end()
        uses = self.uses()
        self.http.release("/userinfo")
        self.advance(2.0)
        self.assert_revoked()
        self.assertEqual(self.uses(), uses)
        self.assert_over()

    def assert_over(self) -> None:
        """
        There has been one end, and the session is none that anybody knows.
        """
        self.assertEqual([receipt["cause"] for receipt in self.receipts()], [self.trigger.cause.value])
        self.assertIsNone(self.house.registry.known(self.session.id))
        self.advance(62.0, step=31.0)
        # What anybody can have said waits for the OP's own word.
        self.assertEqual([one for one in self.house.registry.owed() if one.not_before != UNTIL_PROVEN], [])

    def check_nothing_more(self, trigger: Trigger) -> None:
        """
        After the end nothing is asked of the OP for the session: no refresh, no UserInfo.
        """
        self.start(trigger)
        self.issued = []
        self.end()
        before = self.uses()
        self.advance(1300.0, step=25.0)
        self.assertEqual(self.uses(), before)


@for_every_trigger
class CodeExchangeTests(LateTestCase):
    """
    A sign-in under way, whose code is being exchanged.
    """

    def check_tokens(self, trigger: Trigger) -> None:
        """
        If the end names its person or its browser, the tokens that it brings are revoked at once and used for nothing;
        so they are if its OP is gone. If not, they are a session's.
        """
        self.start(at_once(trigger))
        agent = self.signing_in()
        self.end()
        self.http.release("/token")
        self.settle()
        [new] = self.issued[:1]
        if trigger.names_somebody or trigger.cause is Cause.PROVIDER_REMOVED:
            self.assertNotIn(b"_authenticate=ey", agent.received)
            self.assertEqual(self.house.registry.count, len(trigger.spares))
            self.advance(1.0)
            self.assert_revoked()
            bearers = [request.authorization for request in self.provider.userinfo_calls]
            if trigger.names_somebody:
                self.assertIn(LOST, agent.received)
                self.assertNotIn(f"Bearer {new['access_token']}", bearers)
        else:
            self.assertIn(b"302 Found", agent.take())
            live = {session.tokens.access_token for session in self.house.registry.sessions()}
            self.assertIn(new["access_token"], live)
            self.advance(70.0, step=35.0)
            self.assertNotIn(new["access_token"], [one.parameter("token") for one in self.provider.revocations])


class TroubleTests(LateTestCase):
    """
    When something else goes wrong as well.
    """

    out = Trigger(name="user_route", cause=Cause.USER_ROUTE, pull=lambda world: world.sign_out(world.alice))

    def test_tab_closed(self) -> None:
        """
        A person who closes the tab while they sign in, and signs out in another, leaves no tokens behind.
        """
        for abort in (False, True):
            with self.subTest(abort=abort):
                self.start(self.out)
                agent = self.signing_in()
                if abort:
                    agent.transport.abortConnection()
                else:
                    agent.transport.loseConnection()
                self.settle()
                self.end()
                self.http.release("/token")
                self.advance(2.0)
                self.assertEqual(self.house.registry.count, 2)
                self.assert_revoked()

    def test_store_unavailable(self) -> None:
        """
        Tokens of a refresh that arrive when nothing can be recorded are revoked when that is possible again.
        """
        for path in ("/token", "/userinfo"):
            with self.subTest(path):
                self.start(self.out)
                self.refreshing(path)
                self.end()
                self.unreliable.break_down()
                self.http.release(path)
                self.advance(5.0)
                self.unreliable.failure = None
                self.advance(600.0, step=10.0)
                self.assert_revoked()

    def test_refused(self) -> None:
        """
        A refusal that arrives after the end makes no second one.
        """
        refused = Fault(status=400, body=b'{"error": "invalid_grant"}', content_type="application/json")
        for endpoint, fault in (("token", refused), ("userinfo", Fault(status=401)), ("userinfo", Fault(status=403))):
            with self.subTest(endpoint):
                self.start(self.out)
                self.provider.faults[endpoint] = fault
                self.remember()
                self.wait_for_answer("/" + endpoint)
                self.end()
                self.http.release("/" + endpoint)
                self.advance(2.0)
                self.assertEqual([receipt["cause"] for receipt in self.receipts()], ["user_route"])
                self.assertEqual(self.house.registry.count, 2)

    def test_wrong_id_token(self) -> None:
        """
        Tokens that come with an ID Token of somebody else are revoked like any others, once the session has ended.
        """
        self.start(self.out)
        self.provider.alterations["id_token"] = lambda claims: {**claims, "sub": "mallory"}
        self.refreshing()
        self.end()
        self.http.release("/token")
        self.advance(2.0)
        self.assert_revoked()

    def test_keys(self) -> None:
        """
        So are those whose ID Token cannot be verified before the OP's new keys are there.
        """
        self.start(self.out)
        self.provider.signers = [Signer(keys.private_key("ES256", "next"))]
        self.refreshing("/jwks")
        self.end()
        uses = self.uses()
        self.http.release("/jwks")
        self.advance(2.0)
        self.assert_revoked()
        self.assertEqual(self.uses(), uses)

    def test_other_house(self) -> None:
        """
        The refresh is under way in one process, and the end comes in the other.
        """
        self.start(self.out, houses=2)
        self.refreshing()
        self.sign_out(self.at(self.houses[1], self.alice))
        uses = self.uses()
        self.http.release("/token")
        self.advance(2.0)
        self.assert_revoked()
        self.assertEqual(self.uses(), uses)
