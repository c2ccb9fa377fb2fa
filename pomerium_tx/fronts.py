"""
The proxies in front of us: what they say of clients, and what they may ask.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from twisted.web.resource import IResource

from pomerium_tx import paths
from pomerium_tx.assertion.assertion import Assertions
from pomerium_tx.authenticate.forward_auth import AuthPage, Deciding, VerifyPage
from pomerium_tx.authorize.check import Authorizer
from pomerium_tx.authorize.trusted_proxies import TrustedProxies
from pomerium_tx.config.model import Config
from pomerium_tx.http11.heads import HeadLimits, RequestHead
from pomerium_tx.policy.client import Client
from pomerium_tx.routing.route import Route
from pomerium_tx.sessions.session import Session
from pomerium_tx.web.resource import Folder


class Fronts:
    """
    Those of one configuration.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._trusted = TrustedProxies(config.trusted_proxies, config.xff_num_trusted_hops)

    @property
    def client_of(self) -> Callable[[Client, RequestHead], Client] | None:
        """
        Who has sent a head that came from a peer; None where that is always the peer.
        """
        return self._trusted.client if self._trusted.is_any else None

    def pages(
        self,
        authorizer: Authorizer,
        assertions: Assertions,
        limits: HeadLimits,
        *,
        used: Callable[[Session, Route, str, str], None],
        touch: Callable[[str, str], None],
        begin_sign_in: Callable[[str, Sequence[bytes], Route], tuple[str, str]],
    ) -> Mapping[bytes, IResource]:
        """
        The pages at which they ask, by the names that these have below ``/.pomerium/``.
        """
        config = self._config
        deciding = Deciding(
            is_trusted=self._trusted.is_trusted,
            check=authorizer.check,
            used=used,
            touch=touch,
            begin_sign_in=begin_sign_in,
            assertions=assertions,
            limits=limits,
            normalize_path=config.normalize_path,
            merge_slashes=config.merge_slashes,
            # It was shown to the other proxy, if to anybody.
            lacks_certificate=config.downstream_mtls is not None,
        )
        return {b"verify": VerifyPage(deciding), b"auth": AuthPage(deciding)}


def unknown_host(ping: IResource, healthz: IResource, pages: Mapping[bytes, IResource]) -> Folder:
    """
    The tree of hosts that nobody has configured: programs ask by our address.

    :param pages: Those at which proxies ask.
    """
    pomerium = Folder()
    for name, page in pages.items():
        pomerium.putChild(name, page)
    root = Folder()
    root.putChild(paths.PING[1:].encode(), ping)
    root.putChild(paths.HEALTHZ[1:].encode(), healthz)
    root.putChild(b".pomerium", pomerium)
    return root
