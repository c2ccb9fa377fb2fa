"""
A second relying party of the development OP: an application of its own, not behind the proxy.

It signs people in by the authorization code flow, and hears of their logout in both channels: OpenID Connect
Front-Channel Logout 1.0, section 2, and Back-Channel Logout 1.0, section 2.5.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from pomerium_tx.demo import pages
from pomerium_tx.demo.application_pages import NO_STORE, respond_with_page, respond_with_problem, respond_with_static
from pomerium_tx.demo.authorization import one, parse_query
from pomerium_tx.demo.forms import Form, answer_later, receive_form
from pomerium_tx.demo.ledger import RequestRefused
from pomerium_tx.demo.logout_tokens import LogoutTokenReader
from pomerium_tx.demo.registration import Client
from pomerium_tx.demo.relying_party_pages import failed_page, front_page
from pomerium_tx.demo.relying_party_sessions import BACK, FRONT, HERE, OtherSession, OtherSessions, state_of
from pomerium_tx.demo.serving import ServedExchange
from pomerium_tx.jose.jwt import InvalidToken
from pomerium_tx.oidc.authentication import (
    InvalidResponse,
    authentication_request,
    code_challenge,
    new_code_verifier,
    new_nonce,
    read_response,
)
from pomerium_tx.oidc.end_session import end_session_request
from pomerium_tx.oidc.fetch import Fetcher, HTTPClient
from pomerium_tx.oidc.id_token import IdToken
from pomerium_tx.oidc.provider import (
    AuthenticationRefused,
    Provider,
    ProviderSettings,
    ProviderUnavailable,
    UserInfoRefused,
)
from pomerium_tx.web.fetch_metadata import unsafe_request_allowed

log = Logger()

SESSION_COOKIE = b"other_session"
LOGIN_COOKIE = b"other_login"
_CALLBACK, _SIGNED_OUT = "/callback", "/signed-out"
_BACKCHANNEL, _FRONTCHANNEL = "/backchannel-logout", "/frontchannel-logout"
_MOST_LOGINS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Login:
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)


def registration(origin: str, client_id: str, client_secret: str) -> Client:
    """
    The relying party at *origin*, as it is to be registered at the OP.
    """
    return Client(
        client_id=client_id,
        client_secret=client_secret,
        redirect_uris=(origin + _CALLBACK,),
        post_logout_redirect_uris=(origin + _SIGNED_OUT,),
        frontchannel_logout_uri=origin + _FRONTCHANNEL,
        frontchannel_logout_session_required=True,
        backchannel_logout_uri=origin + _BACKCHANNEL,
        backchannel_logout_session_required=True,
    )


class RelyingParty:
    """
    Answers the exchanges of the second relying party.
    """

    def __init__(self, *, origin: str, issuer: str, client: Client, http: HTTPClient, clock: IReactorTime) -> None:
        self.sessions = OtherSessions(clock)
        self._logins: dict[str, _Login] = {}
        self._origin = origin
        self._issuer = issuer
        self._clock = clock
        settings = ProviderSettings(
            issuer=issuer,
            client_id=client.client_id,
            client_secret=client.client_secret,
            redirect_uri=origin + _CALLBACK,
            scopes=("openid", "profile"),
        )
        self._provider = Provider(settings, http=http, clock=clock, deadline=5.0)
        self._reader = LogoutTokenReader(
            issuer=issuer,
            audience=client.client_id,
            jwks_uri=f"{issuer}/jwks",
            fetcher=Fetcher(http, clock, deadline=5.0, max_bytes=65_536),
            clock=clock,
        )
        script = pages.static_file("other.js")
        self._answers: dict[str, tuple[bytes, Callable[[ServedExchange], None]]] = {
            "/": (b"GET", self._front_page),
            "/state": (b"GET", self._state),
            "/style.css": (b"GET", lambda exchange: respond_with_static(exchange, pages.STYLE, b"text/css")),
            "/other.js": (b"GET", lambda exchange: respond_with_static(exchange, script, b"text/javascript")),
            "/sign-in": (b"POST", lambda exchange: answer_later(exchange, self._sign_in(exchange))),
            _CALLBACK: (b"GET", lambda exchange: answer_later(exchange, self._called_back(exchange))),
            "/sign-out": (b"POST", lambda exchange: answer_later(exchange, self._sign_out(exchange))),
            # Nothing depends on whether the person really comes from the OP.
            _SIGNED_OUT: (b"GET", lambda exchange: _redirect(exchange, "/")),
            _BACKCHANNEL: (
                b"POST",
                lambda exchange: receive_form(
                    exchange, lambda form: answer_later(exchange, self._told_directly(exchange, form))
                ),
            ),
            _FRONTCHANNEL: (b"GET", self._told_by_user_agent),
        }

    def __call__(self, exchange: ServedExchange) -> None:
        if exchange.head.host.decode("ascii", "replace") != urlsplit(self._origin).netloc:
            respond_with_problem(exchange, 421, "This is another host.")
            return
        method, answer = self._answers.get(exchange.path, (b"", None))
        if answer is None:
            respond_with_problem(exchange, 404, "There is nothing here.")
        elif exchange.head.method != method:
            respond_with_problem(exchange, 405, "That cannot be done here.", (b"Allow", method))
        else:
            answer(exchange)

    def _session(self, exchange: ServedExchange) -> OtherSession | None:
        return self.sessions.find(_cookie(exchange, SESSION_COOKIE))

    def _front_page(self, exchange: ServedExchange) -> None:
        respond_with_page(exchange, front_page(self._session(exchange), issuer=self._issuer))

    def _state(self, exchange: ServedExchange) -> None:
        state = state_of(self._session(exchange)).encode("ascii")
        exchange.respond(200, [(b"Content-Type", b"text/plain"), NO_STORE], state)

    async def _sign_in(self, exchange: ServedExchange) -> None:
        if not self._is_ours(exchange):
            return
        try:
            metadata = await self._provider.metadata()
        except ProviderUnavailable as unavailable:
            _fail(exchange, unavailable.reason)
            return
        state, login = secrets.token_urlsafe(32), _Login(nonce=new_nonce(), code_verifier=new_code_verifier())
        self._logins[state] = login
        while len(self._logins) > _MOST_LOGINS:
            del self._logins[next(iter(self._logins))]
        location = authentication_request(
            metadata,
            self._provider.settings,
            state=state,
            nonce=login.nonce,
            code_challenge=code_challenge(login.code_verifier),
            prompt=None,
        )
        _redirect(exchange, location, _set_cookie(LOGIN_COOKIE, state))

    async def _called_back(self, exchange: ServedExchange) -> None:
        try:
            session = await self._signed_in(exchange)
        except RequestRefused as refused:
            _fail(exchange, refused.description)
        except AuthenticationRefused as refused:
            _fail(exchange, f"the provider refuses: {refused.error}")
        except UserInfoRefused as refused:
            _fail(exchange, str(refused))
        except (InvalidResponse, InvalidToken, ProviderUnavailable) as problem:
            _fail(exchange, problem.reason)
        else:
            handle = self.sessions.begin(session, instead_of=_cookie(exchange, SESSION_COOKIE))
            _redirect(exchange, "/", _set_cookie(SESSION_COOKIE, handle), _set_cookie(LOGIN_COOKIE, ""))

    async def _signed_in(self, exchange: ServedExchange) -> OtherSession:
        provider = self._provider
        parameters = parse_query(_query(exchange))
        response = read_response(parameters, settings=provider.settings, metadata=await provider.metadata())
        login = self._logins.pop(response.state, None)
        if login is None or response.state != _cookie(exchange, LOGIN_COOKIE):
            raise InvalidResponse("this browser has not asked to sign in")
        if response.code is None:
            raise InvalidResponse(f"the provider refuses: {response.error}")
        tokens = await provider.exchange_code(response.code, code_verifier=login.code_verifier)
        assert tokens.id_token is not None
        id_token: IdToken = await provider.id_token(
            tokens.id_token, nonce=login.nonce, access_token=tokens.access_token
        )
        person = await provider.userinfo(tokens.access_token)
        if person["sub"] != id_token.sub:
            raise InvalidToken("the provider speaks of somebody else")
        name = str(person.get("name") or id_token.sub)
        return OtherSession(name=name, sub=id_token.sub, sid=id_token.sid, id_token=id_token.raw)

    async def _sign_out(self, exchange: ServedExchange) -> None:
        if not self._is_ours(exchange):
            return
        session = self._session(exchange)
        if session is None or session.ended_at is not None:
            _redirect(exchange, "/")
            return
        hint = session.id_token
        self.sessions.end(session, HERE)
        try:
            asked = end_session_request(
                await self._provider.metadata(),
                self._provider.settings,
                id_token_hint=hint,
                post_logout_redirect_uri=self._origin + _SIGNED_OUT,
                state=secrets.token_urlsafe(16),
            )
        except ProviderUnavailable:
            asked = None
        _redirect(exchange, "/" if asked is None else asked.url)

    async def _told_directly(self, exchange: ServedExchange, form: Form) -> None:
        try:
            token = await self._reader.read(one(form, "logout_token") or "")
        except RequestRefused as refused:
            _refuse(exchange, 400, refused.description)
        except InvalidToken as invalid:
            log.info("The other application refuses a logout token: {reason}", reason=invalid.reason)
            _refuse(exchange, 400, invalid.reason)
        except ProviderUnavailable as unavailable:
            _refuse(exchange, 503, unavailable.reason)
        else:
            if token.is_new:
                self.sessions.end_named(sid=token.sid, sub=token.sub, by=BACK)
            exchange.respond(200, [NO_STORE])

    def _told_by_user_agent(self, exchange: ServedExchange) -> None:
        try:
            parameters = parse_query(_query(exchange))
            iss, sid = one(parameters, "iss"), one(parameters, "sid")
        except RequestRefused as refused:
            respond_with_problem(exchange, 400, refused.description)
            return
        # Without cookies, in a frame of another site: what is named is ended, whoever asks.
        if iss == self._issuer and sid is not None:
            self.sessions.end_named(sid=sid, sub=None, by=FRONT)
        exchange.respond(200, [(b"Content-Type", b"text/html"), NO_STORE], b"<!DOCTYPE html><title>Done</title>\n")

    def _is_ours(self, exchange: ServedExchange) -> bool:
        """
        Whether a page of this application sent the request; it is answered if not.
        """

        def field_value(name: str) -> str | None:
            value = exchange.head.get(name.lower().encode("ascii"))
            return None if value is None else value.decode("ascii", "replace")

        is_ours = unsafe_request_allowed(field_value, self._origin)
        if not is_ours:
            respond_with_problem(exchange, 403, "Only this application's own page may ask for that.")
        return is_ours


def _query(exchange: ServedExchange) -> str:
    return exchange.head.target.partition(b"?")[2].decode("ascii", "replace")


def _cookie(exchange: ServedExchange, name: bytes) -> str | None:
    for line in exchange.head.get_all(b"cookie"):
        for pair in line.split(b";"):
            key, _, value = pair.strip().partition(b"=")
            if key == name:
                return value.decode("ascii", "replace")
    return None


def _set_cookie(name: bytes, value: str) -> tuple[bytes, bytes]:
    gone = b"" if value else b"; Max-Age=0"
    return (b"Set-Cookie", b"%s=%s; Path=/; HttpOnly; SameSite=Lax%s" % (name, value.encode("ascii"), gone))


def _redirect(exchange: ServedExchange, location: str, *fields: tuple[bytes, bytes]) -> None:
    exchange.respond(303, [(b"Location", location.encode("ascii")), NO_STORE, *fields])


def _fail(exchange: ServedExchange, reason: str) -> None:
    respond_with_page(exchange, failed_page(reason), status=400)


def _refuse(exchange: ServedExchange, status: int, reason: str) -> None:
    document = {"error": "invalid_request", "error_description": reason}
    exchange.respond(status, [(b"Content-Type", b"application/json"), NO_STORE], json.dumps(document).encode("ascii"))
