"""
The identity assertions: one per session and audience, signed once and used again while it is young.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from twisted.internet.interfaces import IReactorTime

from pomerium_tx.assertion import claims as claims_room
from pomerium_tx.http11.writer import Lines, field_lines
from pomerium_tx.jose.signer import Signer
from pomerium_tx.sessions.session import Session

HEADER: Final = b"X-Pomerium-Jwt-Assertion"

RENEWED_AFTER: Final = 60.0
"""
Seconds after which a new assertion is signed, so that an application always meets one that lives a while yet.
"""

SESSIONS_KEPT: Final = 16_384
AUDIENCES_KEPT: Final = 1_024
"""
Of one session; a wildcard route has as many audiences as its clients think of.
"""


@dataclass(slots=True)
class _Kept:
    """
    One assertion, for as long as it is used.
    """

    session: Session | None
    signed: float
    token: str = field(repr=False)
    headers: Lines = field(repr=False)


class Assertions:
    """
    Makes and keeps the assertions of all sessions.
    """

    def __init__(
        self,
        signer: Signer,
        clock: IReactorTime,
        issuer_format: str = "hostOnly",
        claim_headers: Mapping[str, str] | None = None,
        *,
        sessions_kept: int = SESSIONS_KEPT,
    ) -> None:
        """
        :param issuer_format: ``hostOnly`` or ``uri``, where a route says nothing else.
        :param claim_headers: The claim that each further header carries, by the header's name.
        :param sessions_kept: Of more sessions than this, those whose assertions are oldest are signed for again.
        """
        self._signer = signer
        self._clock = clock
        self._issuer_format = issuer_format
        self._claim_headers = dict(claim_headers or {})
        self._sessions_kept = sessions_kept
        # Anonymous requests are told of nobody: one assertion per audience serves them all, under "".
        self._kept: dict[str, dict[tuple[str, str], _Kept]] = {}
        self.header_names: Final = (HEADER, *(name.encode("ascii") for name in self._claim_headers))
        """
        The names of all headers that ``headers`` gives, and that nobody else may.
        """

    def claims(self, session: Session | None, host: str, issuer_format: str | None = None) -> dict[str, object]:
        """
        What an assertion made now for an application at *host* says.

        :param issuer_format: The route's, where it has its own.
        """
        uri = (issuer_format or self._issuer_format) == "uri"
        return claims_room.assertion_claims(
            session,
            issuer=f"https://{host}/" if uri else host,
            audience=host,
            now=self._clock.seconds(),
            extra=self._claim_headers.values(),
        )

    def token(self, session: Session | None, host: str, issuer_format: str | None = None) -> str:
        """
        The signed assertion for an application at *host*.
        """
        return self._current(session, host, issuer_format).token

    def headers(self, session: Session | None, host: str, issuer_format: str | None = None) -> Lines:
        """
        The header fields that tell an application at *host* who asks.
        """
        return self._current(session, host, issuer_format).headers

    def forget(self, session_id: str) -> None:
        """
        Nothing of a session is kept any more.
        """
        self._kept.pop(session_id, None)

    def _current(self, session: Session | None, host: str, issuer_format: str | None) -> _Kept:
        session_id = "" if session is None else session.id
        of_session = self._kept.get(session_id)
        key = (host, issuer_format or self._issuer_format)
        now = self._clock.seconds()
        if of_session is not None:
            kept = of_session.get(key)
            # The second comparison is for a clock that was set back.
            if kept is not None and kept.session is session and 0.0 <= now - kept.signed < RENEWED_AFTER:
                return kept
        return self._sign(session, session_id, host, key)

    def _sign(self, session: Session | None, session_id: str, host: str, key: tuple[str, str]) -> _Kept:
        claims = self.claims(session, host, key[1])
        token = self._signer.sign(claims)
        kept = _Kept(
            session=session,
            signed=self._clock.seconds(),
            token=token,
            headers=field_lines(
                ((HEADER, token.encode("ascii")), *claims_room.claim_headers(claims, self._claim_headers))
            ),
        )
        # Taken out and put in again: the order of the dictionary is the order of signing.
        of_session = self._kept.pop(session_id, {})
        self._kept[session_id] = of_session
        of_session.pop(key, None)
        of_session[key] = kept
        if len(of_session) > AUDIENCES_KEPT:
            del of_session[next(iter(of_session))]
        if len(self._kept) > self._sessions_kept:
            del self._kept[next(iter(self._kept))]
        return kept
