"""
The criteria about the certificate of a user agent, and what applications are told of it.

A key is proven by the handshake, a name only by an authority. So fingerprints and hashes of keys are compared whatever
is thought of the certificate, as in Pomerium; names count only in one that is trusted, since in any other they are the
user agent's own words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from pomerium_tx.config.policy.certificates import CertificateMatcher
from pomerium_tx.config.policy.rules import Criterion
from pomerium_tx.policy import reasons
from pomerium_tx.policy.client import Client
from pomerium_tx.policy.kinds import Kind, Outcome, Question, outcomes
from pomerium_tx.policy.matcher_words import matched, shown
from pomerium_tx.policy.matching import combined, string_test
from pomerium_tx.tls.client_certificate import Names

FINGERPRINT_TOKEN: Final = "client_cert_fingerprint"
DNS_TOKEN: Final = "client_cert_san_dns"
EMAIL_TOKEN: Final = "client_cert_san_email"
HEADER_TOKENS: Final = (FINGERPRINT_TOKEN, DNS_TOKEN, EMAIL_TOKEN)
"""
What may stand after ``pomerium.`` in a value of ``set_request_headers``.
"""
VALID: Final = 0
REQUIRED: Final = 1
INVALID: Final = 2

_NAMES: Mapping[str, tuple[str, Callable[[Names], tuple[str, ...]]]] = {
    "san_email": ("an e-mail address of it", lambda names: names.emails),
    "san_dns": ("a host name of it", lambda names: names.dns),
    "san_uri": ("a URI of it", lambda names: names.uris),
}


def standing(client: Client) -> int:
    """
    What is to be said of the certificate of *client*. Where nobody is asked for one, everybody's is valid.
    """
    if client.lacks_certificate:
        return REQUIRED
    certificate = client.certificate
    return INVALID if certificate is not None and not certificate.is_trusted else VALID


def certificate_test(matcher: CertificateMatcher) -> Callable[[Client], bool]:
    """
    Whether a client has shown a certificate that is meant.
    """
    fingerprints = None if matcher.fingerprints is None else frozenset(matcher.fingerprints)
    keys = None if matcher.spki_hashes is None else frozenset(matcher.spki_hashes)
    wanted = [(_NAMES[name][1], string_test(conditions)) for name, conditions in matcher.names]

    def matches(client: Client) -> bool:
        certificate = client.certificate
        if certificate is None:
            return False
        if fingerprints is not None and certificate.fingerprint not in fingerprints:
            return False
        if keys is not None and certificate.spki_hash not in keys:
            return False
        if not wanted:
            return True
        names = certificate.names
        return certificate.is_trusted and all(any(test(name) for name in of_kind(names)) for of_kind, test in wanted)

    return matches


def header_value(client: Client, token: str) -> str:
    """
    What ``set_request_headers`` puts in the place of one of `HEADER_TOKENS`: nothing where there is no certificate, and
    no names where it is not trusted.
    """
    certificate = client.certificate
    if certificate is None:
        return ""
    if token == FINGERPRINT_TOKEN:
        return certificate.fingerprint
    if not certificate.is_trusted:
        return ""
    names = certificate.names.dns if token == DNS_TOKEN else certificate.names.emails
    # One with a comma in it could pass for two, and what is not printable for another header.
    return ",".join(name for name in names if "," not in name and name.isprintable())


def _certificate(criteria: Sequence[Criterion], every: bool) -> Question:
    test = combined([certificate_test(_matcher(each)) for each in criteria], every=every)
    return lambda session, head, canonical, client: test(client)


def _matcher(criterion: Criterion) -> CertificateMatcher:
    assert isinstance(criterion.value, CertificateMatcher), criterion
    return criterion.value


def _certificate_in_words(criterion: Criterion) -> str:
    matcher = _matcher(criterion)
    said = []
    if matcher.fingerprints is not None:
        said.append(f"its fingerprint is {_one_of(matcher.fingerprints)}")
    if matcher.spki_hashes is not None:
        said.append(f"the hash of its key is {_one_of(matcher.spki_hashes)}")
    said += [matched(_NAMES[name][0], conditions) for name, conditions in matcher.names]
    return f"of the client's certificate: {' and '.join(said)}"


def _one_of(hashes: tuple[str, ...]) -> str:
    return shown(hashes) if len(hashes) == 1 else f"one of {shown(hashes)}"


KINDS: Mapping[str, Kind] = {
    "client_certificate": Kind(
        outcomes=outcomes(reasons.CLIENT_CERTIFICATE_UNAUTHORIZED, reasons.CLIENT_CERTIFICATE_OK),
        ask=_certificate,
        words=_certificate_in_words,
    ),
    "invalid_client_certificate": Kind(
        outcomes=(
            Outcome(False, reasons.VALID_CLIENT_CERTIFICATE),
            Outcome(True, reasons.CLIENT_CERTIFICATE_REQUIRED),
            Outcome(True, reasons.INVALID_CLIENT_CERTIFICATE),
        ),
        ask=lambda criteria, every: lambda session, head, canonical, client: standing(client),
        words=lambda criterion: "the client has shown no valid certificate",
    ),
}
