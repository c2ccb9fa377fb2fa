"""
Keys of a route about what its application learns about people, and of the end of their sessions.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from pomerium_tx.config.forms import general as forms
from pomerium_tx.config.section import IssuerFormat, Section, SiteData, Text, Truth


class RouteIdentityKeys(Section):
    """
    What the application learns about people, and of the end of their sessions.
    """

    pass_identity_headers: Truth | None = None
    """
    Send the application ``X-Pomerium-Jwt-Assertion`` and the headers of ``jwt_claims_headers``. Unset, as the same key
    outside of routes.
    """
    jwt_issuer_format: IssuerFormat | None = None
    """
    The issuer of the assertion. Unset, as the same key outside of routes.
    """
    clear_site_data: SiteData = ()
    """
    What a browser is asked to forget of this host when its person signs out. Mind that ``cookies`` means those of the
    whole site, of sibling hosts too.
    """
    upstream_logout_uri: Annotated[str, BeforeValidator(forms.logout_uri)] | None = Field(
        default=None, repr=False, exclude=True
    )
    """
    Where the application wants to be told that a session has ended: a URL, or a path on the host of every ``to``. It
    gets a logout token by POST, again and again until it answers 2xx, for a day at most.
    """
    upstream_logout_audience: Text | None = None
    """
    The audience of that token. Unset, the URL itself.
    """
