"""
Tests for `pomerium_tx.web.look`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.web import html
from pomerium_tx.web.answers import Answer, html_answer, json_answer, redirect
from pomerium_tx.web.look import Colours, Dress, Look, contrast

LOOK = Look(
    light=Colours(primary="#6f43e7", secondary="#ffcc00"),
    dark=Colours(primary="#c0a8ff"),
    logo_url='https://cdn.example.com/logo.svg?a=1&b="2"',
    favicon_url="https://icons.example.com:8443/icon.png",
    first_paragraph="Call <5555> & ask",
)


def error(status: int = 403) -> Answer:
    """
    A page of ours that says no.
    """
    return html_answer(html.error_page(status, "No </h1><main>", "Not you.", request_id="r"), status=status)


def variables(style: str) -> list[tuple[str, str]]:
    """
    What is set in a style sheet, in order.
    """
    return re.findall(r"--([a-z-]+): ([^;]+);", style)


class DressTests(SynchronousTestCase):
    """
    A page that is given a look.
    """

    def test_nothing_chosen(self) -> None:
        """
        Where nothing is chosen, pages stay as they are.
        """
        self.assertIs(Dress(Look()).on(answer := error()), answer)

    def test_everything(self) -> None:
        """
        Logo, icon, style and first paragraph are in the page, escaped, at their places.
        """
        body = Dress(LOOK).on(error()).body.decode()
        self.assertIn('<img src="https://cdn.example.com/logo.svg?a=1&amp;b=&quot;2&quot;" alt="" /></div><main>', body)
        self.assertIn('<link rel="icon" href="https://icons.example.com:8443/icon.png" />', body)
        self.assertIn("</h1><p>Call &lt;5555&gt; &amp; ask</p><p>Not you.</p>", body)
        self.assertNotIn('href="data:,"', body)
        self.assertEqual(body.count("<main>"), 1)

    def test_policy_fits(self) -> None:
        """
        The policy allows just the style that the page has, and images from just these places.
        """
        for look in (
            LOOK,
            replace(LOOK, logo_url=None),
            Look(first_paragraph="Hello"),
            Look(logo_url="data:image/x,y"),
        ):
            answer = Dress(look).on(error())
            [style] = re.findall("<style>(.*?)</style>", answer.body.decode(), re.DOTALL)
            digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
            self.assertIn(f"style-src 'sha256-{digest}'", answer.content_security_policy)
        policy = Dress(LOOK).on(error()).content_security_policy
        self.assertIn("img-src data: https://cdn.example.com https://icons.example.com:8443;", policy)
        self.assertIn("img-src data:;", Dress(Look(logo_url="data:image/x,y")).on(error()).content_security_policy)

    def test_first_paragraph(self) -> None:
        """
        It is for errors alone.
        """
        dress = Dress(Look(first_paragraph="Call us"))
        self.assertIn(b"Call us", dress.on(error(500)).body)
        self.assertNotIn(b"Call us", dress.on(html_answer(html.error_page(200, "x", "y", request_id=""))).body)

    def test_other_answers(self) -> None:
        """
        What nobody looks at, or is no page of ours, stays as it is.
        """
        dress = Dress(LOOK)
        for answer in (
            redirect("https://app.example.com/"),
            json_answer({"a": 1}, status=403),
            html_answer(html.tiny(), frameable=True),
        ):
            self.assertIs(dress.on(answer), answer)


class ColoursTests(SynchronousTestCase):
    """
    The colours of a look.
    """

    def set_by(self, look: Look) -> list[tuple[str, str]]:
        """
        What a look sets in the style, beside what is there without it.
        """
        plain = variables(error().body.decode())
        return variables(Dress(look).on(error()).body.decode())[len(plain) :]

    def test_dark_follows_light(self) -> None:
        """
        A colour that is named for one scheme alone counts in the dark too; one that is named for the dark only there.
        """
        self.assertEqual(
            [value for name, value in self.set_by(Look(light=Colours(primary="#102030"))) if name == "deed"],
            ["#102030", "#102030"],
        )
        self.assertEqual(self.set_by(Look(dark=Colours(secondary="#102030"))), [("mark", "#102030")])
        both = Look(light=Colours(primary="#102030"), dark=Colours(primary="#aabbcc"))
        self.assertEqual([value for name, value in self.set_by(both) if name == "deed"], ["#102030", "#aabbcc"])

    def test_always_readable(self) -> None:
        """
        Whatever colour is chosen, a button's text can be read on it, and a link on the page.
        """
        for primary in ("#000000", "#ffffff", "#ffcc00", "#6f43e7", "#777777", "#00ff00", "#1a56a8"):
            with self.subTest(primary):
                light, dark = ("#ffffff", "#17191c")
                found = self.set_by(Look(light=Colours(primary=primary)))
                schemes = dict(found[:3]), dict(found[3:])
                for paper, scheme in zip((light, dark), schemes, strict=True):
                    self.assertGreaterEqual(contrast(scheme["on-deed"], scheme["deed"]), 4.5)
                    self.assertGreaterEqual(contrast(scheme["link"], paper), 4.5)

    def test_contrast(self) -> None:
        """
        It is that of WCAG, whichever colour comes first.
        """
        self.assertAlmostEqual(contrast("#ffffff", "#000000"), 21.0)
        self.assertAlmostEqual(contrast("#777777", "#ffffff"), 4.48, places=2)
        self.assertAlmostEqual(contrast("#ffffff", "#777777"), 4.48, places=2)
        self.assertEqual(contrast("#123456", "#123456"), 1.0)
