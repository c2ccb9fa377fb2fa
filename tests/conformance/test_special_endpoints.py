"""
Checks 74 to 81: paths that are ours on every host.
"""

from __future__ import annotations

import hashlib
import json

from tests.conformance.case import CheckTestCase, location_of
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, DENIED, OPEN

_ROBOTS = "User-agent: *\nDisallow: /\n"


class ProbeTests(CheckTestCase):
    """
    Whether somebody is here.
    """

    def test_74_probes(self) -> None:
        """
        ``/ping`` and ``/healthz``: GET 200 OK, HEAD empty, POST 405, no auth, any host.
        """
        for host in (APP, DENIED, AUTHENTICATE, "https://nobody.example.org", "https://192.0.2.7"):
            for path in ("/ping", "/healthz"):
                with self.subTest(host=host, path=path):
                    got = self.browser().once("GET", host + path)
                    self.assertEqual((got.status, got.text), (200, "OK\n"))
                    self.assertTrue((got.get("Content-Type") or "").startswith("text/plain"))
                    head = self.browser().once("HEAD", host + path)
                    self.assertEqual((head.status, head.content), (200, b""))
                    self.assertEqual(self.browser().once("POST", host + path).status, 405)
        self.assertEqual([application.take() for application in self.applications.values()], [b""] * 4)


class RouteHostTests(CheckTestCase):
    """
    The pages on a route host.
    """

    def test_75_page(self) -> None:
        """
        ``/.pomerium`` is a 301 to ``/.pomerium/``; that page is 200, with a session and without.
        """
        alice = self.browser()
        self.sign_in(alice)
        for browser, words in ((alice, "Alice Liddell"), (self.browser(), "You are not signed in")):
            moved = browser.get(APP + "/.pomerium", follow=False)
            self.assertEqual((moved.status, location_of(moved)), (301, APP + "/.pomerium/"))
            page = browser.get(APP + "/.pomerium/", follow=False)
            self.assertEqual(page.status, 200)
            self.assertIn(words, page.text)

    def test_76_user(self) -> None:
        """
        ``/.pomerium/user``: 401 or 302 without a session; JSON without iss, aud, exp, iat, jti with one.
        """
        url = APP + "/.pomerium/user"
        nobody, alice = self.browser(), self.browser()
        self.assertEqual(nobody.fetch(url).status, 401)
        self.assertTrue(location_of(nobody.get(url, follow=False)).startswith(AUTHENTICATE + "/.pomerium/sign_in?"))
        self.sign_in(alice)
        response = alice.fetch(url)
        self.assertEqual((response.status, response.get("Content-Type")), (200, "application/json"))
        claims = json.loads(response.text)
        self.assertEqual(claims.pop("sid"), self.handle(self.handle_of(alice, APP)).session_id)
        self.assertEqual(
            claims,
            {
                "sub": "248289761001",
                "user": "248289761001",
                "email": "alice@example.com",
                "groups": ["engineering", "staff"],
                "name": "Alice Liddell",
            },
        )
        alice.get(APP + "/.pomerium/sign_out", site="same-origin")
        self.assertEqual(alice.fetch(url).status, 401)

    def test_79_unknown(self) -> None:
        """
        An unknown ``/.pomerium/x`` is 404, not proxied; neither on a public route nor behind dots and slashes.
        """
        alice = self.browser()
        self.sign_in(alice)
        self.app.take()
        for origin in (APP, OPEN, AUTHENTICATE):
            for path in ("/.pomerium/x", "/.pomerium/x/y", "//.pomerium/x", "/a/../.pomerium/x", "/%2epomerium/x"):
                with self.subTest(origin=origin, path=path):
                    response = alice.once("GET", origin + path)
                    self.assertEqual(response.status, 404)
                    self.assertEqual(response.get("X-Pomerium-Intercepted-Response"), "true")
        self.assertEqual([application.take() for application in self.applications.values()], [b""] * 4)

    def test_80_robots(self) -> None:
        """
        ``/robots.txt`` of a protected route, anonymous: 200, disallow; who is let in gets the application's own.
        """
        for origin in (APP, CHAT, DENIED, AUTHENTICATE):
            with self.subTest(origin=origin):
                response = self.browser().once("GET", origin + "/robots.txt")
                self.assertEqual((response.status, response.text), (200, _ROBOTS))
        alice = self.browser()
        self.sign_in(alice)
        self.assertEqual(alice.get(APP + "/robots.txt").text, "ok")
        self.assertEqual(self.browser().get(OPEN + "/robots.txt").text, "ok")


