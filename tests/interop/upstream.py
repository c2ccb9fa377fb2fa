"""
An application that remembers what reached it, and has what stays open: a WebSocket, an event stream, a download.
"""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TICK = 0.05


@dataclass(frozen=True)
class Received:
    """
    A request, as the application saw it.
    """

    method: str
    target: str
    headers: Message
    content: bytes = field(default=b"", repr=False)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    received: list[Received]
    over: list[str]
    close_codes: list[int]
    contents: dict[str, tuple[str, str]]
    is_ending = False

    def handle_error(self, request: object, client_address: object) -> None:
        """
        Being cut off is what some requests are for.
        """


class _Conversation(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def _serve(self, content: bytes) -> None:
        self.server.received.append(Received(self.command, self.path, self.headers, content))
        path = urlsplit(self.path).path
        if path == "/assertion":
            self._answer("text/plain", self.headers.get("X-Pomerium-Jwt-Assertion", ""))
        elif path == "/events":
            # Whoever is cut off asks again at once, not after seconds.
            self._stream(path, "text/event-stream", b"retry: 100\ndata: tick\n\n")
        elif path == "/download":
            self._stream(path, "application/octet-stream", b"x" * 1024)
        elif path == "/socket":
            self._talk(path)
        else:
            self._answer(*self.server.contents.get(path, self.server.contents["/"]))

    def _answer(self, media_type: str, text: str) -> None:
        content = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, path: str, media_type: str, piece: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._until_cut(path, lambda: self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece)))

    def _talk(self, path: str) -> None:
        """
        RFC 6455, as far as it takes to say something and to hear a Close frame.

        After that it is quiet: what is on its way at the moment of a cut takes the place of the Close frame.
        """
        key = self.headers.get("Sec-WebSocket-Key", "")
        accept = hashlib.sha1((key + _GUID).encode()).digest()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(accept).decode())
        self.end_headers()
        self.wfile.write(b"\x81\x04tick")
        self.close_connection = True
        heard = b""
        with suppress(OSError):
            while piece := self.connection.recv(1024):
                heard += piece
        if heard[:1] == b"\x88":
            self.server.close_codes.append(int.from_bytes(heard[6:8], "big") ^ int.from_bytes(heard[2:4], "big"))
        self.server.over.append(path)

    def _until_cut(self, path: str, say: Callable[[], object]) -> None:
        self.close_connection = True
        try:
            while not self.server.is_ending:
                say()
                self.wfile.flush()
                time.sleep(_TICK)
        except OSError:
            self.server.over.append(path)

    def log_message(self, format: str, *arguments: object) -> None:
        """
        It is remembered instead.
        """


class RecordingUpstream:
    """
    Answers every request with a page called *title*; ``/assertion`` with the identity assertion; ``/socket``,
    ``/events`` and ``/download`` without end.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self._server = _Server(("127.0.0.1", 0), _Conversation)
        self._server.received = []
        self._server.over = []
        self._server.close_codes = []
        self._server.contents = {
            "/": ("text/html; charset=utf-8", f"<!DOCTYPE html><title>{title}</title>Welcome."),
        }
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """
        Where the proxy finds it.
        """
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def contents(self) -> dict[str, tuple[str, str]]:
        """
        Media type and text of other pages, by path.
        """
        return self._server.contents

    @property
    def received(self) -> list[Received]:
        """
        What has reached it, oldest first; without the icons that browsers ask for by themselves.
        """
        return [each for each in list(self._server.received) if each.target != "/favicon.ico"]

    @property
    def over(self) -> list[str]:
        """
        The paths of what it had to break off, in alphabetical order.
        """
        return sorted(self._server.over)

    @property
    def close_codes(self) -> list[int]:
        """
        What it was told in Close frames, oldest first.
        """
        return list(self._server.close_codes)

    def forget(self) -> None:
        """
        Nothing has reached it so far.
        """
        for past in (self._server.received, self._server.over, self._server.close_codes):
            past.clear()

    def end(self) -> None:
        """
        Nothing reaches it any more.
        """
        self._server.is_ending = True
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
