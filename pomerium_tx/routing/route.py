"""
A route: from where, to where, for whom, and how.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Protocol

from pomerium_tx.config.forms.expressions import Expression, Rewrite
from pomerium_tx.config.forms.header_template import Template
from pomerium_tx.config.forms.upstreams import upstream_url
from pomerium_tx.config.forms.values import DEFAULT_PORTS, Origin, origin
from pomerium_tx.config.model import RuntimeFlags
from pomerium_tx.config.route_section import RouteSection
from pomerium_tx.policy.criteria import policy_of
from pomerium_tx.policy.decision import Policy
from pomerium_tx.routing.answers import FixedResponse, Redirect, answer_of
from pomerium_tx.routing.balancing import Balancing, balancing
from pomerium_tx.routing.rewriting import PathRewrite, host_rewrite_by_path, path_rewrite

IDLE_TIMEOUT: Final = 300.0
"""
Pomerium's, where neither the route nor its WebSockets say otherwise.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """
    One address of an application.
    """

    scheme: str
    host: str
    """
    A name or address, an IPv6 address without brackets.
    """
    port: int
    socket: str | None = None
    """
    The path of a UNIX socket, which has neither host nor port.
    """

    @property
    def authority(self) -> bytes:
        """
        ``host[:port]``, as a ``Host`` field has it.
        """
        if self.socket is not None:
            return b"localhost"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}").encode("ascii")

    @property
    def origin(self) -> str:
        """
        Where it is, without its path: ``http://host:port`` or ``http+unix:///path``.
        """
        if self.socket is not None:
            return f"{self.scheme}+unix://{self.socket}"
        return f"{self.scheme}://{self.authority.decode('ascii')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamTls:
    """
    How an application's certificate is verified, and which one it is shown.
    """

    skip_verify: bool = False
    server_name: str | None = None
    """
    Asked for and verified instead of the upstream's host.
    """
    ca_pem: bytes | None = None
    """
    The only authorities believed, instead of the system's.
    """
    client_certificate: tuple[bytes, bytes] | None = field(default=None, repr=False)
    """
    Certificate and key, PEM.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """
    One entry of ``routes``, with the defaults that hold for it.
    """

    id: str
    """
    Made of what is matched and of nothing else, so that it survives reordering and every other setting.
    """
    name: str = ""
    description: str = ""
    logo_url: str | None = None
    from_scheme: str
    from_host: str
    """
    As in a canonical request; ``*`` stands for any characters.
    """
    from_port: int | None = None
    """
    None for any port.
    """
    prefix: bytes | None = None
    """
    What the path begins with, by bytes: ``/admin`` is for ``/administrator`` too. None if there is *path* or
    *regex*.
    """
    path: bytes | None = None
    regex: Expression | None = None
    """
    What the whole path matches.
    """
    upstreams: tuple[Upstream, ...]
    """
    None where the route answers by itself.
    """
    balancing: Balancing = field(default_factory=Balancing)
    answer: Redirect | FixedResponse | None = None
    """
    What it answers then.
    """
    policy: Policy = field(compare=False, repr=False)
    preserve_host_header: bool = False
    host_rewrite: str | None = None
    host_rewrite_header: bytes | None = None
    """
    In lower case.
    """
    host_rewrite_by_path: Rewrite | None = None
    path_rewrite: PathRewrite | None = None
    """
    None where the application gets the path as it was asked for.
    """
    allow_websockets: bool = False
    allow_websocket_origins: frozenset[str] = frozenset()
    """
    Other origins whose pages may use a person's session for a WebSocket.
    """
    timeout: float | None = None
    """
    Seconds until the answer begins, or None for no limit.
    """
    idle_timeout: float | None = None
    """
    Seconds without a byte, or None for no limit.
    """
    tunnel_idle_timeout: float | None = None
    """
    The same for WebSockets, which have a limit only where one is written.
    """
    max_connections: int | None = None
    max_pending_requests: int | None = None
    """
    How many connections to the upstream there may be, and how many requests may wait for one. With either, they are not
    counted together with those of other routes to the same origin.
    """
    show_error_details: bool = False
    """
    Whether a refusal says which criteria were not met.
    """
    pass_identity_headers: bool = False
    jwt_issuer_format: str = "hostOnly"
    tls: UpstreamTls = field(default_factory=UpstreamTls)
    set_request_headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """
    With the same value for every request, which may be a secret of the application's.
    """
    filled_request_headers: tuple[tuple[str, Template], ...] = field(default=(), repr=False)
    """
    Of which the value is made anew for every request.
    """
    kubernetes_token: str | None = field(default=None, repr=False)
    remove_request_headers: tuple[str, ...] = ()
    set_response_headers: tuple[tuple[str, str], ...] = ()
    rewrite_response_headers: tuple[tuple[bytes, bytes, bytes], ...] = ()
    """
    Name in lower case, what the value must begin with, and what it begins with instead.
    """
    caching: str = "upstream"
    """
    What becomes of the application's ``Cache-Control``: ``upstream``, ``private`` or ``no_store``.
    """
    clear_site_data: frozenset[str] = frozenset()
    """
    Which of ``cache``, ``cookies`` and ``storage`` a browser is asked to forget when its person signs out.
    """
    upstream_logout_uri: str | None = field(default=None, repr=False)
    """
    Where the application is told that a session has ended: an absolute URL, or a path on every upstream.
    """
    upstream_logout_audience: str | None = None
    """
    None for the URI itself.
    """

    @property
    def logout_uris(self) -> tuple[str, ...]:
        """
        The absolute URIs to tell of an ended session, each once; none if the application does not want to know.
        """
        uri = self.upstream_logout_uri
        if uri is None or not uri.startswith("/"):
            return () if uri is None else (uri,)
        return tuple(dict.fromkeys(f"{to.origin}{uri}" for to in self.upstreams if to.socket is None))

    def origin(self, port: int | None = None, host: str | None = None) -> str:
        """
        The external origin, for a request whose host names *port*.

        :param host: The host asked, which a route with ``*`` does not know.
        """
        own = self.from_port
        return str(Origin(scheme=self.from_scheme, host=host or self.from_host, port=port if own is None else own))


