"""
Somebody with a browser at the OP.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.demo.ledger import OPSession
from tests.demo.support import Browser, make_provider


class InteractionCase(SynchronousTestCase):
    """
    Somebody with a browser at the OP.
    """

    def setUp(self) -> None:
        """
        An OP and a browser without cookies.
        """
        self.clock = Clock()
        self.provider = make_provider(self.clock)
        self.browser = Browser(self, self.provider)

    def session(self, browser: Browser | None = None) -> OPSession | None:
        """
        The session of the browser's cookie.
        """
        cookie = (browser or self.browser).cookie
        return None if cookie is None else self.provider.ledger.find_session(cookie.partition("=")[2])
