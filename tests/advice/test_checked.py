"""
Tests of `pomerium_tx.advice.checked`: what a configuration would do.
"""

from __future__ import annotations

from dataclasses import asdict

from pomerium_tx.advice.checked import Checked, checked
from pomerium_tx.advice.text import checked_text
from tests.advice.asking import ROUTES, AskingTestCase


class CheckedTests(AskingTestCase):
    """
    A configuration that can be used.
    """

    def check(self, **values: object) -> Checked:
        """
        What it would do.
        """
        return checked(self.file(values), {})

    def test_routes(self) -> None:
        """
        Each route says from where to where, for whom, and where it stands.
        """
        found = self.check().routes
        self.assertEqual([route.key for route in found], [f"routes[{number}]" for number in range(5)])
        first = found[0]
        self.assertEqual(
            (first.origin, first.matches, first.to, first.line),
            ("https://app.example.com", "paths that begin with /admin", ("http://127.0.0.1:3000",), 10),
        )
        self.assertEqual(
            first.rule,
            (
                "allow if any of: the e-mail address is alice@example.com; the claim groups has admins",
                "deny if the client's address is in 10.0.0.0/8",
            ),
        )

    def test_access(self) -> None:
        """
        It is told who needs not sign in, and where nobody may pass.
        """
        self.assertEqual(
            [route.access for route in self.check().routes], ["sign-in", "sign-in", "sign-in", "public", "nobody"]
        )
        by_address = {**ROUTES[0], "policy": {"allow": {"or": [{"source_ip": "192.0.2.0/24"}]}}}
        self.assertEqual([route.access for route in self.check(routes=[by_address]).routes], ["by request"])

    def test_hidden(self) -> None:
        """
        A route of which nothing is left by those before it is told apart.
        """
        self.assertEqual([route.key for route in self.check().routes if route.is_hidden], ["routes[2]"])

    def test_settings(self) -> None:
        """
        What else a route does is told, the values of headers are not.
        """
        route = {
            **ROUTES[1],
            "prefix_rewrite": "/app/",
            "set_request_headers": {"X-Key": "planted-header-secret", "X-Token": "${pomerium.access_token}"},
            "pass_identity_headers": True,
            "bearer_token_format": "idp_identity_token",
            "remove_request_headers": ["X-Debug"],
            "clear_site_data": ["cache"],
            "upstream_logout_uri": "/ended",
        }
        [found] = self.check(routes=[route], jwt_claims_headers={"X-Email": "email"}).routes
        self.assertEqual(
            found.settings,
            (
                "the application gets /app/ in the place of what was matched",
                "the application is told who asks: X-Pomerium-Jwt-Assertion, x-email",
                "programs may bring a bearer token instead of a session: idp_identity_token",
                "WebSockets are let through",
                "set in requests: X-Key, X-Token",
                "removed from requests: X-Debug",
                "when people sign out, their browsers are asked to forget: cache",
                "the application is told when a session ends: http://127.0.0.1:3001/ended",
            ),
        )

    def test_listening(self) -> None:
        """
        Every address is told, and what stands behind it.
        """
        shared = self.check(address=":443")
        self.assertEqual(
            [(each.address, each.is_tls, each.purpose) for each in shared.listening],
            [
                (":443", False, "routes and https://authenticate.example.com"),
                ("unix:/run/pomerium-tx/admin.sock", False, "administrators"),
            ],
        )
        self.assertIn(
            (":80", "sends browsers to https"),
            [(each.address, each.purpose) for each in self.check(http_redirect_addr=":80").listening],
        )
        apart = self.check(address=":8443", admin_address="off")
        self.assertEqual(
            [(each.address, each.purpose) for each in apart.listening],
            [(":8443", "routes"), (":443", "https://authenticate.example.com")],
        )

    def test_registrations(self) -> None:
        """
        What the provider has to know is told, each URI whole.
        """
        [found] = self.check().providers
        self.assertEqual((found.name, found.issuer, found.client_id), ("default", "https://op.example.com", "client"))
        authenticate = "https://authenticate.example.com"
        self.assertEqual(
            found.uris.as_json(),
            {
                "redirect_uri": f"{authenticate}/oauth2/callback",
                "post_logout_redirect_uri": f"{authenticate}/.pomerium/signed_out",
                "frontchannel_logout_uri": f"{authenticate}/.pomerium/sign_out",
                "backchannel_logout_uri": f"{authenticate}/.pomerium/backchannel_logout",
            },
        )
        self.assertEqual(found.routes, tuple(f"routes[{number}]" for number in range(5)))

    def test_several_providers(self) -> None:
        """
        Each client is told with the routes whose people sign in for it.
        """
        staff = {
            "idp_provider": "oidc",
            "idp_provider_url": "https://staff.example.com",
            "idp_client_id": "inside",
            "idp_client_secret": "planted-other-secret",
        }
        routes = [ROUTES[1], {**ROUTES[0], "idp": "staff"}]
        found = self.check(routes=routes, providers={"staff": staff})
        self.assertEqual(
            [(each.name, each.client_id, each.routes) for each in found.providers],
            [("default", "client", ("routes[0]",)), ("staff", "inside", ("routes[1]",))],
        )
        self.assertEqual(
            [(route.provider, route.client_id) for route in found.routes], [("default", "client"), ("staff", "inside")]
        )
        self.assertIn("people sign in at staff, client inside", "".join(checked_text(found)))

    def test_rewritten_by_expression(self) -> None:
        """
        What an expression puts into the path is told.
        """
        route = {**ROUTES[1], "regex_rewrite_pattern": "^/v1/(.*)$", "regex_rewrite_substitution": r"/v2/\1"}
        [found] = self.check(routes=[route]).routes
        words = r"the application gets /v2/\1 in the place of what ^/v1/(.*)$ matches in the path"
        self.assertEqual(found.settings[0], words)

    def test_asked_by_proxies(self) -> None:
        """
        Where proxies in front may ask, it is said that what they carry is not cut.
        """
        words = "by forward authentication"
        self.assertNotIn(words, "".join(checked_text(self.check())))
        self.assertIn(words, "".join(checked_text(self.check(trusted_proxies=["10.0.0.1"]))))

    def test_where_routes_go(self) -> None:
        """
        Several upstreams are told, and routes that have none.
        """
        route = {"from": "https://app.example.com", "allow_any_authenticated_user": True}
        for settings, to in (
            ({"to": ["http://127.0.0.1:1", "http://127.0.0.1:2"]}, ("http://127.0.0.1:1", "http://127.0.0.1:2")),
            ({"redirect": {"host_redirect": "new.test", "response_code": 302}}, ("a redirect, 302",)),
            ({"response": {"status": 410, "body": "gone"}}, ("a fixed answer, 410",)),
        ):
            [found] = self.check(routes=[{**route, **settings}]).routes
            self.assertEqual(found.to, to)

    def test_environment(self) -> None:
        """
        The environment has its say, as with the daemon, and is named.
        """
        found = checked(self.file(), {"ADDRESS": ":8443"})
        self.assertEqual((found.listening[0].address, found.variables), (":8443", ("ADDRESS",)))

    def test_no_secret(self) -> None:
        """
        Nothing of what is secret is in the answer.
        """
        told = repr(asdict(self.check()))
        self.assertNotIn("planted", told)
        self.assertNotIn("AAECAwQF", told)


class RefusedTests(AskingTestCase):
    """
    A configuration that cannot be used.
    """

    def test_every_problem(self) -> None:
        """
        Every problem is told with its line, and what would be warned of besides.
        """
        path = self.file({"adress": ":443", "cookie_expire": "soon", "grpc_address": ":5443"})
        found = checked(path, {})
        self.assertEqual([problem.key for problem in found.problems], ["adress", "cookie_expire"])
        self.assertTrue(all(problem.line for problem in found.problems))
        self.assertIn("grpc_address", [warning.key for warning in found.warnings])
        self.assertEqual(found.routes, ())

    def test_no_file(self) -> None:
        """
        A file that is not there is a problem like any other.
        """
        path = self.file().with_name("other.yaml")
        [problem] = checked(path, {}).problems
        self.assertIn("cannot be read", problem.message)
