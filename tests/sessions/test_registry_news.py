"""
Who is told that there is something to do.
"""

from __future__ import annotations

from typing import Any

from pomerium_tx.sessions.store import UNTIL_PROVEN, Cause
from tests.sessions import registries
from tests.sessions.records import ISS, ending, owed, tombstone


class NewsTests(registries.RegistryTestCase):
    """
    To look at all that is owed takes a while.
    """

    def test_told_of_news_only(self) -> None:
        """
        An end that brings nothing to do, such as anybody can ask for, makes nobody look at what is owed already; nor
        does what waits for a proof.
        """
        self.begin()
        self.done(self.one.use_route("alice-1", "app", "https://app.example.com"))
        receipt = self.done(self.one.end(ending("alice-1", owed=(owed(),), notify=("app",))))
        self.begin("bob-1")
        heard: list[str] = []
        self.other.subscribe_owed(lambda: heard.append("owed"))
        self.other.subscribe_notices(lambda: heard.append("notices"))
        unproven = owed("owed-2", not_before=UNTIL_PROVEN)
        fields: dict[str, Any] = {"cause": Cause.FRONT_CHANNEL, "tombstones": (tombstone("sid", "nobody's"),)}
        self.done(self.one.end(ending(**fields)))
        front = self.done(self.one.end(ending("bob-1", owed=(unproven,), notify=("app",), **fields)))
        self.assertEqual(heard, [])
        for confirmed, expected in ((receipt, ["owed"]), (receipt, []), (front, ["owed"])):
            self.done(self.one.end(ending(confirms=((confirmed.id, ISS),), **fields)))
            self.assertEqual(heard, expected)
            heard.clear()
        self.begin("carol-1")
        self.done(self.one.use_route("carol-1", "app", "https://app.example.com"))
        self.done(self.one.end(ending("carol-1", notify=("app",))))
        self.assertEqual(heard, ["notices"])
