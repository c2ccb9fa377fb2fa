"""
Tests of `pomerium_tx.advice.requests`: a request as a browser would send it.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.advice.requests import Unreadable, asked_for, head_for
from pomerium_tx.http11.heads import BadRequest
from tests.routing.routes import a_route


class HeadTests(SynchronousTestCase):
    """
    The head.
    """

    def test_a_navigation(self) -> None:
        """
        Without more it is a browser that wants to show a page.
        """
        head = head_for("https://app.example.com:8443?a=b#part")
        self.assertEqual((head.method, head.target, head.host), (b"GET", b"/?a=b", b"app.example.com:8443"))
        self.assertEqual(head.get(b"sec-fetch-mode"), b"navigate")

    def test_given_fields(self) -> None:
        """
        What is given takes the place of what is assumed.
        """
        head = head_for("https://app.example.com/", fields=[("accept", "application/json"), ("X-Other", "1")])
        self.assertEqual((head.get_all(b"accept"), head.get(b"x-other")), ([b"application/json"], b"1"))

    def test_refused(self) -> None:
        """
        What cannot be asked for is refused: by us if it is no URL, by the reader if it is no request.
        """
        self.assertRaises(Unreadable, head_for, "nonsense")
        self.assertRaises(BadRequest, head_for, "https://app.example.com/", method="BREW")

    def test_of_a_route(self) -> None:
        """
        A route is asked for by the first thing that it is for.
        """
        for route, host, path in (
            (a_route("https://app.example.com", prefix="/deep"), "app.example.com", b"/deep"),
            (a_route("https://app.example.com"), "app.example.com", b"/"),
        ):
            _, canonical = asked_for(route)
            self.assertEqual((canonical.host, canonical.path), (host, path))
