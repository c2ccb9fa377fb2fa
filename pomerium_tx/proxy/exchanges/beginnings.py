"""
How a request begins: decided, and given to what answers it, or answered at once.
"""

from __future__ import annotations

from typing import Protocol

from pomerium_tx.authorize.verdict import CERTIFICATE_REQUIRED, Action
from pomerium_tx.http11.canonical import canonicalise
from pomerium_tx.http11.heads import BadRequest, RequestHead
from pomerium_tx.policy.client import Client
from pomerium_tx.proxy.asked import Asked
from pomerium_tx.proxy.connection import Connection, Exchange, Proxy
from pomerium_tx.proxy.exchanges.balanced import BalancedExchange
from pomerium_tx.proxy.exchanges.exchange import ProxiedExchange
from pomerium_tx.proxy.exchanges.held import HeldExchange
from pomerium_tx.proxy.exchanges.local import LocalExchange
from pomerium_tx.proxy.exchanges.refusals import content_size, is_last_recipient
from pomerium_tx.proxy.heads.request_ids import new_request_id


class Beginning(Exchange, Protocol):
    """
    What answers a request, not yet started.
    """

    def start(self) -> None:
        """
        Begin, in the turn of the decision.
        """


def decided(proxy: Proxy, head: RequestHead, client: Client) -> Asked:
    """
    The request in *head*, with what is to be done with it now.

    :raises BadRequest: If it cannot be understood.
    """
    canonical = canonicalise(head, normalize_path=proxy.normalize_path, merge_slashes=proxy.merge_slashes)
    if proxy.client_of is not None:
        client = proxy.client_of(client, head)
    request_id = new_request_id()
    verdict = proxy.check(head, canonical, client, request_id)
    return Asked(head, canonical, verdict, request_id, client, proxy.deadlines.now())


def exchange_for(connection: Connection, asked: Asked) -> Beginning | None:
    """
    What answers *asked*; None if that is done at once, by a refusal.
    """
    action = asked.verdict.action
    if action is Action.PROCEED and not is_last_recipient(asked.head):
        assert asked.verdict.route is not None
        resource = connection.proxy.resources(asked.verdict.route)
        return (ProxiedExchange if resource.members is None else BalancedExchange)(connection, asked, resource)
    if action is Action.OWN_PATH:
        return LocalExchange(connection, asked)
    return HeldExchange(connection, asked) if action is Action.HOLD else None


def answer_at_once(connection: Connection, asked: Asked) -> None:
    """
    Refuse *asked*; a request with content closes the connection, since its content is not read.
    """
    proxy = connection.proxy
    # A certificate is asked for once, when a connection begins.
    is_final = proxy.draining or asked.verdict.status == CERTIFICATE_REQUIRED
    connection.keep_alive = connection.keep_alive and not asked.head.has_content and not is_final
    status, refusal = proxy.refusals.for_verdict(asked, asked.verdict, close=not connection.keep_alive)
    connection.write(refusal)
    proxy.log_answer(asked, status=status, size=content_size(refusal), details=asked.verdict.reason)


def answer_what_is_wrong(connection: Connection, problem: BadRequest, head: RequestHead | None) -> None:
    """
    Refuse what cannot be understood.
    """
    proxy, request_id = connection.proxy, new_request_id()
    refusal = proxy.refusals.bad_request(problem, head, request_id)
    connection.write(refusal)
    size = content_size(refusal)
    proxy.log_bad_request(problem, head, request_id=request_id, peer=connection.peer, size=size)
