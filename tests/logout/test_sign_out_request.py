"""
Tests for `pomerium_tx.logout.sign_out_request`; the rules themselves are those of `pomerium_tx.web.fetch_metadata`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.logout.sign_out_request import (
    confirmation_required,
    nothing_to_see,
    nothing_was_ended,
    refused,
    rule_of,
)
from pomerium_tx.web.fetch_metadata import SignOutRule
from pomerium_tx.web.resource import HttpProblem, PageRequest


def _request(
    method: str = "GET", query: Sequence[tuple[str, str]] = (), origin: str = "https://app.example.com", **fields: Any
) -> PageRequest:
    return PageRequest(
        method=method,
        path="/.pomerium/sign_out",
        origin=origin,
        url=origin + "/.pomerium/sign_out",
        raw_query=None,
        query=list(query),
        form_fields=[],
        client_address="",
        request_id="request-1",
        fields={name.replace("_", "-").lower().encode(): [str(value).encode()] for name, value in fields.items()},
    )


class SignOutRequestTests(SynchronousTestCase):
    """
    What the request itself decides.
    """

    def test_prefetch(self) -> None:
        """
        What only prepares for a click gets 503, which no user agent serves to the click.
        """
        for name, value in (("Sec_Purpose", "prefetch;prerender"), ("Purpose", "prefetch"), ("X_Moz", "prefetch")):
            with self.subTest(name=name):
                request = _request(**dict[str, Any]({name: value}))
                problem = self.assertRaises(
                    HttpProblem, rule_of, request, handle_in_header=False, from_same_site_now=False
                )
                self.assertEqual(problem.status, 503)

    def test_plain_http(self) -> None:
        """
        Where user agents say nothing, a request without a word is asked about; on https it is believed.
        """
        for origin, expected in (
            ("https://app.example.com", SignOutRule.NOW),
            ("http://app.localhost:8000", SignOutRule.NOW),
            ("http://app.example.com", SignOutRule.CONFIRM),
        ):
            with self.subTest(origin=origin):
                rule = rule_of(_request(origin=origin), handle_in_header=False, from_same_site_now=False)
                self.assertIs(rule, expected)

    def test_refused(self) -> None:
        """
        A frame gets a page with nothing in it, whatever no person can have meant 403.
        """
        self.assertEqual(refused(SignOutRule.NOTHING), nothing_to_see())
        self.assertEqual(self.assertRaises(HttpProblem, refused, SignOutRule.FORBIDDEN).status, 403)
        self.assertIsNone(refused(SignOutRule.CONFIRM))

    def test_tiny_page(self) -> None:
        """
        The frame's page may be framed, and has nothing to click.
        """
        answer = nothing_to_see()
        self.assertTrue(answer.frameable)
        self.assertNotIn(b"<a", answer.body)
        self.assertNotIn(b"<form", answer.body)

    def test_script(self) -> None:
        """
        A script gets JSON instead of a page that asks.
        """
        answer = confirmation_required(_request())
        self.assertEqual((answer.status, answer.header("Content-Type")), (403, "application/json"))

    def test_truth(self) -> None:
        """
        If an end could not be recorded, the page says that nothing ended, and that it may be tried again.
        """
        problem = nothing_was_ended()
        self.assertEqual(problem.status, 503)
        self.assertIn("Nothing was signed out", problem.message)
        self.assertIn("again", problem.message)
