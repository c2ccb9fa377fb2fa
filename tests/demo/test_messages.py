"""
Tests for `pomerium_tx.demo.messages`.
"""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.demo.messages import Fault, Received, json_answer, page_answer, see_other


class ReceivedTests(SynchronousTestCase):
    """
    What is remembered of a request.
    """

    def test_parameter(self) -> None:
        """
        A parameter is found by its name.
        """
        received = Received(endpoint="token", method="POST", parameters=(("a", "1"), ("a", "2")))
        self.assertEqual(received.parameter("a"), "1")
        self.assertIsNone(received.parameter("b"))

    def test_nothing_is_shown(self) -> None:
        """
        Tokens and secrets that a request carries are not in its ``repr``.
        """
        received = Received(
            endpoint="token",
            method="POST",
            query="hush",
            parameters=(("token", "hush"),),
            authorization="hush",
            session_handle="hush",
        )
        self.assertNotIn("hush", repr(received))


class AnswerTests(SynchronousTestCase):
    """
    How answers are made.
    """

    def test_fault(self) -> None:
        """
        A fault is answered as it says.
        """
        answer = Fault(status=503, body=b"no", content_type="text/x", headers=(("Retry-After", "1"),)).answer()
        self.assertEqual((answer.status, answer.body), (503, b"no"))
        self.assertEqual(dict(answer.headers), {"Content-Type": "text/x", "Retry-After": "1"})

    def test_json(self) -> None:
        """
        A document is JSON and, unless said otherwise, not stored.
        """
        answer = json_answer({"a": 1}, status=400)
        self.assertEqual(json.loads(answer.body), {"a": 1})
        self.assertEqual(dict(answer.headers)["Cache-Control"], "no-store")

    def test_page(self) -> None:
        """
        A page is neither stored nor framed.
        """
        headers = dict(page_answer(b"").headers)
        self.assertEqual((headers["Cache-Control"], headers["X-Frame-Options"]), ("no-store", "DENY"))
        self.assertNotIn("form-action", headers["Content-Security-Policy"])
        self.assertNotIn("frame-src", headers["Content-Security-Policy"])

    def test_page_with_frames(self) -> None:
        """
        A page that frames relying parties may frame them only, and shows them whose page it is, and no more.
        """
        headers = dict(page_answer(b"", frames=["http://a.test", "http://b.test:1"]).headers)
        self.assertTrue(headers["Content-Security-Policy"].endswith("; frame-src http://a.test http://b.test:1"))
        self.assertEqual((headers["Referrer-Policy"], headers["X-Frame-Options"]), ("strict-origin", "DENY"))

    def test_see_other(self) -> None:
        """
        A redirect is followed by GET.
        """
        answer = see_other("http://rp/")
        self.assertEqual((answer.status, dict(answer.headers)["Location"]), (303, "http://rp/"))
