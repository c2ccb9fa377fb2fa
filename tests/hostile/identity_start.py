"""
The real daemon, started with a configuration of the catalogue, and told to read one.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from pomerium_tx.config.loader import load
from pomerium_tx.config.problems import InvalidConfig, Problem
from tests.hostile.catalogue import Case
from tests.hostile.identity_config import ROUTE, SECRET, WRONG, Wrong, base, text
from tests.hostile.identity_login import Seen, UnknownStep
from tests.hostile.identity_world import IdentityWorld
from tests.hostile.names import APP, CLIENT_SECRET, configuration
from tests.process.daemon import ROOT, TWISTD, free_ports, is_answering, is_listening

STARTS = 30.0
"""
Seconds within which a daemon has said what is wrong, on a machine that has other things to do.
"""
MANY_RELOADS = 1000
_SECRETS = (CLIENT_SECRET, SECRET, "MTIzNDU2Nzg5MDEyMzQ1Ng==", "open-sesame-open")


async def configured(world: IdentityWorld, case: Case) -> Seen:
    """
    Do what the steps of *case* say.
    """
    if case.id in WRONG:
        return await _wrong(world, case.id, WRONG[case.id])
    if case.id not in _SPECIAL:
        raise UnknownStep(case.title)
    return await _SPECIAL[case.id](world)


def written(folder: Path, content: str | bytes, name: str = "config.yaml") -> Path:
    """
    A file that only we can read.
    """
    path = folder.resolve() / name
    path.touch(mode=0o600)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


async def _wrong(world: IdentityWorld, case_id: str, wrong: Wrong) -> Seen:
    folder = world.folder / f"{case_id}-{time.monotonic_ns()}"
    folder.mkdir()
    path = written(folder, wrong.written(folder))
    before = world.house.config
    try:
        loaded = load(path, {})
    except InvalidConfig as invalid:
        assert not (wrong.is_warning or wrong.lets_nobody_in or wrong.starts), [str(one) for one in invalid.problems]
        _assert_said(invalid.problems, wrong, path)
        # What cannot be read is not put in force: whoever is served is served by what was there before.
        assert world.house.config is before
        if os.environ.get("HOSTILE"):
            _assert_does_not_start(folder, path, wrong)
        return Seen(None, "refused: " + str(invalid.problems[0]).partition(": ")[2][:100])
    assert wrong.is_warning or wrong.lets_nobody_in or wrong.starts, "it is taken without a word"
    if wrong.is_warning:
        _assert_said(loaded.warnings, wrong, path)
    if wrong.lets_nobody_in:
        world.house.reload(loaded.config)
        statuses = []
        for visitor in (world.visitor("alice"), world.visitor()):
            answer = await visitor.get(f"https://{APP}/")
            statuses.append(answer.status)
        assert world.heard == 0 and 403 in statuses, statuses
        return Seen(None, "nobody is let in, and a warning says so")
    return Seen(
        None, "a warning" if wrong.is_warning else "it is good: expressions are RE2's, which takes no such time"
    )


def _assert_said(problems: tuple[Problem, ...], wrong: Wrong, path: Path) -> None:
    lines = [str(problem) for problem in problems]
    about = [one for one in problems if wrong.key is None or one.key.startswith(wrong.key)]
    assert about, f"nothing is said of {wrong.key}: {lines}"
    for problem in problems:
        assert problem.file == str(path) and len(problem.message) > 8, str(problem)
    for line in lines:
        assert "Traceback" not in line and "\n" not in line, line
        assert not [secret for secret in _SECRETS if secret in line], line


def _start(folder: Path, path: Path) -> subprocess.Popen[str]:
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.Popen(
        [str(TWISTD), "-n", "--pidfile=", "pomerium", "--config", str(path)],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=(folder / "out.txt").open("w"),
        stderr=(folder / "err.txt").open("w"),
        text=True,
    )


def _assert_does_not_start(folder: Path, path: Path, wrong: Wrong) -> None:
    """
    The daemon says the same on its standard error, ends with 1, and has listened on nothing.
    """
    process = _start(folder, path)
    try:
        status = process.wait(STARTS)
    finally:
        process.kill()
        process.wait()
    said = (folder / "err.txt").read_text() + (folder / "out.txt").read_text()
    assert status == 1, (status, said[:500])
    assert str(path) in said and "Traceback" not in said, said[:500]
    assert wrong.key is None or wrong.key.partition("[")[0] in said, said[:500]
    assert not [secret for secret in _SECRETS if secret in said], "a secret is shown"
    assert "Listening" not in said and "starting on" not in said, said[:500]


Special = Callable[[IdentityWorld], Awaitable[Seen]]


async def _taken(world: IdentityWorld) -> Seen:
    """
    An address that somebody else has.
    """
    folder = world.folder / f"taken-{time.monotonic_ns()}"
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        path = written(folder, text(base(address=address, authenticate_address=address)))
        process = _start(folder, path)
        try:
            status = process.wait(STARTS)
        finally:
            process.kill()
            process.wait()
    said = (folder / "err.txt").read_text()
    assert status == 1 and said == f"address: cannot listen on {address}: Address already in use\n", (status, said)
    return Seen(None, "exit status 1 and one line")


async def _no_file(world: IdentityWorld) -> Seen:
    """
    What is named is no file that can be read.
    """
    folder = world.folder / f"no-file-{time.monotonic_ns()}"
    folder.mkdir()
    (folder / "directory").mkdir()
    os.mkfifo(folder / "fifo")
    (folder / "loop").symlink_to(folder / "loop")
    written(folder, text(base()), "unreadable").chmod(0)
    for name in ("directory", "fifo", "loop", "nowhere"):
        try:
            load(folder / name, {})
        except InvalidConfig as invalid:
            (problem,) = invalid.problems
            assert problem.file.endswith(name) and problem.message, str(problem)
        else:
            raise AssertionError(f"{name} was read")
    return Seen(None, "refused without waiting")


def _daemon(folder: Path) -> tuple[subprocess.Popen[str], Path, int]:
    """
    A daemon that serves, its file and its port.
    """
    (port,) = free_ports(1)
    path = written(folder, text(_served(port)))
    process = _start(folder, path)
    until = time.monotonic() + STARTS
    while not is_answering(port):
        assert process.poll() is None and time.monotonic() < until, (folder / "err.txt").read_text()
        time.sleep(0.02)
    return process, path, port


def _served(port: int, **changes: Any) -> dict[str, Any]:
    address = f"127.0.0.1:{port}"
    return base(address=address, authenticate_address=address, admin_address="", **changes)


def _says(folder: Path, what: str, count: int) -> None:
    until = time.monotonic() + STARTS
    while (folder / "out.txt").read_text().count(what) < count:
        assert time.monotonic() < until, f"not said {count} times: {what}"
        time.sleep(0.01)


async def _bad_reloads(world: IdentityWorld) -> Seen:
    """
    Every file that the daemon would not start with, one after the other, changes nothing.
    """
    folder = world.folder / f"reloads-{time.monotonic_ns()}"
    folder.mkdir()
    process, path, port = _daemon(folder)
    try:
        wrong = {name: one for name, one in WRONG.items() if not (one.is_warning or one.lets_nobody_in or one.starts)}
        for number, one in enumerate(wrong.values(), 1):
            path.write_bytes(_octets(one.written(folder)))
            process.send_signal(signal.SIGHUP)
            _says(folder, "stays as it was", number)
            assert is_answering(port) and is_listening(port)
        said = (folder / "out.txt").read_text()
        assert "Traceback" not in said and not [secret for secret in _SECRETS if secret in said]
        path.write_text(text(_served(port)))
        process.send_signal(signal.SIGHUP)
        _says(folder, "was read again", 1)
    finally:
        process.kill()
        process.wait()
    return Seen(None, f"{len(wrong)} bad files: each is told of, and nothing changes")


async def _half_written(world: IdentityWorld) -> Seen:
    """
    Whatever beginning of a file is read: it is refused, or admits nobody who is not admitted by the whole.
    """
    whole = text(base(routes=[{**ROUTE, "allow_any_authenticated_user": False, "allowed_users": ["bob@example.com"]}]))
    folder = world.folder / f"half-{time.monotonic_ns()}"
    folder.mkdir()
    taken = 0
    for length in range(0, len(whole), 3):
        try:
            loaded = load(written(folder, whole[:length]), {})
        except InvalidConfig:
            continue
        taken += 1
        for route in loaded.config.routes:
            assert route.allowed_users == ("bob@example.com",), route
            assert not route.allow_any_authenticated_user and not route.allow_public_unauthenticated_access
    return Seen(None, f"{len(whole) // 3} beginnings, {taken} of which are whole for all that matters")


def _octets(content: str | bytes) -> bytes:
    return content if isinstance(content, bytes) else content.encode()


async def _reloads(world: IdentityWorld) -> Seen:
    """
    A thousand reloads, forwards and back: whoever asks in between is answered.
    """
    alice = await world.assert_signs_in()
    one, other = (
        world.read_plainly(),
        world.read(routes=[*configuration()["routes"], {**ROUTE, "from": "https://x.test"}]),
    )
    before = len(world.clock.getDelayedCalls())
    for number in range(MANY_RELOADS):
        world.house.reload(other if number % 2 else one)
        if number % 50 == 0:
            assert (await alice.get(f"https://{APP}/", follow=False)).status == 200
    world.house.reload(one)
    await world.settle()
    assert (await alice.get(f"https://{APP}/", follow=False)).status == 200
    assert len(world.clock.getDelayedCalls()) <= before + 1, "delayed calls are left"
    return Seen(None, f"{MANY_RELOADS} reloads: 0 failed requests")


_SPECIAL: dict[str, Special] = {
    "CF-025": _taken,
    "CF-080": _no_file,
    "CF-082": _half_written,
    "CF-083": _bad_reloads,
    "CF-084": _reloads,
}
