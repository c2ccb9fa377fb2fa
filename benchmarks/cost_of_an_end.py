"""
What one end costs, by how many other sessions there are: the door and the registry, in this process, without a network.
"""

from __future__ import annotations

import gc
import time
from statistics import median

from twisted.internet.task import Clock

from benchmarks.in_memory import done
from pomerium_tx.logout.ending import Ending
from pomerium_tx.sessions.memory import MemoryStore
from pomerium_tx.sessions.provider_logout import ProviderLogout
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import RouteUse, Session, Tokens
from pomerium_tx.sessions.store import Cause

START = 1_700_000_000.0
ENDS = 300


def _session(number: int) -> Session:
    name = f"{number:032x}"
    tokens = Tokens(
        id_token=f"id-{name}",
        access_token=f"access-{name}",
        refresh_token=f"refresh-{name}",
        access_token_expires=START + 40_000.0,
        id_token_expires=None,
    )
    return Session(
        id=f"session-{name}",
        browser=f"browser-{name}",
        idp_id="op",
        iss="https://op.example.com",
        client_id="rp",
        sub=f"person-{name}",
        user_id=f"person-{name}",
        email="",
        name="",
        sids=(f"sid-{name}",),
        began=START,
        expires=START + 50_000.0,
        authenticated=START,
        id_token_iat=START,
        user_agent="",
        address="192.0.2.1",
        claims={},
        tokens=tokens,
        uses={"route": RouteUse(origin="https://app.example.com", first_used=START)},
    )


def cost_with(sessions: int) -> dict[str, float]:
    """
    Microseconds of one end with so many *sessions*, the median of many, by who asks for it.
    """
    clock = Clock()
    clock.advance(START)
    registry = SessionRegistry(MemoryStore(), clock)
    done(registry.join())
    door = Ending(
        registry=registry,
        providers={},
        clock=clock,
        key=b"a key of the benchmark, 32 bytes",
        revocation_delay=60.0,
        audit=lambda receipt: None,
    )
    began = time.perf_counter()
    for number in range(sessions):
        done(registry.begin(_session(number), state_issued=START))
    begin = (time.perf_counter() - began) / sessions
    step = max(1, sessions // (3 * ENDS))
    numbers = iter(range(0, sessions, step))
    gc.collect()
    gc.freeze()
    found: dict[str, float] = {"sessions": sessions, "begin": begin * 1e6}
    try:
        for name in ("user", "front channel", "back channel"):
            spent = []
            for _ in range(min(ENDS, sessions // 4)):
                session = _session(next(numbers))
                clock.advance(0.001)
                logout = ProviderLogout(iss=session.iss, sid=session.sids[0], sub=None, issued=clock.seconds())
                before = time.perf_counter()
                if name == "user":
                    receipt = done(door.sign_out((session.id,), cause=Cause.USER_ROUTE, target=None)).receipt
                else:
                    cause = Cause.FRONT_CHANNEL if name.startswith("front") else Cause.BACK_CHANNEL
                    receipt = done(door.end_by_provider(logout, cause))
                spent.append(time.perf_counter() - before)
                if receipt.sessions_ended != 1:
                    raise RuntimeError(f"{receipt.sessions_ended} sessions ended")
            found[name] = median(spent) * 1e6
    finally:
        gc.unfreeze()
        registry.leave()
    return found
