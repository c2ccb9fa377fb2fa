"""
Tests for `pomerium_tx.web.html`.
"""

from __future__ import annotations

import re
from typing import ClassVar

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.web import html
from pomerium_tx.web.html import Confirmed, Truth
from tests.web.outline import Outline

EVIL = "<script>alert('1')</script>\"'&"
HREF = "/x?" + EVIL.replace(" ", "")
WHEN = 1700042520.0


PAGES = {
    "error": lambda: html.error_page(403, EVIL, EVIL, request_id=EVIL, sign_out_path=HREF, retry=HREF),
    "confirm": lambda: html.confirm_sign_out(HREF, EVIL, EVIL, EVIL, HREF),
    "held": lambda: html.held(WHEN, HREF, EVIL, {EVIL: EVIL}),
    "overtaken": lambda: html.signed_out_while_signing_in(HREF, request_id=EVIL),
    "onward": lambda: html.sent_on(HREF),
    "submitting": lambda: html.self_submitting(HREF, [(EVIL, EVIL)]),
} | {
    truth.name: (
        lambda truth=truth: html.signed_out(
            truth, receipt_id=EVIL, sign_in_url=HREF, sign_out_action=HREF, csrf_token=EVIL, other_providers=[EVIL]
        )
    )
    for truth in Truth
}


class EveryPageTests(SynchronousTestCase):
    """
    What all pages have in common.
    """

    def test_escaped(self) -> None:
        """
        Nothing that came from outside becomes markup, whichever argument it was.
        """
        for name, build in PAGES.items():
            with self.subTest(page=name):
                document = build()
                scripts = re.findall(rb"<script", document)
                self.assertEqual(len(scripts), 1 if name == "submitting" else 0)
                self.assertNotIn(b"alert('1')</script>", document)
                outline = Outline(document)
                for url in outline.links + outline.actions:
                    self.assertEqual(url, HREF)

    def test_structure(self) -> None:
        """
        A page has one main landmark and one headline, and loads nothing.
        """
        for name, build in PAGES.items():
            with self.subTest(page=name):
                outline = Outline(build())
                for tag in ("main", "h1", "title"):
                    self.assertEqual(outline.tags.count(tag), 1)
                self.assertEqual(outline.tags.count("button"), outline.tags.count("form"))
                self.assertFalse({"img", "iframe", "object", "embed"} & set(outline.tags))

    def test_no_dangerous_links(self) -> None:
        """
        An address that is no web address makes no link.
        """
        evil = "javascript:alert(1)"
        for document in (
            html.error_page(500, "x", "x", request_id="", sign_out_path=evil, retry=evil),
            html.confirm_sign_out("/x", "t", cancel=evil),
            html.signed_out(Truth.NOTHING, sign_in_url=evil),
            html.signed_out_while_signing_in(evil),
        ):
            self.assertEqual(Outline(document).links, [])


class ErrorPageTests(SynchronousTestCase):
    """
    Tests for `error_page` and `title_of`.
    """

    def test_ways_on(self) -> None:
        """
        A person who has no access can sign out, try again, and name the request to somebody who can help.
        """
        outline = Outline(
            html.error_page(403, "No access", "Ask.", request_id="r-1", sign_out_path="/out", retry="/again")
        )
        self.assertEqual(outline.links, ["/again", "/out"])
        for expected in ("No access", "Ask.", "403", "r-1"):
            self.assertIn(expected, outline.text)

    def test_without_ways_on(self) -> None:
        """
        Without them the page offers nothing.
        """
        outline = Outline(html.error_page(404, "x", "y", request_id=""))
        self.assertEqual(outline.links, [])
        self.assertNotIn("Request", outline.text)

    def test_titles(self) -> None:
        """
        Every error has a headline.
        """
        self.assertEqual(html.title_of(404), "There is nothing here")
        self.assertEqual(html.title_of(418), html.title_of(400))
        self.assertEqual(html.title_of(599), html.title_of(500))


