"""
Tests for `pomerium_tx.web.resource`.
"""

from __future__ import annotations

import json
from typing import ClassVar

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.web.resource import (
    Answer,
    HttpProblem,
    LocalRequest,
    Page,
    PageRequest,
    html_answer,
    json_answer,
    redirect,
    text_answer,
)
from tests.doubles.channel import ask


class Echo(Page):
    """
    Tells what it was asked.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("GET", "POST")
    reads_form = True

    async def answer(self, request: PageRequest) -> Answer:
        """
        As JSON.
        """
        return json_answer(
            {
                "method": request.method,
                "path": request.path,
                "origin": request.origin,
                "url": request.url,
                "raw_query": None if request.raw_query is None else request.raw_query.decode("latin-1"),
                "query": request.query,
                "form": request.form,
                "client_address": request.client_address,
                "request_id": request.request_id,
                "user_agent": request.user_agent,
                "cookies": [value.decode() for value in request.cookies("a")],
            }
        )


class NoForm(Echo):
    """
    The same without reading forms.
    """

    reads_form = False


class WithHead(Page):
    """
    Lists HEAD.
    """

    methods = ("GET", "HEAD")

    async def answer(self, request: PageRequest) -> Answer:
        """
        A short text.
        """
        return text_answer("OK\n")


class OwnProblems(Page):
    """
    Has readers of its own kind.
    """

    reads_form = True
    methods = ("POST",)

    async def answer(self, request: PageRequest) -> Answer:
        """
        As the form says.
        """
        raise HttpProblem(418, "no") if request.form else ValueError("a fault")

    def problem(self, request: LocalRequest, problem: HttpProblem) -> Answer:
        """
        In their words.
        """
        return text_answer(f"own {problem.status}", status=problem.status)


class Waiting(Page):
    """
    Waits for something.
    """

    methods = ("GET", "HEAD")

    def __init__(self) -> None:
        super().__init__()
        self.waits: Deferred[str] = Deferred()
        self.went_on = False

    async def answer(self, request: PageRequest) -> Answer:
        """
        What it waited for.
        """
        text = await self.waits
        self.went_on = True
        return text_answer(text)


class Failing(Page):
    """
    Raises, or answers, what it was made with.
    """

    def __init__(self, outcome: Exception | Answer) -> None:
        super().__init__()
        self.outcome = outcome

    async def answer(self, request: PageRequest) -> Answer:
        """
        The outcome.
        """
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class Secret(Exception):
    """
    A fault that has something to hide.
    """


class PageTests(SynchronousTestCase):
    """
    Tests for `Page`.
    """

    def test_request(self) -> None:
        """
        A page knows all that was asked, as plain values.
        """
        asked = ask(
            Echo(),
            "/.pomerium/echo?b=%C3%A9&a=&b=2",
            method="POST",
            headers=[("Cookie", "a=1"), ("Cookie", "b=2; a=3"), ("User-Agent", "Web")],
            form=[("c", "d e"), ("c", "f")],
            origin="https://app.example.com:8443",
            client_address="192.0.2.7",
            request_id="r-7",
        )
        self.assertEqual(
            json.loads(asked.body),
            {
                "method": "POST",
                "path": "/.pomerium/echo",
                "origin": "https://app.example.com:8443",
                "url": "https://app.example.com:8443/.pomerium/echo?b=%C3%A9&a=&b=2",
                "raw_query": "b=%C3%A9&a=&b=2",
                "query": [["b", "é"], ["a", ""], ["b", "2"]],
                "form": {"c": ["d e", "f"]},
                "client_address": "192.0.2.7",
                "request_id": "r-7",
                "user_agent": "Web",
                "cookies": ["1", "3"],
            },
        )

    def test_no_query(self) -> None:
        """
        No query and an empty query are two things.
        """
        self.assertIsNone(json.loads(ask(Echo(), "/.pomerium/echo").body)["raw_query"])
        self.assertEqual(json.loads(ask(Echo(), "/.pomerium/echo?").body)["raw_query"], "")

    def test_answer(self) -> None:
        """
        An answer is written whole, with its length, every field and the request's id, and no name of software.
        """
        page = Failing(html_answer(b"<p>x", headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]))
        asked = ask(page, "/", request_id="r-7")
        self.assertEqual((asked.status, asked.body, asked.is_done), (200, b"<p>x", True))
        self.assertEqual(asked.header("Content-Length"), "4")
        self.assertEqual(asked.header("Content-Type"), "text/html; charset=utf-8")
        self.assertEqual(asked.headers("Set-Cookie"), ["a=1", "b=2"])
        self.assertEqual(asked.header("X-Request-Id"), "r-7")
        self.assertEqual(asked.header("Cache-Control"), "no-store")
        self.assertEqual(asked.header("X-Frame-Options"), "DENY")
        self.assertIsNotNone(asked.header("Date"))
        self.assertIsNone(asked.header("Server"))
        self.assertIsNone(asked.header("Transfer-Encoding"))

    def test_no_content_type_of_its_own(self) -> None:
        """
        An answer without a type does not become HTML.
        """
        self.assertIsNone(ask(Failing(Answer(body=b"x")), "/").header("Content-Type"))

    def test_bodiless(self) -> None:
        """
        204 has neither content nor length.
        """
        asked = ask(Failing(Answer(status=204, body=b"x")), "/")
        self.assertEqual((asked.status, asked.body, asked.is_done), (204, b"", True))
        self.assertIsNone(asked.header("Content-Length"))

    METHODS = ("HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get", "BREW")

    def test_other_methods(self) -> None:
        """
        A method that a page does not list is 405, HEAD like any other, and the page is not asked.
        """
        for method in self.METHODS:
            with self.subTest(method=method):
                asked = ask(Failing(Secret("must not run")), "/", method=method)
                self.assertEqual((asked.status, asked.header("Allow"), asked.is_done), (405, "GET", True))
                self.assertEqual(asked.body == b"", method == "HEAD")
        self.assertEqual(ask(Echo(), "/", method="PUT").header("Allow"), "GET, POST")

    def test_head(self) -> None:
        """
        A page that lists HEAD answers it without the content, but with its length.
        """
        asked = ask(WithHead(), "/", method="HEAD")
        self.assertEqual((asked.status, asked.body, asked.is_done), (200, b"", True))
        self.assertEqual(asked.header("Content-Length"), "3")

    def test_only_urlencoded_forms(self) -> None:
        """
        A broken multipart body is no form and breaks nothing.
        """
        for content_type in ("multipart/form-data", "multipart/form-data; boundary=x", "text/plain", "\xff"):
            with self.subTest(content_type=content_type):
                asked = ask(Echo(), "/", method="POST", headers=[("Content-Type", content_type)], content=b"--x\r\na=1")
                self.assertEqual((asked.status, json.loads(asked.body)["form"]), (200, {}))

    def test_form_is_read_only_if_asked_for(self) -> None:
        """
        A page that reads no forms has none, however large; nor has a GET.
        """
        asked = ask(NoForm(), "/", method="POST", form={"a": "x" * 70000})
        self.assertEqual(json.loads(asked.body)["form"], {})
        self.assertEqual(json.loads(ask(Echo(), "/", form={"a": "x"}).body)["form"], {})

    def test_refused_input(self) -> None:
        """
        A form or query that is too much is refused before the page is asked.
        """
        self.assertEqual(ask(Echo(), "/", method="POST", form={"a": "x" * 70000}).status, 413)
        self.assertEqual(ask(Echo(), "/?" + "a=1&" * 200).status, 400)

    def test_problem(self) -> None:
        """
        A problem becomes a page or JSON, as the request prefers, with its fields.
        """
        page = Failing(HttpProblem(503, "Nothing was ended.", headers=[("Retry-After", "5")]))
        asked = ask(page, "/", request_id="r-7")
        self.assertEqual((asked.status, asked.header("Retry-After")), (503, "5"))
        self.assertIn("Nothing was ended.", asked.text)
        self.assertIn("r-7", asked.text)
        self.assertEqual(asked.header("X-Pomerium-Intercepted-Response"), "true")
        asked = ask(page, "/", headers=[("Accept", "application/json")], request_id="r-7")
        self.assertEqual(json.loads(asked.body), {"error": "Nothing was ended.", "request_id": "r-7"})

    def test_fault(self) -> None:
        """
        A fault of ours is logged, and answered 500 without a word of it.
        """
        asked = ask(Failing(Secret("password")), "/?code=1", request_id="r-7")
        self.assertEqual((asked.status, asked.is_done), (500, True))
        self.assertIn("<code>r-7</code>", asked.text)
        self.assertNotIn("password", asked.text)
        self.assertNotIn("Secret", asked.text)
        self.assertEqual(len(self.flushLoggedErrors(Secret)), 1)

    def test_own_problems(self) -> None:
        """
        A page may have a form of its own for all its problems: refusals of its own, wrong methods and forms, faults.
        """
        many = "&".join(["a=1"] * 101).encode()
        kind = [("Content-Type", "application/x-www-form-urlencoded")]
        for status, more in (
            (418, {"method": "POST", "form": {"a": "1"}}),
            (405, {"method": "GET"}),
            (400, {"method": "POST", "headers": kind, "content": many}),
            (413, {"method": "POST", "form": {"a": "x" * 70000}}),
            (500, {"method": "POST"}),
        ):
            with self.subTest(status):
                asked = ask(OwnProblems(), "/", **more)  # type: ignore[arg-type] # a table
                self.assertEqual((asked.status, asked.text), (status, f"own {status}"))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_fault_in_the_error_page(self) -> None:
        """
        If even the error page cannot be made, the request is answered.
        """
        problem = HttpProblem(400, "x")
        problem.title = None  # type: ignore[assignment] # nothing that a page could show
        asked = ask(Failing(problem), "/")
        self.assertEqual((asked.status, asked.is_done), (500, True))
        self.assertTrue(self.flushLoggedErrors())

    def test_waits(self) -> None:
        """
        A page may wait; nothing is written before it answers.
        """
        page = Waiting()
        asked = ask(page, "/")
        self.assertFalse(asked.is_done)
        self.assertEqual(asked.body, b"")
        page.waits.callback("done")
        self.assertEqual((asked.status, asked.body, asked.is_done), (200, b"done", True))

    def test_disconnected_while_waiting(self) -> None:
        """
        A page goes on when nobody waits for it any more, and nothing is written or logged.
        """
        for outcome in ("done", HttpProblem(400, "x")):
            with self.subTest(outcome=outcome):
                page = Waiting()
                asked = ask(page, "/")
                asked.disconnect()
                if isinstance(outcome, str):
                    page.waits.callback(outcome)
                else:
                    page.waits.errback(outcome)
                self.assertEqual(page.went_on, isinstance(outcome, str))
                self.assertIsNone(asked.channel.status)
                self.assertEqual(self.flushLoggedErrors(), [])

    def test_disconnected_before_a_fault(self) -> None:
        """
        A fault of ours is logged also when nobody sees it.
        """
        page = Waiting()
        asked = ask(page, "/")
        asked.disconnect()
        page.waits.errback(Secret())
        self.assertEqual(len(self.flushLoggedErrors(Secret)), 1)

    def test_disconnected_afterwards(self) -> None:
        """
        A connection that ends after its answer breaks nothing.
        """
        asked = ask(WithHead(), "/")
        asked.disconnect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_stopped(self) -> None:
        """
        The owner can stop a page that waits; the person is told to try again.
        """
        asked = ask(Waiting(), "/")
        assert asked.request.answering is not None
        asked.request.answering.cancel()
        self.assertEqual((asked.status, asked.is_done), (503, True))
        self.successResultOf(asked.request.answering)

    def test_unwritten_page(self) -> None:
        """
        A page without an answer is a fault, not an empty page.
        """
        self.assertEqual(ask(Page(), "/").status, 500)
        self.assertEqual(len(self.flushLoggedErrors(NotImplementedError)), 1)

    def test_redirect_with_cookies(self) -> None:
        """
        A redirect can clear a cookie on its way.
        """
        asked = ask(Failing(redirect("https://a.test/", 303, headers=[("Set-Cookie", "a=")])), "/")
        self.assertEqual((asked.status, asked.headers("Set-Cookie")), (303, ["a="]))
