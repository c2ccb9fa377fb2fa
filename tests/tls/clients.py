"""
Client certificates of every kind, and handshakes in which they are shown.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import SSL, crypto

from pomerium_tx.tls.downstream import DownstreamContexts
from tests.tls.resumption import server_of

DAY = timedelta(days=1)
FOR_CLIENTS = (ExtendedKeyUsageOID.CLIENT_AUTH,)
PRINCIPAL_NAME = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")


@dataclass(frozen=True)
class Identity:
    """
    A certificate, its key, and the authorities that are sent with it.
    """

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def pem(self) -> bytes:
        """
        The certificate alone.
        """
        return self.certificate.public_bytes(Encoding.PEM)

    def sending(self, *chain: Identity) -> Identity:
        """
        The same, with authorities.
        """
        return Identity(self.certificate, self.key, tuple(each.certificate for each in chain))


def identity(
    name: str,
    issuer: Identity | None = None,
    *,
    is_authority: bool = False,
    days: tuple[float, float] = (-1, 1),
    names: tuple[x509.GeneralName, ...] = (),
    usages: tuple[x509.ObjectIdentifier, ...] = FOR_CLIENTS,
    is_critical: bool = False,
) -> Identity:
    """
    Somebody, as *issuer* says; without one, as they say themselves.

    :param days: From when until when, counted from now.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC).replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + days[0] * DAY)
        .not_valid_after(now + days[1] * DAY)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if usages and not is_authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=is_critical)
    return Identity(builder.sign(key if issuer is None else issuer.key, SHA256()), key)


def authority(name: str, issuer: Identity | None = None, *, days: tuple[float, float] = (-2, 2)) -> Identity:
    """
    Somebody who may issue certificates.
    """
    return identity(name, issuer, is_authority=True, days=days)


def principal(text: str) -> x509.OtherName:
    """
    A user principal name.
    """
    return x509.OtherName(PRINCIPAL_NAME, bytes([0x0C, len(text.encode())]) + text.encode())


def revocation_list(
    issuer: Identity, *revoked: Identity, days: tuple[float, float] = (-1, 1), signer: Identity | None = None
) -> bytes:
    """
    What *issuer* has taken back, in PEM.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(now + days[0] * DAY)
        .next_update(now + days[1] * DAY)
    )
    for each in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(each.certificate.serial_number).revocation_date(now)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign((signer or issuer).key, SHA256()).public_bytes(Encoding.PEM)


class Presenter:
    """
    A user agent with a certificate, or without one, that believes anybody.
    """

    def __init__(self, who: Identity | None = None, newest: int = SSL.TLS1_3_VERSION) -> None:
        self.context = SSL.Context(SSL.TLS_METHOD)
        self.context.set_max_proto_version(newest)
        if who is not None:
            self.context.use_certificate(who.certificate)
            self.context.use_privatekey(who.key)
            for each in who.chain:
                self.context.add_extra_chain_cert(each)

    def shake_hands(
        self, contexts: DownstreamContexts, name: bytes = b"app.example.com", earlier: SSL.Session | None = None
    ) -> tuple[SSL.Connection, SSL.Connection]:
        """
        The connections of our end and of its own, once both are through.

        :raises SSL.Error: If our end breaks off.
        """
        server, client = server_of(contexts), SSL.Connection(self.context)
        client.set_connect_state()
        client.set_tlsext_host_name(name)
        if earlier is not None:
            client.set_session(earlier)
        for _ in range(5):
            for speaker, listener in ((client, server), (server, client)):
                with suppress(SSL.WantReadError):
                    speaker.do_handshake()
                carry(speaker, listener)
        return server, client


def carry(speaker: SSL.Connection, listener: SSL.Connection) -> None:
    """
    Give *listener* what *speaker* has to say.
    """
    with suppress(SSL.WantReadError):
        while True:
            listener.bio_write(speaker.bio_read(1 << 16))


def session_after_a_word(server: SSL.Connection, client: SSL.Connection) -> SSL.Session:
    """
    What *client* could come again with.
    """
    server.send(b"word")
    carry(server, client)
    assert client.recv(10) == b"word"
    client.shutdown()
    session = client.get_session()
    assert session is not None
    return session


def named(names: list[crypto.X509Name]) -> list[str]:
    """
    The common names among *names*.
    """
    return [str(name.CN) for name in names]
