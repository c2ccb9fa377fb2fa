"""
Which upstreams are believed.

RFC 9110 section 4.3.4: the certificate must be for the host that was meant, and come from somebody we trust: the
system's roots, or those configured for the route instead. Not verifying is possible, and must be asked for.
"""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from pomerium_tx.tls.certificates import for_openssl, key_pair

_PROTOCOLS = [b"http/1.1"]


@implementer(IOpenSSLClientConnectionCreator)
class _Unverified:
    """
    Encrypts, and believes anybody.
    """

    def __init__(self, hostname: str, options: CertificateOptions) -> None:
        self._context = options.getContext()
        is_named = hostname and not isIPAddress(hostname) and not isIPv6Address(hostname)
        self._server_name = hostname.encode("idna") if is_named else None

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """
        A connection that names the server and accepts whatever it shows.
        """
        connection = SSL.Connection(self._context, None)
        connection.set_alpn_protos(_PROTOCOLS)
        if self._server_name is not None:
            connection.set_tlsext_host_name(self._server_name)
        return connection


def client_options(
    hostname: str,
    *,
    ca_pem: bytes | None,
    skip_verify: bool,
    client_certificate: tuple[bytes, bytes] | None,
) -> IOpenSSLClientConnectionCreator:
    """
    How to speak TLS to *hostname*.

    :param hostname: The name, or address with or without brackets, that the certificate must be for; empty where none
        is known, and whoever answers is believed.
    :param ca_pem: The only roots to trust; None for the system's.
    :param client_certificate: The certificate (with its chain) and key to show if asked.
    :raises UnusableCertificate: If a certificate or key cannot be used.
    """
    hostname = hostname.removeprefix("[").removesuffix("]").rstrip(".")
    extra: dict[str, Any] = {}
    if client_certificate is not None:
        pair = key_pair(*client_certificate)
        extra = {"privateKey": pair.key, "certificate": pair.certificate, "extraCertChain": pair.chain}
    if skip_verify:
        return _Unverified(hostname, CertificateOptions(verify=False, **extra))
    roots = None
    if ca_pem is not None:
        # Twisted's own functions for this have no types.
        authorities = [Certificate(original) for original in for_openssl(ca_pem)]  # type: ignore[no-untyped-call] # Twisted's own
        roots = trustRootFromCertificates(authorities)  # type: ignore[no-untyped-call] # Twisted's own
    return optionsForClientTLS(hostname, roots, acceptableProtocols=_PROTOCOLS, extraCertificateOptions=extra)
