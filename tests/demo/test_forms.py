"""
Tests for `pomerium_tx.demo.forms`.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.demo.forms import Form, answer_later, receive_form
from pomerium_tx.demo.serving import ServedExchange
from tests.demo.wire import Wire

FORM = b"Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"


class FormTests(SynchronousTestCase):
    """
    Forms that applications receive.
    """

    def setUp(self) -> None:
        """
        An application that expects a form.
        """
        self.forms: list[Form] = []
        self.wire = Wire(self.application)

    def application(self, exchange: ServedExchange) -> None:
        """
        Remembers the form.
        """

        def answer(form: Form) -> None:
            self.forms.append(form)
            exchange.respond(200, [])

        receive_form(exchange, answer)

    def post(self, content: bytes, fields: bytes = FORM) -> bytes:
        """
        The head of a form of that length, to be followed by *content*.
        """
        return b"POST / HTTP/1.1\r\nHost: a\r\n%sContent-Length: %d\r\n\r\n%s" % (fields, len(content), content)

    def test_in_pieces(self) -> None:
        """
        However it arrives, the application sees a form once, whole.
        """
        request = self.post(b"a=1&b=%20&a=2")
        for index in range(len(request)):
            self.wire.send(request[index : index + 1])
        self.assertEqual(self.forms, [[("a", "1"), ("b", " "), ("a", "2")]])

    def test_no_form(self) -> None:
        """
        What is not a form has no fields.
        """
        for fields in (b"", b"Content-Type: text/plain\r\n"):
            self.wire.send(self.post(b"a=1", fields))
        self.assertEqual(self.forms, [[], []])

    def test_too_much(self) -> None:
        """
        A form that is too long, or has too many fields, is refused, and the connection is as good as before.
        """
        for content, status in ((b"a" * 65537, b"413"), (b"a=&" * 101, b"400")):
            with self.subTest(status=status):
                self.assertTrue(self.wire.send(self.post(content)).startswith(b"HTTP/1.1 " + status))
        self.assertEqual(self.forms, [])
        self.wire.send(self.post(b"a=" + b"a" * 65534))
        self.assertEqual(len(self.forms), 1)


class LaterTests(SynchronousTestCase):
    """
    Answers that take their time.
    """

    def setUp(self) -> None:
        """
        An application that answers when a test says so.
        """
        self.given_up: list[Deferred[int]] = []
        self.waiting: Deferred[int] = Deferred(self.given_up.append)
        self.wire = Wire(lambda exchange: answer_later(exchange, self.answer(exchange)))
        self.wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")

    async def answer(self, exchange: ServedExchange) -> None:
        """
        The answer.
        """
        exchange.respond(await self.waiting, [])

    def test_answered(self) -> None:
        """
        The answer comes when it is there.
        """
        self.assertEqual(self.wire.received(), b"")
        self.waiting.callback(204)
        self.assertIn(b" 204 ", self.wire.received())

    def test_cut(self) -> None:
        """
        When nobody waits for it any more, the answer is given up.
        """
        self.wire.lose()
        self.assertEqual(self.given_up, [self.waiting])
        self.assertEqual(self.wire.received(), b"")

    def test_failed(self) -> None:
        """
        A fault of ours is heard of, and answered.
        """
        self.waiting.errback(ZeroDivisionError())
        self.assertIn(b" 500 ", self.wire.received())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
