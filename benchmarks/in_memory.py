"""
A whole house in this process, with transports that swallow what they are given: everything but the system's calls.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.logger import globalLogBeginner
from zope.interface import implementer

from pomerium_tx import logs
from pomerium_tx.config.loader import load
from pomerium_tx.config.model import Config
from pomerium_tx.house import House
from pomerium_tx.request_lines import lines
from pomerium_tx.routing.route import Route, Upstream
from pomerium_tx.sessions.handle import Handles
from pomerium_tx.sessions.memory import MemoryStore
from pomerium_tx.sessions.session import Session, Tokens

KEY = "c2hhcmVkLXNlY3JldC1zaGFyZWQtc2VjcmV0LXNoYXI="
HOST = "app.example.com"
ISSUER = "https://op.example.com"
RESPONSE = (
    b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Wed, 25 Nov 2026 21:00:00 GMT\r\n"
    b"Content-Type: text/html; charset=utf-8\r\nContent-Length: 200\r\nConnection: keep-alive\r\n"
    b'Last-Modified: Wed, 25 Nov 2026 20:00:00 GMT\r\nETag: "65a1-c8"\r\nAccept-Ranges: bytes\r\n\r\n' + b"x" * 200
)


def browser_request(cookie: str = "", target: str = "/reports/2026/week?sort=date") -> bytes:
    """
    A page's request as a browser sends it: ten fields and our cookie.
    """
    lines = [
        f"GET {target} HTTP/1.1",
        f"Host: {HOST}",
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari",
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
        "Accept-Language: en-US,en;q=0.9,de;q=0.8",
        "Accept-Encoding: gzip, deflate, br, zstd",
        "Sec-Fetch-Site: same-origin",
        "Sec-Fetch-Mode: navigate",
        "Sec-Fetch-Dest: document",
        f"Referer: https://{HOST}/reports/2026",
        "Connection: keep-alive",
    ]
    lines += [f"Cookie: {cookie}"] if cookie else []
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


class SystemClock(Clock):
    """
    The time of day; what is to be called later is called when somebody advances the clock.
    """

    seconds = staticmethod(time.time)  # type: ignore[assignment] # as the reactor has it


class Swallowing:
    """
    A transport whose peer takes everything at once.
    """

    unsent = False

    def __init__(self) -> None:
        self.last = b""
        self.is_lost = False

    def write(self, content: bytes) -> None:
        """
        Take *content*, as the kernel would.
        """
        self.last = content

    def writeSequence(self, pieces: Sequence[bytes]) -> None:
        """
        Take *pieces*.
        """
        self.last = b"".join(pieces)

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """
        It will never be told to pause.
        """

    def unregisterProducer(self) -> None:
        """
        It never was.
        """

    def pauseProducing(self) -> None:
        """
        Nothing comes by itself.
        """

    resumeProducing = pauseProducing

    def getPeer(self) -> IPv4Address:
        """
        A user agent.
        """
        return IPv4Address("TCP", "192.0.2.1", 40_000)

    getHost = getPeer

    def loseConnection(self) -> None:
        """
        Whoever asks for it sees `is_lost`.
        """
        self.is_lost = True

    abortConnection = loseConnection


@implementer(IStreamClientEndpoint)
class Applications:
    """
    Connects to an application at once; `latest` is its end of the newest connection.
    """

    def __init__(self) -> None:
        self.latest: Any = None

    def connect(self, factory: IProtocolFactory) -> Deferred[Any]:
        """
        Connected.
        """
        self.latest = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 8080))
        self.latest.makeConnection(Swallowing())
        return succeed(self.latest)


def done(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """
    What comes of a coroutine that waits for nothing.
    """
    results: list[Any] = []
    Deferred.fromCoroutine(coroutine).addBoth(results.append)
    (result,) = results
    if hasattr(result, "raiseException"):
        result.raiseException()
    return result


def configuration(routes: Sequence[Mapping[str, object]]) -> Config:
    """
    A configuration with these routes.
    """
    values = {
        "address": "127.0.0.1:443",
        "insecure_server": True,
        "admin_address": "",
        "authenticate_service_url": "https://authenticate.example.com",
        "shared_secret": KEY,
        "cookie_secret": KEY,
        "idp_provider": "oidc",
        "idp_provider_url": ISSUER,
        "idp_client_id": "benchmark",
        "idp_client_secret": "a secret of nobody",
        "pass_identity_headers": True,
        "routes": routes,
    }
    with TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.touch(mode=0o600)
        path.write_text(json.dumps(values))
        return load(path, {}).config


def routes_on_hosts(count: int) -> list[dict[str, object]]:
    """
    One route on each of *count* hosts, the last of them `HOST`.
    """
    hosts = [*(f"app-{number}.example.com" for number in range(count - 1)), HOST]
    to = "http://127.0.0.1:8080"
    return [{"from": f"https://{host}", "to": to, "allowed_domains": ["example.com"]} for host in hosts]


def routes_on_prefixes(count: int, lengths: int = 1) -> list[dict[str, object]]:
    """
    *count* routes on `HOST` with a prefix each, of at least so many different lengths.
    """
    to, policy = "http://127.0.0.1:8080", {"allowed_domains": ["example.com"]}
    names = [f"/service-{number}{'x' * (number % lengths)}" for number in range(count)]
    return [{"from": f"https://{HOST}", "to": to, "prefix": name, **policy} for name in names]


def person(number: int, now: float, *, token_bytes: int = 2_000) -> Session:
    """
    Somebody who has just signed in.
    """
    share = token_bytes // 3
    return Session(
        id=f"session-{number:035x}",
        browser=f"browser-{number:014x}",
        idp_id="op",
        iss=ISSUER,
        client_id="benchmark",
        sub=f"person-{number}",
        user_id=f"person-{number}",
        email=f"person-{number}@example.com",
        name=f"Person {number}",
        sids=(f"sid-{number:020x}",),
        began=now,
        expires=now + 50_000.0,
        authenticated=now,
        id_token_iat=now,
        user_agent="Mozilla/5.0 (X11; Linux x86_64)",
        address="192.0.2.1",
        claims={"email": (f"person-{number}@example.com",), "groups": ("staff", "admins"), "hd": ("example.com",)},
        tokens=Tokens(
            id_token="i" * share,
            access_token="a" * share,
            refresh_token="r" * (token_bytes - 2 * share),
            access_token_expires=now + 40_000.0,
        ),
    )


class InMemory:
    """
    A house with some routes and sessions, one of which `cookie` names, in front of one application.
    """

    def __init__(self, routes: Sequence[Mapping[str, object]], sessions: int = 1) -> None:
        self.clock = SystemClock()
        self.applications = Applications()
        config = configuration(routes)
        self.house = House(
            config,
            store=MemoryStore(),
            clock=self.clock,
            now=time.monotonic,
            http=None,  # type: ignore[arg-type] # nobody signs in
            http_of=lambda route: None,  # type: ignore[arg-type,return-value] # nor is told
            connect=self._application,
        )
        done(self.house.start())
        now = self.clock.seconds()
        for number in range(sessions):
            session = person(number, now)
            session = _of(session, idp_id=self.house.layout.default_idp_id)
            done(self.house.registry.begin(session, state_issued=now))
        self.session = session
        self.key, self.cookie_name = config.shared_secret.get_secret_value(), config.cookie_name
        self.handles = Handles(self.key, self.cookie_name)
        self.handle = self.mint(session.id)
        self.cookie = f"{self.cookie_name}={self.handle}"

    def mint(self, session_id: str) -> str:
        """
        A handle as the authenticate host makes them.
        """
        return self.handles.mint(
            session_id,
            user_id="person-0",
            issuer="https://authenticate.example.com",
            audience=[HOST],
            idp_id=self.house.layout.default_idp_id,
            now=self.clock.seconds(),
        )

    def connect(self) -> tuple[Any, Swallowing]:
        """
        A connection from a user agent.
        """
        downstream = self.house.factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 40_000))
        transport = Swallowing()
        downstream.makeConnection(transport)
        return downstream, transport

    def _application(self, route: Route, upstream: Upstream) -> IStreamClientEndpoint:
        return self.applications


def _of(session: Session, **changes: Any) -> Session:
    from dataclasses import replace

    return replace(session, **changes)


def log_to_nowhere() -> None:
    """
    Write the log as the product does, for nobody to read.
    """
    ours, sys.stdout = sys.stdout, open(os.devnull, "w")  # noqa: SIM115 - as long as the process
    try:
        observer = logs.json_lines()
    finally:
        sys.stdout = ours
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False, discardBuffer=True)
    lines.start(Clock(), logs.in_use())
