"""
Where the person lands after signing out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from tests.scenarios.browser import Browser, Response
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, DENIED, OP

SIGN_OUT = "/.pomerium/sign_out"
SIGNED_OUT = AUTHENTICATE + "/.pomerium/signed_out"
BYE, LISTED = "https://www.example.org", "https://bye.example.net:8443"


class RedirectRuleTests(TrafficTestCase):
    """
    Which ``pomerium_redirect_uri`` is honoured.
    """

    settings: Mapping[str, Any] = {
        "signout_redirect_url": BYE + "/goodbye?x=1",
        "sign_out_redirect_allowlist": [LISTED],
    }
    honoured = (
        APP + "/",
        APP + "/path?query=%20#part",
        APP,
        "https://APP.example.com:443/x",
        CHAT + "/",
        DENIED + "/x",
        AUTHENTICATE + "/.pomerium/",
        BYE + "/another/place",
        LISTED + "/x",
    )
    ignored = (
        "",
        "/x",
        "x",
        "//app.example.com/",
        "https:app.example.com",
        "https:///app.example.com/",
        "http://app.example.com/",
        "https://app.example.com.evil.example/",
        "https://evilapp.example.com/",
        "https://example.com/",
        "https://app.example.com@evil.example/",
        "https://user@app.example.com/",
        "https://evil.example\\@app.example.com/",
        "https://app.example.com\\@evil.example/",
        "https:\\\\app.example.com/",
        APP + "/\r\nSet-Cookie: x=y",
        APP + "/\x00",
        APP + "/\t",
        APP + "/a b",
        " " + APP,
        "javascript:alert(1)",
        "data:text/html,x",
        "https://bye.example.net/x",
        "http://bye.example.net:8443/x",
        "https://evil.example/?" + APP,
    )

    def lands(self, query: str) -> str:
        """
        Where alice is after signing out with that query: the first page that is neither on the way nor at the OP.
        """
        alice = self.browser()
        self.sign_in(alice)
        url = f"{APP}{SIGN_OUT}{query}"
        for _ in range(4):
            answer = alice.get(url, site="same-origin", follow=False)
            assert answer.status in (302, 303), (answer.status, url)
            url = answer.get("Location") or ""
            if not url.startswith(OP) and "/.pomerium/sign" not in url:
                return url
            if url == SIGNED_OUT:
                return url
        raise AssertionError("nowhere")

    def test_honoured(self) -> None:
        """
        One of a configured route, of A, of `signout_redirect_url` or of the allow list is, byte for byte.
        """
        for target in self.honoured:
            with self.subTest(target):
                self.assertEqual(self.lands("?" + urlencode({"pomerium_redirect_uri": target})), target)

    def test_ignored(self) -> None:
        """
        Any other is ignored and is no error: the person lands at `signout_redirect_url`.
        """
        for target in self.ignored:
            with self.subTest(target):
                query = "?" + urlencode({"pomerium_redirect_uri": target})
                self.assertEqual(self.lands(query), BYE + "/goodbye?x=1")

    def test_none(self) -> None:
        """
        Without one the person lands at `signout_redirect_url`.
        """
        self.assertEqual(self.lands(""), BYE + "/goodbye?x=1")

    def test_in_a_form(self) -> None:
        """
        In a form it counts like in the query.
        """
        alice = self.browser()
        self.sign_in(alice)
        answer = alice.post(APP + SIGN_OUT, {"pomerium_redirect_uri": CHAT + "/bye"}, follow=False)
        self.assertEqual(answer.status, 302)
        page = alice.get(answer.get("Location") or "", site="same-site")
        self.assertIn(CHAT + "/bye", (*page.trail, page.url))

    def test_without_a_session(self) -> None:
        """
        The same holds when there was no session to end.
        """
        for target, lands in ((CHAT + "/bye", True), ("https://evil.example/", False)):
            with self.subTest(target):
                url = f"{APP}{SIGN_OUT}?pomerium_redirect_uri={quote(target, safe='')}"
                location = self.browser().get(url, site="same-origin", follow=False).get("Location") or ""
                self.assertEqual(quote(target, safe="") in location, lands)

    def test_twice(self) -> None:
        """
        Two of them are an attempt at something: whatever is answered, it says what is true, and nobody goes to evil.
        """
        alice = self.browser()
        self.sign_in(alice)
        query = urlencode([("pomerium_redirect_uri", APP + "/"), ("pomerium_redirect_uri", "https://evil.example/")])
        answer = alice.get(f"{APP}{SIGN_OUT}?{query}", site="same-origin", follow=False)
        self.assertEqual(self.house.registry.count, 0 if answer.status == 302 else 1)
        self.assertNotIn("evil", answer.get("Location") or "")

    def test_one_liner(self) -> None:
        """
        The one-liner of the documentation works as printed: the address of the page itself, not encoded.
        """
        self.assertEqual(self.lands(f"?pomerium_redirect_uri={APP}/home"), APP + "/home")


class AnyAbsoluteTests(TrafficTestCase):
    """
    With the runtime flag ``allow_any_sign_out_redirect_uri``.
    """

    settings: Mapping[str, Any] = {"runtime_flags": {"allow_any_sign_out_redirect_uri": True}}

    def test_any(self) -> None:
        """
        Any absolute http(s) URL that is written strictly is honoured, and still no other.
        """
        for target, lands in (
            ("https://anywhere.example/x", True),
            ("http://anywhere.example/", True),
            ("https://u@anywhere.example/", False),
            ("https://any\\where.example/", False),
            ("ftp://anywhere.example/", False),
            ("//anywhere.example/", False),
            ("javascript:alert(1)", False),
        ):
            with self.subTest(target):
                alice = self.browser()
                self.sign_in(alice)
                url = f"{APP}{SIGN_OUT}?{urlencode({'pomerium_redirect_uri': target})}"
                page = alice.get(url, site="same-origin")
                self.assertEqual(page.url == target, lands)
                if not lands:
                    self.assertTrue(page.url.startswith(SIGNED_OUT))


class ReloadedTests(TrafficTestCase):
    """
    A rule that changes while a person is on the way.
    """

    def depart(self) -> tuple[Browser, Response]:
        """
        Sign out towards a place that is allowed, as far as the OP.
        """
        self.provider.always_confirm_logout = True
        self.house.reload(self.read(sign_out_redirect_allowlist=[LISTED]))
        alice = self.both()
        url = f"{APP}{SIGN_OUT}?{urlencode({'pomerium_redirect_uri': LISTED + '/x'})}"
        return alice, alice.get(url, site="same-origin")

    def test_not_allowed_any_more(self) -> None:
        """
        What was allowed when the person left is nowhere to send them when they come back, if it is not allowed by then.
        """
        for changes, expected in (
            ({"sign_out_redirect_allowlist": [LISTED]}, LISTED + "/x"),
            ({}, None),
            ({"signout_redirect_url": BYE + "/goodbye"}, BYE + "/goodbye"),
        ):
            with self.subTest(changes):
                self.setUp()
                alice, at_op = self.depart()
                self.house.reload(self.read(**changes))
                action, fields = at_op.form(0, "Sign out")
                back = alice.post(action, fields, follow=False).get("Location") or ""
                answer = alice.get(back, site="cross-site", follow=False)
                self.assertEqual((answer.status, answer.get("Location")), (303 if expected else 200, expected))
