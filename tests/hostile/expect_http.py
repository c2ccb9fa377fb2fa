"""
What has to come of the cases about framing: where one message ends and the next begins.
"""

from __future__ import annotations

from tests.hostile.recorder import Application, Request, honest
from tests.hostile.run import Run, expects, prepare

_STRICT = "docs/data-path.md, What is stricter"
_LIMITS = "docs/limits.md"


def _refused(*ids: str, because: str, status: int = 400) -> None:
    expects(*ids, status=status, closed=True, requests=0, because=because)


_refused(*"HF-001 HF-003".split(), because=f"{_STRICT}: more than one Content-Length, equal ones too.")
_refused(
    *"HF-009 HF-012 HF-013 HF-014 HF-015".split(),
    because="RFC 9112 section 6.3: an invalid Content-Length is unrecoverable, 400 and the end.",
)
_refused(
    *"HF-017 HF-018 HF-039 HF-040".split(),
    because="RFC 9112 section 5.1: whitespace, and what may be taken for it, before a colon is 400.",
)
_refused("HF-019", because=f"{_STRICT}: a name with an underscore.")
_refused("HF-020", because=f"{_STRICT}: Content-Length with leading zeros.")
_refused(*"HF-021 HF-022 HF-029".split(), because=f"{_STRICT}: Content-Length beside Transfer-Encoding.")
_refused(
    *"HF-024 HF-025 HF-027 HF-031 HF-034 HF-037 HF-038".split(),
    because=f"{_STRICT}: Transfer-Encoding of anything but chunked, once.",
)
_refused("HF-028", status=501, because="RFC 9112 section 6.1: a transfer coding that is not understood is 501.")
_refused(*"HF-042 HF-090".split(), because=f"{_STRICT}: a line that is folded.")
_refused("HF-044", because=f"{_STRICT}: a line that ends in LF alone.")
_refused("HF-045", because="RFC 9112 section 5: a line without a colon is no field; garbage is 400.")
_refused(
    *"HF-048 HF-049 HF-051 HF-054 HF-055 HF-056 HF-058 HF-059 HF-060".split(),
    because="RFC 9112 section 7.1: not the grammar of a chunk.",
)
_refused(
    *"HF-062 HF-063 HF-065".split(),
    because=f"{_STRICT}: a chunk extension that does not follow the grammar.",
)
_refused("HF-068", because=f"{_LIMITS}: a chunk's line is as long as what fits; longer is malformed content, 400.")
_refused(
    *"HF-071 HF-072 HF-076".split(),
    because=f"{_STRICT}: trailers that name what decides how a request is read, routed or believed.",
)
_refused("HF-077", because=f"{_LIMITS}: max_header_count holds for trailers, 400.")
_refused(*"HF-081 HF-082 HF-108".split(), because=f"{_STRICT}: control characters.")
_refused(
    *"HF-083 HF-089 HF-096 HF-097 HF-098 HF-100 HF-103 HF-104 HF-106 HF-107 HF-109 HF-110".split(),
    because="RFC 9112 sections 2.2, 3 and 5: not the grammar of a head; 400 and the end.",
)
_refused(*"HF-094 HF-099".split(), status=505, because="RFC 9110 section 15.6.6: HTTP/1.0 and 1.1 are spoken here.")
_refused("HF-114", status=501, because="RFC 9112 section 3: a method longer than any that is known SHOULD be 501.")


def _passed_on_whole(run: Run) -> None:
    request = run.world.recorders["app"].requests[0]
    content = request.heard.content
    run.require(
        content == b"A" * len(content) and b"x=y" not in request.connection.raw, "another content was passed on"
    )


expects("HF-067", status=200, requests=1, because="RFC 9112 section 7.1: last-chunk = 1*0.")
expects(
    "HF-069",
    status=200,
    requests=1,
    outcome="extensions are not passed on",
    check=_passed_on_whole,
    because="RFC 9112 section 7.1.1: unknown extensions are ignored; 24 KiB of them are few.",
)
expects(
    "HF-116",
    status=400,
    closed=True,
    requests=0,
    outcome="within 128 KiB",
    check=lambda run: run.require(run.kept["taken"] <= 65_536 * 2, f"{run.kept['taken']} bytes were taken"),
    because="RFC 9112 section 2.2: one empty line is ignored; decided: what goes on with them is garbage, 400.",
)


