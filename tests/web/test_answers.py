"""
Tests for `pomerium_tx.web.answers`.
"""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.web import html
from pomerium_tx.web.answers import (
    Answer,
    HttpProblem,
    answer_fields,
    html_answer,
    json_answer,
    problem_answer,
    redirect,
    text_answer,
)


def _fields(answer: Answer) -> dict[str, str]:
    fields = answer_fields(answer, "r-1")
    found = {name.lower(): value for name, value in fields}
    assert len(found) == len(fields), fields
    return found


class FieldsTests(SynchronousTestCase):
    """
    Tests for `answer_fields`.
    """

    def test_every_answer(self) -> None:
        """
        No answer of ours is stored, sniffed or framed, and each names its request.
        """
        for answer in (Answer(), html_answer(b""), json_answer({}), text_answer(""), redirect("https://a.test/")):
            with self.subTest(answer=answer):
                fields = _fields(answer)
                self.assertEqual(fields["cache-control"], "no-store")
                self.assertEqual(fields["x-content-type-options"], "nosniff")
                self.assertEqual(fields["x-frame-options"], "DENY")
                self.assertEqual(fields["referrer-policy"], "same-origin")
                self.assertEqual(fields["x-request-id"], "r-1")
                self.assertIn("default-src 'none'", fields["content-security-policy"])
                self.assertIn("; frame-ancestors 'none'", fields["content-security-policy"])

    def test_html_is_marked(self) -> None:
        """
        HTML says that it does not come from the application; other answers do not.
        """
        for answer, mark in (
            (html_answer(b""), "true"),
            (redirect("/x"), "true"),
            (json_answer({}), None),
            (text_answer(""), None),
            (Answer(), None),
        ):
            with self.subTest(answer=answer):
                self.assertEqual(_fields(answer).get("x-pomerium-intercepted-response"), mark)

    def test_frameable(self) -> None:
        """
        An answer for an OP's frame has nothing that would keep it out of one.
        """
        fields = _fields(html_answer(html.tiny(), frameable=True))
        self.assertNotIn("x-frame-options", fields)
        self.assertNotIn("frame-ancestors", fields["content-security-policy"])
        self.assertEqual(fields["cache-control"], "no-store")

    def test_images(self) -> None:
        """
        A page with images says where from, and is framed by nobody all the same.
        """
        policy = _fields(html_answer(b"", image_origins=("https://a.test",)))["content-security-policy"]
        self.assertIn("; img-src data: https://a.test; ", policy)
        self.assertIn("; frame-ancestors 'none'", policy)
        self.assertNotIn("https://", _fields(html_answer(b""))["content-security-policy"])

    def test_own_fields_win(self) -> None:
        """
        A page that sets a field is not contradicted.
        """
        fields = _fields(json_answer({}, headers=[("cache-control", "max-age=60")]))
        self.assertEqual(fields["cache-control"], "max-age=60")

    def test_several_cookies(self) -> None:
        """
        A page can set several cookies.
        """
        cookies = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
        fields = answer_fields(redirect("/x", headers=cookies), "")
        self.assertEqual([field for field in fields if field[0] == "Set-Cookie"], cookies)
        self.assertNotIn("X-Request-Id", dict(fields))

    def test_self_submitting(self) -> None:
        """
        Only the page that submits itself may run its script.
        """
        page = html.self_submitting("https://op.test/", [])
        self.assertIn(
            "script-src 'sha256-", _fields(html_answer(page, self_submitting=True))["content-security-policy"]
        )
        self.assertNotIn("script-src", _fields(html_answer(page))["content-security-policy"])


