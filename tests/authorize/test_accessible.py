"""
Tests for `pomerium_tx.authorize.accessible`.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.authorize.accessible import accessible, first_path
from pomerium_tx.policy.criteria import from_legacy
from pomerium_tx.routing.route import Route
from pomerium_tx.sessions.session import Session
from tests.authorize.asking import ALICE, BOB, PUBLIC
from tests.policy.clients import CLIENT
from tests.routing.routes import a_route


def anywhere(session: Session, route: Route) -> bool:
    """
    Every session counts everywhere.
    """
    return True


class AccessibleTests(SynchronousTestCase):
    """
    Which routes a person is told of.
    """

    def test_by_policy(self) -> None:
        """
        Those that would let the person in, in their order; those with a wildcard have no address.
        """
        routes = [
            a_route("https://app.example.com"),
            a_route("https://bob.example.com", policy=from_legacy(users=["bob"])),
            a_route("https://closed.example.com", policy=from_legacy()),
            a_route("https://*.wild.example.com"),
            a_route("https://public.example.com", policy=PUBLIC),
        ]
        for person, hosts in (
            (ALICE, ["app.example.com", "public.example.com"]),
            (BOB, ["app.example.com", "bob.example.com", "public.example.com"]),
        ):
            self.assertEqual([route.from_host for route in accessible(routes, person, CLIENT, counts=anywhere)], hosts)

    def test_of_another_provider(self) -> None:
        """
        A session that does not count on a route opens it as little as none does.
        """
        app, public = a_route("https://app.example.com"), a_route("https://public.example.com", policy=PUBLIC)
        self.assertEqual(accessible([app, public], ALICE, CLIENT, counts=lambda session, route: False), [public])
        only = accessible([app, public], ALICE, CLIENT, counts=lambda session, route: (session, route) == (ALICE, app))
        self.assertEqual(only, [app, public])

    def test_what_the_policy_is_asked(self) -> None:
        """
        It is asked about a GET of the route's first page, by this client.
        """
        asked: list[Any] = []

        def policy(*about: Any) -> Any:
            asked.append(about)
            return from_legacy(public=True)(*about)

        route = a_route("https://app.example.com:8443", prefix="/deep/", policy=policy)
        self.assertEqual(accessible([route], ALICE, CLIENT, counts=anywhere), [route])
        [(session, head, canonical, client)] = asked
        self.assertEqual((session, client), (ALICE, CLIENT))
        self.assertEqual((head.method, head.target, head.host), (b"GET", b"/deep/", b"app.example.com:8443"))
        self.assertEqual((canonical.host, canonical.port, canonical.path), ("app.example.com", 8443, b"/deep/"))

    def test_a_policy_that_fails(self) -> None:
        """
        Nobody is told of a route whose policy fails, and the others are listed.
        """
        broken = a_route("https://broken.example.com", policy=lambda *asked: 1 / 0)
        fine = a_route("https://app.example.com")
        self.assertEqual(accessible([broken, fine], ALICE, CLIENT, counts=anywhere), [fine])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_first_path(self) -> None:
        """
        A route is entered at its path or prefix.
        """
        for settings, path in (({}, "/"), ({"prefix": "/a/b"}, "/a/b"), ({"path": "/only", "prefix": None}, "/only")):
            self.assertEqual(first_path(a_route("https://app.example.com", **settings)), path)
