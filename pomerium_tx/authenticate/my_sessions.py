"""
A person's own sessions: where they are signed in, and the buttons that end that.

Only the authenticate host has these pages, so that no application's script can read or press them.
"""

from __future__ import annotations

import hmac
import json
from typing import ClassVar, NoReturn
from urllib.parse import urlencode

from twisted.internet.interfaces import IReactorTime

from pomerium_tx import paths
from pomerium_tx.authenticate.browser import Browser, Browsers, require_own_page
from pomerium_tx.authenticate.hold import Holds
from pomerium_tx.authenticate.recent_authentication import ASKED, RecentAuthentication
from pomerium_tx.authenticate.start import SignInStart
from pomerium_tx.logout.ending import Ending
from pomerium_tx.logout.sign_out_request import nothing_was_ended
from pomerium_tx.sessions.elsewhere import SeenExchange
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import Cause, StoreUnavailable
from pomerium_tx.web import session_pages
from pomerium_tx.web.csrf import FIELD
from pomerium_tx.web.fetch_metadata import prefers_json
from pomerium_tx.web.resource import Answer, HttpProblem, Page, PageRequest, html_answer, json_answer, redirect
from pomerium_tx.web.sealed import Sealer, to_base64url
from pomerium_tx.web.session_pages import Deed, ShownExchange, ShownSession

SESSIONS = "sessions"
"""
The name below ``/.pomerium/`` of the page that the buttons POST to.
"""
EVERYWHERE_FIELD = "everywhere"
"""
The form field that makes a sign-out one on all the person's devices.
"""
ACTION_FIELD = "action"
END_ONE = "end_one"
END_OTHERS = "end_others"
SESSION_FIELD = "session"
ENDED_PARAMETER = "pomerium_receipt"
"""
The parameter with the sealed receipt of what a session's person has just ended.
"""
_RECEIPT = "receipt of one's own"


class OwnSessions:
    """
    The sessions of one person, as one browser of theirs sees them.
    """

    def __init__(
        self,
        *,
        registry: SessionRegistry,
        browsers: Browsers,
        holds: Holds,
        start: SignInStart,
        sealer: Sealer,
        clock: IReactorTime,
    ) -> None:
        self._registry = registry
        self._browsers = browsers
        self._holds = holds
        self._start = start
        self._sealer = sealer
        self._clock = clock

    def current(self, request: PageRequest, browser: Browser) -> Session | None:
        """
        The session that the browser has, unless its person has signed out since.
        """
        return None if self._holds.in_force(request, browser) is not None else browser.session

    def used(self, request: PageRequest, browser: Browser) -> Session | None:
        """
        What `current` says, for a page whose opening is use of that session.
        """
        session = self.current(request, browser)
        if session is not None:
            self._registry.touch(session.id, request.client_address)
        return session

    async def sign_in(self, request: PageRequest, browser: Browser) -> Answer:
        """
        The way to a session and back, or the page that says that the person has signed out.
        """
        here = request.origin + paths.DASHBOARD
        return await self._start.unless_held(
            request, browser, return_url=here, held_url=here, idp_id=self._start.known_idp_id(None)
        )

    def all(self, browser: Browser, own: Session) -> list[Session]:
        """
        Those of the same person, that of this browser first, then the last used. By which names the OPs know the
        person, the sessions say that this browser shows: what a browser is called can have been planted.
        """
        people = {(one.iss, one.sub) for one in (own, *browser.sessions)}
        names = frozenset[str]().union(*(self._registry.by_sub(iss, sub) for iss, sub in people))
        found = (self._registry.find(name) for name in names)
        return sorted(
            (session for session in found if session is not None),
            key=lambda one: (one.id != own.id, one.browser != own.browser, -self._registry.last_seen(one.id), one.id),
        )

    def named(self, browser: Browser, own: Session, reference: str) -> Session | None:
        """
        The session of this person that a reference stands for in this browser.
        """
        references = [
            (session, _reference(secret, session))
            for session in self.all(browser, own)
            for secret in browser.csrf_secrets
        ]
        given = reference.encode()
        return next((session for session, known in references if hmac.compare_digest(known.encode(), given)), None)

    async def shown(self, browser: Browser, own: Session) -> list[ShownSession]:
        """
        All that the person may know of them.
        """
        exchanges = await self._registry.exchanges_everywhere([session.id for session in self.all(browser, own)])
        # Some may have ended in the meantime.
        sessions = self.all(browser, own)
        has_several_names = len({(session.iss, session.sub) for session in sessions}) > 1
        return [
            ShownSession(
                reference=_reference(browser.csrf_secret, session),
                is_here=session.browser == own.browser,
                user_agent=session.user_agent,
                address=session.address,
                last_address=self._registry.last_address(session.id),
                began=session.began,
                last_seen=self._registry.last_seen(session.id),
                routes=sorted(session.origins),
                exchanges=[self._exchange(session, exchange) for exchange in exchanges.get(session.id, ())],
                signed_in=_signed_in(session) if has_several_names else "",
            )
            for session in sessions
        ]

    def seal_receipt(self, own: Session, receipt: Receipt) -> str:
        """
        A receipt as the person whose session this is may show it to us again, and nobody else.
        """
        content = {"session": own.id, "receipt": receipt.id}
        return self._sealer.seal(_RECEIPT, json.dumps(content).encode())

    def sealed_receipt(self, own: Session, value: str) -> str | None:
        """
        The id of a receipt that was sealed for this session.
        """
        plaintext = self._sealer.open(_RECEIPT, value)
        content = {} if plaintext is None else json.loads(plaintext)
        return content["receipt"] if content.get("session") == own.id else None

    def _exchange(self, session: Session, exchange: SeenExchange) -> ShownExchange:
        use = session.uses.get(exchange.route_id)
        return ShownExchange(
            kind=exchange.kind,
            route="" if use is None else use.origin,
            age=exchange.age,
            bytes_in=exchange.bytes_in,
            bytes_out=exchange.bytes_out,
        )


