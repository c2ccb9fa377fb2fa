"""
Tests for `pomerium_tx.web.fetch_metadata`.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.web import fetch_metadata
from pomerium_tx.web.fetch_metadata import (
    SignOutRule,
    prefers_json,
    sign_out_rule,
    unauthenticated_is_401,
    unsafe_request_allowed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

OWN = "https://app.example.com"
PREFETCH, NOW, JSON = SignOutRule.PREFETCH, SignOutRule.NOW, SignOutRule.NOW_JSON
CONFIRM, NOTHING, FORBIDDEN = SignOutRule.CONFIRM, SignOutRule.NOTHING, SignOutRule.FORBIDDEN


def _header(fields: Mapping[str, str]) -> Callable[[str], str | None]:
    lower = {name.lower(): value for name, value in fields.items()}
    return lambda name: lower.get(name.lower())


def _sec(site: str | None, mode: str | None = None, dest: str | None = None, **others: str) -> dict[str, str]:
    fields = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
    given = {name: value for name, value in fields.items() if value is not None}
    return given | {name.replace("_", "-"): value for name, value in others.items()}


def _rule(
    fields: Mapping[str, str],
    *,
    method: str = "GET",
    https_or_loopback: bool = True,
    handle_in_header: bool = False,
    from_same_site_now: bool = False,
    own_origin: str = OWN,
) -> SignOutRule:
    return sign_out_rule(
        method,
        _header(fields),
        own_origin=own_origin,
        https_or_loopback=https_or_loopback,
        handle_in_header=handle_in_header,
        from_same_site_now=from_same_site_now,
    )


class SignOutRuleTests(SynchronousTestCase):
    """
    Tests for `sign_out_rule`, rule by rule.
    """

    PREFETCHES = (
        {"Sec-Purpose": "prefetch"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"Sec-Purpose": "prefetch;anonymous-client-ip"},
        {"Purpose": "prefetch"},
        {"Purpose": "Prefetch"},
        {"X-Purpose": "preview"},
        {"X-Moz": "prefetch"},
    )

    def test_prefetch(self) -> None:
        """
        Looking ahead never signs anybody out, whoever looks and whatever else the request says.
        """
        for fields in self.PREFETCHES:
            for others in ({}, _sec("same-origin", "navigate", "document"), _sec("cross-site", "no-cors", "image")):
                with self.subTest(fields=fields, others=others):
                    self.assertIs(_rule(fields | others), PREFETCH)
                    self.assertIs(_rule(fields | others, handle_in_header=True), PREFETCH)

    def test_other_purposes(self) -> None:
        """
        A purpose that is not to look ahead changes nothing.
        """
        for fields in ({"Purpose": ""}, {"X-Purpose": "instant"}, {"Sec-Purpose": "other"}):
            with self.subTest(fields=fields):
                self.assertIs(_rule(fields), NOW)

    def test_handle_in_header(self) -> None:
        """
        A program that presents its handle in a header is signed out and told in JSON, wherever it says it runs.
        """
        for fields in ({}, _sec("cross-site", "cors", "empty"), {"Origin": "https://evil.test"}, _sec("new")):
            for method in ("GET", "POST"):
                with self.subTest(fields=fields, method=method):
                    self.assertIs(_rule(fields, method=method, handle_in_header=True), JSON)
                    self.assertIs(_rule(fields, method=method, handle_in_header=True, https_or_loopback=False), JSON)

    FROM_ELSEWHERE = (
        ("navigate", "document", CONFIRM),
        ("navigate", "empty", CONFIRM),
        ("navigate", "iframe", None),
        ("navigate", "frame", FORBIDDEN),
        ("navigate", "embed", FORBIDDEN),
        ("navigate", "object", FORBIDDEN),
        ("navigate", "fencedframe", FORBIDDEN),
        ("navigate", "Document", FORBIDDEN),
        ("navigate", "unheard-of", FORBIDDEN),
        ("navigate", None, FORBIDDEN),
        ("Navigate", "document", FORBIDDEN),
        ("unheard-of", "document", FORBIDDEN),
        (None, "document", FORBIDDEN),
        (None, None, FORBIDDEN),
        ("no-cors", "image", FORBIDDEN),
        ("no-cors", "script", FORBIDDEN),
        ("no-cors", "iframe", FORBIDDEN),
        ("no-cors", "empty", FORBIDDEN),
        ("cors", "empty", FORBIDDEN),
        ("same-origin", "empty", FORBIDDEN),
        ("websocket", "websocket", FORBIDDEN),
    )

    def test_from_elsewhere(self) -> None:
        """
        Another site can only send a person to be asked; what it loads by itself is refused.
        """
        sites = ["cross-site", "same-site", "", "unheard-of", "Same-Origin", "NONE", "same-origin, same-origin"]
        extras: list[dict[str, str]] = [
            {},
            {"Accept": "application/json", "X-Requested-With": "XMLHttpRequest"},
            # Where Sec-Fetch-Site is present, these are not looked at.
            {"Origin": OWN, "Referer": OWN + "/"},
        ]
        for site, (mode, dest, expected), extra, method in product(sites, self.FROM_ELSEWHERE, extras, ("GET", "POST")):
            # A frame at an OP must see a page; a frame at a sibling host has no such reason.
            wanted = expected or (FORBIDDEN if site == "same-site" else NOTHING)
            with self.subTest(site=site, mode=mode, dest=dest, extra=extra, method=method):
                self.assertIs(_rule(_sec(site, mode, dest) | extra, method=method), wanted)

    DELIBERATE: tuple[tuple[str, dict[str, str]], ...] = (
        ("POST", {}),
        ("GET", {"Accept": "application/json"}),
        ("GET", {"Accept": "application/json, text/plain, */*"}),
        ("GET", {"Accept": "Application/JSON;q=0.9"}),
        ("GET", {"X-Requested-With": "XMLHttpRequest"}),
        ("GET", {"X-Requested-With": ""}),
    )
    NOT_DELIBERATE: tuple[dict[str, str], ...] = (
        {},
        {"Accept": "*/*"},
        {"Accept": "application/*"},
        {"Accept": "application/json;q=0"},
        {"Accept": "application/jsonp"},
        {"Accept": "application/problem+json"},
        {"Accept": "text/html, application/json;q=0.5"},
        {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
    )

    def test_navigation_from_own_site(self) -> None:
        """
        A link, a typed address or a script's navigation on our own host signs out at once.
        """
        for site, dest, method in product(("same-origin", "none"), ("document", "empty"), ("GET", "POST")):
            with self.subTest(site=site, dest=dest, method=method):
                self.assertIs(_rule(_sec(site, "navigate", dest), method=method), NOW)
                foreign = _sec(site, "navigate", dest, Origin="null", Referer="https://evil.test/")
                self.assertIs(_rule(foreign, method=method, https_or_loopback=False), NOW)
                self.assertIs(_rule(_sec(site, "navigate", dest, Accept="application/json"), method=method), NOW)

    def test_script_from_own_site(self) -> None:
        """
        A script of our own host that means it is signed out and told in JSON.
        """
        for site, mode, (method, fields) in product(("same-origin", "none"), ("cors", "same-origin"), self.DELIBERATE):
            with self.subTest(site=site, mode=mode, method=method, fields=fields):
                self.assertIs(_rule(_sec(site, mode, "empty") | fields, method=method), JSON)

    def test_script_that_does_not_say_so(self) -> None:
        """
        A plain GET fetch ends nothing: it may be a service worker fetching an address again.
        """
        for mode, fields in product(("cors", "same-origin"), self.NOT_DELIBERATE):
            with self.subTest(mode=mode, fields=fields):
                self.assertIs(_rule(_sec("same-origin", mode, "empty") | fields), FORBIDDEN)

    NOT_A_PERSON = (
        ("no-cors", "image"),
        ("no-cors", "script"),
        ("no-cors", "empty"),
        ("navigate", "iframe"),
        ("navigate", "frame"),
        ("navigate", "unheard-of"),
        ("navigate", None),
        ("NAVIGATE", "document"),
        ("cors", "script"),
        ("cors", "document"),
        ("cors", None),
        ("Cors", "empty"),
        ("unheard-of", "empty"),
        ("websocket", "empty"),
        (None, "document"),
        (None, "empty"),
        (None, None),
    )

    def test_what_pages_load(self) -> None:
        """
        An image, script, frame, beacon or anything unheard-of on our own host is refused.
        """
        for site, (mode, dest), (method, fields) in product(
            ("same-origin", "none"), self.NOT_A_PERSON, self.DELIBERATE
        ):
            with self.subTest(site=site, mode=mode, dest=dest, method=method, fields=fields):
                self.assertIs(_rule(_sec(site, mode, dest) | fields, method=method), FORBIDDEN)

    def test_sibling_hosts_when_trusted(self) -> None:
        """
        With the setting, a sibling host is as good as our own; another site is not.
        """
        for mode, dest, expected in [
            ("navigate", "document", NOW),
            ("cors", "empty", JSON),
            ("navigate", "iframe", FORBIDDEN),
            ("no-cors", "image", FORBIDDEN),
        ]:
            with self.subTest(mode=mode, dest=dest):
                fields = _sec("same-site", mode, dest, Accept="application/json")
                self.assertIs(_rule(fields, from_same_site_now=True), expected)
        for site in ("cross-site", "unheard-of"):
            self.assertIs(_rule(_sec(site, "navigate", "document"), from_same_site_now=True), CONFIRM)

    WITHOUT_METADATA: tuple[tuple[dict[str, str], SignOutRule], ...] = (
        ({"Origin": OWN}, NOW),
        ({"Origin": OWN, "Referer": "https://evil.test/"}, NOW),
        ({"Origin": "null"}, CONFIRM),
        ({"Origin": ""}, CONFIRM),
        ({"Origin": "https://evil.test"}, CONFIRM),
        ({"Origin": "https://evil.test", "Referer": OWN + "/"}, CONFIRM),
        ({"Origin": "http://app.example.com"}, CONFIRM),
        ({"Origin": OWN + ":8443"}, CONFIRM),
        ({"Origin": f"{OWN}, {OWN}"}, CONFIRM),
        ({"Referer": OWN}, NOW),
        ({"Referer": OWN + "/"}, NOW),
        ({"Referer": OWN + "/path?q=1"}, NOW),
        ({"Referer": ""}, CONFIRM),
        ({"Referer": "https://evil.test/" + OWN}, CONFIRM),
        ({"Referer": OWN + ".evil.test/"}, CONFIRM),
        ({"Referer": OWN + "@evil.test/"}, CONFIRM),
        ({"Referer": OWN + ":8443/"}, CONFIRM),
        ({"Referer": "about:blank"}, CONFIRM),
    )

    def test_without_fetch_metadata(self) -> None:
        """
        Where a user agent sends no Fetch Metadata, Origin decides, then Referer.
        """
        for (fields, expected), secure, method in product(self.WITHOUT_METADATA, (True, False), ("GET", "POST")):
            with self.subTest(fields=fields, secure=secure, method=method):
                self.assertIs(_rule(fields, https_or_loopback=secure, method=method), expected)

    def test_with_nothing_at_all(self) -> None:
        """
        Without any of them it is a program or a typed address, except on plain http, where it may be anybody's.
        """
        self.assertIs(_rule({}), NOW)
        self.assertIs(_rule({}, https_or_loopback=False), CONFIRM)
        self.assertIs(_rule(_sec(None, "cors", "empty", Accept="application/json")), NOW)


class UnsafeRequestTests(SynchronousTestCase):
    """
    Tests for `unsafe_request_allowed`.
    """

    TABLE: tuple[tuple[dict[str, str], bool], ...] = (
        ({}, True),
        (_sec("same-origin"), True),
        (_sec("none"), True),
        (_sec("same-site"), False),
        (_sec("cross-site"), False),
        (_sec("unheard-of"), False),
        (_sec(""), False),
        (_sec("Same-Origin"), False),
        (_sec("same-origin", Origin="https://evil.test"), True),
        (_sec("cross-site", Origin=OWN), False),
        ({"Origin": OWN}, True),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Origin": "http://app.example.com"}, False),
        ({"Origin": OWN + ".evil.test"}, False),
    )

    def test_table(self) -> None:
        """
        Only our own pages, and programs that are no pages, may change anything.
        """
        for fields, allowed in self.TABLE:
            with self.subTest(fields=fields):
                self.assertIs(unsafe_request_allowed(_header(fields), OWN), allowed)


class UnauthenticatedTests(SynchronousTestCase):
    """
    Tests for `unauthenticated_is_401`.
    """

    TABLE: tuple[tuple[dict[str, str], bool], ...] = (
        ({}, False),
        ({"Accept": "*/*"}, False),
        ({"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}, False),
        ({"Accept": "image/webp"}, False),
        (_sec(None, "navigate"), False),
        ({"Upgrade": "h2c"}, False),
        ({"Upgrade": "websocket"}, True),
        ({"Upgrade": "h2c, WebSocket"}, True),
        ({"Upgrade": "h2c,\t websocket ,x"}, True),
        ({"Upgrade": "websocket/13"}, False),
        ({"Upgrade": "my websocket"}, False),
        ({"Upgrade": "websockets"}, False),
        (_sec("same-origin", "navigate", Upgrade="websocket"), True),
        (_sec(None, "cors"), True),
        (_sec(None, "no-cors"), True),
        (_sec(None, "same-origin"), True),
        (_sec(None, "unheard-of"), True),
        (_sec(None, ""), True),
        (_sec(None, "Navigate"), True),
        (_sec(None, "navigate", X_Requested_With="XMLHttpRequest"), True),
        ({"X-Requested-With": "XMLHttpRequest"}, True),
        ({"Accept": "text/event-stream"}, True),
        (_sec(None, "navigate", Accept="text/event-stream"), True),
        ({"Accept": "text/event-stream;q=0"}, False),
        ({"Accept": "application/json"}, True),
        ({"Accept": "text/html;q=0.5, application/json"}, True),
        ({"Accept": "text/html, application/json;q=0.5"}, False),
    )

    def test_table(self) -> None:
        """
        Who would not see a sign-in page is told 401; everybody else is sent to sign in.
        """
        for fields, expected in self.TABLE:
            with self.subTest(fields=fields):
                self.assertIs(unauthenticated_is_401(_header(fields), handle_outside_cookie=False), expected)

    def test_handle_outside_cookie(self) -> None:
        """
        A program that presents a stale handle in a header or query is told 401.
        """
        self.assertIs(unauthenticated_is_401(_header({}), handle_outside_cookie=True), True)


class PrefersJsonTests(SynchronousTestCase):
    """
    Tests for `prefers_json`.
    """

    TABLE: tuple[tuple[str | None, bool], ...] = (
        (None, False),
        ("", False),
        (",;,", False),
        ("*/*", False),
        ("text/html", False),
        ("application/json", True),
        ("APPLICATION/JSON ; charset=utf-8", True),
        ("application/json, text/plain, */*", True),
        ("*/*, application/json", True),
        ("application/*", True),
        ("application/json, text/html", True),
        ("text/html, application/json", False),
        ("text/html;q=0.9, application/json", True),
        ("text/html, application/json;q=0.9", False),
        ("application/json;q=0.5, */*;q=0.8", False),
        ("application/json;q=0", False),
        ("application/json;q=0, */*", False),
        ("application/json;q=nan", False),
        ("application/json;q=2", False),
        ("application/json;q=", False),
        ("application/json; q = 0.5", True),
        ("application/jsonp", False),
        ("text/plain", False),
        ("*/*, text/html;q=0.5", True),
        ("text/*, application/json;q=0.5", False),
        ("application/json;q=0, text/html;q=0", False),
        ("text/html;q=1, application/json", False),
        ("application/json;q=0=1", False),
        ("application/json;q =0.5, text/html;q=0.6", False),
        # U+00A0 is part of a name or value, not space around it.
        ("\xa0application/json", False),
        ("Xapplication/json", False),
        ("application/json;q\xa0=0", True),
        ("application/json;q=\xa00.5", False),
    )

    def test_table(self) -> None:
        """
        JSON goes to those who like it better than HTML, and to nobody else.
        """
        for accept, expected in self.TABLE:
            with self.subTest(accept=accept):
                self.assertIs(prefers_json(accept), expected)

    def test_bounds(self) -> None:
        """
        Of an ``Accept`` that no user agent sends only the beginning is looked at, and never half of a member.
        """
        for accept, expected in (
            ("a/b, " * 63 + "application/json", True),
            ("a/b, " * 64 + "application/json", False),
            ("a" * 2000 + ", application/json", True),
            ("a" * 2047 + ", application/json", False),
            ("a" * (2048 - 17) + ",application/json", True),
            ("a" * (2049 - 17) + ",application/json", False),
            ("a" * (2048 - 17) + ",application/json;q=0", False),
            ("application/json;" + "x;" * 1000, True),
            ("application/json;" + "x;" * 1100, False),
            ("application/json," + "a," * 30_000, True),
        ):
            with self.subTest(length=len(accept)):
                self.assertIs(prefers_json(accept), expected)
                header = _header({"Accept": accept})
                self.assertIs(unauthenticated_is_401(header, handle_outside_cookie=False), expected)

    def test_read_once(self) -> None:
        """
        However long an ``Accept`` is, so many members of it are read, and the next request with the same reads none.
        """
        read: list[object] = []
        quality = fetch_metadata._quality

        def counted(parameters: list[str]) -> float:
            read.append(parameters)
            return quality(parameters)

        self.patch(fetch_metadata, "_quality", counted)
        for name in ("x", "y"):
            accept = f"text/{name}, " * 10_000
            for _ in range(3):
                self.assertIs(unauthenticated_is_401(_header({"Accept": accept}), handle_outside_cookie=False), False)
                self.assertIs(prefers_json(accept), False)
        self.assertEqual(len(read), 2 * 64)