class SignOutPageTests(SynchronousTestCase):
    """
    Tests for the pages around a sign-out.
    """

    def test_confirmation_posts(self) -> None:
        """
        The button takes along the token, the wish where to go, and the session that a route host named.
        """
        outline = Outline(html.confirm_sign_out("/.pomerium/sign_out", "tok", "https://a.test/bye", "ref", "/back"))
        self.assertEqual(outline.actions, ["/.pomerium/sign_out"])
        self.assertEqual(
            outline.fields,
            {"_pomerium_csrf": "tok", "pomerium_redirect_uri": "https://a.test/bye", "pomerium_reference": "ref"},
        )
        self.assertEqual(outline.links, ["/back"])
        self.assertIn("https://a.test/bye", outline.text)

    def test_confirmation_without_wishes(self) -> None:
        """
        What nobody wished is not sent.
        """
        self.assertEqual(Outline(html.confirm_sign_out("/x", "tok")).fields, {"_pomerium_csrf": "tok"})

    def test_held(self) -> None:
        """
        The page says when the person signed out, and signs in by a POST with the token only.
        """
        document = html.held(WHEN, "/.pomerium/sign_in", "tok", {"pomerium_redirect_uri": "https://a.test/"})
        outline = Outline(document)
        self.assertIn("You signed out at 10:02", outline.text)
        self.assertIn(b'<time datetime="2023-11-15T10:02:00Z">10:02</time> UTC', document)
        self.assertEqual(outline.actions, ["/.pomerium/sign_in"])
        self.assertEqual(outline.fields, {"_pomerium_csrf": "tok", "pomerium_redirect_uri": "https://a.test/"})
        self.assertEqual(outline.links, [])

    CLAIMS: ClassVar[dict[Truth, str]] = {
        Truth.EVERYWHERE: "signed out everywhere",
        Truth.NO_PROVIDER_SIGN_OUT: "provider has no sign-out",
        Truth.PROVIDER_UNCONFIRMED: "provider did not confirm",
        Truth.STILL_SIGNED_IN: "still signed in",
        Truth.NOTHING: "Nothing was signed out here",
    }

    def test_truths(self) -> None:
        """
        Each outcome is told in its own words, and no page claims another's.
        """
        for truth, claim in self.CLAIMS.items():
            with self.subTest(truth=truth):
                text = Outline(html.signed_out(truth)).text
                self.assertIn(claim, text)
                if truth is not Truth.EVERYWHERE:
                    self.assertNotIn("everywhere", text)

    def test_how_it_was_confirmed(self) -> None:
        """
        A return is not called a confirmation: each is told in its own words, and neither where it does not belong.
        """
        words = {
            None: "has signed you out too",
            Confirmed.BY_RETURN: "has sent you back from its own sign-out",
            Confirmed.BY_LOGOUT_TOKEN: "has confirmed that you are signed out there",
        }
        for confirmed, word in words.items():
            for truth in Truth:
                with self.subTest(confirmed=confirmed, truth=truth):
                    text = Outline(html.signed_out(truth, confirmed=confirmed)).text
                    said = [other for other in words.values() if other in text]
                    self.assertEqual(said, [word] if truth is Truth.EVERYWHERE else [])

    def test_all_devices(self) -> None:
        """
        The person's other devices are spoken of only if their sessions have ended.
        """
        for truth in Truth:
            with self.subTest(truth=truth):
                self.assertNotIn("devices", Outline(html.signed_out(truth)).text)
                text = Outline(html.signed_out(truth, on_all_devices=True)).text
                has_ended = truth not in (Truth.STILL_SIGNED_IN, Truth.NOTHING)
                self.assertEqual("on all your devices" in text, has_ended)

    def test_stays_signed_out(self) -> None:
        """
        A person of whom nothing was left to end is told that they stay signed out, and that the OP may know them.
        """
        text = Outline(html.signed_out(Truth.NOTHING, stays_signed_out=True)).text
        self.assertIn("Nothing was signed out here", text)
        self.assertIn("You will stay signed out here until you choose to sign in", text)
        self.assertIn("still be signed in at your identity provider", text)
        self.assertNotIn("stay signed out", Outline(html.signed_out(Truth.NOTHING)).text)

    def test_look_again(self) -> None:
        """
        The page looks again by itself, without a script, only where that is asked for.
        """
        document = html.signed_out(Truth.EVERYWHERE, look_again="/.pomerium/signed_out?again=1")
        self.assertIn(b'http-equiv="refresh" content="2; url=/.pomerium/signed_out?again=1"', document)
        self.assertNotIn(b"http-equiv", html.signed_out(Truth.EVERYWHERE))

    def test_receipt_and_way_back(self) -> None:
        """
        The page shows the receipt and a link to sign in, and never signs in by itself.
        """
        outline = Outline(html.signed_out(Truth.EVERYWHERE, receipt_id="receipt-1", sign_in_url="https://a.test/"))
        self.assertIn("receipt-1", outline.text)
        self.assertEqual(outline.links, ["https://a.test/"])
        self.assertEqual(outline.actions, [])

    def test_still_signed_in(self) -> None:
        """
        A person who is still signed in gets the button, and only such a person.
        """
        for truth in Truth:
            outline = Outline(html.signed_out(truth, sign_out_action="/out", csrf_token="tok"))
            is_still = truth is Truth.STILL_SIGNED_IN
            with self.subTest(truth=truth):
                self.assertEqual(outline.actions, ["/out"] if is_still else [])
                self.assertEqual(outline.fields, {"_pomerium_csrf": "tok"} if is_still else {})
        outline = Outline(html.signed_out(Truth.STILL_SIGNED_IN, sign_in_url="/in"))
        self.assertEqual((outline.actions, outline.links), ([], []))

    def test_other_providers(self) -> None:
        """
        Another provider where the person may still be signed in is named.
        """
        text = Outline(html.signed_out(Truth.EVERYWHERE, other_providers=["one.test", "two.test"])).text
        self.assertIn("may also still be signed in at one.test, two.test", text)

    def test_overtaken(self) -> None:
        """
        A person who was signed out while signing in is told so and can sign in.
        """
        outline = Outline(html.signed_out_while_signing_in("https://a.test/in"))
        self.assertIn("You were signed out while signing in", outline.text)
        self.assertEqual(outline.links, ["https://a.test/in"])

    def test_tiny(self) -> None:
        """
        The page for a frame has nothing to click.
        """
        self.assertEqual(Outline(html.tiny()).tags, ["title"])


