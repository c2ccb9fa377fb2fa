"""
The schema: every key that is supported, its type and its default.

What is known but not supported is in `pomerium_tx.config.keys`; what needs more than one key to be judged, in
`pomerium_tx.config.rules`. A route's keys are in `pomerium_tx.config.route_section`. Attributes are spelled as the
keys.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, SecretBytes

from pomerium_tx.config import forms, values
from pomerium_tx.config.route_section import CircuitBreakerThresholds, RouteSection
from pomerium_tx.config.section import (
    MOST_CONNECTIONS,
    AdminListener,
    AdminToken,
    Certificates,
    Duration,
    FileName,
    IssuerFormat,
    Key32,
    Limit,
    ListenAddress,
    Origin,
    Origins,
    Password,
    Positive,
    PrivateKey,
    ResponseHeaders,
    Section,
    SigningKeys,
    StringMap,
    Strings,
    Text,
    Truth,
    Url,
)
from pomerium_tx.config.values import Address, AdminAddress

DISABLE = "disable"
"""
The name among ``set_response_headers`` that empties them.
"""
_HSTS = "Strict-Transport-Security"
_DEFAULT_RESPONSE_HEADERS: Mapping[str, str] = {
    "X-Frame-Options": "SAMEORIGIN",
    "X-XSS-Protection": "1; mode=block",
    _HSTS: "max-age=31536000; includeSubDomains; preload",
}


class CertificateSection(Section):
    """
    One of ``certificates``: a certificate (chain) and its private key, as PEM, once their files have been read.
    """

    files: ClassVar[Mapping[str, str]] = {"cert": "cert", "key": "key"}

    cert: Certificates = Field(repr=False)
    key: PrivateKey


class RuntimeFlags(Section):
    """
    ``runtime_flags``.
    """

    allow_any_sign_out_redirect_uri: Truth = False
    match_any_incoming_port: Truth = True
    refresh_session_at_id_token_expiration: Truth = True


class Config(Section):
    """
    A whole configuration.
    """

    files: ClassVar[Mapping[str, str]] = {
        "shared_secret": "shared_secret_file",
        "cookie_secret": "cookie_secret_file",
        "idp_client_secret": "idp_client_secret_file",
        "admin_token": "admin_token_file",
        "signing_key": "signing_key_file",
        "certificate": "certificate_file",
        "certificate_key": "certificate_key_file",
        "certificate_authority": "certificate_authority_file",
    }

    # Listening.
    address: ListenAddress = Address(host="", port=443)
    authenticate_address: ListenAddress | None = None
    insecure_server: Truth = False
    certificates: Annotated[tuple[CertificateSection, ...], BeforeValidator(forms.sections)] = ()
    certificate: Certificates | None = Field(default=None, repr=False)
    certificate_file: FileName | None = None
    certificate_key: PrivateKey | None = None
    certificate_key_file: FileName | None = None

    # What a peer may ask of us.
    timeout_request_head: Positive = timedelta(seconds=30)
    timeout_read: Duration = timedelta(seconds=30)
    timeout_request: Limit = None
    """
    None: a request may take as long as its content goes on coming.
    """
    timeout_idle: Duration = timedelta(minutes=5)
    max_header_bytes: Annotated[int, BeforeValidator(values.whole(256, 1 << 20))] = 65_536
    max_header_count: Annotated[int, BeforeValidator(values.whole(1, 10_000))] = 200
    max_target_bytes: Annotated[int, BeforeValidator(values.whole(1, 1 << 20))] = 8_192
    max_pipelined_requests: Annotated[int, BeforeValidator(values.whole(1, 10_000))] = 16
    max_connections: Annotated[int, BeforeValidator(values.whole(0, MOST_CONNECTIONS))] = 0
    """
    Zero: what the limit of file descriptors leaves.
    """
    max_connections_per_address: Annotated[int, BeforeValidator(values.whole(0, MOST_CONNECTIONS))] = 0
    """
    Zero: half of ``max_connections``.
    """

    # Signing in and out.
    authenticate_service_url: Origin
    signout_redirect_url: Url | None = None
    sign_out_redirect_allowlist: Origins = ()
    sign_out_from_same_site: Annotated[Literal["confirm", "now"], BeforeValidator(forms.lower)] = "confirm"
    shared_secret: Key32 = Field(default_factory=lambda: SecretBytes(os.urandom(32)))
    shared_secret_file: FileName | None = None
    cookie_secret: Key32 = Field(default_factory=lambda: SecretBytes(os.urandom(32)))
    cookie_secret_file: FileName | None = None
    cookie_name: Annotated[str, BeforeValidator(forms.cookie_name)] = "_pomerium"
    cookie_domain: Annotated[str, BeforeValidator(forms.cookie_domain)] | None = None
    """
    Lower-case, without a leading dot.
    """
    cookie_expire: Duration = timedelta(hours=14)
    session_idle_timeout: Limit = None
    """
    None: sessions do not end for want of use.
    """
    session_idle_counts_streams: Truth = False
    cookie_http_only: Truth = True
    cookie_same_site: Annotated[Literal["Strict", "Lax", "None"], BeforeValidator(forms.same_site)] | None = None

    # The OpenID Provider.
    idp_provider: Annotated[Literal["oidc"], BeforeValidator(forms.provider)]
    idp_provider_url: Annotated[str, BeforeValidator(forms.issuer)]
    """
    Exactly as written: the provider's ``issuer`` must equal it.
    """
    idp_client_id: Text
    idp_client_secret: Password
    idp_client_secret_file: FileName | None = None
    idp_scopes: Strings = ("openid", "profile", "email", "offline_access")
    idp_request_params: StringMap = Field(default={})
    end_session_needs_hint: Truth = False
    id_token_signed_response_alg: Annotated[str, BeforeValidator(forms.signature_algorithm)] | None = None
    revocation_delay: Duration = timedelta(seconds=60)
    backchannel_logout_allow_missing_exp: Truth = False
    frontchannel_sid_is_sub: Truth = False
    certificate_authority: Certificates | None = Field(default=None, repr=False)
    certificate_authority_file: FileName | None = None

    # Routes.
    routes: Annotated[tuple[RouteSection, ...], BeforeValidator(forms.sections)] = ()
    policy: Annotated[tuple[RouteSection, ...], BeforeValidator(forms.sections)] = ()
    """
    Pomerium's older name for ``routes``. Always empty in a loaded configuration: its routes stand first in ``routes``.
    """
    default_upstream_timeout: Duration = timedelta(seconds=30)
    merge_slashes: Truth = True
    normalize_path: Truth = True
    skip_xff_append: Truth = False
    max_upstream_connections: Annotated[int, BeforeValidator(values.whole(1, MOST_CONNECTIONS))] = 1024
    max_upstream_queue: Annotated[int, BeforeValidator(values.whole(0, MOST_CONNECTIONS))] = 1024
    timeout_upstream_queue: Positive = timedelta(seconds=10)
    circuit_breaker_thresholds: Annotated[CircuitBreakerThresholds | None, BeforeValidator(forms.section)] = None
    """
    Pomerium's name of ``max_upstream_connections`` and ``max_upstream_queue``.
    """
    set_response_headers: ResponseHeaders | None = None

    # Identity.
    signing_key: SigningKeys | None = None
    signing_key_file: FileName | None = None
    jwt_claims_headers: Annotated[Mapping[str, str], BeforeValidator(forms.claim_headers)] = {}
    """
    Lower-case header name -> claim.
    """
    jwt_issuer_format: IssuerFormat = "hostOnly"
    pass_identity_headers: Truth = False

    # Running.
    workers: Annotated[int, BeforeValidator(values.whole(1, 64))] = 1
    admin_address: AdminListener = AdminAddress(path="/run/pomerium-tx/admin.sock")
    """
    None: no listener. Whether it was written or is the default is in ``model_fields_set``.
    """
    admin_token: AdminToken | None = None
    admin_token_file: FileName | None = None
    log_level: Annotated[
        Literal["trace", "debug", "info", "warn", "error", "fatal", "panic", "disabled"],
        BeforeValidator(forms.log_level),
    ] = "info"
    runtime_flags: Annotated[RuntimeFlags, BeforeValidator(forms.section)] = RuntimeFlags()
    databroker_storage_type: Annotated[Literal["memory"], BeforeValidator(forms.storage)] = "memory"

    @property
    def authenticate_origin(self) -> values.Origin:
        """
        ``authenticate_service_url``, taken apart.
        """
        return values.origin(self.authenticate_service_url)

    @property
    def authenticate_listener(self) -> Address | None:
        """
        Where the authenticate host listens by itself; None when it shares ``address`` and is told apart by its name.
        """
        wanted = self.authenticate_address
        if wanted is None:
            wanted = Address(host=self.address.host, port=self.authenticate_origin.effective_port)
        return None if wanted == self.address else wanted

    @property
    def key_pairs(self) -> tuple[tuple[bytes, SecretBytes], ...]:
        """
        PEM certificates and their key, for every certificate that we show; the first is the default.
        """
        pairs = [(section.cert, section.key) for section in self.certificates]
        if self.certificate is not None and self.certificate_key is not None:
            pairs.insert(0, (self.certificate, self.certificate_key))
        return tuple(pairs)

    @property
    def upstream_bounds(self) -> tuple[int, int]:
        """
        How many connections to one origin there may be, and how many requests may wait for one.
        """
        connections, queue = self.max_upstream_connections, self.max_upstream_queue
        thresholds = self.circuit_breaker_thresholds
        if thresholds is not None:
            connections = thresholds.max_connections or connections
            queue = queue if thresholds.max_pending_requests is None else thresholds.max_pending_requests
        return connections, queue

    def response_headers(self, route: RouteSection | None) -> tuple[tuple[str, str], ...]:
        """
        What is set on every response of a route; of our own pages and errors where *route* is None.
        """
        headers = self.set_response_headers
        if headers is None:
            headers = {
                name: value for name, value in _DEFAULT_RESPONSE_HEADERS.items() if name != _HSTS or self.key_pairs
            }
        merged = {name.lower(): (name, value) for name, value in headers.items()}
        if DISABLE in merged:
            merged = {}
        if route is not None and route.set_response_headers is not None:
            merged.update((name.lower(), (name, value)) for name, value in route.set_response_headers.items())
        return () if DISABLE in merged else tuple(merged.values())
