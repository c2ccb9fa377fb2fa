"""
What single keys may hold: one function for each kind of key.

As in `pomerium_tx.config.forms.values`: the value that stood in the file in, the value that is used out, ``ValueError``
with words for the operator where it cannot be used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pomerium_tx.config.forms import values

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SAYS_WHO = re.compile(r"X_POMERIUM_(?:JWT_ASSERTION|AUTHORIZATION|CLAIM_|REPROXY|ROUTING)")
_UNFIT_FOR_HEADER = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
_CANONICAL_PATH = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-F]{2})*")
_ENCODED_FOR_NOTHING = re.compile(r"%(?:2D|2E|5F|7E|3[0-9]|4[1-9A-F]|5[0-9A]|6[1-9A-F]|7[0-9A])")
_FRAMING = frozenset(
    "connection content-length expect host keep-alive proxy-authenticate proxy-authorization proxy-connection te "
    "trailer transfer-encoding upgrade".split()
)
_SIGNATURE_ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512",
)  # fmt: skip
_SITE_DATA = ("cache", "cookies", "storage")


def text(value: object) -> str:
    """
    A string that says something.
    """
    if not isinstance(value, str):
        raise ValueError(f"must be a string, not {values.kind(value)}; put it in quotes")
    if not value.strip():
        raise ValueError("must not be empty")
    if any(ord(character) < 32 or ord(character) == 127 for character in value.strip()):
        raise ValueError("must not contain control characters")
    return value.strip()


def label(value: object) -> str:
    """
    A string that people read, or none.
    """
    return "" if isinstance(value, str) and not value.strip() else text(value)


def truth(value: object) -> bool:
    """
    ``true`` or ``false``, in quotes or not, or what Go takes for them.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    if isinstance(value, str):
        word = value.strip().lower()
        if word in ("true", "t", "1", "yes", "y", "on"):
            return True
        if word in ("false", "f", "0", "no", "n", "off"):
            return False
    raise ValueError("must be true or false")


def lower(value: object) -> str:
    """
    A name in which upper and lower case mean the same.
    """
    return text(value).lower()


def same_site(value: object) -> str:
    """
    ``cookie_same_site``.
    """
    word = text(value).capitalize()
    if word not in ("Strict", "Lax", "None"):
        raise ValueError("must be strict, lax or none")
    return word


def log_level(value: object) -> str:
    """
    ``log_level``, with the longer name of one level.
    """
    word = lower(value)
    return "warn" if word == "warning" else word


def issuer_format(value: object) -> str:
    """
    ``jwt_issuer_format``.
    """
    found = {"hostonly": "hostOnly", "uri": "uri"}.get(lower(value))
    if found is None:
        raise ValueError("must be hostOnly or uri")
    return found


def storage(value: object) -> str:
    """
    ``databroker_storage_type``.
    """
    word = lower(value)
    if word != "memory":
        raise ValueError("only memory is supported: sessions end when the process does")
    return word


def signature_algorithm(value: object) -> str:
    """
    The ``alg`` of the provider's ID Tokens.
    """
    found = [name for name in _SIGNATURE_ALGORITHMS if name.lower() == lower(value)]
    if not found:
        raise ValueError(f"must be one of {', '.join(_SIGNATURE_ALGORITHMS)}")
    return found[0]


def issuer(value: object) -> str:
    """
    The URL of the provider, letter for letter (OpenID Connect Discovery 1.0, Section 3).
    """
    split = values.split_url(value)
    if split.query or split.fragment or str(value).endswith(("?", "#")):
        raise ValueError("must not have a query or a fragment")
    if split.path.rstrip("/").endswith("/.well-known/openid-configuration"):
        raise ValueError("must be the issuer itself: leave out /.well-known/openid-configuration")
    return str(value)


def host(value: object) -> str:
    """
    A host name or address without port.
    """
    name = lower(value)
    if not values.is_host(name):
        raise ValueError("must be a host name")
    return name.removesuffix(".")


def authority(value: object) -> str:
    """
    A host with or without port, as in a ``Host`` header.
    """
    name = lower(value)
    try:
        values.origin(f"http://{name}")
    except ValueError:
        raise ValueError("must be a host name, with or without a port") from None
    if "/" in name:
        raise ValueError("must be a host name, with or without a port")
    return name


def cookie_name(value: object) -> str:
    """
    A cookie's name (RFC 6265, Section 4.1.1).
    """
    name = text(value)
    if not _TOKEN.fullmatch(name):
        raise ValueError("must be letters, digits and - or _")
    if name.lower().startswith("__host-"):
        raise ValueError("must not begin with __Host-: not every cookie of ours has the path that this asks for")
    return name


def cookie_domain(value: object) -> str:
    """
    A ``Domain`` that user agents accept.
    """
    name = host(text(value).removeprefix("."))
    if "." not in name or name.rpartition(".")[2].isdigit() or ":" in name:
        raise ValueError("must be a domain with a dot in it: browsers refuse cookies for anything else")
    return name


def domains(value: object) -> tuple[str, ...]:
    """
    ``allowed_domains``: what follows the ``@`` of an e-mail address.
    """
    found = []
    for item in values.string_list(value):
        name = item.lower()
        if "*" in name:
            raise ValueError(f"{item!r} is not a domain; to admit everybody use allow_any_authenticated_user")
        if not values.is_host(name):
            raise ValueError(f"{item!r} is not a domain such as example.com")
        found.append(name)
    return tuple(found)


def allowed_claims(value: object) -> dict[str, tuple[str | int | float | bool, ...]]:
    """
    ``allowed_idp_claims``: claims, flat as in a session, and the values of each.
    """
    if isinstance(value, str):
        value = values.json_mapping(value)
    if not isinstance(value, dict):
        raise ValueError("must be a mapping of claims to their values")
    return dict(_allowed_values("", value))