class Defaults(Protocol):
    """
    What holds for a route that says nothing: the part of the configuration that is read here.
    """

    @property
    def default_upstream_timeout(self) -> timedelta:
        """
        Until an answer begins; zero for no limit.
        """

    @property
    def pass_identity_headers(self) -> bool:
        """
        Whether applications are told who asks.
        """

    @property
    def jwt_issuer_format(self) -> str:
        """
        ``hostOnly`` or ``uri``.
        """

    @property
    def runtime_flags(self) -> RuntimeFlags:
        """
        Of which ``match_any_incoming_port`` is read.
        """

    @property
    def refuses_without_certificate(self) -> bool:
        """
        Whether a trusted client certificate is needed whatever the route says.
        """

    def response_headers(self, route: RouteSection | None) -> tuple[tuple[str, str], ...]:
        """
        What is set on every response of a route.
        """


def build(section: RouteSection, defaults: Defaults) -> Route:
    """
    The route that one of ``routes`` describes.
    """
    external = origin(section.from_, wildcard=True)
    any_port = external.port is None and defaults.runtime_flags.match_any_incoming_port
    # Of several, Pomerium looks at the expression first, then at the path.
    regex, path, prefix = section.regex, section.path, section.prefix or "/"
    path = None if regex is not None else path
    by_prefix = None if regex is not None or path is not None else prefix
    header = section.host_rewrite_header
    templates = [(name, Template.of(value)) for name, value in section.set_request_headers.items()]
    kubernetes = section.kubernetes_service_account_token
    pass_identity_headers = section.pass_identity_headers
    thresholds = section.circuit_breaker_thresholds
    upstreams = tuple(map(_upstream, section.to))
    return Route(
        id=route_id(section.from_, by_prefix, path, regex),
        name=section.name,
        description=section.description,
        logo_url=section.logo_url,
        from_scheme=external.scheme,
        from_host=external.host,
        from_port=None if any_port else external.effective_port,
        prefix=None if by_prefix is None else by_prefix.encode("ascii"),
        path=None if path is None else path.encode("ascii"),
        regex=None if regex is None else Expression(regex),
        upstreams=upstreams,
        balancing=balancing(section),
        policy=policy_of(section, refuses_without_certificate=defaults.refuses_without_certificate),
        answer=answer_of(section),
        # Behind a socket is nobody with a name of their own: the browser's is passed on, as Pomerium does it.
        preserve_host_header=section.preserve_host_header
        or (any(each.socket is not None for each in upstreams) and not _rewrites_host(section)),
        host_rewrite=section.host_rewrite,
        host_rewrite_header=None if header is None else header.lower().encode("ascii"),
        host_rewrite_by_path=host_rewrite_by_path(section),
        path_rewrite=path_rewrite(section),
        allow_websockets=section.allow_websockets,
        allow_websocket_origins=frozenset(section.allow_websocket_origins),
        timeout=_limit(section.timeout, section.allow_websockets, defaults.default_upstream_timeout.total_seconds()),
        tunnel_idle_timeout=None if section.idle_timeout is None else section.idle_timeout.total_seconds() or None,
        idle_timeout=_limit(section.idle_timeout, section.allow_websockets, IDLE_TIMEOUT),
        max_connections=None if thresholds is None else thresholds.max_connections,
        max_pending_requests=None if thresholds is None else thresholds.max_pending_requests,
        show_error_details=section.show_error_details,
        pass_identity_headers=(
            defaults.pass_identity_headers if pass_identity_headers is None else pass_identity_headers
        ),
        jwt_issuer_format=section.jwt_issuer_format or defaults.jwt_issuer_format,
        tls=_tls(section),
        set_request_headers=tuple((name, each.literal) for name, each in templates if each.literal is not None),
        filled_request_headers=tuple((name, each) for name, each in templates if each.literal is None),
        kubernetes_token=None if kubernetes is None else kubernetes.get_secret_value(),
        remove_request_headers=section.remove_request_headers,
        set_response_headers=defaults.response_headers(section),
        rewrite_response_headers=tuple(
            (each.header.lower().encode("ascii"), each.prefix.encode("latin-1"), each.value.encode("latin-1"))
            for each in section.rewrite_response_headers
        ),
        caching=section.caching,
        clear_site_data=frozenset(section.clear_site_data),
        upstream_logout_uri=section.upstream_logout_uri,
        upstream_logout_audience=section.upstream_logout_audience,
    )


