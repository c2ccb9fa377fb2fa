"""
Tests of `pomerium_tx.config.rules.whole`, through whole files.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.material import ROUTE, complaints, key_pair, loaded, written


def route(**values: object) -> dict[str, object]:
    """
    A good route with *values*; ``from_`` stands for ``from``, ``...`` takes a key away.
    """
    merged = {**ROUTE, **{key.rstrip("_"): value for key, value in values.items()}}
    return {key: value for key, value in merged.items() if value is not ...}


class RulesTests(SynchronousTestCase):
    """
    What only several keys together can get wrong.
    """

    def refused(self, values: dict[str, object], key: str, words: str) -> None:
        """
        There is exactly this one problem.
        """
        with self.subTest(f"{key}: {words}"):
            found = complaints(self.mktemp(), values)
            self.assertEqual([problem.key for problem in found], [key], [str(problem) for problem in found])
            self.assertIn(words, found[0].message)

    def warned(self, values: dict[str, object], key: str, words: str) -> None:
        """
        There is exactly this one warning.
        """
        with self.subTest(f"{key}: {words}"):
            found = loaded(self.mktemp(), values).warnings
            self.assertEqual([warning.key for warning in found], [key], [str(warning) for warning in found])
            self.assertIn(words, found[0].message)

    def test_required(self) -> None:
        """
        What nobody can do without is asked for.
        """
        for key in (
            "authenticate_service_url",
            "idp_provider",
            "idp_provider_url",
            "idp_client_id",
            "idp_client_secret",
        ):
            self.refused({key: ...}, key, "required")
        self.refused({"routes": [route(to=...)]}, "routes[0].to", "is missing")
        self.refused({"routes": [route(from_=...)]}, "routes[0].from", "required")

    def test_proxies_in_front(self) -> None:
        """
        Whoever would believe anybody about where they come from is told so.
        """
        both = {"routes": [route()], "trusted_proxies": "10.0.0.1", "xff_num_trusted_hops": 1}
        self.warned({"routes": [route()], "xff_num_trusted_hops": 1}, "xff_num_trusted_hops", "whoever connects")
        self.warned(
            {"routes": [route()], "trusted_proxies": ["10.0.0.1", "0.0.0.0/0"]}, "trusted_proxies[1]", "everybody"
        )
        self.assertEqual(loaded(self.mktemp(), both).warnings, ())

    def test_tls(self) -> None:
        """
        Listening with TLS needs a certificate with its own key; without TLS must be asked for.
        """
        directory = self.mktemp()
        certificate, key = key_pair()
        files = {
            name: str(written(directory, content, name))
            for name, content in (("c", certificate), ("k", key), ("other", key_pair("other.example.com")[1]))
        }
        self.refused({"insecure_server": ...}, "certificates", "insecure_server: true")
        self.refused({"certificate_file": files["c"]}, "certificate_key", "go together")
        self.refused({"certificate_key_file": files["k"]}, "certificate", "go together")
        mismatch = {"certificate_file": files["c"], "certificate_key_file": files["other"]}
        self.refused(mismatch, "certificate_key", "not the key of")
        pairs = [{"cert": files["c"], "key": files["k"]}, {"cert": files["c"], "key": files["other"]}]
        self.refused({"certificates": pairs}, "certificates[1].key", "not the key of")
        good = {"insecure_server": False, "certificates": pairs[:1], "routes": [ROUTE]}
        self.assertEqual(len(loaded(self.mktemp(), good).config.key_pairs), 1)

    def test_redirecting_listener(self) -> None:
        """
        The port that sends to https is not one that others are asked at.
        """
        for other in ({"address": ":8080"}, {"authenticate_address": "127.0.0.1:8080"}):
            values = {"http_redirect_addr": ":8080", "routes": [ROUTE], **other}
            self.refused(values, "http_redirect_addr", "another")

    def test_bounds(self) -> None:
        """
        A bound behind a smaller one is warned of, and one that is written twice is refused unless both say the same.
        """
        for values, key, words in (
            ({"max_target_bytes": 4096, "max_header_bytes": 2048}, "max_target_bytes", "max_header_bytes is smaller"),
            ({"max_connections_per_address": 9, "max_connections": 8}, "max_connections_per_address", "is smaller"),
            ({"timeout_request_head": "9s", "timeout_request": "8s"}, "timeout_request_head", "is smaller"),
            ({"timeout_read": "9s", "timeout_request": "8s"}, "timeout_read", "timeout_request is smaller"),
        ):
            self.warned({**values, "routes": [route()]}, key, words)
        for values in (
            {"max_header_bytes": 2048},
            {"timeout_request": "8s"},
            {"max_connections": 8},
            {"max_connections_per_address": 8},
            {"max_upstream_queue": 3, "circuit_breaker_thresholds": {"max_pending_requests": 3}},
            {"max_upstream_queue": 3, "circuit_breaker_thresholds": {"max_connections": 3}},
        ):
            self.assertEqual(loaded(self.mktemp(), {**values, "routes": [route()]}).warnings, ())
        both = {"max_upstream_connections": 3, "circuit_breaker_thresholds": {"max_connections": 4}}
        self.refused(both, "max_upstream_connections", "circuit_breaker_thresholds.max_connections, which says 4")

    def test_http_on_this_machine_only(self) -> None:
        """
        http is for names of this machine; anywhere else cookies and codes would be readable on the way.
        """
        for key in ("authenticate_service_url", "idp_provider_url"):
            self.refused({key: "http://a.example.com"}, key, "this machine")
        self.refused({"routes": [route(from_="http://app.example.com")]}, "routes[0].from", "this machine")
        local = {
            "authenticate_service_url": "http://authenticate.localhost:8001",
            "idp_provider_url": "http://127.0.0.1:8002",
            "routes": [route(from_="http://app.localhost:8000")],
        }
        self.assertEqual(loaded(self.mktemp(), local).warnings, ())

    def test_application_on_the_authenticate_host(self) -> None:
        """
        An application in the place of the authenticate host would share the origin of the pages on which sessions end.
        """
        host = "https://authenticate.example.com"
        for from_ in (host, f"{host}:443"):
            self.warned({"routes": [route(from_=from_)]}, "routes[0].from", "is the authenticate host")
        self.assertEqual(loaded(self.mktemp(), {"routes": [route(from_=f"{host}:8443")]}).warnings, ())

    def test_signing_in(self) -> None:
        """
        What would keep everybody from signing in is refused.
        """
        self.refused({"idp_scopes": ["profile"]}, "idp_scopes", "openid")
        self.refused({"cookie_expire": "0s"}, "cookie_expire", "longer")
        params = {"idp_request_params": {"prompt": "login", "state": "x"}, "routes": [ROUTE]}
        self.warned(params, "idp_request_params.state", "anew")
        flags = {"runtime_flags": {"allow_any_sign_out_redirect_uri": True}, "routes": [ROUTE]}
        self.warned(flags, "runtime_flags.allow_any_sign_out_redirect_uri", "any site")

    def test_cookie_domain(self) -> None:
        """
        A cookie domain covers every host that sets the cookie.
        """
        self.refused({"cookie_domain": "example.org"}, "cookie_domain", "authenticate.example.com")
        other = {"cookie_domain": "example.com", "routes": [route(), route(from_="https://app.notexample.com")]}
        self.refused(other, "cookie_domain", "app.notexample.com")
        good = loaded(self.mktemp(), {"cookie_domain": ".example.com", "routes": [route()]}).config
        self.assertEqual(good.cookie_domain, "example.com")

    def test_access(self) -> None:
        """
        Ways to say who may pass do not contradict each other; a route that says nothing admits nobody.
        """
        public, anybody = "allow_public_unauthenticated_access", "allow_any_authenticated_user"
        for values, key in (
            ({public: True, anybody: True}, anybody),
            ({public: True, anybody: False, "allowed_users": ["a"]}, "allowed_users"),
            ({public: True, anybody: False, "allowed_domains": ["a.b"]}, "allowed_domains"),
            ({anybody: True, "allowed_users": ["a"]}, "allowed_users"),
            ({anybody: True, "allowed_domains": ["a.b"]}, "allowed_domains"),
        ):
            self.refused({"routes": [{**ROUTE, **values}]}, f"routes[0].{key}", "contradicts")
        for key, value in (
            ("policy", {"allow": {"or": [{"email": "alice@example.com"}]}}),
            ("allowed_idp_claims", {"groups": ["a"]}),
        ):
            both = {**ROUTE, public: True, anybody: False, key: value}
            self.warned({"routes": [both]}, f"routes[0].{key}", "true admits everybody")
        denies = {**ROUTE, public: True, anybody: False, "policy": {"deny": {"or": [{"http_method": "DELETE"}]}}}
        self.assertEqual(loaded(self.mktemp(), {"routes": [denies]}).warnings, ())
        self.warned({"routes": [route(allow_any_authenticated_user=...)]}, "routes[0].from", "admits nobody")
        self.warned({"routes": [route(allow_any_authenticated_user="false")]}, "routes[0].from", "admits nobody")
        only_deny = {"deny": {"or": [{"http_method": "DELETE"}]}}
        for values in ({"policy": []}, {"policy": only_deny}, {"allowed_idp_claims": {}}, {"policy": {"allow": {}}}):
            silent = route(allow_any_authenticated_user=..., **values)
            self.warned({"routes": [silent]}, "routes[0].from", "admits nobody")
        for values in (
            {"policy": {"allow": {"or": [{"accept": True}]}}},
            {"allowed_idp_claims": {"groups": ["a"]}},
            {"cors_allow_preflight": True},
        ):
            said = route(allow_any_authenticated_user=..., **values)
            self.assertEqual(loaded(self.mktemp(), {"routes": [said]}).warnings, ())
        both = route(allow_any_authenticated_user=False, allowed_users="a@b.c", allowed_domains="b.c")
        self.assertEqual(loaded(self.mktemp(), {"routes": [both]}).warnings, ())

    def test_administration(self) -> None:
        """
        An address that every user of this machine can connect to needs a token; a socket has its owner.
        """
        token = "x" * 32
        file = str(written(self.mktemp(), token, "token"))
        here = {"admin_address": "127.0.0.1:9443", "routes": [ROUTE]}
        self.refused(here, "admin_address", "needs admin_token_file")
        for given in ({"admin_token": token}, {"admin_token_file": file}):
            result = loaded(self.mktemp(), {**here, **given})
            self.assertEqual(result.warnings, ())
            assert result.config.admin_token is not None
            self.assertEqual(result.config.admin_token.get_secret_value(), token)
        for free in ("unix:/run/admin.sock", ""):
            self.assertEqual(loaded(self.mktemp(), {**here, "admin_address": free}).warnings, ())

    def test_administration_without_its_file(self) -> None:
        """
        A token that cannot be had is one problem, not two, and it stands beside all others.
        """
        values = {"admin_address": "[::1]:9443", "cookie_name": "a b"}
        for broken, key in (
            ({"admin_token_file": "missing"}, "admin_token_file"),
            ({"admin_token": "x" * 31}, "admin_token"),
        ):
            with self.subTest(key):
                found = complaints(self.mktemp(), {**values, **broken})
                self.assertEqual({problem.key for problem in found}, {"cookie_name", key})
                self.assertTrue(all(problem.line for problem in found))

    def test_audience_of_logout_tokens(self) -> None:
        """
        No logout token has the audience of an assertion, of whatever route: neither passes for the other.
        """
        told = route(upstream_logout_uri="/out", upstream_logout_audience="App.example.com")
        self.refused({"routes": [told]}, "routes[0].upstream_logout_audience", "on routes[0]")
        other = route(from_="https://wiki.example.com")
        values = {**told, "upstream_logout_audience": "wiki.example.com"}
        self.refused({"routes": [values, other]}, "routes[0].upstream_logout_audience", "on routes[1]")
        good = {**told, "upstream_logout_audience": "https://app.example.com/"}
        self.assertEqual(loaded(self.mktemp(), {"routes": [good]}).warnings, ())

    def test_matching(self) -> None:
        """
        A route that another hides, as one for the same requests does, is warned of.
        """
        self.warned({"routes": [route(), route(prefix="/")]}, "routes[1].from", "never reached: routes[0]")
        self.warned({"policy": [route()], "routes": [route()]}, "routes[0].from", "never reached: policy[0]")
        self.warned({"routes": [route(), route(prefix="/admin")]}, "routes[1].from", "never reached: routes[0]")
        self.warned({"routes": [route(prefix="/a"), route(path="/ab")]}, "routes[1].from", "never reached")
        self.warned({"routes": [route(prefix="/.pomerium/x")]}, "routes[0].prefix", "ours on every host")
        distinct = [
            route(path="/a"),
            route(prefix="/a"),
            route(prefix="/b"),
            route(),
            route(from_="https://app.example.com:8443"),
            route(from_="https://other.example.com"),
        ]
        self.assertEqual(loaded(self.mktemp(), {"routes": distinct}).warnings, ())

    def test_upstream_tls(self) -> None:
        """
        A client certificate has its key; settings that do not count are named; no verification is warned of.
        """
        directory = self.mktemp()
        certificate, key = (
            str(written(directory, content, name)) for content, name in zip(key_pair(), ("c", "k"), strict=True)
        )
        other = str(written(directory, key_pair("other.example.com")[1], "o"))
        to = "https://127.0.0.1"
        self.refused(
            {"routes": [route(to=to, tls_client_cert_file=certificate)]}, "routes[0].tls_client_key", "missing"
        )
        self.refused({"routes": [route(to=to, tls_client_key_file=key)]}, "routes[0].tls_client_cert", "missing")
        wrong = route(to=to, tls_client_cert_file=certificate, tls_client_key_file=other)
        self.refused({"routes": [wrong]}, "routes[0].tls_client_key", "not the key of")
        self.warned({"routes": [route(to=to, tls_skip_verify=True)]}, "routes[0].tls_skip_verify", "whoever answers")
        self.warned({"routes": [route(tls_server_name="a")]}, "routes[0].tls_server_name", "http://")

    def test_warnings(self) -> None:
        """
        What is probably not meant is said.
        """
        self.warned({}, "routes", "empty")
        origins = route(allow_websocket_origins=["https://a.test"])
        self.warned({"routes": [origins]}, "routes[0].allow_websocket_origins", "allow_websockets")
        audience = route(upstream_logout_audience="a")
        self.warned({"routes": [audience]}, "routes[0].upstream_logout_audience", "without upstream_logout_uri")
        for idle in ({}, {"session_idle_timeout": "0s"}):
            values = {"session_idle_counts_streams": True, "routes": [ROUTE], **idle}
            self.warned(values, "session_idle_counts_streams", "without session_idle_timeout")
        both = {"session_idle_counts_streams": True, "session_idle_timeout": "1s", "routes": [ROUTE]}
        self.assertEqual(loaded(self.mktemp(), both).warnings, ())
