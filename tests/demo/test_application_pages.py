"""
Tests for `pomerium_tx.demo.application_pages`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.demo import pages
from pomerium_tx.demo.application_pages import (
    Links,
    asserted_claims,
    identity,
    navigation,
    request_line,
    respond_with_page,
    respond_with_problem,
    respond_with_static,
    scripts,
    shown_fields,
)
from pomerium_tx.http11.heads import HeadLimits, RequestHead
from pomerium_tx.http11.reader import RequestReader
from pomerium_tx.jose.signer import derived_signer
from tests.demo.test_pages import Outline
from tests.demo.wire import Wire

LINKS = Links(app="http://app.localhost:8000", chat="http://chat.localhost:8000", other="http://other.localhost:8005")
CLAIMS = {"sub": "1", "name": "Alice <Liddell>", "email": "alice@example.com", "groups": ["staff", "x"], "sid": "s"}


def assertion(claims: dict[str, object]) -> bytes:
    """
    The field in which the proxy says who somebody is.
    """
    return b"X-Pomerium-Jwt-Assertion: " + derived_signer(b"proxy").sign(claims).encode()


def head_with(*fields: bytes) -> RequestHead:
    """
    A request with *fields*.
    """
    lines = b"".join(field + b"\r\n" for field in (b"Host: app.localhost", *fields))
    head = RequestReader(HeadLimits()).feed(b"GET /?q=1 HTTP/1.1\r\n" + lines + b"\r\n")[0]
    assert isinstance(head, RequestHead)
    return head


class IdentityTests(SynchronousTestCase):
    """
    Who the proxy says the person is.
    """

    def test_claims(self) -> None:
        """
        The claims are those of the assertion; there are none without one that can be read.
        """
        self.assertEqual(asserted_claims(head_with(assertion(CLAIMS))), CLAIMS)
        for fields in ([], [b"X-Pomerium-Jwt-Assertion: nonsense"], [b"X-Pomerium-Jwt-Assertion: \xff"]):
            with self.subTest(fields=fields):
                self.assertEqual(asserted_claims(head_with(*fields)), {})

    def test_somebody(self) -> None:
        """
        Name, address and groups are shown, as text.
        """
        markup = pages.document("t", [identity(head_with(assertion(CLAIMS)))])
        for text in (b"You are Alice &lt;Liddell&gt;", b"alice@example.com", b"staff, x"):
            self.assertIn(text, markup)

    def test_nobody(self) -> None:
        """
        Without an assertion, or with one about nobody, the person is nobody.
        """
        for fields in ([], [assertion({"sub": ""})]):
            with self.subTest(fields=fields):
                self.assertIn(b"You are nobody", pages.document("t", [identity(head_with(*fields))]))


class NavigationTests(SynchronousTestCase):
    """
    The links at the top of every page.
    """

    def test_links(self) -> None:
        """
        The other applications, who am I, sign out; where one is, is marked.
        """
        elements = Outline(pages.document("t", [], navigation=navigation(LINKS, here="Chat"))).elements
        links = [attributes for tag, attributes in elements if tag == "a"]
        expected = [f"{LINKS.app}/", f"{LINKS.chat}/", f"{LINKS.other}/", "/.pomerium/", "/.pomerium/sign_out"]
        self.assertEqual([link["href"] for link in links], expected)
        self.assertEqual([link["href"] for link in links if "aria-current" in link], [f"{LINKS.chat}/"])


class ScriptsTests(SynchronousTestCase):
    """
    What makes an application's page livelier.
    """

    def test_proxys_script(self) -> None:
        """
        The application's script, and behind it the proxy's, which knows that somebody is signed in.
        """
        elements = Outline(pages.document("t", [], scripts=scripts("/own.js"))).elements
        found = [attributes for tag, attributes in elements if tag == "script"]
        self.assertEqual([one["src"] for one in found], ["/own.js", "/.pomerium/session_events.js"])
        self.assertEqual(["data-signed-in" in one for one in found], [False, True])


class ReceivedTests(SynchronousTestCase):
    """
    What the application received, shown.
    """

    def test_fields(self) -> None:
        """
        Names as they came, values as they came, but for the assertion, which is shortened.
        """
        field = assertion(CLAIMS)
        shown = dict(shown_fields(head_with(b"X-OwN: y", field)))
        self.assertEqual(shown["X-OwN"], "y")
        value = field.decode().partition(": ")[2]
        self.assertEqual(shown["X-Pomerium-Jwt-Assertion"], f"{value[:20]}... ({len(value)} characters)")

    def test_request_line(self) -> None:
        """
        Method and target.
        """
        self.assertEqual(request_line(head_with()), "GET /?q=1")


class ResponseTests(SynchronousTestCase):
    """
    The ways to answer.
    """

    def test_page(self) -> None:
        """
        A page is not stored and runs no script but the application's own.
        """
        head, content = Wire(lambda exchange: respond_with_page(exchange, b"<p>")).ask(b"GET", b"/")
        self.assertEqual((head.get(b"cache-control"), content), (b"no-store", b"<p>"))
        self.assertIn(b"script-src 'self'", head.get(b"content-security-policy") or b"")

    def test_status(self) -> None:
        """
        A page can be the answer to what went wrong.
        """
        head, _ = Wire(lambda exchange: respond_with_page(exchange, b"<p>", status=400)).ask(b"GET", b"/")
        self.assertEqual(head.status, 400)

    def test_static(self) -> None:
        """
        A part of a page may be kept by the person's own browser.
        """
        head, _ = Wire(lambda exchange: respond_with_static(exchange, b"x", b"text/css")).ask(b"GET", b"/")
        self.assertEqual(
            (head.get(b"content-type"), head.get(b"cache-control")), (b"text/css", b"private, max-age=300")
        )

    def test_problem(self) -> None:
        """
        A problem is a line of text.
        """
        head, content = Wire(lambda exchange: respond_with_problem(exchange, 404, "No.", (b"X", b"y"))).ask(
            b"GET", b"/"
        )
        self.assertEqual((head.status, head.get(b"x"), content), (404, b"y", b"No.\n"))
