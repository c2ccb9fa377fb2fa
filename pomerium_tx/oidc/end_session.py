"""
The request to the end-session endpoint: OpenID Connect RP-Initiated Logout 1.0 section 2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from pomerium_tx.oidc.metadata import ProviderMetadata
from pomerium_tx.oidc.provider import ProviderSettings
from pomerium_tx.oidc.urls import own_query_without, with_query

LONGEST_URL: Final = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSession:
    """
    The request, in both its forms: *url* for a redirect, *action* and *fields* for a form that is posted.
    """

    url: str = field(repr=False)
    action: str
    fields: tuple[tuple[str, str], ...] = field(repr=False)

    @property
    def too_long(self) -> bool:
        """
        Must the form be used, since some user agent or server on the way would not take the URL?
        """
        return len(self.url) > LONGEST_URL


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
    endpoint = metadata.end_session_endpoint
    if endpoint is None:
        return None
    fields: list[tuple[str, str]] = []
    if id_token_hint is not None:
        fields.append(("id_token_hint", id_token_hint))
    fields.append(("client_id", settings.client_id))
    if id_token_hint is not None or not settings.end_session_needs_hint:
        fields += [("post_logout_redirect_uri", post_logout_redirect_uri), ("state", state)]
    return EndSession(
        url=with_query(endpoint, fields),
        action=own_query_without(endpoint, [name for name, _ in fields]),
        fields=tuple(fields),
    )
