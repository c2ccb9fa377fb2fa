"""
Which certificate a user agent is shown.

RFC 6066 section 3 (server name) and RFC 7301 (ALPN). The exact name wins, then a wildcard for its first label, then the
first certificate configured: a client without a server name, or with one that nobody here has, still gets an answer
that it can judge.
"""

from __future__ import annotations

from collections.abc import Sequence

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from pomerium_tx.tls.certificates import KeyPair, UnusableCertificate, dns_names, key_pair

_PROTOCOL = b"http/1.1"
# TLS 1.2 with forward secrecy and authenticated encryption; the suites of TLS 1.3 are all of that kind.
_CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20"


@implementer(IOpenSSLServerConnectionCreator)
class DownstreamContexts:
    """
    The certificates of a listener, chosen by server name.

    :param pairs: Certificate (with its chain) and key, each in PEM; the first one is the default.
    :raises UnusableCertificate: If there is no pair, or one cannot be used.
    """

    def __init__(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        self._by_name: dict[str, SSL.Context] = {}
        self._default: SSL.Context | None = None
        for certificate_pem, key_pem in pairs:
            pair = key_pair(certificate_pem, key_pem)
            context = self._context(pair)
            for name in dns_names(pair.certificate):
                self._by_name.setdefault(name, context)
            self._default = self._default or context
        if self._default is None:
            raise UnusableCertificate("no certificate")

    def replace(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        """
        Show these certificates from the next handshake on.

        :raises UnusableCertificate: If there is no pair, or one cannot be used; then those before stay.
        """
        other = DownstreamContexts(pairs)
        self._by_name, self._default = other._by_name, other._default

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """
        A connection that will choose its certificate when it hears the server name.
        """
        assert self._default is not None, "there is at least one certificate"
        return SSL.Connection(self._default, None)

    def names(self) -> frozenset[str]:
        """
        The host names, and wildcards, that there is a certificate for.
        """
        return frozenset(self._by_name)

    def _context(self, pair: KeyPair) -> SSL.Context:
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_CIPHER_SERVER_PREFERENCE | SSL.OP_NO_RENEGOTIATION)
        # Idle connections are most of the memory that TLS takes.
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        try:
            context.use_certificate(pair.certificate)
            context.use_privatekey(pair.key)
            for certificate in pair.chain:
                context.add_extra_chain_cert(certificate)
        except SSL.Error:
            raise UnusableCertificate("OpenSSL refuses the certificate") from None
        # Where HTTP/1.1 is not offered, nothing is agreed, and the client decides.
        context.set_alpn_select_callback(
            lambda _, offered: _PROTOCOL if _PROTOCOL in offered else SSL.NO_OVERLAPPING_PROTOCOLS
        )
        context.set_tlsext_servername_callback(self._select_certificate)
        context.set_cipher_list(_CIPHERS)
        return context

    def _select_certificate(self, connection: SSL.Connection) -> None:
        named = connection.get_servername()
        if named is None:
            return
        # A name that is no ASCII is nobody's name here.
        name = named.decode("ascii", "replace").lower().rstrip(".")
        context = self._by_name.get(name) or self._by_name.get("*." + name.partition(".")[2])
        if context is not None:
            connection.set_context(context)
