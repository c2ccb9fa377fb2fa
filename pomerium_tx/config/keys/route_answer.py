"""
Keys of a route that answers by itself, without an application.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator

from pomerium_tx.config.forms import answers as answer_forms
from pomerium_tx.config.forms import general as forms
from pomerium_tx.config.forms import paths as path_forms
from pomerium_tx.config.forms import values
from pomerium_tx.config.section import Section, Truth


class RedirectSection(Section):
    """
    ``redirect`` of a route: what of the URL is another one; the rest stays as it was asked for.
    """

    https_redirect: Truth = False
    """
    To ``https``.
    """
    scheme_redirect: Annotated[Literal["http", "https"], BeforeValidator(forms.lower)] | None = None
    """
    To this scheme.
    """
    host_redirect: Annotated[str, BeforeValidator(forms.host)] | None = None
    """
    To this host.
    """
    port_redirect: Annotated[int, BeforeValidator(values.whole(1, 65_535))] | None = None
    """
    To this port. Unset: the one that was asked for, unless the host changes, or it is the usual port of a scheme that
    does.
    """
    path_redirect: Annotated[str, BeforeValidator(answer_forms.path_and_query)] | None = None
    """
    To this path; a query written with it takes the place of the request's.
    """
    prefix_rewrite: Annotated[str, BeforeValidator(path_forms.path_to_send)] | None = None
    """
    To the path with this instead of the matched ``prefix``, or instead of all of it with ``path`` or ``regex``.
    """
    response_code: Annotated[int, BeforeValidator(answer_forms.redirecting_status)] = 301
    """
    The status of the answer: 301, 302, 303, 307 or 308. With the last two browsers send the same request again,
    with its content.
    """
    strip_query: Truth = False
    """
    Without the query.
    """


class ResponseSection(Section):
    """
    ``response`` of a route: the answer to every request.
    """

    status: Annotated[int, BeforeValidator(values.whole(200, 599))]
    """
    The status of the answer.
    """
    body: Annotated[str, BeforeValidator(answer_forms.body)] = ""
    """
    Its content. It is ``text/plain`` unless ``set_response_headers`` says otherwise.
    """


class RouteAnswerKeys(Section):
    """
    Routes without an application.
    """

    redirect: Annotated[RedirectSection | None, BeforeValidator(forms.section)] = None
    """
    Send whoever may pass to another URL, instead of an application.
    """
    response: Annotated[ResponseSection | None, BeforeValidator(forms.section)] = None
    """
    Answer whoever may pass with this, instead of an application.
    """
