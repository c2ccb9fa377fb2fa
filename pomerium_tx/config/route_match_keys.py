"""
Keys of a route about which requests it is for, where they go, and what it is called.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from pomerium_tx.config import forms
from pomerium_tx.config.section import ImageUrl, Origin, Section, Text


class RouteMatchKeys(Section):
    """
    From where to where.
    """

    from_: Origin = Field(alias="from")
    """
    Where browsers reach the application: scheme, host and, if it matters, port; no path. Without a port it matches
    requests for any port, unless ``runtime_flags`` say otherwise.
    """
    to: Annotated[tuple[str, ...], BeforeValidator(forms.upstreams)]
    """
    Where the application is.
    """
    prefix: Annotated[str, BeforeValidator(forms.path)] | None = None
    """
    Only requests whose path begins so, letter for letter: ``/admin`` is for ``/administrator`` too. Unset, and without
    ``path``, all requests.
    """
    path: Annotated[str, BeforeValidator(forms.path)] | None = None
    """
    Only requests for exactly this path.
    """
    name: Text = ""
    """
    What the route is called in the log.
    """
    description: Text = ""
    """
    What the application is, in a sentence, for the routes portal.
    """
    logo_url: ImageUrl | None = None
    """
    A picture of the application, for the routes portal: an https URL, or a data URL.
    """
