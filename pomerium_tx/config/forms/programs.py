"""
The forms of keys about programs: see `pomerium_tx.config.forms.values`.
"""

from __future__ import annotations

from pomerium_tx.config.forms import values

_MOST_DEPENDENCIES = 5
_ALGORITHMS = (*(f"{kind}{size}" for kind in ("RS", "PS", "ES") for size in (256, 384, 512)), "EdDSA")


def redirect_domains(value: object) -> tuple[str, ...]:
    """
    ``programmatic_redirect_domain_whitelist``: hosts of URLs, without ports.
    """
    found = []
    for item in values.string_list(value):
        name = item.lower()
        if not values.is_host(name):
            raise ValueError(f"{item!r} is not a host such as localhost or tools.example.com, without scheme and port")
        found.append(name)
    return tuple(found)


def dependencies(value: object) -> tuple[str, ...]:
    """
    ``depends_on``: hosts of other routes; of a URL, its host.
    """
    found = []
    for item in values.string_list(value):
        try:
            origin = values.origin(item if "://" in item else f"https://{item}")
        except ValueError:
            raise ValueError(f"{item!r} is not a host, with or without a port") from None
        found.append(origin.host if origin.port is None else f"{origin.host}:{origin.port}")
    if len(found) > _MOST_DEPENDENCIES:
        raise ValueError(f"may name {_MOST_DEPENDENCIES} hosts at most")
    return tuple(dict.fromkeys(found))


def token_algorithms(value: object) -> tuple[str, ...]:
    """
    ``supported_algs``: none that a secret signs with, and not ``none``.
    """
    names = values.string_list(value)
    for name in names:
        if name not in _ALGORITHMS:
            raise ValueError(f"{name!r} is not one of {', '.join(_ALGORITHMS)}")
    if not names:
        raise ValueError("is empty: no token could be believed")
    return names


def identity_providers(value: object) -> object:
    """
    ``identity_providers``: issuers by name.
    """
    if isinstance(value, str):
        value = values.json_mapping(value)
    if not isinstance(value, dict):
        raise ValueError("must be a mapping of names to issuers")
    for name in value:
        if not isinstance(name, str) or not name or "/" in name or name != name.lower():
            raise ValueError(f"{name!r} is not a name: write lower-case letters, and no slash")
    return value
