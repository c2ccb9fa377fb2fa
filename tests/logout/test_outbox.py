"""
Tests for `pomerium_tx.logout.outbox`.
"""

from __future__ import annotations

from itertools import pairwise

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.demo.messages import Fault
from pomerium_tx.logout.outbox import AT_ONCE, Outbox
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.store import OwedRevocation
from tests.logout.world import START, World

TOKENS = (("refresh_token", "r"), ("access_token", "a"))


class OutboxTests(SynchronousTestCase):
    """
    What is owed to OPs is done, sooner or later.
    """

    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)

    def owe(self, name: str = "one", *, not_before: float = START, idp_id: str | None = None) -> None:
        owed = OwedRevocation(
            id=name,
            receipt_id="receipt",
            idp_id=idp_id or self.world.provider.idp_id,
            tokens=TOKENS,
            not_before=not_before,
        )
        self.successResultOf(Deferred.fromCoroutine(self.world.registry.owe(owed)))

    def revoked(self) -> list[str | None]:
        return [received.parameter("token") for received in self.world.op.revocations]

    def test_revokes_refresh_token_first(self) -> None:
        """
        Both tokens are revoked, the refresh token first, and then nothing is owed.
        """
        self.owe()
        self.world.clock.advance(1.0)
        self.assertEqual(self.revoked(), ["r", "a"])
        self.assertEqual(self.world.registry.owed(), [])
        self.assertEqual(
            [received.parameter("token_type_hint") for received in self.world.op.revocations],
            ["refresh_token", "access_token"],
        )

    def test_waits_for_its_time(self) -> None:
        """
        Nothing is revoked before its time.
        """
        self.owe(not_before=START + 60.0)
        self.world.clock.advance(59.0)
        self.assertEqual(self.revoked(), [])
        self.world.clock.advance(2.0)
        self.assertEqual(self.revoked(), ["r", "a"])

    def test_released(self) -> None:
        """
        What is released is revoked at once.
        """
        self.owe(not_before=START + 60.0)
        self.successResultOf(Deferred.fromCoroutine(self.world.registry.release_revocations("receipt")))
        self.world.clock.advance(1.0)
        self.assertEqual(self.revoked(), ["r", "a"])

    def test_tries_again(self) -> None:
        """
        An OP that is down is asked again, less and less often, until it answers.
        """
        self.world.op.faults["revocation"] = Fault(status=503)
        self.owe()
        times: list[int] = []
        for second in range(200):
            self.world.clock.advance(1.0)
            times += [second] * (len(self.revoked()) - len(times))
        gaps = [later - earlier for earlier, later in pairwise(times)]
        self.assertEqual(gaps, sorted(gaps))
        self.assertEqual(len(times), 6)
        del self.world.op.faults["revocation"]
        self.world.clock.advance(200.0)
        self.assertEqual(self.world.registry.owed(), [])

    def test_gives_up(self) -> None:
        """
        After a day of failures a token is left to its own end, and somebody is told.
        """
        self.world.op.faults["revocation"] = Fault(status=503)
        self.owe()
        self.world.clock.pump([600.0] * 200)
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

    def test_store_down(self) -> None:
        """
        While nothing can be recorded nothing is revoked, and later it is.
        """
        self.owe()
        self.world.store.break_down()
        self.world.clock.advance(1.0)
        self.assertEqual(self.revoked(), [])
        self.world.store.failure = None
        self.world.clock.advance(10.0)
        self.assertEqual(self.revoked(), ["r", "a"])

    def test_fault(self) -> None:
        """
        A fault of ours is logged, and the tokens stay owed.
        """
        self.owe()

        async def fail(*_: object) -> None:
            raise RuntimeError("a fault")

        self.patch(self.world.provider, "revoke", fail)
        self.world.clock.advance(1.0)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(len(self.world.registry.owed()), 1)

    def test_few_at_once(self) -> None:
        """
        Many are revoked a few at a time.
        """
        self.successResultOf(Deferred.fromCoroutine(self.world.provider.metadata()))
        self.world.http.is_held = True
        for number in range(3 * AT_ONCE):
            self.owe(str(number))
        self.world.clock.advance(1.0)
        self.assertEqual(len(self.world.http._held), AT_ONCE)
        self.world.http.release()
        self.world.clock.advance(1.0)
        self.assertEqual(self.world.registry.owed(), [])

    def test_thousands_that_fail_at_once(self) -> None:
        """
        However many there are, and however fast each is over, the stack does not grow.
        """
        for number in range(5_000):
            self.owe(str(number), idp_id="gone")
        self.world.clock.advance(1.0)
        self.assertEqual(self.world.registry.owed(), [])

    def test_one_of_two_processes(self) -> None:
        """
        Of two processes that know of it, one revokes it.
        """
        registry = SessionRegistry(self.world.store, self.world.clock)
        self.successResultOf(Deferred.fromCoroutine(registry.join()))
        other = Outbox(registry=registry, providers=self.world.providers, clock=self.world.clock)
        other.start()
        self.addCleanup(registry.leave)
        self.addCleanup(other.stop)
        self.owe()
        self.world.clock.advance(100.0)
        self.assertEqual(self.revoked(), ["r", "a"])

    def test_owed_before_the_start(self) -> None:
        """
        What was owed when the service started is revoked.
        """
        self.world.outbox.stop()
        self.owe()
        self.world.outbox = Outbox(registry=self.world.registry, providers=self.world.providers, clock=self.world.clock)
        self.world.outbox.start()
        self.assertEqual(self.revoked(), ["r", "a"])

    def test_stopped(self) -> None:
        """
        Nothing runs after the end of the service, and what is owed stays owed.
        """
        self.successResultOf(Deferred.fromCoroutine(self.world.provider.metadata()))
        self.world.http.is_held = True
        self.owe()
        self.owe("later", not_before=START + 60.0)
        self.world.clock.advance(1.0)
        self.owe("soon")
        self.world.outbox.stop()
        self.world.expiry.stop()
        self.assertEqual(len(self.world.registry.owed()), 3)
        self.assertEqual(self.world.clock.getDelayedCalls(), [])
        self.world.clock.advance(100.0)
        self.assertEqual(self.revoked(), [])
