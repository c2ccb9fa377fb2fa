"""
The development OP and the applications, listening.
"""

from __future__ import annotations

import errno
import os
from typing import Any

from twisted.application.service import IService, Service
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.web.client import Agent
from zope.interface import implementer

from pomerium_tx import paths
from pomerium_tx.demo import logout_notices
from pomerium_tx.demo.application_pages import Links
from pomerium_tx.demo.applications import SampleApplication
from pomerium_tx.demo.chat import ChatApplication
from pomerium_tx.demo.config import DemoSettings
from pomerium_tx.demo.logout_channels import fetcher_post
from pomerium_tx.demo.logout_notices import LogoutNotices
from pomerium_tx.demo.logout_tokens import LogoutTokenReader
from pomerium_tx.demo.loopback import require_loopback
from pomerium_tx.demo.provider import DevelopmentProvider
from pomerium_tx.demo.provider_site import UnloggedSite, provider_resource
from pomerium_tx.demo.relying_party import RelyingParty
from pomerium_tx.demo.serving import ApplicationFactory
from pomerium_tx.jose.signer import derived_signer
from pomerium_tx.oidc.fetch import Fetcher, http_client

_DEADLINE = 5.0
_MOST_BYTES = 65_536
_IPV4, _IPV6 = "127.0.0.1", "::1"
_NO_IPV6 = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


class PortTaken(Exception):
    """
    The demo cannot listen where it must; the message is one line that names the port.
    """


def start(reactor: Any, settings: DemoSettings) -> IService:
    """
    The OP and the applications, each listening on its port already; stop the service to end them.

    :param reactor: Must provide ``IReactorTCP`` and ``IReactorTime``.
    :raises PortTaken: If one of the ports is not to be had; none is listened on then.
    """
    links = Links(app=settings.app_origin, chat=settings.chat_origin, other=settings.other_origin)
    http = http_client(Agent(reactor))  # type: ignore[no-untyped-call]  # Twisted's, untyped
    fetcher = Fetcher(http, reactor, deadline=_DEADLINE, max_bytes=_MOST_BYTES)
    provider = DevelopmentProvider(
        issuer=settings.issuer,
        clients=[settings.client, settings.other_client],
        clock=reactor,
        signer=derived_signer(settings.signing_secret),
        address=_IPV4,
        post=fetcher_post(fetcher),
    )
    notices = LogoutNotices(
        reader=LogoutTokenReader(
            issuer=f"{settings.app_origin}/",
            audience=settings.app_origin + logout_notices.PATH,
            jwks_uri=settings.app_origin + paths.JWKS,
            fetcher=fetcher,
            clock=reactor,
        ),
        clock=reactor,
    )
    app = ApplicationFactory(SampleApplication(clock=reactor, links=links, notices=notices))
    chat = ApplicationFactory(ChatApplication(links=links))
    other = ApplicationFactory(
        RelyingParty(
            origin=settings.other_origin, issuer=settings.issuer, client=settings.other_client, http=http, clock=reactor
        )
    )
    service = _DemoService([app, chat, other], provider)
    site = UnloggedSite(provider_resource(provider), reactor=reactor)  # type: ignore[no-untyped-call]  # Twisted's
    try:
        service.listen(reactor, settings.ports.provider, site)
        service.listen(reactor, settings.ports.app, app)
        service.listen(reactor, settings.ports.chat, chat)
        service.listen(reactor, settings.ports.other, other)
    except PortTaken:
        service.stopService()
        raise
    return service


@implementer(IService)
class _DemoService(Service):
    def __init__(self, applications: list[ApplicationFactory], provider: DevelopmentProvider) -> None:
        self.setName("demo")  # type: ignore[no-untyped-call]  # Twisted's, untyped
        self._applications = applications
        self._provider = provider
        self._ports: list[IListeningPort] = []

    def listen(self, reactor: Any, port: int, factory: IProtocolFactory) -> None:
        """
        *factory* is served on *port* of loopback, IPv6 as well where this computer has it.

        :raises PortTaken: If it cannot be.
        """
        self._bind(reactor, _IPV4, port, factory)
        try:
            self._bind(reactor, _IPV6, port, factory)
        except _NoIPv6:
            pass

    def stopService(self) -> Deferred[Any]:
        """
        Nothing is listened on, and no connection to the applications is open any more.
        """
        super().stopService()  # type: ignore[no-untyped-call]  # Twisted's, untyped
        self._provider.channels.stop()
        for application in self._applications:
            application.cut_all()
        ports, self._ports = self._ports, []
        return gatherResults([_stopped(port) for port in ports])

    def _bind(self, reactor: Any, address: str, port: int, factory: IProtocolFactory) -> None:
        require_loopback(address)
        try:
            self._ports.append(reactor.listenTCP(port, factory, interface=address))
        except CannotListenError as refused:
            number = getattr(refused.socketError, "errno", None)
            if address == _IPV6 and number in _NO_IPV6:
                raise _NoIPv6 from None
            why = os.strerror(number) if isinstance(number, int) else str(refused.socketError)
            where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
            raise PortTaken(f"The demo cannot listen on {where}: {why}.") from refused


class _NoIPv6(Exception):
    """
    This computer has no IPv6 on loopback.
    """


def _stopped(port: IListeningPort) -> Deferred[Any]:
    stopping = port.stopListening()
    if isinstance(stopping, Deferred):
        return stopping
    done: Deferred[Any] = Deferred()
    done.callback(None)
    return done
