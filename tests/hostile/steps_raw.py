"""
Steps that are bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.hostile.names import APP, PUB
from tests.hostile.recorder import CANARY
from tests.hostile.run import Run, step

HEAD_SECONDS = 32.0
"""
After so long the time for a head is over (`docs/limits.md`).
"""
_HEAD_BYTES = 65_536
_PIECE = 65_536


@step("raw")
async def raw(run: Run, what: Mapping[str, Any]) -> None:
    """
    Says the bytes on a connection of their own; what is not complete then has until the head's deadline.
    """
    line = await run.say(what["bytes"])
    if "then" in what and not line.is_closed:
        await run.world.advance(HEAD_SECONDS)


@step("gen_request")
async def gen_request(run: Run, what: Mapping[str, Any]) -> None:
    """
    A request that is too large in one respect: by the size in the step, or our limit, whichever is larger.
    """
    size = max(int(what["size"]), _HEAD_BYTES) if what["kind"] in ("line", "name") else int(what["size"])
    target, fields = "/", ""
    match what["kind"]:
        case "line":
            fields = f"X-Long: {'a' * size}\r\n"
        case "name":
            fields = f"{'a' * size}: x\r\n"
        case "count":
            fields = "".join(f"X-A{number}: b\r\n" for number in range(size))
        case "uri":
            target = "/" + "a" * size
        case other:
            raise AssertionError(f"too large in which respect? {other}")
    await run.say(f"GET {target} HTTP/1.1\r\nHost: {{APP}}\r\nCookie: {{COOKIE}}={{SESS}}\r\n{fields}\r\n")


@step("stream")
async def stream(run: Run, what: Mapping[str, Any]) -> None:
    """
    The pattern again and again, as long as it is taken.
    """
    line = await run.world.connect()
    run.lines.append(line)
    piece = what["pattern"].encode("latin-1") * (_PIECE // len(what["pattern"]))
    said = 0
    while said < int(what["bytes"]) and not line.is_closed:
        line.say(piece)
        said += len(piece)
        await run.world.settle()
    run.kept["taken"] = said


@step("wait_response")
async def wait_response(run: Run, what: Mapping[str, Any]) -> None:
    """
    The answer is there.
    """
    run.require(run.lines[-1].answers(), "no answer")


@step("good_request_same_upstream")
async def good_requests(run: Run, what: Mapping[str, Any]) -> None:
    """
    So many requests to the same application, each on a connection of its own, all of which must get their own answers.
    """
    run.kept["good"] = await others(run, int(what["times"]), APP, f"Cookie: _pomerium={await run.world.handle()}\r\n")
    run.kept["connections"] = len({request.connection for request in run.world.recorders["app"].requests})


async def others(run: Run, times: int, host: str = PUB, fields: str = "") -> int:
    """
    How many of so many good requests get their own answer.
    """
    good = 0
    for number in range(times):
        canary = f"{run.canary}-{number}"
        says = f"GET /other HTTP/1.1\r\nHost: {host}\r\n{fields}{CANARY}: {canary}\r\n\r\n"
        line = await run.world.say(says.encode())
        got = [(answer.status, answer.fields.get(CANARY), answer.content) for answer in line.answers()]
        good += got == [(200, canary, b"GET /other\n")]
    return good


@step("raw-template")
async def raw_template(run: Run, what: Mapping[str, Any]) -> None:
    """
    Bytes with a remark in brackets on how to write them out.
    """
    for text in await written_out(run, what["bytes"]):
        await run.say(text)


async def written_out(run: Run, text: str) -> list[str]:
    """
    The requests that a template stands for.
    """
    handle = await run.fill("{SESS}")
    if "{SESS^lastbyte}" in text:
        # All characters but the right one; of the last one of a base64url value, not every bit counts.
        return [
            text.replace("{SESS^lastbyte}", handle[:-1] + other)
            for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_="
            if other != handle[-1]
        ]
    if "(foreach n) " in text:
        text = text.replace("(foreach n) ", "")
        return [text.replace("{SESS[:n]}", handle[:n]) for n in range(len(handle))]
    if "(callback) " in text:
        text = text.replace("(callback) ", "").replace("GET /whoami", "GET /oauth2/callback?code=x&state=y")
        text = re.sub("Host: {APP}", "Host: {AUTH}", text)
        return [text.replace("{CSRF_COOKIE}", f"_pomerium{suffix}") for suffix in ("_csrf", "_login")]
    if "(Host: {OTHER}) " in text:
        return [text.replace("(Host: {OTHER}) ", "").replace("Host: {APP}", "Host: {OTHER}")]
    if " + X-Cookie" in text:
        field = "{COOKIE}={SESS}"
        head = "Host: {APP}\r\n"
        return [
            f"GET /whoami?{field} HTTP/1.1\r\n{head}X-Cookie: {field}\r\n\r\n",
            f"POST /whoami HTTP/1.1\r\n{head}Content-Length: {len(await run.fill(field))}\r\n\r\n{field}",
            f"GET /whoami;{field} HTTP/1.1\r\n{head}Cookie2: {field}\r\n\r\n",
        ]
    raise AssertionError(f"an unknown template: {text}")
