"""
Tests of `pomerium_tx.config.rules.headers`, through whole files.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.material import complaints, loaded
from tests.config.rules.test_whole import route

WARNED = [
    (
        {
            "set_request_headers": {"X-A": "Bearer ${pomerium.access_token}"},
            "allow_any_authenticated_user": False,
            "allow_public_unauthenticated_access": True,
        },
        "set_request_headers",
        "a route that is for everybody",
    ),
    ({"set_request_headers": {"X-A": "${pomerium.password}"}}, "set_request_headers", "pomerium.password"),
    ({"set_request_headers": {"X-A": "costs $5"}}, "set_request_headers", "write $$"),
    (
        {"set_request_headers": {"X-A": "1"}, "remove_request_headers": ["x-a"]},
        "set_request_headers",
        "removed again",
    ),
    (
        {
            "rewrite_response_headers": [{"header": "Location", "prefix": "http://a/", "value": "http://b/"}],
            "set_response_headers": {"location": "x"},
        },
        "rewrite_response_headers",
        "set_response_headers",
    ),
]
REFUSED = [
    (
        {"kubernetes_service_account_token": "t", "set_request_headers": {"Authorization": "x"}},
        "set_request_headers",
        "remove one",
    ),
    ({"kubernetes_service_account_token": "a\nb"}, "kubernetes_service_account_token", "no token has"),
    (
        {"rewrite_response_headers": [{"header": "A", "prefix": "x", "vaule": "y"}]},
        "rewrite_response_headers[0].vaule",
        "not a known key",
    ),
    ({"rewrite_response_headers": {"header": "Location"}}, "rewrite_response_headers", "list"),
    ({"rewrite_response_headers": [{"header": "Location"}]}, "rewrite_response_headers[0].prefix", "required"),
    (
        {"rewrite_response_headers": [{"header": "a b", "prefix": "x"}]},
        "rewrite_response_headers[0].header",
        "not a header name",
    ),
    (
        {"rewrite_response_headers": [{"header": "A", "prefix": "x", "value": "\n"}]},
        "rewrite_response_headers[0].value",
        "line break",
    ),
    ({"set_authorization_header": "access_token"}, "set_authorization_header", "${pomerium.access_token}"),
]


class HeaderRulesTests(SynchronousTestCase):
    """
    Headers of a route.
    """

    def test_warned(self) -> None:
        """
        What stays empty or has no effect is warned of.
        """
        for keys, key, words in WARNED:
            with self.subTest(keys=keys):
                found = loaded(self.mktemp(), {"routes": [route(**keys)]}).warnings
                self.assertEqual([warning.key for warning in found], [f"routes[0].{key}"], list(map(str, found)))
                self.assertIn(words, found[0].message)

    def test_refused(self) -> None:
        """
        What cannot be meant is refused.
        """
        for keys, key, words in REFUSED:
            with self.subTest(keys=keys):
                found = complaints(self.mktemp(), {"routes": [route(**keys)]})
                self.assertEqual([problem.key for problem in found], [f"routes[0].{key}"], list(map(str, found)))
                self.assertIn(words, found[0].message)

    def test_token_does_not_show(self) -> None:
        """
        Neither the configuration nor a complaint about it shows the token.
        """
        values = {"routes": [route(kubernetes_service_account_token="planted-token")]}
        self.assertNotIn("planted-token", repr(loaded(self.mktemp(), values).config))
