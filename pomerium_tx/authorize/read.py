"""
What was read of the fields of a request that may present something: worked out once for all with the same ones.
"""

from __future__ import annotations

from pomerium_tx.sessions.handle import Presented


class Read:
    """
    What requests with the same fields of that kind present.
    """

    __slots__ = ("names_one", "origins", "presented", "session_id")

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
