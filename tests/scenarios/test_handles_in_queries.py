"""
Pomerium lets programs present their handle in the query, where others would find it: nobody else does.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from pomerium_tx import logs, paths
from tests.scenarios.browser import Response
from tests.scenarios.secrets import shows
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CONFIG, OPEN

FRONT = "10.0.0.1"
AWAY = "https://away.example.com"
URL_FIELDS = ("X-Forwarded-Uri", "X-Original-Uri", "X-Rewrite-Url", "X-Envoy-Original-Path")
SPELLINGS = ("pomerium_session", "%70omerium_session", "pomerium%5Fsession", "pomerium_%73ession")


class HandleInQueryTests(TrafficTestCase):
    """
    A handle of a live session and one of an ended one, in every spelling of the parameter's name.
    """

    settings: dict[str, Any] = {
        "trusted_proxies": [FRONT],
        "routes": [
            *CONFIG["routes"],
            {"from": AWAY, "redirect": {"host_redirect": "elsewhere.example"}, "allow_any_authenticated_user": True},
        ],
    }

    def queries(self, handle: str) -> list[str]:
        """
        Where in a query it may stand.
        """
        return [
            query.format(f"{name}={quote(handle)}")
            for name in SPELLINGS
            for query in ("{}", "a=b&{}", "{}&a=b", "a=b&{}&c=d", "{0}&{0}")
        ]

    def ask(self, url: str, **fields: str) -> Response:
        """
        What somebody gets who has nothing else; what an application or a log has heard is kept.
        """
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        return self.browser().once("GET", url, {"Accept": "*/*", **named})

    def test_stripped_everywhere(self) -> None:
        """
        It reaches no application, by the target or by any field that tells a URL; no redirect to another host; no
        answer, and no log.
        """
        alice = self.both()
        live = self.handle_of(alice, APP)
        gone = self.both()
        ended = self.handle_of(gone, APP)
        self.sign_out(gone, follow=True)
        for application in self.applications.values():
            application.take()
        answers = []
        for handle in (live, ended):
            for query in self.queries(handle):
                url = f"{APP}/page?{query}"
                asked = {
                    "X_Forwarded_Method": "GET",
                    "X_Forwarded_Host": "app.example.com",
                    "X_Forwarded_Uri": f"/page?{query}",
                    "X_Forwarded_For": "192.0.2.1",
                }
                answers += [
                    self.ask(url),
                    self.ask(f"{OPEN}/page?{query}"),
                    self.ask(f"{AWAY}/page?{query}"),
                    self.ask(f"{APP}/.pomerium/?{query}"),
                    self.ask(f"{APP}/.pomerium/user?{query}"),
                    self.ask(f"{AUTHENTICATE}/.pomerium/?{query}"),
                    self.ask(f"https://nobody.example.com/?{query}"),
                    self.browser(address=FRONT).once(
                        "GET", AUTHENTICATE + paths.VERIFY, {n.replace("_", "-"): v for n, v in asked.items()}
                    ),
                    alice.once("GET", f"{APP}/", {"Referer": url, "X-Original-Url": url, "X-Original-Uri": url}),
                    alice.once("GET", APP + "/", dict.fromkeys(URL_FIELDS, f"/page?{query}")),
                ]
        heard = b"".join(application.take() for application in self.applications.values()).decode("latin-1")
        self.assertIn("GET /page?a=b HTTP/1.1", heard)
        self.assertIn("GET /page?a=b&c=d HTTP/1.1", heard)
        told = "\n".join(f"{answer.fields} {answer.text}" for answer in answers)
        self.assertIn("https://elsewhere.example/page?a=b", told)
        log = "\n".join(map(logs.json_line, self.events))
        for handle in (live, ended):
            for name, text in (("applications", heard), ("answers", told), ("log", log)):
                with self.subTest(name=name, live=handle == live):
                    where = text.find(handle)
                    self.assertFalse(shows(text, handle), text[max(0, where - 300) : where + 20])

    def test_sign_out(self) -> None:
        """
        Nor does the way of a sign-out have it.
        """
        alice = self.both()
        handle = self.handle_of(alice, APP)
        answer = self.ask(f"{APP}{paths.SIGN_OUT}?pomerium_session={handle}")
        self.assertEqual(self.house.registry.count, 0)
        self.assertFalse(shows(f"{answer.fields} {answer.text}", handle))
