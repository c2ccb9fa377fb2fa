"""
Tests of `pomerium_tx.advice.sent`: what an application would see.
"""

from __future__ import annotations

from tests.advice.asking import ROUTES, AskingTestCase


class SentTests(AskingTestCase):
    """
    Where a request goes.
    """

    def outcome(self, url: str = "https://app.example.com/x?a=b", **changed: object) -> tuple[str, ...]:
        """
        What would happen on a route with *changed* settings.
        """
        return self.explain(url, values={"routes": [{**ROUTES[1], **changed}]}).outcome

    def test_plain(self) -> None:
        """
        The path is sent on as it was decided.
        """
        self.assertEqual(self.outcome(), ("it is let through to http://127.0.0.1:3001/x?a=b",))

    def test_path_of_to(self) -> None:
        """
        What ``to`` has behind its host goes before it.
        """
        self.assertEqual(
            self.outcome(to="http://127.0.0.1:3001/base"), ("it is let through to http://127.0.0.1:3001/basex?a=b",)
        )

    def test_host(self) -> None:
        """
        A host that is not the application's own is told.
        """
        for changed, host in (
            ({"preserve_host_header": True}, "app.example.com"),
            ({"host_rewrite": "inside.test"}, "inside.test"),
        ):
            self.assertEqual(self.outcome(**changed)[1:], (f"the application sees the host {host}",))

    def test_host_beside_what_varies(self) -> None:
        """
        It is the host, and no other field, that is told.
        """
        fields = (("Referer", "https://other.example/"), ("If-None-Match", "x"))
        for changed, told in (
            ({}, ()),
            ({"host_rewrite": "inside.test"}, ("the application sees the host inside.test",)),
        ):
            asked = self.explain(
                "https://app.example.com/", fields=fields, values={"routes": [{**ROUTES[1], **changed}]}
            )
            self.assertEqual(asked.outcome[1:], told)

    def test_identity(self) -> None:
        """
        It is told whether the application learns who asks.
        """
        self.assertEqual(
            self.outcome(pass_identity_headers=True)[1:],
            ("the application is told who asks: X-Pomerium-Jwt-Assertion",),
        )

    def test_several_upstreams(self) -> None:
        """
        Each place where it may go is told, with the host that it sees there.
        """
        self.assertEqual(
            self.outcome(to=["http://127.0.0.1:1", "http://127.0.0.1:2"]),
            ("it is let through to http://127.0.0.1:1/x?a=b", "or to http://127.0.0.1:2/x?a=b"),
        )

    def test_rewritten(self) -> None:
        """
        The path is told as the application sees it.
        """
        self.assertEqual(
            self.outcome("https://app.example.com/v1/x", prefix="/v1/", prefix_rewrite="/"),
            ("it is let through to http://127.0.0.1:3001/x",),
        )

    def test_answered_by_the_route(self) -> None:
        """
        A route without an application tells what it answers.
        """
        route = {"from": "https://app.example.com", "allow_any_authenticated_user": True}
        for settings, status, words in (
            ({"redirect": {"host_redirect": "new.test"}}, 301, "it is answered 301: go to https://new.test/x?a=b"),
            ({"response": {"status": 410, "body": "gone"}}, 410, "it is answered 410 as configured"),
        ):
            found = self.explain("https://app.example.com/x?a=b", values={"routes": [{**route, **settings}]})
            self.assertEqual((found.is_admitted, found.status, found.outcome), (True, status, (words,)))

    def test_leads_out(self) -> None:
        """
        A path that would leave the application is refused here, too.
        """
        rewritten = {"regex_rewrite_pattern": "^/a", "regex_rewrite_substitution": "/b/.."}
        found = self.explain("https://app.example.com/a/x", values={"routes": [{**ROUTES[1], **rewritten}]})
        self.assertEqual((found.is_admitted, found.status), (False, 400))
