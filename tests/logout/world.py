"""
A whole sign-in and sign-out over memory: an OP that really signs, two route hosts, the authenticate host, browsers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http_headers import Headers

from pomerium_tx import paths
from pomerium_tx.assertion.assertion import Assertions
from pomerium_tx.authenticate.site import authenticate_site
from pomerium_tx.dashboard.login import LoginStart
from pomerium_tx.dashboard.published import JwksPage, PingPage
from pomerium_tx.dashboard.site import route_site
from pomerium_tx.demo import endpoints
from pomerium_tx.demo.messages import Fault, Received
from pomerium_tx.demo.provider import DevelopmentProvider
from pomerium_tx.demo.registration import Client, Lifetimes
from pomerium_tx.jose.signer import derived_signer
from pomerium_tx.logout.back_channel import BackChannelLogoutPage
from pomerium_tx.logout.ending import Ending
from pomerium_tx.logout.expiry import Expiry
from pomerium_tx.logout.late_tokens import LateTokens
from pomerium_tx.logout.outbox import Outbox
from pomerium_tx.logout.revocation import Revocations
from pomerium_tx.logout.session_cookie import CookieSettings
from pomerium_tx.logout.session_events import SessionEvents
from pomerium_tx.logout.site_data import SiteData
from pomerium_tx.logout.target import Targets
from pomerium_tx.oidc.provider import Provider, ProviderSettings
from pomerium_tx.sessions.handle import Handles
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import SessionStore
from pomerium_tx.web.csrf import Csrf
from pomerium_tx.web.programmatic import ProgrammaticRedirects
from pomerium_tx.web.sealed import Sealer
from pomerium_tx.web.signed_url import UrlSigner
from tests.doubles.stores import UnreliableStore

A = "https://authenticate.example.com"
R = "https://app.example.com"
R2 = "https://chat.example.com"
START = 1_700_000_000.0
SECRET = b"a secret that all hosts share 32"

NAVIGATION = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
FROM_OWN_PAGE = {**NAVIGATION, "Sec-Fetch-Site": "same-origin"}
FROM_ANOTHER_SITE = {**NAVIGATION, "Sec-Fetch-Site": "cross-site"}
SCRIPT = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}


class _Response:
    """
    A response of the OP, as treq gives it.
    """

    def __init__(self, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        self.code = status
        self.headers = Headers()
        for name, value in headers:
            self.headers.addRawHeader(name, value)
        self._body = body

    def deliverBody(self, protocol: Any) -> None:
        protocol.makeConnection(StringTransport())
        if self._body:
            protocol.dataReceived(self._body)
        protocol.connectionLost(Failure(ResponseDone()))


class OpClient:
    """
    The way to the OP: nothing between, unless it is held.
    """

    ENDPOINTS: Mapping[str, tuple[str, Callable[..., Any]]] = {
        "/.well-known/openid-configuration": ("discovery", endpoints.discovery),
        "/jwks": ("jwks", endpoints.jwks),
        "/token": ("token", endpoints.token),
        "/userinfo": ("userinfo", endpoints.userinfo),
        "/revoke": ("revocation", endpoints.revocation),
    }

    def __init__(self, op: DevelopmentProvider) -> None:
        self.op = op
        self.is_held = False
        self._held: list[Callable[[], None]] = []

    def request(self, method: str, url: str, **kwargs: Any) -> Deferred[Any]:
        name, endpoint = self.ENDPOINTS[urlsplit(url).path]
        fields = kwargs["headers"].getRawHeaders("Authorization") or [None]
        content = (kwargs["data"] or b"").decode()
        received = Received(endpoint=name, method=method, parameters=tuple(parse_qsl(content)), authorization=fields[0])

        def answer() -> _Response:
            self.op.remember(received)
            fault = self.op.faults.get(name)
            given = fault.answer() if isinstance(fault, Fault) else endpoint(self.op, received)
            return _Response(given.status, given.headers, given.body)

        if not self.is_held:
            return succeed(answer())
        waiting: Deferred[Any] = Deferred()
        self._held.append(lambda: waiting.callback(answer()))
        return waiting

    def release(self) -> None:
        """
        Answer what was held.
        """
        self.is_held = False
        held, self._held = self._held, []
        for answer in held:
            answer()


class World:
    """
    Everything, joined as the service joins it.
    """

    def __init__(
        self,
        *,
        target_default: str | None = None,
        any_target: bool = False,
        cookie: CookieSettings | None = None,
        settings: Mapping[str, Any] | None = None,
        second_provider: bool = False,
        from_same_site_now: bool = False,
        secret: bytes = SECRET,
        store: SessionStore | None = None,
        lifetimes: Lifetimes | None = None,
        site_data: SiteData = lambda origin: (),
        program_hosts: Iterable[str] = ("localhost",),
        asks_for_programs: bool = True,
        gives_jwt: bool = False,
    ) -> None:
        self._lifetimes = lifetimes
        self.kept_out = ""
        """
        Who is let into no application.
        """
        self.clock = Clock()
        self.clock.advance(START)
        self.store = UnreliableStore(store)
        self.registry = SessionRegistry(self.store, self.clock)
        joined = Deferred.fromCoroutine(self.registry.join())
        assert joined.called
        self.op, self.http, self.provider = self._provider("https://op.example.com", settings or {})
        self.providers = {self.provider.idp_id: self.provider}
        if second_provider:
            self.op2, self.http2, self.provider2 = self._provider("https://op2.example.com", {})
            self.providers[self.provider2.idp_id] = self.provider2
        self.receipts: list[Receipt] = []
        self.begun: list[Session] = []
        self.ending = Ending(
            registry=self.registry,
            providers=self.providers,
            clock=self.clock,
            key=secret,
            revocation_delay=60.0,
            audit=self.receipts.append,
        )
        self.outbox = Outbox(
            Revocations(registry=self.registry, providers=self.providers), registry=self.registry, clock=self.clock
        )
        self.outbox.start()
        self.expiry = Expiry(registry=self.registry, ending=self.ending, clock=self.clock)
        self.expiry.start()
        self.cookie = cookie or CookieSettings()
        self.url_signer = UrlSigner(secret)
        self.sealer = Sealer(secret)
        self.csrf = Csrf(secret)
        self.handles = Handles(secret, self.cookie.name)
        signer = derived_signer(secret)
        self.login = LoginStart(url_signer=self.url_signer, authenticate_origin=A, cookie_name=self.cookie.name)
        self.session_events = SessionEvents(registry=self.registry, clock=self.clock)
        shared: dict[str, Any] = {
            "session_events": self.session_events,
            "authenticate_origin": A,
            "registry": self.registry,
            "ending": self.ending,
            "targets": Targets(
                serves_origin=self.serves_origin,
                origins={A, "https://allowed.example.net"},
                any_absolute=any_target,
                default=target_default,
            ),
            "cookie": self.cookie,
            "handles": self.handles,
            "sealer": self.sealer,
            "url_signer": self.url_signer,
            "from_same_site_now": from_same_site_now,
            "providers": self.providers,
            "back_channel": BackChannelLogoutPage(
                registry=self.registry, providers=self.providers, ending=self.ending, clock=self.clock
            ),
            "jwks": JwksPage([signer.public_jwk()], clock=self.clock),
            "ping": PingPage(),
            "healthz": PingPage(),
            "clock": self.clock,
            "site_data": site_data,
            "serves_origin": self.serves_origin,
            "redirects": ProgrammaticRedirects(program_hosts),
        }
        self.late_tokens = LateTokens(registry=self.registry, clock=self.clock)
        self.authenticate = authenticate_site(
            **shared,
            late_tokens=self.late_tokens,
            default_idp_id=self.provider.idp_id,
            csrf=self.csrf,
            origin_of_host=lambda host: f"https://{host}" if self.serves_origin(f"https://{host}") else None,
            asks_for_programs=asks_for_programs,
            session_begun=self.begun.append,
        )
        self.routes = route_site(
            **shared,
            assertions=Assertions(signer, self.clock),
            login=self.login,
            idp_id_of=lambda origin: self.provider.idp_id,
            gives_jwt_to=(lambda session, request: session.sub != self.kept_out) if gives_jwt else None,
        )

    def _provider(self, issuer: str, settings: Mapping[str, Any]) -> tuple[DevelopmentProvider, OpClient, Provider]:
        client = Client(
            client_id="rp1",
            client_secret="a client secret",
            redirect_uris=(A + paths.PROVIDER_CALLBACK,),
            post_logout_redirect_uris=(A + paths.SIGNED_OUT,),
        )
        op = DevelopmentProvider(
            issuer=issuer,
            clients=[client],
            clock=self.clock,
            signer=derived_signer(issuer.encode()),
            lifetimes=self._lifetimes,
        )
        http = OpClient(op)
        known = ProviderSettings(
            **{
                "issuer": issuer,
                "client_id": client.client_id,
                "client_secret": client.client_secret,
                "redirect_uri": A + paths.PROVIDER_CALLBACK,
                "scopes": ("openid", "profile", "email", "offline_access"),
                "id_token_signed_response_alg": "ES256",
                **settings,
            }
        )
        return op, http, Provider(known, http=http, clock=self.clock)

    @staticmethod
    def serves_origin(url: str) -> bool:
        """
        Whether a URL's origin is that of a route.
        """
        return any(url == origin or url.startswith(origin + "/") for origin in (R, R2))

    def stop(self) -> None:
        """
        End everything that runs.
        """
        self.session_events.close()
        self.outbox.stop()
        self.expiry.stop()
        self.registry.leave()


def query_of(url: str) -> dict[str, str]:
    """
    The parameters of a URL.
    """
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def with_query(url: str, **parameters: str) -> str:
    """
    A URL with parameters.
    """
    return f"{url}?{urlencode(parameters)}"


def form_of(page: str) -> dict[str, str]:
    """
    The hidden fields of a page's form.
    """
    fields = {}
    for tag in re.findall(r"<input[^>]*>", page):
        attributes = dict(re.findall(r'([a-z]+)="([^"]*)"', tag))
        fields[attributes["name"]] = unescape(attributes["value"])
    return fields
