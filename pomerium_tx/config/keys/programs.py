"""
Keys about programs: how they get a session of a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator

from pomerium_tx.config.forms import general as forms
from pomerium_tx.config.forms import programs as program_forms
from pomerium_tx.config.keys.identity_provider import IdentityProviderSection
from pomerium_tx.config.section import Section, Strings

RedirectDomains = Annotated[tuple[str, ...], BeforeValidator(program_forms.redirect_domains)]
BearerTokenFormat = Annotated[
    Literal["default", "idp_access_token", "idp_identity_token", "jwt"],
    BeforeValidator(forms.lower),
]


class ProgramKeys(Section):
    """
    Programs.
    """

    programmatic_redirect_domain_whitelist: RedirectDomains = ("localhost",)
    """
    Hosts to which a program may have a session handle sent by ``/.pomerium/api/v1/login``: names and addresses that
    must be the same as those of its URL, whatever the port. ``localhost`` stands for every loopback address too. An
    empty list: nowhere.
    """
    programmatic_login: Annotated[Literal["confirm", "now"], BeforeValidator(forms.lower)] = "confirm"
    """
    What a person sees before a program gets their session handle: ``confirm`` asks them, ``now`` hands it out at once,
    as Pomerium does, so that any link that they open can have it sent.
    """
    bearer_token_format: BearerTokenFormat = "default"
    """
    What ``Authorization: Bearer ...`` is on routes that say nothing themselves. ``default``: the application's own
    business, passed on as it is. ``idp_access_token``: an access token of the route's provider, believed if its
    UserInfo endpoint does. ``idp_identity_token``: an ID Token of the provider for our client. ``jwt``: a JWT of one of
    ``identity_providers``. What is believed is a session of its own, what is not is refused with 403.
    """
    idp_access_token_allowed_audiences: Strings | None = None
    """
    The audiences of which an access token must be for one. Unset: any, those of other clients of the provider too.
    """
    identity_providers: Annotated[
        Mapping[str, IdentityProviderSection], BeforeValidator(program_forms.identity_providers)
    ] = {}
    """
    Issuers of the tokens of ``bearer_token_format: jwt``, by name. Nobody signs in at them: they are the issuers of
    workloads, such as a cluster's or a build service's. A token's user id is ``name/subject``.
    """
