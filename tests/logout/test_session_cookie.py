"""
Tests for `pomerium_tx.logout.session_cookie`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.logout.session_cookie import CookieSettings


class CookieSettingsTests(SynchronousTestCase):
    """
    The session cookie and its options.
    """

    def test_default(self) -> None:
        """
        Secure and HttpOnly, for the whole host only, with an end and no SameSite.
        """
        self.assertEqual(
            CookieSettings(lifetime=3600.0).set("value", 0.0),
            "_pomerium=value; Path=/; Expires=Thu, 01 Jan 1970 01:00:00 GMT; Secure; HttpOnly",
        )

    def test_options(self) -> None:
        """
        Name, domain, HttpOnly and SameSite follow the options; Secure always stays.
        """
        settings = CookieSettings(name="sso", domain="example.com", http_only=False, same_site="none", lifetime=60.0)
        self.assertEqual(
            settings.set("value", 0.0),
            "sso=value; Path=/; Domain=example.com; Expires=Thu, 01 Jan 1970 00:01:00 GMT; Secure; SameSite=None",
        )

    def test_clearing_repeats_the_attributes(self) -> None:
        """
        User agents drop a cookie only if its name, path, domain and flags are the same.
        """
        for settings in (
            CookieSettings(),
            CookieSettings(name="sso", domain="example.com", http_only=False, same_site="strict"),
        ):
            with self.subTest(settings=settings):
                kept = {"Path=/", f"Domain={settings.domain}", "Secure", "HttpOnly", "SameSite=Strict"}
                was = set(settings.set("value", 0.0).split("; ")) & kept
                cleared = settings.clear().split("; ")
                self.assertEqual(set(cleared) & kept, was)
                self.assertEqual(cleared[0], f"{settings.name}=")
                self.assertIn("Max-Age=0", cleared)

    def test_on_the_authenticate_host(self) -> None:
        """
        There it has a name of its own, so that a cookie domain does not mix the two up.
        """
        self.assertEqual(CookieSettings(name="sso").on_authenticate.name, "sso_authenticate")

    def test_strict(self) -> None:
        """
        Strict is for the route hosts alone: people come to the authenticate host from elsewhere.
        """
        settings = CookieSettings(same_site="Strict")
        self.assertEqual((settings.is_strict, settings.on_authenticate.is_strict), (True, False))
        self.assertIn("SameSite=Lax", settings.on_authenticate.set("value", 0.0))
        self.assertIn("SameSite=Lax", settings.on_authenticate.clear())

    def test_cookies_of_a_sign_in_under_way(self) -> None:
        """
        They must come back from the OP with the person, which Strict ones do not.
        """
        for same_site, expected in ((None, None), ("lax", "lax"), ("none", "none"), ("Strict", "lax")):
            with self.subTest(same_site=same_site):
                self.assertEqual(CookieSettings(same_site=same_site).crossing_same_site, expected)

    def test_of_several_providers(self) -> None:
        """
        Sessions of the plain client are in the cookie of the plain name, those of another in one of their own; all are
        read, and cleared, together, and no other cookie of ours.
        """
        settings = CookieSettings(name="sso", plain_idp_id="a" * 32)
        other = settings.of("0123456789abcdef" * 2)
        self.assertEqual((settings.of("a" * 32).name, other.name), ("sso", "sso_0123456789abcdef"))
        self.assertEqual(CookieSettings(name="sso").of("b" * 32).name, "sso")
        brought = [b"x=1; sso=one; sso_0123456789abcdef=two; sso_csrf=c; sso_0123=d; sso_0123456789abcdefg=e"]
        self.assertEqual(settings.pairs(brought), [("sso", b"one"), ("sso_0123456789abcdef", b"two")])
        cleared = [value.partition("=")[0] for value in settings.clear_all(brought)]
        self.assertEqual(cleared, ["sso", "sso_0123456789abcdef"])
        self.assertEqual([value.partition("=")[0] for value in settings.clear_all([])], ["sso"])

    def test_on_authenticate_too(self) -> None:
        """
        The same on the authenticate host.
        """
        settings = CookieSettings(name="sso", plain_idp_id="a" * 32).on_authenticate
        self.assertEqual(settings.of("0123456789abcdef" * 2).name, "sso_authenticate_0123456789abcdef")
        self.assertEqual(settings.pairs([b"sso=1; sso_0123456789abcdef=2"]), [])
