"""
What several keys about client certificates can get wrong together.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from cryptography import x509

from pomerium_tx.config.forms import secrets
from pomerium_tx.config.keys.client_certificates import DownstreamMtls
from pomerium_tx.config.model import Config
from pomerium_tx.config.rules.findings import Finding, numbered_routes

_KEY = "downstream_mtls"
_CRITERIA = ("client_certificate", "invalid_client_certificate")


def certificate_findings(config: Config) -> Iterator[Finding]:
    """
    What is to be mended, and what the operator should know.
    """
    mtls = config.downstream_mtls
    yield from _policies(config)
    if mtls is None or not mtls.model_fields_set:
        return
    if mtls.ca is None:
        yield _finding("ca", "is missing: write whose client certificates are trusted, or remove downstream_mtls")
        return
    if config.insecure_server:
        yield Finding(
            key=(_KEY,),
            message="needs TLS here: with insecure_server: true nobody can show a certificate; remove one of them",
            rests_on=(("insecure_server",),),
        )
    if mtls.enforcement == "reject_connection":
        message = (
            "reject_connection keeps everybody without a certificate out: also the provider's back-channel logout and "
            "applications that fetch jwks.json"
        )
        yield _finding("enforcement", message, is_warning=True)
    now = datetime.now(UTC)
    authorities = x509.load_pem_x509_certificates(mtls.ca)
    for authority in authorities:
        if authority.not_valid_after_utc < now:
            message = f"has expired for {_name(authority.subject)}: no certificate of it is trusted"
            yield _finding("ca", message, is_warning=True)
    yield from _lists(mtls, authorities, now)


def _policies(config: Config) -> Iterator[Finding]:
    """
    Rules about certificates where nobody is asked for one: as in Pomerium, everybody's is valid then.
    """
    if config.asks_for_certificates:
        return
    for key, route in numbered_routes(config):
        for rule in route.policy:
            for criterion in rule.criteria:
                if criterion.name in _CRITERIA:
                    message = "needs downstream_mtls: without it nobody is asked for a certificate"
                    yield Finding(
                        key=(*key, *criterion.at),
                        message=f"{message}, and this rule refuses nobody" if rule.action == "deny" else message,
                        rests_on=((_KEY,),),
                        is_warning=rule.action == "allow",
                    )


def _lists(mtls: DownstreamMtls, authorities: list[x509.Certificate], now: datetime) -> Iterator[Finding]:
    lists = () if mtls.crl is None else secrets.load_revocation_lists(mtls.crl)
    for each in lists:
        name = _name(each.issuer)
        named = [authority for authority in authorities if authority.subject == each.issuer]
        if not named:
            message = f"is of {name}, which is not in ca: it counts only where that stands between"
            yield _finding("crl", message, "ca", is_warning=True)
        elif not any(_has_signed(authority, each) for authority in named):
            yield _finding("crl", f"is in the name of {name}, but not signed by it", "ca")
        until = each.next_update_utc
        if until is not None and until < now:
            is_fatal = mtls.enforcement == "reject_connection"
            effect = "and no certificate of it is trusted" if is_fatal else "and is used as it is"
            message = f"of {name} is out of date since {until:%Y-%m-%d %H:%M} UTC, {effect}"
            yield _finding("crl", message, is_warning=True)


def _finding(name: str, message: str, *rests_on: str, is_warning: bool = False) -> Finding:
    on = [(_KEY, key) for each in (name, *rests_on) for key in (each, f"{each}_file")]
    return Finding(key=(_KEY, name), message=message, rests_on=tuple(on), is_warning=is_warning)


def _name(name: x509.Name) -> str:
    return name.rfc4514_string() or "nobody"


def _has_signed(authority: x509.Certificate, revoked: x509.CertificateRevocationList) -> bool:
    try:
        return revoked.is_signature_valid(authority.public_key())  # type: ignore[arg-type] # other keys: a TypeError
    except Exception:  # noqa: BLE001 - of whatever kind the key is, it has not signed this
        return False
