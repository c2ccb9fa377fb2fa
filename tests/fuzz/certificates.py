"""
Certificates and revocation lists, of operators and of user agents.
"""

from __future__ import annotations

import base64

from pomerium_tx.config.forms import secrets
from pomerium_tx.tls.certificates import UnusableCertificate, certificates, dns_names, key_pair
from pomerium_tx.tls.client_authorities import ClientAuthorities
from pomerium_tx.tls.revocation import revocation_lists

NOW = 1_800_000_000.0


def pem_of(octets: bytes, label: str) -> bytes:
    """
    *octets* in PEM, if they are not in PEM already.
    """
    if b"-----BEGIN" in octets:
        return octets
    body = base64.encodebytes(octets).decode("ascii")
    return f"-----BEGIN {label}-----\n{body}-----END {label}-----\n".encode()


def check_certificate(octets: bytes) -> None:
    """
    PEM or DER: an `UnusableCertificate` or a `ValueError` for the operator, or a certificate that is judged without
    another problem, also where it is itself among those that are believed.
    """
    pem = pem_of(octets, "CERTIFICATE")
    try:
        found = certificates(pem)
    except UnusableCertificate:
        found = []
    try:
        secrets.certificates(pem)
    except ValueError as problem:
        assert str(problem)
    try:
        key_pair(pem, pem)
    except UnusableCertificate as unusable:
        assert unusable.reason
    if not found:
        return
    for each in found:
        assert all(name == name.lower() for name in dns_names(each))
    for rejects in (False, True):
        try:
            shown = ClientAuthorities(ca_pem=pem, rejects=rejects, max_depth=0).judge(pem, NOW)
        except UnusableCertificate as unusable:
            assert unusable.reason
            continue
        assert shown.certificate is not None
        assert shown.is_welcome is (shown.certificate.is_trusted or not rejects)


def check_revocation_list(octets: bytes) -> None:
    """
    PEM or DER: refused by the configuration and by TLS alike, or lists that both can use.
    """
    pem = pem_of(octets, "X509 CRL")
    try:
        found = revocation_lists(pem)
    except UnusableCertificate:
        found = []
    try:
        secrets.revocation_lists(pem)
    except ValueError:
        assert not found, "the operator is told nothing of a list that counts"
        return
    assert found, "a configuration that cannot be served"
