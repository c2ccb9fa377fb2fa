"""
Two registries to test with.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.contracts.session_store import SessionStoreContract
from tests.doubles.stores import UnreliableStore


class RegistryTestCase(SessionStoreContract, SynchronousTestCase):
    """
    Two registries on a store that can misbehave.
    """

    store: UnreliableStore

    def make_store(self) -> UnreliableStore:
        """
        A store that does as it is told.
        """
        return UnreliableStore()

    def start(self, coroutine: Any) -> Deferred[Any]:
        """
        A coroutine that may have to wait.
        """
        return Deferred.fromCoroutine(coroutine)
