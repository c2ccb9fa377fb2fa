"""
The certificates that would be shown, and what they are not for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pomerium_tx.config.forms.values import origin
from pomerium_tx.config.model import Config
from pomerium_tx.tls.certificates import certificates, dns_names
from pomerium_tx.tls.downstream import DownstreamContexts


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCertificate:
    """
    One certificate.
    """

    names: tuple[str, ...]
    """
    The hosts that it is for.
    """
    expires: str
    """
    The day.
    """
    is_expired: bool


def shown_certificates(config: Config, now: datetime) -> tuple[ShownCertificate, ...]:
    """
    Those of the configuration, in their order: the first is the default. None where there is no TLS.
    """
    if config.insecure_server:
        return ()
    found = []
    for pem, _ in config.key_pairs:
        leaf = certificates(pem)[0]
        ends = leaf.not_valid_after_utc
        found.append(ShownCertificate(names=dns_names(leaf), expires=ends.date().isoformat(), is_expired=ends < now))
    return tuple(found)


def uncovered_hosts(config: Config) -> tuple[str, ...]:
    """
    The hosts that browsers would be warned of, since no certificate is for them.

    :raises UnusableCertificate: As a listener would.
    """
    if config.insecure_server:
        return ()
    names = DownstreamContexts([(pem, key.get_secret_value()) for pem, key in config.key_pairs]).names()
    urls = [config.authenticate_service_url, *(route.from_ for route in config.routes)]
    hosts = dict.fromkeys(origin(url, wildcard=True).host for url in urls)
    return tuple(host for host in hosts if not _is_covered(host, names))


def _is_covered(host: str, names: Iterable[str]) -> bool:
    # As the listener chooses: the name itself, or one wildcard in the place of its first label.
    return host in names or f"*.{host.partition('.')[2]}" in names
