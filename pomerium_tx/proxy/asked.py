"""
A request that could be read, with what was decided about it: what everything that answers it needs. Or one that could
not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from pomerium_tx.authorize.verdict import Action, Verdict
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.policy.client import Client
from pomerium_tx.tls.client_certificate import Shown


@dataclass(slots=True)
class Asked:
    """
    A request that could be read, and what was decided about it.
    """

    head: RequestHead
    canonical: Canonical
    verdict: Verdict
    request_id: str
    client: Client
    started: float

    @property
    def peer(self) -> str:
        """
        The address of whoever asked, who may have connected to a proxy in front of us.
        """
        return self.client.address

    def recognise(self, shown: Shown | None) -> None:
        """
        What whoever asked has shown is judged otherwise now.
        """
        self.client = self.client.showing(shown)

    def is_still_admitted(self, decide: Callable[[RequestHead, Canonical, Client], Verdict]) -> bool:
        """
        Whether it would be let through now as it was: to the same route, as the same person's.
        """
        # What was worked out from them by an earlier configuration would stay for as long as this is open.
        self.head = replace(self.head, derived={}, canonical=None)
        self.canonical = replace(self.canonical, derived={})
        now = decide(self.head, self.canonical, self.client)
        return now.action is Action.PROCEED and _whither(now) == _whither(self.verdict)


@dataclass(slots=True)
class NotUnderstood:
    """
    A request that could not be read, or means nothing here.
    """

    head: RequestHead | None
    """
    None when it could not be read.
    """
    request_id: str
    peer: str


def _whither(verdict: Verdict) -> tuple[str | None, str | None]:
    route, session = verdict.route, verdict.session
    return None if route is None else route.id, None if session is None else session.id
