"""
Verdicts that may be given again, as long as the session lives that they were given for.

They are kept by session, and not with what they were given to: what has ended must not stay in memory, with its tokens,
for as long as somebody remembers a cookie.
"""

from __future__ import annotations

from pomerium_tx.authorize.verdict import Verdict
from pomerium_tx.policy.decision import Decision

SESSIONS_KEPT = 4_096
KEPT_OF_ONE = 8
"""
Of one session: its cookies on several hosts, its programs, its routes.
"""


class AdmittedVerdicts:
    """
    The last verdicts that let a request proceed, with the decision of the policy behind each.
    """

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[str, dict[object, tuple[Verdict, Decision]]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, session_id: str, presented: object) -> tuple[Verdict, Decision] | None:
        """
        What was decided when the very same was presented before.
        """
        of_session = self._kept.get(session_id)
        return None if of_session is None else of_session.get(presented)

    def keep(self, session_id: str, presented: object, verdict: Verdict, decision: Decision) -> None:
        """
        *verdict* may be given again.
        """
        of_session = self._kept.get(session_id)
        if of_session is None:
            if len(self._kept) >= SESSIONS_KEPT:
                del self._kept[next(iter(self._kept))]
            of_session = self._kept[session_id] = {}
        elif len(of_session) >= KEPT_OF_ONE and presented not in of_session:
            del of_session[next(iter(of_session))]
        of_session[presented] = verdict, decision

    def forget(self, session_id: str) -> None:
        """
        The session has ended, or is another one now.
        """
        self._kept.pop(session_id, None)
