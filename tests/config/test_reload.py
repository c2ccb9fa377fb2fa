"""
Tests of `pomerium_tx.config.reload`.
"""

from __future__ import annotations

import base64
from pathlib import Path

import yaml
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.loader import load
from pomerium_tx.config.model import Config
from pomerium_tx.config.reload import merged
from tests.config.material import ROUTE, SMALLEST

_KEY = base64.b64encode(bytes(range(32))).decode()
_OTHER_KEY = base64.b64encode(bytes(range(1, 33))).decode()


class MergedTests(SynchronousTestCase):
    """
    What is in force after a reload.
    """

    def read(self, **changes: object) -> Config:
        """
        What a file says.
        """
        path = Path(self.mktemp())
        values = {**SMALLEST, "routes": [ROUTE], **changes}
        path.write_text(yaml.safe_dump({key: value for key, value in values.items() if value is not None}))
        return load(path, {}).config

    def test_new_values(self) -> None:
        """
        Whatever a running process can change has the new value.
        """
        for key, value in (
            ("routes", []),
            ("cookie_expire", "1h"),
            ("idp_client_id", "other"),
            ("log_level", "error"),
            ("sign_out_redirect_allowlist", ["https://elsewhere.example.com"]),
            ("cookie_same_site", "strict"),
            ("cookie_http_only", False),
            ("timeout_request_head", "5s"),
            ("timeout_request", "1h"),
            ("max_header_bytes", 1024),
            ("max_connections", 100),
            ("max_connections_per_address", 10),
            ("max_pipelined_requests", 2),
            ("max_upstream_connections", 2),
            ("circuit_breaker_thresholds", {"max_connections": 2}),
        ):
            with self.subTest(key):
                new = self.read(**{key: value})
                config, waiting = merged(self.read(), new)
                self.assertEqual(getattr(config, key), getattr(new, key))
                self.assertEqual(waiting, ())

    def test_until_a_restart(self) -> None:
        """
        Sockets, secrets, and what browsers must find again in order to sign out stay, and their keys are told.
        """
        for key, before, now in (
            ("workers", 1, 2),
            ("address", "127.0.0.1:1", "127.0.0.1:2"),
            ("authenticate_address", "127.0.0.1:1", "127.0.0.1:2"),
            ("authenticate_address", "127.0.0.1:1", None),
            ("shared_secret", _KEY, _OTHER_KEY),
            ("cookie_secret", _KEY, _OTHER_KEY),
            ("authenticate_service_url", None, "https://elsewhere.example.com"),
            ("cookie_name", None, "_other"),
            ("cookie_domain", None, "example.com"),
            ("cookie_domain", "example.com", None),
            ("admin_address", "unix:/a", "unix:/b"),
            ("admin_address", "unix:/a", ""),
        ):
            with self.subTest(key=key, now=now):
                running = self.read(**({} if before is None else {key: before}))
                config, waiting = merged(running, self.read(**{key: now}))
                self.assertEqual(getattr(config, key), getattr(running, key))
                self.assertEqual(waiting, (key,))

    def test_secrets_that_are_not_set(self) -> None:
        """
        Secrets that no file names are those that the process began with, and nothing waits.
        """
        running = self.read(shared_secret=None, cookie_secret=None)
        config, waiting = merged(running, self.read(shared_secret=None, cookie_secret=None))
        self.assertEqual(config.shared_secret, running.shared_secret)
        self.assertEqual(config.cookie_secret, running.cookie_secret)
        self.assertEqual(waiting, ())

    def test_port_of_the_authenticate_host(self) -> None:
        """
        An authenticate host that would listen elsewhere, or be called otherwise, stays where it is.
        """
        running = self.read(address="127.0.0.1:443", authenticate_service_url="https://a.example.com:8443")
        config, waiting = merged(
            running, self.read(address="127.0.0.1:443", authenticate_service_url="https://a.example.com:9443")
        )
        self.assertEqual(waiting, ("authenticate_service_url",))
        self.assertEqual(config.authenticate_service_url, "https://a.example.com:8443")
        new = self.read(address="127.0.0.1:443", authenticate_service_url="https://b.example.com:8443")
        config, waiting = merged(running, new)
        self.assertEqual(waiting, ("authenticate_service_url",))
        self.assertEqual(config.authenticate_service_url, "https://a.example.com:8443")
        self.assertEqual(config.authenticate_listener, running.authenticate_listener)
