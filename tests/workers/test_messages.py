"""
Tests for `pomerium_tx.workers.messages`.
"""

from __future__ import annotations

from pomerium_tx.sessions.store import SessionBegun
from pomerium_tx.workers.messages import Append, Begin, Changes, Configure, NewChange, WhatIsOpen
from pomerium_tx.workers.pickling import dumps
from tests.scenarios.world import CLIENT_SECRET, WorldTestCase
from tests.sessions.records import NOW, session


class MessageTests(WorldTestCase):
    """
    What is said between processes.
    """

    def test_nothing_shows(self) -> None:
        """
        No message that turns up in a log has a token, a session's id or a secret in it.
        """
        begun = SessionBegun(session=session("alice-1"), state_issued=NOW)
        content = dumps(begun)
        config = self.read()
        shown = repr(
            [
                Append(number=1, change=begun, expected_version=None, within=None),
                NewChange(number=1, position=1, content=content),
                Changes(number=1, kept=((1, content),)),
                Begin(config=config),
                Configure(number=1, config=config),
                WhatIsOpen(number=1, session_ids=("alice-1",)),
            ]
        )
        for secret in ("alice-1", "refresh-", CLIENT_SECRET):
            self.assertNotIn(secret, shown)
