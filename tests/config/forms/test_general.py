"""
Tests of `pomerium_tx.config.forms.general`.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.forms import general as forms

ACCEPTED: list[tuple[Callable[[object], object], object, object]] = [
    (forms.label, "", ""),
    (forms.label, " Wiki ", "Wiki"),
    (forms.text, " a ", "a"),
    (forms.truth, True, True),
    (forms.truth, "false", False),
    (forms.truth, "True", True),
    (forms.truth, "0", False),
    (forms.truth, 1, True),
    (forms.same_site, "STRICT", "Strict"),
    (forms.same_site, "none", "None"),
    (forms.log_level, "WARNING", "warn"),
    (forms.issuer_format, "hostonly", "hostOnly"),
    (forms.issuer_format, "URI", "uri"),
    (forms.storage, "Memory", "memory"),
    (forms.signature_algorithm, "es256", "ES256"),
    (forms.signature_algorithm, "EDDSA", "EdDSA"),
    (forms.issuer, "https://op.example.com/realm/", "https://op.example.com/realm/"),
    (forms.host, "App.example.com.", "app.example.com"),
    (forms.authority, "app:8080", "app:8080"),
    (forms.authority, "[::1]:80", "[::1]:80"),
    (forms.cookie_name, "__Secure-pomerium", "__Secure-pomerium"),
    (forms.cookie_domain, ".Example.com", "example.com"),
    (forms.domains, "Example.com, example.org", ("example.com", "example.org")),
    (forms.logout_uri, " /out?from=proxy ", "/out?from=proxy"),
    (forms.logout_uri, "https://App.test:8443/Out?a=%20", "https://App.test:8443/Out?a=%20"),
    (forms.logout_uri, "http://[::1]:8080", "http://[::1]:8080"),
    (forms.site_data, "cache", ("cache",)),
    (forms.site_data, "Cookies, cache,cookies", ("cookies", "cache")),
    (forms.site_data, ["storage", "cache"], ("storage", "cache")),
    (forms.site_data, [], ()),
    (forms.path, "/", "/"),
    (forms.path, "/a/caf%C3%A9", "/a/caf%C3%A9"),
    (forms.path, "/a..b/.c", "/a..b/.c"),
    (forms.header_names, "X-A, X-B", ("X-A", "X-B")),
    (
        forms.request_headers,
        {"X-Pomerium-Idp-Id-Token": "${pomerium.id_token}"},
        {"X-Pomerium-Idp-Id-Token": "${pomerium.id_token}"},
    ),
    (forms.request_headers, {"X-A": "costs $$5 ${x}"}, {"X-A": "costs $$5 ${x}"}),
    (forms.header_name, "X-A", "X-A"),
    (forms.response_headers, {"X-A": 1}, {"X-A": "1"}),
    (forms.claim_headers, {"X-Email": "email"}, {"x-email": "email"}),
    (forms.claim_headers, ["email", "a.b"], {"x-pomerium-claim-email": "email", "x-pomerium-claim-a.b": "a.b"}),
    (forms.claim_headers, "email groups", {"x-pomerium-claim-email": "email", "x-pomerium-claim-groups": "groups"}),
    (forms.claim_headers, '{"X-Email": "email"}', {"x-email": "email"}),
    (forms.section, '{"a": true}', {"a": True}),
    (forms.image_url, "https://cdn.example.com/logo.svg?v=1", "https://cdn.example.com/logo.svg?v=1"),
    (forms.image_url, "data:image/svg+xml;base64,PHN2Zz4=", "data:image/svg+xml;base64,PHN2Zz4="),
    (forms.colour, "#1A56A8", "#1a56a8"),
    (forms.colour, "#f0A", "#ff00aa"),
    (
        forms.allowed_claims,
        {"groups": ["a", 1, True], "a": {"b": "x", "c": {"d": [1.5]}}},
        {"groups": ("a", 1, True), "a.b": ("x",), "a.c.d": (1.5,)},
    ),
    (forms.allowed_claims, '{"groups": "a"}', {"groups": ("a",)}),
]

REFUSED: list[tuple[Callable[[object], object], object, str]] = [
    (forms.label, 5, "put it in quotes"),
    (forms.label, "a\x1bb", "control characters"),
    (forms.text, "", "empty"),
    (forms.text, 3, "quotes"),
    (forms.text, "a\nb", "control"),
    (forms.truth, "maybe", "true or false"),
    (forms.truth, 2, "true or false"),
    (forms.truth, 1.0, "true or false"),
    (forms.truth, "", "true or false"),
    (forms.truth, [], "true or false"),
    (forms.image_url, "http://cdn.example.com/logo.svg", "https://"),
    (forms.image_url, "/logo.svg", "http"),
    (forms.image_url, "javascript:alert(1)", "http"),
    (forms.image_url, "data:text/html,<script>", "http"),
    (forms.image_url, "https://a.test;script-src 'unsafe-inline'/", ""),
    (forms.image_url, "https://me@a.test/x", ""),
    (forms.colour, "red", "#1a56a8"),
    (forms.colour, "#12345", "#1a56a8"),
    (forms.colour, "#123456; } body { display: none", "#1a56a8"),
    (forms.colour, 123456, "quotes"),
    (forms.same_site, "some", "strict, lax or none"),
    (forms.issuer_format, "host", "hostOnly or uri"),
    (forms.storage, "postgres", "only memory"),
    (forms.signature_algorithm, "none", "must be one of"),
    (forms.issuer, "https://op/.well-known/openid-configuration", "leave out"),
    (forms.issuer, "https://op?x", "query"),
    (forms.issuer, "op.example.com", "https://"),
    (forms.host, "a:80", "host name"),
    (forms.host, "a/b", "host name"),
    (forms.authority, "a/b", "host name"),
    (forms.authority, "a b", "host name"),
    (forms.authority, "http://a", "host name"),
    (forms.cookie_name, "a=b", "letters"),
    (forms.cookie_name, "a b", "letters"),
    (forms.cookie_name, "__Host-x", "__Host-"),
    (forms.cookie_domain, "localhost", "dot"),
    (forms.cookie_domain, "10.0.0.1", "dot"),
    (forms.domains, ["*"], "allow_any_authenticated_user"),
    (forms.domains, ["@example.com"], "not a domain"),
    (forms.domains, [""], "empty"),
    (forms.logout_uri, "out", "begins with a slash"),
    (forms.logout_uri, "app.test/out", "begins with a slash"),
    (forms.logout_uri, "", "empty"),
    (forms.logout_uri, ["/out"], "string"),
    (forms.logout_uri, "//app.test/out", "two slashes"),
    (forms.logout_uri, "/out#now", "fragment"),
    (forms.logout_uri, "https://app.test/out#", "fragment"),
    (forms.logout_uri, "https://me@app.test/out", "user name"),
    (forms.logout_uri, "https://:pw@app.test/out", "user name"),
    (forms.logout_uri, "https:///out", "host"),
    (forms.logout_uri, "ftp://app.test/out", "http://"),
    (forms.logout_uri, "/\\app.test/out", "backslash"),
    (forms.logout_uri, "/o ut", "space"),
    (forms.logout_uri, "/caf\u00e9", "percent-encoded"),
    (forms.site_data, "everything", "one of cache, cookies, storage"),
    (forms.site_data, ["*"], "one of cache, cookies, storage"),
    (forms.site_data, '"cache"', "one of cache, cookies, storage"),
    (forms.site_data, ["cache", ""], "empty"),
    (forms.site_data, True, "list"),
    (forms.path, "a", "begin with a slash"),
    (forms.path, "/a//b", "merged"),
    (forms.path, "/a/../b", "dot segments"),
    (forms.path, "/a?b", "query"),
    (forms.path, "/caf\u00e9", "%XX"),
    (forms.path, "/%61", "%XX"),
    (forms.path, "/%c3", "%XX"),
    (forms.path, "/a%2Fb", "escaped slash"),
    (forms.path, "/a b", "%XX"),
    (forms.header_names, ["X A"], "not a header name"),
    (forms.request_headers, {"X-A": "a\r\nX-B: c"}, "line break"),
    (forms.request_headers, {"X_Pomerium.Jwt-Assertion": "x"}, "ours"),
    (forms.request_headers, {"x-pomerium-jwt-assertion-for": "x"}, "ours"),
    (forms.request_headers, {"X-Pomerium-Authorization": "x"}, "ours"),
    (forms.request_headers, {"X-Pomerium-Claim-Email": "x"}, "ours"),
    (forms.request_headers, {"Host": "x"}, "connection"),
    (forms.request_headers, {"Transfer-Encoding": "chunked"}, "connection"),
    (forms.header_name, "a b", "not a header name"),
    (forms.request_headers, {"X T": "x"}, "not a header name"),
    (forms.response_headers, {"Content-Length": "3"}, "connection"),
    (forms.response_headers, {"X-A": "\u2028"}, "line break"),
    (forms.claim_headers, {"X-Email": ""}, "no claim"),
    (forms.claim_headers, {"Host": "email"}, "connection"),
    (forms.claim_headers, 3, "mapping"),
    (forms.sections, {}, "list"),
    (forms.allowed_claims, ["groups"], "must be a mapping"),
    (forms.allowed_claims, {"groups": None}, "groups: must be strings"),
    (forms.allowed_claims, {"a": {"b": [["x"]]}}, "a.b: must be strings"),
    (forms.allowed_claims, {"groups": ["a", ""]}, "groups: contains an empty entry"),
]


class FormsTests(SynchronousTestCase):
    """
    What single keys may hold.
    """

    def test_accepted(self) -> None:
        """
        Each form is accepted and brought into one.
        """
        for form, value, result in ACCEPTED:
            with self.subTest(f"{form.__name__} {value!r}"):
                self.assertEqual(form(value), result)

    def test_refused(self) -> None:
        """
        What does not fit is refused with words that help.
        """
        for form, value, words in REFUSED:
            with self.subTest(f"{form.__name__} {value!r}"):
                self.assertIn(words, str(self.assertRaises(ValueError, form, value)))
