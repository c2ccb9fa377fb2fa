"""
Rounds in which every proxy has its turn at every work, so that what the machine does meanwhile strikes all alike.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

from benchmarks import load
from benchmarks.accounting import ACCOUNTS
from benchmarks.rivals.peer import Peer
from benchmarks.scene import Scene
from benchmarks.works import Work

_WARM_UP = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """
    One peer at one work in one round.
    """

    work: str
    peer: str
    round: int
    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    """
    Of the proxy, for each request: its own and the kernel's work for it.
    """
    user_us: float
    system_us: float
    busy: float
    """
    Share of the time in which the proxy ran; well below 1 it waited for the load generator or the application.
    """
    memory_mib: float
    refused: int
    broken: int
    fault: str
    """
    Why this counts for nothing; empty if it counts.
    """

    def as_json(self) -> dict[str, object]:
        """
        All of it.
        """
        return asdict(self)


def turns(
    scene: Scene, works: Sequence[Work], *, rounds: int, seconds: int, client: str, say: Callable[[str], None]
) -> Iterator[Turn]:
    """
    Every turn, in the order in which they are taken; each round begins with another peer.
    """
    planned = [(work, [scene.peers[name] for name in work.peers if name in scene.peers]) for work in works]
    planned = [(work, peers) for work, peers in planned if peers]
    total = rounds * sum(len(peers) for _, peers in planned)
    taken, warm = 0, set[str]()
    for number in range(rounds):
        for work, peers in planned:
            first = number % len(peers)
            for peer in peers[first:] + peers[:first]:
                taken += 1
                say(f"\r{taken} of {total}: {peer.title}: {work.title}\x1b[K")
                if peer.name not in warm:
                    warm.add(peer.name)
                    take_turn(scene, peer, work, number=number, seconds=_WARM_UP, client=client)
                yield take_turn(scene, peer, work, number=number, seconds=seconds, client=client)
                for log in scene.logs.values():
                    os.truncate(log, 0)
    say("\r\x1b[K")


def take_turn(scene: Scene, peer: Peer, work: Work, *, number: int, seconds: int, client: str) -> Turn:
    """
    Load *peer* once, and count on all three sides: the client's, the proxy's, the application's.
    """
    arrived, before, began = scene.upstream.requests(), ACCOUNTS.cpu(peer.pid), time.monotonic()
    outcome, failed = load.NOTHING, ""
    try:
        outcome = load.run(client, peer, work, seconds)
    except load.Unreadable as unreadable:
        failed = str(unreadable)
    taken, lasted = ACCOUNTS.cpu(peer.pid).since(before), time.monotonic() - began
    arrived = scene.upstream.requests() - arrived
    each = 1e6 / max(outcome.requests, 1)
    return Turn(
        work=work.name,
        peer=peer.name,
        round=number,
        requests=outcome.requests,
        per_second=outcome.per_second,
        p50_ms=outcome.p50_ms,
        p99_ms=outcome.p99_ms,
        cpu_us=taken.total * each,
        user_us=taken.user * each,
        system_us=taken.system * each,
        busy=taken.total / lasted,
        memory_mib=ACCOUNTS.memory(peer.pid),
        refused=outcome.refused,
        broken=outcome.broken,
        fault=failed or fault(outcome, arrived, work) or ("" if taken.total > 0 else "no CPU time is accounted"),
    )


def fault(outcome: load.Outcome, arrived: int, work: Work) -> str:
    """
    What is wrong with a turn, or nothing.

    :param arrived: Requests that the application has seen meanwhile.
    """
    if outcome.requests == 0:
        return "no request was answered"
    if outcome.refused:
        return f"{outcome.refused} answers were refusals"
    if outcome.broken:
        return f"{outcome.broken} connections broke"
    if not work.is_anonymous and arrived < outcome.requests:
        return f"the application has seen {arrived} of {outcome.requests} requests"
    if work.is_anonymous and arrived > outcome.requests // 100:
        return f"the application has seen {arrived} requests of nobody"
    return ""
