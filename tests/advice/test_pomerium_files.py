"""
Files as Pomerium's users have them: the shapes of its examples and of its documentation, with our own names in them.

What they decide is asked as ``pomerium-tx explain`` asks it; what is ignored, or refused, is said with its key.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

import yaml
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.advice.explained import Question, explain
from pomerium_tx.config.loader import Loaded, load
from pomerium_tx.config.problems import InvalidConfig
from pomerium_tx.policy.explanation import a_person
from tests.config.material import KEY_32, key_pair, written

ALL_IN_ONE = """\
# The whole of a small installation.
authenticate_service_url: https://authenticate.example.net
idp_provider: google
idp_client_id: client.apps.example
idp_client_secret: planted
cookie_secret: KEY
shared_secret: KEY
certificate_file: CERTIFICATE
certificate_key_file: PRIVATE
signing_key_file: PRIVATE
jwt_claims_headers: email,groups,user
log_level: info
timeout_idle: 5m
cookie_expire: 14h
default_upstream_timeout: 30s
set_response_headers:
  X-Frame-Options: DENY
routes:
  - from: https://verify.example.net
    to: http://verify:8000
    pass_identity_headers: true
    policy:
      - allow:
          or:
            - email:
                is: alice@example.net
            - domain:
                is: example.org
  - from: https://public.example.net
    to: http://public
    allow_public_unauthenticated_access: true
  - from: https://api.example.net
    to:
      - http://one:8080,2
      - http://two:8080,1
    load_balancing_policy: LEAST_REQUEST
    health_checks:
      - timeout: 5s
        interval: 30s
        unhealthy_threshold: 2
        healthy_threshold: 1
        http_health_check: {path: /up}
    prefix: /v2
    prefix_rewrite: /
    cors_allow_preflight: true
    set_request_headers:
      X-Environment: staging
    remove_request_headers: [X-Debug]
    timeout: 90s
    idle_timeout: 0s
    policy:
      allow:
        and:
          - claim/department: engineering
          - http_method: {in: [GET, POST]}
        not:
          - user: nobody
  - from: https://chat.example.net
    to: http://chat
    allow_websockets: true
    preserve_host_header: true
    allow_any_authenticated_user: true
  - from: https://old.example.net
    redirect: {host_redirect: verify.example.net, path_redirect: /old, response_code: 302}
    allow_any_authenticated_user: true
  - from: https://*.apps.example.net
    to: http://apps
    regex: ^/(a|b)/.*$
    regex_rewrite_pattern: ^/(a|b)/
    regex_rewrite_substitution: /\\1-app/
    allowed_domains: [example.net]
"""
OLDER = """\
# Keys as they were called some years ago.
authenticate_service_url: https://authenticate.example.net
insecure_server: true
address: ":8080"
grpc_address: ":8081"
authorize_service_url: http://localhost:8081
idp_provider: oidc
idp_provider_url: https://login.example.net
idp_client_id: client
idp_client_secret: planted
shared_secret: KEY
cookie_secret: KEY
services: all
cookie_secure: true
tracing_provider: jaeger
metrics_address: ":9090"
policy:
  - from: https://wiki.example.net
    to: http://wiki
    allowed_users: [alice@example.net]
    allowed_idp_claims:
      groups: [wiki-editors]
    tls_skip_verify: false
routes:
  - from: https://wiki.example.net
    to: http://later
    path: /later
    allow_any_authenticated_user: true
