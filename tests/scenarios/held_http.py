"""
What speaks to the OP, when a test decides how long the OP's answers are under way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.web.client import URI, Agent
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from pomerium_tx.oidc.fetch import HTTPClient, http_client
from tests.doubles.network import Network


class HeldHTTP:
    """
    An HTTP client in front of another: the OP hears every request at once, but what it answers may have to wait.
    """

    def __init__(self, http: Any) -> None:
        self._http = http
        self._held: dict[str, list[tuple[Deferred[Any], Deferred[Any]]]] = {}

    def hold(self, path: str) -> None:
        """
        From now on answers from *path* stay on their way.
        """
        self._held.setdefault(path, [])

    def release(self, path: str) -> None:
        """
        Let the answers from *path* arrive.
        """
        for answer, waiting in self._held.pop(path, []):
            if not waiting.called:
                answer.chainDeferred(waiting)

    def hold_back(self, path: str) -> Callable[[], None]:
        """
        Let the answers from *path* that are on their way arrive when what is returned is called, and not before.
        """
        held = self._held[path]
        back, held[:] = list(held), []

        def arrive() -> None:
            for answer, waiting in back:
                answer.chainDeferred(waiting)

        return arrive

    def waiting(self, path: str) -> int:
        """
        How many answers from *path* are on their way.
        """
        return len(self._held.get(path, ()))

    def request(self, method: str, url: str, **options: Any) -> Deferred[Any]:
        """
        Ask.
        """
        answer: Deferred[Any] = self._http.request(method, url, **options)
        held = self._held.get(urlsplit(url).path)
        if held is None:
            return answer
        waiting: Deferred[Any] = Deferred()
        held.append((answer, waiting))
        return waiting


@implementer(IAgentEndpointFactory)
class _InMemory:
    """
    Leads every URI into a network in memory.
    """

    def __init__(self, network: Network) -> None:
        self._network = network

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """
        What connects to the host of a URI.
        """
        return self._network.endpoint(uri.host.decode("ascii"), uri.port)


def in_memory(network: Network) -> HTTPClient:
    """
    The real client, in a network in memory.
    """
    return http_client(Agent.usingEndpointFactory(network.clock, _InMemory(network)))
