"""
A request that could be read, with what was decided about it: what everything that answers it needs.
"""

from __future__ import annotations

from dataclasses import dataclass

from pomerium_tx.authorize.verdict import Verdict
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import RequestHead


@dataclass(slots=True)
class Asked:
    """
    A request that could be read, and what was decided about it.
    """

    head: RequestHead
    canonical: Canonical
    verdict: Verdict
    request_id: str
    peer: str
    started: float
