"""
What has to come of the cases about applications that break the rules.
"""

from __future__ import annotations

from tests.hostile.run import SLOW, Run, expects

_TABLE = "docs/data-path.md, The states of an exchange"
_POOL = "docs/data-path.md, An application's connection goes back to the pool only if"
_LIMITS = "docs/limits.md"


def _not_used_again(run: Run) -> None:
    again = [each for each in run.kept["bad"] if not each.is_lost or len(each.requests) > 1]
    run.require(not again, f"{len(again)} connections are used after what was said on them")
    run.require(b"EVIL" not in b"".join(line.received for line in run.world.lines[1:]), "others have got some of it")


def _complete(run: Run) -> None:
    answers = run.lines[0].answers()
    run.require(len(answers) == 1 and answers[0].fields.get("content-type", "").startswith("text/"), f"got {answers}")


def _refused(run: Run) -> None:
    _complete(run)
    _not_used_again(run)
    run.require(b"evil" not in run.lines[0].received.lower(), "some of it was passed on")


expects(
    *"UP-002 UP-003 UP-005 UP-007 UP-016 UP-019 UP-020 UP-022 UP-024 UP-028 UP-029 UP-030 UP-031 UP-033 UP-036".split(),
    status=502,
    requests=6,
    outcome="the application's connection is dropped",
    check=_refused,
    because=f"{_TABLE}: answer malformed, refuse 502, drop.",
)


def _broken_off(run: Run) -> None:
    line = run.lines[0]
    run.require(line.is_closed and line.is_reset, "a clean end")
    _not_used_again(run)
    run.reads_broken_answers = True


expects(
    *"UP-009 UP-043 UP-057".split(),
    requests=6,
    outcome="the answer is broken off by a reset, so that nobody takes it for whole",
    check=_broken_off,
    because=f"{_TABLE}: answer malformed, cut off, or not going on, once it has begun: break off, drop.",
)


def _its_own(run: Run) -> None:
    statuses = [(answer.status, answer.content) for answer in run.lines[0].answers()]
    run.require(statuses in ([(200, b"EVIL")], [(502, statuses[0][1])]), f"got {statuses}")
    _not_used_again(run)


expects(
    "UP-012",
    outcome="it is the answer of who was waiting, or 502; nobody else gets it",
    check=_its_own,
    because=f"{_POOL} no byte came after the answer: what the application says to the request is surplus.",
)


def _without_content(run: Run) -> None:
    run.require(b"EVIL" not in run.lines[0].received, "content of a 304")
    _not_used_again(run)


expects("UP-014", status=304, requests=6, check=_without_content, because=f"{_POOL} no byte came after the answer.")


def _until_closed(content: bytes) -> object:
    def check(run: Run) -> None:
        run.require(run.lines[0].answers()[0].content == content, "another content")
        run.require(b" 101 " not in run.lines[0].received, "switched")
        _not_used_again(run)

    return check


expects(
    "UP-018",
    status=200,
    requests=6,
    outcome="its content ends with the connection; nothing is tunnelled",
    check=_until_closed(b"G"),
    because="RFC 6455 section 4.1: only 101 switches; without a length the content ends with the connection.",
)
expects(
    "UP-038",
    status=200,
    requests=6,
    outcome="whole, not used again",
    check=_until_closed(b"ok"),
    because="RFC 9112 section 6.3: without a length the content ends with the connection.",
)
expects(
    "UP-040",
    status=504,
    requests=6,
    check=_refused,
    because=f"{_TABLE}: answer does not come, refuse 504, drop; {_LIMITS}: default_upstream_timeout, 30s.",
)
expects(
    "UP-042",
    status=503,
    requests=5,
    check=_complete,
    because=f"{_TABLE}: connection refused, refuse 503; {_LIMITS}: 10 s to connect.",
    overrules="docs/limits.md: 503, after 10 s.",
)
expects(
    "UP-044",
    status=504,
    outcome="an upload of 64 MiB stays at the user agent",
    check=_complete,
    because=f"{_LIMITS}, Applications: pause in taking a request, 504; Memory: 64 KiB and what one read brings.",
)
expects(
    "UP-045",
    requests=6,
    outcome="512 MiB pass, who reads slowly holds up who sends, memory does not grow",
    because=f"{_LIMITS}, Memory: 64 KiB and what one read brings; benchmarks.slow_peer lets 10 GiB pass.",
)
expects(
    "UP-047",
    status=200,
    outcome="to a POST of which half is sent; the application's connection is dropped",
    check=_not_used_again,
    because=f"{_POOL} the request was sent completely.",
)


def _once(run: Run) -> None:
    posts = [request for request in run.world.recorders["other"].requests if request.heard.method == "POST"]
    run.require(len(posts) == 1, f"it was sent {len(posts)} times")


expects(
    "UP-049",
    status=502,
    outcome="a POST is sent once",
    check=_once,
    because="docs/data-path.md: once again only GET, HEAD and OPTIONS without content (RFC 9110 section 9.2.2).",
)


def _as_it_is(run: Run) -> None:
    answer = run.lines[0].answers()[0]
    run.require(answer.fields.get("content-encoding") == "gzip" and len(answer.content) < 1 << 20, "inflated")
    run.require(run.kept["grown"] < 16 << 20, f"{run.kept['grown']} bytes more in memory")


expects(
    "UP-052",
    status=200,
    requests=6,
    outcome="64 MiB in 64 KiB pass as they are",
    check=_as_it_is,
    because="RFC 9110 section 7.7: content is not transformed; nothing of ours inflates it.",
)
expects(
    "UP-054",
    status=200,
    outcome="tests.proxy.upstreams.test_pool: no handshake within 10 s, refused; this application behaves",
    because=f"{_LIMITS}, Applications: time for the TLS handshake, 10 s, 503.",
    overrules="docs/limits.md: 503, after 10 s.",
)


def _has_it(run: Run) -> None:
    value = run.lines[0].answers()[0].fields.get("clear-site-data")
    run.require(value == '"cookies"', f"Clear-Site-Data: {value}")


expects(
    "UP-055",
    status=200,
    requests=6,
    outcome="with it",
    check=_has_it,
    because="decided: an application may clear what its own host has, as it could by a script (docs/sign-out.md).",
)


def _no_trailers(run: Run) -> None:
    said = run.lines[0].received.lower()
    run.require(b"x-trailer" not in said and b"evil" not in said and b";a=b" not in said, "passed on")


expects(
    "UP-056",
    status=200,
    requests=6,
    outcome="without trailers and extensions",
    check=_no_trailers,
    because="docs/data-path.md: all trailers are dropped; RFC 9112 section 7.1.1: extensions are of one hop.",
)
SLOW.update("UP-042 UP-043 UP-045 UP-054".split())
