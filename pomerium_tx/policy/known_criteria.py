"""
All kinds of criteria, by name: those that `pomerium_tx.config.policy.criteria` knows how to read.
"""

from __future__ import annotations

from collections.abc import Mapping

from pomerium_tx.policy import certificate_criteria, request_criteria, session_criteria
from pomerium_tx.policy.kinds import Kind

KINDS: Mapping[str, Kind] = {**session_criteria.KINDS, **request_criteria.KINDS, **certificate_criteria.KINDS}
