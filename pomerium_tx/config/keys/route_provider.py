"""
Keys of a route about where its people sign in.
"""

from __future__ import annotations

from pomerium_tx.config.section import FileName, Password, Section, Text


class RouteProviderKeys(Section):
    """
    Where people sign in.
    """

    idp: Text | None = None
    """
    The name of the provider that people sign in with here: one of ``providers``, or ``default``. Unset,
    ``default_provider``.
    """
    idp_client_id: Text | None = None
    """
    Another client at that provider: people sign in for it separately, although the provider knows them already. Unset,
    the provider's own.
    """
    idp_client_secret: Password | None = None
    """
    That client's secret. Unset, the provider's own.
    """
    idp_client_secret_file: FileName | None = None
    """
    The file with ``idp_client_secret``.
    """
