"""
Further OPs, and hosts that speak TLS, that refuse, or that nobody knows.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.web.client import URI
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from pomerium_tx.tls.upstream import client_options
from tests.hostile.names import CLIENT_ID, CLIENT_SECRET, configuration
from tests.hostile.wiring import Endpoint, HasNames
from tests.tls.authorities import Authority, key_pem

SECURED = {
    "wrong-name.example.com": ("somebody-else.example.com", True),
    "stranger.example.com": ("stranger.example.com", False),
    "expired.example.com": ("expired.example.com", True),
}
"""
Hosts that speak TLS: the name in their certificate, and whether anybody knows its authority.
"""
OP2, SECOND = "op2.example.com", "second.example.com"
"""
Another OP, and the host of a route that wants people from there.
"""
TWO_PROVIDERS: dict[str, Any] = {
    "providers": {
        "second": {
            "idp_provider": "oidc",
            "idp_provider_url": f"https://{OP2}",
            "idp_client_id": CLIENT_ID,
            "idp_client_secret": CLIENT_SECRET,
        }
    },
    "routes": [
        *configuration()["routes"],
        {
            "from": f"https://{SECOND}",
            "to": "http://other.internal:80",
            "name": "second",
            "allow_any_authenticated_user": True,
            "idp": "second",
        },
    ],
}
REFUSED, NOWHERE = "refused.example.com", "nowhere.example.com"
"""
A host on which nobody listens, and one that has no address.
"""


class HasOps(HasNames, Protocol):
    """
    Where names lead to, and whose certificates are believed.
    """

    authority: Authority


@implementer(IAgentEndpointFactory)
class ToTheOp:
    """
    Leads every URI to a name of this world, with the product's own TLS where the name has a certificate.
    """

    def __init__(self, world: HasOps) -> None:
        self._world = world

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """
        What connects to the host of a URI.
        """
        host = uri.host.decode("ascii")
        endpoint: IStreamClientEndpoint = Endpoint(self._world, host)
        if host not in SECURED:
            return endpoint
        options = client_options(host, ca_pem=self._world.authority.pem, skip_verify=False, client_certificate=None)
        return wrapClientTLS(options, endpoint)


def expired(authority: Authority, name: str) -> tuple[bytes, bytes]:
    """
    A certificate that was good until yesterday, and its key.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(authority.name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=3))
        .not_valid_after(now - timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(authority.key, SHA256())
    )
    return certificate.public_bytes(Encoding.PEM), key_pem(key)
