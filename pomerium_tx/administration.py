"""
What connections to the administrator's listener are to know: its pages, and nothing of what the others lead to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from pomerium_tx.config.model import Config
from pomerium_tx.http11.heads import HeadLimits
from pomerium_tx.operations.admin import Administered
from pomerium_tx.operations.site import admin_site, check, decide
from pomerium_tx.proxy.admission import ConnectionLimits
from pomerium_tx.proxy.connection import Answered, Proxy, Times
from pomerium_tx.proxy.deadlines import Deadlines
from pomerium_tx.proxy.exchanges.refusals import Refusals

CONNECTIONS = ConnectionLimits(connections=32, per_address=32)
"""
However many others there are, these can be made: what the limit of descriptors has to leave room for.
"""


def admin_proxy(
    config: Config, administered: Administered, deadlines: Deadlines, access_log: Callable[[Answered], None]
) -> Proxy | None:
    """
    What connections share, or None where no such listener is wanted.
    """
    address, token = config.admin_address, config.admin_token
    if address is None:
        return None
    site = admin_site(administered, address, None if token is None else token.get_secret_value())
    return Proxy(
        check=check,
        decide=decide,
        unauthenticated=lambda head, verdict: verdict,
        registry=administered.registry,
        used=_no_application,
        identity=_no_application,
        resources=_no_application,
        site_of=lambda canonical: site,
        refusals=Refusals(begin_sign_in=_no_application, response_fields=lambda route: ()),
        access_log=access_log,
        clock=administered.clock,
        deadlines=deadlines,
        limits=HeadLimits(),
        times=Times(),
        connection_limits=CONNECTIONS,
    )


def _no_application(*about: object) -> NoReturn:
    raise AssertionError("The administrator's listener leads to no application.")
