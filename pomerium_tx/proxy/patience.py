"""
For how long a user agent is waited for: the rules, and what they need to know of one connection.
"""

from __future__ import annotations

from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.proxy.connection import Proxy
from pomerium_tx.proxy.deadlines import NEVER


class Patience:
    """
    When the patience with one user agent ends, by what it is doing.
    """

    __slots__ = ("_head_since", "_proxy", "idle_since", "request_until", "until")

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self.until = NEVER
        """
        When it ends as things are.
        """
        self.request_until = NEVER
        """
        When the request that has begun must have come whole.
        """
        self.idle_since: float | None = None
        """
        When the last answer ended, if there was one.
        """
        self._head_since: float | None = None

    def connected(self) -> None:
        """
        A head must come.
        """
        self.until = self._proxy.deadlines.now() + self._proxy.times.head

    def head_began(self) -> None:
        """
        Some of a head has come. Its time runs from its first byte, or from the connection; no later byte prolongs it.
        """
        if self._head_since is None:
            self._head_since = self._proxy.deadlines.now()
            if self.idle_since is not None:
                self.until = self._head_since + self._proxy.times.head

    def head_came(self, head: RequestHead) -> None:
        """
        A head has come whole; what it announces must follow.
        """
        if head.has_content:
            since = self._proxy.deadlines.now() if self._head_since is None else self._head_since
            self.request_until = since + self._proxy.times.request
            self.content_awaited()
        else:
            self.until = NEVER
        self._head_since = None

    def content_awaited(self) -> None:
        """
        More of the request's content must come in time, and all of it.
        """
        self.until = min(self._proxy.deadlines.now() + self._proxy.times.body, self.request_until)

    def request_came(self) -> None:
        """
        Nothing is waited for.
        """
        self.until = NEVER

    def answered(self) -> None:
        """
        Another request may come.
        """
        self.idle_since = self._proxy.deadlines.now()
        self.until = self.idle_since + self._proxy.times.idle

    def is_over(self, now: float, *, upstream_is_slow: bool) -> bool:
        """
        Whether too much time has passed. While the upstream does not take the content, or is not there yet, the user
        agent cannot go on: then only the time of the whole request counts.
        """
        return self.until < now and (not upstream_is_slow or self.request_until < now)
