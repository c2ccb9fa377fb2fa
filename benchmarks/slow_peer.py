"""
How much memory a slow reader takes, whichever side it is on, while more passes than the machine has.

``python -m benchmarks.slow_peer`` runs ``twistd pomerium``, an application that writes as fast as it can, or reads
slowly, and a user agent that does the other thing, each in a process of its own, and prints the resident memory of the
proxy for every GiB. A slow reader takes a mebibyte, then pauses: whoever writes has to wait for it all the time.
``--help`` names the choices.
"""

from __future__ import annotations

import argparse
import multiprocessing
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.deployment import Daemon, free_ports
from pomerium_tx.proxy.exchanges.websocket import accept_value

GIB = 1 << 30
PIECE = 1 << 20
PAUSE = 0.004
MOST_GROWTH = 2.0
"""
Mebibytes.
"""
_KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
_SMALL_CHUNK = b"64\r\n" + b"x" * 100 + b"\r\n"
_CONTENT = b"x" * PIECE
# A little less than a mebibyte.
_CHUNKS = _SMALL_CHUNK * (PIECE // len(_SMALL_CHUNK))
_FRAMES = (b"\x82\x7f" + (PIECE - 10).to_bytes(8, "big") + b"x" * PIECE)[:PIECE]
_MASKED_FRAMES = (b"\x82\xff" + (PIECE - 14).to_bytes(8, "big") + b"\0\0\0\0" + b"x" * PIECE)[:PIECE]

DIRECTIONS: dict[str, tuple[str, bytes]] = {
    "download": ("down", _CONTENT),
    "download in small chunks": ("down", _CHUNKS),
    "WebSocket down": ("down", _FRAMES),
    "upload": ("up", _CONTENT),
    "upload in small chunks": ("up", _CHUNKS),
    "WebSocket up": ("up", _MASKED_FRAMES),
}
"""
What passes which way, and a piece of it as it is on the wire.
"""


def run_application(pipe: Connection, port: int) -> None:
    """
    Applications on *port*, until the process is ended.
    """
    listening = socket.create_server(("127.0.0.1", port))
    pipe.send("listening")
    serve(listening)


def serve(listening: socket.socket) -> None:
    """
    Be applications, one connection after the other, until *listening* is closed.
    """
    while True:
        try:
            accepted, _ = listening.accept()
        except OSError:
            return
        with accepted:
            try:
                _serve(accepted)
            except OSError:
                # Whoever measures has seen enough.
                pass


def _serve(peer: socket.socket) -> None:
    head = _read_head(peer)
    _, name, count = head.split(b" ")[1].decode("ascii").split("/")
    name, pieces = name.replace("%20", " "), int(count)
    way, piece = DIRECTIONS[name]
    if "WebSocket" in name:
        accept = accept_value(_KEY)
        peer.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
    elif way == "down":
        framing = b"Transfer-Encoding: chunked" if piece is _CHUNKS else b"Content-Length: %d" % (pieces * PIECE)
        peer.sendall(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n")
    if way == "down":
        for _ in range(pieces):
            peer.sendall(piece)
        if piece is _CHUNKS:
            peer.sendall(b"0\r\n\r\n")
        # Until the other end has had enough.
        peer.recv(1)
        return
    read_slowly(peer, pieces * PIECE, chunked=piece is _CHUNKS)
    if "WebSocket" not in name:
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def _read_head(peer: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += peer.recv(1)
    return head


def read_slowly(
    peer: socket.socket, size: int, *, chunked: bool, progress: Callable[[int], None] = lambda read: None
) -> bool:
    """
    Read *size* bytes, or chunks up to the last, however large they have become; whether all of it came.
    """
    read, tail = 0, b""
    while read < size or chunked:
        until = read + PIECE
        while read < until:
            piece = peer.recv(min(65_536, until - read))
            if not piece:
                return False
            read += len(piece)
            tail = (tail + piece[-7:])[-7:]
            if chunked and tail == b"\r\n0\r\n\r\n":
                return True
        progress(read)
        time.sleep(PAUSE)
    return True


def say(words: str) -> None:
    """
    Tell whoever waits.
    """
    sys.stdout.write(words)
    sys.stdout.flush()


def memory(pid: int) -> float:
    """
    Resident mebibytes of a process.
    """
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def connect(port: int, *, tls: bool) -> socket.socket:
    """
    A user agent's connection.
    """
    plain = socket.create_connection(("127.0.0.1", port))
    if not tls:
        return plain
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(plain, server_hostname="app.localhost")


def pass_slowly(
    peer: socket.socket, host: str, name: str, pieces: int, progress: Callable[[int], None] = lambda passed: None
) -> None:
    """
    Let *pieces* mebibytes pass, as *name* says.

    :param progress: Called with the bytes that have passed so far.
    """
    way, piece = DIRECTIONS[name]
    target = f"/{name.replace(' ', '%20')}/{pieces}".encode("ascii")
    fields = b" HTTP/1.1\r\nHost: " + host.encode("ascii") + b"\r\n"
    if "WebSocket" in name:
        upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
        peer.sendall(b"GET " + target + fields + upgrade + _KEY + b"\r\n\r\n")
        assert b" 101 " in _read_head(peer)
    elif way == "down":
        peer.sendall(b"GET " + target + fields + b"\r\n")
        assert b" 200 " in _read_head(peer)
    else:
        framing = b"Transfer-Encoding: chunked" if piece is _CHUNKS else b"Content-Length: %d" % (pieces * PIECE)
        peer.sendall(b"POST " + target + fields + framing + b"\r\n\r\n")
    if way == "down":
        is_whole = read_slowly(peer, pieces * PIECE, chunked=piece is _CHUNKS, progress=progress)
        assert is_whole, "it broke off"
        return
    for number in range(pieces):
        peer.sendall(piece)
        progress((number + 1) * len(piece))
    if piece is _CHUNKS:
        peer.sendall(b"0\r\n\r\n")
    if "WebSocket" in name:
        assert peer.recv(1) == b"", "something was said"
    else:
        assert b" 200 " in _read_head(peer)


def measure(name: str, gib: int, *, tls: bool, port: int, folder: Path) -> float:
    """
    By how many mebibytes the proxy grows.
    """
    files = None
    if tls:
        from tests.tls.authorities import Authority

        files = folder / "certificate.pem", folder / "key.pem"
        for path, pem in zip(files, Authority("A benchmark").issue("app.localhost"), strict=True):
            path.write_bytes(pem)

    def public(daemon: Daemon) -> dict[str, object]:
        route = {
            "from": daemon.origin,
            "to": f"http://127.0.0.1:{port}",
            "allow_public_unauthenticated_access": True,
            "allow_websockets": True,
        }
        return {"routes": [route]}

    daemon = Daemon(folder, application_port=port, provider_port=1, certificate=files, configure=public)
    daemon.start()
    try:
        with connect(daemon.port, tls=tls) as peer:
            # What any exchange of the kind takes is not growth.
            pass_slowly(peer, daemon.host, name, 1)
        before = most = memory(daemon.pid)
        say(f"{name}, {'TLS' if tls else 'plain'}: {before:.1f} MiB")
        began = time.monotonic()

        def progress(passed: int) -> None:
            nonlocal most
            if passed % (16 * PIECE) < PIECE:
                most = max(most, memory(daemon.pid))
            if passed // GIB > (passed - PIECE) // GIB:
                say(f" {memory(daemon.pid):.1f}")

        with connect(daemon.port, tls=tls) as peer:
            pass_slowly(peer, daemon.host, name, gib * 1024, progress)
        seconds = time.monotonic() - began
        say(f"; grew by {most - before:.2f} MiB in {gib} GiB and {seconds:.0f} s\n")
        return most - before
    finally:
        daemon.stop()


def main() -> int:
    """
    Measure, and answer with 1 if the proxy grew by more than it may.
    """
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--gib", type=int, default=10, help="how much passes (%(default)s)")
    options.add_argument("--only", choices=DIRECTIONS, nargs="*", default=list(DIRECTIONS), help="what passes")
    options.add_argument("--wire", choices=("plain", "tls", "both"), default="both", help="to the user agent")
    chosen = options.parse_args()
    (port,) = free_ports(1)
    ours, theirs = multiprocessing.Pipe()
    application = multiprocessing.Process(target=run_application, args=(theirs, port), daemon=True)
    application.start()
    ours.recv()
    grown = []
    try:
        for tls in [False] * (chosen.wire != "tls") + [True] * (chosen.wire != "plain"):
            for name in chosen.only:
                with tempfile.TemporaryDirectory() as folder:
                    grown.append(measure(name, chosen.gib, tls=tls, port=port, folder=Path(folder)))
    finally:
        application.terminate()
        application.join()
    say(f"At most {max(grown):.2f} MiB of growth; {MOST_GROWTH:.0f} are allowed\n")
    return int(max(grown) > MOST_GROWTH)


if __name__ == "__main__":
    sys.exit(main())
