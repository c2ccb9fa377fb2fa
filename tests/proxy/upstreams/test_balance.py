"""
Tests of `pomerium_tx.proxy.upstreams.balance`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.proxy.upstreams.balance import Balancer, Choosable, RoundRobin, balancers

ROUND_ROBIN = [
    ([1], [0, 0, 0]),
    ([1, 1, 1], [0, 1, 2, 0, 1, 2]),
    ([2, 2], [0, 1, 0, 1]),
    ([5, 1, 1], [0, 0, 1, 0, 2, 0, 0]),
    ([1, 3], [1, 0, 1, 1]),
    ([3, 2], [0, 1, 0, 1, 0]),
]
"""
Weights, and whose turn it is.
"""
KEYS = [f"session-{number}" for number in range(20_000)]


@dataclass(slots=True)
class Upstream:
    """
    One to choose.
    """

    name: str
    weight: int = 1
    active: int = 0


def upstreams(*weights: int) -> list[Upstream]:
    """
    As many as there are *weights*.
    """
    return [Upstream(f"http://app-{number}:3000", weight) for number, weight in enumerate(weights)]


def balancer(policy: str, everyone: list[Upstream], some: list[Upstream] | None = None, seed: int = 1) -> Balancer:
    """
    What a policy chooses with among *some* of *everyone*.
    """
    chosen: list[Choosable] = list(everyone if some is None else some)
    return balancers(policy, list(everyone), Random(seed))(chosen)


def owners(policy: str, everyone: list[Upstream], some: list[Upstream] | None = None) -> dict[str, str]:
    """
    Who gets which key.
    """
    chosen = everyone if some is None else some
    choosing = balancer(policy, everyone, some)
    return {key: chosen[choosing.choose(key)].name for key in KEYS}


class BalanceTestCase(SynchronousTestCase):
    """
    Of shares.
    """

    def assertNear(self, share: float, expected: float, most: float) -> None:
        """
        Not further away than *most*.
        """
        self.assertLessEqual(abs(share - expected), most, f"{share} is not {expected}")


class RoundRobinTests(SynchronousTestCase):
    """
    Each in turn.
    """

    def test_turns(self) -> None:
        """
        The order is exact, heeds the weights within every round, and spreads the turns of the heavy ones.
        """
        for weights, expected in ROUND_ROBIN:
            with self.subTest(weights):
                choosing = balancer("round_robin", upstreams(*weights))
                self.assertEqual([choosing.choose("") for _ in expected], expected)

    def test_many_rounds(self) -> None:
        """
        After any number of whole rounds each has had exactly its share.
        """
        weights = [7, 3, 1, 1]
        choosing = balancer("round_robin", upstreams(*weights))
        self.assertEqual(
            Counter(choosing.choose("") for _ in range(12_000)), Counter({0: 7000, 1: 3000, 2: 1000, 3: 1000})
        )

    def test_default(self) -> None:
        """
        It is what a route has that says nothing.
        """
        self.assertIsInstance(balancer("round_robin", upstreams(1)), RoundRobin)


class RandomTests(BalanceTestCase):
    """
    Any of them.
    """

    def test_shares(self) -> None:
        """
        The shares are those of the weights, as nearly as chance allows.
        """
        choosing = balancer("random", upstreams(1, 2, 7))
        counted = Counter(choosing.choose("") for _ in range(20_000))
        for index, share in enumerate((0.1, 0.2, 0.7)):
            self.assertNear(counted[index] / 20_000, share, 0.015)


class LeastRequestTests(BalanceTestCase):
    """
    The less busy of two.
    """

    def test_idle(self) -> None:
        """
        Where nobody has anything under way the weights decide.
        """
        choosing = balancer("least_request", upstreams(1, 3))
        counted = Counter(choosing.choose("") for _ in range(20_000))
        self.assertNear(counted[1] / 20_000, 0.75, 0.015)

    def test_busy(self) -> None:
        """
        Whoever has much under way gets a request only where both that are looked at are that one.
        """
        some = upstreams(1, 1)
        some[0].active = 100
        choosing = balancer("least_request", some)
        counted = Counter(choosing.choose("") for _ in range(20_000))
        self.assertNear(counted[0] / 20_000, 0.25, 0.015)

    def test_busy_for_its_weight(self) -> None:
        """
        Twice as much under way is the same to one that has twice the weight.
        """
        some = upstreams(1, 2)
        some[0].active, some[1].active = 10, 19
        choosing = balancer("least_request", some)
        counted = Counter(choosing.choose("") for _ in range(20_000))
        # Only when both looks fall on the first one: a third of a third.
        self.assertNear(counted[0] / 20_000, 1 / 9, 0.015)


class KeyedTests(BalanceTestCase):
    """
    Always the same one for a key.
    """

    policies = ("ring_hash", "maglev")

    def test_same(self) -> None:
        """
        A key has one upstream, in every process, and in whichever order the upstreams are written.
        """
        for policy in self.policies:
            with self.subTest(policy):
                some = upstreams(1, 1, 1)
                self.assertEqual(owners(policy, some), owners(policy, some[::-1]))

    def test_pinned(self) -> None:
        """
        Another release must not send everybody elsewhere: where these keys go is written down.
        """
        some = upstreams(1, 1, 1)
        for policy, expected in (("ring_hash", [2, 2, 1, 1, 0, 1, 2, 2]), ("maglev", [0, 1, 0, 2, 0, 0, 1, 1])):
            with self.subTest(policy):
                choosing = balancer(policy, some)
                self.assertEqual([choosing.choose(f"session-{number}") for number in range(8)], expected)

    def test_shares(self) -> None:
        """
        The keys are spread by weight: a table more evenly than a ring.
        """
        for policy, delta in (("ring_hash", 0.06), ("maglev", 0.02)):
            for weights in ([1, 1, 1, 1], [1, 2, 5]):
                with self.subTest(policy=policy, weights=weights):
                    counted = Counter(owners(policy, upstreams(*weights)).values())
                    for number, weight in enumerate(weights):
                        share = counted[f"http://app-{number}:3000"] / len(KEYS)
                        self.assertNear(share, weight / sum(weights), delta)

    def test_one_more(self) -> None:
        """
        One upstream more takes about its share of the keys, and hardly any other key moves.
        """
        for policy, most_others in (("ring_hash", 0.0), ("maglev", 0.03)):
            with self.subTest(policy):
                before, after = owners(policy, upstreams(1, 1, 1, 1)), owners(policy, upstreams(1, 1, 1, 1, 1))
                moved = [key for key in KEYS if before[key] != after[key]]
                to_others = [key for key in moved if after[key] != "http://app-4:3000"]
                self.assertNear(len(moved) / len(KEYS), 1 / 5, 0.05)
                self.assertLessEqual(len(to_others) / len(KEYS), most_others)

    def test_one_is_not_well(self) -> None:
        """
        While one gets no requests its keys are the others', and theirs stay where they are; then all is as it was.
        """
        everyone = upstreams(1, 1, 1, 1)
        for policy, most in (("ring_hash", 0.0), ("maglev", 0.08)):
            with self.subTest(policy):
                before = owners(policy, everyone)
                during = owners(policy, everyone, everyone[1:])
                others = [key for key in KEYS if before[key] != everyone[0].name]
                moved = [key for key in others if before[key] != during[key]]
                self.assertLessEqual(len(moved) / len(KEYS), most)
                self.assertEqual(before, owners(policy, everyone))

    def test_extreme(self) -> None:
        """
        One alone gets everything; the lightest of many still gets something.
        """
        for policy in self.policies:
            with self.subTest(policy):
                self.assertEqual(set(owners(policy, upstreams(3)).values()), {"http://app-0:3000"})
                self.assertEqual(len(set(owners(policy, upstreams(*[1] * 256)).values())), 256)
                self.assertEqual(len(set(owners(policy, upstreams(1, 50)).values())), 2)
