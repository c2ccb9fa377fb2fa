"""
The request to the end-session endpoint: OpenID Connect RP-Initiated Logout 1.0 section 2; and to what providers have
instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from pomerium_tx.oidc.metadata import ProviderMetadata, is_endpoint
from pomerium_tx.oidc.provider_settings import ProviderSettings
from pomerium_tx.oidc.urls import origin_of, own_query_without, with_query

LONGEST_URL: Final = 4000
AUTHORIZATION_ORIGIN: Final = "{authorization_origin}"
"""
In the place of scheme and host: those of the authorization endpoint.
"""
_NAME: Final = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSession:
    """
    The request, in both its forms: *url* for a redirect, *action* and *fields* for a form that is posted.
    """

    url: str = field(repr=False)
    action: str
    fields: tuple[tuple[str, str], ...] = field(repr=False)
    brings_state_back: bool = True
    """
    Whether the user agent returns with the ``state``, so that it is seen to have been there.
    """

    @property
    def too_long(self) -> bool:
        """
        Must the form be used, since some user agent or server on the way would not take the URL?
        """
        return bool(self.fields) and len(self.url) > LONGEST_URL


def has_end_session(metadata: ProviderMetadata | None, settings: ProviderSettings) -> bool:
    """
    Whether the provider can be asked to end its own session; what is not known yet may turn out to be there.
    """
    if not settings.end_session:
        return False
    if metadata is None or settings.sign_out_url or settings.fallback_sign_out_url:
        return True
    return metadata.end_session_endpoint is not None


def brings_state_back(metadata: ProviderMetadata | None, settings: ProviderSettings) -> bool:
    """
    Whether whoever is sent there may be expected back with the ``state``.
    """
    template = _template(metadata, settings)
    return template is None or "{state}" in template


def end_session_request(
    metadata: ProviderMetadata,
    settings: ProviderSettings,
    *,
    id_token_hint: str | None,
    post_logout_redirect_uri: str,
    state: str,
) -> EndSession | None:
    """
    What asks the provider to end its own session and to send the user agent back; None if it cannot be asked.
    """
    if not settings.end_session:
        return None
    template = _template(metadata, settings)
    if template is not None:
        values = {
            "client_id": settings.client_id,
            "post_logout_redirect_uri": post_logout_redirect_uri,
            "id_token_hint": id_token_hint or "",
            "state": state,
        }
        return _filled(template, values, metadata)
    endpoint = metadata.end_session_endpoint
    if endpoint is None:
        return None
    fields: list[tuple[str, str]] = []
    if id_token_hint is not None:
        fields.append(("id_token_hint", id_token_hint))
    fields.append(("client_id", settings.client_id))
    comes_back = id_token_hint is not None or not settings.end_session_needs_hint
    if comes_back:
        fields += [("post_logout_redirect_uri", post_logout_redirect_uri), ("state", state)]
    return EndSession(
        url=with_query(endpoint, fields),
        action=own_query_without(endpoint, [name for name, _ in fields]),
        fields=tuple(fields),
        brings_state_back=comes_back,
    )


def _template(metadata: ProviderMetadata | None, settings: ProviderSettings) -> str | None:
    if settings.sign_out_url is not None:
        return settings.sign_out_url
    if metadata is not None and metadata.end_session_endpoint is not None:
        return None
    return settings.fallback_sign_out_url


def _filled(template: str, values: Mapping[str, str], metadata: ProviderMetadata) -> EndSession | None:
    url = template
    if url.startswith(AUTHORIZATION_ORIGIN):
        url = origin_of(metadata.authorization_endpoint) + url.removeprefix(AUTHORIZATION_ORIGIN)
    where, mark, query = url.partition("?")
    if not is_endpoint(where, metadata.issuer):
        return None
    # A parameter without a value asks for something else than one that is not there.
    kept = [pair for pair in query.split("&") if not any(values.get(name) == "" for name in _NAME.findall(pair))]
    filled = [_NAME.sub(lambda found: quote(values[found[1]], safe=""), pair) for pair in kept]
    return EndSession(
        url=f"{where}{mark}{'&'.join(filled)}",
        action=where,
        fields=(),
        brings_state_back="{state}" in template,
    )
