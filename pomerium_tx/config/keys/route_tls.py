"""
Keys of a route about TLS with its application.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from pomerium_tx.config.forms import general as forms
from pomerium_tx.config.section import Certificates, FileName, PrivateKey, Section, Truth


class RouteTlsKeys(Section):
    """
    TLS with the application, where ``to`` says ``https``.
    """

    tls_skip_verify: Truth = False
    """
    Believe whoever answers as the application. For trying things out.
    """
    tls_custom_ca: Certificates | None = Field(default=None, repr=False)
    """
    Authorities to believe instead of the system's.
    """
    tls_custom_ca_file: FileName | None = None
    """
    The file with ``tls_custom_ca``.
    """
    tls_server_name: Annotated[str, BeforeValidator(forms.host)] | None = None
    """
    The name to ask for, and to find in the certificate, instead of the host of ``to``.
    """
    tls_upstream_server_name: Annotated[str, BeforeValidator(forms.host)] | None = None
    """
    The same; it wins over ``tls_server_name``.
    """
    tls_client_cert: Certificates | None = Field(default=None, repr=False)
    """
    The certificate that we show to the application.
    """
    tls_client_cert_file: FileName | None = None
    """
    The file with ``tls_client_cert``.
    """
    tls_client_key: PrivateKey | None = None
    """
    The private key of ``tls_client_cert``, without a passphrase.
    """
    tls_client_key_file: FileName | None = None
    """
    The file with ``tls_client_key``.
    """
