"""
The claims of the identity assertion, and the header values they become. Pomerium's, name for name.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Final

from pomerium_tx.sessions.session import Session

LIFETIME: Final = 300
"""
Seconds for which an assertion may be believed.
"""

BASE_CLAIMS: Final = frozenset(
    {"iss", "aud", "jti", "iat", "exp", "sub", "user", "email", "groups", "sid", "name"},
)
"""
What every assertion says; a claim of the provider never replaces one of these.
"""

_CONTROLS: Final = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], " ")


def assertion_claims(
    session: Session | None, *, issuer: str, audience: str, now: float, extra: Iterable[str] = ()
) -> dict[str, object]:
    """
    What an application is told about the person, or about nobody.

    :param extra: Further claims of the person to tell, where the session has them.
    """
    issued = int(now)
    claims: dict[str, object] = {
        "iss": issuer,
        "aud": audience,
        "jti": str(uuid.uuid4()),
        "iat": issued,
        "exp": issued + LIFETIME,
        "sub": "",
        "user": "",
        "email": "",
        "groups": [],
        "sid": "",
        "name": "",
    }
    if session is None:
        return claims
    of_person = session.claims
    claims["sub"] = claims["user"] = session.user_id
    claims["email"] = session.email
    claims["groups"] = list(_scalars(of_person.get("groups", ())))
    claims["sid"] = session.id
    claims["name"] = session.name or ",".join(_scalars(of_person.get("name", ())))
    for name in extra:
        if name not in BASE_CLAIMS and name in of_person:
            claims[name] = ",".join(_scalars(of_person[name]))
    return claims


def claim_headers(claims: Mapping[str, object], names: Mapping[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    """
    The header fields that carry *claims* unsigned; one without a value is empty, so that nobody else can fill it.

    :param names: The claim of each field, by the field's name.
    """
    return tuple((field.encode("ascii"), _field_value(claims.get(claim, ""))) for field, claim in names.items())


def _scalars(values: Iterable[object]) -> Iterable[str]:
    """
    The values that have one plain form; objects, lists and null have none.
    """
    for value in values:
        if isinstance(value, bool):
            yield "true" if value else "false"
        elif isinstance(value, str):
            yield value
        elif isinstance(value, float) and value.is_integer():
            yield str(int(value))
        elif isinstance(value, int | float):
            yield str(value)


def _field_value(claim: object) -> bytes:
    """
    *claim* as a field value: one line, whatever the provider says.
    """
    value = ",".join(_scalars(claim)) if isinstance(claim, list) else ",".join(_scalars((claim,)))
    return value.translate(_CONTROLS).strip().encode("utf-8", "replace")
