"""
``caching`` of a route: who may keep what an application answers.
"""

from __future__ import annotations

from typing import Any

from tests.scenarios.browser import Browser
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, CHAT, CONFIG, OPEN

RULES = {"app": "private", "chat": "no_store"}
SAID = "Cache-Control: public, max-age=600, s-maxage=9\r\nExpires: Thu, 01 Dec 2044 16:00:00 GMT\r\nPragma: cache\r\n"


class CachingTests(TrafficTestCase):
    """
    Three applications that want their answers kept by everybody, under the three rules.
    """

    settings: dict[str, Any] = {
        "routes": [
            {**route, **({"caching": RULES[route["name"]]} if route["name"] in RULES else {})}
            for route in CONFIG["routes"]
        ]
    }

    def setUp(self) -> None:
        super().setUp()
        self.alice: Browser = self.both()

    def kept(self, url: str, status: str, method: str = "GET") -> tuple[list[str], str | None, str | None]:
        """
        What the browser is told about keeping an answer of that status.
        """
        name = url.removeprefix("https://").partition(".")[0]
        content = "" if status.startswith("304") else "Content-Length: 0\r\n"
        self.applications[name].answer = f"HTTP/1.1 {status}\r\n{SAID}{content}\r\n".encode()
        answer = self.alice.once(method, url)
        self.assertEqual(f"{answer.status}", status[:3])
        return answer.get_all("Cache-Control"), answer.get("Expires"), answer.get("Pragma")

    def test_every_answer(self) -> None:
        """
        The rule holds for every answer of the application: whole, partial, not modified, an error, and to HEAD.
        """
        for status, method in (
            ("200 OK", "GET"),
            ("200 OK", "HEAD"),
            ("200 OK", "POST"),
            ("206 Partial Content", "GET"),
            ("304 Not Modified", "GET"),
            ("404 Not Found", "GET"),
            ("503 Busy", "GET"),
        ):
            with self.subTest(status=status, method=method):
                expires = "Thu, 01 Dec 2044 16:00:00 GMT"
                self.assertEqual(
                    self.kept(OPEN + "/x", status, method), (["public, max-age=600, s-maxage=9"], expires, "cache")
                )
                self.assertEqual(self.kept(APP + "/x", status, method), (["max-age=600, private"], expires, "cache"))
                self.assertEqual(self.kept(CHAT + "/x", status, method), (["no-store"], None, None))

    def test_streams(self) -> None:
        """
        It holds from the head of an answer that does not end.
        """
        agent, upstream = self.begin(self.alice, "GET", CHAT + "/events", "Accept: text/event-stream")
        self.answer(
            upstream, "Content-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked"
        )
        head = agent.take().decode().lower()
        self.assertEqual(head.count("cache-control:"), 1)
        self.assertIn("cache-control: no-store\r\n", head)

    def test_our_own_answers(self) -> None:
        """
        What the proxy answers itself is kept by nobody, under any rule.
        """
        self.sign_out(self.alice)
        for url in (APP + "/x", CHAT + "/x", OPEN + "/.pomerium/"):
            with self.subTest(url):
                self.assertEqual(self.alice.once("GET", url).get_all("Cache-Control"), ["no-store"])
