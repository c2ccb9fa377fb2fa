"""
Tests for `pomerium_tx.web.page_frame`.
"""

from __future__ import annotations

import base64
import hashlib
import re

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.error import FlattenerError
from twisted.web.template import tags

from pomerium_tx.web.page_frame import (
    LISTENING_POLICY,
    LISTENING_SCRIPT,
    POLICY,
    SUBMITTING_POLICY,
    clock_time,
    day_and_time,
    form,
    fragment,
    link,
    moment,
    page,
    safe_href,
    submit_script,
    with_images,
)


def _hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def _between(tag: str, document: bytes) -> str:
    found = re.findall(f"<{tag}>(.*?)</{tag}>", document.decode(), re.DOTALL)
    assert len(found) == 1, found
    return str(found[0])


class ImagesTests(SynchronousTestCase):
    """
    Tests for `with_images`.
    """

    def test_only_images(self) -> None:
        """
        A page may have images from these places, and nothing else that it could not have before.
        """
        for policy in (POLICY, SUBMITTING_POLICY, LISTENING_POLICY):
            widened = with_images(policy, ("https://a.test", "https://b.test:8443"))
            before, after = (dict(part.split(" ", 1) for part in text.split("; ")) for text in (policy, widened))
            self.assertEqual(after.pop("img-src"), "data: https://a.test https://b.test:8443")
            self.assertEqual(before.pop("img-src"), "data:")
            self.assertEqual(before, after)

    def test_none(self) -> None:
        """
        Without such places the policy is the same.
        """
        self.assertEqual(with_images(POLICY, ()), POLICY)


class PolicyTests(SynchronousTestCase):
    """
    The Content Security Policy fits the pages.
    """

    def test_style(self) -> None:
        """
        The style of a page, as it stands in the document, is the one that the policy allows.
        """
        self.assertIn(f"style-src {_hash(_between('style', page('x')))}", POLICY)

    def test_script(self) -> None:
        """
        The one script that may run is the one that submits a form, on the one page that has it.
        """
        script = _between("script", page("x", submit_script()))
        self.assertIn(f"script-src {_hash(script)}", SUBMITTING_POLICY)
        for part in ("script-src", "connect-src"):
            self.assertNotIn(part, POLICY)

    def test_listening(self) -> None:
        """
        The script that listens stands in a page exactly as it was written, and may connect to its own host only.
        """
        document = page("x", listens=True).decode()
        [script] = re.findall(r'<script data-signed-in="">(.*?)</script>', document, re.DOTALL)
        self.assertEqual(script, LISTENING_SCRIPT)
        self.assertTrue(LISTENING_POLICY.endswith(f"; script-src {_hash(script)}; connect-src 'self'"))
        self.assertNotIn("<script", page("x").decode())

    def test_listening_in_one_place(self) -> None:
        """
        Text that looks like the place of the script is no such place.
        """
        document = page(
            '<script data-signed-in=""></script>', tags.p('<script data-signed-in=""></script>'), listens=True
        )
        self.assertEqual(document.count(b"<script"), 1)
        self.assertLess(document.index(b"</main>"), document.index(b"<script"))

    def test_script_can_stand_in_a_page(self) -> None:
        """
        Nothing in the script ends its element early.
        """
        for ending in ("</", "<!--", "<script"):
            self.assertNotIn(ending, LISTENING_SCRIPT.lower())

    def test_nothing_else(self) -> None:
        """
        Nothing is loaded from anywhere, and forms may lead to the OP.
        """
        self.assertTrue(POLICY.startswith("default-src 'none'; "))
        for policy in (POLICY, SUBMITTING_POLICY, LISTENING_POLICY):
            self.assertNotIn("form-action", policy)
            self.assertNotIn("unsafe", policy)


class PageTests(SynchronousTestCase):
    """
    Tests for `page` and `fragment`.
    """

    def test_document(self) -> None:
        """
        A page is a whole document with a language, a title, a viewport, one main landmark and both colour schemes.
        """
        text = page("A & B", tags.h1("<x>")).decode()
        self.assertTrue(text.startswith('<!DOCTYPE html>\n<html lang="en"'))
        for expected in (
            '<meta charset="utf-8" />',
            "<title>A &amp; B</title>",
            'name="viewport" content="width=device-width, initial-scale=1"',
            'name="color-scheme" content="light dark"',
            "<main><h1>&lt;x&gt;</h1></main>",
        ):
            with self.subTest(expected=expected):
                self.assertIn(expected, text)
        self.assertNotIn("<footer", text)

    def test_footer(self) -> None:
        """
        The small print has its own landmark.
        """
        self.assertIn("<footer><p>small</p></footer>", page("x", footer=tags.p("small")).decode())

    def test_onward(self) -> None:
        """
        A page goes on by itself only if it is told where, at once or later.
        """
        self.assertIn('<meta http-equiv="refresh" content="0; url=/a?b" />', page("x", onward="/a?b").decode())
        self.assertIn('<meta http-equiv="refresh" content="2; url=/" />', page("x", onward="/", after=2).decode())
        self.assertNotIn("http-equiv", page("x", after=2).decode())

    def test_fragment(self) -> None:
        """
        A document for a frame holds what it is given, and nothing else.
        """
        self.assertEqual(fragment(tags.title("&")), b"<!DOCTYPE html>\n<title>&amp;</title>\n")

    def test_a_fault_is_raised(self) -> None:
        """
        What cannot be rendered is an exception, not half a page.
        """
        self.assertRaises(FlattenerError, page, "x", object())


class HrefTests(SynchronousTestCase):
    """
    Tests for `safe_href`, `link` and `form`.
    """

    SAFE = ("/", "/x?y=//z#a", "https://a.test/", "HTTP://a.test")
    UNSAFE = (
        None,
        "",
        "x",
        "//evil.test",
        "/\\evil.test",
        "\\\\evil.test",
        "/\t/evil.test",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " https://a.test/",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "\x00https://a.test",
    )

    def test_safe(self) -> None:
        """
        A link leads to a web address or to a path of ours.
        """
        for url in self.SAFE:
            with self.subTest(url=url):
                self.assertEqual(safe_href(url), url)

    def test_unsafe(self) -> None:
        """
        Anything else makes no link, and no form.
        """
        for url in self.UNSAFE:
            with self.subTest(url=url):
                self.assertIsNone(safe_href(url))
                self.assertEqual(link(url, "x"), "")
        self.assertRaises(ValueError, form, "javascript:alert(1)", [], "x")

    def test_form(self) -> None:
        """
        A form POSTs hidden fields by a button with a name.
        """
        text = page("x", form("/x", [("a", '"><b>')], "Go")).decode()
        self.assertIn(
            '<form method="post" action="/x"><input type="hidden" name="a" value="&quot;&gt;&lt;b&gt;" />'
            '<button type="submit">Go</button></form>',
            text,
        )

    def test_described_form(self) -> None:
        """
        Buttons of one text are told apart by what stands beside them.
        """
        text = page("x", form("/x", [], "Go", described_by="there")).decode()
        self.assertIn('<button type="submit" aria-describedby="there">Go</button>', text)


class TimeTests(SynchronousTestCase):
    """
    Tests for `clock_time`, `moment` and `day_and_time`.
    """

    def test_utc(self) -> None:
        """
        Times are in UTC wherever the process runs, for people and for machines.
        """
        self.assertEqual(clock_time(1700042520.9), "10:02")
        self.assertEqual(day_and_time(1700042520.9), "15 November 2023, 10:02 UTC")
        self.assertIn(b'<time datetime="2023-11-15T10:02:00Z">then</time>', page("x", moment(1700042520.9, "then")))
