"""
Which of several upstreams a request goes to: Envoy's policies, as plain functions of weights, of what is under way and
of a key.

A balancer is made for those upstreams that may get requests now; when that changes another one is made.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol

_RING_POINTS = 4096
_MOST_POINTS_EACH = 160
_LEAST_POINTS_EACH = 16
_TABLE_SIZE = 8191
"""
Prime, as Maglev wants it, and some thirty times as large as there may be upstreams.
"""


class Choosable(Protocol):
    """
    One upstream, as its balancer sees it.
    """

    @property
    def name(self) -> str:
        """
        Where it is; what is chosen by a key depends on it, and not on its place among the others.
        """

    @property
    def weight(self) -> int:
        """
        How much of the requests it gets, compared with the others.
        """

    @property
    def active(self) -> int:
        """
        How many requests it has under way.
        """


class Balancer(Protocol):
    """
    Chooses among some upstreams, of which there is at least one.
    """

    def choose(self, key: str) -> int:
        """
        Who gets the next request: its place among them.

        :param key: What the request has in common with others that should go to the same upstream.
        """


class RoundRobin:
    """
    Each in turn, as often as its weight says and as evenly as it can be: of two with weights 5 and 1 the second one's
    turn comes in the middle of five, and nobody's five come in a row where there are others.
    """

    def __init__(self, upstreams: Sequence[Choosable]) -> None:
        self._upstreams = upstreams
        self._credit = [0] * len(upstreams)
        self._total = sum(each.weight for each in upstreams)

    def choose(self, key: str) -> int:
        credit, most = self._credit, 0
        for index, upstream in enumerate(self._upstreams):
            credit[index] += upstream.weight
            if credit[index] > credit[most]:
                most = index
        credit[most] -= self._total
        return most


class AtRandom:
    """
    Any of them, the likelier the greater its weight.
    """

    def __init__(self, upstreams: Sequence[Choosable], random: Random) -> None:
        self._random = random
        self._bounds: list[int] = []
        total = 0
        for each in upstreams:
            total += each.weight
            self._bounds.append(total)

    def choose(self, key: str) -> int:
        return bisect_left(self._bounds, self._random.randint(1, self._bounds[-1]))


class LeastRequest:
    """
    Of two that are taken at random the one that has less under way, measured by its weight.
    """

    def __init__(self, upstreams: Sequence[Choosable], random: Random) -> None:
        self._upstreams = upstreams
        self._at_random = AtRandom(upstreams, random)

    def choose(self, key: str) -> int:
        first, second = self._at_random.choose(key), self._at_random.choose(key)
        one, other = self._upstreams[first], self._upstreams[second]
        return second if other.active * one.weight < one.active * other.weight else first


class RingHash:
    """
    Upstreams stand on a ring, each at many points; a key goes to the next point. Where one comes or goes only the keys
    move that are its own.

    :param heaviest: The greatest weight of all upstreams of the route, also of those that get no requests now.
    :param count: How many there are of these.
    """

    def __init__(self, upstreams: Sequence[Choosable], *, heaviest: int, count: int) -> None:
        most = min(max(_RING_POINTS // count, _LEAST_POINTS_EACH), _MOST_POINTS_EACH)
        ring = sorted(
            (_hash(f"{upstream.name} {number}"), index)
            for index, upstream in enumerate(upstreams)
            for number in range(max(round(most * upstream.weight / heaviest), 1))
        )
        self._points = [point for point, _ in ring]
        self._owners = [index for _, index in ring]

    def choose(self, key: str) -> int:
        place = bisect_left(self._points, _hash(key))
        return self._owners[place if place < len(self._owners) else 0]


class Maglev:
    """
    A table in which every upstream has a share of the entries as large as its weight, each choosing its entries in an
    order of its own. It is more even than a ring, and moves a few more keys.
    """

    def __init__(self, upstreams: Sequence[Choosable], *, heaviest: int) -> None:
        starts = [_hash(f"{each.name} start") % _TABLE_SIZE for each in upstreams]
        steps = [_hash(f"{each.name} step") % (_TABLE_SIZE - 1) + 1 for each in upstreams]
        places = list(starts)
        credit = [0.0] * len(upstreams)
        table = [-1] * _TABLE_SIZE
        free = _TABLE_SIZE
        # In whichever order they are written.
        order = sorted(range(len(upstreams)), key=lambda index: upstreams[index].name)
        while free:
            for index in order:
                credit[index] += upstreams[index].weight / heaviest
                if credit[index] < 1.0:
                    continue
                credit[index] -= 1.0
                place, step = places[index], steps[index]
                while table[place] >= 0:
                    place = (place + step) % _TABLE_SIZE
                table[place] = index
                places[index] = place
                free -= 1
                if not free:
                    break
        self._table = table

    def choose(self, key: str) -> int:
        return self._table[_hash(key) % _TABLE_SIZE]


def balancers(policy: str, everyone: Sequence[Choosable], random: Random) -> Callable[[Sequence[Choosable]], Balancer]:
    """
    What makes a balancer for some of *everyone*.

    :param policy: One of those that ``load_balancing_policy`` may be, in lower case.
    """
    heaviest = max(each.weight for each in everyone)
    match policy:
        case "least_request":
            return lambda upstreams: LeastRequest(upstreams, random)
        case "random":
            return lambda upstreams: AtRandom(upstreams, random)
        case "ring_hash":
            return lambda upstreams: RingHash(upstreams, heaviest=heaviest, count=len(everyone))
        case "maglev":
            return lambda upstreams: Maglev(upstreams, heaviest=heaviest)
        case _:
            return RoundRobin


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest(), "big")
