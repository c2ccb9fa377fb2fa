"""
How our pages look: colours, logo, icon and the first words of errors, put on a page when it is answered.

The pages themselves know nothing of it. What is put on goes to a few exact places of `page_frame`, in front of which
nothing stands that came from outside unescaped.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from twisted.web.template import tags

from pomerium_tx.web.page_frame import STYLE, image_origins, part, source_of, with_images

if TYPE_CHECKING:
    from pomerium_tx.web.answers import Answer

_WHITE, _BLACK = "#ffffff", "#000000"
_PAPER, _DARK_PAPER = "#ffffff", "#17191c"
_INK, _DARK_INK = "#1c1e21", "#eceef0"
_READABLE = 4.5
"""
The contrast that text needs (WCAG 2.2, success criterion 1.4.3).
"""
_OUR_ICON = b'href="data:,"'
_MAIN = b"<main>"
_HEADING_END = b"</h1>"
_COLOURED = (
    "a { color: var(--link, var(--deed)); }",
    ":focus-visible { outline-color: var(--mark, var(--deed)); }",
    "[role=status] { border-left-color: var(--mark, var(--deed)); }",
)
_LOGO = (
    ".logo { max-width: 38rem; margin: 0 auto; padding: 2rem 1.25rem 0; }",
    ".logo img { display: block; max-width: 100%; max-height: 4rem; }",
    ".logo + main { padding-top: 6vh; }",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Colours:
    """
    Those of one colour scheme, each as ``#rrggbb``; None for ours.
    """

    primary: str | None = None
    """
    Of buttons, and of links where it can be read on the page.
    """
    secondary: str | None = None
    """
    Of what is marked: the focus, the edge of a notice.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """
    What an operator has chosen.
    """

    light: Colours = Colours()
    dark: Colours = Colours()
    """
    A colour that is not named here is that of *light*.
    """
    logo_url: str | None = None
    """
    An absolute URL, https or data.
    """
    favicon_url: str | None = None
    """
    Likewise.
    """
    first_paragraph: str = ""
    """
    What every page with an error begins with.
    """


class Dress:
    """
    One look, ready to be put on.
    """

    def __init__(self, look: Look) -> None:
        style = "\n".join((STYLE, *_further_style(look)))
        self._is_ours = look == Look()
        self._style = style.encode()
        self._source = source_of(style)
        self._icon = b'href="%b"' % _attribute(look.favicon_url)
        self._has_icon = look.favicon_url is not None
        logo = tags.div(tags.img(src=look.logo_url or "", alt=""), class_="logo")
        self._before_main = b"" if look.logo_url is None else part(logo)
        self._first_paragraph = part(tags.p(look.first_paragraph)) if look.first_paragraph else b""
        self._image_origins = image_origins(url for url in (look.logo_url, look.favicon_url) if url is not None)

    def on(self, answer: Answer) -> Answer:
        """
        *answer* as it is shown: the same, unless it is a page of ours that somebody is to look at.
        """
        if self._is_ours or 300 <= answer.status < 400 or _STYLE not in answer.body:
            return answer
        body = answer.body.replace(_STYLE, self._style, 1)
        if self._has_icon:
            body = body.replace(_OUR_ICON, self._icon, 1)
        body = body.replace(_MAIN, self._before_main + _MAIN, 1)
        if answer.status >= 400:
            body = body.replace(_HEADING_END, _HEADING_END + self._first_paragraph, 1)
        policy = with_images(answer.content_security_policy.replace(_SOURCE, self._source, 1), self._image_origins)
        return replace(answer, body=body, content_security_policy=policy)


def contrast(one: str, other: str) -> float:
    """
    The contrast ratio of two colours (WCAG 2.2), from 1 to 21.
    """
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _further_style(look: Look) -> list[str]:
    light, dark = look.light, look.dark
    both = Colours(primary=dark.primary or light.primary, secondary=dark.secondary or light.secondary)
    found = []
    by_day, by_night = _variables(light, _PAPER, _INK), _variables(both, _DARK_PAPER, _DARK_INK)
    if by_day:
        found.append(f":root {{ {by_day} }}")
    if by_night:
        found.append(f"@media (prefers-color-scheme: dark) {{ :root {{ {by_night} }} }}")
        found += _COLOURED
    return found if look.logo_url is None else [*found, *_LOGO]


def _variables(colours: Colours, paper: str, ink: str) -> str:
    found = []
    primary = colours.primary
    if primary is not None:
        on = max((_WHITE, _BLACK), key=lambda text: contrast(text, primary))
        link = primary if contrast(primary, paper) >= _READABLE else ink
        found += [f"--deed: {primary};", f"--on-deed: {on};", f"--link: {link};"]
    if colours.secondary is not None:
        found.append(f"--mark: {colours.secondary};")
    return " ".join(found)


def _luminance(colour: str) -> float:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))

    def linear(share: float) -> float:
        return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)

    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)


def _attribute(url: str | None) -> bytes:
    return part(url or "").replace(b'"', b"&quot;")


_STYLE = STYLE.encode()
_SOURCE = source_of(STYLE)
