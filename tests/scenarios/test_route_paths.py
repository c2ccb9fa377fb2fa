"""
Which path an application gets, and which routes have no application: by expressions, rewrites, redirects and answers.
"""

from __future__ import annotations

from typing import Any

from tests.scenarios.browser import Response
from tests.scenarios.test_reload import ReloadTestCase
from tests.scenarios.world import APP, OPEN

WILD = "https://*.wild.example.com"


class PathsTests(ReloadTestCase):
    """
    Alice, in front of an application of which the paths are other ones.
    """

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.both()

    def rewritten(self, *changes: dict[str, Any]) -> None:
        """
        The application's route is these instead, in this order.
        """
        app, *others = self.routes()
        routes = [app | change for change in changes]
        self.reload(routes=[*({k: v for k, v in route.items() if v is not None} for route in routes), *others])

    def asked(self, url: str) -> tuple[int, str, str]:
        """
        The status, and the request line and the host that the application got.
        """
        self.app.take()
        status = self.alice.once("GET", url).status
        lines = self.app.take().decode().split("\r\n")
        hosts = [line.partition(": ")[2] for line in lines if line.lower().startswith("host: ")]
        return status, lines[0].removesuffix(" HTTP/1.1"), "".join(hosts)

    def test_rewrites(self) -> None:
        """
        Each way to rewrite holds from the reload on that says so, and no longer than the configuration does.
        """
        for change, path, sent in (
            ({"to": "http://app.internal:8080/any/"}, "/foo", "GET /any/foo"),
            ({"prefix": "/admin", "prefix_rewrite": "/"}, "/admin/x", "GET /x"),
            ({"path": "/a", "prefix_rewrite": "/c"}, "/a", "GET /c"),
            ({"regex": "/(a|b)/.*", "prefix_rewrite": "/c"}, "/a/x", "GET /c"),
            ({"regex_rewrite_pattern": "^/v1/(.*)", "regex_rewrite_substitution": r"/v2/\1"}, "/v1/x?y", "GET /v2/x?y"),
            ({}, "/foo", "GET /foo"),
        ):
            with self.subTest(change=change):
                self.rewritten(change)
                self.assertEqual(self.asked(APP + path)[:2], (200, sent))

    def test_hosts(self) -> None:
        """
        Each way to name the host holds from the reload on that says so.
        """
        by_path = {
            "host_path_regex_rewrite_pattern": "^/([^/]+)/.*",
            "host_path_regex_rewrite_substitution": r"\1.test",
        }
        for change, path, host in (
            ({"host_rewrite": "fixed.test"}, "/a/b", "fixed.test"),
            ({"preserve_host_header": True}, "/a/b", "app.example.com"),
            ({"host_rewrite_header": "X-Host"}, "/a/b", "app.example.com"),
            ({"host_rewrite_header": "Cookie"}, "/a/b", ""),
            (by_path, "/a/b", "a.test"),
            (by_path, "/a%20/b", ""),
            ({}, "/a/b", "app.internal:8080"),
        ):
            with self.subTest(change=change):
                self.rewritten(change)
                status, _, seen = self.asked(APP + path)
                self.assertEqual((status, seen), (200 if host else 400, host))

    def test_decided_and_sent(self) -> None:
        """
        What is kept from Alice is kept from her however she spells it, and no rewrite makes it reachable.
        """
        self.rewritten(
            {"regex": "/secret(/.*)?", "allow_any_authenticated_user": None, "allowed_users": ["bob@example.com"]},
            {"prefix": "/files", "prefix_rewrite": "/public/"},
            {},
        )
        for path in ("/secret", "/secret/x", "/x/../secret", "/%73ecret/x", "//secret//x", "/./secret/.", "/secret/?x"):
            with self.subTest(path=path):
                self.assertEqual(self.asked(APP + path), (403, "", ""))
        for path in ("/files../secret", "/files..%2fsecret", "/files%2e%2e/secret", "/files/..;/secret"):
            with self.subTest(path=path):
                self.assertEqual(self.asked(APP + path), (400, "", ""))
        self.assertEqual(self.asked(APP + "/secrets")[0], 200)

    def test_wildcard(self) -> None:
        """
        A route for many hosts signs in on each of them, and one that names a host comes first.
        """
        app, *others = self.routes()
        self.reload(routes=[{**app, "from": WILD}, app, *others])
        for host in ("https://a.wild.example.com", "https://b.c.wild.example.com"):
            with self.subTest(host=host):
                page = self.alice.get(host + "/x")
                self.assertEqual((page.status, page.url), (200, host + "/x"))
        self.assertEqual(self.alice.once("GET", "https://wild.example.com/").status, 404)


