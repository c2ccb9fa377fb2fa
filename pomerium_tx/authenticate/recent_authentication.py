"""
What reaches beyond a person's own browser needs a person who has just said who they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlencode

from twisted.internet.interfaces import IReactorTime

from pomerium_tx import paths
from pomerium_tx.authenticate.browser import Browser
from pomerium_tx.authenticate.new_session import NOT_KNOWN
from pomerium_tx.authenticate.start import SignInStart
from pomerium_tx.sessions.session import Session
from pomerium_tx.web.fetch_metadata import prefers_json
from pomerium_tx.web.resource import Answer, HttpProblem, PageRequest

MOST_AGE = 300.0
"""
Seconds: of an authentication that is recent.
"""
ASKED = "pomerium_asked"
"""
The parameter with which the page of sessions is reached from a sign-in that was begun here.
"""


class RecentAuthentication:
    """
    Knows whether a person's authentication is recent, and asks for another.
    """

    def __init__(self, *, start: SignInStart, clock: IReactorTime) -> None:
        self._start = start
        self._clock = clock

    def is_recent(self, session: Session) -> bool:
        """
        Whether the person of the session has said who they are a moment ago, as far as that is known.
        """
        return session.authenticated != NOT_KNOWN and self._clock.seconds() - session.authenticated <= MOST_AGE

    def stale(self, sessions: Iterable[Session]) -> Session | None:
        """
        The first of some sessions whose person has not, as far as that is known.

        That somebody has just said who they are to one OP says nothing about who they are at another.
        """
        return next((session for session in sessions if not self.is_recent(session)), None)

    async def ask(self, request: PageRequest, browser: Browser, session: Session) -> Answer:
        """
        Off to the OP, which must ask the person and say when it has (OpenID Connect Core 1.0, section 3.1.2.1:
        ``max_age`` makes ``auth_time`` required), and back to their sessions.

        An OP that does not ask leads nowhere in a circle: the person has to press the button again.

        :raises HttpProblem: To a script, which no OP can ask.
        """
        if prefers_json(request.header("Accept")):
            raise HttpProblem(403, "This needs a sign-in of the last five minutes. Nothing was ended.")
        return await self._start.begin(
            request,
            browser,
            return_url=f"{request.origin}{paths.DASHBOARD}?{urlencode({ASKED: '1'})}",
            idp_id=self._start.known_idp_id(session.idp_id),
            by_click=True,
            most_age=MOST_AGE,
        )
