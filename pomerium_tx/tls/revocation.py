"""
Certificates that their authorities have taken back (RFC 5280 section 5).

As in Pomerium, what is looked up is the certificate of the user agent, in the list of the authority that has issued it:
not those of the authorities between, and no list is missed that nobody has given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from pomerium_tx.config.forms.secrets import UNREADABLE
from pomerium_tx.tls.certificates import UnusableCertificate

_BLOCK = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)
_ISSUERS_KEPT = 64


def revocation_lists(pem: bytes) -> list[x509.CertificateRevocationList]:
    """
    All revocation lists in *pem*, in order, at least one.

    :raises UnusableCertificate: If there is none, or one cannot be used.
    """
    try:
        found = [x509.load_pem_x509_crl(block) for block in _BLOCK.findall(pem)]
        for each in found:
            if any(extension.oid == ExtensionOID.DELTA_CRL_INDICATOR for extension in each.extensions):
                raise UnusableCertificate("a revocation list that holds only what another one lacks")
            # They are read only when they are asked for.
            _ = each.issuer, each.last_update_utc, each.next_update_utc
    except UNREADABLE:
        raise UnusableCertificate("no readable PEM revocation list") from None
    if not found:
        raise UnusableCertificate("no readable PEM revocation list")
    return found


def is_signed_by(revoked: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    """
    Whether *issuer* has signed the list.
    """
    try:
        return revoked.is_signature_valid(issuer.public_key())  # type: ignore[arg-type] # other keys are a TypeError
    except UNREADABLE:
        return False


@dataclass(frozen=True, slots=True)
class _Lists:
    """
    Those of one authority.
    """

    signed: tuple[x509.CertificateRevocationList, ...]
    is_forged: bool
    """
    Whether there are some in its name, and none is its own.
    """


class Revocation:
    """
    What is revoked.

    :param lists: Of several of one authority, all count.
    """

    def __init__(self, lists: Iterable[x509.CertificateRevocationList]) -> None:
        self._by_name: dict[bytes, list[x509.CertificateRevocationList]] = {}
        for each in lists:
            self._by_name.setdefault(each.issuer.public_bytes(), []).append(each)
        self._of_issuers: dict[x509.Certificate, _Lists] = {}

    def problem_of(
        self, certificate: x509.Certificate, issuer: x509.Certificate, *, current_at: datetime | None
    ) -> str:
        """
        Why *certificate*, issued by *issuer*, is not to be trusted; nothing if it is.

        :param current_at: When its authority's list must be in force, if it need be.
        """
        lists = self._lists_of(issuer)
        if lists.is_forged:
            return "the revocation list of its authority is not signed by it"
        for each in lists.signed:
            if each.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
                return "it is revoked"
        if current_at is not None and lists.signed and not any(_is_current(each, current_at) for each in lists.signed):
            return "the revocation list of its authority is not up to date"
        return ""

    def due_at(self, issuer: x509.Certificate) -> datetime | None:
        """
        When the last list of *issuer* goes out of date, if ever.
        """
        lists = self._lists_of(issuer).signed
        ends = [each.next_update_utc for each in lists if each.next_update_utc is not None]
        return max(ends) if ends and len(ends) == len(lists) else None

    def _lists_of(self, issuer: x509.Certificate) -> _Lists:
        known = self._of_issuers.get(issuer)
        if known is None:
            named = self._by_name.get(issuer.subject.public_bytes(), ())
            signed = tuple(each for each in named if is_signed_by(each, issuer))
            known = _Lists(signed, bool(named) and not signed)
            if len(self._of_issuers) >= _ISSUERS_KEPT:
                self._of_issuers.clear()
            self._of_issuers[issuer] = known
        return known


def _is_current(revoked: x509.CertificateRevocationList, now: datetime) -> bool:
    until = revoked.next_update_utc
    return revoked.last_update_utc <= now and (until is None or now <= until)
