"""
Tests for `pomerium_tx.tls.upstream`.
"""

from __future__ import annotations

from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from pomerium_tx.tls.certificates import UnusableCertificate, key_pair
from pomerium_tx.tls.downstream import DownstreamContexts
from pomerium_tx.tls.upstream import client_options
from tests.tls.authorities import Authority, altered
from tests.tls.handshakes import handshake


@implementer(IOpenSSLServerConnectionCreator)
class AskingServer:
    """
    A server that wants to see a certificate of one authority.
    """

    def __init__(self, pair: tuple[bytes, bytes], authority: Authority) -> None:
        own = key_pair(*pair)
        self._context = SSL.Context(SSL.TLS_METHOD)
        self._context.set_max_proto_version(SSL.TLS1_2_VERSION)
        self._context.use_certificate(own.certificate)
        self._context.use_privatekey(own.key)
        store = self._context.get_cert_store()
        assert store is not None
        store.add_cert(crypto.X509.from_cryptography(authority.certificate))
        self._context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """
        A connection that asks for a certificate.
        """
        return SSL.Connection(self._context, None)


class ClientOptionsTests(SynchronousTestCase):
    """
    An upstream is believed if its certificate is for the host that was meant and comes from somebody who is trusted.
    """

    def setUp(self) -> None:
        self.authority = Authority("root")
        self.server = DownstreamContexts([self.authority.issue("app.example.com", "127.0.0.1", "::1", common="app")])

    def connects(
        self, hostname: str, *, ca_pem: bytes | None = None, skip_verify: bool = False, server: object = None
    ) -> bool:
        """
        Whether the server is believed to be *hostname*.
        """
        options = client_options(hostname, ca_pem=ca_pem, skip_verify=skip_verify, client_certificate=None)
        self.assertTrue(verifyObject(IOpenSSLClientConnectionCreator, options))
        return handshake(self.server, options).succeeded

    def test_verified(self) -> None:
        """
        The right name from the right authority is believed, also an address.
        """
        for hostname in ("app.example.com", "APP.example.com", "app.example.com.", "127.0.0.1", "::1", "[::1]"):
            with self.subTest(hostname=hostname):
                self.assertTrue(self.connects(hostname, ca_pem=self.authority.pem))

    def test_wrong_name(self) -> None:
        """
        A certificate for somebody else is not believed.
        """
        for hostname in ("other.example.com", "127.0.0.2", "[::2]"):
            with self.subTest(hostname=hostname):
                self.assertFalse(self.connects(hostname, ca_pem=self.authority.pem))

    def test_wrong_authority(self) -> None:
        """
        Neither another authority's certificate is believed, nor one that the system does not know.
        """
        self.assertFalse(self.connects("app.example.com", ca_pem=Authority("root").pem))
        self.assertFalse(self.connects("app.example.com"))

    def test_bundle(self) -> None:
        """
        Any authority of a bundle is trusted.
        """
        self.assertTrue(self.connects("app.example.com", ca_pem=Authority("other").pem + self.authority.pem))

    def test_skip_verify(self) -> None:
        """
        Anybody is believed where that was asked for.
        """
        for hostname in ("other.example.com", "127.0.0.2", "[::2]"):
            with self.subTest(hostname=hostname):
                self.assertTrue(self.connects(hostname, skip_verify=True))

    def test_server_name(self) -> None:
        """
        The server is told which name is meant, verified or not; an address is not a name.
        """
        for hostname, expected in [("app.example.com", b"app.example.com"), ("127.0.0.1", None), ("[::1]", None)]:
            for skip_verify in (False, True):
                with self.subTest(hostname=hostname, skip_verify=skip_verify):
                    options = client_options(
                        hostname, ca_pem=self.authority.pem, skip_verify=skip_verify, client_certificate=None
                    )
                    outcome = handshake(self.server, options)
                    self.assertEqual((outcome.server_name, outcome.protocol), (expected, b"http/1.1"))

    def test_client_certificate(self) -> None:
        """
        Our certificate, with its chain, is shown to an upstream that asks, verified or not.
        """
        clients = Authority("clients")
        middle = Authority("middle", clients)
        server = AskingServer(self.authority.issue("app.example.com"), clients)
        certificate, key = middle.issue("proxy.example.com")
        for skip_verify in (False, True):
            for shown, expected in [
                ((certificate + middle.pem, key), True),
                ((certificate, key), False),
                (None, False),
            ]:
                with self.subTest(skip_verify=skip_verify, expected=expected):
                    options = client_options(
                        "app.example.com", ca_pem=self.authority.pem, skip_verify=skip_verify, client_certificate=shown
                    )
                    self.assertEqual(handshake(server, options).succeeded, expected)

    def test_unusable(self) -> None:
        """
        A bad authority or certificate is refused when the configuration is read, not at the first request.
        """
        certificate, _ = self.authority.issue("a")
        refused = altered(self.authority.pem, b"\x0c\x04root", b"\x04\x04root")
        for ca_pem, client_certificate in [(b"", None), (b"noise", None), (refused, None), (None, (certificate, b""))]:
            with self.subTest(ca_pem=ca_pem):
                self.assertRaises(
                    UnusableCertificate,
                    client_options,
                    "a",
                    ca_pem=ca_pem,
                    skip_verify=False,
                    client_certificate=client_certificate,
                )
