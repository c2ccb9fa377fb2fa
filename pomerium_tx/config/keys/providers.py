"""
Keys about the OpenID Providers: those of one stand outside of everything, as Pomerium has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

from pomerium_tx.config.keys import provider as provider_section
from pomerium_tx.config.keys.provider import DEFAULT, ProviderSection
from pomerium_tx.config.section import Certificates, Duration, FileName, Text


class ProviderKeys(ProviderSection):
    """
    The OpenID Providers.
    """

    providers: Annotated[Mapping[str, ProviderSection], BeforeValidator(provider_section.by_name)] = {}
    """
    Further providers by name, each with the ``idp_...`` keys of one and those about its sign-out. A route chooses one
    by ``idp``. The provider whose keys stand outside of ``providers`` is called ``default``; there need not be one.
    """
    default_provider: Text | None = None
    """
    The name of the provider for routes that choose none. Unset, ``default``, or the first of ``providers`` if no
    provider's keys stand outside of it.
    """
    revocation_delay: Duration = timedelta(seconds=60)
    """
    How long to wait for the browser to come back from the provider's sign-out before the session's tokens are revoked.
    """
    certificate_authority: Certificates | None = Field(default=None, repr=False)
    """
    Authorities to believe for connections that we make, those to the provider included, instead of the system's.
    """
    certificate_authority_file: FileName | None = None
    """
    The file with ``certificate_authority``.
    """

    @property
    def provider_sections(self) -> Mapping[str, ProviderSection]:
        """
        Every provider by its name, that of the keys outside of ``providers`` first.
        """
        return {DEFAULT: self, **self.providers} if self.is_written else self.providers

    @property
    def default_provider_name(self) -> str:
        """
        Of the provider of routes that choose none.
        """
        return self.default_provider or next(iter(self.provider_sections), DEFAULT)
