"""
A development OpenID Provider: no passwords, real signatures.

OpenID Connect Core 1.0 and Discovery 1.0, as far as the authorization code flow goes, and logout in all its three ways.
It is what ``make demo`` signs in with, and the double that the tests of the relying party use: without HTTP through its
methods, with HTTP through `pomerium_tx.demo.provider_site.provider_resource`.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from twisted.internet.interfaces import IReactorTime

from pomerium_tx.demo.authorization import (
    AuthenticationRequest,
    InteractionRequired,
    ResponseRefused,
    read_request,
    response_location,
)
from pomerium_tx.demo.ledger import Grant, Ledger, OPSession, RequestRefused
from pomerium_tx.demo.logout_channels import Logout, LogoutChannels, LogoutRecord, OwedLogout, Post
from pomerium_tx.demo.logout_tokens import logout_claims
from pomerium_tx.demo.loopback import require_loopback
from pomerium_tx.demo.messages import Misbehaviour, Received
from pomerium_tx.demo.metadata import provider_metadata
from pomerium_tx.demo.registration import ALICE, BOB, Client, Lifetimes, User
from pomerium_tx.jose.signer import Signer

SCOPES = ("openid", "profile", "email", "offline_access")
_REMEMBERED_REQUESTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedTokens:
    """
    What the token endpoint gives out.
    """

    access_token: str = field(repr=False)
    id_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_in: int
    scope: str
    sub: str
    sid: str


class DevelopmentProvider:
    """
    The OP: who is known to it, what it has issued, and how it misbehaves when a test wants it to.

    :param address: Where it is going to listen.
    :param post: How logout tokens are sent; without it they are kept in `owed_logouts`, for whoever has a use for them.
    :raises NotLoopback: If that is not a loopback address.
    """

    def __init__(
        self,
        *,
        issuer: str,
        clients: Iterable[Client],
        clock: IReactorTime,
        signer: Signer,
        users: Iterable[User] = (ALICE, BOB),
        lifetimes: Lifetimes | None = None,
        address: str = "127.0.0.1",
        post: Post | None = None,
    ) -> None:
        require_loopback(address)
        parts = urlsplit(issuer)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query or parts.fragment:
            raise ValueError("the issuer is an origin, without a path")
        self.issuer = issuer
        self.clients = {client.client_id: client for client in clients}
        self.users = {user.username: user for user in users}
        self.lifetimes = lifetimes or Lifetimes()
        self.signers = [signer]
        """
        The first one signs; the keys of all are published.
        """
        self.faults: dict[str, Misbehaviour] = {}
        """
        What the endpoint of that name does instead: ``discovery``, ``jwks``, ``authorization``, ``token``,
        ``userinfo``, ``revocation``, ``end_session``.
        """
        self.alterations: dict[str, Callable[[dict[str, object]], object]] = {}
        """
        What becomes of the JSON of ``discovery``, ``jwks``, ``token``, ``userinfo``, and of the claims of
        ``id_token`` and ``logout_token``.
        """
        self.requests: list[Received] = []
        """
        Everything that arrived, oldest first; the latest thousand.
        """
        self.always_confirm_logout = False
        self.tells_initiator = True
        """
        Whether the relying party that started a logout is told of it as the others are.
        """
        self.channels = LogoutChannels(issuer=issuer, clock=clock, post=post)
        self.ledger = Ledger(clock, self.lifetimes)
        self._clock = clock

    @property
    def logouts(self) -> list[LogoutRecord]:
        """
        Every attempt to tell a relying party of a logout.
        """
        return self.channels.records

    @property
    def owed_logouts(self) -> list[OwedLogout]:
        """
        Every logout token that some relying party had a right to, sent or not.
        """
        return self.channels.owed

    @property
    def revocations(self) -> list[Received]:
        """
        The revocation requests that arrived, refused ones too.
        """
        return self.received_at("revocation")

    @property
    def refreshes(self) -> list[Received]:
        """
        The token requests with a refresh token that arrived.
        """
        return [request for request in self.received_at("token") if request.parameter("grant_type") == "refresh_token"]

    @property
    def code_exchanges(self) -> list[Received]:
        """
        The token requests with a code that arrived.
        """
        return [
            request for request in self.received_at("token") if request.parameter("grant_type") == "authorization_code"
        ]

    @property
    def userinfo_calls(self) -> list[Received]:
        """
        The UserInfo requests that arrived.
        """
        return self.received_at("userinfo")

    def received_at(self, endpoint: str) -> list[Received]:
        """
        The requests that arrived at *endpoint*.
        """
        return [request for request in self.requests if request.endpoint == endpoint]

    def remember(self, request: Received) -> None:
        """
        *request* is the latest of those that arrived.
        """
        self.requests.append(request)
        del self.requests[:-_REMEMBERED_REQUESTS]

    def metadata(self) -> dict[str, object]:
        """
        What discovery says.
        """
        return provider_metadata(self.issuer, scopes=SCOPES, algorithms={signer.algorithm for signer in self.signers})

    def jwk_set(self) -> dict[str, object]:
        """
        The keys that the OP signs with.
        """
        return {"keys": [signer.public_jwk() for signer in self.signers]}

    def sign_in(self, username: str, current: OPSession | None = None) -> OPSession:
        """
        A session at the OP of the person with that *username*, instead of the *current* one.

        :raises RequestRefused: If nobody is called that.
        """
        user = self.users.get(username)
        if user is None:
            raise RequestRefused("invalid_request", "Nobody of that name is known here.")
        return self.ledger.begin_session(user, current)

    def end_session(self, sid: str) -> bool:
        """
        The OP's session *sid* is over, and its relying parties are being told; false if there was none.
        """
        return self.log_out(sid) is not None

    def log_out(self, sid: str, *, initiator: str | None = None) -> Logout | None:
        """
        The OP's session *sid* is over; how its relying parties hear of it, or None if there was no such session.

        :param initiator: The ``client_id`` of the relying party that started it.
        """
        ended = self.ledger.end_session(sid)
        if ended is None:
            return None
        told = [
            self.clients[client_id]
            for client_id in ended.clients
            if client_id in self.clients and (self.tells_initiator or client_id != initiator)
        ]
        frames = [self.channels.front(client, sid) for client in told]
        owed = [
            OwedLogout(
                client_id=client.client_id,
                uri=client.backchannel_logout_uri,
                sid=sid,
                sub=ended.user.sub,
                logout_token=self.logout_token(
                    client.client_id,
                    sid=sid if client.backchannel_logout_session_required else None,
                    sub=ended.user.sub,
                ),
            )
            for client in told
            if client.backchannel_logout_uri is not None
        ]
        return Logout(sid=sid, frames=tuple(filter(None, frames)), told=self.channels.back(owed))

    def logout_token(
        self,
        client_id: str,
        *,
        sid: str | None = None,
        sub: str | None = None,
        typ: str = "logout+jwt",
        **changes: object,
    ) -> str:
        """
        A logout token for *client_id* (Back-Channel Logout 1.0, section 2.4), whoever is signed in.

        :param changes: Claims that are other than they should be; None leaves one out.
        """
        claims = logout_claims(iss=self.issuer, aud=client_id, sid=sid, sub=sub, now=self._clock.seconds()) | changes
        claims = {name: value for name, value in claims.items() if value is not None}
        return self.sign(self._altered("logout_token", claims), typ)

    def authorize(self, url: str, session: OPSession | None = None, *, person: str | None = None) -> str:
        """
        Where the user agent is sent that follows the Authentication Request *url*.

        :param session: What the user agent's cookie at the OP names.
        :param person: Which button is pressed if the OP asks.
        :raises InteractionRequired: If it asks and nobody answers.
        :raises RequestRefused: If the OP shows an error page instead.
        """
        try:
            request = read_request(urlsplit(url).query, self.clients)
            try:
                return self.respond(request, session)
            except InteractionRequired:
                if person is None:
                    raise
                return self.code_location(request, self.choose(request, person, session))
        except ResponseRefused as refused:
            return refused.location(self.issuer)

    def respond(self, request: AuthenticationRequest, session: OPSession | None) -> str:
        """
        Where *request* leads without asking the person.

        :raises InteractionRequired: If the person has to be asked.
        :raises ResponseRefused: If they would have to be, and ``prompt=none`` forbids it.
        """
        asks = request.needs_authentication(session, self._clock.seconds()) or "select_account" in request.prompt
        if session is not None and not asks:
            return self.code_location(request, session)
        if "none" in request.prompt:
            raise ResponseRefused(
                "login_required",
                "The person is not signed in.",
                redirect_uri=request.redirect_uri,
                state=request.state,
            )
        raise InteractionRequired

    def choose(self, request: AuthenticationRequest, username: str, current: OPSession | None) -> OPSession:
        """
        The session of whom the person says they are.
        """
        if (
            current is not None
            and current.user.username == username
            and not request.needs_authentication(current, self._clock.seconds())
        ):
            return current
        return self.sign_in(username, current)

    def code_location(self, request: AuthenticationRequest, session: OPSession) -> str:
        """
        The Authentication Response that gives the relying party a code.
        """
        grant = Grant(
            client_id=request.client.client_id,
            user=session.user,
            scope=request.scope & frozenset(SCOPES),
            sid=session.sid,
            auth_time=session.auth_time,
            nonce=request.nonce,
            clients=session.clients,
        )
        code = self.ledger.new_code(grant, redirect_uri=request.redirect_uri, code_challenge=request.code_challenge)
        return response_location(request.redirect_uri, {"code": code}, state=request.state, issuer=self.issuer)

    def tokens_for(
        self,
        username: str,
        *,
        client_id: str | None = None,
        scope: Sequence[str] = SCOPES,
        nonce: str | None = None,
        session: OPSession | None = None,
    ) -> IssuedTokens:
        """
        Tokens as if that person had just signed in to the client (the first one if none is named).
        """
        session = session or self.sign_in(username)
        grant = Grant(
            client_id=client_id or next(iter(self.clients)),
            user=session.user,
            scope=frozenset(scope),
            sid=session.sid,
            auth_time=session.auth_time,
            nonce=nonce,
            clients=session.clients,
        )
        return self.issue(grant, nonce=nonce)

    def issue(self, grant: Grant, *, nonce: str | None = None) -> IssuedTokens:
        """
        Fresh tokens of *grant*; the refresh token only if offline access was granted.
        """
        access_token = self.ledger.new_access_token(grant)
        grant.clients[grant.client_id] = None
        return IssuedTokens(
            access_token=access_token,
            id_token=self._id_token(grant, access_token, nonce),
            refresh_token=self.ledger.new_refresh_token(grant) if "offline_access" in grant.scope else None,
            expires_in=int(self.lifetimes.access_token),
            scope=" ".join(sorted(grant.scope)),
            sub=grant.user.sub,
            sid=grant.sid,
        )

    def sign(self, claims: dict[str, object], typ: str = "JWT") -> str:
        """
        A token that says *claims* and that the OP's JWK Set verifies, whatever it says.
        """
        return self.signers[0].sign(claims, typ)

    def _id_token(self, grant: Grant, access_token: str, nonce: str | None) -> str:
        now = int(self._clock.seconds())
        claims: dict[str, object] = {
            "iss": self.issuer,
            "sub": grant.user.sub,
            "aud": grant.client_id,
            "exp": now + int(self.lifetimes.id_token),
            "iat": now,
            "auth_time": int(grant.auth_time),
            "sid": grant.sid,
            "jti": secrets.token_urlsafe(16),
            "at_hash": _at_hash(access_token, self.signers[0].algorithm),
        }
        if nonce is not None:
            claims["nonce"] = nonce
        return self.sign(self._altered("id_token", claims))

    def _altered(self, name: str, claims: dict[str, object]) -> dict[str, object]:
        alteration = self.alterations.get(name)
        if alteration is None:
            return claims
        altered = alteration(claims)
        assert isinstance(altered, dict)
        return altered


def _at_hash(access_token: str, algorithm: str) -> str:
    # Core 3.1.3.6; EdDSA's hash is by convention that of Ed25519 itself.
    hashes = {"ES384": hashlib.sha384, "ES512": hashlib.sha512, "EdDSA": hashlib.sha512}
    digest = hashes.get(algorithm, hashlib.sha256)(access_token.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode("ascii")
