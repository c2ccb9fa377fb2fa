"""
Keys about the OpenID Provider.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from pomerium_tx.config import forms
from pomerium_tx.config.section import (
    Certificates,
    Duration,
    FileName,
    Password,
    Section,
    StringMap,
    Strings,
    Text,
    Truth,
)


class ProviderKeys(Section):
    """
    The OpenID Provider.
    """

    idp_provider: Annotated[Literal["oidc"], BeforeValidator(forms.provider)]
    """
    The kind of provider.
    """
    idp_provider_url: Annotated[str, BeforeValidator(forms.issuer)]
    """
    The provider's issuer, letter for letter as in its ``/.well-known/openid-configuration``.
    """
    idp_client_id: Text
    """
    The name under which the provider has registered this proxy.
    """
    idp_client_secret: Password
    """
    The client's secret, as the provider has given it out.
    """
    idp_client_secret_file: FileName | None = None
    """
    The file with ``idp_client_secret``.
    """
    idp_scopes: Strings = ("openid", "profile", "email", "offline_access")
    """
    What the provider is asked for. ``openid`` must be among them. ``offline_access`` is what gives a refresh token at
    most providers, without which a session ends with its access token.
    """
    idp_request_params: StringMap = Field(default={})
    """
    More parameters of the sign-in request to the provider, such as ``prompt: select_account``.
    """
    end_session_needs_hint: Truth = False
    """
    The provider ignores or refuses a sign-out without an ID Token: where we have none it is then sent neither return
    address nor state.
    """
    id_token_signed_response_alg: Annotated[str, BeforeValidator(forms.signature_algorithm)] | None = None
    """
    How the provider signs ID Tokens and logout tokens, if only that is to be accepted. Unset, any asymmetric algorithm
    that its metadata lists; logout tokens as the ID Tokens were.
    """
    revocation_delay: Duration = timedelta(seconds=60)
    """
    How long to wait for the browser to come back from the provider's sign-out before the session's tokens are revoked.
    """
    backchannel_logout_allow_missing_exp: Truth = False
    """
    Accept back-channel logout tokens without ``exp``: they are then good for two minutes from when they were issued.
    """
    frontchannel_sid_is_sub: Truth = False
    """
    What the provider calls ``sid`` in front-channel logouts is the person's ``sub``: one ends those of their sessions
    that were last used from the same address.
    """
    certificate_authority: Certificates | None = Field(default=None, repr=False)
    """
    Authorities to believe for connections that we make, those to the provider included, instead of the system's.
    """
    certificate_authority_file: FileName | None = None
    """
    The file with ``certificate_authority``.
    """
