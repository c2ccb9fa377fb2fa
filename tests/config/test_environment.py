"""
Tests of `pomerium_tx.config.environment`.
"""

from __future__ import annotations

import base64

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.environment import read_environment
from tests.config.material import ROUTE, complaints, loaded, written

ROUTES = "- from: https://env.example.com\n  to: http://127.0.0.1:1\n  allowed_users: [a@example.com]\n"


def encoded(text: str) -> str:
    """
    base64 of *text*.
    """
    return base64.b64encode(text.encode()).decode()


class EnvironmentTests(SynchronousTestCase):
    """
    What the environment says.
    """

    def test_overrides(self) -> None:
        """
        The environment wins over the file, in each of the forms of values.
        """
        environ = {
            "COOKIE_EXPIRE": "8h",
            "INSECURE_SERVER": "true",
            "IDP_SCOPES": "openid,email",
            "IDP_REQUEST_PARAMS": '{"prompt": "login"}',
            "JWT_CLAIMS_HEADERS": "email,groups",
            "RUNTIME_FLAGS": '{"allow_any_sign_out_redirect_uri": true}',
            "SET_RESPONSE_HEADERS": '{"X-A": "b"}',
            "COOKIE_SAME_SITE": "LAX",
            "ADDRESS": "",
        }
        config = loaded(
            self.mktemp(), {"cookie_expire": "1h", "insecure_server": False, "address": ":1"}, environ
        ).config
        self.assertEqual(config.cookie_expire.total_seconds(), 8 * 3600)
        self.assertTrue(config.insecure_server)
        self.assertEqual(config.idp_scopes, ("openid", "email"))
        self.assertEqual(config.idp_request_params, {"prompt": "login"})
        self.assertEqual(set(config.jwt_claims_headers), {"x-pomerium-claim-email", "x-pomerium-claim-groups"})
        self.assertTrue(config.runtime_flags.allow_any_sign_out_redirect_uri)
        self.assertEqual(config.set_response_headers, {"X-A": "b"})
        self.assertEqual(config.cookie_same_site, "Lax")
        self.assertEqual(str(config.address), ":1")

    def test_routes(self) -> None:
        """
        Routes come as base64 of YAML and replace those of the file.
        """
        for environ in (
            {"ROUTES": encoded(ROUTES)},
            {"ROUTES": '[{"from": "https://env.example.com", "to": "http://a"}]'},
        ):
            config = loaded(self.mktemp(), {"routes": [ROUTE]}, environ).config
            self.assertEqual([route.from_ for route in config.routes], ["https://env.example.com"])
        config = loaded(self.mktemp(), {"routes": [ROUTE]}, {"POLICY": encoded(ROUTES)}).config
        self.assertEqual(len(config.routes), 2)

    def test_problems_name_the_variable(self) -> None:
        """
        A problem says which variable it is in and, for routes, at which line.
        """
        environ = {"COOKIE_EXPIRE": "soon", "ROUTES": encoded(ROUTES.replace("http://127", "nowhere"))}
        found = {str(problem).partition(" ")[0] for problem in complaints(self.mktemp(), {}, environ)}
        self.assertEqual(found, {"$COOKIE_EXPIRE:", "$ROUTES:2:"})
        for text in ("!", encoded("["), encoded("a: 1\na: 2"), base64.b64encode(b"\xff").decode(), encoded("hello")):
            with self.subTest(text):
                problems = complaints(self.mktemp(), {}, {"ROUTES": text})
                self.assertEqual({problem.file for problem in problems}, {"$ROUTES"})

    def test_no_text(self) -> None:
        """
        A variable of ours that is no UTF-8 is a problem; another program's is not looked at.
        """
        for variable in ("ADDRESS", "ROUTES", "IDP_CLIENT_ID", "DOWNSTREAM_MTLS_ENFORCEMENT"):
            with self.subTest(variable):
                (problem,) = complaints(self.mktemp(), {}, {variable: "a\udcff", "OTHER": "\udcff"})
                self.assertEqual((problem.file, problem.message), (f"${variable}", "is not UTF-8 text"))

    def test_refused_keys(self) -> None:
        """
        A variable that would change who gets in is refused as its key is.
        """
        for variable in ("DOWNSTREAM_MTLS_CA", "CLIENT_CA", "SERVICES", "SSH_ADDRESS"):
            with self.subTest(variable):
                (problem,) = complaints(self.mktemp(), {}, {variable: "something"})
                self.assertEqual(problem.file, f"${variable}")

    def test_what_is_not_ours(self) -> None:
        """
        Variables of other programs and in other spellings are left alone.
        """
        environ = {"SSH_AUTH_SOCK": "/x", "PATH": "/bin", "address": "x", "OTEL_SERVICE_NAME": "x", "DNS_SERVER": "x"}
        self.assertEqual(read_environment(environ), ({}, []))

    def test_older_name_of_headers(self) -> None:
        """
        ``HEADERS`` sets response headers, unless its newer name does.
        """
        config = loaded(self.mktemp(), {}, {"HEADERS": "X-A:b,X-C:d"}).config
        self.assertEqual(config.set_response_headers, {"X-A": "b", "X-C": "d"})
        config = loaded(self.mktemp(), {}, {"HEADERS": "X-A:b", "SET_RESPONSE_HEADERS": "X-C:d"}).config
        self.assertEqual(config.set_response_headers, {"X-C": "d"})

    def test_secret_against_file(self) -> None:
        """
        A secret in the environment wins over a file that the configuration names, and the reverse.
        """
        file = written(self.mktemp(), "from-file\n", "secret")
        values = {"idp_client_secret": ..., "idp_client_secret_file": str(file)}
        config = loaded(self.mktemp(), values, {"IDP_CLIENT_SECRET": "from-env"}).config
        self.assertEqual(config.idp_client_secret.get_secret_value(), "from-env")
        config = loaded(self.mktemp(), {}, {"IDP_CLIENT_SECRET_FILE": str(file)}).config
        self.assertEqual(config.idp_client_secret.get_secret_value(), "from-file")
