"""
The outcome of the question, and the reasons that are not a policy's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from pomerium_tx.authorize.bearer import Settle
from pomerium_tx.request_lines import Usual
from pomerium_tx.routing.route import Route
from pomerium_tx.sessions.handle import NOTHING_PRESENTED, Presented
from pomerium_tx.sessions.session import Session

POMERIUM_ROUTE: Final = "pomerium-route"
ROUTE_NOT_FOUND: Final = "route-not-found"
WEBSOCKETS_NOT_ALLOWED: Final = "websockets-not-allowed"
FOREIGN_ORIGIN: Final = "websocket-foreign-origin"
SEVERAL_SESSIONS: Final = "several-sessions-presented"
SESSION_NOT_FOUND: Final = "session-not-found"
OTHER_PROVIDER: Final = "session-of-other-provider"
INVALID_HANDLE: Final = "handle-invalid"
TOKEN_PENDING: Final = "bearer-token-pending"
TOKEN_REFUSED: Final = "bearer-token-refused"
TOKEN_OVER: Final = "bearer-token-over"
SEVERAL_CREDENTIALS: Final = "several-credentials"
FAILED: Final = "error"
CERTIFICATE_REQUIRED: Final = 495
"""
The status that nginx has made up, and Pomerium has taken over, for want of a valid client certificate.
"""


class Action(Enum):
    """
    What happens to a request.
    """

    PROCEED = "proceed"
    """
    It goes upstream.
    """
    ANSWER = "answer"
    """
    It is let through to a route that answers by itself.
    """
    OWN_PATH = "own path"
    """
    One of our own pages answers.
    """
    SIGN_IN = "sign in"
    """
    302 to the sign-in.
    """
    UNAUTHORIZED = "unauthorized"
    """
    401, for what does not follow a redirect to a page.
    """
    DENY = "deny"
    NOT_FOUND = "not found"
    HOLD = "hold"
    """
    It waits: whether the token that it presents may be believed is not known yet.
    """
    ROBOTS = "robots"
    """
    The robots.txt that keeps robots away, in place of a refusal.
    """


@dataclass(slots=True, kw_only=True)
class Verdict:
    """
    What was decided about one request, and on what grounds.
    """

    action: Action
    status: int
    """
    Of our answer; 200 where an application or a page of ours answers.
    """
    reason: str
    """
    For the person: safe to show.
    """
    allow: bool
    """
    Whether an allow rule holds; an own path is allowed to everybody.
    """
    reasons: tuple[str, ...]
    """
    Why *allow* is what it is.
    """
    denials: tuple[str, ...] = ()
    """
    What refuses the request whatever *allow* says.
    """
    not_denied: tuple[str, ...] = ()
    """
    Why no deny rule holds, where there are some; for the log.
    """
    route: Route | None = None
    session: Session | None = None
    """
    Who asks. None for nobody, whatever was presented.
    """
    live: tuple[Session, ...] = ()
    """
    Every session of which a live handle was presented, by whatever carrier: the end of any of them must cut the
    exchange, even one that is served as nobody's or as somebody else's.
    """
    live_ids: tuple[str, ...] = field(init=False, repr=False, compare=False)
    """
    Their ids.
    """
    presented: Presented = NOTHING_PRESENTED
    origin: str | None = None
    """
    The external origin of the host asked, or None if it is not ours.
    """
    settle: Settle | None = field(default=None, repr=False, compare=False)
    """
    What a request that is to wait waits for; then it is asked again.
    """
    told_of: object = field(default=None, repr=False, compare=False)
    told: Usual = field(default=Usual((), ""), repr=False, compare=False)
    """
    What the log says of it, and of which request it did so last.
    """

    def __post_init__(self) -> None:
        self.live_ids = tuple([session.id for session in self.live])

    @property
    def details(self) -> tuple[str, ...]:
        """
        Why the request is refused, where its route tells people.
        """
        if self.route is None or not self.route.show_error_details or self.action is not Action.DENY:
            return ()
        return (*self.denials, *(() if self.allow else self.reasons))
