"""
What has to come of the cases about hosts and paths: what a request is for.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from tests.hostile.run import Run, expects

_STRICT = "docs/data-path.md, What is stricter"
_ROUTES = "docs/routes.md, Which requests"
_AUTHORITY = "RFC 9112 section 3.2: a Host that is no valid authority is 400."


def _refused(*ids: str, because: str, status: int = 400) -> None:
    expects(*ids, status=status, closed=True, requests=0, because=because)


def _not_shown(*words: str) -> object:
    def check(run: Run) -> None:
        for line in run.lines:
            for word in words:
                run.require(word.encode("latin-1") not in line.received, f"{word!r} is shown")

    return check


# -- host-authority ----------------------------------------------------------------------------------------------------

_refused(*"HA-001 HA-003 HA-005".split(), because="RFC 9112 section 3.2: no Host, or more than one, is 400.")
_refused(
    *"HA-007 HA-008 HA-011 HA-012 HA-013 HA-016 HA-019 HA-020 HA-021 HA-022 HA-023 HA-024".split(), because=_AUTHORITY
)
_refused(*"HA-025 HA-026 HA-027 HA-030".split(), because=_AUTHORITY)
expects(
    "HA-015",
    status=400,
    closed=True,
    requests=0,
    outcome="the Host is not shown",
    check=_not_shown("<script>"),
    because=_AUTHORITY,
)
expects(*"HA-031 HA-032 HA-033".split(), status=404, requests=0, because=f"{_ROUTES}: no route, 404.")
expects(
    *"HA-036 HA-063 HA-064".split(),
    status=302,
    requests=0,
    because="docs/architecture.md, A request's walk: without a session, 302 to the authenticate host.",
)
_refused("HA-037", because=f"{_STRICT}: Host that names another authority than a target in absolute form.")
_refused(*"HA-040 HA-042 HA-046".split(), because="RFC 9110 section 4.2.4: user information is an error.")
expects(
    "HA-044",
    status=200,
    requests=1,
    outcome="as the path /app.example.com/ of the same host",
    check=lambda run: run.require(run.world.dialled == ["tenant.internal"], f"connected to {run.world.dialled}"),
    because=f"{_ROUTES}: // is merged, and a target that begins with a slash is a path.",
)
_refused(*"HA-048 HA-049".split(), because="RFC 9112 section 3.2.2: absolute form is an http or https URI.")
expects(
    *"HA-051 HA-053".split(),
    status=405,
    closed=True,
    requests=0,
    outcome="nobody is connected to",
    check=lambda run: run.require(not run.world.dialled, f"connected to {run.world.dialled}"),
    because="decided: CONNECT is known and not offered (RFC 9110 section 15.5.6); what follows is no request.",
)
expects(
    *"HA-054 HA-055".split(),
    status=405,
    requests=0,
    because="RFC 9110 section 9.3.8: TRACE must not tell credentials; decided: it is not offered.",
)
expects("HA-056", status=200, requests=0, because="docs/data-path.md: OPTIONS with Max-Forwards: 0 is answered here.")
expects("HA-057", status=200, requests=0, because="docs/data-path.md: OPTIONS * is answered here.")
_refused("HA-058", because="RFC 9112 section 3.2.4: the asterisk is for OPTIONS only.")
_refused(*"HA-059 HA-060".split(), because="RFC 9112 section 3.2: neither a path nor a URI.")


async def _goes_round_once(run: Run) -> None:
    heads = [line for line in run.world.dialled if line == "loop.internal"]
    run.require(len(heads) == 1, f"{len(heads)} rounds")
    # Where nothing asks for a session, what has passed eight of us is recognised.
    there = await run.world.beside("public-loop")
    line = await there.connect()
    line.say(b"GET /loop HTTP/1.1\r\nHost: loop.example.com\r\n\r\n")
    await there.settle(until=line.answers)
    statuses = [answer.status for answer in line.answers()]
    run.require(statuses == [508], f"a public loop got {statuses}")
    # What the proxy keeps is a connection to itself.
    await there.hang_up()
    await run.world.advance(60, step=30)


expects(
    "HA-067",
    status=302,
    requests=0,
    outcome="after one round; 508 on a public route, after eight",
    check=_goes_round_once,
    because="docs/data-path.md: who has passed eight of us is 508.",
    overrules="pomerium-behaviour.md 4.3: our cookie is not passed on, so that the second round has no session.",
)

# -- path-normalisation ------------------------------------------------------------------------------------------------

_CANONICAL = f"{_ROUTES}: dot segments are resolved before a route is looked for"
_AMBIGUOUS = f"{_ROUTES}: what two readers could understand differently is 400"


def _stays_inside(run: Run) -> None:
    for request in run.world.recorders["app-public"].requests:
        path = request.heard.target
        run.require(path.startswith("/public/") and ".." not in path.split("/"), f"the application got {path}")


expects(
    *"PA-001 PA-003 PA-004 PA-006".split(),
    status=302,
    requests=0,
    because=f"{_CANONICAL}: it is /admin/x.",
)
_refused(
    *(
        "PA-007 PA-008 PA-009 PA-010 PA-012 PA-013 PA-014 PA-015 PA-017 PA-018 PA-022 PA-023 PA-024 PA-027 PA-029"
        " PA-031"
    ).split(),
    because=f"{_AMBIGUOUS}.",
)
expects(
    *"PA-020 PA-021".split(),
    status=200,
    requests=1,
    outcome="inside /public/, in one spelling",
    check=_stays_inside,
    because=f"{_CANONICAL} and // is merged after that; four dots are a name.",
)
expects(
    *"PA-034 PA-035 PA-036 PA-037".split(),
    status=302,
    requests=0,
    because=f"{_ROUTES}: the path decides, the query plays no part, and nobody asks for /admin/x.",
)
expects(
    *"PA-039 PA-040 PA-041 PA-044 PA-057 PA-058 PA-059".split(),
    status=403,
    requests=0,
    because=f"{_CANONICAL}, // merged, letters decoded: it is /admin, where alice may not go.",
)
expects(
    *"PA-048 PA-050 PA-055".split(),
    status=403,
    requests=0,
    because=f"{_ROUTES}: what the path begins with.",
)
_refused(*"PA-042 PA-043 PA-049 PA-051 PA-054 PA-060 PA-063 PA-064".split(), because=f"{_AMBIGUOUS}.")
expects(
    "PA-046",
    status=200,
    requests=1,
    outcome="as /Admin/x",
    check=lambda run: run.require(run.world.recorders["app"].requests[0].heard.target == "/Admin/x", "not as /Admin/x"),
    because="RFC 3986 section 6.2.2.1: a path is the same only in the same case.",
    overrules="docs/routes.md: letters are decoded, so it is /Admin, which the route for /admin is not for.",
)
expects(
    *"PA-068 PA-071 PA-072".split(),
    status=302,
    requests=0,
    because="docs/architecture.md: our own paths on a route host are /.pomerium and below; others need a session.",
)
_refused(*"PA-069 PA-078".split(), because=f"{_AMBIGUOUS}.")
expects(*"PA-076 PA-077 PA-082".split(), status=302, requests=0, because=f"{_CANONICAL}: it is /admin/x.")


def _below_the_target(run: Run) -> None:
    statuses = [line.answers()[0].status for line in run.lines]
    run.require(statuses == [200, 400, 200], f"got {statuses}")
    targets = {name: [each.heard.target for each in it.requests] for name, it in run.world.recorders.items()}
    # The first is /etc, which another route is for.
    run.require(targets["app"] == ["/etc"], f"got {targets['app']}")
    run.require(all(urlsplit(each).path.startswith("/tenant1") for each in targets["tenant"]), f"{targets['tenant']}")
    run.require(not any("/.." in each for each in targets["tenant"]), f"{targets['tenant']}")


expects(
    "PA-085",
    requests=2,
    outcome="200 for /etc of another route, 400, 200 below /tenant1",
    check=_below_the_target,
    because="docs/routes.md, One request: what is sent has to be canonical as well.",
)


def _exactly(target: str) -> object:
    def check(run: Run) -> None:
        got = [request.heard.target for request in run.world.recorders["app"].requests]
        run.require(got == [target], f"the application got {got}")

    return check


expects(
    "PA-086",
    status=200,
    requests=1,
    outcome="exactly the same target",
    check=_exactly("/a%20b/%E2%82%AC;p=1?q=%2F..%2F&r=a+b"),
    because="RFC 9110 section 7.7: path and query are not modified.",
)
expects(
    "PA-087",
    status=200,
    requests=1,
    outcome="as /%2561dmin/x",
    check=_exactly("/%2561dmin/x"),
    because="docs/routes.md: escapes are decoded once; %25 stays as it is.",
)
