"""
What has to come of the cases about clients that are slow, many, or gone.
"""

from __future__ import annotations

from tests.hostile.run import SLOW, expects

_LIMITS = "docs/limits.md"

expects(
    "CB-001",
    outcome="each gets 408 and is closed when its 30 s are over; others are answered meanwhile",
    because=f"{_LIMITS}: timeout_request_head, which no byte prolongs.",
)
expects(
    "CB-002",
    outcome="408 after a pause of 30 s; with timeout_request, 408 when that is over",
    because=f"{_LIMITS}: timeout_read is for a pause, timeout_request for all of it.",
    overrules="docs/limits.md: timeout_request is not set by default, since an upload may take as long as it likes.",
)
expects(
    "CB-003",
    outcome="tests.process.test_limits.TlsTests pass: an unfinished handshake ends with the time for a head",
    because=f"{_LIMITS}: timeout_request_head, 30 s; a TLS handshake is part of it.",
    overrules="docs/limits.md: 30 s, not 10.",
)
expects(
    "CB-004",
    outcome="9,000, or what descriptors there are for: all are closed within 32 s, others are answered meanwhile",
    because=f"{_LIMITS}: timeout_request_head.",
)
expects(
    "CB-006",
    outcome="it gets its answer",
    because="docs/data-path.md: a user agent that closes its direction after asking gets all its answers.",
)
expects(
    "CB-008",
    outcome="nothing is left of 2,000",
    because="docs/data-path.md, The states of an exchange: user agent gone, drop.",
)
expects(
    "CB-009",
    outcome="it waits at the application; a reset after 5 minutes",
    because=f"{_LIMITS}: idle_timeout of the route; Memory: 64 KiB and what one read brings.",
)
expects(
    "CB-010",
    outcome="it goes on as long as some of it is taken, and memory does not grow",
    because=f"{_LIMITS}: idle_timeout is for the time in which nothing of an answer is taken.",
)
expects(
    "CB-011",
    outcome="reading pauses, and memory does not grow",
    because=f"{_LIMITS}: max_pipelined_requests; 256 answers that are complete and not read.",
)
expects(
    "CB-012",
    outcome="302 by the head; what the kernels take and 1 MiB, no more, and nothing of it on a disk",
    because="docs/data-path.md, How a user agent's connection ends: 1 MiB, 30 s.",
)
expects(
    "CB-013",
    outcome="256 MiB pass, and memory does not grow",
    because="docs/migrating.md: no limit, the application has one.",
    overrules="docs/migrating.md: there is no max_body; content streams.",
)
expects(
    "CB-016",
    outcome="200; a byte costs the same in a long head as in a short one",
    because=f"{_LIMITS}: max_header_bytes, 65536.",
)
expects(
    "CB-018",
    outcome="5,000 without a pause, and others are answered all the time",
    because=f"{_LIMITS}, Connections.",
)
expects(
    "CB-019",
    outcome="tests.process.test_limits.DescriptorTests pass: no spin, and it recovers",
    because=f"{_LIMITS}, Connections: no descriptor is left.",
)
expects(
    "CB-020",
    outcome="tests.process.test_client_certificates and tests.tls.test_client_authorities pass",
    because="docs/client-certificates.md: what is not believed is refused, in the handshake where that is asked for.",
)
expects(
    "CB-022",
    outcome="tests.tls.test_downstream passes: tickets say 0 bytes of early data",
    because="docs/limits.md and pomerium_tx/tls/downstream.py: there is no early data.",
)
expects(
    "CB-025",
    status=400,
    closed=True,
    requests=0,
    outcome="in version 1 it is an unknown method, 501",
    because="docs/configuration.md: use_proxy_protocol is refused; connections begin with TLS or HTTP.",
)
expects("CB-028", status=200, requests=1, because=f"{_LIMITS}: max_header_bytes, 65536.")
expects(
    "CB-029",
    outcome="both connections are reset in the turn of the sign-out; what the kernel has is all that comes",
    because="docs/architecture.md, An end's walk: nothing more is written, what the kernel does not have is dropped.",
)

SLOW.update(
    "CB-001 CB-003 CB-004 CB-008 CB-009 CB-010 CB-011 CB-012 CB-013 CB-016 CB-018 CB-019 CB-020 CB-022 CB-029".split()
)
