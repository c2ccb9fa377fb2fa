"""
The OP of the catalogue's world.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IReactorTime

from pomerium_tx import paths
from pomerium_tx.demo.provider import DevelopmentProvider, IssuedTokens
from pomerium_tx.demo.registration import ALICE, BOB, Client, Lifetimes
from pomerium_tx.jose.signer import derived_signer
from tests.hostile.names import AUTHENTICATE, CLIENT_ID, CLIENT_SECRET, MALLORY, OP


def new_provider(clock: IReactorTime, secrets: set[str]) -> DevelopmentProvider:
    """
    The OP of this world, whose tokens are all noted among the secrets.
    """
    year = 365 * 86_400.0
    provider = DevelopmentProvider(
        issuer=f"https://{OP}",
        clients=[
            Client(
                client_id=CLIENT_ID,
                client_secret=CLIENT_SECRET,
                redirect_uris=(f"https://{AUTHENTICATE}{paths.PROVIDER_CALLBACK}",),
                post_logout_redirect_uris=(f"https://{AUTHENTICATE}{paths.SIGNED_OUT}",),
            )
        ],
        clock=clock,
        signer=derived_signer(b"op"),
        users=(ALICE, BOB, MALLORY),
        lifetimes=Lifetimes(access_token=year, id_token=year, refresh_token=year, session=year),
    )
    issue = provider.issue

    def remembered(*grant: Any, **more: Any) -> IssuedTokens:
        issued = issue(*grant, **more)
        secrets.update(token for token in (issued.access_token, issued.id_token, issued.refresh_token) if token)
        return issued

    provider.issue = remembered  # type: ignore[method-assign] # this test's double
    return provider
