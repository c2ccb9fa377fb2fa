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
