"""
What rules about several keys find, and what they all need to know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from pomerium_tx.config.document import KeyPath
from pomerium_tx.config.forms.values import is_loopback, origin_of, split_url

if TYPE_CHECKING:
    from pomerium_tx.config.model import Config
    from pomerium_tx.config.route_section import RouteSection

LOOPBACK_ONLY: Final = "http:// is for names of this machine only (localhost, *.localhost, 127.0.0.1); write https://"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    Something to mend, or to be warned of.
    """

    key: KeyPath
    message: str
    rests_on: tuple[KeyPath, ...] = ()
    """
    Other keys without which the finding would not hold.
    """
    is_warning: bool = False


class MakesFinding(Protocol):
    """
    Makes a finding about one section of a configuration.
    """

    def __call__(self, name: str, message: str, *rests_on: str, is_warning: bool = False) -> Finding:
        """
        A finding about the key *name* there.

        :param rests_on: Other keys there without which it would not hold.
        """


def numbered_routes(config: Config) -> list[tuple[KeyPath, RouteSection]]:
    """
    All routes in the order in which they are tried, with the key of each.
    """
    older = [(("policy", index), route) for index, route in enumerate(config.policy)]
    return [*older, *((("routes", index), route) for index, route in enumerate(config.routes))]


def is_exposed_http(url: str) -> bool:
    """
    Whether what is sent to *url* leaves this machine in the clear.
    """
    split = split_url(url, wildcard=True)
    return split.scheme == "http" and not is_loopback(origin_of(split).host)
