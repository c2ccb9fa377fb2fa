"""
Tests of `pomerium_tx.config.model`.
"""

from __future__ import annotations

from pydantic import ValidationError
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.model import Config
from pomerium_tx.config.route_section import RouteSection
from tests.config.material import ROUTE, SMALLEST, key_pair


def config(**values: object) -> Config:
    """
    The smallest configuration, with *values*.
    """
    return Config.model_validate({**SMALLEST, **values})


class ListenerTests(SynchronousTestCase):
    """
    Where the authenticate host listens.
    """

    def test_follows_its_url(self) -> None:
        """
        On the routes' port it shares their listener; on another it has its own, on the same interface.
        """
        for address, url, own in (
            (":443", "https://authenticate.example.com", None),
            ("127.0.0.1:8000", "http://authenticate.localhost:8000", None),
            ("127.0.0.1:8000", "http://authenticate.localhost:8001", "127.0.0.1:8001"),
            (":8443", "https://authenticate.example.com", ":443"),
        ):
            with self.subTest(url):
                found = config(address=address, authenticate_service_url=url).authenticate_listener
                self.assertEqual(None if found is None else str(found), own)

    def test_address_of_its_own(self) -> None:
        """
        ``authenticate_address`` decides where it is set; the same address means one listener.
        """
        url = "https://authenticate.example.com"
        own = config(address=":8443", authenticate_address="127.0.0.1:9", authenticate_service_url=url)
        self.assertEqual(str(own.authenticate_listener), "127.0.0.1:9")
        shared = config(address=":8443", authenticate_address=":8443", authenticate_service_url=url)
        self.assertIsNone(shared.authenticate_listener)


class AdministrationTests(SynchronousTestCase):
    """
    Where administrators connect.
    """

    def test_default_is_told_from_the_same_written(self) -> None:
        """
        It is known whether somebody asked for the address or it is merely the default.
        """
        self.assertNotIn("admin_address", config().model_fields_set)
        self.assertEqual(str(config().admin_address), "unix:/run/pomerium-tx/admin.sock")
        written = config(admin_address="unix:/run/pomerium-tx/admin.sock")
        self.assertIn("admin_address", written.model_fields_set)
        self.assertEqual(written.admin_address, config().admin_address)
        self.assertIn("admin_address", config(admin_address="").model_fields_set)
        self.assertIsNone(config(admin_address="").admin_address)

    def test_token_is_not_shown(self) -> None:
        """
        No representation of a configuration has the token in it.
        """
        token = "planted-" + "x" * 24
        self.assertNotIn("planted", repr(config(admin_token=token)))


class ResponseHeaderTests(SynchronousTestCase):
    """
    ``set_response_headers``.
    """

    def names(self, configuration: Config, route: RouteSection | None = None) -> list[str]:
        """
        The names that are set.
        """
        return [name for name, _ in configuration.response_headers(route)]

    def test_defaults(self) -> None:
        """
        Pomerium's security headers are set; Strict-Transport-Security only where we have certificates.
        """
        self.assertEqual(self.names(config()), ["X-Frame-Options", "X-XSS-Protection"])
        certificate, key = key_pair()
        with_tls = config(certificate=certificate, certificate_key=key)
        self.assertEqual(self.names(with_tls), ["X-Frame-Options", "X-XSS-Protection", "Strict-Transport-Security"])

    def test_merged(self) -> None:
        """
        A route's own headers are added to those of all, and win, whatever their case.
        """
        route = RouteSection.model_validate({**ROUTE, "set_response_headers": {"x-a": "2", "X-B": "3"}})
        self.assertEqual(
            config(set_response_headers={"X-A": "1"}).response_headers(route), (("x-a", "2"), ("X-B", "3"))
        )

    def test_disable(self) -> None:
        """
        ``disable`` empties them: everywhere, or on one route.
        """
        off = {"disable": "true"}
        route = RouteSection.model_validate({**ROUTE, "set_response_headers": off})
        adding = RouteSection.model_validate({**ROUTE, "set_response_headers": {"X-B": "3"}})
        self.assertEqual(self.names(config(set_response_headers=off)), [])
        self.assertEqual(self.names(config(set_response_headers=off), adding), ["X-B"])
        self.assertEqual(self.names(config(), route), [])
        self.assertEqual(len(self.names(config())), 2)


class ModelTests(SynchronousTestCase):
    """
    The schema itself.
    """

    def test_frozen(self) -> None:
        """
        Nobody changes a configuration that is in use.
        """
        with self.assertRaises(ValidationError):
            config().cookie_name = "x"  # type: ignore[misc]  # that it cannot be set is the point

    def test_unknown(self) -> None:
        """
        The model itself refuses what it does not know, should anything get so far.
        """
        self.assertRaises(ValidationError, config, nonsense=1)

    def test_safe_bounds(self) -> None:
        """
        Whoever writes nothing about bounds has them.
        """
        bare = config()
        self.assertEqual((bare.workers, bare.upstream_bounds), (1, (1024, 1024)))
        self.assertEqual((bare.max_header_bytes, bare.max_header_count, bare.max_target_bytes), (65_536, 200, 8192))
        self.assertEqual(bare.timeout_request_head.total_seconds(), 30.0)
        self.assertIsNone(bare.timeout_request)

    def test_upstream_bounds(self) -> None:
        """
        Pomerium's name of them wins over ours, key by key.
        """
        ours = {"max_upstream_connections": 5, "max_upstream_queue": 6}
        for thresholds, expected in (
            (None, (5, 6)),
            ({}, (5, 6)),
            ({"max_connections": 7}, (7, 6)),
            ({"max_pending_requests": 0}, (5, 0)),
        ):
            with self.subTest(str(thresholds)):
                self.assertEqual(config(**ours, circuit_breaker_thresholds=thresholds).upstream_bounds, expected)

    def test_upstream_server_name(self) -> None:
        """
        Of the two keys for the name to verify, the upstream's wins.
        """
        route = RouteSection.model_validate({**ROUTE, "tls_server_name": "a", "tls_upstream_server_name": "b"})
        self.assertEqual(route.upstream_server_name, "b")
