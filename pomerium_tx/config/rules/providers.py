"""
What several keys about providers can get wrong together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from pomerium_tx.config.document import KeyPath
from pomerium_tx.config.forms.values import split_url
from pomerium_tx.config.keys.provider import DEFAULT, ProviderSection
from pomerium_tx.config.model import Config
from pomerium_tx.config.route_section import RouteSection
from pomerium_tx.config.rules.findings import LOOPBACK_ONLY, Finding, is_exposed_http, numbered_routes

_OURS: Final = frozenset({"client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "code_challenge"})


def provider_findings(config: Config) -> Iterator[Finding]:
    """
    Everything about providers, and about the routes that choose one.
    """
    if config.is_written or not config.providers:
        yield from _one((), config)
    for name, section in config.providers.items():
        here: KeyPath = ("providers", name)
        if name == DEFAULT and config.is_written:
            message = "is the name of the provider whose keys stand outside of providers; write another"
            yield Finding(key=here, message=message)
        yield from _one(here, section)
    if config.default_provider is not None:
        yield from _chosen(("default_provider",), config.default_provider, config)
    yield from _routes(config)


def _one(here: KeyPath, section: ProviderSection) -> Iterator[Finding]:
    if section.idp_provider is None:
        yield Finding(key=(*here, "idp_provider"), message="is required: oidc, or the kind of provider")
    if not section.issuer:
        yield Finding(key=(*here, "idp_provider_url"), message="is required: the issuer of the OpenID Provider")
    if section.idp_client_id is None:
        yield Finding(key=(*here, "idp_client_id"), message="is required: as the OpenID Provider has registered it")
    if section.idp_client_secret is None:
        file: KeyPath = (*here, "idp_client_secret_file")
        message = "is required: it, or idp_client_secret_file"
        yield Finding(key=(*here, "idp_client_secret"), message=message, rests_on=(file,))
    url: KeyPath = (*here, "idp_provider_url")
    for key, written in ((url, section.issuer), ((*here, "sign_out_url"), section.sign_out_url)):
        if written and is_exposed_http(written.partition("?")[0]):
            yield Finding(key=key, message=LOOPBACK_ONLY)
    unfit = section.particulars.unfit.get(split_url(section.issuer).path.rstrip("/")) if section.issuer else None
    if unfit is not None:
        yield Finding(key=url, message=unfit, rests_on=((*here, "idp_provider"),))
    if section.particulars.is_oidc and "openid" not in section.scopes:
        yield Finding(key=(*here, "idp_scopes"), message="must contain openid", rests_on=((*here, "idp_provider"),))
    for name in sorted(_OURS & set(section.idp_request_params or ())):
        message = "is ignored: it is set anew for each sign-in"
        yield Finding(key=(*here, "idp_request_params", name), message=message, is_warning=True)
    if section.end_session is False and section.sign_out_url is not None:
        on = ((*here, "end_session"),)
        yield Finding(
            key=(*here, "sign_out_url"), message="is ignored: end_session is false", rests_on=on, is_warning=True
        )


def _chosen(key: KeyPath, name: str, config: Config) -> Iterator[Finding]:
    names = config.provider_sections
    if name not in names:
        message = f"is none of the providers: {', '.join(names) or 'there are none'}"
        yield Finding(key=key, message=message, rests_on=(("providers",), ("idp_provider",)))


def _routes(config: Config) -> Iterator[Finding]:
    secrets: dict[tuple[str, str], tuple[str, KeyPath]] = {}
    sections: Mapping[str, ProviderSection] = config.provider_sections
    clients: dict[tuple[str, str | None], str] = {}
    for name, section in sections.items():
        here: KeyPath = () if section is config else ("providers", name)
        other = clients.setdefault((section.issuer, section.idp_client_id), name)
        if other != name and section.issuer and section.idp_client_id is not None:
            message = f"is the same client of the same provider as {other}; let routes choose that one"
            yield Finding(key=(*here, "idp_client_id"), message=message, rests_on=((*here, "idp_provider_url"),))
        yield from _one_secret(secrets, here, section.issuer, section.idp_client_id, section)
    for key, route in numbered_routes(config):
        if route.idp is not None:
            yield from _chosen((*key, "idp"), route.idp, config)
        chosen = sections.get(route.idp or config.default_provider_name)
        if route.idp_client_secret is not None and route.idp_client_id is None:
            on = ((*key, "idp_client_id"), (*key, "idp_client_secret_file"))
            message = "is ignored without idp_client_id"
            yield Finding(key=(*key, "idp_client_secret"), message=message, rests_on=on, is_warning=True)
        elif chosen is not None and route.idp_client_id is not None:
            own = route if route.idp_client_secret is not None else chosen
            yield from _one_secret(secrets, key, chosen.issuer, route.idp_client_id, own)


def _one_secret(
    known: dict[tuple[str, str], tuple[str, KeyPath]],
    here: KeyPath,
    issuer: str,
    client_id: str | None,
    written: ProviderSection | RouteSection,
) -> Iterator[Finding]:
    """
    A client has one secret, wherever it is written.
    """
    if not issuer or client_id is None or written.idp_client_secret is None:
        return
    secret = written.idp_client_secret.get_secret_value()
    other, where = known.setdefault((issuer, client_id), (secret, here))
    if other != secret:
        on = ((*here, "idp_client_id"), (*where, "idp_client_id"), (*where, "idp_client_secret"))
        message = "is another than elsewhere for the same client of the same provider"
        yield Finding(key=(*here, "idp_client_secret"), message=message, rests_on=on)
