"""
Tests of `pomerium_tx.advice.plan`: routes and providers, connected to nothing.
"""

from __future__ import annotations

from pomerium_tx.advice.plan import Plan, what_it_matches
from pomerium_tx.config.forms.expressions import Expression
from pomerium_tx.config.loader import load
from tests.advice.asking import ROUTES, AskingTestCase
from tests.routing.routes import a_route


class PlanTests(AskingTestCase):
    """
    The plan.
    """

    def setUp(self) -> None:
        """
        Some routes stand below Pomerium's older key, which come first.
        """
        path = self.file({"routes": ROUTES[1:2], "policy": ROUTES[3:4]})
        self.plan = Plan(load(path, {}))

    def test_places(self) -> None:
        """
        Each route is known by where it stands in the file, whatever its place in the table.
        """
        self.assertEqual([self.plan.place_of(route).key for route in self.plan.routes], ["policy[0]", "routes[0]"])
        self.assertEqual(
            [self.plan.section_of(route).from_ for route in self.plan.routes],
            ["https://public.example.com", "https://app.example.com"],
        )

    def test_provider(self) -> None:
        """
        It is known where people of a route sign in, and nobody is asked for it.
        """
        [provider] = self.plan.providers
        for route in self.plan.routes:
            self.assertIs(self.plan.provider_of(route), provider)
        with self.assertRaises(AssertionError):
            self.successResultOf(provider.metadata())


class WordsTests(AskingTestCase):
    """
    What a route is for.
    """

    def test_matches(self) -> None:
        """
        In words.
        """
        for settings, words in (
            ({}, "every path"),
            ({"prefix": "/a"}, "paths that begin with /a"),
            ({"path": "/a"}, "the path /a"),
            ({"regex": Expression("/a/[0-9]+")}, "paths that match /a/[0-9]+"),
        ):
            self.assertEqual(what_it_matches(a_route("https://app.example.com", **settings)), words)
