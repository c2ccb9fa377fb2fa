"""
What has to come of the cases about WebSockets.
"""

from __future__ import annotations

from tests.hostile.names import OTHER
from tests.hostile.run import SLOW, Run, expects, prepare

_RELAYED = "docs/data-path.md: WebSockets pass byte for byte, with every kind of frame and with what is none."

expects(
    "WS-002",
    status=401,
    requests=0,
    because="docs/architecture.md, A request's walk: 401 for what does not navigate.",
)


@prepare("WS-003")
async def _elsewhere(run: Run) -> None:
    # The protected host of this world allows WebSockets, the other one does not.
    run.variables["SESS"] = await run.world.handle("alice", OTHER)
    run.variables["APP"] = OTHER


expects("WS-003", status=403, requests=0, because="pomerium-behaviour.md 5: allow_websockets is false, so 403.")
expects(
    *"WS-004 WS-020".split(),
    status=426,
    closed=True,
    requests=0,
    because="RFC 6455 section 4.4: 426; docs/data-path.md: what follows a handshake that is not granted is not read.",
)
expects(
    *"WS-006 WS-007".split(),
    status=400,
    closed=True,
    requests=0,
    because="RFC 6455 section 4.2.1: the key is 16 octets in base64.",
)
expects(
    "WS-012",
    status=400,
    closed=True,
    requests=0,
    because="docs/data-path.md, What is stricter: a WebSocket handshake with content.",
)
expects("WS-014", status=400, requests=0, because="RFC 6455 section 4.1: the method is GET.")
expects(
    "WS-016", status=403, requests=0, because="RFC 6455 section 10.2; decided: only pages of the route's own origin."
)


def _in_order(run: Run) -> None:
    connection = run.world.recorders["app"].requests[0].connection
    run.require(connection.tunnelled == b"\x81\x85\x00\x00\x00\x00hello", f"{connection.tunnelled!r}")


expects(
    "WS-018",
    status=101,
    requests=1,
    outcome="the frame arrives after the handshake",
    check=_in_order,
    because="docs/data-path.md: WebSockets pass byte for byte; bytes after the head are of the socket.",
)
expects(
    *"WS-022 WS-023".split(),
    outcome="Close 4401, in the turn in which the session ends",
    because="sign-out.md 1.2: a WebSocket between two frames is told by 4401.",
)
expects(
    "WS-024",
    outcome="Close 1008, in the turn of the reload",
    because="docs/architecture.md, A reload's walk: whoever would not be let through now is cut; 1008.",
)
expects(
    *"WS-028 WS-029 WS-030 WS-034 WS-039".split(),
    outcome="octet for octet at the other end, and a sign-out still cuts it",
    because=_RELAYED,
)
expects(
    *"WS-031 WS-032".split(),
    outcome="who reads slowly holds up who sends; memory does not grow",
    because="docs/limits.md, Memory: 64 KiB and what one read brings, in each direction.",
)
expects(
    "WS-033",
    outcome="others are answered while it lasts",
    because="docs/limits.md, Memory: one read at a time from each connection.",
)
expects(
    "WS-035",
    outcome="both ends closed 10 s after one has closed its direction",
    because="docs/data-path.md, tunnel: told on; both closed in 10 s.",
)
expects("WS-036", outcome="the user agent sees the end at once", because="docs/data-path.md, tunnel: told on.")
expects(
    "WS-038",
    outcome="what the other side still says arrives, then both are closed",
    because="docs/data-path.md, tunnel: told on; both closed in 10 s.",
)
expects(
    "WS-040",
    outcome="1,000 of them, less than 40 KiB each, their other ends included",
    because="docs/limits.md, Memory; docs/growth.md has 50,000 in a process of their own.",
)
expects(
    "WS-042",
    outcome="tests.proxy.test_websocket_bytes passes",
    because="docs/data-path.md: make interop runs Autobahn's 517 cases with and without us, where Python 2.7 is.",
)
expects(
    "WS-043",
    outcome="every kind of frame, whole and cut short, then a sign-out: 4401 or a reset",
    because="sign-out.md 1.2: between two frames 4401, else the connection is reset.",
)

SLOW.update("WS-023 WS-031 WS-032 WS-033 WS-034 WS-039 WS-040 WS-042 WS-043".split())