def route_id(from_: str, prefix: str | None, path: str | None, regex: str | None = None) -> str:
    """
    The id of the route that matches these.
    """
    matched = [from_, prefix, path] if regex is None else [from_, prefix, path, regex]
    return hashlib.sha256(json.dumps(matched).encode("ascii")).hexdigest()[:16]


def _upstream(to: str) -> Upstream:
    url = upstream_url(to)
    return Upstream(
        scheme=url.scheme,
        host=url.host,
        port=url.port,
        socket=url.socket,
    )


def _rewrites_host(section: RouteSection) -> bool:
    ways = (section.host_rewrite, section.host_rewrite_header, section.host_path_regex_rewrite_pattern)
    return any(way is not None for way in ways)


def _limit(written: timedelta | None, allow_websockets: bool, default: float) -> float | None:
    """
    A time limit in seconds. Zero means none, and so does saying nothing where WebSockets may stay open.
    """
    if written is not None:
        return written.total_seconds() or None
    return None if allow_websockets else default or None


def _tls(section: RouteSection) -> UpstreamTls:
    shown = section.client_certificate
    return UpstreamTls(
        skip_verify=section.tls_skip_verify,
        server_name=section.upstream_server_name,
        ca_pem=section.tls_custom_ca,
        client_certificate=None if shown is None else (shown[0], shown[1].get_secret_value()),
    )
