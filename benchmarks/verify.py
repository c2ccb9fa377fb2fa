"""
That every proxy does what it is measured for: before anything is measured, and again after everything.
"""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.deployment import connection_to, unverified_context
from benchmarks.load import request_fields
from benchmarks.rivals.peer import IS_FOR_ANYBODY, Peer
from benchmarks.works import ANY_SIZE, Work

_TIMEOUT = 20.0
_PAUSE = 0.2
_ASKING = Work(name="", title="", peers=())


class Untrue(Exception):
    """
    A proxy does not do what is claimed of it.
    """


@contextmanager
def _answering(peer: Peer) -> Iterator[None]:
    """
    Not to answer at all is as untrue as a wrong answer.
    """
    try:
        yield
    except (OSError, http.client.HTTPException) as failure:
        raise Untrue(f"{peer.title}: {failure!r}") from None


def verify(peer: Peer, works: list[Work]) -> None:
    """
    Every work of *peer* is answered as it must be, and nobody passes without a session where one is asked for.

    :raises Untrue: If not.
    """
    with _answering(peer):
        for work in works:
            _verify_work(peer, work)
        _verify_sessions(peer)
        _verify_identity(peer)


def verify_log(peer: Peer, log: Path) -> None:
    """
    Each request is a line in the log of *peer*.

    :raises Untrue: If not.
    """
    count, path = 5, f"/small/{time.time_ns()}"
    with _answering(peer):
        for _ in range(count):
            _ask(peer, path, request_fields(peer, _ASKING))
    until = time.monotonic() + _TIMEOUT
    # They may be written together, a little later.
    while (written := _access_lines(log, path)) < count and time.monotonic() < until:
        time.sleep(_PAUSE)
    if written != count:
        raise Untrue(f"{peer.title}: {written} log lines of {count} requests")


def _verify_work(peer: Peer, work: Work) -> None:
    status, found = _ask(peer, work.path, request_fields(peer, work), b"u" * work.upload)
    if status != work.status or work.size not in (ANY_SIZE, len(found)):
        raise Untrue(f"{peer.title}: {work.title}: {status} and {len(found)} bytes")
    if work.upload:
        _verify_reading(peer, work)
    if work.resumes is not None and _is_resumed(peer) != work.resumes:
        raise Untrue(f"{peer.title}: {work.title}: that is not how sessions of TLS are resumed")


def _verify_sessions(peer: Peer) -> None:
    nobody = {"Host": peer.host, "Accept": "application/json", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
    status, _ = _ask(peer, "/small", {**nobody, "X-Requested-With": "XMLHttpRequest"})
    if status != peer.anonymous:
        raise Untrue(f"{peer.title}: without a session {status}, not {peer.anonymous}")
    if peer.anonymous == IS_FOR_ANYBODY:
        return
    status, _ = _ask(peer, "/small", {**nobody, "Cookie": peer.cookie[:-4] + "AAAA"})
    if status < 300:
        raise Untrue(f"{peer.title}: {status} with a session that was never begun")


def _verify_identity(peer: Peer) -> None:
    _, found = _ask(peer, "/identity", request_fields(peer, _ASKING))
    told = dict(line.split("=", 1) for line in found.decode("ascii").splitlines())
    for name, part in peer.identity.items():
        if part not in told.get(name, ""):
            raise Untrue(f"{peer.title}: the application is not told who it is: {name} is {told.get(name)!r}")


def _access_lines(log: Path, path: str) -> int:
    lines = [json.loads(line) for line in log.read_text("ascii").splitlines() if line.endswith("}") and path in line]
    return sum(line["message"] == "http-request" and line["path"] == path for line in lines)


def _verify_reading(peer: Peer, work: Work) -> None:
    """
    No answer comes before the last byte of content: the application reads all of it.
    """
    connection = connection_to(peer.url, timeout=_TIMEOUT)
    connection.putrequest("POST", work.path, skip_host=True, skip_accept_encoding=True)
    for name, value in {**request_fields(peer, work), "Content-Length": str(work.upload)}.items():
        connection.putheader(name, value)
    connection.endheaders(b"u" * (work.upload - 1))
    connection.sock.settimeout(_PAUSE)
    try:
        early = connection.sock.recv(100)
    except TimeoutError:
        early = b""
    if early:
        raise Untrue(f"{peer.title}: {work.title}: answered before all had arrived: {early!r}")
    connection.sock.settimeout(_TIMEOUT)
    connection.send(b"u")
    status = connection.getresponse().status
    connection.close()
    if status != work.status:
        raise Untrue(f"{peer.title}: {work.title}: {status} after slow content")


def _is_resumed(peer: Peer) -> bool:
    """
    Whether a second connection continues the TLS session of a first one.
    """
    context = unverified_context()
    session, is_resumed = None, False
    for _ in range(2):
        with (
            socket.create_connection(("127.0.0.1", peer.port), timeout=_TIMEOUT) as plain,
            context.wrap_socket(plain, server_hostname="app.localhost", session=session) as secured,
        ):
            secured.sendall(f"GET /small HTTP/1.1\r\nHost: {peer.host}\r\nConnection: close\r\n\r\n".encode("ascii"))
            while secured.recv(65536):
                pass
            # Of TLS 1.3 it comes after the handshake.
            session, is_resumed = secured.session, secured.session_reused is True
    return is_resumed


def _ask(peer: Peer, path: str, fields: Mapping[str, str], content: bytes = b"") -> tuple[int, bytes]:
    connection = connection_to(peer.url, timeout=_TIMEOUT)
    connection.putrequest("POST" if content else "GET", path, skip_host=True, skip_accept_encoding=True)
    for name, value in fields.items():
        connection.putheader(name, value)
    if content:
        connection.putheader("Content-Length", str(len(content)))
    connection.endheaders(content or None)
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found
