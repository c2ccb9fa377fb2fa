"""
Tests of `pomerium_tx.advice.explained`: what would become of a request, and why.
"""

from __future__ import annotations

from pomerium_tx.advice.requests import Unreadable
from tests.advice.asking import ROUTES, AskingTestCase
from tests.config.material import key_pair
from tests.tls.clients import authority


class RouteTests(AskingTestCase):
    """
    Which route.
    """

    def test_chosen(self) -> None:
        """
        The route is told with its place, and why it is not another one.
        """
        found = self.explain("https://app.example.com/users")
        assert found.route is not None
        self.assertEqual((found.route.key, found.route.line), ("routes[1]", 23))
        self.assertEqual(
            [(tried.place.key, tried.outcome) for tried in found.tried],
            [("routes[0]", "is for other paths"), ("routes[1]", "is the one")],
        )

    def test_later_ones(self) -> None:
        """
        A route that would match but comes too late is told of.
        """
        found = self.explain("https://app.example.com/late/x")
        self.assertEqual(
            [(tried.place.key, tried.outcome) for tried in found.tried],
            [
                ("routes[0]", "is for other paths"),
                ("routes[1]", "is the one"),
                ("routes[2]", "matches too, but comes later"),
            ],
        )

    def test_canonical(self) -> None:
        """
        What is asked is the canonical path, as with every request.
        """
        for url, key, target in (
            ("https://app.example.com/x/../admin", "routes[0]", "/admin"),
            ("https://app.example.com//adm%69n?a=b", "routes[0]", "/admin?a=b"),
            ("https://APP.example.com:443/", "routes[1]", "/"),
        ):
            with self.subTest(url):
                found = self.explain(url)
                assert found.route is not None
                self.assertEqual((found.route.key, found.target), (key, target))

    def test_by_the_configurations_rules_of_paths(self) -> None:
        """
        Where slashes are not merged, they are not merged here either.
        """
        found = self.explain("https://app.example.com//admin", values={"merge_slashes": False})
        assert found.route is not None
        self.assertEqual((found.route.key, found.target), ("routes[1]", "//admin"))

    def test_none(self) -> None:
        """
        Without a route it is 404, and it is told what there is no route for.
        """
        for url, words in (
            ("https://other.example.com/", "no route is for this host"),
            ("https://authenticate.example.com/page", "the authenticate host has no such page"),
        ):
            with self.subTest(url):
                found = self.explain(url)
                self.assertEqual((found.is_admitted, found.status, found.route), (False, 404, None))
                self.assertIn(words, found.outcome[0])
        found = self.explain("https://app.example.com/x", values={"routes": ROUTES[:1]})
        self.assertIn("no route of this host is for this path", found.outcome[0])

    def test_own_pages(self) -> None:
        """
        What we answer ourselves is no route's.
        """
        for url in ("https://app.example.com/.pomerium/", "https://authenticate.example.com/", "https://x.test/ping"):
            with self.subTest(url):
                found = self.explain(url, None)
                self.assertEqual((found.is_admitted, found.route, found.tried), (True, None, ()))
                self.assertIn("one of our own pages answers", found.outcome[0])

    def test_unreadable(self) -> None:
        """
        What no browser can ask for is told as it would be answered; what is no URL is refused.
        """
        found = self.explain("https://app.example.com/a%2Fb")
        self.assertEqual((found.is_admitted, found.status), (False, 400))
        self.assertEqual(self.explain("https://app.example.com/", method="TRACE").status, 405)
        for url in ("app.example.com/", "ftp://app.example.com/", "https://a b/", "https://u:p@app.example.com/"):
            with self.subTest(url), self.assertRaises(Unreadable):
                self.explain(url)


