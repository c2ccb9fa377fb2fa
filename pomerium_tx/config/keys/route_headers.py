"""
Keys of a route about headers that are made of others, or of who asks.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from pomerium_tx.config.forms import general as forms
from pomerium_tx.config.forms import headers as header_forms
from pomerium_tx.config.section import FileName, HeaderName, Password, Section


class HeaderRewriteSection(Section):
    """
    One of ``rewrite_response_headers``.
    """

    header: HeaderName
    """
    The header of the application's answer.
    """
    prefix: Annotated[str, BeforeValidator(header_forms.header_text)]
    """
    What its value must begin with.
    """
    value: Annotated[str, BeforeValidator(header_forms.header_text)] = ""
    """
    What stands there instead.
    """


class RouteHeaderKeys(Section):
    """
    Headers that are made of others, or of who asks.
    """

    rewrite_response_headers: Annotated[tuple[HeaderRewriteSection, ...], BeforeValidator(forms.sections)] = ()
    """
    Headers of the application's answers whose values begin otherwise for the browser: a ``Location`` on the
    application's own host, for instance. Of several for one header the first that fits counts.
    """
    kubernetes_service_account_token: Password | None = None
    """
    The token with which the Kubernetes API server is asked, as ``Authorization``. Who asks is told in
    ``Impersonate-User`` (the e-mail address, or else the user id) and ``Impersonate-Group`` (one for each of the
    provider's groups, but for Kubernetes' own, which begin with ``system:``); a browser cannot send these. The token's
    account must be allowed to impersonate. Without a person there is no token either.
    """
    kubernetes_service_account_token_file: FileName | None = None
    """
    The file with ``kubernetes_service_account_token``. It is read when the configuration is.
    """
