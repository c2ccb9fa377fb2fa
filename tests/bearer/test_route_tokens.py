"""
Tests of `pomerium_tx.bearer.route_tokens`: what one route makes of a token.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.authorize.bearer import Standing
from pomerium_tx.bearer.route_tokens import RouteTokens, sessions_of
from pomerium_tx.sessions.session import Session
from tests.sessions.test_bearers import session


class Known:
    """
    What is known of the only token.
    """

    def __init__(self, found: Session | None = None, *, is_over: bool = False, is_refused: bool = False) -> None:
        self._found, self._is_over, self._is_refused = found, is_over, is_refused

    def digest(self, raw: bytes) -> str:
        return "digest"

    def session(self, digest: str, kind: object) -> Session | None:
        return self._found

    def is_over(self, digest: str, kind: object) -> bool:
        return self._is_over

    def is_refused(self, digest: str, kind: object) -> bool:
        return self._is_refused


class Kind:
    """
    Admits whom a test says.
    """

    refuses_cookie = False

    def __init__(self, admits: bool = True) -> None:
        self._admits = admits

    def admits(self, one: Session) -> bool:
        return self._admits


def route(known: Known, kind: Any = None) -> RouteTokens:
    """
    A route's tokens.
    """
    return RouteTokens(known, kind or Kind())  # type: ignore[arg-type] # as much of them as is asked


class RouteTokensTests(SynchronousTestCase):
    """
    The standings.
    """

    def test_find(self) -> None:
        """
        A session that counts here, or why there is none; an end weighs more than a refusal.
        """
        one = session("token")
        self.assertIs(route(Known(one)).find("digest"), one)
        for known, kind, standing in (
            (Known(one), Kind(admits=False), Standing.REFUSED),
            (Known(), None, Standing.UNKNOWN),
            (Known(is_over=True), None, Standing.OVER),
            (Known(is_refused=True), None, Standing.REFUSED),
            (Known(is_over=True, is_refused=True), None, Standing.OVER),
        ):
            self.assertIs(route(known, kind).find("digest"), standing)

    def test_sessions_of(self) -> None:
        """
        A host's own pages know the sessions that a token has on its routes, each once.
        """
        one = session("token")
        routes = [route(Known(one)), route(Known(one)), route(Known())]
        self.assertEqual(sessions_of([b"Bearer t"], routes), (True, [one]))
        self.assertEqual(sessions_of([b"Bearer t", b"Bearer u"], routes), (True, []))
        for authorization in ([], [b"Pomerium h"], [b"Basic x"]):
            self.assertEqual(sessions_of(authorization, routes), (False, []))
        self.assertEqual(sessions_of([b"Bearer t"], []), (False, []))
