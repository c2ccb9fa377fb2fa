"""
Tests of `pomerium_tx.config.keys.provider`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.keys.provider import (
    ProviderSection,
    by_name,
    provider_type,
    revocation_mode,
    sign_out_template,
)

GOOD_TEMPLATES = [
    "https://op.example/logout",
    "https://op.example/logout?client_id={client_id}&returnTo={post_logout_redirect_uri}%3Fstate%3D{state}",
    "https://op.example/logout?hint={id_token_hint}",
    "http://op.localhost:9000/logout?a={state}",
]
BAD_TEMPLATES = [
    ("op.example/logout", "https://"),
    ("https://op.example/{client_id}", "after the question mark"),
    ("https://{state}.example/", "after the question mark"),
    ("https://op.example/?a={secret}", "may have in braces"),
    ("https://op.example/?a={client_id", "may have in braces"),
    ("https://op.example/?a={{state}}", "may have in braces"),
    ("https://op.example/?a=b#c", "fragment"),
    ("https://op.example/?a= b", "spaces"),
    ("javascript://op.example/?a=b", "https://"),
    ("https://user@op.example/?a=b", ""),
]


def section(**written: object) -> ProviderSection:
    """
    A section with these keys.
    """
    return ProviderSection.model_validate(written)


class ProviderSectionTests(SynchronousTestCase):
    """
    The keys of one provider.
    """

    def test_types(self) -> None:
        """
        The kind is one of the known ones, in any case of letters; another is refused with their names.
        """
        self.assertEqual((provider_type("OIDC"), provider_type("Google")), ("oidc", "google"))
        self.assertIn("okta", str(self.assertRaises(ValueError, provider_type, "saml")))
        self.assertIn("Pomerium's own", str(self.assertRaises(ValueError, provider_type, "hosted")))

    def test_revocation(self) -> None:
        """
        ``off`` means off, although YAML takes it for a truth value.
        """
        self.assertEqual([revocation_mode(one) for one in ("Each", "last_session", "off", False)][2:], ["off", "off"])
        for bad in ("never", True, 1):
            with self.subTest(bad):
                self.assertRaises(ValueError, revocation_mode, bad)

    def test_templates(self) -> None:
        """
        What a sign-out URL may have in braces is known, and stands in its query only: nobody's value can become a host.
        """
        for good in GOOD_TEMPLATES:
            with self.subTest(good):
                self.assertEqual(sign_out_template(good), good)
        for bad, words in BAD_TEMPLATES:
            with self.subTest(bad):
                self.assertIn(words, str(self.assertRaises(ValueError, sign_out_template, bad)))

    def test_names(self) -> None:
        """
        Providers have names that fit in a URL; they may come as JSON, from the environment.
        """
        self.assertEqual(by_name('{"a-1": {}}'), {"a-1": {}})
        for bad in ([], "x", {"": {}}, {"a b": {}}, {"-a": {}}, {1: {}}, {"a" * 33: {}}):
            with self.subTest(bad):
                self.assertRaises(ValueError, by_name, bad)

    def test_issuer(self) -> None:
        """
        The issuer is that of the kind unless one is written, with or without a slash at its end as the kind has it.
        """
        for kind, url, expected in (
            ("oidc", None, ""),
            ("oidc", "https://op.example/", "https://op.example/"),
            ("google", None, "https://accounts.google.com"),
            ("gitlab", "https://git.example/", "https://git.example"),
            ("auth0", "https://tenant.auth0.com", "https://tenant.auth0.com/"),
            ("auth0", "https://tenant.auth0.com/", "https://tenant.auth0.com/"),
        ):
            with self.subTest(kind=kind, url=url):
                written = {"idp_provider": kind} | ({} if url is None else {"idp_provider_url": url})
                self.assertEqual(section(**written).issuer, expected)

    def test_what_is_written_replaces(self) -> None:
        """
        Written scopes and parameters take the place of those of the kind, but for what it cannot do without.
        """
        google = section(idp_provider="google", idp_scopes=["openid"], idp_request_params={"hd": "example.com"})
        self.assertEqual((google.scopes, google.request_params), (("openid",), {"hd": "example.com"}))
        apple = section(idp_provider="apple", idp_request_params={"a": "b", "response_mode": "query"})
        self.assertEqual(apple.request_params, {"a": "b", "response_mode": "form_post"})
        self.assertEqual(section(idp_provider="google", idp_request_params={}).request_params, {})

    def test_secret(self) -> None:
        """
        The client's secret is in no description of the section.
        """
        self.assertNotIn("planted", repr(section(idp_client_secret="planted")))
