"""
Keys of a route about who may pass.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from pomerium_tx.config import forms
from pomerium_tx.config.section import Section, Strings, Truth


class RouteAccessKeys(Section):
    """
    Who may pass; without any of these keys nobody may.
    """

    allow_public_unauthenticated_access: Truth = False
    """
    Everybody may pass, without signing in.
    """
    allow_any_authenticated_user: Truth = False
    """
    Whoever has signed in may pass.
    """
    allowed_users: Strings = ()
    """
    These people may pass: e-mail addresses, or the provider's names (``sub``) of them, letter for letter.
    """
    allowed_domains: Annotated[tuple[str, ...], BeforeValidator(forms.domains)] = ()
    """
    Whoever has an e-mail address at one of these domains may pass.
    """
    show_error_details: Truth = False
    """
    Say on the page that refuses a person which criteria were not met, by the names that the log has for them.
    """