# -- one after the other -----------------------------------------------------------------------------------------------


@prepare("HF-117")
async def _slow_first(run: Run) -> None:
    recorder = run.world.recorders["app"]

    def answering(application: Application, request: Request) -> bytes | None:
        if request.heard.target.startswith("/slow"):
            run.world.clock.callLater(0.5, lambda: application.say(honest(application, request) or b""))
            return None
        return honest(application, request)

    recorder.answering = answering


async def _in_order(run: Run) -> None:
    run.require(not run.lines[0].answers(), "the second was answered before the first")
    await run.world.advance(0.5)
    said = [answer.content.split(b"\n")[0] for answer in run.lines[0].answers()]
    run.require(said == [b"GET /slow?ms=500", b"GET /fast"], f"answered out of order: {said}")


def _each_his_own(run: Run) -> None:
    got = [(answer.status, answer.content[:17]) for answer in run.lines[0].answers()]
    wanted = [(200, b"alice@example.com"), (200, b"bob@example.com\n"), (302, b"<!DOCTYPE html>\n<")]
    run.require(got == wanted, f"got {got}")


@prepare("HF-124")
async def _answers_early(run: Run) -> None:
    def on_head(application: Application) -> None:
        if b" /early200 " in application.raw:
            application.is_by_hand = True
            application.say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly")

    run.world.recorders["app"].on_head = on_head


def _used_once(run: Run) -> None:
    run.require(run.kept["good"] == 20, f"{run.kept['good']} of 20 were answered")
    early = [each for each in run.world.recorders["app"].connections if each.is_by_hand]
    run.require(len(early) == 1 and early[0].is_lost, "the application's connection was kept")


@prepare("HF-126")
async def _says_too_much(run: Run) -> None:
    def answering(application: Application, request: Request) -> bytes | None:
        if request.heard.method == "HEAD":
            return b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"
        return honest(application, request)

    run.world.recorders["app"].answering = answering


def _no_surplus(run: Run) -> None:
    line = run.lines[0]
    run.require(b"EVIL" not in line.received, "content of an answer to HEAD was passed on")
    said = [(answer.status, answer.content) for answer in line.answers()]
    run.require(said == [(200, b""), (200, b"GET /fast\n")], f"got {said}")
    connections = {request.connection for request in run.world.recorders["app"].requests}
    run.require(len(connections) == 2, "the application's connection was used again")


expects(
    "HF-117",
    requests=2,
    outcome="200 and 200 in the order of the requests",
    check=_in_order,
    because="RFC 9112 section 9.3.2: answers come in the order of the requests.",
)
expects(
    "HF-118",
    status=200,
    requests=2,
    outcome="then 200 as bob, then 302",
    check=_each_his_own,
    because="docs/architecture.md, A request's walk: each head is decided by itself.",
)
expects(
    "HF-120", status=200, closed=True, requests=1, because="RFC 9112 section 9.6: nothing after close is processed."
)
expects(
    "HF-124",
    status=200,
    outcome="20 good requests after it get their own answers, on another connection",
    check=_used_once,
    because="docs/data-path.md: a connection goes back to the pool only if the request was sent completely.",
)
expects(
    "HF-125",
    status=200,
    requests=1,
    outcome="the second head is the content of the first",
    check=lambda run: run.require(
        run.world.recorders["app"].requests[0].heard.content.startswith(b"GET /smuggled"), "not its content"
    ),
    because="docs/data-path.md, Checked by others' eyes: a GET with content is carried, framed as it came.",
)
expects(
    "HF-126",
    status=200,
    requests=2,
    outcome="then 200, by another connection of the application",
    check=_no_surplus,
    because="docs/data-path.md: no byte came after the answer, or the connection is not used again.",
)

# -- sizes -------------------------------------------------------------------------------------------------------------

_LARGER = f"The size is that limit and one more: {_LIMITS} allows more than the case's."
expects(
    *"HF-127 HF-131".split(),
    status=431,
    closed=True,
    requests=0,
    because=f"{_LIMITS}: max_header_bytes, 431. {_LARGER}",
)
expects("HF-129", status=431, closed=True, requests=0, because=f"{_LIMITS}: max_header_count, 431.")
expects("HF-130", status=414, closed=True, requests=0, because=f"{_LIMITS}: max_target_bytes, 414.")
