"""
What each ``idp_provider`` stands for: where it is, what it is asked for, and how one signs out there.

All that is particular about a provider is in this table, from its own documentation and from Pomerium's defaults;
``docs/providers`` has a page with the sources for each. Whatever is written in a configuration goes before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

EACH: Final = "each"
"""
The tokens of a session are revoked when it has ended.
"""
LAST_SESSION: Final = "last_session"
"""
They are revoked when no session of the same person and client is left: revoking one takes back the whole grant.
"""
OFF: Final = "off"
"""
They are never revoked.
"""


class Slash(Enum):
    """
    What becomes of a slash at the end of ``idp_provider_url``, which is a part of the issuer's name.
    """

    AS_WRITTEN = "as written"
    ADDED = "added"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderType:
    """
    The particulars of one kind of provider.
    """

    url: str | None = None
    """
    The issuer where there is one for all customers.
    """
    slash: Slash = Slash.AS_WRITTEN
    scopes: tuple[str, ...] = ("openid", "profile", "email", "offline_access")
    request_params: Mapping[str, str] = field(default_factory=dict)
    """
    Sent with each sign-in; a written ``idp_request_params`` takes their place.
    """
    fixed_params: Mapping[str, str] = field(default_factory=dict)
    """
    Sent with each sign-in, whatever is written besides.
    """
    is_oidc: bool = True
    """
    Whether it has metadata and ID Tokens; otherwise it is known to `pomerium_tx.oidc.github`.
    """
    sign_out_url: str | None = None
    """
    A template, used instead of the end-session endpoint that the metadata may name.
    """
    fallback_sign_out_url: str | None = None
    """
    A template, used where the metadata names no end-session endpoint.
    """
    end_session_needs_hint: bool = False
    revocation: str = EACH
    revocation_path: str | None = None
    """
    On the host of the authorization endpoint, where the metadata names no revocation endpoint.
    """
    unfit: Mapping[str, str] = field(default_factory=dict)
    """
    Paths of a ``idp_provider_url`` that cannot be used, and why.
    """


_MANY_TENANTS: Final = (
    "is for many tenants, whose tokens name other issuers; write that of yours:"
    " https://login.microsoftonline.com/TENANT-ID/v2.0"
)
_WITHOUT_OFFLINE: Final = ("openid", "profile", "email")

PROVIDER_TYPES: Final[Mapping[str, ProviderType]] = {
    "oidc": ProviderType(),
    "apple": ProviderType(
        url="https://appleid.apple.com",
        slash=Slash.DROPPED,
        scopes=("openid", "name", "email"),
        # With name or email among the scopes, Apple answers in no other way.
        fixed_params={"response_mode": "form_post"},
        # It is there for people who leave an application for good: they would have to consent anew.
        revocation=OFF,
    ),
    "auth0": ProviderType(
        slash=Slash.ADDED,
        # Of returnTo, Auth0 compares all but the query with what is registered: the state comes back.
        fallback_sign_out_url="{authorization_origin}/v2/logout?client_id={client_id}"
        "&returnTo={post_logout_redirect_uri}%3Fstate%3D{state}",
        revocation=LAST_SESSION,
    ),
    "azure": ProviderType(
        request_params={"prompt": "select_account"},
        unfit={f"/{name}/v2.0": _MANY_TENANTS for name in ("common", "organizations", "consumers")},
    ),
    "cognito": ProviderType(
        slash=Slash.DROPPED,
        scopes=("openid", "email", "profile"),
        # It has an end-session endpoint in its metadata, which does not know the parameters of the specification.
        sign_out_url="{authorization_origin}/logout?client_id={client_id}&logout_uri={post_logout_redirect_uri}",
        revocation_path="/oauth2/revoke",
    ),
    "github": ProviderType(
        url="https://github.com", slash=Slash.DROPPED, scopes=("user:email", "read:org"), is_oidc=False
    ),
    "gitlab": ProviderType(url="https://gitlab.com", slash=Slash.DROPPED, scopes=_WITHOUT_OFFLINE),
    "google": ProviderType(
        url="https://accounts.google.com",
        slash=Slash.DROPPED,
        scopes=_WITHOUT_OFFLINE,
        # There is no offline_access; this, and consent, is what gives a refresh token each time.
        request_params={"prompt": "select_account consent", "access_type": "offline"},
        revocation=LAST_SESSION,
    ),
    "okta": ProviderType(end_session_needs_hint=True),
    "onelogin": ProviderType(
        url="https://openid-connect.onelogin.com/oidc",
        slash=Slash.DROPPED,
        # Without offline_access, which its second version does not know.
        scopes=("openid", "profile", "email", "groups"),
        end_session_needs_hint=True,
    ),
    "ping": ProviderType(end_session_needs_hint=True),
}
