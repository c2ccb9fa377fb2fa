"""
Tests for `pomerium_tx.demo.config`.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.loader import load
from pomerium_tx.demo.config import DemoPorts, DemoSettings, banner, demo_config


class DemoConfigTests(SynchronousTestCase):
    """
    The daemon's configuration in the demo.
    """

    def setUp(self) -> None:
        """
        The configuration of a run, loaded as the daemon loads it.
        """
        self.settings = DemoSettings.fresh(DemoPorts.starting_at(9000))
        file = Path(self.mktemp() + ".yaml")
        file.write_text(demo_config(self.settings), encoding="utf-8")
        self.loaded = load(file, {})
        self.config = self.loaded.config

    def test_no_complaint(self) -> None:
        """
        The daemon has nothing to say about it.
        """
        self.assertEqual(list(self.loaded.warnings), [])

    def test_where(self) -> None:
        """
        Everything is where the demo says that it is, on loopback.
        """
        self.assertEqual((self.config.address.host, self.config.address.port), ("127.0.0.1", 9000))
        listener = self.config.authenticate_listener
        assert listener is not None
        self.assertEqual((listener.host, listener.port), ("127.0.0.1", 9001))
        self.assertEqual(self.config.authenticate_service_url, "http://authenticate.localhost:9001")
        self.assertEqual(self.config.idp_provider_url, "http://op.localhost:9002")

    def test_routes(self) -> None:
        """
        Both applications have a route with identity; what never ends has no time limit.
        """
        app, chat = self.config.routes
        self.assertEqual((app.from_, chat.from_), ("http://app.localhost:9000", "http://chat.localhost:9000"))
        self.assertEqual((app.timeout.total_seconds(), app.idle_timeout.total_seconds()), (0, 0))
        self.assertEqual(set(app.allowed_users), {"alice@example.com", "bob@example.com"})
        self.assertTrue(chat.allow_websockets)
        self.assertTrue(self.config.pass_identity_headers)
        self.assertEqual(self.config.timeout_read.total_seconds(), 0)

    def test_client(self) -> None:
        """
        The daemon is registered at the OP as it is configured.
        """
        client = self.settings.client
        self.assertEqual(client.client_id, self.config.idp_client_id)
        self.assertEqual(client.client_secret, self.config.idp_client_secret.get_secret_value())
        self.assertEqual(client.redirect_uris, ("http://authenticate.localhost:9001/oauth2/callback",))
        uris = ("http://authenticate.localhost:9001/.pomerium/signed_out",)
        self.assertEqual(client.post_logout_redirect_uris, uris)
        self.assertEqual(client.frontchannel_logout_uri, "http://authenticate.localhost:9001/.pomerium/sign_out")
        back = "http://authenticate.localhost:9001/.pomerium/backchannel_logout"
        self.assertEqual(client.backchannel_logout_uri, back)
        self.assertTrue(client.frontchannel_logout_session_required and client.backchannel_logout_session_required)

    def test_told(self) -> None:
        """
        The first application is told of ends, under a name that its page verifies.
        """
        app, chat = self.config.routes
        self.assertEqual(app.upstream_logout_uri, "/logout_notice")
        self.assertEqual(app.upstream_logout_audience, "http://app.localhost:9000/logout_notice")
        self.assertIsNone(chat.upstream_logout_uri)

    def test_no_administrator(self) -> None:
        """
        The demo leaves nothing in the places of a real daemon.
        """
        self.assertIsNone(self.config.admin_address)


class DemoSettingsTests(SynchronousTestCase):
    """
    One run of the demo.
    """

    def test_secrets(self) -> None:
        """
        Every run has secrets of its own, and shows none.
        """
        one, other = DemoSettings.fresh(), DemoSettings.fresh()
        for name in ("client_secret", "other_secret", "shared_secret", "cookie_secret", "signing_secret"):
            self.assertNotEqual(getattr(one, name), getattr(other, name))
            self.assertNotIn(str(getattr(one, name)), repr(one))

    def test_default_ports(self) -> None:
        """
        The demo is at the ports that the documentation names.
        """
        settings = DemoSettings.fresh()
        self.assertEqual(settings.app_origin, "http://app.localhost:8000")
        self.assertEqual(settings.chat_origin, "http://chat.localhost:8000")
        self.assertEqual(settings.authenticate_origin, "http://authenticate.localhost:8001")
        self.assertEqual(settings.issuer, "http://op.localhost:8002")
        self.assertEqual(settings.other_origin, "http://other.localhost:8005")

    def test_other_client(self) -> None:
        """
        The application beside the proxy is another relying party, with a secret of its own.
        """
        settings = DemoSettings.fresh()
        other = settings.other_client
        self.assertNotEqual(other.client_id, settings.client.client_id)
        self.assertEqual(other.client_secret, settings.other_secret)
        self.assertEqual(other.redirect_uris, ("http://other.localhost:8005/callback",))


class BannerTests(SynchronousTestCase):
    """
    What is said to whoever started the demo.
    """

    def test_banner(self) -> None:
        """
        It names every place, the steps, and no secret.
        """
        settings = DemoSettings.fresh(DemoPorts(proxy=9000))
        said = banner(settings)
        for text in (
            settings.app_origin,
            settings.chat_origin,
            settings.issuer,
            settings.other_origin,
            "Alice",
            "Sign out",
            "curl",
        ):
            self.assertIn(text, said)
        self.assertNotIn(settings.client_secret, said)
        self.assertNotIn(settings.other_secret, said)
        self.assertLess(max(map(len, said.splitlines())), 100)
