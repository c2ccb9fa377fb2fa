"""
Handshakes that may resume the session of an earlier one.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from cryptography.x509 import NameOID
from OpenSSL import SSL

# pyOpenSSL has no name of its own for it.
from OpenSSL._util import lib

from pomerium_tx.tls.downstream import DownstreamContexts


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """
    How a handshake went.
    """

    is_resumed: bool
    shown: str
    """
    The common name of the certificate that the client has seen, now or in the session that is resumed.
    """
    early_data: int
    """
    Bytes that the server would take before the next handshake is over.
    """
    session: SSL.Session


class Client:
    """
    One that keeps sessions, and believes anybody.
    """

    def __init__(self, newest: int) -> None:
        self._context = SSL.Context(SSL.TLS_METHOD)
        self._context.set_max_proto_version(newest)

    def greet(self, server: SSL.Connection, name: bytes, earlier: Greeting | None = None) -> Greeting:
        """
        Shake hands with *server* as it is called by *name*, and resume the session of *earlier* if it may be.
        """
        client = SSL.Connection(self._context)
        client.set_connect_state()
        client.set_tlsext_host_name(name)
        if earlier is not None:
            client.set_session(earlier.session)
        for _ in range(4):
            for speaker, listener in ((client, server), (server, client)):
                with suppress(SSL.WantReadError):
                    speaker.do_handshake()
                _carry(speaker, listener)
        # Tickets come with the first word, and are good only after an end in order.
        server.send(b"word")
        _carry(server, client)
        assert client.recv(10) == b"word"
        client.shutdown()
        session = client.get_session()
        certificate = client.get_peer_certificate(as_cryptography=True)
        assert session is not None and certificate is not None
        return Greeting(
            is_resumed=bool(lib.SSL_session_reused(client._ssl)),
            shown=str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value),
            early_data=lib.SSL_SESSION_get_max_early_data(session._session),
            session=session,
        )


def server_of(contexts: DownstreamContexts) -> SSL.Connection:
    """
    A connection of *contexts* over memory.
    """
    server = contexts.serverConnectionForTLS(None)  # type: ignore[arg-type] # it does not look at it
    server.set_accept_state()
    return server


def _carry(speaker: SSL.Connection, listener: SSL.Connection) -> None:
    with suppress(SSL.WantReadError):
        while said := speaker.bio_read(65_536):
            listener.bio_write(said)
