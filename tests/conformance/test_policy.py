"""
Checks 94 to 100: who is let in where.
"""

from __future__ import annotations

import json
from typing import Any

from tests.conformance.case import CheckTestCase, fields_of
from tests.scenarios.world import APP, CHAT, DENIED, OPEN


def _route(host: str, application: str, **settings: Any) -> dict[str, Any]:
    return {"from": f"https://{host}.example.com", "to": f"http://{application}.internal:8080", **settings}


class AccessSettingsTests(CheckTestCase):
    """
    Routes by whom they admit.
    """

    settings = {
        "jwt_claims_headers": {"X-Town": "address.town"},
        "routes": [
            _route("app", "app", allow_any_authenticated_user=True),
            _route("by-id", "app", allowed_users=["248289761001"]),
            _route("by-email", "app", allowed_users=["alice@example.com"]),
            _route("by-domain", "app", allowed_domains=["example.com"]),
            _route("other-user", "app", allowed_users=["bob@example.com", "ALICE@example.com"]),
            _route("other-domain", "app", allowed_domains=["example.org", "ample.com"]),
            _route("nobody", "app"),
        ],
    }

    def test_96_users_and_domains(self) -> None:
        """
        ``allowed_users`` matches id or email; ``allowed_domains`` the domain; claims are flattened.
        """
        self.provider.alterations["userinfo"] = lambda claims: {**claims, "address": {"town": "Oxford"}}
        alice = self.browser()
        self.sign_in(alice)
        for name, status in (
            ("by-id", 200),
            ("by-email", 200),
            ("by-domain", 200),
            ("other-user", 403),
            ("other-domain", 403),
            ("nobody", 403),
        ):
            with self.subTest(route=name):
                self.assertEqual(alice.get(f"https://{name}.example.com/").status, status)
        self.assertEqual(fields_of(self.app.take())["x-town"], ["Oxford"])


class RefusalTests(CheckTestCase):
    """
    A route that is not for everybody, and one that is.
    """

    def test_97_unauthorised(self) -> None:
        """
        Authenticated but unauthorised: 403 with X-Pomerium-Intercepted-Response (HTML), never a login loop.
        """
        alice = self.browser()
        page = self.sign_in(alice, DENIED + "/")
        self.assertEqual((page.status, page.url), (403, DENIED + "/"))
        self.assertEqual(page.get("X-Pomerium-Intercepted-Response"), "true")
        self.assertIn('href="/.pomerium/sign_out"', page.text)
        again = alice.get(DENIED + "/", follow=False)
        self.assertEqual(again.status, 403)
        answer = alice.once("GET", DENIED + "/", {"Accept": "application/json"})
        self.assertEqual(answer.status, 403)
        self.assertEqual(json.loads(answer.text), {"error": "Forbidden", "request_id": answer.get("X-Request-Id")})
        self.assertEqual(self.applications["denied"].take(), b"")
        self.assertEqual(self.sign_in(self.browser(), DENIED + "/", person="bob").status, 200)

    def test_99_public(self) -> None:
        """
        A public route serves anonymous people and still strips fields.
        """
        response = self.browser().once(
            "GET",
            OPEN + "/",
            {
                "Cookie": "_pomerium=rubbish; own=1",
                "Authorization": "Pomerium rubbish",
                "X-Pomerium-Jwt-Assertion": "forged",
                "X-Pomerium-Claim-Email": "root@example.com",
            },
        )
        self.assertEqual((response.status, response.text), (200, "ok"))
        heard = self.applications["open"].take()
        fields = fields_of(heard)
        self.assertEqual(fields["cookie"], ["own=1"])
        self.assertFalse({"authorization", "x-pomerium-claim-email"} & set(fields))
        claims = self.assertion_claims(heard)
        self.assertEqual((claims["sub"], claims["email"], claims["sid"]), ("", "", ""))


