"""
Who may sign a user out: the first matching rule decides, on the route hosts and on the authenticate host.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.scenarios.browser import Browser, Response
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CONFIG, OP

SIGN_OUT = "/.pomerium/sign_out"


def metadata(site: str, mode: str, dest: str, **others: str) -> dict[str, str]:
    """
    Fetch Metadata, and further fields.
    """
    sent = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
    return {**sent, **{name.replace("_", "-"): value for name, value in others.items()}}


JSON = "application/json"
TABLE: list[tuple[str, Mapping[str, str], str]] = [
    # 2. Prefetch.
    ("GET", metadata("same-origin", "navigate", "document", Sec_Purpose="prefetch"), "later"),
    ("GET", metadata("none", "navigate", "document", Sec_Purpose="prefetch;prerender"), "later"),
    ("GET", metadata("same-origin", "no-cors", "empty", Purpose="prefetch"), "later"),
    ("GET", {"X-Purpose": "preview"}, "later"),
    ("GET", {"X-Moz": "prefetch"}, "later"),
    ("POST", metadata("same-origin", "cors", "empty", Purpose="Prefetch"), "later"),
    # 4. From elsewhere.
    *[
        row
        for site in ("cross-site", "same-site", "something-new", "", "none, none", "SAME-ORIGIN")
        for row in (
            ("GET", metadata(site, "navigate", "document"), "ask"),
            ("GET", metadata(site, "navigate", "document", Sec_Fetch_User="?1"), "ask"),
            ("GET", metadata(site, "navigate", "empty"), "ask"),
            ("POST", metadata(site, "navigate", "document"), "ask"),
            ("GET", metadata(site, "navigate", "document", Accept=JSON), "no, JSON"),
            ("GET", metadata(site, "no-cors", "image"), "no"),
            ("GET", metadata(site, "no-cors", "script"), "no"),
            ("POST", metadata(site, "no-cors", "empty"), "no"),
            ("POST", metadata(site, "cors", "empty"), "no"),
            ("POST", metadata(site, "cors", "empty", Accept=JSON), "no"),
            ("POST", metadata(site, "cors", "empty", X_Requested_With="x"), "no"),
            ("GET", metadata(site, "navigate", "object"), "no"),
            ("GET", metadata(site, "navigate", "frame"), "no"),
        )
    ],
    ("GET", metadata("cross-site", "navigate", "iframe"), "nothing"),
    ("GET", metadata("same-site", "navigate", "iframe"), "no"),
    ("GET", metadata("cross-site", "navigate", "document", Origin=APP, Referer=APP + "/"), "ask"),
    # 5. From our own page, or by the address bar.
    *[
        row
        for site in ("same-origin", "none")
        for row in (
            ("GET", metadata(site, "navigate", "document"), "now"),
            ("GET", metadata(site, "navigate", "empty"), "now"),
            ("POST", metadata(site, "navigate", "document"), "now"),
            ("GET", metadata(site, "navigate", "document", Origin="https://evil.example"), "now"),
            ("POST", metadata(site, "cors", "empty"), "now, JSON"),
            ("POST", metadata(site, "same-origin", "empty"), "now, JSON"),
            ("GET", metadata(site, "cors", "empty", Accept=JSON), "now, JSON"),
            ("GET", metadata(site, "cors", "empty", X_Requested_With="XMLHttpRequest"), "now, JSON"),
            ("GET", metadata(site, "cors", "empty"), "no"),
            ("GET", metadata(site, "cors", "empty", Accept="*/*"), "no"),
            ("GET", metadata(site, "no-cors", "image"), "no"),
            ("GET", metadata(site, "no-cors", "script"), "no"),
            ("GET", metadata(site, "navigate", "iframe"), "no"),
            ("POST", metadata(site, "no-cors", "empty"), "no"),
            ("GET", metadata(site, "cors", "empty", Accept="text/event-stream"), "no"),
            ("GET", metadata(site, "websocket", "websocket"), "no"),
        )
    ],
    # 6. No Fetch Metadata.
    ("GET", {"Origin": APP}, "now"),
    ("POST", {"Origin": APP}, "now"),
    ("POST", {"Origin": "https://evil.example"}, "ask"),
    ("POST", {"Origin": "null"}, "ask"),
    ("POST", {"Origin": APP + ".evil.example"}, "ask"),
    ("POST", {"Origin": "https://chat.example.com"}, "ask"),
    ("POST", {"Origin": "http://app.example.com"}, "ask"),
    ("POST", {"Origin": APP + ":8443"}, "ask"),
    ("POST", {"Origin": "https://evil.example", "Referer": APP + "/"}, "ask"),
    ("POST", {"Origin": "https://evil.example", "Accept": JSON}, "no, JSON"),
    ("GET", {"Referer": APP + "/page?x"}, "now"),
    ("GET", {"Referer": "https://evil.example/"}, "ask"),
    ("GET", {"Referer": APP + ".evil.example/"}, "ask"),
    ("GET", {"Referer": "https://app.example.com@evil.example/"}, "ask"),
    ("GET", {"Referer": "about:blank"}, "ask"),
    ("GET", {}, "now"),
    ("POST", {}, "now"),
]


class RouteHostTests(TrafficTestCase):
    """
    On a route host.
    """

    def outcome(self, answer: Response) -> str:
        """
        What the answer says has been done.
        """
        self.assertEqual(answer.get("Cache-Control"), "no-store")
        location = answer.get("Location") or ""
        is_json = (answer.get("Content-Type") or "").startswith(JSON)
        if answer.status == 302 and location.startswith(f"{AUTHENTICATE}{SIGN_OUT}?pomerium_ended="):
            return "now"
        if answer.status == 302 and location.startswith(f"{AUTHENTICATE}{SIGN_OUT}?pomerium_confirm="):
            return "ask"
        if answer.status == 200 and is_json:
            self.assertEqual(json.loads(answer.text)["sessions_ended"], 1)
            self.assertTrue(json.loads(answer.text)["end_session_url"].startswith(AUTHENTICATE + SIGN_OUT))
            return "now, JSON"
        if answer.status == 200:
            self.assertNotIn("<a", answer.text)
            self.assertNotIn("<form", answer.text)
            self.assertIsNone(answer.get("X-Frame-Options"))
            return "nothing"
        if answer.status == 503:
            return "later"
        self.assertEqual(answer.status, 403)
        return "no, JSON" if is_json else "no"

    def test_table(self) -> None:
        """
        Every row: what is answered, and that nothing has ended unless the answer says so.
        """
        alice = self.browser()
        for method, fields, expected in TABLE:
            with self.subTest(method=method, fields=fields):
                if not self.house.registry.count:
                    alice = self.browser()
                    self.sign_in(alice)
                handle = self.handle_of(alice, APP)
                answer = alice.once(method, APP + SIGN_OUT, fields)
                outcome = self.outcome(answer)
                if expected == "no" and "Accept" in fields:
                    outcome = outcome.removesuffix(", JSON")
                self.assertEqual(outcome, expected)
                has_ended = outcome.startswith("now")
                self.assertEqual(self.replay(handle, APP).status, 302 if has_ended else 200)
                cleared = [field for field in answer.get_all("Set-Cookie") if field.startswith("_pomerium=")]
                self.assertEqual(len(cleared), 1 if has_ended else 0)

    def test_methods(self) -> None:
        """
        Other methods, HEAD too, are refused with `Allow`, and end nothing, whatever else they bring.
        """
        for method in ("HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "get", "POST2"):
            for host in (APP, AUTHENTICATE):
                with self.subTest(method, host=host):
                    alice = self.browser()
                    self.sign_in(alice)
                    agent = alice.open(method, host + SIGN_OUT, "Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate")
                    answered = agent.take()
                    self.assertTrue(answered.startswith((b"HTTP/1.1 405 ", b"HTTP/1.1 501 ")), answered[:40])
                    if b" 405 " in answered[:13]:
                        self.assertIn(b"\r\nAllow: GET, POST\r\n", answered)
                    self.assertEqual(alice.get(APP + "/").status, 200)

    def test_method_before_prefetch(self) -> None:
        """
        The first matching rule decides: a HEAD that is a prefetch is refused as a HEAD.
        """
        alice = self.browser()
        self.sign_in(alice)
        agent = alice.open("HEAD", APP + SIGN_OUT, "Sec-Purpose: prefetch")
        self.assertIn(b" 405 ", agent.take()[:13])

    def test_handle_in_header(self) -> None:
        """
        A handle in a header and none in a cookie signs out at once with JSON: no page of another site can send it.
        """
        for fields in ({}, metadata("cross-site", "cors", "empty"), {"Origin": "https://evil.example"}):
            for name, prefix in (("Authorization", "Pomerium "), ("X-Pomerium-Authorization", "")):
                with self.subTest(name, fields=fields):
                    alice = self.browser()
                    self.sign_in(alice)
                    handle = self.handle_of(alice, APP)
                    answer = self.browser().once("GET", APP + SIGN_OUT, {name: prefix + handle, **fields})
                    self.assertEqual(self.outcome(answer), "now, JSON")
                    self.assertEqual(self.replay(handle, APP).status, 302)

    def test_handle_in_header_beside_cookie(self) -> None:
        """
        With a cookie as well the header is no pass: a cookie is what another site's request brings along.
        """
        alice = self.browser()
        self.sign_in(alice)
        fields = {"Authorization": f"Pomerium {self.handle_of(alice, APP)}", **metadata("cross-site", "cors", "empty")}
        self.assertEqual(self.outcome(alice.once("POST", APP + SIGN_OUT, fields)), "no")
        self.assertEqual(self.house.registry.count, 1)

    def test_handle_in_header_and_prefetch(self) -> None:
        """
        A prefetch is one even so.
        """
        alice = self.browser()
        self.sign_in(alice)
        fields = {"Authorization": f"Pomerium {self.handle_of(alice, APP)}", "Sec-Purpose": "prefetch"}
        self.assertEqual(self.outcome(self.browser().once("GET", APP + SIGN_OUT, fields)), "later")
        self.assertEqual(self.house.registry.count, 1)

    def test_iss_and_sid(self) -> None:
        """
        A request that names an OP's session goes by that and never by the cookies that come along.
        """
        alice = self.browser()
        self.sign_in(alice)
        for query in ("iss=x&sid=y", "iss=x", "sid=y", "sid=", "iss&sid", "%73id=y", f"iss={OP}&sid="):
            for host in (APP, AUTHENTICATE):
                with self.subTest(query, host=host):
                    answer = alice.get(f"{host}{SIGN_OUT}?{query}", site="same-origin", follow=False)
                    self.assertEqual(answer.status, 200)
                    self.assertNotIn("<form", answer.text)
                    self.assertEqual(answer.get_all("Set-Cookie"), [])
                    self.assertEqual(self.house.registry.count, 1)

    def test_iss_and_sid_in_post(self) -> None:
        """
        They count in GET only: in a POST they say nothing.
        """
        alice = self.browser()
        self.sign_in(alice)
        answer = alice.once("POST", f"{APP}{SIGN_OUT}?iss=x&sid=y", metadata("same-origin", "navigate", "document"))
        self.assertEqual(self.outcome(answer), "now")


class SameSiteNowTests(TrafficTestCase):
    """
    With ``sign_out_from_same_site: now``.
    """

    settings: Mapping[str, Any] = {"sign_out_from_same_site": "now"}

    def test_sibling(self) -> None:
        """
        A sibling host's link signs out at once; another site's does not.
        """
        for site, ended in (("same-site", 1), ("cross-site", 0)):
            with self.subTest(site):
                alice = self.browser()
                self.sign_in(alice)
                before = len(self.receipts())
                alice.get(APP + SIGN_OUT, site=site, follow=False)
                self.assertEqual(len(self.receipts()) - before, ended)


class PlainHttpTests(TrafficTestCase):
    """
    Over plain http.
    """

    settings: Mapping[str, Any] = {
        "authenticate_service_url": "http://authenticate.localhost",
        "routes": [{**CONFIG["routes"][0], "from": "http://app.localhost"}],
    }

    def test_loopback(self) -> None:
        """
        Nothing at all reads *now* on a loopback name, which is the only kind that is served over plain http.
        """
        for fields, is_now in (
            ({}, True),
            ({"Referer": "http://app.localhost/"}, True),
            ({"Origin": "http://app.localhost"}, True),
            ({"Origin": "http://chat.localhost"}, False),
            ({"Origin": "https://app.localhost"}, False),
            ({"Referer": "http://app.localhost.evil.example/"}, False),
        ):
            with self.subTest(fields):
                answer = self.browser().once("GET", "http://app.localhost" + SIGN_OUT, fields)
                self.assertEqual(answer.status, 302)
                self.assertEqual("pomerium_confirm=" in (answer.get("Location") or ""), not is_now)


class AuthenticateHostTests(TrafficTestCase):
    """
    On A *now* needs the token, or the reference.
    """

    def signed_in(self) -> Browser:
        """
        A browser with a session.
        """
        browser = self.browser()
        self.sign_in(browser)
        return browser

    def token(self, browser: Browser) -> str:
        """
        A token as scripts of A get it.
        """
        answer = browser.fetch(AUTHENTICATE + "/.well-known/pomerium")
        self.assertEqual(answer.get("Cache-Control"), "no-store")
        self.assertNotIn("csrf", (answer.get("Access-Control-Expose-Headers") or "").lower())
        return answer.get("X-CSRF-Token") or ""

    def test_without_token(self) -> None:
        """
        Without the token no row of the table ends anything; a navigation gets a page that nobody can frame.
        """
        alice = self.signed_in()
        for method, row, expected in TABLE:
            fields = {name: value.replace(APP, AUTHENTICATE) for name, value in row.items()}
            with self.subTest(method=method, fields=fields):
                before = dict(alice.jar)
                answer = alice.once(method, AUTHENTICATE + SIGN_OUT, fields)
                status = {"later": 503, "no": 403, "no, JSON": 403, "now, JSON": 403}.get(expected, 200)
                self.assertEqual(answer.status, status)
                self.assertEqual(self.house.registry.count, 1)
                changed = {key[1] for key in alice.jar if alice.jar[key] != before.get(key)}
                self.assertLessEqual(changed, {"_pomerium_csrf"})
                if expected in ("now", "ask"):
                    self.assertIn("<form", answer.text)
                    self.assertEqual(answer.get("X-Frame-Options"), "DENY")
                    self.assertIn("frame-ancestors 'none'", answer.get("Content-Security-Policy") or "")

    def test_with_token(self) -> None:
        """
        With it, in the field or as a parameter, *now* is now; what comes from elsewhere is asked or refused all the
        same.
        """
        alice = self.browser()
        for method, row, expected in TABLE:
            fields = {name: value.replace(APP, AUTHENTICATE) for name, value in row.items()}
            for place in ("header", "query"):
                with self.subTest(method=method, fields=fields, place=place):
                    if not self.house.registry.count:
                        alice = self.signed_in()
                    before = self.house.registry.count
                    url, sent = AUTHENTICATE + SIGN_OUT, dict(fields)
                    if place == "header":
                        sent["X-CSRF-Token"] = self.token(alice)
                    else:
                        url += "?_pomerium_csrf=" + self.token(alice)
                    answer = alice.once(method, url, sent)
                    ended = before - self.house.registry.count
                    self.assertEqual(ended, 1 if expected.startswith("now") else 0)
                    if expected == "now":
                        self.assertEqual(answer.status, 302 if method == "GET" else 303)
                        self.assertTrue((answer.get("Location") or "").startswith(OP + "/end-session?"))
                    elif expected == "now, JSON":
                        self.assertIn("routes", json.loads(answer.text))

    def test_whose_token(self) -> None:
        """
        Another browser's token, another session's, a made-up one, or one without its cookie is none.
        """
        alice, mallory = self.signed_in(), self.browser()
        self.sign_in(mallory, person="bob")
        hers = self.token(alice)
        fields = metadata("same-origin", "navigate", "document")
        for token in (self.token(mallory), hers[:-1], hers + "x", "", "x" * 64):
            answer = alice.once("POST", AUTHENTICATE + SIGN_OUT, {**fields, "X-CSRF-Token": token})
            self.assertEqual((answer.status, self.house.registry.count), (200, 2))
        del alice.jar["authenticate.example.com", "_pomerium_csrf", "/"]
        answer = alice.once("POST", AUTHENTICATE + SIGN_OUT, {**fields, "X-CSRF-Token": hers})
        self.assertEqual((answer.status, self.house.registry.count), (200, 2))

    def test_token_of_an_earlier_session(self) -> None:
        """
        The token is bound to the session: one from before a second sign-in ends nothing.
        """
        alice = self.signed_in()
        token = self.token(alice)
        alice.jar.pop(("authenticate.example.com", "_pomerium_authenticate", "/"))
        alice.jar.pop(("app.example.com", "_pomerium", "/"))
        self.sign_in(alice)
        fields = metadata("same-origin", "navigate", "document")
        alice.once("POST", AUTHENTICATE + SIGN_OUT, {**fields, "X-CSRF-Token": token})
        self.assertEqual(self.house.registry.count, 1)
