"""
What must not be seen in anything that we say of ourselves.
"""

from __future__ import annotations

import stat
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

from twisted.python.failure import Failure

from pomerium_tx.sessions.handle import Handles
from tests.conformance.case import SHARED_SECRET
from tests.hostile.catalogue import Case
from tests.hostile.identity_login import Seen, UnknownStep, assertion, one
from tests.hostile.identity_open import LONGEST_ASSERTION
from tests.hostile.identity_start import _SECRETS, _served, _start, is_answering, text, written
from tests.hostile.identity_world import PAGE, IdentityWorld
from tests.hostile.names import APP, AUTHENTICATE, OTHER, PUB
from tests.hostile.recorder import SERIAL
from tests.hostile.visitor import Visitor
from tests.scenarios.browser import Response
from tests.scenarios.secrets import shows
from tests.tls.authorities import Authority

YEAR = 31_536_000
SCRIPT = "<script>alert(1)</script>"
_OWN = (
    "/.pomerium/",
    "/.pomerium/user",
    "/.pomerium/sign_out",
    "/.pomerium/nothing",
    "/robots.txt",
    "/ping",
    "/healthz",
)
_PUBLISHED = ("/.well-known/pomerium", "/.well-known/pomerium/jwks.json")

Inspect = Callable[[IdentityWorld], Awaitable[Seen]]


async def inspect(world: IdentityWorld, case: Case) -> Seen:
    """
    Look at what the only step of *case* names.
    """
    what = str(case.steps[0]["what"])
    if what not in _INSPECTED:
        raise UnknownStep(what)
    return await _INSPECTED[what](world)


async def own_answers(world: IdentityWorld, *fields: str) -> list[Response]:
    """
    All kinds of answers that are ours: pages, redirects, refusals, for whoever is signed in and whoever is not.
    """
    alice = await world.assert_signs_in()
    found = []
    for visitor in (alice, world.visitor()):
        for host in (APP, AUTHENTICATE, PUB, "nobody.example.com"):
            for path in (*_OWN, "/admin/", "/%00"):
                if host == PUB and not path.startswith(("/.pomerium", "/robots", "/ping", "/healthz", "/%00")):
                    continue
                if visitor is alice and path == "/.pomerium/sign_out":
                    continue
                if host == APP and visitor is alice and path == "/robots.txt":
                    continue
                found.append(await _asked(visitor, f"https://{host}{path}", *fields))
        found.append(await _asked(visitor, f"https://{AUTHENTICATE}/oauth2/callback?state=x&code=y", *fields))
        found.append(await _asked(visitor, f"https://{AUTHENTICATE}/.pomerium/sign_in?x=y", *fields))
        found.append(await _asked(visitor, f"https://{AUTHENTICATE}/.pomerium/signed_out", *fields))
    found.append(await _asked(world.visitor(), PAGE, "Accept: application/json", *fields))
    found.append(await _asked(world.visitor(), PAGE, "Authorization: Pomerium x", *fields))
    found.append(await _asked(alice, f"https://{APP}/.pomerium/sign_out", "Sec-Fetch-Site: same-origin", *fields))
    found = [answer for answer in found if answer.get(SERIAL) is None]
    assert {200, 302, 401, 403, 404, 400} <= {answer.status for answer in found}, {one.status for one in found}
    return found


async def _asked(visitor: Visitor, url: str, *fields: str) -> Response:
    return await visitor.once("GET", url, dict(field.split(": ", 1) for field in fields))


async def _server(world: IdentityWorld) -> Seen:
    for answer in await own_answers(world):
        said = (answer.get("Server") or "") + (answer.get("X-Powered-By") or "")
        assert not said, (answer.url, said)
        assert "Twisted" not in answer.text and "Python" not in answer.text, answer.url
    return Seen(None, "there is no Server field")


async def _reprs(world: IdentityWorld) -> Seen:
    alice = await world.assert_signs_in()
    house = world.house
    sessions = list(house.registry.sessions())
    objects: list[object] = [house, house.config, *vars(house).values(), *sessions]
    objects += [one.tokens for one in sessions]
    objects += [provider.settings for provider in house.layout.providers.values()]
    objects += [*house.layout.table.routes, house.layout, world.store]
    secrets = {*world.own_secrets(), alice.handle(APP), *(config_secret for config_secret in _SECRETS[:2])}
    for each in objects:
        for shown in (repr(each), str(each), f"{each!r:.100000}"):
            for secret in secrets:
                assert not shows(shown, secret), f"{type(each).__name__} shows {secret[:8]}..."
    try:
        raise ValueError(sessions[0], house.config)
    except ValueError:
        trace = Failure().getTraceback(detail="verbose")
    assert not [secret for secret in secrets if shows(trace, secret)]
    return Seen(None, f"{len(objects)} objects, and a detailed traceback over them")


