"""
What an application gets to see instead of the path that was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pomerium_tx.config.forms.expressions import Rewrite
from pomerium_tx.config.forms.upstreams import upstream_url
from pomerium_tx.config.route_section import RouteSection
from pomerium_tx.http11.canonical import canonical_path


class PathRewrite(Protocol):
    """
    From the path that was decided about to the one that is sent, if that can be sent at all.
    """

    def of(self, path: bytes) -> bytes:
        """
        What stands for *path*.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixRewrite:
    """
    Something else for what a route has matched.
    """

    matched: bytes | None
    """
    What every path begins with; None where the whole path is what was matched.
    """
    sent: bytes

    def of(self, path: bytes) -> bytes:
        """
        What stands for *path*.
        """
        if self.matched is None:
            return self.sent
        rest = path[len(self.matched) :]
        # Two parts with a slash each are joined by one.
        return self.sent + (rest[1:] if rest[:1] == b"/" and self.sent[-1:] == b"/" else rest)


def path_rewrite(section: RouteSection) -> PathRewrite | None:
    """
    How a route rewrites paths; None if it sends them as they are.
    """
    if section.regex_rewrite_pattern is not None:
        return Rewrite(section.regex_rewrite_pattern, section.regex_rewrite_substitution or "")
    sent = section.prefix_rewrite
    if sent is None:
        # As Pomerium has it, the path of the first ``to`` is a rewrite like any other.
        sent = upstream_url(section.to[0]).path if section.to else ""
    if not sent:
        return None
    matched = (section.prefix or "/").encode("ascii") if section.regex is None and section.path is None else None
    # What is decided and what is sent have one form.
    rewrite = PrefixRewrite(matched=matched, sent=canonical_path(sent.encode("ascii")))
    return None if rewrite.sent == matched else rewrite


def host_rewrite_by_path(section: RouteSection) -> Rewrite | None:
    """
    How a route makes the ``Host`` of the path, if it does.
    """
    pattern = section.host_path_regex_rewrite_pattern
    if pattern is None:
        return None
    return Rewrite(pattern, section.host_path_regex_rewrite_substitution or "")
