"""
Keys of a route about who may pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator

from pomerium_tx.config.forms import general as forms
from pomerium_tx.config.policy.matchers import Scalar
from pomerium_tx.config.policy.rules import Rule, rules
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
    allowed_idp_claims: Annotated[Mapping[str, tuple[Scalar, ...]], BeforeValidator(forms.allowed_claims)] = {}
    """
    Whoever has one of these values in one of these claims may pass: a mapping of claims to their values, or lists of
    values. A claim inside of another is written ``outer.inner`` or ``outer/inner``.
    """
    cors_allow_preflight: Truth = False
    """
    The requests by which browsers ask an application whether pages of other origins may use it (``OPTIONS`` with
    ``Origin`` and ``Access-Control-Request-Method``) pass without signing in, since they never carry a cookie.
    """
    policy: Annotated[tuple[Rule, ...], BeforeValidator(rules)] = ()
    """
    Rules in the Pomerium Policy Language (``docs/policy.md``), besides the keys above: whoever some ``allow`` admits
    and no ``deny`` refuses may pass. A mapping, a list of mappings, or either as a string of YAML or JSON.
    """
