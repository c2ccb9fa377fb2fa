"""
What a session costs in memory, with everything that is kept of it.
"""

from __future__ import annotations

import base64
import gc
import json
import random
import tracemalloc

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.memory import MemoryStore
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import Session, Tokens
from tests.sessions.records import HOUR, NOW, session

SESSIONS = 1_000
BESIDES = 1536
"""
Bytes. Of a million it is less than 1024 each (`benchmarks/growth.py`): they share more.
"""


def somebody(number: int, draw: random.Random, now: float) -> tuple[Session, int]:
    """
    Somebody who has just signed in, and how long their tokens and claims are.
    """

    def opaque(length: int) -> str:
        return base64.urlsafe_b64encode(draw.randbytes(length)).decode()[:length]

    said = {"sub": opaque(36), "email": f"person-{number}@example.com", "name": f"Person {number}", "verified": True}
    said |= {"sid": opaque(36), "nonce": opaque(43), "groups": ["staff", "admins"], "preferred_username": opaque(8)}
    payload = base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()
    kept = Tokens(
        id_token=f"eyJhbGciOiJFUzI1NiJ9.{payload}.{opaque(86)}",
        access_token=opaque(43),
        refresh_token=opaque(86),
        access_token_expires=now + 10 * HOUR,
        id_token_expires=now + HOUR,
    )
    claims = {name: tuple(value) if isinstance(value, list) else (value,) for name, value in said.items()}
    one = session(
        opaque(43),
        browser=opaque(22),
        sub=said["sub"],
        user_id=said["sub"],
        email=said["email"],
        name=said["name"],
        sids=(said["sid"],),
        nonce=said["nonce"],
        began=now,
        expires=now + 14 * HOUR,
        address=f"198.51.{number // 256}.{number % 256}",
        claims=claims,
        tokens=kept,
    )
    return one, len(kept.id_token) + 43 + 86 + len(json.dumps(said))


class GrowthTests(SynchronousTestCase):
    """
    A registry with many sessions.
    """

    def test_a_session(self) -> None:
        """
        A session that was used, on one route, takes about a KiB besides its tokens and claims, the log included; and no
        more once it was refreshed.
        """
        clock = Clock()
        clock.advance(NOW)
        registry = SessionRegistry(MemoryStore(), clock)
        self.successResultOf(registry.join())
        registry.set_idle_timeout(8 * HOUR)
        draw, told, names = random.Random(0), 0, []
        gc.collect()
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before, _ = tracemalloc.get_traced_memory()
        for number in range(SESSIONS):
            # Not all at once: of who has just come more is known for a while.
            clock.advance(2 * HOUR / SESSIONS)
            one, length = somebody(number, draw, clock.seconds())
            told += length
            names.append(one.id)
            self.successResultOf(registry.begin(one, state_issued=clock.seconds()))
            self.successResultOf(registry.use_route(one.id, "route", "https://app.example.com"))
            registry.touch(one.id, one.address)
        del one
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
        self.assertLess((after - before - told) / SESSIONS, BESIDES)
        for number, name in enumerate(names):
            found = registry.known(name)
            assert found is not None
            renewed, _ = somebody(number, draw, clock.seconds())
            fields = {"tokens": renewed.tokens, "claims": dict(found.claims), "email": found.email, "name": found.name}
            self.assertTrue(self.successResultOf(registry.refresh(name, sid=None, requested=clock.seconds(), **fields)))
        del found, renewed, fields
        # The claims of those who were asked lately are open.
        for name in names:
            found = registry.known(name)
            assert found is not None
            found.close()
        del found
        gc.collect()
        refreshed, _ = tracemalloc.get_traced_memory()
        self.assertLess((refreshed - after) / SESSIONS, 256)