class AnswerTests(SynchronousTestCase):
    """
    Tests for `Answer` and what makes one.
    """

    def test_no_splitting(self) -> None:
        """
        A field that would begin another one on the wire is no field.
        """
        for name, value in [
            ("X", "a\r\nSet-Cookie: b=c"),
            ("X", "a\nb"),
            ("X", "a\x00"),
            ("X", "\u2028"),
            ("X: y", "a"),
            ("", "a"),
            ("X\r\n", "a"),
        ]:
            with self.subTest(name=name, value=value):
                self.assertRaises(ValueError, Answer, headers=((name, value),))
        self.assertRaises(ValueError, Answer, content_security_policy="x\ny")

    def test_header(self) -> None:
        """
        A field is found by its name in any case.
        """
        answer = Answer(headers=(("X-A", "1"), ("x-a", "2")))
        self.assertEqual(answer.header("x-A"), "1")
        self.assertIsNone(answer.header("y"))

    def test_json(self) -> None:
        """
        JSON is JSON: UTF-8, and no NaN.
        """
        answer = json_answer({"name": "Zoë"}, 403)
        self.assertEqual((answer.status, answer.body.decode()), (403, '{"name":"Zoë"}'))
        self.assertEqual(answer.header("content-type"), "application/json")
        self.assertRaises(ValueError, json_answer, float("nan"))

    def test_text(self) -> None:
        """
        Text is UTF-8 and says so.
        """
        answer = text_answer("é", 404)
        self.assertEqual((answer.status, answer.body), (404, "é".encode()))
        self.assertEqual(answer.header("content-type"), "text/plain; charset=utf-8")

    def test_redirect(self) -> None:
        """
        A redirect names its target once, in the field and not in the page.
        """
        answer = redirect("https://op.test/end?id_token_hint=secret", 303, headers=[("X-A", "b")])
        self.assertEqual(answer.status, 303)
        self.assertEqual(answer.header("location"), "https://op.test/end?id_token_hint=secret")
        self.assertEqual(answer.header("x-a"), "b")
        self.assertNotIn(b"secret", answer.body)
        self.assertIn(b"You are being sent on", answer.body)

    def test_redirect_refuses(self) -> None:
        """
        A Location that user agents could read differently is never sent.
        """
        for location in ("", "https://a.test/\r\nX: y", "https://a.test/ b", "https://é.test/", "/\t/x"):
            with self.subTest(location=location):
                self.assertRaises(ValueError, redirect, location)


class ProblemTests(SynchronousTestCase):
    """
    Tests for `HttpProblem` and `problem_answer`.
    """

    problem = HttpProblem(403, "<b>No.", headers=[("Retry-After", "1")], retry="/again", sign_out_path="/out")

    def test_page(self) -> None:
        """
        A person gets a page with a headline, the message and the ways on.
        """
        answer = problem_answer(self.problem, accept="text/html", request_id="r-1")
        self.assertEqual((answer.status, answer.header("retry-after")), (403, "1"))
        for expected in ("&lt;b&gt;No.", "You have no access here", "r-1", 'href="/again"', 'href="/out"'):
            with self.subTest(expected=expected):
                self.assertIn(expected, answer.body.decode())

    def test_json(self) -> None:
        """
        A program that prefers JSON gets the message and the request's id.
        """
        answer = problem_answer(self.problem, accept="application/json", request_id="r-1")
        self.assertEqual((answer.status, answer.header("retry-after")), (403, "1"))
        self.assertEqual(json.loads(answer.body), {"error": "<b>No.", "request_id": "r-1"})

    def test_own_title(self) -> None:
        """
        A problem may have a headline of its own.
        """
        answer = problem_answer(HttpProblem(400, "x", title="Too late"), accept=None, request_id="")
        self.assertIn(b"<h1>Too late</h1>", answer.body)

    def test_details(self) -> None:
        """
        Reasons are shown where there are some, to people and to programs.
        """
        problem = HttpProblem(403, "x", details=["email-unauthorized"])
        self.assertIn("email-unauthorized", problem_answer(problem, accept="text/html", request_id="").body.decode())
        answer = problem_answer(problem, accept="application/json", request_id="")
        self.assertEqual(json.loads(answer.body)["reasons"], ["email-unauthorized"])
