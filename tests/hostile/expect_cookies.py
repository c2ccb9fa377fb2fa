"""
What has to come of the cases about cookies.
"""

from __future__ import annotations

from tests.hostile.run import SLOW, Run, expects

_REGISTRY = "pomerium-behaviour.md 1.6: validity lives in the registry, and a stale cookie redirects."
_NOT_OURS = "RFC 6265bis section 4.1.1: not a cookie of that name with a value of ours; a stale one redirects."

expects(
    *"CK-001 CK-003".split(),
    status=302,
    requests=0,
    outcome="each of them",
    because="pomerium-behaviour.md 1.6: a handle is signed; a signature that is wrong names nobody.",
)
expects(*"CK-005 CK-007 CK-008 CK-035".split(), status=302, requests=0, because=_REGISTRY)
expects(
    "CK-009",
    status=400,
    requests=0,
    outcome="nobody is signed in",
    because="pomerium-behaviour.md 1.3: a state that does not decode, or is not of this browser, is 400.",
)


def _as_alice(run: Run) -> None:
    said = run.lines[0].answers()[0].content
    run.require(said == b"alice@example.com\n", f"as {said[:40]!r}")


expects(
    "CK-010",
    status=200,
    requests=1,
    because="pomerium-behaviour.md 1.6: a handle's aud is not enforced when it is read; the registry decides.",
)
expects(
    *"CK-011 CK-012 CK-013 CK-014 CK-019 CK-021 CK-028 CK-029 CK-031".split(), status=302, requests=0, because=_NOT_OURS
)
expects(
    *"CK-015 CK-016".split(),
    status=200,
    requests=1,
    outcome="as alice",
    check=_as_alice,
    because="sign-out.md 3: several different valid handles are no session; what names nothing takes nothing away.",
)
expects(
    "CK-018",
    status=200,
    requests=1,
    outcome="as alice, and the application gets a=b",
    check=lambda run: _cookie(run, ["a=b"]),
    because="decided: several Cookie fields are one (RFC 9113 section 8.2.3); ours is taken out of each.",
)
expects(
    *"CK-022 CK-030".split(),
    status=400,
    closed=True,
    requests=0,
    because="docs/data-path.md, What is stricter: control characters.",
)
expects(
    "CK-032",
    status=302,
    requests=0,
    because="pomerium-behaviour.md 1.6: cookie, header and pomerium_session are where a handle is looked for.",
)


def _cookie(run: Run, wanted: list[str]) -> None:
    got = run.world.recorders["app"].requests[0].heard.all("cookie")
    run.require(got == wanted, f"the application got {got}")


expects(
    "CK-033",
    status=200,
    requests=1,
    outcome='the application gets a=1; b="x y"; c',
    check=lambda run: _cookie(run, ['a=1; b="x y"; c']),
    because="pomerium-behaviour.md 4.3: our pair is stripped, the others are kept.",
)


async def _stripped_everywhere(run: Run) -> None:
    _cookie(run, [])
    text = run.case.steps[0]["bytes"].replace("\r\n\r\n", "\r\n" + _HANDSHAKE)
    line = await run.aside(text)
    run.require([answer.status for answer in line.answers()] == [101], "no WebSocket")


_HANDSHAKE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Version: 13\r\nOrigin: https://app.example.com\r\n\r\n"
)
expects(
    "CK-034",
    status=200,
    requests=2,
    outcome="no cookie of ours reaches the application, in a WebSocket handshake neither",
    check=_stripped_everywhere,
    because="pomerium-behaviour.md 4.3: our pair is stripped.",
)

SLOW.update("CK-001 CK-003 CK-042".split())
