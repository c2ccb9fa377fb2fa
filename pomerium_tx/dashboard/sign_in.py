"""
What a page of a route host that needs a session answers without one.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from pomerium_tx.dashboard.login import LoginStart
from pomerium_tx.dashboard.presented import RouteSessions
from pomerium_tx.web.fetch_metadata import unauthenticated_is_401
from pomerium_tx.web.resource import Answer, HttpProblem, PageRequest, redirect


class RouteSignIn:
    """
    Sends people to sign in, and tells programs that they have to.
    """

    def __init__(
        self, *, sessions: RouteSessions, login: LoginStart, idp_id_of: Callable[[str], str], clock: IReactorTime
    ) -> None:
        """
        :param idp_id_of: The OP that an origin's routes want people from.
        """
        self._sessions = sessions
        self._login = login
        self._idp_id_of = idp_id_of
        self._clock = clock

    def begin(self, request: PageRequest) -> Answer:
        """
        The way to the sign-in and back to this page.

        :raises HttpProblem: 401, for what does not follow a redirect to a page.
        """
        if unauthenticated_is_401(request.header, handle_outside_cookie=self._sessions.outside_cookie(request)):
            raise HttpProblem(401, "Unauthenticated")
        location, set_cookie = self._login.begin(
            request.url, request.raw_headers(b"cookie"), self._idp_id_of(request.origin), self._clock.seconds()
        )
        return redirect(location, headers=[("Set-Cookie", set_cookie)])
