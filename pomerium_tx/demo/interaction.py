"""
The endpoints of the development OP that a person's user agent visits.
"""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from twisted.internet.defer import Deferred

from pomerium_tx.demo import pages
from pomerium_tx.demo.authorization import InteractionRequired, ResponseRefused, one, read_request
from pomerium_tx.demo.end_session import LogoutRequest, read_logout
from pomerium_tx.demo.ledger import OPSession, RequestRefused
from pomerium_tx.demo.logout_channels import Logout
from pomerium_tx.demo.messages import Answer, Received, page_answer, see_other
from pomerium_tx.demo.provider import DevelopmentProvider

SESSION_COOKIE = "op_session"
_SCRIPT = pages.static_file("logout.js")


def home(provider: DevelopmentProvider, received: Received) -> Answer:
    """
    Who is signed in here.
    """
    session = _session(provider, received)
    if session is None:
        return page_answer(pages.provider_home(None, provider.issuer))
    return page_answer(pages.provider_home(session.user, provider.issuer, clients=tuple(session.clients)))


def style(_: DevelopmentProvider, __: Received) -> Answer:
    """
    How the pages look.
    """
    headers = (("Content-Type", "text/css; charset=utf-8"), ("Cache-Control", "max-age=300"))
    return Answer(headers=headers, body=pages.STYLE)


def script(_: DevelopmentProvider, __: Received) -> Answer:
    """
    What makes the page of a logout go on as soon as everybody has been told.
    """
    headers = (("Content-Type", "text/javascript; charset=utf-8"), ("Cache-Control", "max-age=300"))
    return Answer(headers=headers, body=_SCRIPT)


def authorization(provider: DevelopmentProvider, received: Received) -> Answer:
    """
    An Authentication Request: answered at once, or after the person has said who they are.
    """
    if received.method == "POST":
        return _by_get("/authorize", received)
    session = _session(provider, received)
    try:
        request = read_request(received.query, provider.clients)
        return see_other(provider.respond(request, session))
    except ResponseRefused as refused:
        return see_other(refused.location(provider.issuer))
    except RequestRefused as refused:
        return _refusal(refused)
    except InteractionRequired:
        page = pages.choose_person(
            request.client.client_id,
            provider.users.values(),
            signed_in_as=None if session is None else session.user,
            request=request.query,
        )
        return page_answer(page)


def sign_in(provider: DevelopmentProvider, received: Received) -> Answer:
    """
    The person has said who they are.
    """
    try:
        _require_own_page(received)
        request = read_request(one(received.parameters, "request") or "", provider.clients)
        username = one(received.parameters, "username") or ""
        session = provider.choose(request, username, _session(provider, received))
        location = provider.code_location(request, session)
    except RequestRefused as refused:
        return _refusal(refused)
    return see_other(location, headers=(_cookie(provider, session.handle),))


def end_session(provider: DevelopmentProvider, received: Received) -> Answer | Deferred[Answer]:
    """
    A relying party, or the person, would like the person to be signed out here.
    """
    if received.method == "POST":
        return _by_get("/end-session", received)
    try:
        request = read_logout(received.query, provider)
    except RequestRefused as refused:
        return _refusal(refused)
    session = _session(provider, received)
    if session is None or (request.is_about(session) and not provider.always_confirm_logout):
        return _end(provider, request, session)
    client_id = None if request.client is None else request.client.client_id
    return page_answer(pages.confirm_logout(session.user, client_id=client_id, request=received.query))


def confirm_end_session(provider: DevelopmentProvider, received: Received) -> Answer | Deferred[Answer]:
    """
    The person has said whether they want to be signed out.
    """
    try:
        _require_own_page(received)
        request = read_logout(one(received.parameters, "request") or "", provider)
        confirmed = one(received.parameters, "logout") == "yes"
    except RequestRefused as refused:
        return _refusal(refused)
    session = _session(provider, received)
    if session is not None and not confirmed:
        return page_answer(pages.still_signed_in(session.user))
    return _end(provider, request, session)


def sign_out(provider: DevelopmentProvider, received: Received) -> Answer | Deferred[Answer]:
    """
    The person has pressed *Sign out* on the OP's own page.
    """
    try:
        _require_own_page(received)
    except RequestRefused as refused:
        return _refusal(refused)
    return _end(provider, None, _session(provider, received))


def _end(
    provider: DevelopmentProvider, request: LogoutRequest | None, session: OPSession | None
) -> Answer | Deferred[Answer]:
    client = None if request is None else request.client
    location = None if request is None else request.location()
    logout = None
    if session is not None:
        logout = provider.log_out(session.sid, initiator=None if client is None else client.client_id)
    if logout is None:
        logout = Logout(sid="")

    def answer(_: None) -> Answer:
        forgotten = (_cookie(provider, ""),)
        if location is not None and not logout.frames:
            return see_other(location, headers=forgotten)
        told = [record for record in provider.logouts if record.sid == logout.sid]
        page = pages.signed_out(told, logout.frames, location=location)
        return page_answer(page, headers=forgotten, frames=sorted({_origin(frame.url) for frame in logout.frames}))

    return logout.told.addCallback(answer)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _session(provider: DevelopmentProvider, received: Received) -> OPSession | None:
    if received.session_handle is None:
        return None
    return provider.ledger.find_session(received.session_handle)


def _cookie(provider: DevelopmentProvider, handle: str) -> tuple[str, str]:
    secure = "; Secure" if provider.issuer.startswith("https:") else ""
    gone = "" if handle else "; Max-Age=0"
    return ("Set-Cookie", f"{SESSION_COOKIE}={handle}; Path=/; HttpOnly; SameSite=Lax{secure}{gone}")


def _by_get(path: str, received: Received) -> Answer:
    # A POST from another site comes without the Lax cookie, the GET that follows has it.
    return see_other(f"{path}?{urlencode(received.parameters)}")


def _require_own_page(received: Received) -> None:
    if not received.is_ours:
        raise RequestRefused("invalid_request", "Only this provider's own page may ask for that.", 403)


def _refusal(refused: RequestRefused) -> Answer:
    return page_answer(pages.refusal(refused.error, refused.description), status=refused.status)
