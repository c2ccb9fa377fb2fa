"""
The criteria of the Pomerium Policy Language: what may stand beside each name.

What they mean is in `pomerium_tx.policy.kinds`. A criterion is one line in each of the two tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pomerium_tx.config.policy.certificates import certificate_matcher
from pomerium_tx.config.policy.matchers import Read, list_matcher, source_networks, string_matcher, unused


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """
    How a criterion is written.
    """

    read: Read
    has_path: bool = False
    """
    Whether its name is followed by a slash and another name.
    """


FORMS: Mapping[str, Form] = {
    "accept": Form(read=unused),
    "authenticated_user": Form(read=unused),
    "claim": Form(read=list_matcher, has_path=True),
    "client_certificate": Form(read=certificate_matcher),
    "cors_preflight": Form(read=unused),
    "domain": Form(read=string_matcher),
    "email": Form(read=string_matcher),
    "groups": Form(read=list_matcher),
    "http_method": Form(read=string_matcher),
    "http_path": Form(read=string_matcher),
    "invalid_client_certificate": Form(read=unused),
    "pomerium_routes": Form(read=unused),
    "reject": Form(read=unused),
    "source_ip": Form(read=source_networks),
    "user": Form(read=string_matcher),
}

_TIME = "only Pomerium Zero and Enterprise know it; remove it, and change the file when the time comes"

REFUSED: Mapping[str, str] = {
    "date": _TIME,
    "day_of_week": _TIME,
    "device": "devices are not registered here; remove it, or ask the provider for a claim about the device",
    "mcp_tool": "there is no MCP; write http_path or http_method",
    "record": "there are no external data sources; ask the provider for a claim that says the same",
    "time_of_day": _TIME,
}
"""
Those of Pomerium's criteria that are not read, with what to do.
"""
_SSH = "there is no SSH; remove it"


def refused(name: str) -> str | None:
    """
    Why the criterion *name* is not read, if Pomerium has it.
    """
    return _SSH if name.startswith("ssh_") else REFUSED.get(name)
