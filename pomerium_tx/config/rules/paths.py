"""
What several keys of one route, which are about its paths and its host, can get wrong together.
"""

from __future__ import annotations

from collections.abc import Iterator

from pomerium_tx.config.forms.expressions import Expression, InvalidExpression, Rewrite
from pomerium_tx.config.forms.paths import path_to_send
from pomerium_tx.config.forms.upstreams import upstream_url
from pomerium_tx.config.route_section import RouteSection
from pomerium_tx.config.rules.findings import Finding, MakesFinding

_EVERYTHING = frozenset((".*", "/.*", "(.*)", "(/.*)", "/(.*)", "^.*$", "^/.*$", "^/.*", "/?.*", ".+"))
"""
Expressions that match every path; there are more, which nobody writes.
"""


def what_is_matched(route: RouteSection) -> tuple[str, str]:
    """
    The key by which a route matches paths, and its value.
    """
    if route.regex is not None:
        return "regex", route.regex
    return ("prefix", route.prefix or "/") if route.path is None else ("path", route.path)


def matches_all_of(earlier: RouteSection, later: RouteSection) -> bool:
    """
    Whether it is certain that *earlier* matches every path that *later* does.
    """
    key, value = what_is_matched(earlier)
    other_key, other = what_is_matched(later)
    if key == "prefix":
        return value == "/" if other_key == "regex" else other.startswith(value)
    if key == "regex":
        return value in _EVERYTHING or (other_key == "path" and Expression(value).matches(other.encode("ascii")))
    return False


def paths_and_hosts(finding: MakesFinding, route: RouteSection) -> Iterator[Finding]:
    """
    What is wrong with how one route matches and rewrites.
    """
    yield from _matching(finding, route)
    yield from _rewriting(finding, route)
    yield from _hosts(finding, route)


def _matching(finding: MakesFinding, route: RouteSection) -> Iterator[Finding]:
    written = [name for name in ("regex", "path", "prefix") if getattr(route, name) is not None]
    for name in written[1:]:
        yield finding(name, f"is ignored: {written[0]} is set", written[0], is_warning=True)
    if not written:
        return
    key, value = what_is_matched(route)
    if key == "regex":
        if not value.startswith(("/", "^", "(", ".", "[", "\\")):
            yield finding("regex", "is never matched: it must match whole paths, and they begin with a slash")
    elif (value + "/").startswith(("/.pomerium/", "/.well-known/pomerium/")):
        yield finding(key, "is never matched: these paths are ours on every host", is_warning=True)


def _rewriting(finding: MakesFinding, route: RouteSection) -> Iterator[Finding]:
    pattern, substitution = "regex_rewrite_pattern", "regex_rewrite_substitution"
    yield from _pair(finding, route, pattern, substitution)
    if route.regex_rewrite_pattern is not None and route.prefix_rewrite is not None:
        yield finding(pattern, "cannot stand beside prefix_rewrite; remove one", "prefix_rewrite")
    text = route.regex_rewrite_substitution or ""
    if route.regex_rewrite_pattern is not None and ("?" in text or "#" in text or r"\\" in text):
        yield finding(substitution, "must make a path only: no query, no fragment, no backslash")
    for index, to in enumerate(route.to):
        sent = upstream_url(to).path
        try:
            path_to_send(sent or "/")
        except ValueError as wrong:
            yield finding("to", f"has a path that {wrong}")
        if sent.strip("/") and index == 0:
            for name in ("prefix_rewrite", pattern):
                if getattr(route, name) is not None:
                    yield finding("to", f"has a path, which is ignored: {name} is set", name, is_warning=True)


def _hosts(finding: MakesFinding, route: RouteSection) -> Iterator[Finding]:
    pattern, substitution = "host_path_regex_rewrite_pattern", "host_path_regex_rewrite_substitution"
    yield from _pair(finding, route, pattern, substitution)
    ways = [name for name in ("host_rewrite", "host_rewrite_header", pattern) if getattr(route, name) is not None]
    ways += ["preserve_host_header"] * route.preserve_host_header
    for name in ways[1:]:
        yield finding(name, f"is ignored: {ways[0]} is set", ways[0], is_warning=True)


def _pair(finding: MakesFinding, route: RouteSection, pattern: str, substitution: str) -> Iterator[Finding]:
    expression, text = getattr(route, pattern), getattr(route, substitution)
    if text is None:
        return
    if expression is None:
        yield finding(substitution, f"is ignored without {pattern}", pattern, is_warning=True)
        return
    try:
        Rewrite(expression, text)
    except InvalidExpression as wrong:
        yield finding(substitution, str(wrong), pattern)
