"""
Who is at the other end of a connection, as far as a policy may ask.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pomerium_tx.tls.client_certificate import ClientCertificate, Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """
    The user agent's end of one connection.
    """

    address: str
    """
    Its IP address.
    """

    certificate: ClientCertificate | None = None
    """
    What it has shown when it was asked for one, trusted or not; None if it was not asked, or has none.
    """
    lacks_certificate: bool = False
    """
    Whether it should have shown one, and has not.
    """

    def showing(self, shown: Shown | None) -> Client:
        """
        The same client, with what it has shown; None where nobody is asked for a certificate.
        """
        certificate = None if shown is None else shown.certificate
        return replace(self, certificate=certificate, lacks_certificate=shown is not None and certificate is None)
