"""
The world of the cases about who somebody is: an OP that can lie about everything, a store that can fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from twisted.internet import ssl
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.logger import formatEvent
from twisted.web.client import Agent

from pomerium_tx.config.model import Config
from pomerium_tx.demo.provider import DevelopmentProvider
from pomerium_tx.house import House
from pomerium_tx.jose.signer import Signer
from pomerium_tx.oidc.fetch import HTTPClient, http_client
from tests.conformance.adversarial_provider import Make, Mint, changed
from tests.doubles import keys
from tests.doubles.stores import UnreliableStore
from tests.hostile.identity_hosts import OP2, REFUSED, SECURED, ToTheOp, expired
from tests.hostile.identity_provider import Sockets
from tests.hostile.line import Line
from tests.hostile.names import APP, AUTHENTICATE, CLIENT_SECRET, OP
from tests.hostile.visitor import Visitor
from tests.hostile.world import World
from tests.scenarios.browser import Response
from tests.scenarios.secrets import shows
from tests.tls.authorities import Authority

PAGE = f"https://{APP}/page"
ISSUER = f"https://{OP}"
CALLBACK = f"https://{AUTHENTICATE}/oauth2/callback"
OWN_COOKIE = "_pomerium_authenticate"
_SHORTEST = 16
_READ: dict[str, Config] = {}


class IdentityWorld(World):
    """
    A world whose OP signs by RS256, and publishes further keys.
    """

    def __init__(self, reactor: Any, folder: Path, **changes: object) -> None:
        self.minted: list[dict[str, Any]] = []
        """
        Every token response.
        """
        self.make: Make | None = None
        self.agents_ports: dict[str, int] = {}
        """
        Hosts that only user agents find.
        """
        self.more_houses: list[House] = []
        self.second_port = 0
        self.patience = 0.0
        """
        Seconds of the service's time for which user agents wait for answers.
        """
        self.waited = 0.0
        """
        How many of them have passed since `watch`.
        """
        self._claims: dict[str, Any] = {}
        self.authority = Authority("the authority of the OPs")
        # All of a crowd come from one address here.
        super().__init__(reactor, folder, **{"max_connections_per_address": 5000, **changes})
        self.second = self._new_second()
        """
        Another OP, which has to be configured: see `TWO_PROVIDERS`.
        """
        self.unreliable = UnreliableStore(self.store)
        self.store = self.unreliable

    async def start(self) -> None:
        """
        Listen everywhere.
        """
        await super().start()
        self.sockets = Sockets(self.provider, self.moved)
        self.ports[OP] = self._listen(self.sockets)
        self.second_sockets = Sockets(self.second, self.moved)
        self.ports[OP2] = self._listen(self.second_sockets)
        for host, (name, is_known) in SECURED.items():
            authority = self.authority if is_known else Authority("nobody knows")
            certificate, key = authority.issue(name) if "expired" not in host else expired(authority, name)
            options = ssl.PrivateCertificate.loadPEM(key + certificate).options()
            port = self.reactor.listenSSL(0, self.sockets, options, interface="127.0.0.1")
            self._ports.append(port)
            self.ports[host] = port.getHost().port
        closed = self.reactor.listenTCP(0, self.sockets, interface="127.0.0.1")
        self.ports[REFUSED] = closed.getHost().port
        await closed.stopListening()
        origins = self.house.layout.table.origins
        self.more_origins = origins | ({f"https://{OP2}"} if "providers" in self._changes else frozenset())
        self._own_ports = len(self._ports)
        self._watched: set[str] = set()
        self.watch()

    async def stop(self) -> None:
        """
        Nothing is left.
        """
        self.sockets.drop()
        self.second_sockets.drop()
        await self.tidy()
        await super().stop()

    async def tidy(self) -> None:
        """
        Nothing is left of what a case has added.
        """
        while self.more_houses:
            house = self.more_houses.pop()
            house.factory.abort_all()
            house.stop()
        while len(self._ports) > self._own_ports:
            await self._ports.pop().stopListening()

    def http(self) -> HTTPClient:
        """
        What the proxy speaks to the OP with: with TLS where a host has a certificate.
        """
        return http_client(Agent.usingEndpointFactory(self.reactor, ToTheOp(self), self._agent_pool))

    def _new_provider(self) -> DevelopmentProvider:
        provider = super()._new_provider()
        self.signer = Signer(keys.private_key("RS256"))
        provider.signers = [self.signer]
        provider.alterations |= {
            "discovery": lambda document: {
                **document,
                "id_token_signing_alg_values_supported": ["RS256", "ES256", "EdDSA"],
            },
            "jwks": lambda _: {"keys": self.published()},
            "id_token": self._remember,
            "token": self._hand_out,
        }
        return provider

    def _new_second(self) -> DevelopmentProvider:
        return DevelopmentProvider(
            issuer=f"https://{OP2}",
            clients=[replace(client) for client in self.provider.clients.values()],
            clock=self.clock,
            signer=Signer(keys.private_key("RS256", "of the second OP")),
            users=self.provider.users.values(),
            lifetimes=self.provider.lifetimes,
        )

    def read(self, **changes: object) -> Config:
        """
        This world's configuration, with changes; the same ones are read once.
        """
        key = repr({**self._changes, **changes})
        if key not in _READ:
            _READ[key] = super().read(**changes)
        return _READ[key]

    def read_plainly(self) -> Config:
        """
        The configuration that all cases know.
        """
        kept, self._changes = self._changes, {"max_connections_per_address": 5000}
        try:
            return self.read()
        finally:
            self._changes = kept

    def serves(self, netloc: str) -> bool:
        """
        Whether a host is one of this world's.
        """
        return netloc == OP2 or f"https://{netloc}" in self.house.layout.table.origins or super().serves(netloc)

    def published(self) -> list[Any]:
        """
        The keys that the OP publishes.
        """
        return [
            {**self.signer.public_jwk()},
            keys.jwk("RS256", "second"),
            keys.jwk("ES256", "curve", use="sig"),
            keys.jwk("EdDSA", "edwards", alg="EdDSA"),
            keys.jwk("RS256", "encryption", use="enc"),
        ]

    def _remember(self, claims: dict[str, Any]) -> dict[str, Any]:
        self._claims = dict(claims)
        return claims

    def mint(self, access_token: str = "", **claims: Any) -> Mint:
        """
        What makes tokens: the ID Token that belongs to *access_token*, if nothing else is said.
        """
        return Mint(
            claims=claims or dict(self._claims),
            access_token=access_token,
            now=self.clock.seconds(),
            kid=self.signer.kid,
        )

    def _hand_out(self, document: dict[str, Any]) -> dict[str, Any]:
        if self.make is not None:
            document = changed(document, {"id_token": self.make(self.mint(document["access_token"]))})
        self.minted.append(document)
        return document

    async def restart(self, **changes: object) -> None:
        """
        Begin again with a service that knows nothing, of the OP neither; its configuration differs by *changes*.
        """
        await self.stop()
        IdentityWorld.__init__(self, self.reactor, self.folder, **changes)
        await self.start()

    async def second_house(self) -> House:
        """
        Another process, as far as its registry goes: a house of its own on the same store, at `second_port`.
        """
        house = self.build_house()
        await house.start()
        self.more_houses.append(house)
        self.second_port = self._listen(house.factory)
        return house

    async def connect(self, *, host: str = APP, patient: bool = False) -> Line:
        """
        A connection; user agents have a resolver of their own.
        """
        if host not in (OP, OP2):
            return await super().connect(host=host, patient=patient)
        line = Line(self.moved)
        port = self.agents_ports.get(host) or self.ports[host]
        await connectProtocol(TCP4ClientEndpoint(self.reactor, "127.0.0.1", port), line)
        line.is_of_the_op = True
        self.lines.append(line)
        return line

    async def say(self, says: bytes, *, host: str = APP) -> Line:
        """
        What has come of *says* on a connection of its own, within `patience`.
        """
        line = await super().say(says, host=host)
        while self.waited < self.patience and not line.is_closed and not line.answers():
            await self.advance(0.5, step=0.5)
            self.waited += 0.5
        return line

    # -- how the OP is wrong -------------------------------------------------------------------------------------------

    @contextmanager
    def making(self, make: Make) -> Iterator[None]:
        """
        ID Tokens that are what *make* says.
        """
        self.make = make
        try:
            yield
        finally:
            self.make = None

    @contextmanager
    def altered(self, what: str, change: Callable[[dict[str, Any]], object]) -> Iterator[None]:
        """
        JSON of the OP, or claims, that say something else.
        """
        right = self.provider.alterations.get(what, dict)
        self.provider.alterations[what] = lambda document: change(dict(right(document)))  # type: ignore[call-overload]
        try:
            yield
        finally:
            self.provider.alterations[what] = right

    # -- what is looked at ---------------------------------------------------------------------------------------------

    @property
    def live(self) -> set[str]:
        """
        The ids of the sessions that live.
        """
        return {session.id for session in self.house.registry.sessions()}

    def watch(self) -> None:
        """
        Whatever is looked at next is about what happens from now on.
        """
        self.minted.clear()
        self.waited = 0.0
        self.dialled.clear()
        self.provider.requests.clear()
        self.events.clear()
        for recorder in self.recorders.values():
            recorder.forget()
        self._watched = self.live

    @property
    def heard(self) -> int:
        """
        Requests that any protected application has heard since `watch`.
        """
        return sum(len(recorder.requests) for recorder in self.recorders.values() if recorder.is_protected)

    def assert_nobody_signed_in(self, visitor: Visitor, answer: Response) -> None:
        """
        An error page of ours that tells nothing; no session has begun, no application was asked.
        """
        host = urlsplit(answer.url).netloc
        assert host == AUTHENTICATE, answer.url
        assert answer.status >= 400, answer.status
        assert "no-store" in (answer.get("Cache-Control") or ""), answer.fields
        assert not any(cookie.startswith(f"{OWN_COOKIE}=e") for cookie in answer.get_all("Set-Cookie")), answer.fields
        assert (AUTHENTICATE, OWN_COOKIE) not in visitor.cookies or self._watched, "a session cookie was set"
        assert self.live == self._watched, "sessions are not as they were"
        assert self.heard == 0, "an application was asked"
        self.assert_nothing_told(answer)

    def assert_nothing_told(self, *answers: Response) -> None:
        """
        Neither answers nor the log have a secret of the OP or a trace.
        """
        said = [text for answer in answers for text in (answer.text, *_lines(answer))]
        said += [formatEvent(event) for event in self.events]
        text = "\n".join(said)
        assert "Traceback" not in text
        for secret in self.own_secrets():
            assert not shows(text, secret), f"a secret is shown: {secret[:24]}"

    def own_secrets(self) -> set[str]:
        """
        What the OP has given out, and what it was given.
        """
        found = {CLIENT_SECRET}
        for document in self.minted:
            found |= {value for name, value in document.items() if name != "scope" and isinstance(value, str)}
        return {secret for secret in found if _SHORTEST <= len(secret) < 20_000 and secret.isascii()}

    # -- the walk ------------------------------------------------------------------------------------------------------

    async def to_op(self, visitor: Visitor, url: str = PAGE) -> str:
        """
        The URL at the OP that a browser without a session is sent to.
        """
        sign_in = await visitor.get(url, follow=False)
        answer = await visitor.get(location_of(sign_in), follow=False)
        return location_of(answer)

    async def to_callback(self, visitor: Visitor, url: str = PAGE) -> str:
        """
        The URL that the OP sends a browser back to, in a sign-in that begins now.
        """
        answer = await visitor.get(await self.to_op(visitor, url), follow=False)
        location = location_of(answer)
        assert location.startswith(CALLBACK + "?"), location
        return location

    async def assert_signs_in(self, person: str = "alice", url: str = PAGE) -> Visitor:
        """
        Somebody else signs in as they should.
        """
        before = self.live
        visitor = self.visitor(person)
        page = await visitor.get(url)
        assert (page.status, page.url) == (200, url), (page.status, page.url, page.text[:300])
        assert len(self.live - before) == 1
        return visitor


def location_of(answer: Response) -> str:
    """
    Where a redirect leads.
    """
    location = answer.get("Location")
    assert location is not None, f"no redirect: {answer.status} {answer.text[:200]}"
    return location


def _lines(answer: Response) -> list[str]:
    return [f"{name}: {value}" for name, value in answer.fields if name.lower() != "set-cookie"]
