"""
What is measured: ``twistd pomerium`` in a process of its own, an OP that lets everybody in, and the browsers' way
through a sign-in.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from pomerium_tx import paths
from pomerium_tx.demo.authorization import AuthenticationRequest
from pomerium_tx.demo.ledger import OPSession
from pomerium_tx.demo.provider import DevelopmentProvider
from pomerium_tx.demo.provider_site import UnloggedSite, provider_resource
from pomerium_tx.demo.registration import Client, User
from pomerium_tx.jose.signer import derived_signer

ROOT = Path(__file__).resolve().parent.parent
CLIENT_ID = "benchmark"
CLIENT_SECRET = "a secret of nobody"
_KEY = "c2hhcmVkLXNlY3JldC1zaGFyZWQtc2VjcmV0LXNoYXI="
_PATIENCE = 60.0


def free_ports(count: int) -> list[int]:
    """
    Ports of loopback that nobody listens on now.
    """
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class _Welcoming(DevelopmentProvider):
    """
    An OP at which everybody who comes is somebody new, and signed in at once.
    """

    def respond(self, request: AuthenticationRequest, session: OPSession | None) -> str:
        name = f"person-{len(self.users)}"
        self.users[name] = User(username=name, sub=name, name=name, email=f"{name}@example.com")
        self.newest = self.sign_in(name)
        return self.code_location(request, self.newest)


def run_provider(pipe: Connection, port: int, redirect_uri: str) -> None:
    """
    The OP, until its process is ended: ``("newest",)`` answers with ``sid`` and ``sub`` of who came last, ``("token",
    sid, sub)`` with a logout token.
    """
    from twisted.internet import reactor as installed  # noqa: TID251 - a process of its own
    from twisted.internet.task import LoopingCall

    reactor: Any = installed
    provider = _Welcoming(
        issuer=f"http://op.localhost:{port}",
        clients=[Client(client_id=CLIENT_ID, client_secret=CLIENT_SECRET, redirect_uris=(redirect_uri,))],
        clock=reactor,
        signer=derived_signer(b"the OP of the benchmark"),
        users=(),
    )

    def answer() -> None:
        while pipe.poll():
            command, *arguments = pipe.recv()
            if command == "newest":
                pipe.send((provider.newest.sid, provider.newest.user.sub))
            else:
                sid, sub = arguments
                pipe.send(provider.logout_token(CLIENT_ID, sid=sid, sub=sub))

    reactor.listenTCP(port, UnloggedSite(provider_resource(provider)), interface="127.0.0.1")
    LoopingCall(answer).start(0.001)
    pipe.send("listening")
    reactor.run()


class Daemon:
    """
    ``twistd pomerium`` with one route, in *folder*.
    """

    def __init__(self, folder: Path, *, application_port: int, provider_port: int) -> None:
        self.port, self.authenticate_port = free_ports(2)
        self.host = f"app.localhost:{self.port}"
        self.origin = f"http://{self.host}"
        self.authenticate_origin = f"http://authenticate.localhost:{self.authenticate_port}"
        self.redirect_uri = self.authenticate_origin + paths.PROVIDER_CALLBACK
        self._folder = folder
        configuration = {
            "address": f"127.0.0.1:{self.port}",
            "insecure_server": True,
            "authenticate_service_url": self.authenticate_origin,
            "admin_address": "",
            "shared_secret": _KEY,
            "cookie_secret": _KEY,
            "idp_provider": "oidc",
            "idp_provider_url": f"http://op.localhost:{provider_port}",
            "idp_client_id": CLIENT_ID,
            "idp_client_secret": CLIENT_SECRET,
            "routes": [
                {
                    "from": self.origin,
                    "to": f"http://127.0.0.1:{application_port}",
                    "allow_any_authenticated_user": True,
                    "allow_websockets": True,
                }
            ],
        }
        path = folder / "config.yaml"
        path.touch(mode=0o600)
        path.write_text(json.dumps(configuration))
        self._command = [str(Path(sys.executable).with_name("twistd")), "-n", "pomerium", "--config", str(path)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """
        It answers.
        """
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with (self._folder / "log.jsonl").open("wb") as log, (self._folder / "errors.txt").open("wb") as errors:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env={**environment, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=errors,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard)),
            )
        until = time.monotonic() + _PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("twistd does not answer:\n" + (self._folder / "errors.txt").read_text())
            time.sleep(0.05)

    def stop(self) -> None:
        """
        It runs no more.
        """
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def cpu(self) -> float:
        """
        Seconds of a core that it has taken: what else runs on the machine makes it wait, but not work.
        """
        assert self._process is not None
        return int(Path(f"/proc/{self._process.pid}/schedstat").read_text().split()[0]) / 1e9

    def memory(self) -> float:
        """
        Its resident megabytes.
        """
        assert self._process is not None
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self._process.pid}/status").read_text())
        return int(found[1]) / 1024 if found else 0.0

    def _answers(self) -> bool:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except OSError:
            return False


class Browser:
    """
    Follows redirects and keeps cookies, as far as a sign-in needs that.
    """

    def __init__(self) -> None:
        self.cookies: dict[str, dict[str, str]] = {}

    def sign_in(self, origin: str) -> str:
        """
        The ``Cookie`` field of a route host at which somebody has signed in.
        """
        url = origin + "/"
        for _ in range(12):
            status, location = self._get(url)
            if status == 200:
                return self._cookie(urlsplit(origin).netloc)
            if location is None:
                raise RuntimeError(f"{status} at {urlsplit(url).path}")
            url = urljoin(url, location)
        raise RuntimeError("the sign-in goes round in circles")

    def _cookie(self, netloc: str) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.get(netloc, {}).items())

    def _get(self, url: str) -> tuple[int, str | None]:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection("127.0.0.1", parts.port or 80, timeout=_PATIENCE)
        fields = {
            "Host": parts.netloc,
            "Cookie": self._cookie(parts.netloc),
            "Sec-Fetch-Site": "cross-site",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
            "Accept": "text/html",
        }
        connection.request("GET", f"{parts.path or '/'}{'?' * bool(parts.query)}{parts.query}", headers=fields)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        kept = self.cookies.setdefault(parts.netloc, {})
        for set_cookie in answer.msg.get_all("Set-Cookie", []):
            name, _, value = set_cookie.partition(";")[0].partition("=")
            kept[name] = value
            if not value:
                del kept[name]
        return answer.status, answer.getheader("Location")
