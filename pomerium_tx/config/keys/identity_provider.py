"""
One of ``identity_providers``.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from pomerium_tx.config.forms import general as forms
from pomerium_tx.config.forms import programs as program_forms
from pomerium_tx.config.section import Section, Strings, Url


class IdentityProviderSection(Section):
    """
    One of ``identity_providers``: an issuer of bearer tokens.
    """

    issuer: Annotated[str, BeforeValidator(forms.issuer)]
    """
    The ``iss`` of its tokens, letter for letter, and where its metadata are found.
    """
    jwks_url: Url | None = None
    """
    Where its keys are, if its metadata do not say so or cannot be reached.
    """
    supported_algs: Annotated[tuple[str, ...], BeforeValidator(program_forms.token_algorithms)] = (
        "RS256",
        "ES256",
        "EdDSA",
    )
    """
    The algorithms with which it may sign: RS, PS or ES with 256, 384 or 512, or EdDSA.
    """
    audiences: Strings
    """
    The audiences of which a token must be for one.
    """