class AnswersTests(ReloadTestCase):
    """
    Routes that answer by themselves.
    """

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.both()
        self.app.take()

    def tearDown(self) -> None:
        self.assertNotIn(b"x=1", self.app.take())

    def answering(self, **change: Any) -> None:
        """
        The application's route answers by itself.
        """
        self.reload(routes=self.routes(app={"to": None, **change}))

    def asked(self, url: str = APP + "/a?x=1", method: str = "GET") -> Response:
        """
        What Alice is answered.
        """
        return self.alice.once(method, url)

    def test_after_authorization(self) -> None:
        """
        Both answer whoever may pass, and nobody else: strangers are sent to sign in, and who is refused is refused.
        """
        for change, status in (
            ({"redirect": {"host_redirect": "new.example.com", "response_code": 302}}, 302),
            ({"response": {"status": 200, "body": "hello"}}, 200),
        ):
            with self.subTest(change=change):
                self.answering(**change)
                self.assertEqual(self.asked().status, status)
                stranger = self.browser().once("GET", APP + "/a")
                self.assertEqual(stranger.status, 302)
                self.assertNotIn("new.example.com", stranger.get("Location") or "")
                self.answering(**change, **self.only_bob())
                refused = self.asked()
                self.assertEqual((refused.status, refused.get("Location")), (403, None))

    def test_redirect(self) -> None:
        """
        The Location is the route's, to HEAD and POST too, with the headers that the configuration sets.
        """
        self.answering(
            redirect={"host_redirect": "new.example.com", "response_code": 308}, set_response_headers={"X-By": "route"}
        )
        for method in ("GET", "HEAD", "POST"):
            with self.subTest(method=method):
                answer = self.asked(method=method)
                self.assertEqual(answer.get("Location"), "https://new.example.com/a?x=1")
                self.assertEqual((answer.status, answer.content), (308, b""))
                self.assertEqual((answer.get("X-By"), answer.get("X-Frame-Options")), ("route", "SAMEORIGIN"))

    def test_response(self) -> None:
        """
        Content and status are the route's; the configuration may name its type and let it be kept.
        """
        headers = {"Content-Type": "text/html", "Cache-Control": "max-age=60"}
        self.answering(response={"status": 503, "body": "<p>closed"}, set_response_headers=headers)
        answer = self.asked()
        self.assertEqual((answer.status, answer.content), (503, b"<p>closed"))
        self.assertEqual(answer.get_all("Content-Type"), ["text/html"])
        self.assertEqual(answer.get_all("Cache-Control"), ["max-age=60"])
        self.assertEqual(self.asked(method="HEAD").content, b"")

    def test_our_own_paths(self) -> None:
        """
        Whatever a host's routes answer, our own paths there are ours: one can sign out.
        """
        self.answering(response={"status": 200})
        page = self.alice.get(APP + "/.pomerium/")
        self.assertIn("Sign out", page.text)

    def test_cut(self) -> None:
        """
        What is open to an application is cut by the reload that takes the application away.
        """
        download, _ = self.download(self.alice)
        self.answering(response={"status": 200})
        self.assert_broken_off(download)

    def test_public(self) -> None:
        """
        On a public route everybody is answered.
        """
        self.reload(routes=self.routes(open={"to": None, "response": {"status": 200, "body": "hi"}}))
        self.assertEqual(self.browser().once("GET", OPEN + "/").content, b"hi")
