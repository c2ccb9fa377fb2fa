"""
Keys about what applications learn about people.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator

from pomerium_tx.config.forms import general as forms
from pomerium_tx.config.section import FileName, IssuerFormat, Section, SigningKeys, Truth


class IdentityKeys(Section):
    """
    What applications learn about people.
    """

    signing_key: SigningKeys | None = None
    """
    Who signs ``X-Pomerium-Jwt-Assertion``: private keys (EC P-256, RSA of at least 2048 bits, Ed25519). The first one
    signs, all are published at ``/.well-known/pomerium/jwks.json`` of every host. Unset, a key that follows from
    ``shared_secret``.
    """
    signing_key_file: FileName | None = None
    """
    The file with ``signing_key``.
    """
    # Lower-case header name -> claim.
    jwt_claims_headers: Annotated[Mapping[str, str], BeforeValidator(forms.claim_headers)] = {}
    """
    Claims as headers of their own, unsigned: header -> claim, or a list of claims, each of which becomes
    ``X-Pomerium-Claim-<claim>``. A browser cannot send them; they are replaced or dropped.
    """
    jwt_issuer_format: IssuerFormat = "hostOnly"
    """
    The issuer of the assertion: ``hostOnly`` is ``app.example.com``, ``uri`` is ``https://app.example.com/``.
    """
    pass_identity_headers: Truth = False
    """
    Send applications ``X-Pomerium-Jwt-Assertion``, a signed statement of who is asking, and the headers of
    ``jwt_claims_headers``.
    """
