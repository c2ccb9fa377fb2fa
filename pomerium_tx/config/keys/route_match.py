"""
Keys of a route about which requests it is for, and what it is called.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from pomerium_tx.config.forms import general as forms
from pomerium_tx.config.forms import paths as path_forms
from pomerium_tx.config.section import ImageUrl, RouteOrigin, Section


class RouteMatchKeys(Section):
    """
    From where.
    """

    from_: RouteOrigin = Field(alias="from")
    """
    Where browsers reach the application: scheme, host and, if it matters, port; no path. Without a port it matches
    requests for any port, unless ``runtime_flags`` say otherwise. ``*`` stands for any characters of the host, dots
    included: ``https://*.example.com``; a route that names the host exactly comes before one that does not.
    """
    prefix: Annotated[str, BeforeValidator(forms.path)] | None = None
    """
    Only requests whose path begins so, letter for letter: ``/admin`` is for ``/administrator`` too. Unset, and without
    ``path``, all requests.
    """
    path: Annotated[str, BeforeValidator(forms.path)] | None = None
    """
    Only requests for exactly this path; then ``prefix`` is ignored.
    """
    regex: Annotated[str, BeforeValidator(path_forms.expression)] | None = None
    """
    Only requests whose whole path this regular expression (RE2) matches; then ``path`` and ``prefix`` are ignored. It
    is compared with the path in the form in which it would be sent on, without the query.
    """
    regex_priority_order: Annotated[int, BeforeValidator(path_forms.order)] | None = None
    """
    Nothing: routes are tried in the order in which they are written. Pomerium sorts by it those that are not from its
    file.
    """
    name: Annotated[str, BeforeValidator(forms.label)] = ""
    """
    What the route is called in the log.
    """
    description: Annotated[str, BeforeValidator(forms.label)] = ""
    """
    What the application is, in a sentence, for the routes portal.
    """
    logo_url: ImageUrl | None = None
    """
    A picture of the application, for the routes portal: an https URL, or a data URL.
    """
