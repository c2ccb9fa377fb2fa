"""
Token responses, RFC 6749 section 5 and OpenID Connect Core 1.0 section 3.1.3.3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pomerium_tx.oidc.fetch import Answer, ProviderUnavailable

_TOKEN: Final = re.compile(r"[!-~]{1,65536}")
_ERROR: Final = re.compile(r"[ !#-\[\]-~]{1,100}")
_DIGITS: Final = re.compile(r"[0-9]{1,10}")
_LONGEST_LIFE: Final = 10 * 366 * 86400.0


class AuthenticationRefused(Exception):
    """
    The provider refuses, and says so as OAuth has it.

    :ivar error: The provider's error code, such as ``invalid_grant``.
    :ivar description: What it adds for a person to read; shown escaped, never logged.
    """

    def __init__(self, error: str, description: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.description = description


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenResponse:
    """
    What a code or a refresh token was exchanged for; nothing in it is verified yet.
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False, default=None)
    id_token: str | None = field(repr=False, default=None)
    expires_in: float | None = None


def refusal(error: object, description: object) -> AuthenticationRefused | None:
    """
    The refusal that a peer's ``error`` and ``error_description`` make, if they are what they should be.
    """
    if not isinstance(error, str) or _ERROR.fullmatch(error) is None:
        return None
    said = description if isinstance(description, str) else ""
    return AuthenticationRefused(error, "".join(c for c in said[:300] if c.isprintable()))


def read(answer: Answer) -> TokenResponse:
    """
    The tokens in *answer*.

    :raises AuthenticationRefused: If the provider says why there are none.
    :raises ProviderUnavailable: If it says something else.
    """
    if answer.status in (400, 401):
        members = answer.json_object()
        refused = refusal(members.get("error"), members.get("error_description"))
        if refused is not None:
            raise refused
    if answer.status != 200:
        raise ProviderUnavailable(f"the token endpoint answers {answer.status}")
    members = answer.json_object()
    if members.get("error") is not None:
        raise ProviderUnavailable("the token endpoint answers with tokens and an error")
    # RFC 6749 section 7.1: a token of a type that is not understood must not be used; the name has no case.
    token_type = members.get("token_type")
    if not isinstance(token_type, str) or token_type.lower() != "bearer":
        raise ProviderUnavailable("the token endpoint answers with a token_type other than Bearer")
    access_token = _token(members, "access_token")
    if access_token is None:
        raise ProviderUnavailable("the token endpoint answers without an access_token")
    return TokenResponse(
        access_token=access_token,
        refresh_token=_token(members, "refresh_token"),
        id_token=_token(members, "id_token"),
        expires_in=_expires_in(members.get("expires_in")),
    )


def _token(members: Mapping[str, Any], name: str) -> str | None:
    value = members.get(name)
    if value is None or value == "":
        return None
    # Anything else must never come near a header (RFC 6749 appendix A.12 allows no more).
    if not isinstance(value, str) or _TOKEN.fullmatch(value) is None:
        raise ProviderUnavailable(f"the token endpoint answers with a malformed {name}")
    return value


def _expires_in(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LONGEST_LIFE:
        raise ProviderUnavailable("the token endpoint answers with a malformed expires_in")
    return float(value)
