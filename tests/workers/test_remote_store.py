"""
Tests for `pomerium_tx.workers.remote_store`: the contract of every store, over links.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.store import SessionStore
from tests.contracts import session_ends, session_idle, session_provider, session_store
from tests.workers.links import Workers


class OverLinks:
    """
    Each registry has a link of its own; what is asked of the store itself goes over one more.
    """

    clock: Clock

    def make_store(self: Any) -> SessionStore:
        """
        The store of a process in which there is no registry.
        """
        self.workers = Workers(self.clock)
        store: SessionStore = self.workers.worker().store
        return store

    def unjoined(self: Any) -> SessionRegistry:
        """
        A registry in a process of its own.
        """
        return SessionRegistry(self.workers.worker().store, self.clock)


class RemoteLogTests(OverLinks, session_store.LogContract, SynchronousTestCase):
    """
    The log contract, over links.
    """


class RemoteLifeTests(OverLinks, session_store.LifeContract, SynchronousTestCase):
    """
    The life contract, over links.
    """


class RemoteEndTests(OverLinks, session_ends.EndContract, SynchronousTestCase):
    """
    The end contract, over links.
    """


class RemoteProviderTests(OverLinks, session_provider.ProviderContract, SynchronousTestCase):
    """
    The provider contract, over links.
    """


class RemoteNoticeTests(OverLinks, session_provider.NoticeContract, SynchronousTestCase):
    """
    The notice contract, over links.
    """


class RemoteIdleTests(OverLinks, session_idle.IdleContract, SynchronousTestCase):
    """
    The idle contract, over links.
    """
