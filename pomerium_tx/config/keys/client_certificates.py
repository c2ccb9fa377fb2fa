"""
Keys about certificates that browsers and programs must show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from pomerium_tx.config.forms import general as forms
from pomerium_tx.config.forms import secrets, values
from pomerium_tx.config.forms.expressions import Expression, InvalidExpression
from pomerium_tx.config.section import Certificates, FileName, Section

RevocationLists = Annotated[bytes, BeforeValidator(secrets.revocation_lists)]
NAME_KINDS = ("dns", "email", "ip_address", "uri", "user_principal_name")
MOST_DEPTH = 100
"""
As many certificates as OpenSSL follows.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamePattern:
    """
    One of ``match_subject_alt_names``: a kind of name, and what the whole of one of them must match.
    """

    kind: str
    pattern: Expression


def name_patterns(value: object) -> tuple[NamePattern, ...]:
    """
    A list of mappings, each from one kind of name to a regular expression.
    """
    if isinstance(value, tuple) and all(isinstance(item, NamePattern) for item in value):
        return value
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list, such as [{email: '.*@example\\.com'}]")
    return tuple(_name_pattern(item) for item in value)


def _name_pattern(item: object) -> NamePattern:
    if not isinstance(item, dict) or len(item) != 1:
        raise ValueError("must contain only mappings with one key, such as {email: '.*@example\\.com'}")
    [(name, written)] = item.items()
    kind = str(name).lower()
    if kind not in NAME_KINDS:
        raise ValueError(f"{name} is not one of {', '.join(NAME_KINDS)}")
    if not isinstance(written, str) or not written:
        raise ValueError(f"{name}: must be a regular expression, in quotes")
    try:
        return NamePattern(kind=kind, pattern=Expression(written))
    except InvalidExpression as wrong:
        raise ValueError(f"{name}: {written!r} {wrong}") from None


class DownstreamMtls(Section):
    """
    ``downstream_mtls``: which client certificates are asked for, and what becomes of who has none.
    """

    files: ClassVar[Mapping[str, str]] = {"ca": "ca_file", "crl": "crl_file"}
    is_either_or: ClassVar[bool] = True

    ca: Certificates | None = Field(default=None, repr=False)
    """
    The authorities whose client certificates are trusted; they need not be roots. Browsers are told their names before
    anybody has signed in.
    """
    ca_file: FileName | None = None
    """
    The file with ``ca``.
    """
    crl: RevocationLists | None = Field(default=None, repr=False)
    """
    Revocation lists. A certificate is looked up in that of the authority that has issued it, if there is one. With
    ``enforcement: reject_connection`` a list that is out of date means that no certificate of its authority is trusted.
    """
    crl_file: FileName | None = None
    """
    The file with ``crl``.
    """
    enforcement: Annotated[
        Literal["policy_with_default_deny", "policy", "reject_connection"], BeforeValidator(forms.lower)
    ] = "policy_with_default_deny"
    """
    What becomes of requests without a trusted certificate. ``policy_with_default_deny``: every route refuses them with
    status 495; our own pages, sign-out among them, do not. ``policy``: only routes whose policy denies
    ``invalid_client_certificate``. ``reject_connection``: there is no connection, not even to our own pages, nor for
    the provider's back-channel logout.
    """
    match_subject_alt_names: Annotated[tuple[NamePattern, ...], BeforeValidator(name_patterns)] = ()
    """
    Regular expressions of RE2, by the kind of name: ``dns``, ``email``, ``ip_address``, ``uri`` or
    ``user_principal_name``. Unless it is empty, the whole of some name in the certificate must match one of them.
    """
    max_verify_depth: Annotated[int, BeforeValidator(values.whole(0, MOST_DEPTH))] = 1
    """
    How many certificates a chain may have before the one that stands in ``ca``: with 1, only those that it has issued
    itself are trusted; with 2, an authority may stand between. Zero means any number.
    """


class ClientCertificateKeys(Section):
    """
    Client certificates.
    """

    downstream_mtls: Annotated[DownstreamMtls | None, BeforeValidator(forms.section)] = None
    """
    Ask browsers and programs for a certificate, and trust those of these authorities. Unset, nobody is asked.
    """

    @property
    def asks_for_certificates(self) -> bool:
        """
        Whether anybody is asked for a certificate.
        """
        return self.downstream_mtls is not None and self.downstream_mtls.ca is not None

    @property
    def refuses_without_certificate(self) -> bool:
        """
        Whether every route refuses requests without a trusted certificate, whatever its policy says.
        """
        mtls = self.downstream_mtls
        return mtls is not None and self.asks_for_certificates and mtls.enforcement != "policy"
