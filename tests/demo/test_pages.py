"""
Tests for `pomerium_tx.demo.pages`.
"""

from __future__ import annotations

from html.parser import HTMLParser

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.template import tags

from pomerium_tx.demo import pages
from pomerium_tx.demo.logout_channels import Frame, LogoutRecord
from pomerium_tx.demo.registration import ALICE, BOB, User

_VOID = {"meta", "link", "input"}


class Outline(HTMLParser):
    """
    What is in a page; fails on a tag that is not closed.
    """

    def __init__(self, markup: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(markup.decode())
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """
        An element begins.
        """
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """
        An element ends, the one that began last.
        """
        if tag not in _VOID:
            assert self.open.pop() == tag, tag


TOLD = [
    LogoutRecord(client_id="rp", sid="s", channel="back", time=0.0, failure="there was no answer"),
    LogoutRecord(client_id="rp", sid="s", channel="back", time=1.0, attempt=2, status=200),
    LogoutRecord(client_id="rp", sid="s", channel="front", time=0.0),
]
FRAMES = [Frame(client_id="rp", url="http://rp.test/out?iss=i&sid=s")]
PAGES = {
    "choose": pages.choose_person("rp", [ALICE, BOB], signed_in_as=ALICE, request="a=b"),
    "confirm": pages.confirm_logout(ALICE, client_id="rp", request="a=b"),
    "signed out": pages.signed_out([], [], location=None),
    "told": pages.signed_out(TOLD, FRAMES, location="http://rp.test/?state=a&b=c"),
    "still": pages.still_signed_in(BOB),
    "refusal": pages.refusal("invalid_request", "No."),
    "nobody": pages.provider_home(None, "http://op.localhost"),
    "home": pages.provider_home(ALICE, "http://op.localhost", clients=["rp", "other"]),
}


class PageTests(SynchronousTestCase):
    """
    What every page is.
    """

    def test_accessible(self) -> None:
        """
        Language, title, one heading, one main part, phone width, light and dark.
        """
        for name, markup in PAGES.items():
            with self.subTest(page=name):
                self.assertTrue(markup.startswith(b"<!DOCTYPE html>\n<html lang="))
                elements = Outline(markup).elements
                names = [tag for tag, _ in elements]
                for tag in ("title", "h1", "main"):
                    self.assertEqual(names.count(tag), 1, tag)
                metas = {
                    attributes.get("name"): attributes.get("content") for tag, attributes in elements if tag == "meta"
                }
                self.assertEqual(metas["viewport"], "width=device-width, initial-scale=1")
                self.assertEqual(metas["color-scheme"], "light dark")

    def test_no_script(self) -> None:
        """
        The OP's pages run no script, but for the one that need not wait.
        """
        for name, markup in PAGES.items():
            with self.subTest(page=name):
                scripts = [attributes["src"] for tag, attributes in Outline(markup).elements if tag == "script"]
                self.assertEqual(scripts, ["/logout.js"] if name == "told" else [])

    def test_escaped(self) -> None:
        """
        What others have written stays text.
        """
        hostile = '"><script>alert(1)</script>'
        user = User(username=hostile, sub="s", name=hostile, email=hostile)
        for markup in (
            pages.choose_person(hostile, [user], signed_in_as=user, request=hostile),
            pages.confirm_logout(user, client_id=hostile, request=hostile),
            pages.refusal(hostile, hostile),
            pages.document("t", [pages.rows([(hostile, hostile)], names="n", values="v", caption=hostile)]),
        ):
            self.assertNotIn("script", [tag for tag, _ in Outline(markup).elements])

    def test_script(self) -> None:
        """
        A page that has a script loads it from where it came itself.
        """
        elements = Outline(pages.document("t", [tags.p("x")], scripts=[pages.script("/app.js", id="x")])).elements
        self.assertIn(("script", {"src": "/app.js", "defer": "defer", "id": "x"}), elements)

    def test_signed_out(self) -> None:
        """
        The page of a logout says who was told and how, frames the front channels, and goes on: by link, script, time.
        """
        elements = Outline(PAGES["told"]).elements
        text = PAGES["told"].decode()
        for said in ("back channel: there was no answer", "back channel: 200", "front channel<"):
            self.assertIn(said, text)
        [frame] = [attributes for tag, attributes in elements if tag == "iframe"]
        self.assertEqual((frame["src"], "hidden" in frame), (FRAMES[0].url, True))
        [link] = [attributes for _, attributes in elements if attributes.get("id") == "next"]
        self.assertEqual(link["href"], "http://rp.test/?state=a&b=c")
        refreshed = [attributes["content"] for _, attributes in elements if attributes.get("http-equiv") == "refresh"]
        self.assertEqual(refreshed, ["2; url=http://rp.test/?state=a&b=c"])

    def test_stays(self) -> None:
        """
        With nowhere to go, the page of a logout frames what it has to and stays.
        """
        elements = Outline(pages.signed_out(TOLD, FRAMES, location=None)).elements
        self.assertEqual([tag for tag, _ in elements if tag in ("iframe", "script")], ["iframe"])
        self.assertEqual([attributes for _, attributes in elements if "http-equiv" in attributes], [])

    def test_home(self) -> None:
        """
        Who is signed in, to what, and one button that ends it.
        """
        self.assertIn(b"Signed in to: rp, other.", PAGES["home"])
        self.assertIn(b"Signed in to no application.", pages.provider_home(ALICE, "i"))
        forms = [attributes for tag, attributes in Outline(PAGES["home"]).elements if tag == "form"]
        self.assertEqual(forms, [{"method": "post", "action": "/sign-out"}])

    def test_buttons_are_described(self) -> None:
        """
        Each button's description is on the page.
        """
        elements = Outline(PAGES["choose"]).elements
        described = {attributes["aria-describedby"] for tag, attributes in elements if tag == "button"}
        identified = {attributes["id"] for _, attributes in elements if "id" in attributes}
        self.assertEqual(len(described), 2)
        self.assertLessEqual(described, identified)

    def test_static_files(self) -> None:
        """
        The style sheet and the scripts come with the package.
        """
        for name in ("style.css", "app.js", "chat.js", "other.js", "logout.js"):
            self.assertTrue(pages.static_file(name))
