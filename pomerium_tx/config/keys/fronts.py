"""
Keys about proxies in front of us.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from pomerium_tx.config.forms import values
from pomerium_tx.config.section import Networks, Section


class FrontKeys(Section):
    """
    Proxies in front.
    """

    trusted_proxies: Networks = ()
    """
    The addresses and networks of the proxies in front. Where one of them connects, the client's address - for policies,
    the log and the page of all my sessions - is the last one in ``X-Forwarded-For`` that is not itself in this list; of
    anybody else the header means nothing. Only these may ask for forward authentication, at ``/.pomerium/verify`` and
    ``/.pomerium/auth`` of the authenticate host.
    """
    xff_num_trusted_hops: Annotated[int, BeforeValidator(values.whole(0, 100))] = 0
    """
    How many proxies there are in front: the client's address is the one at that place of ``X-Forwarded-For``, counted
    from the right, or that of whoever connects where the header has fewer. Without ``trusted_proxies`` it is believed
    of whoever connects, as in Pomerium, so write both. 0: ``trusted_proxies`` decides.
    """
