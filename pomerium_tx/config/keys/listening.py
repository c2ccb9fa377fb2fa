"""
Keys about the addresses that are listened on, and the certificates shown there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field

from pomerium_tx.config.forms import general as forms
from pomerium_tx.config.forms.values import Address
from pomerium_tx.config.section import Certificates, FileName, ListenAddress, PrivateKey, Section, Truth


class CertificateSection(Section):
    """
    One of ``certificates``: a certificate and its private key.
    """

    files: ClassVar[Mapping[str, str]] = {"cert": "cert", "key": "key"}

    cert: Certificates = Field(repr=False)
    """
    The PEM file with the certificate, and after it those of the authorities between it and the root.
    """
    key: PrivateKey
    """
    The PEM file with its private key, without a passphrase.
    """


class ListeningKeys(Section):
    """
    Listening.
    """

    address: ListenAddress = Address(host="", port=443)
    """
    Where to listen. Without a host, on every interface, for IPv4 and IPv6.
    """
    authenticate_address: ListenAddress | None = None
    """
    Where the authenticate host listens. Unset, it follows ``authenticate_service_url``: where that names the port of
    ``address`` there is one listener, and the two are told apart by the name that is asked for; another port means a
    listener of its own there. Behind a load balancer that maps ports, set it to the same value as ``address``.
    """
    http_redirect_addr: ListenAddress | None = None
    """
    Where to listen besides, without TLS, in order to send browsers to the same URL by ``https`` (301, without the port
    that they asked for), our own paths included. Unset: nowhere.
    """
    insecure_server: Truth = False
    """
    Listen without TLS: for a load balancer that terminates it, or for names of this machine. Cookies stay ``Secure``,
    so that browsers must reach everything by ``https`` all the same.
    """
    certificates: Annotated[tuple[CertificateSection, ...], BeforeValidator(forms.sections)] = ()
    """
    Certificates and their keys, chosen by the name that the browser asks for; the first is the default. Without any,
    and without ``certificate``, ``insecure_server`` must be set.
    """
    certificate: Certificates | None = Field(default=None, repr=False)
    """
    A single certificate, with those of the authorities between it and the root. It comes before ``certificates``.
    """
    certificate_file: FileName | None = None
    """
    The file with ``certificate``.
    """
    certificate_key: PrivateKey | None = None
    """
    The private key of ``certificate``, without a passphrase.
    """
    certificate_key_file: FileName | None = None
    """
    The file with ``certificate_key``.
    """
