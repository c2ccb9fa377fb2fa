"""
The tokens that one route takes, and what a route host's own pages know of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pomerium_tx.authorize.bearer import Settle, SeveralCredentials, Standing, bearer_token
from pomerium_tx.bearer.kinds import TokenKind
from pomerium_tx.bearer.tokens import BearerTokens
from pomerium_tx.sessions.session import Session


class RouteTokens:
    """
    What a route takes bearer tokens for: see `pomerium_tx.authorize.bearer.RouteBearer`.
    """

    def __init__(self, tokens: BearerTokens, kind: TokenKind) -> None:
        self._tokens = tokens
        self._kind = kind
        self.refuses_cookie = kind.refuses_cookie
        self.digest = tokens.digest

    def find(self, digest: str) -> Session | Standing:
        tokens, kind = self._tokens, self._kind
        session = tokens.session(digest, kind)
        if session is not None:
            return session if kind.admits(session) else Standing.REFUSED
        if tokens.is_over(digest, kind):
            return Standing.OVER
        return Standing.REFUSED if tokens.is_refused(digest, kind) else Standing.UNKNOWN

    def admits(self, session: Session) -> bool:
        """
        Whether a session could be that of a token which is believed here.
        """
        return self._kind.admits(session)

    def settle(self, token: bytes, digest: str) -> Settle:
        async def settle(address: str, user_agent: str) -> None:
            await self._tokens.settle(token, digest, self._kind, address=address, user_agent=user_agent)

        return settle


def sessions_of(authorization: Iterable[bytes], routes: Sequence[RouteTokens]) -> tuple[bool, list[Session]]:
    """
    Whether there is a bearer token in the values of ``Authorization``, and the sessions that it has on some routes.
    """
    try:
        token = bearer_token(authorization)
    except SeveralCredentials:
        return True, []
    if token is None or not routes:
        return False, []
    digest = routes[0].digest(token)
    found = (route.find(digest) for route in routes)
    return True, list({session.id: session for session in found if isinstance(session, Session)}.values())
