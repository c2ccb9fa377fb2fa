"""
The sign-out exists on every route host, whatever its routes are, and for whoever comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, CONFIG, DENIED, OPEN

SIGN_OUT = "/.pomerium/sign_out"


def flags(field: str) -> set[str]:
    """
    The attributes of a ``Set-Cookie`` field that tell one cookie from another.
    """
    pieces = (piece.strip() for piece in field.split(";")[1:])
    return {piece for piece in pieces if not piece.startswith(("Expires", "Max-Age"))}


class EveryRouteHostTests(TrafficTestCase):
    """
    Hosts with a prefix, without access, and public ones.
    """

    settings: Mapping[str, Any] = {
        "routes": [{**CONFIG["routes"][0], "prefix": "/only/here"}, *CONFIG["routes"][1:]],
    }

    def test_host_with_a_prefix(self) -> None:
        """
        A host whose only route has a prefix has the sign-out all the same; nothing else of it is there.
        """
        alice = self.browser()
        self.sign_in(alice, APP + "/only/here/x")
        self.assertEqual(alice.get(APP + "/elsewhere").status, 404)
        page = self.sign_out(alice, follow=True)
        self.assertIn("signed out everywhere", page.text)
        self.assertEqual(self.house.registry.count, 0)

    def test_host_without_access(self) -> None:
        """
        Whoever has no access to an application can sign out there: no policy applies.
        """
        alice = self.browser()
        self.assertEqual(self.sign_in(alice, DENIED + "/").status, 403)
        self.sign_out(alice, DENIED)
        self.assertEqual((self.house.registry.count, self.applications["denied"].take()), (0, b""))

    def test_public_host(self) -> None:
        """
        On a public host the handle that is presented is what ends.
        """
        alice = self.browser()
        self.sign_in(alice, CHAT + "/")
        cookie = {"Cookie": f"_pomerium={self.handle_of(alice, CHAT)}", "Sec-Fetch-Site": "none"}
        navigated = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        answer = self.browser().once("GET", OPEN + SIGN_OUT, {**cookie, **navigated})
        self.assertEqual((answer.status, self.house.registry.count), (302, 0))
        self.assertEqual(self.applications["open"].take(), b"")

    def test_unknown_host(self) -> None:
        """
        On a host that nobody has configured there is none, and nothing ends.
        """
        alice = self.browser()
        self.sign_in(alice, CHAT + "/")
        cookie = {"Cookie": f"_pomerium={self.handle_of(alice, CHAT)}"}
        for host in ("https://unknown.example.com", "https://example.com", "https://10.0.0.1"):
            self.assertEqual(self.browser().once("POST", host + SIGN_OUT, cookie).status, 404)
        self.assertEqual(self.house.registry.count, 1)


class CookieOptionTests(TrafficTestCase):
    """
    With ``cookie_*`` options.
    """

    settings: Mapping[str, Any] = {
        "cookie_name": "_sso",
        "cookie_domain": "example.com",
        "cookie_same_site": "Lax",
        "cookie_http_only": False,
    }

    def test_set_and_cleared_alike(self) -> None:
        """
        Every session cookie is cleared with the name, path, domain and flags that it was set with.
        """
        alice = self.browser()
        given: dict[str, str] = {}
        cleared: dict[str, str] = {}
        keep = alice.keep

        def listen(url: str, field: str) -> None:
            (cleared if "Max-Age=0" in field else given)[field.partition("=")[0]] = field
            keep(url, field)

        alice.keep = listen  # type: ignore[method-assign] # this test's double
        self.assertEqual(self.sign_in(alice).status, 200)
        page = self.sign_out(alice, follow=True)
        self.assertTrue(page.url.startswith(AUTHENTICATE))
        for name in ("_sso", "_sso_authenticate"):
            with self.subTest(name):
                self.assertEqual(flags(cleared[name]), flags(given[name]))
                self.assertIn("Domain=example.com", flags(given[name]))
        self.assertEqual([key for key in alice.jar if key[1] in ("_sso", "_sso_authenticate")], [])

    def test_held(self) -> None:
        """
        The hold works under another cookie name as well.
        """
        self.provider.always_confirm_logout = True
        alice = self.browser()
        self.sign_in(alice)
        self.sign_out(alice, follow=True)
        self.assertIn("_sso_hold", [key[1] for key in alice.jar])
        self.assertIn("You signed out at ", alice.get(CHAT + "/").text)
