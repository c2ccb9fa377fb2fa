"""
Tests for `pomerium_tx.logout.target`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.logout.handover import REDIRECT_URI
from pomerium_tx.logout.target import Targets, wanted_target
from pomerium_tx.web.resource import PageRequest


def _targets(*, any_absolute: bool = False, default: str | None = None) -> Targets:
    return Targets(
        serves_origin=lambda url: url.startswith("https://app.example.com/"),
        origins=["https://authenticate.example.com", "https://allowed.example.net:8443"],
        any_absolute=any_absolute,
        default=default,
    )


class WantedTests(SynchronousTestCase):
    """
    What a request asks for.
    """

    def test_wanted(self) -> None:
        """
        A target counts in the query or in the form, if it is the only one.
        """
        other = ("other", "https://b.example")
        for query, form, expected in (
            ([], [], None),
            ([(REDIRECT_URI, "a"), other], [other], "a"),
            ([other], [(REDIRECT_URI, "a")], "a"),
            ([(REDIRECT_URI, "a"), (REDIRECT_URI, "b")], [], None),
            ([(REDIRECT_URI, "a"), (REDIRECT_URI, "a")], [], None),
            ([(REDIRECT_URI, "a")], [(REDIRECT_URI, "b")], None),
            ([], [(REDIRECT_URI, "a"), (REDIRECT_URI, "")], None),
        ):
            with self.subTest(query=query, form=form):
                request = PageRequest(
                    method="POST",
                    path="/.pomerium/sign_out",
                    origin="https://app.example.com",
                    url="https://app.example.com/.pomerium/sign_out",
                    raw_query=None,
                    query=query,
                    form_fields=form,
                    client_address="192.0.2.1",
                    request_id="request-1",
                    fields={},
                )
                self.assertEqual(wanted_target(request), expected)


class TargetsTests(SynchronousTestCase):
    """
    Where a person may land.
    """

    def test_honoured(self) -> None:
        """
        A route's origin, the authenticate host's, a listed one and that of the setting are honoured, byte for byte.
        """
        targets = _targets(default="https://www.example.com/home")
        for wanted in (
            "https://app.example.com/bye?a=1&b=%2f#c",
            "https://authenticate.example.com/.pomerium/",
            "https://allowed.example.net:8443/",
            "https://www.example.com/other",
        ):
            with self.subTest(wanted=wanted):
                self.assertEqual(targets.of(wanted), wanted)

    def test_another_port(self) -> None:
        """
        Of a route that is served at any port, the port counts at which the person has come; what listens at another one
        may be anybody's. What was honoured once is honoured until they are there.
        """
        targets = Targets(
            serves_origin=lambda url: url.startswith(("https://app.example.com/", "https://app.example.com:")),
            origins=["https://app.example.com", "https://named.example.com:8443"],
            any_absolute=False,
            default=None,
        )
        here = "https://app.example.com:8443/bye"
        for asked_at, is_honoured in (
            ("https://app.example.com:8443", True),
            (None, True),
            ("https://app.example.com", False),
            ("https://app.example.com:8444", False),
            ("https://authenticate.example.com", False),
        ):
            with self.subTest(asked_at):
                self.assertEqual(targets.of(here, asked_at=asked_at), here if is_honoured else None)
        for wanted in ("https://app.example.com/", "https://app.example.com:443/", "https://named.example.com:8443/"):
            self.assertEqual(targets.of(wanted, asked_at="https://app.example.com:8443"), wanted)

    def test_ignored(self) -> None:
        """
        Anything else is ignored, not an error: the setting is used, or nothing.
        """
        for wanted in (
            None,
            "",
            "/relative",
            "//evil.example",
            "https://evil.example/",
            "https://allowed.example.net/",
            "http://app.example.com/",
            "https://app.example.com.evil.example/",
            "https://app.example.com@evil.example/",
            "https://evil.example\\@app.example.com/",
            "https://app.example.com/ x",
            "javascript:alert(1)",
            "https://app.example.com/\r\nSet-Cookie: a=b",
        ):
            with self.subTest(wanted=wanted):
                self.assertIsNone(_targets().of(wanted))
                self.assertEqual(_targets(default="https://www.example.com/").of(wanted), "https://www.example.com/")

    def test_any_absolute(self) -> None:
        """
        With the runtime flag every absolute web URL is honoured, and still no other.
        """
        targets = _targets(any_absolute=True, default="https://www.example.com/")
        self.assertEqual(targets.of("https://anywhere.example/x"), "https://anywhere.example/x")
        for wanted in ("/relative", "", "javascript:alert(1)", "https://a@b.example/"):
            with self.subTest(wanted=wanted):
                self.assertEqual(targets.of(wanted), "https://www.example.com/")
