"""
What is asked of every proxy, and in what words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from benchmarks.rivals.upstream import LARGE, SMALL

BROWSER: Mapping[str, str] = {
    "sec-ch-ua": '"Chromium";v="131", "Google Chrome";v="131", "Not_A Brand";v="24"',
    "sec-ch-ua-mobile": "?0",
    "sec-ch-ua-platform": '"Linux"',
    "Upgrade-Insecure-Requests": "1",
    "User-Agent": (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
    ),
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-User": "?1",
    "Sec-Fetch-Dest": "document",
    "Referer": "http://app.localhost/reports/2026/november?sort=date",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept-Language": "en-GB,en;q=0.9,de-AT;q=0.8,de;q=0.7",
}
"""
What Chrome sends with a navigation on a site.
"""
OTHER_COOKIES = "theme=dark; _ga=GA1.1.1234567890.1764105600"

ANY_SIZE = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """
    One kind of request.
    """

    name: str
    title: str
    path: str = "/small"
    size: int = SMALL
    """
    Bytes of content of the answer, or `ANY_SIZE`.
    """
    status: int = 200
    fields: Mapping[str, str] = field(default_factory=dict)
    other_cookies: str = OTHER_COOKIES
    is_anonymous: bool = False
    is_varied: bool = False
    """
    No two requests are the same: path, ``Referer`` and ``If-None-Match``.
    """
    upload: int = 0
    """
    Bytes of content of the request.
    """
    closes: bool = False
    resumes: bool | None = None
    """
    Whether each connection continues the TLS session of an earlier one; None where nobody asks.
    """
    peers: tuple[str, ...]

    def beside_others(self, others: Mapping[str, str]) -> Work:
        """
        The same, done also by the other of each peer that has one.
        """
        return replace(self, peers=(*self.peers, *(others[name] for name in self.peers if name in others)))


_EVERYBODY = ("nginx", "nginx_auth", "apache", "envoy_auth", "envoy", "twisted", "pomerium")
_BULK = ("nginx", "apache", "envoy_auth", "twisted", "pomerium")
_TLS = ("nginx_tls", "pomerium_tls")

WORKS = (
    Work(name="small", title="GET 200 B", fields=BROWSER, peers=_EVERYBODY),
    Work(
        name="varied",
        title="GET 200 B, no two requests the same",
        fields=BROWSER,
        is_varied=True,
        peers=_EVERYBODY,
    ),
    Work(name="minimal", title="GET 200 B, few headers", other_cookies="", peers=_EVERYBODY),
    Work(name="get", title="GET 1 MiB", path="/large", size=LARGE, fields=BROWSER, peers=_BULK),
    Work(name="post", title="POST 1 MiB", path="/upload", upload=LARGE, fields=BROWSER, peers=_BULK),
    Work(
        name="redirect",
        title="302 to sign in",
        is_anonymous=True,
        status=302,
        size=ANY_SIZE,
        fields=BROWSER,
        peers=("pomerium",),
    ),
    Work(name="tls", title="GET 200 B, TLS", fields=BROWSER, peers=_TLS),
    Work(
        name="tls_varied",
        title="GET 200 B, TLS, no two the same",
        fields=BROWSER,
        is_varied=True,
        peers=_TLS,
    ),
    Work(name="tls_get", title="GET 1 MiB, TLS", path="/large", size=LARGE, fields=BROWSER, peers=_TLS),
    Work(name="tls_post", title="POST 1 MiB, TLS", path="/upload", upload=LARGE, fields=BROWSER, peers=_TLS),
    Work(
        name="tls_resumed",
        title="new TLS connections, resumed",
        fields=BROWSER,
        closes=True,
        resumes=True,
        peers=_TLS,
    ),
    Work(
        name="tls_new",
        title="new TLS connections, full handshakes",
        fields=BROWSER,
        closes=True,
        resumes=False,
        peers=("nginx_full", "pomerium_full"),
    ),
)