async def _referrer(world: IdentityWorld) -> Seen:
    found = await own_answers(world)
    policies = {answer.get("Referrer-Policy") for answer in found}
    assert policies <= {"no-referrer", "same-origin"}, policies
    return Seen(None, "nothing is told to other origins")


async def _timing(world: IdentityWorld) -> Seen:
    """
    Not by a stopwatch: the same steps are taken, and the same is said.
    """
    alice = await world.assert_signs_in()
    handle = alice.handle(APP)
    handles = Handles(SHARED_SECRET, "_pomerium")
    assert handles.open(handle.encode()) is not None
    signing_input, _, signature = handle.rpartition(".")
    wrong = [f"{signing_input}.{_changed(signature, where)}" for where in (0, len(signature) // 2, -2)]
    counts = {_steps(lambda value=value: handles.open(value.encode())) for value in wrong}
    assert len(counts) == 1, f"where it is wrong can be seen: {counts}"
    answers = []
    for value in (*wrong, await world.handle_of_nobody()):
        answer = await world.visitor().once("GET", PAGE, {"Cookie": f"_pomerium={value}"})
        names = sorted(name.lower() for name, _ in answer.fields)
        answers.append((answer.status, names, answer.content))
    assert all(answer == answers[0] for answer in answers), "an unknown session is told from a forged one"
    return Seen(one({answer[0] for answer in answers}), "the same steps, the same answer")


def _changed(signature: str, where: int) -> str:
    letters = list(signature)
    letters[where] = "B" if letters[where] == "A" else "A"
    return "".join(letters)


def _steps(call: Callable[[], object]) -> int:
    call()
    count = 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += 1

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return count


async def _forbidden(world: IdentityWorld) -> Seen:
    alice = await world.assert_signs_in()
    answers = [await _asked(alice, f"https://{APP}/admin/", *fields) for fields in ((), ("Accept: application/json",))]
    for answer in answers:
        assert "bob@example.com" not in answer.text and "allowed" not in answer.text.lower(), answer.text
    return Seen(one({answer.status for answer in answers}))


async def _hosts(world: IdentityWorld) -> Seen:
    known = [await _asked(world.visitor(), f"https://{host}/") for host in (APP, OTHER)]
    unknown = [
        await _asked(world.visitor(), f"https://{host}/") for host in ("nobody.example.com", "x.app.example.com")
    ]
    assert {answer.status for answer in known} == {302}
    return Seen(
        one({answer.status for answer in unknown}), "a host that is configured sends to sign in, another is 404"
    )


async def _last_assertion(world: IdentityWorld) -> Seen:
    from tests.hostile.world import _payload

    claims = _payload(await assertion(world))
    left = claims["exp"] - world.clock.seconds()
    assert 0 < left <= LONGEST_ASSERTION, left
    return Seen(None, f"{left:.0f} s")


async def _modes(world: IdentityWorld) -> Seen:
    """
    Of the real daemon: what it has opened, and what others can see of its command.
    """
    from tests.process.daemon import free_ports

    # A socket has no room for the long path of a test.
    folder = Path(mkdtemp())
    (port,) = free_ports(1)
    admin = folder / "a"
    values = _served(port) | {"admin_address": f"unix:{admin}"}
    process = _start(folder, written(folder, text(values)))
    try:
        until = time.monotonic() + 30.0
        while not (is_answering(port) and admin.exists()):
            assert process.poll() is None and time.monotonic() < until, (folder / "err.txt").read_text()
            time.sleep(0.02)
        said = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode()
        assert not [secret for secret in _SECRETS if secret in said]
        assert stat.S_IMODE(admin.stat().st_mode) == 0o600, oct(admin.stat().st_mode)
        for path in folder.iterdir():
            assert path.name in ("a", "config.yaml", "out.txt", "err.txt"), f"{path} was made"
    finally:
        process.kill()
        process.wait()
        rmtree(folder)
    return Seen(None, "the administrator's socket is 0600; there is no file of sessions; no secret in the command line")


async def _hsts(world: IdentityWorld) -> Seen:
    certificate, key = Authority("an authority").issue("app.example.com", "authenticate.example.com")
    pair = {"cert": _file(world, "cert.pem", certificate), "key": _file(world, "key.pem", key)}
    await world.restart(insecure_server=None, certificates=[pair])
    for answer in await own_answers(world):
        value = answer.get("Strict-Transport-Security") or ""
        assert value.startswith("max-age=") and int(value[8:].partition(";")[0]) >= YEAR, (
            answer.url,
            answer.status,
            value,
        )
    return Seen(None, "a year, on every answer of ours, where we have certificates")


def _file(world: IdentityWorld, name: str, content: bytes) -> str:
    path = (world.folder / f"{time.monotonic_ns()}-{name}").resolve()
    path.touch(mode=0o600)
    path.write_bytes(content)
    return str(path)


async def _cors(world: IdentityWorld) -> Seen:
    for answer in await own_answers(world, "Origin: https://evil.test"):
        allowed = [name for name, _ in answer.fields if name.lower().startswith("access-control-")]
        assert not allowed, (answer.url, allowed)
    for host in (APP, AUTHENTICATE):
        for path in _PUBLISHED:
            answer = await _asked(world.visitor(), f"https://{host}{path}", "Origin: https://evil.test")
            assert answer.get("Access-Control-Allow-Origin") in ("*", None), answer.fields
            assert answer.get("Access-Control-Allow-Credentials") is None
            assert answer.get("Access-Control-Expose-Headers") is None
    return Seen(None, "nothing, but * without credentials on what is published at /.well-known/pomerium")


async def _cached(world: IdentityWorld) -> Seen:
    for answer in await own_answers(world):
        assert "no-store" in (answer.get("Cache-Control") or ""), (answer.url, answer.status, answer.fields)
    return Seen(None, "no-store on every one")


async def _injection(world: IdentityWorld) -> Seen:
    claims = {
        "name": SCRIPT,
        "email": f"alice{SCRIPT}@example.com",
        "given_name": SCRIPT,
        "picture": f"javascript:{SCRIPT}",
    }
    with world.altered("id_token", lambda said: said | claims), world.altered("userinfo", lambda said: said | claims):
        alice = world.visitor("alice")
        assert (await alice.get(PAGE)).status == 200
    quoted = SCRIPT.replace("<", "%3C").replace(">", "%3E")
    pages = []
    for visitor in (alice, world.visitor()):
        for host in (APP, AUTHENTICATE, "nobody.example.com"):
            for path in ("/.pomerium/", "/.pomerium/user", f"/.pomerium/{quoted}", f"/admin/{quoted}", f"/{quoted}"):
                fields = (
                    "Accept: text/html",
                    f"User-Agent: {SCRIPT}",
                    f"Referer: https://x/{SCRIPT}",
                    f"X-Request-Id: {SCRIPT}",
                )
                pages.append(await _asked(visitor, f"https://{host}{path}?q={quoted}", *fields))
        for name in ("error", "error_description", "state", "code", "pomerium_redirect_uri"):
            pages.append(await _asked(visitor, f"https://{AUTHENTICATE}/oauth2/callback?{name}={quoted}"))
            pages.append(await _asked(visitor, f"https://{AUTHENTICATE}/.pomerium/sign_out?{name}={quoted}"))
    for page in pages:
        is_ours = "x-serial" not in {name.lower() for name, _ in page.fields}
        if is_ours and "html" in (page.get("Content-Type") or ""):
            assert SCRIPT not in page.text and "alert(1)</script" not in page.text, page.url
            assert "default-src 'none'" in (page.get("Content-Security-Policy") or ""), page.url
    line = await world.say(f"GET / HTTP/1.1\r\nHost: {SCRIPT}\r\n\r\n".encode())
    assert line.answers()[0].status == 400 and SCRIPT.encode() not in line.received
    return Seen(None, f"{len(pages)} pages")


_INSPECTED: dict[str, Inspect] = {
    "Server header": _server,
    "core dumps / repr()/ Failure.printDetailedTraceback": _reprs,
    "Referer of authenticate pages": _referrer,
    "timing of cookie check": _timing,
    "403 page": _forbidden,
    "robots/enumeration: unknown host vs known host": _hosts,
    "identity JWT of alice after sign-out": _last_assertion,
    "open file modes": _modes,
    "TLS: HSTS on own pages": _hsts,
    "CORS on own endpoints": _cors,
    "cached pages": _cached,
    "HTML injection via Host/path/query/claim in any page": _injection,
}
