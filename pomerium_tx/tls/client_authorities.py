"""
Which user agents' certificates are believed, and how they are asked for one.

The rules are Pomerium's: a chain to any of the configured certificates, which need not be roots; no longer than
allowed; good for clients (RFC 5280 section 4.2.1.12); with one of the wanted names; not revoked by its issuer. They are
applied when a handshake is over, and again whenever they or the time have changed: a handshake that was good once says
nothing about now. For the same reason no session of TLS is resumed: every connection proves its certificate anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.hashes import MD5, SHA1
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL, crypto

# pyOpenSSL has no names of its own for these.
from OpenSSL._util import ffi, lib

from pomerium_tx.config.forms.secrets import UNREADABLE
from pomerium_tx.tls.certificates import for_openssl
from pomerium_tx.tls.client_certificate import (
    ClientCertificate,
    Names,
    Shown,
    UnreadableCertificate,
    fingerprint_of,
    names_of,
    spki_hash_of,
)
from pomerium_tx.tls.revocation import Revocation, revocation_lists

_FOR_CLIENTS = frozenset({ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE})
_UNREADABLE = "it cannot be read"
_NO_LIST = 3
"""
``X509_V_ERR_UNABLE_TO_GET_CRL``: nobody has given one, and none is missed.
"""
NOT_SHOWN = "no certificate"

NameMatcher = Callable[[Names], bool]
"""
Whether a certificate with these names will do.
"""


@dataclass(slots=True)
class _Attempt:
    """
    What a handshake has come to.
    """

    verified: dict[int, x509.Certificate] = field(default_factory=dict)
    problem: str = ""


class ClientAuthorities:
    """
    Who is believed about clients.

    :param ca_pem: Certificates at which a chain may end.
    :param crl_pem: Revocation lists.
    :param wanted_names: One of these must hold, if there are any.
    :param max_depth: How many certificates of a chain may stand before the one that is believed; zero for any number.
    :param rejects: Whether nothing is said to who is not trusted, not even why.
    :raises UnusableCertificate: If a certificate or list cannot be read.
    """

    def __init__(
        self,
        *,
        ca_pem: bytes,
        crl_pem: bytes | None = None,
        wanted_names: Sequence[NameMatcher] = (),
        max_depth: int = 1,
        rejects: bool = False,
    ) -> None:
        self._anchors = for_openssl(ca_pem)
        self._lists = [] if crl_pem is None else revocation_lists(crl_pem)
        self._revocation = Revocation(self._lists)
        self._wanted_names = tuple(wanted_names)
        self._max_depth = max_depth
        self.rejects = rejects

    def ask(self, context: SSL.Context) -> None:
        """
        Have connections of *context* ask for a certificate.
        """
        # RFC 5246 section 7.4.4: the names from which a user agent sees which of its certificates may do.
        for anchor in self._anchors:
            context.add_client_ca(anchor)
        # OpenSSL breaks off where sessions could be resumed and have no context of their own.
        context.set_session_id(os.urandom(32))
        context.set_options(SSL.OP_NO_TICKET)
        if self.rejects:
            store = context.get_cert_store()
            assert store is not None
            self._fill(store)
            # So that the user agent hears, and its user with it, that it was for this.
            for each in self._lists:
                store.add_crl(each)
            store.set_flags(crypto.X509StoreFlags.CRL_CHECK if self._lists else 0)
            context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, self._goes_on)
        else:
            context.set_verify(SSL.VERIFY_PEER, lambda *_: True)

    def shown_on(self, connection: SSL.Connection, now: float) -> Shown:
        """
        What the other end of *connection*, which has shaken hands, has shown, and what is to be thought of it.
        """
        leaf = connection.get_peer_certificate()
        if leaf is None:
            return Shown(certificate=None, is_welcome=not self.rejects)
        certificate = self._judged(leaf, connection.get_peer_cert_chain() or [], now)
        return Shown(certificate=certificate, is_welcome=certificate.is_trusted or not self.rejects)

    def judge(self, pem: bytes, now: float) -> Shown:
        """
        What would be thought of a user agent that shows the certificates in *pem*, its own first.

        :raises UnusableCertificate: If there is none, or one cannot be read.
        """
        presented = for_openssl(pem)
        certificate = self._judged(presented[0], presented, now)
        return Shown(certificate=certificate, is_welcome=certificate.is_trusted or not self.rejects)

    @staticmethod
    def why_refused(connection: SSL.Connection, problem: SSL.Error) -> str:
        """
        Why a handshake that failed with *problem* was not to be; nothing if that was for another reason.
        """
        attempt = connection.get_app_data()
        if isinstance(attempt, _Attempt) and attempt.problem:
            return attempt.problem
        reasons = problem.args[0] if problem.args and isinstance(problem.args[0], list) else []
        return NOT_SHOWN if any("did not return a certificate" in str(each) for each in reasons) else ""

    # Inside.

    def _fill(self, store: crypto.X509Store) -> None:
        for anchor in self._anchors:
            store.add_cert(anchor)
        # An authority between is believed like a root.
        store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)

    def _goes_on(self, connection: SSL.Connection, shown: crypto.X509, error: int, depth: int, is_good: int) -> bool:
        """
        OpenSSL asks this of every certificate of the chain that it has built, from the believed one to the client's.
        """
        attempt = connection.get_app_data()
        if not isinstance(attempt, _Attempt):
            attempt = _Attempt()
            connection.set_app_data(attempt)
        if error == _NO_LIST:
            return True
        if not is_good:
            attempt.problem = ffi.string(lib.X509_verify_cert_error_string(error)).decode("ascii", "replace")
            return False
        try:
            attempt.verified[depth] = shown.to_cryptography()
            if depth == 0:
                chain = [attempt.verified[each] for each in sorted(attempt.verified)]
                attempt.problem = self._problem_of(chain, datetime.now(UTC))
        except (*UNREADABLE, UnreadableCertificate):
            attempt.problem = _UNREADABLE
        return not attempt.problem

    def _judged(self, leaf: crypto.X509, presented: list[crypto.X509], now: float) -> ClientCertificate:
        der: bytes = crypto.dump_certificate(crypto.FILETYPE_ASN1, leaf)
        moment = datetime.fromtimestamp(now, UTC)
        problem, until, names, spki_hash = _UNREADABLE, None, Names(), ""
        try:
            certificate = leaf.to_cryptography()
            names, spki_hash = names_of(certificate), spki_hash_of(certificate)
            chain = self._chain(leaf, presented, moment)
            problem = self._problem_of(chain, moment)
            until = self._holds_until(chain)
        except crypto.X509StoreContextError as untrusted:
            problem = str(untrusted)
        except (*UNREADABLE, UnreadableCertificate):
            pass
        finally:
            # What is wrong with a certificate is no problem of the next connection.
            lib.ERR_clear_error()
        return ClientCertificate(
            der=der,
            fingerprint=fingerprint_of(der),
            spki_hash=spki_hash,
            names=names,
            problem=problem,
            judged_until=None if problem else until,
        )

    def _chain(self, leaf: crypto.X509, presented: list[crypto.X509], now: datetime) -> list[x509.Certificate]:
        """
        From the client's certificate to one that is believed.

        :raises crypto.X509StoreContextError: If there is no such chain now.
        """
        # One for each question: the time of a store can be set only once.
        store = crypto.X509Store()
        self._fill(store)
        store.set_time(now)
        verified = crypto.X509StoreContext(store, leaf, presented).get_verified_chain()
        return [each.to_cryptography() for each in verified]

    def _problem_of(self, chain: list[x509.Certificate], now: datetime) -> str:
        """
        Why a chain that ends at one of ours is not good enough; nothing if it is.
        """
        if self._max_depth and len(chain) - 1 > self._max_depth:
            return f"{len(chain) - 1} certificates before one that is believed, of {self._max_depth} (max_verify_depth)"
        for each in chain:
            if not _is_for_clients(each):
                return "it, or an authority in its chain, is not for clients"
        if any(_has_weak_signature(each) for each in chain[:-1]):
            return "it, or an authority in its chain, is signed with SHA-1 or MD5"
        if self._wanted_names:
            names = names_of(chain[0])
            if not any(matches(names) for matches in self._wanted_names):
                return "no name in it is wanted (match_subject_alt_names)"
        if len(chain) < 2:
            # It is one of ours itself.
            return ""
        return self._revocation.problem_of(chain[0], chain[1], current_at=now if self.rejects else None)

    def _holds_until(self, chain: list[x509.Certificate]) -> float:
        ends = [each.not_valid_after_utc for each in chain]
        if self.rejects and len(chain) > 1 and (due := self._revocation.due_at(chain[1])) is not None:
            ends.append(due)
        return min(ends).timestamp()


def _is_for_clients(certificate: x509.Certificate) -> bool:
    try:
        usages: Any = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    except UNREADABLE:
        return False
    return any(usage in _FOR_CLIENTS for usage in usages)


def _has_weak_signature(certificate: x509.Certificate) -> bool:
    try:
        return isinstance(certificate.signature_hash_algorithm, MD5 | SHA1)
    except UNREADABLE:
        return True