def _signed_in(session: Session) -> str:
    return f"{session.name or session.user_id}{f' ({session.email})' if session.email else ''} at {session.iss}"


def _reference(csrf_secret: bytes, session: Session) -> str:
    # Whoever reads it learns nothing of the session, and it is good for nothing in any other browser.
    digest = hmac.digest(csrf_secret, b"session reference " + session.id.encode(), "sha256")
    return to_base64url(digest[:16])


class MySessionsPage(Page):
    """
    ``/.pomerium/``: all sessions of the person in whose browser it is.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("GET",)

    def __init__(
        self, *, registry: SessionRegistry, browsers: Browsers, sessions: OwnSessions, recent: RecentAuthentication
    ) -> None:
        super().__init__()
        self._registry = registry
        self._browsers = browsers
        self._sessions = sessions
        self._recent = recent

    async def answer(self, request: PageRequest) -> Answer:
        """
        The sessions, or the way to sign in.
        """
        browser = self._browsers.read(request)
        own = self._sessions.used(request, browser)
        if own is None:
            return await self._sessions.sign_in(request, browser)
        shown = await self._sessions.shown(browser, own)
        headers = [self._browsers.csrf_cookie(browser)]
        if prefers_json(request.header("Accept")):
            return json_answer({"sessions": [session.as_json() for session in shown]}, headers=headers)
        token = (FIELD, self._browsers.token(browser))
        body = session_pages.my_sessions(
            shown,
            user=own.name or own.user_id,
            email=own.email,
            sign_out=Deed(action=paths.SIGN_OUT, fields=[token]),
            sign_out_everywhere=Deed(action=paths.SIGN_OUT, fields=[token, (EVERYWHERE_FIELD, "1")]),
            end_one=Deed(action=paths.DASHBOARD + SESSIONS, fields=[token, (ACTION_FIELD, END_ONE)]),
            end_others=Deed(action=paths.DASHBOARD + SESSIONS, fields=[token, (ACTION_FIELD, END_OTHERS)]),
            reference_field=SESSION_FIELD,
            notice=self._notice(request, own),
        )
        return html_answer(body, headers=headers, listening=True)

    def _notice(self, request: PageRequest, own: Session) -> str:
        ended = self._sessions.sealed_receipt(own, request.one(ENDED_PARAMETER, "query") or "")
        if ended is not None:
            receipt = self._registry.receipt(ended)
            if receipt is None or not receipt.sessions_ended:
                return "Nothing was left to end there."
            count = receipt.sessions_ended
            return f"{count} session{'' if count == 1 else 's'} ended. Receipt {receipt.id}"
        if request.one(ASKED, "query") is None:
            return ""
        if self._recent.is_recent(own):
            return "You have signed in again. Please press the button again."
        return (
            "Nothing was ended: your identity provider did not ask you to sign in again, and sessions elsewhere can be"
            " ended only after it has."
        )


class EndSessionsPage(Page):
    """
    ``/.pomerium/sessions``: ends the person's sessions in other browsers.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("POST",)
    reads_form: ClassVar[bool] = True

    def __init__(
        self, *, browsers: Browsers, sessions: OwnSessions, recent: RecentAuthentication, ending: Ending
    ) -> None:
        super().__init__()
        self._browsers = browsers
        self._sessions = sessions
        self._recent = recent
        self._ending = ending

    async def answer(self, request: PageRequest) -> Answer:
        """
        End them, and show what is left.
        """
        require_own_page(request)
        browser = self._browsers.read(request)
        own = self._sessions.used(request, browser)
        if own is None:
            return await self._sessions.sign_in(request, browser)
        if not self._browsers.has_token(browser, request):
            _refuse("This page is too old. Nothing was ended: please open your sessions again.")
        action = request.one(ACTION_FIELD, "form")
        if action not in (END_ONE, END_OTHERS):
            _refuse("It is not known what to end. Nothing was ended.")
        if action == END_ONE:
            cause, named = Cause.USER_AUTHENTICATE, self._one(request, browser, own)
        else:
            cause = Cause.USER_EVERYWHERE
            named = [session for session in self._sessions.all(browser, own) if session.browser != own.browser]
        people = {(session.iss, session.sub) for session in named}
        stale = self._recent.stale(one for one in browser.sessions if not people or (one.iss, one.sub) in people)
        if stale is not None:
            return await self._recent.ask(request, browser, stale)
        try:
            receipt = await self._ending.end_elsewhere([session.id for session in named], cause)
        except StoreUnavailable:
            raise nothing_was_ended() from None
        if prefers_json(request.header("Accept")):
            return json_answer(receipt.as_json(with_routes=True))
        query = urlencode({ENDED_PARAMETER: self._sessions.seal_receipt(own, receipt)})
        return redirect(f"{request.origin}{paths.DASHBOARD}?{query}", status=303)

    def _one(self, request: PageRequest, browser: Browser, own: Session) -> list[Session]:
        session = self._sessions.named(browser, own, request.one(SESSION_FIELD, "form") or "")
        if session is None:
            # Ended by now, or never there: the answer is the same.
            return []
        if session.browser == own.browser:
            _refuse("That is the session of this browser. Nothing was ended: please use the button that signs out.")
        return [session]


def _refuse(message: str) -> NoReturn:
    raise HttpProblem(400, message, title="Nothing was ended", retry=paths.DASHBOARD)
