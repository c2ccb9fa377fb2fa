"""
What stands between a session and a program that wants to use it: the person's click.

Whoever gets somebody to open a link could otherwise have the person's session handle sent to any program on their
computer, or to any site that the operator has named for another purpose, without their noticing: a silent sign-in
leaves nothing to be seen.
"""

from __future__ import annotations

import json

from twisted.internet.interfaces import IReactorTime

from pomerium_tx import paths
from pomerium_tx.authenticate.browser import Browser, Browsers, require_own_page
from pomerium_tx.authenticate.sign_in_request import SignInRequest, SignInRequests
from pomerium_tx.sessions.session import Session
from pomerium_tx.web.program_page import allow_program
from pomerium_tx.web.programmatic import ProgrammaticRedirects
from pomerium_tx.web.resource import Answer, HttpProblem, PageRequest, html_answer
from pomerium_tx.web.sealed import Sealer

PROGRAM = "pomerium_program"
"""
The form field with what the person was asked.
"""
LIFETIME = 600.0
_PURPOSE = "programmatic sign-in"
_AGAIN = "This page is too old, or you have signed out meanwhile. Please start the program's sign-in again."


class ProgramConsents:
    """
    Asks, and knows an answer when it comes.
    """

    def __init__(
        self,
        *,
        browsers: Browsers,
        requests: SignInRequests,
        redirects: ProgrammaticRedirects,
        sealer: Sealer,
        clock: IReactorTime,
    ) -> None:
        self._browsers = browsers
        self._requests = requests
        self._redirects = redirects
        self._sealer = sealer
        self._clock = clock

    def ask(self, browser: Browser, session: Session, asked: SignInRequest) -> Answer:
        """
        The page that asks.
        """
        assert asked.program is not None
        content = {
            "session": session.id,
            "at": self._clock.seconds(),
            "wanted": asked.wanted,
            "origin": asked.origin,
            "login": asked.login,
            "own_query": list(asked.own_query),
        }
        body = allow_program(
            person=session.email or session.name or session.user_id,
            application=asked.origin,
            program=asked.program,
            action=paths.SIGN_IN,
            csrf_token=self._browsers.token(browser),
            hidden={PROGRAM: self._sealer.seal(_PURPOSE, json.dumps(content).encode())},
        )
        return html_answer(body, headers=[self._browsers.csrf_cookie(browser)])

    def given(self, request: PageRequest, browser: Browser) -> tuple[Session, SignInRequest]:
        """
        What the person has said yes to, and as whom.

        :raises HttpProblem: If they have not, or are not who they were.
        """
        require_own_page(request)
        plaintext = self._sealer.open(_PURPOSE, request.one(PROGRAM, "form") or "")
        if plaintext is None or not self._browsers.has_token(browser, request):
            raise HttpProblem(400, _AGAIN)
        content = json.loads(plaintext)
        session = next((one for one in browser.sessions if one.id == content["session"]), None)
        if session is None or not 0 <= self._clock.seconds() - content["at"] <= LIFETIME:
            raise HttpProblem(400, _AGAIN)
        # A reload may have changed who may have what.
        program, origin = (
            self._redirects.origin(content["wanted"]),
            self._requests.route_origin(content["origin"] + "/"),
        )
        if program is None or origin is None:
            raise HttpProblem(400, _AGAIN)
        own_query = [(name, value) for name, value in content["own_query"]]
        return session, SignInRequest(
            wanted=content["wanted"],
            origin=origin,
            idp_id=session.idp_id,
            login=content["login"],
            program=program,
            own_query=own_query,
        )
