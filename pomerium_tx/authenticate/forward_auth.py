"""
``/.pomerium/verify`` and ``/.pomerium/auth``: other proxies ask, per request, whether they may let it through.

Traefik and Caddy give the client whatever is answered but 2xx, so they are answered as the client would be here. nginx
(``auth_request``) understands 2xx, 401 and 403 only, and takes from an answer what it is told to take: the way to the
sign-in is in ``Location``, of a 401 too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from twisted.logger import Logger

from pomerium_tx import paths
from pomerium_tx.assertion.assertion import Assertions
from pomerium_tx.assertion.claims import claim_headers
from pomerium_tx.authenticate.original_request import Told, original_request
from pomerium_tx.authorize.bearer import Settle, TokenUnknown
from pomerium_tx.authorize.verdict import Action, Verdict
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import BadRequest, HeadLimits, RequestHead
from pomerium_tx.policy.client import Client
from pomerium_tx.routing.route import Route
from pomerium_tx.sessions.session import Session
from pomerium_tx.web.resource import Answer, HttpProblem, Page, PageRequest, redirect, text_answer

log = Logger()

_NOT_NOW = "The token cannot be verified just now."

_CLAIMS = {"X-Auth-Request-User": "user", "X-Auth-Request-Email": "email", "X-Auth-Request-Groups": "groups"}
"""
By the names that oauth2-proxy gives them, which configurations of other proxies know.
"""


class _Check(Protocol):
    def __call__(
        self, head: RequestHead, canonical: Canonical, client: Client, request_id: str, *, forward_auth: bool
    ) -> Verdict: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding:
    """
    What the decision needs.
    """

    is_trusted: Callable[[str], bool]
    """
    Whether an address is that of a trusted proxy.
    """
    check: _Check
    """
    THE QUESTION.
    """
    used: Callable[[Session, Route, str, str], None]
    """
    Session, route, external origin and address of each request that is let through.
    """
    touch: Callable[[str, str], None]
    """
    Session and address of each that is not.
    """
    begin_sign_in: Callable[[str, Sequence[bytes], Route], tuple[str, str]]
    """
    From the wanted URL, the Cookie fields and the route: the sign-in URL and the ``Set-Cookie`` that goes with it.
    """
    assertions: Assertions
    limits: HeadLimits
    normalize_path: bool
    merge_slashes: bool
    lacks_certificate: bool = False
    """
    Whether clients are asked for certificates, of which nothing is known here.
    """


class VerifyPage(Page):
    """
    Answers Traefik and Caddy.
    """

    methods: ClassVar[tuple[str, ...] | None] = None
    told: ClassVar[Told] = Told.FORWARDED

    def __init__(self, deciding: Deciding) -> None:
        super().__init__()
        self._deciding = deciding

    async def answer(self, request: PageRequest) -> Answer:
        """
        What becomes of the request that is asked about.
        """
        deciding = self._deciding
        if not deciding.is_trusted(request.peer_address):
            log.warn(
                "Forward authentication is refused to {address}: if that is your proxy, list it in trusted_proxies",
                address=request.peer_address,
                request_id=request.request_id,
            )
            raise HttpProblem(403, "Only proxies that are listed in trusted_proxies may ask this.")
        try:
            head, canonical = original_request(
                request.fields,
                self.told,
                deciding.limits,
                normalize_path=deciding.normalize_path,
                merge_slashes=deciding.merge_slashes,
            )
        except BadRequest as problem:
            log.warn(
                "A request that the proxy {address} asks about is refused: {reason}",
                address=request.peer_address,
                reason=problem.reason,
                request_id=request.request_id,
            )
            raise self.refused(problem.status, problem.reason) from None
        client = Client(address=request.client_address, lacks_certificate=deciding.lacks_certificate)
        verdict = deciding.check(head, canonical, client, request.request_id, forward_auth=True)
        if verdict.settle is not None:
            await self._settled(verdict.settle, request)
            verdict = deciding.check(head, canonical, client, request.request_id, forward_auth=True)
        session, route = verdict.session, verdict.route
        if verdict.action is Action.PROCEED and route is not None:
            if session is not None:
                deciding.used(session, route, verdict.origin or "", client.address)
            return text_answer("", headers=self._identity(route, session, canonical))
        if session is not None:
            deciding.touch(session.id, client.address)
        return self._refusal(head, canonical, verdict)

    async def _settled(self, settle: Settle, request: PageRequest) -> None:
        """
        More is known of the bearer token that the request presents.
        """
        try:
            await settle(request.client_address, request.user_agent)
        except TokenUnknown:
            raise self.refused(503, _NOT_NOW) from None

    def refused(self, status: int, message: str, verdict: Verdict | None = None) -> HttpProblem:
        """
        What is answered where the client may not pass.
        """
        if verdict is None:
            return HttpProblem(status, message)
        sign_out_path = None if verdict.session is None else paths.SIGN_OUT
        return HttpProblem(status, message, sign_out_path=sign_out_path, details=verdict.details)

    def sign_in(self, location: str, set_cookie: str) -> Answer:
        """
        What is answered where the client is to sign in.
        """
        return redirect(location, headers=[("Set-Cookie", set_cookie)])

    def _refusal(self, head: RequestHead, canonical: Canonical, verdict: Verdict) -> Answer:
        match verdict.action:
            case Action.SIGN_IN:
                assert verdict.route is not None and verdict.origin is not None
                # The person's own spelling comes back after the sign-in, byte for byte.
                target = head.target if head.target.startswith(b"/") else canonical.target
                url = verdict.origin + target.decode("ascii")
                return self.sign_in(*self._deciding.begin_sign_in(url, head.get_all(b"cookie"), verdict.route))
            case Action.UNAUTHORIZED:
                raise HttpProblem(
                    401, "You are not signed in, or no longer.", headers=[("WWW-Authenticate", "Pomerium")]
                )
            case Action.OWN_PATH:
                raise self.refused(403, "This path is the access proxy's own: send requests for it there.")
            case Action.ANSWER:
                # Whoever may have that answer is not meant to reach an application.
                raise self.refused(403, "There is no application at this address: the access proxy answers itself.")
            case Action.NOT_FOUND:
                raise self.refused(404, "No application is known at this address.")
            case Action.HOLD:
                raise self.refused(503, _NOT_NOW)
            case Action.DENY if verdict.status >= 500:
                raise self.refused(verdict.status, "Something went wrong on our side. It has been written down.")
            case _:
                # Whatever else it is: there is no other answer here that lets nobody through.
                raise self.refused(403, "This application is not for you.", verdict)

    def _identity(self, route: Route, session: Session | None, canonical: Canonical) -> list[tuple[str, str]]:
        if not route.pass_identity_headers:
            return []
        assertions, host = self._deciding.assertions, canonical.host
        lines = assertions.headers(session, host, route.jwt_issuer_format).decode("latin-1")
        told = [(name, value) for name, _, value in (line.partition(": ") for line in lines.split("\r\n") if line)]
        given = {name.lower() for name, _ in told}
        claims = claim_headers(assertions.claims(session, host, route.jwt_issuer_format), _CLAIMS)
        more = [(name.decode("ascii"), value.decode("latin-1")) for name, value in claims]
        return told + [(name, value) for name, value in more if name.lower() not in given]


class AuthPage(VerifyPage):
    """
    Answers nginx.
    """

    told: ClassVar[Told] = Told.ORIGINAL

    def refused(self, status: int, message: str, verdict: Verdict | None = None) -> HttpProblem:
        """
        403 for all that is the client's; of anything but 2xx, 401 and 403 nginx makes a 500.
        """
        return super().refused(status if status >= 500 else 403, message, verdict)

    def sign_in(self, location: str, set_cookie: str) -> Answer:
        """
        401: nginx takes the fields from it.
        """
        headers = [("Location", location), ("Set-Cookie", set_cookie), ("WWW-Authenticate", "Pomerium")]
        return text_answer("You are not signed in, or no longer.\n", status=401, headers=headers)