class PublishedTests(CheckTestCase):
    """
    What everybody may read.
    """

    def test_77_well_known(self) -> None:
        """
        ``/.well-known/pomerium`` is JSON with CORS ``*``; on each host the sign-out is its own (overruled: on the
        authenticate host everything is its own).
        """
        for origin in (APP, CHAT, AUTHENTICATE):
            for path in ("/.well-known/pomerium", "/.well-known/pomerium/"):
                with self.subTest(origin=origin, path=path):
                    response = self.browser().once("GET", origin + path, {"Origin": "https://other.example.org"})
                    self.assertEqual((response.status, response.get("Content-Type")), (200, "application/json"))
                    self.assertEqual(response.get("Access-Control-Allow-Origin"), "*")
                    self.assertEqual(response.get("X-Content-Type-Options"), "nosniff")
                    self.assertLessEqual(
                        {
                            "authentication_callback_endpoint": AUTHENTICATE + "/oauth2/callback",
                            "jwks_uri": origin + "/.well-known/pomerium/jwks.json",
                            "frontchannel_logout_uri": origin + "/.pomerium/sign_out",
                        }.items(),
                        json.loads(response.text).items(),
                    )

    def test_78_jwks(self) -> None:
        """
        The JWK Set: an ES256 P-256 key, kid = thumbprint, max-age=60, ETag and 304, preflight, also under a doubled
        slash.
        """
        for url in (
            APP + "/.well-known/pomerium/jwks.json",
            APP + "//.well-known/pomerium/jwks.json",
            AUTHENTICATE + "/.well-known/pomerium/jwks.json",
        ):
            with self.subTest(url=url):
                response = self.browser().once("GET", url)
                self.assertEqual((response.status, response.get("Content-Type")), (200, "application/json"))
                self.assertEqual(response.get("Cache-Control"), "max-age=60")
                self.assertEqual(response.get("Access-Control-Allow-Origin"), "*")
                (key,) = json.loads(response.text)["keys"]
                self.assertEqual(
                    (key["use"], key["kty"], key["alg"], key["crv"]),
                    ("sig", "EC", "ES256", "P-256"),
                )
                members = {name: key[name] for name in ("crv", "kty", "x", "y")}
                canonical = json.dumps(members, sort_keys=True, separators=(",", ":")).encode()
                self.assertEqual(key["kid"], hashlib.sha256(canonical).hexdigest())
                etag = response.get("ETag") or ""
                self.assertTrue(etag.startswith('"'))
                again = self.browser().once("GET", url, {"If-None-Match": etag})
                self.assertEqual((again.status, again.content), (304, b""))
                preflight = self.browser().once(
                    "OPTIONS", url, {"Origin": "https://x.example.org", "Access-Control-Request-Method": "GET"}
                )
                self.assertEqual(preflight.status, 204)
                self.assertEqual(preflight.get("Access-Control-Allow-Origin"), "*")

    def test_81_root(self) -> None:
        """
        ``A/`` is a 302 to ``/.pomerium/``.
        """
        response = self.browser().get(AUTHENTICATE + "/", follow=False)
        self.assertEqual((response.status, location_of(response)), (302, AUTHENTICATE + "/.pomerium/"))
