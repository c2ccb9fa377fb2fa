"""
The answers of routes without an application.
"""

from __future__ import annotations

from pomerium_tx.authorize.verdict import Action, Verdict
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.policy.client import Client
from pomerium_tx.routing.answers import FixedResponse, Redirect
from pomerium_tx.routing.route import Route
from tests.proxy.harness import ORIGIN, ProxyTestCase, a_route


class AnswersTestCase(ProxyTestCase):
    """
    A route that answers by itself.
    """

    def use(self, route: Route) -> None:
        """
        Answer by *route*.
        """
        super().use(route)
        self.answering = route

    def check(self, head: RequestHead, canonical: Canonical, client: Client, request_id: str) -> Verdict:
        """
        Everybody may pass.
        """
        answer = self.answering.answer
        return Verdict(
            action=Action.ANSWER,
            status=0 if answer is None else answer.status,
            reason="direct_response",
            allow=True,
            reasons=(),
            route=self.answering,
            origin=ORIGIN,
        )

    def answered(self, *fields: str, method: str = "GET", target: str = "/") -> tuple[str, dict[str, str], str]:
        """
        Status line, fields and content of the answer to one request.
        """
        self.agent = self.connect()
        self.agent.say("\r\n".join((f"{method} {target} HTTP/1.1", "Host: app.example.com", *fields, "", "")).encode())
        self.network.settle()
        head, _, content = self.agent.take().decode().partition("\r\n\r\n")
        line, *rest = head.split("\r\n")
        return line, {name.lower(): value for name, _, value in (field.partition(": ") for field in rest)}, content


class FixedResponseTests(AnswersTestCase):
    """
    ``response``.
    """

    route = a_route(answer=FixedResponse(status=410, body=b"gone\n"), upstreams=())

    def test_response(self) -> None:
        """
        Status and content are the route's; no upstream is asked, and the answer is for no cache.
        """
        line, fields, content = self.answered()
        self.assertEqual((line, content), ("HTTP/1.1 410 Gone", "gone\n"))
        self.assertEqual(
            [fields[name] for name in ("content-length", "content-type", "cache-control")],
            ["5", "text/plain; charset=utf-8", "no-store"],
        )
        self.assertEqual(len(fields["x-request-id"]), 36)
        self.assertEqual(self.upstreams.peers, [])
        self.assertEqual(
            [(line.status, line.size, line.details) for line in self.access], [(410, 5, "direct_response")]
        )

    def test_head(self) -> None:
        """
        HEAD gets the same head and no content.
        """
        line, fields, content = self.answered(method="HEAD")
        self.assertEqual((line, content, fields["content-length"]), ("HTTP/1.1 410 Gone", "", "5"))

    def test_connection(self) -> None:
        """
        The connection goes on, unless there is content that nobody reads.
        """
        self.assertNotIn("connection", self.answered()[1])
        self.assertEqual(self.answered("Content-Length: 3", method="POST")[1]["connection"], "close")

    def test_no_content(self) -> None:
        """
        A status without content announces none.
        """
        self.use(a_route(answer=FixedResponse(status=204), upstreams=()))
        line, fields, content = self.answered()
        self.assertEqual((line, content), ("HTTP/1.1 204 No Content", ""))
        self.assertNotIn("content-length", fields)
        self.assertNotIn("content-type", fields)


class RedirectTests(AnswersTestCase):
    """
    ``redirect``.
    """

    route = a_route(answer=Redirect(status=308, host="new.example.com"), upstreams=())

    def test_redirect(self) -> None:
        """
        Path and query go along, a session handle in the query does not.
        """
        line, fields, content = self.answered(target="/a/b?x=1&pomerium_session=secret")
        self.assertEqual((line, content), ("HTTP/1.1 308 Permanent Redirect", ""))
        self.assertEqual((fields["location"], fields["content-length"]), ("http://new.example.com/a/b?x=1", "0"))
        self.assertEqual(fields["cache-control"], "no-store")

    def test_no_injection(self) -> None:
        """
        Nothing that is asked for breaks out of the Location.
        """
        for target in ("/%0d%0aSet-Cookie:x=1", "/a?%0d%0aSet-Cookie:x=1", "//evil.test/", "/\\evil.test"):
            with self.subTest(target=target):
                _, fields, _ = self.answered(target=target)
                self.assertNotIn("set-cookie", fields)
                self.assertTrue(fields.get("location", "http://new.example.com/").startswith("http://new.example.com/"))
