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
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
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

MANY = dict.fromkeys(("max_connections", "max_connections_per_address", "max_upstream_connections"), 60_000)
"""
The configuration of a daemon that all the connections of a benchmark reach from one address.
"""
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


def run_provider(pipe: Connection, port: int, *redirect_uris: str) -> None:
    """
    The OP, until its process is ended: ``("newest",)`` answers with ``sid`` and ``sub`` of who came last, ``("token",
    sid, sub)`` with a logout token.
    """
    from twisted.internet import reactor as installed  # noqa: TID251 - a process of its own
    from twisted.internet.task import LoopingCall

    reactor: Any = installed
    provider = _Welcoming(
        issuer=f"http://op.localhost:{port}",
        clients=[Client(client_id=CLIENT_ID, client_secret=CLIENT_SECRET, redirect_uris=redirect_uris)],
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

    :param certificate: Files of PEM, certificate and key; without them it listens without TLS.
    :param configure: What else to configure, once its ports are known.
    :param prepare: What the new process does before anything else.
    :param environment: What it has besides in its environment.
    :param source: Whose code it runs.
    """

    def __init__(
        self,
        folder: Path,
        *,
        application_port: int,
        provider_port: int,
        certificate: tuple[Path, Path] | None = None,
        configure: Callable[[Daemon], Mapping[str, Any]] = lambda daemon: {},
        prepare: Callable[[], None] = lambda: None,
        environment: Mapping[str, str] | None = None,
        source: Path = ROOT,
    ) -> None:
        scheme = "http" if certificate is None else "https"
        self.port, self.authenticate_port = free_ports(2)
        self.host = f"app.localhost:{self.port}"
        self.origin = f"{scheme}://{self.host}"
        self.authenticate_origin = f"{scheme}://authenticate.localhost:{self.authenticate_port}"
        self.redirect_uri = self.authenticate_origin + paths.PROVIDER_CALLBACK
        self._folder = folder
        self._prepare = prepare
        self._environment = {**(environment or {}), "PYTHONPATH": str(source)}
        configuration: dict[str, Any] = {
            "address": f"127.0.0.1:{self.port}",
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
        if certificate is None:
            configuration["insecure_server"] = True
        else:
            configuration["certificate_file"], configuration["certificate_key_file"] = map(str, certificate)
        configuration |= configure(self)
        path = folder / "config.yaml"
        path.touch(mode=0o600)
        path.write_text(json.dumps(configuration))
        self._command = [str(Path(sys.executable).with_name("twistd")), "-n", "pomerium", "--config", str(path)]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """
        Its process.
        """
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> Path:
        """
        Where its log is.
        """
        return self._folder / "log.jsonl"

    def start(self) -> None:
        """
        It answers.
        """
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}

        def prepare() -> None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            self._prepare()

        # Appended to, so that it can be emptied meanwhile.
        with self.log.open("ab") as log, (self._folder / "errors.txt").open("wb") as errors:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env={**environment, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=errors,
                preexec_fn=prepare,
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
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) / 1e9

    def memory(self) -> float:
        """
        Its resident megabytes.
        """
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
        return int(found[1]) / 1024 if found else 0.0

    def _answers(self) -> bool:
        try:
            connection = connection_to(self.origin, timeout=1)
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except OSError:
            return False


def unverified_context() -> ssl.SSLContext:
    """
    What believes every certificate.
    """
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def connection_to(url: str, *, timeout: float) -> http.client.HTTPConnection:
    """
    A connection to a host of this machine, whoever it says it is.
    """
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    if parts.scheme == "https":
        plain = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        connection.sock = unverified_context().wrap_socket(plain, server_hostname=parts.hostname)
    return connection


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
        connection = connection_to(url, timeout=_PATIENCE)
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
