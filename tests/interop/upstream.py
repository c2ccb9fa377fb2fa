"""
An application that remembers everything that reached it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Received:
    """
    A request, as the application saw it.
    """

    method: str
    target: str
    headers: Message


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    received: list[Received]
    title: str

    def handle_error(self, request: object, client_address: object) -> None:
        """
        Being cut off is what some requests are for.
        """


class _Conversation(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self.server.received.append(Received(self.command, self.path, self.headers))
        if urlsplit(self.path).path == "/assertion":
            self._answer("text/plain", self.headers.get("X-Pomerium-Jwt-Assertion", ""))
        else:
            self._answer("text/html; charset=utf-8", f"<!DOCTYPE html><title>{self.server.title}</title>Welcome.")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.do_GET()

    def _answer(self, media_type: str, text: str) -> None:
        content = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        """
        It is remembered instead.
        """


class RecordingUpstream:
    """
    Answers every request with a page called *title*; ``/assertion`` with the identity assertion.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self._server = _Server(("127.0.0.1", 0), _Conversation)
        self._server.received = []
        self._server.title = title
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """
        Where the proxy finds it.
        """
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def received(self) -> list[Received]:
        """
        What has reached it, oldest first; without the icons that browsers ask for by themselves.
        """
        return [each for each in list(self._server.received) if each.target != "/favicon.ico"]

    def end(self) -> None:
        """
        Nothing reaches it any more.
        """
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
