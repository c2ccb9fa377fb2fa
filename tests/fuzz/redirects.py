"""
Where people are sent: the origin that is compared is the origin to which a browser goes.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from pomerium_tx.web.redirect_target import MAX_LENGTH, origin_of
from tests.fuzz.node import IS_THERE, origin_by_node


def check_redirect_target(octets: bytes) -> None:
    """
    A text has no origin, or the one that the WHATWG's parser and Python's see as well.
    """
    url = octets.decode("utf-8", "surrogateescape")
    found = origin_of(url)
    if found is None:
        return
    assert len(url) <= MAX_LENGTH and url.isascii() and url.isprintable(), url
    assert origin_of(found) == found
    assert origin_of(found + "/") == found
    # Older parsers look for the end of the authority at the slash only, and for its beginning behind the last "@".
    assert url.partition("://")[2].partition("/")[0].rpartition("@")[1] == "", url
    parts = urlsplit(url)
    port = "" if parts.port in (None, {"http": 80, "https": 443}[parts.scheme]) else f":{parts.port}"
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    assert f"{parts.scheme}://{host}{port}" == found, (url, found)
    if IS_THERE:
        seen = origin_by_node(url)
        # A label that says it is Unicode and is not stops a browser: it goes nowhere.
        assert seen == found or (seen is None and "xn--" in host), (url, found, seen)
