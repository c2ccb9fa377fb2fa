"""
One of ``routes``: every key that is supported there, its type and its default.

``from`` is ``from_`` here; the other attributes are spelled as the keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, SecretBytes

from pomerium_tx.config import forms, values
from pomerium_tx.config.section import (
    MOST_CONNECTIONS,
    Certificates,
    Duration,
    FileName,
    HeaderNames,
    IssuerFormat,
    Origin,
    Origins,
    PrivateKey,
    RequestHeaders,
    ResponseHeaders,
    Section,
    SiteData,
    Strings,
    Text,
    Truth,
)


class CircuitBreakerThresholds(Section):
    """
    ``circuit_breaker_thresholds``, outside of routes and in one.
    """

    max_connections: Annotated[int, BeforeValidator(values.whole(1, MOST_CONNECTIONS))] | None = None
    """
    None: as outside of routes, and there ``max_upstream_connections``.
    """
    max_pending_requests: Annotated[int, BeforeValidator(values.whole(0, MOST_CONNECTIONS))] | None = None
    """
    None: as outside of routes, and there ``max_upstream_queue``.
    """


class RouteSection(Section):
    """
    One of ``routes``.
    """

    files: ClassVar[Mapping[str, str]] = {
        "tls_custom_ca": "tls_custom_ca_file",
        "tls_client_cert": "tls_client_cert_file",
        "tls_client_key": "tls_client_key_file",
    }

    from_: Origin = Field(alias="from")
    to: Annotated[tuple[str, ...], BeforeValidator(forms.upstreams)]
    """
    Exactly one.
    """
    name: Text = ""
    description: Text = ""
    logo_url: Text = ""

    prefix: Annotated[str, BeforeValidator(forms.path)] | None = None
    path: Annotated[str, BeforeValidator(forms.path)] | None = None

    allow_public_unauthenticated_access: Truth = False
    allow_any_authenticated_user: Truth = False
    allowed_users: Strings = ()
    allowed_domains: Annotated[tuple[str, ...], BeforeValidator(forms.domains)] = ()

    preserve_host_header: Truth = False
    host_rewrite: Annotated[str, BeforeValidator(forms.authority)] | None = None
    allow_websockets: Truth = False
    allow_websocket_origins: Origins = ()
    timeout: Duration | None = None
    """
    None: ``default_upstream_timeout``, or no limit with ``allow_websockets``. Zero: no limit.
    """
    idle_timeout: Duration | None = None
    """
    None: five minutes, or no limit with ``allow_websockets``. Zero: no limit.
    """
    circuit_breaker_thresholds: Annotated[CircuitBreakerThresholds | None, BeforeValidator(forms.section)] = None
    """
    With either of its keys, the route's connections are counted by themselves and not with those of its origin.
    """
    pass_identity_headers: Truth | None = None
    """
    None: as the same key outside of routes.
    """
    jwt_issuer_format: IssuerFormat | None = None
    set_request_headers: RequestHeaders = Field(default={}, repr=False)
    remove_request_headers: HeaderNames = ()
    set_response_headers: ResponseHeaders | None = None
    caching: Annotated[Literal["upstream", "private", "no_store"], BeforeValidator(forms.lower)] = "upstream"

    clear_site_data: SiteData = ()
    upstream_logout_uri: Annotated[str, BeforeValidator(forms.logout_uri)] | None = None
    """
    An absolute URL, or a path on the host of every ``to``.
    """
    upstream_logout_audience: Text | None = None
    """
    None: the URL itself.
    """

    tls_skip_verify: Truth = False
    tls_custom_ca: Certificates | None = Field(default=None, repr=False)
    tls_custom_ca_file: FileName | None = None
    tls_server_name: Annotated[str, BeforeValidator(forms.host)] | None = None
    tls_upstream_server_name: Annotated[str, BeforeValidator(forms.host)] | None = None
    tls_client_cert: Certificates | None = Field(default=None, repr=False)
    tls_client_cert_file: FileName | None = None
    tls_client_key: PrivateKey | None = None
    tls_client_key_file: FileName | None = None

    @property
    def upstream_server_name(self) -> str | None:
        """
        The name to send and verify, where it is not the host of ``to``.
        """
        return self.tls_upstream_server_name or self.tls_server_name

    @property
    def client_certificate(self) -> tuple[bytes, SecretBytes] | None:
        """
        What we show to the upstream: PEM certificates and their key.
        """
        if self.tls_client_cert is None or self.tls_client_key is None:
            return None
        return self.tls_client_cert, self.tls_client_key