class OnwardPageTests(SynchronousTestCase):
    """
    Tests for the pages that go on by themselves.
    """

    def test_self_submitting(self) -> None:
        """
        The way to the OP by POST works by its button without a script, and keeps the order of its fields.
        """
        document = html.self_submitting("https://op.test/end", [("id_token_hint", "x.y.z"), ("state", "s")])
        outline = Outline(document)
        self.assertEqual(outline.actions, ["https://op.test/end"])
        self.assertEqual(list(outline.fields.items()), [("id_token_hint", "x.y.z"), ("state", "s")])
        self.assertIn("button", outline.tags)
        self.assertLess(document.index(b"</form>"), document.index(b"<script>"))

    def test_sent_on(self) -> None:
        """
        The page that goes on by itself names one place, in its head and in its link; nowhere but to a web address.
        """
        document = html.sent_on("https://app.test/?a=1&b=';")
        self.assertIn("https://app.test/?a=1&b=';", Outline(document).links)
        refresh = b'<meta http-equiv="refresh" content="0; url=https://app.test/?a=1&amp;b=\';" />'
        self.assertIn(refresh, document)
        self.assertLess(document.index(refresh), document.index(b"</head>"))
        self.assertNotIn(b"refresh", html.tiny() + html.signed_out(Truth.NOTHING))
        for evil in ("javascript:alert(1)", "//evil.test", "data:x", "https://a b"):
            with self.subTest(evil), self.assertRaises(ValueError):
                html.sent_on(evil)
