"""
Keys of a route about how a session gets to it besides the browser's own way.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from pomerium_tx.config.forms import programs as program_forms
from pomerium_tx.config.keys.programs import BearerTokenFormat
from pomerium_tx.config.section import Section, Strings


class RouteProgramKeys(Section):
    """
    Signing in at other hosts, and by tokens.
    """

    depends_on: Annotated[tuple[str, ...], BeforeValidator(program_forms.dependencies)] = ()
    """
    Up to five hosts of other routes where a person is signed in along with this one, so that its pages can use them at
    once: each as ``host`` or ``host:port``. They must want people from the same provider.
    """
    bearer_token_format: BearerTokenFormat | None = None
    """
    What ``Authorization: Bearer ...`` is here. Unset, as the same key outside of routes.
    """
    idp_access_token_allowed_audiences: Strings | None = None
    """
    The audiences of which an access token must be for one. Unset, as the same key outside of routes.
    """
    identity_providers: Strings = ()
    """
    The names of those of ``identity_providers`` whose tokens count here. Unset: of all.
    """
