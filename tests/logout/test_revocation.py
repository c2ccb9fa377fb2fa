"""
Tests for `pomerium_tx.logout.revocation`.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.demo.messages import Fault
from pomerium_tx.logout.outbox import Outbox
from pomerium_tx.logout.revocation import Revocations
from pomerium_tx.oidc.provider_settings import Revocation
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.store import Cause, OwedRevocation
from tests.doubles.sessions import a_session
from tests.logout.world import START, World

TOKENS = (("refresh_token", "the-refresh-token"), ("access_token", "the-access-token"))
BOTH = [token for _, token in TOKENS]


class RevocationTests(SynchronousTestCase):
    """
    Tokens are revoked at their OP.
    """

    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)

    def owe(self, name: str = "one", *, not_before: float = START, idp_id: str | None = None, sub: str = "") -> None:
        """
        Two tokens are owed.
        """
        owed = OwedRevocation(
            id=name,
            receipt_id="receipt",
            idp_id=idp_id or self.world.provider.idp_id,
            tokens=TOKENS,
            not_before=not_before,
            sub=sub,
        )
        self.successResultOf(Deferred.fromCoroutine(self.world.registry.owe(owed)))

    def revoked(self) -> list[str | None]:
        """
        The tokens that the OP was told to forget.
        """
        return [received.parameter("token") for received in self.world.op.revocations]

    def test_refresh_token_first(self) -> None:
        """
        Both tokens are revoked, the refresh token first, and then nothing is owed.
        """
        self.owe()
        self.world.clock.advance(1.0)
        self.assertEqual(self.revoked(), BOTH)
        self.assertEqual(self.world.registry.owed(), [])
        self.assertEqual(
            [received.parameter("token_type_hint") for received in self.world.op.revocations],
            ["refresh_token", "access_token"],
        )

    def test_last_session(self) -> None:
        """
        Where revoking one token takes back the whole grant, that waits until nobody lives by it: a session of the same
        person and client, and no other, keeps it.
        """
        for same, kept in (
            ({}, True),
            ({"sub": "somebody else"}, False),
            ({"idp_id": "another client"}, False),
            ({"iss": "https://other.example"}, False),
        ):
            with self.subTest(same=same):
                world = self.world = World(settings={"revocation": Revocation.LAST_SESSION})
                self.addCleanup(world.stop)
                changes = {"idp_id": world.provider.idp_id, "iss": world.provider.settings.issuer} | same
                other = a_session(began=START, **changes)
                self.successResultOf(Deferred.fromCoroutine(world.registry.begin(other, state_issued=START)))
                self.owe(sub=a_session().sub)
                world.clock.advance(1.0)
                self.assertEqual(self.revoked(), [] if kept else BOTH)
                self.assertEqual(world.registry.owed(), [])
                self.successResultOf(Deferred.fromCoroutine(world.ending.end([other.id], Cause.ADMINISTRATOR)))
                world.clock.advance(1.0)
                self.assertIn(other.tokens.access_token if kept else BOTH[0], self.revoked())

    def test_off(self) -> None:
        """
        Where revocation is off nothing is owed for a session that ends, and nothing revoked that was owed before.
        """
        self.world = World(settings={"revocation": Revocation.OFF})
        self.addCleanup(self.world.stop)
        provider = self.world.provider
        session = a_session(began=START, idp_id=provider.idp_id, iss=provider.settings.issuer)
        self.successResultOf(Deferred.fromCoroutine(self.world.registry.begin(session, state_issued=START)))
        receipt = self.successResultOf(Deferred.fromCoroutine(self.world.ending.end([session.id], Cause.ADMINISTRATOR)))
        self.owe()
        self.world.clock.advance(1.0)
        self.assertEqual((receipt.tokens_to_revoke, self.revoked(), self.world.registry.owed()), (0, [], []))

    def test_waits_for_its_time(self) -> None:
        """
        Nothing is revoked before its time.
        """
        self.owe(not_before=START + 60.0)
        self.world.clock.advance(59.0)
        self.assertEqual(self.revoked(), [])
        self.world.clock.advance(2.0)
        self.assertEqual(self.revoked(), BOTH)

    def test_released(self) -> None:
        """
        What is released is revoked at once.
        """
        self.owe(not_before=START + 60.0)
        self.world.clock.advance(1.0)
        self.successResultOf(Deferred.fromCoroutine(self.world.registry.release_revocations("receipt")))
        self.world.clock.advance(1.0)
        self.assertEqual(self.revoked(), BOTH)

    def test_tries_again(self) -> None:
        """
        An OP that is down is asked again until it answers, and the administrator sees why; nobody sees a token.
        """
        self.world.op.faults["revocation"] = Fault(status=503)
        with capturedLogs() as events:
            self.owe()
            self.world.clock.pump([1.0] * 100)
        attempts = len(self.revoked())
        self.assertGreater(attempts, 3)
        (progress,) = self.world.outbox.progress()
        self.assertEqual((progress.id, progress.party), ("one", "https://op.example.com"))
        self.assertEqual(progress.attempts, attempts)
        self.assertIn("503", progress.problem)
        said = " ".join(map(formatEvent, events)) + repr(events) + repr(progress)
        self.assertTrue(all(token not in said for token in BOTH))
        del self.world.op.faults["revocation"]
        self.world.clock.pump([1.0] * 200)
        self.assertEqual(self.world.registry.owed(), [])

    def test_refusal_is_final(self) -> None:
        """
        An OP that says no is not asked again.
        """
        self.world.op.faults["revocation"] = Fault(status=400)
        self.owe()
        self.world.clock.advance(1.0)
        self.assertEqual(self.world.registry.owed(), [])

    def test_unknown_provider(self) -> None:
        """
        What nobody can revoke any more is not owed for ever.
        """
        self.owe(idp_id="gone")
        self.world.clock.advance(1.0)
        self.assertEqual(self.world.registry.owed(), [])

    def test_provider_of_the_moment(self) -> None:
        """
        The OP is asked as it is configured at the time of the attempt.
        """
        self.owe(not_before=START + 60.0)
        self.world.clock.advance(1.0)
        self.world.providers.clear()
        self.world.clock.advance(60.0)
        self.assertEqual(self.revoked(), [])
        self.assertEqual(self.world.registry.owed(), [])

    def test_dead_provider(self) -> None:
        """
        An OP that does not answer does not keep another's tokens from being revoked.
        """
        self.world.stop()
        self.world = World(second_provider=True)
        for provider in self.world.providers.values():
            self.successResultOf(Deferred.fromCoroutine(provider.metadata()))
        self.world.http.is_held = True
        for number in range(20):
            self.owe(f"held {number}")
        self.world.clock.advance(1.0)
        self.owe("zz", idp_id=self.world.provider2.idp_id)
        self.world.clock.advance(1.0)
        self.assertEqual(len(self.world.op2.revocations), 2)

    def test_one_of_two_processes(self) -> None:
        """
        Of two processes that know of it, one revokes it.
        """
        registry = SessionRegistry(self.world.store, self.world.clock)
        self.successResultOf(Deferred.fromCoroutine(registry.join()))
        other = Outbox(
            Revocations(registry=registry, providers=self.world.providers), registry=registry, clock=self.world.clock
        )
        other.start()
        self.addCleanup(registry.leave)
        self.addCleanup(other.stop)
        self.owe()
        self.world.clock.pump([1.0] * 300)
        self.assertEqual(self.revoked(), BOTH)

    def test_stopped(self) -> None:
        """
        Nothing runs after the end of the service, and what is owed stays owed.
        """
        self.successResultOf(Deferred.fromCoroutine(self.world.provider.metadata()))
        self.world.http.is_held = True
        self.owe()
        self.world.clock.advance(1.0)
        self.world.outbox.stop()
        self.world.expiry.stop()
        self.assertEqual(len(self.world.registry.owed()), 1)
        self.assertEqual(self.world.clock.getDelayedCalls(), [])
