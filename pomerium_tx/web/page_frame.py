"""
The frame around every page of ours: document, style, Content Security Policy, and the few elements they share.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from twisted.web.template import Element, Tag, TagLoader, XMLString, flattenString, renderer, tags

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twisted.python.failure import Failure
    from twisted.web.iweb import IRequest
    from twisted.web.template import Flattenable

_ROOM = files("pomerium_tx.web")


def _text(folder: str, name: str) -> str:
    # Stripped and as it is between the tags, since that is what user agents hash.
    return _ROOM.joinpath(folder, name).read_text("utf-8").strip()


def source_of(text: str) -> str:
    """
    How a Content Security Policy names an inline text: by its hash.
    """
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return f"'sha256-{digest}'"


_FRAME = _text("templates", "page.xml")
STYLE = _text("static", "page.css")
"""
The style of every page, as it stands in it.
"""
_SUBMIT = _text("static", "submit.js")
LISTENING_SCRIPT = _text("static", "session_events.js")
"""
Tells an open page of the end of its session.
"""
_LISTENING = b'<script data-signed-in=""></script>'
"""
Where that script goes: it is the one text in a page that must not be escaped, and nothing from outside can look so.
"""

# No form-action: Chromium would block the redirect of a form's answer to the OP.
_IMAGES = "img-src data:"
POLICY = f"default-src 'none'; style-src {source_of(STYLE)}; {_IMAGES}; base-uri 'none'"
"""
The Content Security Policy of every page: our one style, and no script.
"""

SUBMITTING_POLICY = f"{POLICY}; script-src {source_of(_SUBMIT)}"
"""
The same for the page that submits itself: one script of ours besides.
"""

LISTENING_POLICY = f"{POLICY}; script-src {source_of(LISTENING_SCRIPT)}; connect-src 'self'"
"""
The same for a page that is told of the end of the session that it was made for.
"""


def with_images(policy: str, origins: Iterable[str]) -> str:
    """
    The same policy for a page that shows images of other origins.
    """
    return policy.replace(_IMAGES, " ".join((_IMAGES, *origins)), 1)


def image_origins(urls: Iterable[str]) -> list[str]:
    """
    The origins that images at *urls* come from, each once; those that are data come from nowhere.
    """
    split = (urlsplit(url) for url in urls)
    return list(dict.fromkeys(f"{each.scheme}://{each.netloc}" for each in split if each.scheme == "https"))


class _Frame(Element):
    """
    One page.
    """

    loader = XMLString(_FRAME)

    def __init__(
        self, title: str, content: Iterable[Flattenable], footer: Flattenable, refresh: str | None, *, listens: bool
    ) -> None:
        super().__init__()
        self._title = title
        self._content = list(content)
        self._footer = footer
        self._refresh = refresh
        self._listens = listens

    @renderer
    def title(self, request: IRequest | None, tag: Tag) -> Tag:
        """
        What a tab or a screen reader says first.
        """
        return tag(self._title)

    @renderer
    def refresh(self, request: IRequest | None, tag: Tag) -> Flattenable:
        """
        When and where the page goes on to by itself, or nothing.
        """
        return "" if self._refresh is None else tag(**{"http-equiv": "refresh", "content": self._refresh})

    @renderer
    def style(self, request: IRequest | None, tag: Tag) -> Tag:
        """
        The style that the policy knows by its hash.
        """
        return tag(STYLE)

    @renderer
    def content(self, request: IRequest | None, tag: Tag) -> Tag:
        """
        What is in the main landmark.
        """
        return tag(*self._content)

    @renderer
    def footer(self, request: IRequest | None, tag: Tag) -> Flattenable:
        """
        The small print, or nothing.
        """
        return tag(self._footer) if self._footer else ""

    @renderer
    def listening(self, request: IRequest | None, tag: Tag) -> Flattenable:
        """
        The place of the script that waits for the end of the session, or nothing.
        """
        return tag if self._listens else ""


def page(
    title: str,
    *content: Flattenable,
    footer: Flattenable = "",
    onward: str | None = None,
    after: int = 0,
    listens: bool = False,
) -> bytes:
    """
    A whole HTML document.

    :param onward: Where it goes on to by itself.
    :param after: How many seconds later.
    :param listens: Whether it was made for a session and is told of its end. Needs `LISTENING_POLICY`.
    """
    refresh = None if onward is None else f"{after}; url={onward}"
    document = _flattened(_Frame(title, content, footer, refresh, listens=listens))
    script = _LISTENING.replace(b"></", b">" + LISTENING_SCRIPT.encode() + b"</")
    return document.replace(_LISTENING, script, 1) if listens else document


def fragment(*content: Flattenable) -> bytes:
    """
    An HTML document without our frame, for a place where nobody looks.
    """
    return _flattened(Element(TagLoader(list(content))))


def part(*content: Flattenable) -> bytes:
    """
    A part of a document.
    """
    return _octets(Element(TagLoader(list(content))))


def _flattened(element: Element) -> bytes:
    return b"<!DOCTYPE html>\n" + _octets(element) + b"\n"


def _octets(element: Element) -> bytes:
    octets: list[bytes] = []
    failures: list[Failure] = []
    flattenString(None, element).addCallbacks(octets.append, failures.append)
    if failures:
        failures[0].raiseException()
    # Nothing in a page waits, so the Deferred has fired.
    return octets[0]


def safe_href(url: str | None) -> str | None:
    """
    The URL if it is an absolute web address or a path of ours, else ``None``: no ``javascript:``, no ``//host``.
    """
    if url is None or any(character <= " " or character == "\\" for character in url):
        return None
    if url.lower().startswith(("https://", "http://")):
        return url
    return url if url.startswith("/") and not url.startswith("//") else None


def link(url: str | None, text: str) -> Flattenable:
    """
    A paragraph with a link, or nothing where there is nowhere to go.
    """
    href = safe_href(url)
    return tags.p(tags.a(text, href=href)) if href is not None else ""


def form(action: str, fields: Iterable[tuple[str, str]], button: str, *, described_by: str = "") -> Tag:
    """
    A form of hidden fields with one button.

    :param described_by: The id of what tells this button from others with the same text.
    :raises ValueError: If the action is no place for a form to go.
    """
    href = safe_href(action)
    if href is None:
        raise ValueError("A form goes to a web address or to a path.")
    return tags.form(
        *(tags.input(type="hidden", name=name, value=value) for name, value in fields),
        tags.button(button, type="submit", **({"aria-describedby": described_by} if described_by else {})),
        method="post",
        action=href,
    )


def submit_script() -> Tag:
    """
    Presses the button of the page's only form.
    """
    return tags.script(_SUBMIT)


def clock_time(when: float) -> str:
    """
    Hours and minutes, in UTC.
    """
    return f"{datetime.fromtimestamp(when, UTC):%H:%M}"


def moment(when: float, text: str) -> Tag:
    """
    A time that machines can read too.
    """
    return Tag("time", attributes={"datetime": f"{datetime.fromtimestamp(when, UTC):%Y-%m-%dT%H:%M:%SZ}"})(text)


def day_and_time(when: float) -> str:
    """
    A day and a time in words that every reader orders alike.
    """
    # Not %B: that follows the locale of the process.
    utc = datetime.fromtimestamp(when, UTC)
    return f"{utc.day} {_MONTHS[utc.month - 1]} {utc.year}, {utc:%H:%M} UTC"


_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
