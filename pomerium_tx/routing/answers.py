"""
What a route answers by itself: another URL, or a fixed answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pomerium_tx.config.forms.values import DEFAULT_PORTS, Origin
from pomerium_tx.config.route_section import RouteSection
from pomerium_tx.routing.rewriting import PrefixRewrite


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """
    The way to another URL: what is None stays as it was asked for.
    """

    status: int = 301
    scheme: str | None = None
    host: str | None = None
    port: int | None = None
    path: PrefixRewrite | None = None
    query: bytes | None = None
    """
    Another query, which comes with another path.
    """
    strip_query: bool = False

    def location(self, origin: Origin, path: bytes, query: bytes | None) -> str:
        """
        The URL to go to.

        :param origin: What was asked, with the port that the request named.
        """
        scheme = self.scheme or origin.scheme
        port = origin.port
        if self.port is not None:
            port = self.port
        elif self.host is not None or (scheme != origin.scheme and port == DEFAULT_PORTS[origin.scheme]):
            # Another host's port is its own affair, as with Envoy.
            port = None
        if self.path is not None:
            path = self.path.of(path)
        if self.query is not None:
            query = self.query
        elif self.strip_query:
            query = None
        target = path if query is None else path + b"?" + query
        return str(Origin(scheme=scheme, host=self.host or origin.host, port=port)) + target.decode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedResponse:
    """
    The same answer to every request.
    """

    status: int = 200
    body: bytes = field(default=b"", repr=False)


def answer_of(section: RouteSection) -> Redirect | FixedResponse | None:
    """
    What a route answers by itself; None if an application answers.
    """
    if section.response is not None:
        return FixedResponse(status=section.response.status, body=section.response.body.encode("utf-8"))
    wanted = section.redirect
    if wanted is None:
        return None
    path, mark, query = (wanted.path_redirect or "").partition("?")
    rewrite = None
    if path:
        rewrite = PrefixRewrite(matched=None, sent=path.encode("ascii"))
    elif wanted.prefix_rewrite is not None:
        is_prefix = section.regex is None and section.path is None
        rewrite = PrefixRewrite(
            matched=(section.prefix or "/").encode("ascii") if is_prefix else None,
            sent=wanted.prefix_rewrite.encode("ascii"),
        )
    return Redirect(
        status=wanted.response_code,
        scheme="https" if wanted.https_redirect else wanted.scheme_redirect,
        host=wanted.host_redirect,
        port=wanted.port_redirect,
        path=rewrite,
        query=query.encode("ascii") if mark else None,
        strip_query=wanted.strip_query,
    )
