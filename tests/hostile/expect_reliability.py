"""
What has to come of the cases in which something of ours is broken.
"""

from __future__ import annotations

from tests.hostile.run import SLOW, does_not_apply, expects

_MEMORY = "docs/sign-out.md and README.md: sessions are kept in memory, and a restart signs everybody out"

does_not_apply(
    *"RL-001 RL-002 RL-003".split(),
    because=f"{_MEMORY}: there is nothing on a disk that a crash could lose or bring back.",
)
does_not_apply(
    *"RL-008 RL-009 RL-032".split(), because=f"{_MEMORY}: no store is locked, remote, or full of what has expired."
)
does_not_apply(
    "RL-011",
    because="A session is found by the id that is in its own record, in memory: there is no index to go wrong.",
)
does_not_apply("RL-013", because=f"{_MEMORY}: no two versions share one.")
does_not_apply(
    *"RL-033 RL-035".split(),
    because="By its size no test: make bench-growth has a million sessions, make bench-soak five million requests.",
)

expects(
    "RL-005",
    outcome="503 with Retry-After, nothing has ended and nobody is told so; once more, when it works, ends it",
    because="sign-out.md 1: an end that cannot be recorded is 503.",
    overrules="sign-out.md 1: nothing has ended then, in memory neither; it never lies.",
)
expects(
    "RL-006",
    outcome="503 and no session; who was signed in goes on",
    because="sign-out.md 1: StoreUnavailable is 503, never no session.",
)
expects(
    "RL-007",
    outcome="where the look-up itself fails: a protected route 500, a public one 200, no application is reached",
    because="docs/architecture.md, A request's walk: from memory; no exception ever becomes access.",
    overrules="sessions are looked up in memory: no reading of a store can fail; a fault of ours is 500.",
)
expects(
    "RL-010",
    outcome="a sign-out is acknowledged once it is recorded; others are answered meanwhile",
    because="docs/architecture.md, An end's walk: only then is the answer written.",
)
expects(
    "RL-015",
    outcome="tests.process.test_workers and tests.scenarios.test_workers pass",
    because="docs/architecture.md, Several processes: an append answers when every worker has applied it.",
)
expects(
    "RL-016",
    outcome="tests.process.test_reload and tests.test_service.ReloadTests pass",
    because="docs/architecture.md, A reload's walk: the file is read whole, or nothing happens.",
)
expects(
    "RL-017", outcome="tests.process.test_stop passes: the second ends it at once", because="README.md: SIGTERM drains."
)
expects(
    "RL-018",
    outcome="tests.process.test_stop and tests.test_service pass: it exits at the drain's deadline",
    because="README.md: SIGTERM drains, and a second one does not wait.",
)
expects(
    "RL-019",
    outcome="a session of 14 h lives after one, and not after 15",
    because="pomerium-behaviour.md: cookie_expire; docs/limits.md: times of connections do not follow the wall clock.",
)
expects(
    "RL-020",
    outcome="an ended session stays ended, and others live",
    because="sign-out.md 1: an end is for good.",
)
expects(
    "RL-021",
    outcome="people sign in with a clock of the OP 60 s before or behind",
    because="security.md 1.1.5: leeway up to 60 s.",
)
expects(
    "RL-023", outcome="people sign in, ask and sign out at those moments", because="decided: times are seconds of UTC."
)
expects(
    "RL-024",
    outcome="who is signed in goes on; a sign-in gets a page, 502, at once",
    because="sign-out.md 2: only invalid_grant and 401 or 403 of UserInfo end a session on refresh.",
)
expects(
    "RL-025",
    outcome="it ends, and the way to the OP does not keep it",
    because="sign-out.md 1: the local end comes first; revocation is owed, and paid later.",
)
expects(
    "RL-027",
    outcome="tests.process.test_limits.DescriptorTests pass",
    because="docs/limits.md, Connections: no descriptor is left.",
)
expects(
    "RL-028",
    outcome="tests.process.test_slow_peers and tests.proxy.test_downstream_bounds pass",
    because="docs/limits.md, Memory: 64 KiB and what one read brings, for each connection.",
)
expects(
    "RL-029",
    outcome="200 WebSockets are cut with less than a tenth of a second of work",
    because="docs/architecture.md, An end's walk: in one turn.",
)
expects(
    "RL-034",
    outcome="all are dead, in one step",
    because="docs/growth.md, Look-up and end; sign-out.md 5: sub alone ends all of (iss, sub).",
)
expects("RL-037", outcome="200", because="decided: who asks does not pay for who writes the log.")
expects(
    "RL-040",
    outcome="200 while 2,000 requests wait for an application",
    because="docs/limits.md, Connections: health is answered by ourselves, whatever applications do.",
)

SLOW.update("RL-015 RL-016 RL-017 RL-018 RL-019 RL-023 RL-024 RL-027 RL-028 RL-029 RL-034 RL-040".split())
