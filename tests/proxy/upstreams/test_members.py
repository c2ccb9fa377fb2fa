"""
Tests of `pomerium_tx.proxy.upstreams.members`.
"""

from __future__ import annotations

from pomerium_tx.proxy.upstreams.members import Health, Member, Members, UpstreamHealth
from pomerium_tx.routing.balancing import Balancing
from tests.proxy.several import SeveralTestCase

PANIC = [
    (3, 50, 3, "abc"),
    (3, 50, 2, "bc"),
    (3, 50, 1, "abc"),
    (3, 50, 0, "abc"),
    (3, 0, 1, "c"),
    (3, 0, 0, ""),
    (3, 33, 1, "c"),
    (3, 34, 1, "abc"),
    (3, 100, 2, "abc"),
    (3, 100, 3, "abc"),
    (2, 50, 1, "b"),
    (2, 51, 1, "ab"),
    (1, 50, 0, "a"),
    (1, 0, 0, ""),
]
"""
How many there are, the threshold, how many are well, and who gets requests.
"""


class MembersTests(SeveralTestCase):
    """
    Who may get requests.
    """

    def members(self, threshold: int = 50, policy: str = "round_robin") -> Members:
        """
        Those of a route.
        """
        return self.balance(Balancing(panic_threshold=threshold, policy=policy)).members

    def chosen(self, members: Members, tried: list[Member] | None = None) -> str:
        """
        Everybody who gets one of the next requests.
        """
        found = {
            member.resource.upstream.host
            for number in range(60)
            if (member := members.choose(f"key-{number}", tried or [])) is not None
        }
        return "".join(sorted(found))

    def test_panic(self) -> None:
        """
        Those that are well get the requests, unless there are too few of them.
        """
        for count, threshold, well, expected in PANIC:
            with self.subTest(count=count, threshold=threshold, well=well):
                self.hosts = ("a", "b", "c")[:count]
                members = self.members(threshold)
                for member in members.all[: count - well]:
                    member.health.failing.add(0)
                members.changed()
                self.assertEqual(self.chosen(members), expected)

    def test_panic_is_said(self) -> None:
        """
        The log has when it begins and when it is over, once each.
        """
        members = self.members()
        for member in members.all:
            member.health.failing.add(0)
            members.changed()
        members.changed()
        for member in members.all:
            member.health.failing.clear()
            members.changed()
        (began,) = self.said("all of them get requests")
        self.assertEqual((began["well"], began["count"], began["route"]), (1, 3, "app"))
        self.assertEqual(len(self.said("only those get requests")), 1)

    def test_not_well_in_any_way(self) -> None:
        """
        A failed check is enough, and so is an ejection; with both, both must be over.
        """
        members = self.members()
        health = members.all[0].health
        health.failing.add(0)
        health.failing.add(1)
        health.ejected_until = 5.0
        for change in (lambda: health.failing.discard(0), lambda: health.failing.discard(1)):
            members.changed()
            self.assertEqual(self.chosen(members), "bc")
            change()
        members.changed()
        self.assertEqual(self.chosen(members), "bc")
        health.ejected_until = None
        members.changed()
        self.assertEqual(self.chosen(members), "abc")

    def test_turns_go_on(self) -> None:
        """
        News that change nothing do not send everybody to the first one again.
        """
        members = self.members()
        members.choose("")
        members.changed()
        member = members.choose("")
        assert member is not None
        self.assertEqual(member.resource.upstream.host, "b")

    def test_tried(self) -> None:
        """
        Whoever was tried in vain is not chosen, with any policy, even if everybody gets requests; the others are.
        """
        for policy in ("round_robin", "least_request", "random", "ring_hash", "maglev"):
            with self.subTest(policy):
                members = self.members(policy=policy)
                a, b, c = members.all
                self.assertEqual(self.chosen(members, [b]), "ac")
                self.assertEqual(self.chosen(members, [b, a]), "c")
                self.assertEqual(self.chosen(members, [b, a, c]), "")
                a.health.failing.add(0)
                members.changed()
                self.assertEqual(self.chosen(members, [b]), "c")

    def test_tried_many_ways(self) -> None:
        """
        What is kept for those cases is bounded.
        """
        self.hosts = tuple(f"h{number}" for number in range(12))
        self.pools = dict.fromkeys(self.hosts, self.pools["a"])
        members = self.members()
        for first in members.all:
            for second in members.all:
                members.choose("", [first, second])
        self.assertLessEqual(len(members._without), 64)

    def test_report(self) -> None:
        """
        An administrator can be told how each of them is.
        """
        members = self.members()
        members.all[0].health.failing.add(0)
        members.all[1].health.ejected_until = 5.0
        members.all[2].active = 4
        self.assertEqual(
            members.report("route-1"),
            [
                UpstreamHealth(
                    route_id="route-1", upstream="http://a:3000", fails_checks=True, is_ejected=False, active=0
                ),
                UpstreamHealth(
                    route_id="route-1", upstream="http://b:3000", fails_checks=False, is_ejected=True, active=0
                ),
                UpstreamHealth(
                    route_id="route-1", upstream="http://c:3000", fails_checks=False, is_ejected=False, active=4
                ),
            ],
        )

    def test_health(self) -> None:
        """
        Nothing is known against one that nobody has tried.
        """
        self.assertTrue(Health().is_well)