class LanguageTests(CheckTestCase):
    """
    Routes with policies in the Pomerium Policy Language.
    """

    settings = {
        "routes": [
            _route("app", "app", allow_any_authenticated_user=True),
            _route("allow", "app", policy={"allow": {"or": [{"domain": "example.com"}]}}),
            _route(
                "deny",
                "app",
                allowed_domains=["example.com"],
                policy=[{"deny": {"or": [{"email": "alice@example.com"}]}}],
            ),
            _route("no-rule", "app", policy=[]),
            _route("only-deny", "app", policy={"deny": {"or": [{"email": "bob@example.com"}]}}),
            _route("not", "app", policy={"allow": {"not": [{"email": "bob@example.com"}, {"user": "nobody"}]}}),
            _route("not-her", "app", policy={"allow": {"not": [{"email": "alice@example.com"}, {"user": "nobody"}]}}),
            _route("nor", "app", policy={"allow": {"nor": [{"email": "alice@example.com"}, {"user": "nobody"}]}}),
            _route(
                "nor-her",
                "app",
                policy={"allow": {"nor": [{"email": "alice@example.com"}, {"domain": "example.com"}]}},
            ),
            _route("claims", "app", allowed_idp_claims={"address": {"town": ["Oxford", "Cambridge"]}}),
            _route("claim", "app", policy={"allow": {"and": [{"claim/address/town": "Oxford"}]}}),
            _route("other-claim", "app", policy={"allow": {"and": [{"claim/address/town": "Cambridge"}]}}),
            _route("preflight", "app", cors_allow_preflight=True, allowed_domains=["example.com"]),
            _route("public", "open", policy={"allow": {"or": [{"accept": True}]}}),
            _route(
                "public-but",
                "open",
                policy={"allow": {"or": [{"accept": True}]}, "deny": {"or": [{"email": "alice@example.com"}]}},
            ),
        ],
    }

    def assert_statuses(self, *expected: tuple[str, int]) -> None:
        """
        What Alice gets on these routes once she is signed in: an application's answer, or 403 that stays.
        """
        self.provider.alterations["userinfo"] = lambda claims: {**claims, "address": {"town": "Oxford"}}
        alice = self.browser()
        self.sign_in(alice)
        for name, status in expected:
            with self.subTest(route=name):
                self.assertEqual(alice.get(f"https://{name}.example.com/").status, status)

    def test_94_deny_beats_allow(self) -> None:
        """
        Deny beats allow; where there is no rule, or only one that denies, the answer is 403.
        """
        self.assert_statuses(("allow", 200), ("deny", 403), ("no-rule", 403), ("only-deny", 403))
        bob = self.browser()
        self.sign_in(bob, person="bob")
        self.assertEqual(bob.get("https://deny.example.com/").status, 200)
        self.assertEqual(self.status_of("https://no-rule.example.com/"), 403)

    def test_95_not_and_nor(self) -> None:
        """
        ``not`` is none of them, ``nor`` is not all of them; nobody is sent to sign in first, for either.
        """
        self.assert_statuses(("not", 200), ("not-her", 403), ("nor", 200), ("nor-her", 403))
        for name in ("not", "nor"):
            self.assertEqual(self.status_of(f"https://{name}.example.com/"), 302)

    def test_96_claims(self) -> None:
        """
        Claims are flattened, for ``allowed_idp_claims`` as for the criterion ``claim``.
        """
        self.assert_statuses(("claims", 200), ("claim", 200), ("other-claim", 403))

    def test_98_preflight(self) -> None:
        """
        ``cors_allow_preflight`` lets OPTIONS through without a session, and only a preflight.
        """
        url = "https://preflight.example.com/api"
        asks = {"Origin": "https://page.example.org", "Access-Control-Request-Method": "PUT"}
        self.assertEqual(self.browser().once("OPTIONS", url, asks).status, 200)
        self.assertTrue(self.app.take().startswith(b"OPTIONS /api HTTP/1.1\r\n"))
        for method, fields, name in (
            ("GET", asks, "preflight"),
            ("OPTIONS", {"Origin": "https://page.example.org"}, "preflight"),
            ("OPTIONS", asks, "allow"),
        ):
            with self.subTest(method=method, fields=list(fields), route=name):
                answer = self.browser().once(method, url.replace("preflight", name), fields)
                self.assertIn(answer.status, (302, 401))
                self.assertEqual(self.app.take(), b"")

    def test_99_public_by_policy(self) -> None:
        """
        A route that accepts everybody serves anonymous people; one that also denies a person wants to know who it is.
        """
        self.assertEqual(self.status_of("https://public.example.com/"), 200)
        self.assertEqual(self.status_of("https://public-but.example.com/"), 302)
        self.assert_statuses(("public", 200), ("public-but", 403))


class MatchingTests(CheckTestCase):
    """
    Routes of one host.
    """

    settings = {
        "routes": [
            _route("app", "app", prefix="/admin", allow_public_unauthenticated_access=True),
            _route("app", "chat", allow_public_unauthenticated_access=True),
            _route("app", "denied", prefix="/admin/deep", allow_public_unauthenticated_access=True),
            _route("chat", "open", path="/only", allow_public_unauthenticated_access=True),
        ]
    }

    def test_100_first_route(self) -> None:
        """
        An unknown host is 404, and so is a path that no route of a host is for; of several routes that match, the first
        configured one wins.
        """
        for url, name in (
            (APP + "/admin", "app"),
            (APP + "/administrator", "app"),
            (APP + "/admin/deep", "app"),
            (APP + "/", "chat"),
            (CHAT + "/only?x=1", "open"),
        ):
            with self.subTest(url=url):
                self.assertEqual(self.browser().once("GET", url).status, 200)
                heard = [key for key, application in self.applications.items() if application.take()]
                self.assertEqual(heard, [name])
        for url in (CHAT + "/", CHAT + "/only/", "https://nobody.example.com/", "https://example.com/"):
            with self.subTest(url=url):
                self.assertEqual(self.browser().once("GET", url).status, 404)
