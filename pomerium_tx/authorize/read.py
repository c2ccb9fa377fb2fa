"""
What was read of a request's fields: worked out once for all requests with the same ones.
"""

from __future__ import annotations

from pomerium_tx.authorize.verdict import Verdict
from pomerium_tx.policy.decision import Decision
from pomerium_tx.sessions.handle import Presented


class Read:
    """
    What requests with the same fields present.
    """

    __slots__ = ("names_one", "origins", "presented", "session_id", "to_sign_in")

    def __init__(self, presented: Presented, origins: list[bytes]) -> None:
        self.presented = presented
        self.origins = origins
        self.names_one = len(presented.handles) <= 1 and not presented.others
        """
        Whether at most one session is named, living or not.
        """
        self.session_id = presented.handles[0].session_id if presented.handles else ""
        """
        The session that is named if only one is; none has an empty id.
        """
        self.to_sign_in: tuple[Verdict, Decision] | None = None
        """
        The last verdict that sent nobody, who presented nothing, to sign in, and what the policy had said.
        """
