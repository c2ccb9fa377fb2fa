"""
Which certificate a user agent is shown.

RFC 6066 section 3 (server name) and RFC 7301 (ALPN). The exact name wins, then a wildcard for its first label, then the
first certificate configured: a client without a server name, or with one that nobody here has, still gets an answer
that it can judge.

Sessions of TLS are resumed by tickets (RFC 8446 section 2.2, RFC 5077). Their keys are OpenSSL's own, in the memory of
one process, and are made anew with the certificates and every `KEY_SECONDS`; a ticket of another process, or of
certificates that have been replaced, means a whole handshake. A ticket is not tied to a name: a client uses it where it
would accept the certificate that it has seen, and nothing here is decided by the name of TLS. There is no early data.
Where user agents are asked for certificates there are no tickets at all: see `client_authorities`.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence

from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from pomerium_tx.tls.certificates import KeyPair, UnusableCertificate, dns_names, key_pair
from pomerium_tx.tls.client_authorities import ClientAuthorities

KEY_SECONDS = 12 * 3600.0
"""
How long tickets are made with one key: in TLS 1.2, whoever gets hold of it can read what was said under its tickets.
"""
TICKET_SECONDS = 2 * 3600
"""
How long a session can be resumed.
"""
_PROTOCOL = b"http/1.1"
# TLS 1.2 with forward secrecy and authenticated encryption, which all suites of TLS 1.3 have. AES-128 first: it is as
# strong as the keys of the certificates, and SHA-256 in place of SHA-384 takes 5 to 10 % off a handshake.
_CIPHERS = b"ECDHE+AESGCM+AES128:ECDHE+AESGCM:ECDHE+CHACHA20"
_CIPHERS_1_3 = b"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"


@implementer(IOpenSSLServerConnectionCreator)
class DownstreamContexts:
    """
    The certificates of a listener, chosen by server name.

    :param pairs: Certificate (with its chain) and key, each in PEM; the first one is the default.
    :param authorities: Who is believed about user agents; None if they are not asked for certificates.
    :raises UnusableCertificate: If there is no pair, or one cannot be used.
    """

    authorities: ClientAuthorities | None = None
    """
    Those that are believed now.
    """

    def __init__(self, pairs: Sequence[tuple[bytes, bytes]], authorities: ClientAuthorities | None = None) -> None:
        self.replace(pairs, authorities)

    def replace(self, pairs: Sequence[tuple[bytes, bytes]], authorities: ClientAuthorities | None = None) -> None:
        """
        Show these certificates from the next handshake on, ask for those of *authorities*, and resume no session of
        before.

        :raises UnusableCertificate: If there is no pair, or one cannot be used; then those before stay.
        """
        loaded = [key_pair(certificate_pem, key_pem) for certificate_pem, key_pem in pairs]
        if not loaded:
            raise UnusableCertificate("no certificate")
        contexts = [self._context(pair, authorities, is_one_of_many=len(loaded) > 1) for pair in loaded]
        by_name: dict[str, SSL.Context] = {}
        for pair, context in zip(loaded, contexts, strict=True):
            for name in dns_names(pair.certificate):
                by_name.setdefault(name, context)
        self._by_name, self._default, self._default_pair = by_name, contexts[0], loaded[0]
        self.authorities = authorities
        self._renew_at: float | None = None

    def connection(self, accepted: socket.socket, now: float) -> SSL.Connection:
        """
        A connection on a socket, that will choose its certificate when it hears the server name.
        """
        if self._renew_at is None:
            self._renew_at = now + KEY_SECONDS
        elif now >= self._renew_at:
            self._renew()
            self._renew_at = now + KEY_SECONDS
        connection = SSL.Connection(self._default, accepted)
        connection.set_accept_state()
        return connection

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """
        The same over anything but a socket.
        """
        return SSL.Connection(self._default, None)

    def names(self) -> frozenset[str]:
        """
        The host names, and wildcards, that there is a certificate for.
        """
        return frozenset(self._by_name)

    def _renew(self) -> None:
        """
        Make tickets with another key: it is that of the context in which all connections begin.
        """
        before = self._default
        is_one_of_many = any(context is not before for context in self._by_name.values())
        self._default = self._context(self._default_pair, self.authorities, is_one_of_many=is_one_of_many)
        self._by_name = {
            name: self._default if context is before else context for name, context in self._by_name.items()
        }

    def _context(self, pair: KeyPair, authorities: ClientAuthorities | None, *, is_one_of_many: bool) -> SSL.Context:
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_CIPHER_SERVER_PREFERENCE | SSL.OP_NO_RENEGOTIATION)
        # Idle connections are most of the memory that TLS takes.
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        # Tickets need no memory of ours.
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_timeout(TICKET_SECONDS)
        try:
            context.use_certificate(pair.certificate)
            context.use_privatekey(pair.key)
            for certificate in pair.chain:
                context.add_extra_chain_cert(certificate)
        except (SSL.Error, crypto.Error):
            raise UnusableCertificate("OpenSSL refuses the certificate") from None
        # Where HTTP/1.1 is not offered, nothing is agreed, and the client decides.
        context.set_alpn_select_callback(
            lambda _, offered: _PROTOCOL if _PROTOCOL in offered else SSL.NO_OVERLAPPING_PROTOCOLS
        )
        if is_one_of_many:
            context.set_tlsext_servername_callback(self._select_certificate)
        context.set_cipher_list(_CIPHERS)
        context.set_tls13_ciphersuites(_CIPHERS_1_3)
        if authorities is not None:
            # Also where another one takes its place when the name is known: that one is not the first to be asked.
            authorities.ask(context)
        return context

    def _select_certificate(self, connection: SSL.Connection) -> None:
        named = connection.get_servername()
        if named is None:
            return
        # A name that is no ASCII is nobody's name here.
        name = named.decode("ascii", "replace").lower().rstrip(".")
        context = self._by_name.get(name) or self._by_name.get("*." + name.partition(".")[2])
        # To set a context is to copy all its keys.
        if context is not None and context is not connection.get_context():
            connection.set_context(context)