"""
REFUSED: tuple[tuple[str, Mapping[str, object], str], ...] = (
    ("certificates are fetched", {"autocert": True}, "autocert"),
    ("services of their own", {"services": "proxy"}, "services"),
    ("sessions in a database", {"databroker_storage_type": "postgres"}, "databroker_storage_type"),
    ("a directory", {"idp_service_account": "planted"}, "idp_service_account"),
    ("the PROXY protocol", {"use_proxy_protocol": True}, "use_proxy_protocol"),
    ("SSH", {"ssh_address": ":22"}, "ssh_address"),
    ("MCP", {"mcp_allowed_client_id_domains": ["example.net"]}, "mcp_allowed_client_id_domains"),
    ("recordings", {"blob_storage": {"bucket_uri": "s3://bucket"}}, "blob_storage"),
    ("TCP", {"routes": [{"from": "tcp+https://db.example.net:5432", "to": "tcp://db:5432"}]}, "routes[0].from"),
    ("groups of a directory", {"routes": [{"allowed_groups": ["admins"]}]}, "routes[0].allowed_groups"),
    ("gRPC by h2c", {"routes": [{"to": "h2c://grpc:8080"}]}, "routes[0].to"),
    ("time of day", {"routes": [{"policy": {"allow": {"and": [{"day_of_week": "mon"}]}}}]},
     "routes[0].policy.allow.and[0].day_of_week"),
)  # fmt: skip
_ROUTE = {"from": "https://wiki.example.net", "to": "http://wiki"}


class FilesTests(SynchronousTestCase):
    """
    Whole files.
    """

    def filled(self, text: str) -> str:
        """
        A file whose secrets, certificates and keys are there.
        """
        directory = self.mktemp()
        certificate, key = key_pair()
        for word, path in (
            ("CERTIFICATE", written(directory, certificate, "cert.pem")),
            ("PRIVATE", written(directory, key, "key.pem")),
        ):
            text = text.replace(word, str(path))
        return text.replace("KEY", KEY_32)

    def from_yaml(self, text: str) -> Loaded:
        """
        The configuration in YAML.
        """
        return load(written(self.mktemp(), self.filled(text)), {})

    def admits(self, loaded: Loaded, url: str, email: str | None, **claims: str) -> bool:
        """
        Whether a person, or nobody, would be let through.
        """
        person = None
        if email is not None:
            person = a_person(email=email, claims={name: (value,) for name, value in claims.items()})
        return explain(loaded, Question(url=url, person=person)).is_admitted

    def assert_decides(self, loaded: Loaded) -> None:
        """
        The first of the files, however it was written.
        """
        for url, email, claims, wanted in (
            ("https://verify.example.net/", "alice@example.net", {}, True),
            ("https://verify.example.net/", "carol@example.org", {}, True),
            ("https://verify.example.net/", "carol@example.net", {}, False),
            ("https://public.example.net/", None, {}, True),
            ("https://api.example.net/v2/x", "bob@example.com", {"department": "engineering"}, True),
            ("https://chat.example.net/", "bob@example.com", {}, True),
            ("https://old.example.net/", "bob@example.com", {}, True),
            ("https://one.apps.example.net/a/x", "bob@example.net", {}, True),
            ("https://one.apps.example.net/a/x", "bob@example.com", {}, False),
            ("https://one.apps.example.net/c/x", "bob@example.net", {}, False),
        ):
            with self.subTest(f"{email}: {url}"):
                self.assertEqual(self.admits(loaded, url, email, **claims), wanted)

    def test_all_in_one(self) -> None:
        """
        A file with everything that people commonly have loads without a word, and decides as it says.
        """
        loaded = self.from_yaml(ALL_IN_ONE)
        self.assertEqual([str(warning) for warning in loaded.warnings], [])
        self.assert_decides(loaded)

    def test_rewritten(self) -> None:
        """
        Paths reach applications as Pomerium would send them.
        """
        loaded = self.from_yaml(ALL_IN_ONE)
        for url, sent in (
            ("https://api.example.net/v2/x?y=1", "http://one:8080/x?y=1"),
            ("https://one.apps.example.net/a/x", "http://apps/a-app/x"),
            ("https://old.example.net/any", "302: go to https://verify.example.net/old"),
        ):
            person = a_person(email="bob@example.net", claims={"department": ("engineering",)})
            with self.subTest(url):
                self.assertIn(sent, explain(loaded, Question(url=url, person=person)).outcome[0])

    def test_json(self) -> None:
        """
        The same as JSON is the same.
        """
        values = yaml.safe_load(self.filled(ALL_IN_ONE))
        loaded = load(written(self.mktemp(), json.dumps(values, indent=2), "config.json"), {})
        self.assertEqual(loaded.config.routes, self.from_yaml(ALL_IN_ONE).config.routes)
        self.assert_decides(loaded)

    def test_toml(self) -> None:
        """
        And so is TOML, where the routes are tables.
        """
        text = (
            'authenticate_service_url = "https://authenticate.example.net"\n'
            'idp_provider = "google"\nidp_client_id = "client"\nidp_client_secret = "planted"\n'
            'insecure_server = true\ncookie_expire = "8h"\nshared_secret = "KEY"\ncookie_secret = "KEY"\n'
            '[set_response_headers]\nX-Frame-Options = "DENY"\n'
            '[[routes]]\nfrom = "https://verify.example.net"\nto = ["http://verify:8000"]\n'
            '[[routes.policy]]\nallow = {or = [{email = {is = "alice@example.net"}}]}\n'
        )
        loaded = load(written(self.mktemp(), self.filled(text), "config.toml"), {})
        self.assertEqual(loaded.config.cookie_expire.total_seconds(), 8 * 3600)
        self.assertTrue(self.admits(loaded, "https://verify.example.net/", "alice@example.net"))
        self.assertFalse(self.admits(loaded, "https://verify.example.net/", "bob@example.net"))

    def test_environment_only(self) -> None:
        """
        A container that has everything from its environment, lists and mappings too, needs an empty file only.
        """
        values = yaml.safe_load(self.filled(ALL_IN_ONE))
        routes = yaml.safe_dump(values.pop("routes"))
        environ = {
            key.upper(): json.dumps(value) if isinstance(value, dict) else str(value) for key, value in values.items()
        }
        environ["ROUTES"] = base64.b64encode(routes.encode("utf-8")).decode("ascii")
        loaded = load(written(self.mktemp(), ""), environ)
        self.assert_decides(loaded)
        self.assertEqual(loaded.config.set_response_headers, {"X-Frame-Options": "DENY"})
        environ["POLICY"] = environ.pop("ROUTES")
        self.assert_decides(load(written(self.mktemp(), ""), environ))

    def test_older_keys(self) -> None:
        """
        An older file still means what it has meant: ``policy`` comes before ``routes``, and what tuned services of
        their own is named.
        """
        loaded = self.from_yaml(OLDER)
        self.assertEqual(
            {warning.key for warning in loaded.warnings},
            {"grpc_address", "authorize_service_url", "tracing_provider", "metrics_address", "routes[0].from"},
        )
        self.assertTrue(self.admits(loaded, "https://wiki.example.net/later", "alice@example.net"))
        self.assertTrue(self.admits(loaded, "https://wiki.example.net/", "bob@example.com", groups="wiki-editors"))
        self.assertFalse(self.admits(loaded, "https://wiki.example.net/later", "bob@example.com"))

    def test_refused(self) -> None:
        """
        What would let others in, or keep nothing of what was promised, is refused with its key, whatever stands beside.
        """
        base = yaml.safe_load(self.filled(OLDER)) | {"policy": []}
        for name, values, key in REFUSED:
            routes = [{**_ROUTE, **route} for route in values.get("routes", [{}])]  # type: ignore[attr-defined]
            path = written(self.mktemp(), yaml.safe_dump({**base, **values, "routes": routes}))
            with self.subTest(name):
                error = self.assertRaises(InvalidConfig, load, path, {})
                self.assertIn(key, [problem.key for problem in error.problems])