class DecisionTests(AskingTestCase):
    """
    Who may.
    """

    def test_allowed(self) -> None:
        """
        What holds is told criterion by criterion, with the reason that the log will have.
        """
        found = self.explain("https://app.example.com/admin")
        self.assertTrue(found.is_admitted)
        self.assertEqual(found.reasons, ("email-ok",))
        self.assertEqual(
            found.grounds[:3],
            (
                "holds: allow if any of: the e-mail address is alice@example.com; the claim groups has admins",
                "    yes: the e-mail address is alice@example.com (email-ok)",
                "    no: the claim groups has admins (claim-unauthorized)",
            ),
        )

    def test_by_group(self) -> None:
        """
        The groups that are given count.
        """
        self.assertTrue(self.explain("https://app.example.com/admin", "bob@example.com", groups=["admins"]).is_admitted)
        self.assertFalse(self.explain("https://app.example.com/admin", "bob@example.com").is_admitted)

    def test_denied(self) -> None:
        """
        A deny rule wins, and is named.
        """
        found = self.explain("https://app.example.com/admin", address="10.1.2.3")
        self.assertEqual((found.is_admitted, found.status), (False, 403))
        self.assertIn("deny if the client's address is in 10.0.0.0/8", found.outcome[0])

    def test_nobody(self) -> None:
        """
        A route without a rule is refused to everybody, with or without a session.
        """
        for email in ("alice@example.com", None):
            found = self.explain("https://closed.example.com/", email)
            self.assertEqual((found.is_admitted, found.status), (False, 403))

    def test_sign_in(self) -> None:
        """
        Who has not signed in is sent to do so, or told 401 where nothing can be shown.
        """
        page = self.explain("https://app.example.com/", None)
        self.assertEqual((page.is_admitted, page.status), (False, 302))
        self.assertIn("https://op.example.com", page.outcome[0])
        program = self.explain("https://app.example.com/", None, fields=(("Accept", "application/json"),))
        self.assertEqual((program.is_admitted, program.status), (False, 401))

    def test_sign_in_where(self) -> None:
        """
        The provider is the one of the route, and a person has signed in there.
        """
        staff = {
            "idp_provider": "oidc",
            "idp_provider_url": "https://staff.example.com",
            "idp_client_id": "inside",
            "idp_client_secret": "planted",
        }
        values = {"routes": [{**ROUTES[1], "idp": "staff"}], "providers": {"staff": staff}}
        found = self.explain("https://app.example.com/", None, values)
        self.assertIn("https://staff.example.com (staff)", found.outcome[0])
        self.assertTrue(self.explain("https://app.example.com/", values=values).is_admitted)

    def test_public(self) -> None:
        """
        A public route asks nobody to sign in.
        """
        self.assertTrue(self.explain("https://public.example.com/", None).is_admitted)

    def test_websocket(self) -> None:
        """
        A handshake is held to what the route says of WebSockets, and to the page that it comes from.
        """
        handshake = (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Origin", "https://app.example.com"))
        self.assertTrue(self.explain("https://app.example.com/", fields=handshake).is_admitted)
        found = self.explain("https://app.example.com/admin", fields=handshake)
        self.assertEqual((found.is_admitted, found.status), (False, 403))
        self.assertIn("websockets-not-allowed", found.outcome[0])
        foreign = (*handshake[:2], ("Origin", "https://evil.example"))
        self.assertFalse(self.explain("https://app.example.com/", fields=foreign).is_admitted)

    def test_bearer_tokens(self) -> None:
        """
        A token that would decide is not judged by guesswork; one that is only passed on does no harm.
        """
        token = (("Authorization", "Bearer opaque"),)
        url = "https://app.example.com/"
        self.assertTrue(self.explain(url, fields=token).is_admitted)
        values = {"routes": [{**ROUTES[1], "bearer_token_format": "idp_access_token"}]}
        self.assertTrue(self.explain(url, values=values).is_admitted)
        with self.assertRaises(Unreadable):
            self.explain(url, values=values, fields=token)

    def test_robots(self) -> None:
        """
        The one path that is answered with a page of its own where nobody is admitted.
        """
        found = self.explain("https://app.example.com/robots.txt", None)
        self.assertEqual((found.is_admitted, found.status), (False, 200))

    def test_client_certificates(self) -> None:
        """
        Where certificates are asked for and none is named, it is said that none is shown, and how to show one.
        """
        ca = authority("root").pem.decode()
        certificate, key = key_pair()
        tls = {"insecure_server": None, "certificate": certificate.decode(), "certificate_key": key.decode()}
        asking = {**tls, "downstream_mtls": {"ca": ca}}
        words = "this supposes that no client certificate is shown: --certificate FILE shows one"
        for values, shown, is_said in ((tls, None, False), (asking, None, True), (asking, certificate, False)):
            found = self.explain("https://app.example.com/users", values=values, certificate=shown)
            self.assertEqual(words in found.outcome, is_said)