def _allowed_values(
    prefix: str, members: Mapping[str, object]
) -> Iterator[tuple[str, tuple[str | int | float | bool, ...]]]:
    for name, value in members.items():
        claim = f"{prefix}{name}"
        if isinstance(value, dict):
            yield from _allowed_values(f"{claim}.", value)
            continue
        several = value if isinstance(value, list | tuple) else [value]
        yield claim, tuple(_allowed_value(claim, one) for one in several)


def _allowed_value(claim: str, value: object) -> str | int | float | bool:
    if not isinstance(value, str | int | float | bool):
        raise ValueError(f"{claim}: must be strings, numbers, true or false, not {values.kind(value)}")
    if value == "":
        raise ValueError(f"{claim}: contains an empty entry")
    return value


def logout_uri(value: object) -> str:
    """
    ``upstream_logout_uri``: an absolute URL, or a path on the application itself; as it was written.
    """
    written = text(value)
    if "#" in written:
        raise ValueError("must not have a fragment")
    if written.startswith("//"):
        raise ValueError("begins with two slashes: write the whole URL, or a path with one slash")
    if written.startswith("/"):
        values.split_url(f"http://application{written}")
    elif "://" in written:
        values.split_url(written)
    else:
        raise ValueError("must be a path that begins with a slash, or a URL that begins with http:// or https://")
    return written


def site_data(value: object) -> tuple[str, ...]:
    """
    ``clear_site_data``: kinds of what a browser keeps for a site, each once.
    """
    found = dict.fromkeys(item.lower() for item in values.string_list(value))
    for item in found:
        if item not in _SITE_DATA:
            raise ValueError(f"{item!r} is not one of {', '.join(_SITE_DATA)}")
    return tuple(found)


def image_url(value: object) -> str:
    """
    The URL of an image that a page shows: https, or data.
    """
    written = text(value)
    if re.fullmatch(r"data:image/[a-z0-9.+-]+[;,][!-~]*", written):
        return written
    if values.origin_of(values.split_url(written)).scheme != "https":
        raise ValueError("must begin with https://, or be a data: URL of an image")
    return written


def colour(value: object) -> str:
    """
    A colour, as ``#rrggbb`` in lower case.
    """
    written = lower(value)
    if re.fullmatch(r"#[0-9a-f]{3}", written):
        return "#" + "".join(digit * 2 for digit in written[1:])
    if not re.fullmatch(r"#[0-9a-f]{6}", written):
        raise ValueError("must be a colour such as #1a56a8; put it in quotes, # begins a comment")
    return written


def path(value: object) -> str:
    """
    A path in the one form in which requests are compared with it.
    """
    written = text(value)
    if not written.startswith("/"):
        raise ValueError("must begin with a slash")
    if "//" in written:
        raise ValueError("is never matched: slashes of requests are merged; write one slash")
    if any(segment in (".", "..") for segment in written.split("/")):
        raise ValueError("is never matched: dot segments of requests are resolved")
    if "?" in written or "#" in written:
        raise ValueError("must be a path only, without a query or a fragment")
    if not _CANONICAL_PATH.fullmatch(written) or _ENCODED_FOR_NOTHING.search(written):
        raise ValueError(
            "is never matched: write letters, digits and -._~ as they are, and others as %XX with capital letters"
        )
    if re.search(r"%(?:2F|5C|00)", written):
        raise ValueError("is never matched: requests with an escaped slash, backslash or NUL are refused")
    return written


def header_name(value: object) -> str:
    """
    The name of one header.
    """
    name = text(value)
    _check_name(name)
    return name


def header_names(value: object) -> tuple[str, ...]:
    """
    A list of header names.
    """
    names = values.string_list(value)
    for name in names:
        _check_name(name)
    return names


def request_headers(value: object) -> dict[str, str]:
    """
    ``set_request_headers``: templates, as they were written.
    """
    headers = {}
    for name, content in values.header_map(value).items():
        _check_header(name, content)
        if _SAYS_WHO.match(re.sub(r"[^A-Z0-9]", "_", name.upper())):
            raise ValueError(f"{name} is ours: what says who somebody is cannot be set")
        headers[name] = content
    return headers


def response_headers(value: object) -> dict[str, str]:
    """
    ``set_response_headers``.
    """
    headers = values.header_map(value)
    for name, content in headers.items():
        _check_header(name, content)
    return headers


def claim_headers(value: object) -> dict[str, str]:
    """
    ``jwt_claims_headers``: header -> claim, or claims that each become ``x-pomerium-claim-<claim>``.
    """
    if isinstance(value, str) and not value.lstrip().startswith("{"):
        value = value.replace(",", " ").split()
    if isinstance(value, list | tuple):
        value = {f"x-pomerium-claim-{claim}": claim for claim in values.string_list(value)}
    headers = {}
    for name, claim in values.string_map(value).items():
        _check_header(name, claim)
        if not claim.strip():
            raise ValueError(f"{name}: names no claim")
        headers[name.lower()] = claim.strip()
    return headers


def sections(value: object) -> object:
    """
    A list of mappings.
    """
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list")
    return value


def section(value: object) -> object:
    """
    A mapping, or one as JSON.
    """
    return values.json_mapping(value) if isinstance(value, str) else value


def _check_header(name: str, content: str) -> None:
    _check_name(name)
    if name.lower() in _FRAMING:
        raise ValueError(f"{name} cannot be set: it belongs to the connection")
    if _UNFIT_FOR_HEADER.search(content):
        raise ValueError(f"{name}: the value contains a line break or another character that no header may have")


def _check_name(name: str) -> None:
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{name!r} is not a header name")
