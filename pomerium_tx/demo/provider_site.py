"""
The development OP over HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from pomerium_tx.demo import endpoints, interaction
from pomerium_tx.demo.authorization import parse_query
from pomerium_tx.demo.interaction import SESSION_COOKIE
from pomerium_tx.demo.ledger import RequestRefused
from pomerium_tx.demo.messages import Answer, Fault, Received, json_answer
from pomerium_tx.demo.provider import DevelopmentProvider
from pomerium_tx.web.fetch_metadata import unsafe_request_allowed

log = Logger()

_LONGEST_FORM = 65536
_COOKIE_NAME = SESSION_COOKIE.encode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Endpoint:
    name: str
    methods: tuple[str, ...]
    answer: Callable[[DevelopmentProvider, Received], Answer | Deferred[Answer]]


_GET = ("GET",)
_POST = ("POST",)
_BOTH = ("GET", "POST")
_ENDPOINTS: Mapping[str, _Endpoint] = {
    "/": _Endpoint(name="home", methods=_GET, answer=interaction.home),
    "/style.css": _Endpoint(name="style", methods=_GET, answer=interaction.style),
    "/.well-known/openid-configuration": _Endpoint(name="discovery", methods=_GET, answer=endpoints.discovery),
    "/jwks": _Endpoint(name="jwks", methods=_GET, answer=endpoints.jwks),
    "/logout.js": _Endpoint(name="script", methods=_GET, answer=interaction.script),
    "/authorize": _Endpoint(name="authorization", methods=_BOTH, answer=interaction.authorization),
    "/sign-in": _Endpoint(name="sign_in", methods=_POST, answer=interaction.sign_in),
    "/sign-out": _Endpoint(name="sign_out", methods=_POST, answer=interaction.sign_out),
    "/token": _Endpoint(name="token", methods=_POST, answer=endpoints.token),
    "/userinfo": _Endpoint(name="userinfo", methods=_BOTH, answer=endpoints.userinfo),
    "/revoke": _Endpoint(name="revocation", methods=_POST, answer=endpoints.revocation),
    "/end-session": _Endpoint(name="end_session", methods=_BOTH, answer=interaction.end_session),
    "/end-session/confirm": _Endpoint(
        name="confirm_end_session", methods=_POST, answer=interaction.confirm_end_session
    ),
}


def provider_resource(provider: DevelopmentProvider) -> IResource:
    """
    The root of the OP's resource tree.
    """
    return _ProviderResource(provider)


class _ProviderResource(Resource):
    isLeaf = True

    def __init__(self, provider: DevelopmentProvider) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's, untyped
        self._provider = provider
        self._authority = urlsplit(provider.issuer).netloc.encode("ascii")

    def render(self, request: Request) -> int:
        answer = self._answer(request)
        later = answer if isinstance(answer, Deferred) else succeed(answer)
        has_gone = False

        def gone(_: Failure) -> None:
            nonlocal has_gone
            has_gone = True

        def respond(answer: Answer | Failure) -> None:
            if isinstance(answer, Failure):
                log.failure("A page of the OP failed", answer)
                answer = Answer(status=500)
            if not has_gone and not answer.silent:
                _respond(request, answer)

        request.notifyFinish().addErrback(gone)
        later.addBoth(respond)
        return NOT_DONE_YET

    def _answer(self, request: Request) -> Answer | Deferred[Answer]:
        if request.getHeader(b"host") != self._authority:
            # Another name for this address would let its pages act as ours: DNS rebinding.
            return json_answer({"error": "invalid_request", "error_description": "This is another host."}, status=421)
        endpoint = _ENDPOINTS.get(request.path.decode("ascii", "replace"))
        if endpoint is None:
            return json_answer({"error": "not_found"}, status=404)
        method = request.method.decode("ascii", "replace")
        if method not in endpoint.methods:
            return json_answer(
                {"error": "invalid_request"}, status=405, headers=(("Allow", ", ".join(endpoint.methods)),)
            )
        try:
            received = self._received(request, endpoint.name, method)
        except RequestRefused as refused:
            document = {"error": refused.error, "error_description": refused.description}
            return json_answer(document, status=refused.status)
        self._provider.remember(received)
        fault = self._fault(received)
        return endpoint.answer(self._provider, received) if fault is None else fault.answer()

    def _received(self, request: Request, endpoint: str, method: str) -> Received:
        _, _, raw_query = request.uri.partition(b"?")
        query = raw_query.decode("ascii", "replace")
        return Received(
            endpoint=endpoint,
            method=method,
            query=query,
            parameters=tuple(_form(request) if method == "POST" else parse_query(query)),
            authorization=_text(request.getHeader(b"authorization")),
            session_handle=_text(_session_cookie(request)),
            is_ours=unsafe_request_allowed(request.getHeader, self._provider.issuer),
        )

    def _fault(self, received: Received) -> Fault | None:
        misbehaviour = self._provider.faults.get(received.endpoint)
        if misbehaviour is None or isinstance(misbehaviour, Fault):
            return misbehaviour
        return misbehaviour(received)


def _respond(request: Request, answer: Answer) -> None:
    request.setResponseCode(answer.status)
    for name, value in answer.headers:
        request.responseHeaders.addRawHeader(name, value)
    request.responseHeaders.setRawHeaders("Content-Length", [str(len(answer.body))])
    request.write(answer.body)  # type: ignore[no-untyped-call]  # Twisted's, untyped
    request.finish()  # type: ignore[no-untyped-call]  # Twisted's, untyped


def _form(request: Request) -> list[tuple[str, str]]:
    media_type = (request.getHeader(b"content-type") or b"").partition(b";")[0].strip().lower()
    if media_type != b"application/x-www-form-urlencoded":
        return []
    assert request.content is not None
    body = request.content.read(_LONGEST_FORM + 1)
    if len(body) > _LONGEST_FORM:
        raise RequestRefused("invalid_request", "The form is too long.", 413)
    return parse_query(body.decode("utf-8", "replace"))


def _session_cookie(request: Request) -> bytes | None:
    value: bytes | None = request.getCookie(_COOKIE_NAME)  # type: ignore[no-untyped-call]  # Twisted's, untyped
    return value


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")


class UnloggedSite(Site):
    """
    A site without an access log: its URLs carry codes, states and tokens.
    """

    noisy = False

    def log(self, request: object) -> None:
        """
        Nothing is written.
        """
