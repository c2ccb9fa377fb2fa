"""
What has to come of the cases about fields: whose word an application can take.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from tests.hostile.invariants import at_applications
from tests.hostile.recorder import Request
from tests.hostile.run import Run, expects, prepare

_STRICT = "docs/data-path.md, What is stricter"
_SAID = "docs/data-path.md, What is said to others"
_UNDERSCORE = f"{_STRICT}: a name with an underscore."
_STRIPPED = "docs/data-path.md, pomerium-behaviour.md 4.3: X-Pomerium-* is ours in every spelling."

Check = Callable[[Run], Awaitable[None]]


def _refused(*ids: str, because: str) -> None:
    expects(*ids, status=400, closed=True, requests=0, because=because)


def _got(run: Run, name: str = "app") -> Request:
    requests = run.world.recorders[name].requests
    run.require(len(requests) == 1, f"{len(requests)} requests reached {name}")
    return requests[0]


def _not_the_canary(run: Run) -> None:
    for recorder in run.world.recorders.values():
        run.require(run.canary.encode() not in recorder.raw, f"{recorder.name} has got the canary")


# -- header-spoofing ---------------------------------------------------------------------------------------------------

expects(
    *(
        "HS-001 HS-002 HS-003 HS-008 HS-011 HS-013 HS-017 HS-022 HS-023 HS-028 HS-031 HS-032 HS-033 HS-038 HS-042"
        " HS-047 HS-048 HS-053"
    ).split(),
    status=200,
    requests=1,
    outcome="without the canary",
    check=_not_the_canary,
    because=_STRIPPED,
)


async def _nor_where_they_are_allowed(run: Run) -> None:
    """
    Where the operator has allowed underscores, the name is still ours.
    """
    there = await run.world.beside("underscores")
    cookie = f"Cookie: _pomerium={await there.handle()}"
    for each in run.case.steps:
        text = await run.fill(re.sub(r"Cookie: [^\r]*", lambda _: cookie, each["bytes"]))
        line = await there.say(text.encode("latin-1"))
        statuses = [answer.status for answer in line.answers()]
        run.require(statuses == [200], f"where underscores are allowed: {statuses}")
    raw = b"".join(recorder.raw for recorder in there.recorders.values())
    run.require(run.canary.encode() not in raw, "where underscores are allowed, the canary arrives")
    problems = at_applications(run, there)
    run.require(not problems, f"where underscores are allowed: {problems}")
    await there.hang_up()


expects(
    *("HS-004 HS-005 HS-014 HS-015 HS-016 HS-019 HS-025 HS-029 HS-030 HS-036 HS-039 HS-040 HS-046 HS-050").split(),
    status=400,
    closed=True,
    requests=0,
    outcome="200 without the canary where underscores are allowed",
    check=_nor_where_they_are_allowed,
    because=_UNDERSCORE,
)
_refused(
    *"HS-054 HS-056 HS-057 HS-058 HS-059".split(),
    because="RFC 9112 section 5.1: what is no name and a colon is 400.",
)


def _one_of_ours(run: Run) -> None:
    values = _got(run).heard.all("x-pomerium-jwt-assertion")
    run.require(len(values) == 1 and values[0].count(".") == 2, f"{len(values)} assertions")


def _nobody(run: Run) -> None:
    names = [name for name, _ in _got(run, "pub").heard.fields if name.lower().startswith("x-pomerium-claim")]
    values = [value for name, value in _got(run, "pub").heard.fields if name.lower().startswith("x-pomerium-claim")]
    run.require(not any(values), f"{names} have values on a public route")
    _not_the_canary(run)


expects("HS-060", status=200, requests=1, outcome="exactly one assertion, ours", check=_one_of_ours, because=_STRIPPED)
expects(*"HS-061 HS-062".split(), status=200, requests=1, outcome="and no claim", check=_nobody, because=_STRIPPED)


async def _nor_on_a_tunnel(run: Run) -> None:
    text = re.sub(r"X_Pomerium[^\r]*\r\n", "", run.case.steps[0]["bytes"])
    line = await run.aside(text)
    statuses = [answer.status for answer in line.answers()]
    run.require(statuses == [101], f"without the underscore: {statuses}")
    _not_the_canary(run)


expects(
    "HS-063",
    status=400,
    closed=True,
    requests=1,
    outcome="101 without the canary, once without the underscore",
    check=_nor_on_a_tunnel,
    because=_STRIPPED,
    overrules=_UNDERSCORE,
)


def _bounded(run: Run) -> None:
    head = _got(run).connection.raw
    run.require(len(head) > 200_000, f"the groups are not all there: {len(head)} bytes")


expects(
    "HS-065",
    status=200,
    requests=1,
    outcome="with all of them, in one head",
    check=_bounded,
    because="decided: what the OP says of a person is passed on whole; docs/limits.md bounds what the OP may say.",
)

_DOCUMENTED = {
    "X-FORWARDED-FOR": lambda run: f"{run.canary}, {run.canary}, 127.0.0.1",
    "X-FORWARDED-HOST": lambda run: "app.example.com",
    "X-FORWARDED-PROTO": lambda run: "https",
}


def _forwarded(name: str) -> Check:
    async def check(run: Run) -> None:
        # Once more, without the spelling that is refused as such.
        await run.aside(re.sub(r"\r\n[A-Za-z]+_[^\r]*", "", run.case.steps[0]["bytes"]))
        heard = _got(run).heard
        for key, value in heard.fields:
            if key.upper().replace(".", "-") in ("X-FORWARDED-FOR", "X-FORWARDED-HOST", "X-FORWARDED-PROTO"):
                wanted = _DOCUMENTED[key.upper()](run) if name == key.upper() else None
                run.require("." not in key, f"{key} is another spelling of ours")
                run.require(wanted is None or value == wanted, f"{key}: {value}")
        run.require(len(heard.all("x-forwarded-proto")) == 1, "more than one X-Forwarded-Proto")
        run.require(run.canary not in "".join(heard.all("x-request-id")), "the client chose the request's id")
        page = await run.aside(re.sub(r"\r\n(?:Cookie|[A-Za-z]+_)[^\r]*", "", run.case.steps[0]["bytes"]))
        run.require(run.canary.encode() not in page.received, "the canary is in an answer of ours")
        run.require([answer.status for answer in page.answers()] == [302], "another answer without a session")
        texts = [event.get("peer") or event.get("client") or "" for event in run.world.events]
        run.require(not any(run.canary in str(text) for text in texts), "the canary is in the log as who asked")

    return check


for _id, _name in {
    "HS-066": "X-FORWARDED-FOR",
    "HS-067": "X-FORWARDED-HOST",
    "HS-068": "X-FORWARDED-PROTO",
    "HS-069": "X-FORWARDED-PORT",
    "HS-071": "X-FORWARDED-URI",
    "HS-072": "X-FORWARDED-METHOD",
    "HS-073": "X-FORWARDED-SERVER",
    "HS-074": "X-REAL-IP",
    "HS-077": "X-ENVOY-EXTERNAL-ADDRESS",
    "HS-079": "CF-CONNECTING-IP",
    "HS-081": "X-FORWARDED-USER",
    "HS-082": "X-FORWARDED-EMAIL",
    "HS-083": "X-AUTH-REQUEST-USER",
    "HS-084": "REMOTE-USER",
    "HS-086": "X-REQUEST-ID",
}.items():
    expects(
        _id,
        status=400,
        closed=True,
        requests=1,
        outcome="200 without the underscore, described as it is, decided by nothing of it",
        check=_forwarded(_name),
        because=f"{_UNDERSCORE} {_SAID}: X-Forwarded-For is appended to, -Proto, -Host and X-Request-Id are ours.",
    )
expects(
    "HS-075",
    status=200,
    outcome="described as it is, decided by nothing of it",
    check=None,
    requests=1,
    because=f"{_SAID}: Forwarded is passed on, and decides nothing.",
)
expects(
    "HS-088",
    status=200,
    requests=1,
    outcome="without the token",
    because="pomerium-behaviour.md 1.6: Authorization: Pomerium is a handle; 4.3: it is stripped.",
)


def _not_set(run: Run) -> None:
    answer = run.lines[0].answers()[0]
    cookies = [value for name, value in answer.lines if name.lower() == "set-cookie"]
    run.require(not cookies, f"{len(cookies)} cookies of ours are set by an application")
    said = [event for event in run.world.events if "ookie" in str(event.get("log_format"))]
    run.require(said, "the log does not say so")


expects(
    "HS-090",
    status=200,
    requests=1,
    outcome="without Set-Cookie, and the log says so",
    check=_not_set,
    because="pomerium-behaviour.md 1.6: the cookie is ours; decided: no application sets or clears it.",
)

# -- hop-by-hop --------------------------------------------------------------------------------------------------------


def _arrives(name: str) -> Callable[[Run], None]:
    def check(run: Run) -> None:
        run.require(_got(run).heard.all(name), f"{name} was named away")

    return check


for _id, _name in {
    "HH-001": "x-pomerium-jwt-assertion",
    "HH-002": "x-pomerium-jwt-assertion",
    "HH-003": "x-pomerium-claim-email",
    "HH-006": "x-forwarded-proto",
    "HH-009": "host",
    "HH-011": "x-request-id",
    "HH-012": "via",
}.items():
    expects(
        _id,
        status=200,
        closed=True,
        requests=1,
        outcome=f"with {_name}",
        check=_arrives(_name),
        because=f"{_SAID}: none of them, and no identity, can be named away by Connection.",
    )
expects(
    "HH-005",
    status=200,
    closed=True,
    requests=1,
    outcome="without X-Real-Ip, which is none of ours",
    check=lambda run: run.require(not _got(run).heard.all("x-real-ip"), "X-Real-Ip is there"),
    because=f"{_SAID}: the client is told in X-Forwarded-For; X-Real-Ip is not set.",
)
expects(
    "HH-007",
    status=200,
    closed=True,
    requests=1,
    outcome="as alice",
    check=lambda run: run.require(run.lines[0].answers()[0].content == b"alice@example.com\n", "not as alice"),
    because="RFC 9110 section 7.6.1: what is named is not forwarded; who asks is known before that.",
)
expects(
    "HH-010",
    status=200,
    closed=True,
    requests=1,
    because="RFC 9110 section 7.6.1: it is framing, which is written anew; a GET without content has none.",
)


def _stays_here(name: str) -> Callable[[Run], None]:
    def check(run: Run) -> None:
        run.require(not _got(run).heard.all(name), f"{name} was passed on")

    return check


for _id, _name in {
    "HH-014": "keep-alive",
    "HH-016": "te",
    "HH-017": "upgrade",
    "HH-018": "proxy-authorization",
    "HH-019": "proxy-authenticate",
    "HH-020": "http2-settings",
    "HH-021": "trailer",
}.items():
    expects(
        _id,
        status=200,
        requests=1,
        outcome=f"without {_name}",
        check=_stays_here(_name),
        because="RFC 9110 section 7.6.1: for one hop only; HTTP2-Settings by RFC 7540 section 3.2.1.",
    )
expects(
    "HH-026",
    status=200,
    requests=1,
    outcome="Via: 1.1 pomerium_tx",
    check=lambda run: run.require(_got(run).heard.all("via") == ["1.1 pomerium_tx"], "another Via"),
    because=f"{_SAID}: Via gets 1.1 pomerium_tx.",
)


@prepare("HS-065")
async def _many_groups(run: Run) -> None:
    run.sessions_may_change = True
