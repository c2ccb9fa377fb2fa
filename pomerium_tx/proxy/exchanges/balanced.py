"""
An exchange on a route with several upstreams: one of them is chosen, and when it cannot be connected to, another one.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.logger import Logger

from pomerium_tx.http11.heads import BadRequest, ResponseHead
from pomerium_tx.proxy.connection import UPSTREAM_AWAITED
from pomerium_tx.proxy.exchanges.exchange import ProxiedExchange
from pomerium_tx.proxy.upstreams.members import Member

log = Logger()

MOST_TRIES = 3
"""
How many upstreams one request is offered to.
"""


class BalancedExchange(ProxiedExchange):
    """
    Its resource is the route's until an upstream has been chosen, and then the way to that one.
    """

    _member: Member | None = None
    _tried: Sequence[Member] = ()

    def start(self) -> None:
        watched = self._resource.members
        assert watched is not None
        self._watched = watched
        verdict, key = self._asked.verdict, ""
        if watched.members.is_keyed:
            key = self._asked.peer if verdict.session is None else verdict.session.id
        self._key = key
        member = watched.members.choose(key)
        if member is not None:
            self._turn_to(member)
        super().start()

    # The pool calls.

    def upstream_unreachable(self, reason: str) -> None:
        member = self._member
        if self._over or member is None:
            super().upstream_unreachable(reason)
            return
        self._judge(503)
        if not self._offer_another(reason):
            super().upstream_unreachable(f"at {member.name} {reason}")

    def upstream_busy(self, reason: str) -> None:
        if self._over or self._member is None or not self._offer_another("has no room"):
            super().upstream_busy(reason)

    # The upstream connection calls.

    def response_began(self, head: ResponseHead) -> None:
        if head.status >= 200 or head.status == 101:
            self._judge(head.status)
        super().response_began(head)

    def response_failed(self, reason: str, *, untouched: bool) -> None:
        if not untouched:
            self._judge(502)
        super().response_failed(reason, untouched=untouched)

    # The connection calls.

    def deadline_passed(self) -> None:
        if not self._answer_began:
            self._judge(504)
        super().deadline_passed()

    # Inside.

    def _acquire(self, *, fresh: bool) -> None:
        if self._member is None:
            self._refuse(503, "The application cannot be reached.")
        else:
            super()._acquire(fresh=fresh)

    def _offer_another(self, reason: str) -> bool:
        """
        Send the request to another upstream; whether there is one left.

        Nothing of it has been sent so far, or it is one that may be sent again and has had no answer.
        """
        member, members = self._member, self._watched.members
        assert member is not None
        self._tried = (*self._tried, member)
        another = members.choose(self._key, self._tried) if len(self._tried) < MOST_TRIES else None
        if another is None:
            return False
        log.warn(
            "{upstream} of route {route} {reason}: another one is tried",
            upstream=member.name,
            route=members.route_name,
            reason=reason,
            request_id=self._asked.request_id,
        )
        self._connecting = None
        self._turn_to(another)
        asked, resource, facts = self._asked, self._resource, self._facts
        assert facts is not None
        try:
            self._upstream_head = resource.forwarding.request_head(
                asked.head, asked.canonical, resource.upstream, facts
            )
        except BadRequest as problem:
            self._refuse(problem.status, problem.reason)
            return True
        self._acquire(fresh=False)
        if self._upstream is not None:
            self._connection.resume(UPSTREAM_AWAITED)
        return True

    def _turn_to(self, member: Member) -> None:
        self._let_go()
        self._member = member
        self._resource = member.resource
        member.active += 1

    def _let_go(self) -> None:
        member, self._member = self._member, None
        if member is not None:
            member.active -= 1

    def _judge(self, status: int) -> None:
        member, outliers = self._member, self._watched.outliers
        if member is not None and outliers is not None:
            outliers.answered(member, status)

    def _complete(self, details: str) -> None:
        self._let_go()
        super()._complete(details)

    def _end(self, details: str) -> None:
        self._let_go()
        super()._end(details)
