"""
What a user agent brings to the authenticate host: its session, its CSRF secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from twisted.internet.interfaces import IReactorTime

from pomerium_tx.logout.session_cookie import CookieSettings
from pomerium_tx.sessions.departure import Departure
from pomerium_tx.sessions.handle import Handle, Handles
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import Session
from pomerium_tx.web.cookies import set_cookie
from pomerium_tx.web.csrf import FIELD, HEADER, Csrf
from pomerium_tx.web.fetch_metadata import unsafe_request_allowed
from pomerium_tx.web.resource import HttpProblem, PageRequest

CSRF_LIFETIME = 43200


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """
    One user agent, as one request shows it.
    """

    handles: tuple[Handle, ...]
    """
    Every different valid handle in its session cookie that was made for this host.
    """
    has_cookie: bool
    session: Session | None
    """
    The live session that its handles name, of several that of the last sign-in. Several of one OP, or of several
    browsers, are no session.
    """
    sessions: tuple[Session, ...] = ()
    """
    All that live, one for each OP, the last sign-in first.
    """
    cookies: tuple[tuple[str, str], ...] = ()
    """
    The names of its session cookies, each with the session that it names, live or not; empty for none.
    """
    csrf_secret: bytes = field(repr=False)
    """
    The first that it brought; else a fresh one.
    """
    csrf_secrets: tuple[bytes, ...] = field(repr=False, default=())
    """
    All that it brought: a sibling host can have planted some, in front of its own.
    """

    def session_of(self, idp_id: str) -> Session | None:
        """
        The live session of one client at an OP.
        """
        return next((session for session in self.sessions if session.idp_id == idp_id), None)

    @property
    def session_ids(self) -> tuple[str, ...]:
        """
        The sessions that its handles name, live or not.
        """
        return tuple(handle.session_id for handle in self.handles)


class Browsers:
    """
    Reads user agents' cookies, and writes them.
    """

    def __init__(
        self,
        *,
        registry: SessionRegistry,
        handles: Handles,
        cookie: CookieSettings,
        csrf: Csrf,
        authenticate_host: str,
        clock: IReactorTime,
    ) -> None:
        """
        :param cookie: The ``cookie_*`` options; the authenticate host's cookie has a name of its own.
        """
        self._registry = registry
        self._handles = handles
        self._cookie = cookie.on_authenticate
        self._csrf = csrf
        self._csrf_name = f"{cookie.name}_csrf"
        self._authenticate_host = authenticate_host
        self._clock = clock

    def read(self, request: PageRequest) -> Browser:
        """
        The user agent that makes this request.
        """
        pairs = self._cookie.pairs(request.raw_headers(b"cookie"))
        opened = [(name, self._handles.open(value)) for name, value in pairs]
        own = (self._authenticate_host,)
        # Not those of route hosts, although they are good for this host too: applications are nearer to them.
        ours = [(name, handle) for name, handle in opened if handle is not None and handle.audience == own]
        handles = {handle.session_id: handle for _, handle in ours}
        # One that is no more, left behind or planted, takes nothing away from the one that lives.
        live = [session for name in handles if (session := self._registry.find(name)) is not None]
        sessions = _of_one_browser(live)
        read = (self._csrf.read((value,)) for value in request.cookies(self._csrf_name))
        secrets = tuple(dict.fromkeys(secret for secret in read if secret is not None))
        return Browser(
            handles=tuple(handles.values()),
            has_cookie=bool(pairs),
            session=sessions[0] if sessions else None,
            sessions=sessions,
            cookies=(*((name, handle.session_id) for name, handle in ours), *((name, "") for name, _ in pairs)),
            csrf_secret=secrets[0] if secrets else self._csrf.new(),
            csrf_secrets=secrets,
        )

    def in_header_only(self, browser: Browser, request: PageRequest) -> bool:
        """
        Whether a handle is presented in a header, and none in this host's own cookie.
        """
        presented = self._handles.presented(
            authorization=request.raw_headers(b"authorization"),
            x_pomerium_authorization=request.raw_headers(b"x-pomerium-authorization"),
        )
        return presented.claimed and not browser.has_cookie

    def browser_id(self, browser: Browser) -> str:
        """
        The ``browser`` that a session which begins now belongs to: that of the session it has, else its own.
        """
        return browser.session.browser if browser.session is not None else self._csrf.browser_id(browser.csrf_secret)

    def own_ids(self, browser: Browser) -> frozenset[str]:
        """
        Every ``browser`` that a sign-in which it began without a session can belong to.
        """
        return frozenset(self._csrf.browser_id(secret) for secret in browser.csrf_secrets)

    def is_of(self, browser: Browser, departure: Departure) -> bool:
        """
        Whether a departure is that of a session which this very user agent had.

        It still has its handle, or the secret that its sessions are told by.
        """
        if not self.own_ids(browser).isdisjoint(departure.browsers):
            return True
        receipts = (self._registry.ended(name) for name in browser.session_ids)
        return any(receipt is not None and receipt.id == departure.receipt_id for receipt in receipts)

    def is_signed_in(self, browser: Browser) -> bool:
        """
        Whether any of its handles names a live session, be it a planted one.
        """
        return any(self._registry.find(name) is not None for name in browser.session_ids)

    def session_cookie(self, session: Session) -> tuple[str, str]:
        """
        The field that gives the user agent its session.
        """
        cookie = self._cookie.of(session.idp_id)
        return "Set-Cookie", cookie.set(self.mint(session, (self._authenticate_host,)), self._clock.seconds())

    def mint(self, session: Session, audience: tuple[str, ...]) -> str:
        """
        A fresh handle.
        """
        return self._handles.mint(
            session.id,
            user_id=session.user_id,
            issuer=self._authenticate_host,
            audience=audience,
            idp_id=session.idp_id,
            now=self._clock.seconds(),
        )

    def without_stale_session(self, browser: Browser) -> tuple[tuple[str, str], ...]:
        """
        The fields that clear the session cookies which name no live session.
        """
        living = {name for name, session_id in browser.cookies if self._registry.find(session_id) is not None}
        names = dict.fromkeys(name for name, _ in browser.cookies)
        return tuple(("Set-Cookie", self._cookie.named(name).clear()) for name in names if name not in living)

    def csrf_cookie(self, browser: Browser) -> tuple[str, str]:
        """
        The field that keeps the CSRF secret, for as long again.
        """
        return "Set-Cookie", set_cookie(
            self._csrf_name,
            self._csrf.cookie_value(browser.csrf_secret),
            max_age=CSRF_LIFETIME,
            expires=self._clock.seconds() + CSRF_LIFETIME,
            same_site=self._cookie.crossing_same_site,
        )

    def token(self, browser: Browser) -> str:
        """
        A CSRF token for this user agent and its session.
        """
        return self._csrf.token(browser.csrf_secret, _session_id(browser))

    def has_token(self, browser: Browser, request: PageRequest) -> bool:
        """
        Whether the request brings a CSRF token of this user agent, in the field or in the parameter.
        """
        token = request.header(HEADER) or request.one(FIELD)
        if not token:
            return False
        # Another of its sessions may have begun or ended since.
        known = {_session_id(browser), *browser.session_ids}
        return any(self._csrf.verifies(token, secret, name) for secret in browser.csrf_secrets for name in known)


def _of_one_browser(live: Sequence[Session]) -> tuple[Session, ...]:
    """
    Live sessions, if they can all be one person's: one browser's, and of each OP only one.
    """
    if len({session.browser for session in live}) > 1 or len({session.idp_id for session in live}) < len(live):
        return ()
    return tuple(sorted(live, key=lambda session: (-session.began, session.id)))


def _session_id(browser: Browser) -> str | None:
    if browser.session is not None:
        return browser.session.id
    # An ended one as well: the second click on "sign out" deserves the answer of the first.
    return browser.session_ids[0] if len(browser.session_ids) == 1 else None


def require_own_page(request: PageRequest) -> None:
    """
    Return, unless another site's page makes the request.

    :raises HttpProblem: If one does.
    """
    if not unsafe_request_allowed(request.header, request.origin):
        raise HttpProblem(400, "This request came from another site, and has changed nothing.")
