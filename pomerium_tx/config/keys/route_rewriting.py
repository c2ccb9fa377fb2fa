"""
Keys of a route about the path and the host that the application sees.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from pomerium_tx.config.forms import general as forms
from pomerium_tx.config.forms import paths as path_forms
from pomerium_tx.config.section import HeaderName, Section, Truth


class RouteRewriteKeys(Section):
    """
    The path and the host that the application sees.
    """

    prefix_rewrite: Annotated[str, BeforeValidator(path_forms.path_to_send)] | None = None
    """
    What the application gets instead of the matched ``prefix``, or instead of the whole path with ``path`` or
    ``regex``; two slashes where both parts meet become one. Unset: the path of the first ``to``, if it has one, and
    otherwise the path as it was asked for.
    """
    regex_rewrite_pattern: Annotated[str, BeforeValidator(path_forms.expression)] | None = None
    """
    A regular expression (RE2): each of its matches in the path is replaced by ``regex_rewrite_substitution``. A request
    of which the path would not be one any more is refused. The query stays as it is.
    """
    regex_rewrite_substitution: Annotated[str, BeforeValidator(path_forms.substitution)] | None = None
    r"""
    What takes the place of each match: ``\1`` is what the first group has matched, ``\0`` the whole match. Unset:
    nothing.
    """
    host_rewrite: Annotated[str, BeforeValidator(forms.authority)] | None = None
    """
    The ``Host`` that the application sees. Of the ways to say so the first one counts, in the order in which they stand
    here; without any, the application sees the host of ``to``.
    """
    host_rewrite_header: HeaderName | None = None
    """
    The request header whose value is the ``Host`` that the application sees: the browser chooses it. A request without
    the header keeps its own ``Host``; one in which it is no host is refused.
    """
    host_path_regex_rewrite_pattern: Annotated[str, BeforeValidator(path_forms.expression)] | None = None
    """
    A regular expression (RE2): the path, with its matches replaced by ``host_path_regex_rewrite_substitution``, is the
    ``Host`` that the application sees. A request for which that is no host is refused.
    """
    host_path_regex_rewrite_substitution: Annotated[str, BeforeValidator(path_forms.substitution)] | None = None
    """
    What takes the place of each match, as in ``regex_rewrite_substitution``.
    """
    preserve_host_header: Truth = False
    """
    The application sees the ``Host`` that the browser has sent, and no ``X-Forwarded-Host``.
    """
