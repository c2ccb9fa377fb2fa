"""
The whole service in one process, in memory: two applications, an OP that really signs, browsers, and a clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers
from twisted.web.resource import IResource

from pomerium_tx import paths
from pomerium_tx.config.loader import load
from pomerium_tx.config.model import Config
from pomerium_tx.demo.provider import DevelopmentProvider
from pomerium_tx.demo.provider_site import UnloggedSite, provider_resource
from pomerium_tx.demo.registration import Client, Lifetimes
from pomerium_tx.house import House
from pomerium_tx.jose.signer import derived_signer
from pomerium_tx.routing.route import Route, Upstream
from pomerium_tx.sessions.memory import MemoryStore
from pomerium_tx.sessions.store import SessionStore
from tests.doubles.network import Network
from tests.doubles.peers import UserAgent
from tests.scenarios.browser import Browser, Response
from tests.scenarios.held_http import HeldHTTP, in_memory

APP = "https://app.example.com"
CHAT = "https://chat.example.com"
OPEN = "https://open.example.com"
DENIED = "https://denied.example.com"
AUTHENTICATE = "https://authenticate.example.com"
OP = "https://op.example.com"
CLIENT_SECRET = "a-client-secret-that-must-not-show"

CONFIG: dict[str, Any] = {
    "address": "127.0.0.1:443",
    "insecure_server": True,
    "authenticate_service_url": AUTHENTICATE,
    "shared_secret": "c2hhcmVkLXNlY3JldC1zaGFyZWQtc2VjcmV0LXNoYXI=",
    "cookie_secret": "Y29va2llLXNlY3JldC1jb29raWUtc2VjcmV0LWNvb2s=",
    "idp_provider": "oidc",
    "idp_provider_url": OP,
    "idp_client_id": "rp1",
    "idp_client_secret": CLIENT_SECRET,
    "pass_identity_headers": True,
    "routes": [
        {"from": APP, "to": "http://app.internal:8080", "name": "app", "allow_any_authenticated_user": True},
        {
            "from": CHAT,
            "to": "http://chat.internal:8080",
            "name": "chat",
            "allow_any_authenticated_user": True,
            "allow_websockets": True,
        },
        {
            "from": OPEN,
            "to": "http://open.internal:8080",
            "name": "open",
            "allow_public_unauthenticated_access": True,
        },
        {"from": DENIED, "to": "http://denied.internal:8080", "name": "denied", "allowed_users": ["bob@example.com"]},
    ],
}


class Application(Protocol):
    """
    An upstream that answers every request at once, unless a test answers for it.
    """

    factory: Applications
    transport: Any

    def __init__(self) -> None:
        self.received = b""
        self.by_hand = False
        """
        Whether a test answers for this connection.
        """
        self.lost: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        self.factory.heard += data
        self.factory.latest = self
        if self.factory.answer is None:
            self.by_hand = True
        elif not self.by_hand:
            self.transport.write(self.factory.answer)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason

    def say(self, data: bytes) -> None:
        """
        Write *data*.
        """
        self.transport.write(data)


class Applications(Factory):
    """
    Everything one upstream heard.
    """

    noisy = False
    protocol = Application

    def __init__(self) -> None:
        self.heard = b""
        self.answer: bytes | None = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"
        self.connections: list[Application] = []
        self.latest: Application | None = None
        """
        The connection that was heard from last.
        """

    def buildProtocol(self, addr: object) -> Application:
        application = Application()
        application.factory = self
        self.connections.append(application)
        return application

    def take(self) -> bytes:
        """
        What was heard since the last time.
        """
        heard, self.heard = self.heard, b""
        return heard


class WorldTestCase(SynchronousTestCase):
    """
    A house at ``("proxy", 443)``, the applications behind it, and the OP.
    """

    settings: Mapping[str, Any] = {}
    """
    What differs from `CONFIG`.
    """
    lifetimes: Lifetimes | None = None
    issuers: tuple[str, ...] = (OP,)

    def setUp(self) -> None:
        self.network = Network(Clock())
        self.clock = self.network.clock
        self.clock.advance(1_700_000_000)
        self.provider = DevelopmentProvider(
            issuer=OP,
            clients=[
                Client(
                    client_id="rp1",
                    client_secret=CLIENT_SECRET,
                    redirect_uris=(AUTHENTICATE + paths.PROVIDER_CALLBACK,),
                    post_logout_redirect_uris=(AUTHENTICATE + paths.SIGNED_OUT,),
                )
            ],
            clock=self.clock,
            signer=derived_signer(b"op"),
            lifetimes=self.lifetimes,
        )
        self.op_resource = self.make_op_resource()
        self.stub = StubTreq(self.op_resource)
        self.http = HeldHTTP(self.stub)
        self.applications = {name: Applications() for name in ("app", "chat", "open", "denied")}
        for name, factory in self.applications.items():
            self.network.listen(f"{name}.internal", 8080, factory)
        self.app, self.chat = self.applications["app"], self.applications["chat"]
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        self.store: SessionStore = self.make_store()
        self.house = self.build_house()

    def make_op_resource(self) -> IResource:
        """
        What answers for the OP.
        """
        return UnloggedSite(provider_resource(self.provider)).resource

    def make_store(self) -> SessionStore:
        """
        What keeps the sessions.
        """
        return MemoryStore()

    def read(self, **changes: object) -> Config:
        """
        This world's configuration; what is changed to ``None`` is left out.
        """
        path = Path(self.mktemp() + ".yaml")
        values = {**CONFIG, **self.settings, **changes}
        path.write_text(yaml.safe_dump({key: value for key, value in values.items() if value is not None}))
        return load(path, {}).config

    def build_house(self, address: str = "proxy") -> House:
        """
        A house on the store of this world, listening at *address*.
        """
        house = House(
            self.read(),
            store=self.store,
            clock=self.clock,
            now=self.clock.seconds,
            http=self.http,
            http_of=lambda route: in_memory(self.network),
            connect=self._upstream,
        )
        self.successResultOf(house.start())
        self.network.listen(address, 443, house.factory)
        self.addCleanup(house.stop)
        return house

    def _upstream(self, route: Route, upstream: Upstream) -> IStreamClientEndpoint:
        return self.network.endpoint(upstream.socket or upstream.host, upstream.port)

    def settle(self) -> None:
        """
        Let everything arrive, at the OP too.
        """
        for _ in range(6):
            self.network.settle()
            self.stub.flush()
        self.network.settle()

    def advance(self, seconds: float, step: float = 1.0) -> None:
        """
        Let time pass.
        """
        self.settle()
        while seconds > 0:
            self.clock.advance(min(step, seconds))
            self.settle()
            seconds -= step

    def browser(self, house: str = "proxy", address: str = "192.0.2.1") -> Browser:
        """
        A fresh browser, in front of one house.
        """

        def connect(host: str, port: int, peer: str) -> UserAgent:
            return UserAgent.connect(self.network, house, 443, peer=peer)

        return Browser(
            connect=connect, outside=self._ask_op, settle=self.settle, now=self.clock.seconds, address=address
        )

    def _ask_op(self, method: str, url: str, fields: Mapping[str, str], content: bytes) -> Response | None:
        if not url.startswith(tuple(f"{issuer}/" for issuer in self.issuers)):
            return None
        headers = Headers({name: [value] for name, value in fields.items()})
        # A stub keeps cookies; a browser brings its own.
        stub = StubTreq(self.op_resource)
        asked: Deferred[Any] = stub.request(
            method, url, headers=headers, data=content or None, allow_redirects=False, browser_like_redirects=False
        )
        stub.flush()
        response = self.successResultOf(asked)
        body = response.content()
        stub.flush()
        sent = [(n.decode(), v.decode()) for n, values in response.headers.getAllRawHeaders() for v in values]
        return Response(url, response.code, sent, self.successResultOf(body))

    def sign_in(self, browser: Browser, url: str = APP + "/", person: str = "alice") -> Response:
        """
        Go to *url* and sign in at the OP as a person does.
        """
        page = browser.get(url)
        if urlsplit(page.url).netloc in {urlsplit(issuer).netloc for issuer in self.issuers}:
            page = browser.click(page, f"Sign in as {person.title()}")
        return page

    def audit(self, message: str) -> list[LogEvent]:
        """
        The audit lines of one kind.
        """
        return [event for event in self.events if event.get("log_format") == message]

    def receipts(self) -> list[dict[str, Any]]:
        """
        The receipts in the audit log.
        """
        return [event["receipt"] for event in self.audit("session_ended")]

    def handle_of(self, browser: Browser, origin: str) -> str:
        """
        The session handle that a browser has for a route host.
        """
        handle = browser.cookie(urlsplit(origin).hostname or "", "_pomerium")
        assert handle is not None
        return handle

    def replay(self, handle: str, origin: str, **fields: str) -> Response:
        """
        What a stolen cookie gets.
        """
        return self.browser().once("GET", origin + "/", {"Cookie": f"_pomerium={handle}", **fields})
