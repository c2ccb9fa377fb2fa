"""
Tests for `pomerium_tx.oidc.signing_keys`.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.jose.jwk_set import JWKSet
from pomerium_tx.jose.jwt import InvalidToken, UnknownKey, Verified, parse
from pomerium_tx.oidc.fetch import ProviderUnavailable
from pomerium_tx.oidc.signing_keys import SigningKeys, TooManyTokensWait
from tests.doubles import keys


def _set(*names: str) -> JWKSet:
    return JWKSet.parse(keys.jwk_set(*(keys.jwk("ES256", name) for name in names), keys.jwk("RS256", "rsa")))


class SigningKeysTests(SynchronousTestCase):
    """
    How long tokens wait, and what for.
    """

    def setUp(self) -> None:
        """
        Keys of which the first is known, fetched a while ago.
        """
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.fetches: list[Deferred[JWKSet]] = []
        self.keys = SigningKeys(self.fetch, self.clock)
        first = self.verify("first")
        self.fetches[0].callback(_set("first"))
        self.successResultOf(first)
        self.clock.advance(60)

    async def fetch(self) -> JWKSet:
        """
        What the test decides.
        """
        fetching: Deferred[JWKSet] = Deferred()
        self.fetches.append(fetching)
        return await fetching

    def verify(self, name: str | None, alg: str = "ES256", by: str | None = None) -> Deferred[Verified]:
        """
        The verification of a token that says it is by the key of that name.
        """
        token = keys.token({}, alg, header={"kid": name}, key=keys.private_key(alg, by or name or "first"))
        return Deferred.fromCoroutine(self.keys.verified_in_time(parse(token), {"ES256"}))

    def assert_idle(self) -> None:
        """
        Nothing is left behind.
        """
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_known(self) -> None:
        """
        A token by a known key is verified at once, without asking anybody.
        """
        for _ in range(1000):
            self.successResultOf(self.verify("first"))
        self.assertEqual(len(self.fetches), 1)

    def test_new(self) -> None:
        """
        A token by a key that is not known waits for one fetch, with all that come meanwhile.
        """
        waiting = [self.verify("second") for _ in range(50)]
        self.assertEqual(len(self.fetches), 2)
        self.fetches[1].callback(_set("first", "second"))
        for one in waiting:
            self.successResultOf(one)
        self.assert_idle()

    def test_pause(self) -> None:
        """
        If the provider was asked a moment ago, the token waits until it may be asked again.
        """
        unknown = self.verify("second")
        self.fetches[1].callback(_set("first"))
        self.failureResultOf(unknown, UnknownKey)
        self.clock.advance(1)
        waiting = [self.verify("third") for _ in range(3)]
        self.clock.advance(3.9)
        self.assertEqual(len(self.fetches), 2)
        self.clock.advance(0.1)
        self.assertEqual(len(self.fetches), 3)
        self.fetches[2].callback(_set("third"))
        for one in waiting:
            self.successResultOf(one)
        self.assert_idle()

    def test_just_missed(self) -> None:
        """
        A token that comes the moment after a fetch is not out of time before the next one has come.
        """
        unknown = self.verify("second")
        self.fetches[1].callback(_set("first"))
        self.failureResultOf(unknown, UnknownKey)
        waiting = self.verify("third")
        self.clock.advance(5)
        self.clock.advance(4)
        self.fetches[2].callback(_set("third"))
        self.successResultOf(waiting)
        self.assert_idle()

    def test_on_its_way(self) -> None:
        """
        What was asked for before the token came counts if it has the key; if not, the provider is asked once more.
        """
        first = self.verify("second")
        self.clock.advance(2)
        also, later = self.verify("second"), self.verify("third")
        self.fetches[1].callback(_set("second"))
        self.successResultOf(first)
        self.successResultOf(also)
        self.assertNoResult(later)
        self.clock.advance(3)
        self.fetches[2].callback(_set("third"))
        self.successResultOf(later)
        self.assert_idle()

    def test_one_fetch_in_five_seconds(self) -> None:
        """
        A flood of unknown keys leads to no more than one fetch in five seconds, and all of it is refused.
        """
        refused = 0
        for second in range(100):
            waiting = [self.verify(f"{second}-{count}") for count in range(5)]
            for one in waiting:
                one.addErrback(lambda reason: reason.trap(InvalidToken, ProviderUnavailable))
            self.clock.advance(1)
            for fetching in self.fetches[1:]:
                if not fetching.called:
                    fetching.callback(_set("first"))
            refused += len(waiting)
        self.clock.advance(10)
        self.assertLessEqual(len(self.fetches), 22)
        self.assertEqual(refused, 500)

    def test_patience(self) -> None:
        """
        After ten seconds a token waits no longer: by all that is known its key is nobody's.
        """
        waiting = self.verify("second")
        self.clock.advance(9.9)
        self.assertNoResult(waiting)
        self.clock.advance(0.1)
        self.failureResultOf(waiting, UnknownKey)
        self.assert_idle()

    def test_crowd(self) -> None:
        """
        A hundred wait, the next one is turned away; a token by a known key is not.
        """
        waiting = [self.verify("second") for _ in range(100)]
        self.failureResultOf(self.verify("second"), TooManyTokensWait)
        self.successResultOf(self.verify("first"))
        self.fetches[1].callback(_set("first", "second"))
        for one in waiting:
            self.successResultOf(one)
        self.successResultOf(self.verify("second"))
        self.assert_idle()

    def test_crowd_when_keys_are_old(self) -> None:
        """
        With no place left to wait a token by a key that is known, however long, is verified by it; others are not.
        """
        self.clock.advance(3600)
        waiting = [self.verify("second") for _ in range(100)]
        self.successResultOf(self.verify("first"))
        self.failureResultOf(self.verify("second"), TooManyTokensWait)
        self.failureResultOf(self.verify("first", by="evil"), InvalidToken)
        self.fetches[1].callback(_set("second"))
        for one in waiting:
            self.successResultOf(one)
        self.assert_idle()

    def test_crowd_without_keys(self) -> None:
        """
        As long as no key was ever had, a token for which there is no place is turned away.
        """
        self.keys = SigningKeys(self.fetch, self.clock)
        waiting = [self.verify("first") for _ in range(100)]
        self.failureResultOf(self.verify("first"), TooManyTokensWait)
        self.fetches[1].callback(_set("first"))
        for one in waiting:
            self.successResultOf(one)
        self.assert_idle()

    def test_fetch_fails(self) -> None:
        """
        If the provider cannot be asked for a new key, the token is not believed; known keys stay good.
        """
        waiting = self.verify("second")
        self.fetches[1].errback(ProviderUnavailable("down"))
        self.failureResultOf(waiting, UnknownKey)
        self.successResultOf(self.verify("first"))
        self.assert_idle()

    def test_no_keys_at_all(self) -> None:
        """
        As long as no key was ever had, it is not the token's fault.
        """
        self.keys = SigningKeys(self.fetch, self.clock)
        waiting = self.verify("first")
        self.fetches[1].errback(ProviderUnavailable("down"))
        self.failureResultOf(waiting, ProviderUnavailable)
        self.assert_idle()

    def test_old_keys(self) -> None:
        """
        Keys that are old are fetched again first; if the provider does not answer, they are still good.
        """
        self.clock.advance(3600)
        waiting = self.verify("first")
        self.assertNoResult(waiting)
        self.clock.advance(10)
        self.successResultOf(waiting)
        self.assert_idle()

    def test_withdrawn(self) -> None:
        """
        A key that the provider has withdrawn is not good for more than an hour.
        """
        self.clock.advance(3600)
        withdrawn = self.verify("first")
        self.fetches[1].callback(_set("second"))
        self.clock.advance(10)
        self.failureResultOf(withdrawn, UnknownKey)
        self.clock.advance(10)
        self.successResultOf(self.verify("second"))
        again = self.verify("first")
        self.fetches[-1].callback(_set("second"))
        self.failureResultOf(again, UnknownKey)
        self.assert_idle()

    def test_nothing_to_wait_for(self) -> None:
        """
        A wrong signature of a known key, or a key of another kind, is refused at once.
        """
        self.failureResultOf(self.verify("first", by="stranger"), InvalidToken)
        self.failureResultOf(self.verify("rsa"), InvalidToken)
        self.assertEqual(len(self.fetches), 1)

    def test_cancelled(self) -> None:
        """
        When the service stops, whoever waits is told so, and makes room.
        """
        waiting = [self.verify("second") for _ in range(100)]
        for one in waiting:
            one.cancel()
            self.failureResultOf(one, CancelledError)
        self.assert_idle()
        self.clock.advance(1)
        after = self.verify("second")
        self.clock.advance(9)
        self.fetches[-1].callback(_set("second"))
        self.successResultOf(after)
