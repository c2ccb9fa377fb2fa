"""
Tests for `pomerium_tx.fronts`.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.assertion.assertion import Assertions
from pomerium_tx.authorize.check import Authorizer
from pomerium_tx.dashboard.published import PingPage
from pomerium_tx.fronts import Fronts, unknown_host
from pomerium_tx.http11.heads import HeadLimits
from pomerium_tx.jose.signer import derived_signer
from pomerium_tx.routing.table import RouteTable
from pomerium_tx.sessions.handle import Handles
from tests.authorize.asking import AUTHENTICATE, KEY, PUBLIC, Known
from tests.config.material import loaded
from tests.doubles.channel import Asked, ask
from tests.routing.routes import a_route


class FrontsTests(SynchronousTestCase):
    """
    What the configuration says of the proxies in front.
    """

    def fronts(self, **values: Any) -> Fronts:
        """
        Those of a configuration with *values*.
        """
        return Fronts(loaded(self.mktemp(), values).config)

    def ask(self, fronts: Fronts, path: str, peer: str) -> Asked:
        """
        The answer to a question about a public page, asked under a name of nobody's.
        """
        authorizer = Authorizer(
            RouteTable([a_route("https://public.example.com", policy=PUBLIC)]),
            Known(),
            Handles(KEY, "_pomerium"),
            idp_id_of=lambda route: "idp",
            authenticate_origin=AUTHENTICATE,
        )
        pages = fronts.pages(
            authorizer,
            Assertions(derived_signer(b"s" * 32), Clock()),
            HeadLimits(),
            used=lambda *use: self.fail("nobody is signed in"),
            touch=lambda *use: self.fail("nobody is signed in"),
            begin_sign_in=lambda *wanted: self.fail("it is public"),
        )
        fields = [
            ("X-Forwarded-Method", "GET"),
            ("X-Forwarded-Host", "public.example.com"),
            ("X-Forwarded-Uri", "/"),
            ("X-Original-Method", "GET"),
            ("X-Original-URL", "https://public.example.com/"),
            ("X-Forwarded-For", "192.0.2.7"),
        ]
        root = unknown_host(PingPage(), PingPage(), pages)
        return ask(root, path, headers=fields, client_address="192.0.2.7", peer_address=peer)

    def test_clients(self) -> None:
        """
        Nobody is looked for behind a peer unless somebody is trusted.
        """
        self.assertIsNone(self.fronts().client_of)
        self.assertIsNotNone(self.fronts(trusted_proxies=["10.0.0.1"]).client_of)
        self.assertIsNotNone(self.fronts(xff_num_trusted_hops=1).client_of)

    def test_questions(self) -> None:
        """
        Those that are listed may ask, by any name that is no route's; nobody may by default.
        """
        for path in ("/.pomerium/verify", "/.pomerium/auth"):
            listed = self.fronts(trusted_proxies=["10.0.0.1"])
            self.assertEqual(self.ask(listed, path, "10.0.0.1").status, 200)
            self.assertEqual(self.ask(listed, path, "192.0.2.7").status, 403)
            self.assertEqual(self.ask(self.fronts(), path, "127.0.0.1").status, 403)
            self.assertEqual(self.ask(self.fronts(xff_num_trusted_hops=1), path, "127.0.0.1").status, 403)

    def test_nothing_else(self) -> None:
        """
        Under such a name there is nothing else but the probes.
        """
        fronts = self.fronts(trusted_proxies=["10.0.0.1"])
        for path, status in (("/ping", 200), ("/healthz", 200), ("/.pomerium/", 404), ("/.pomerium/sign_out", 404)):
            self.assertEqual(self.ask(fronts, path, "10.0.0.1").status, status)
