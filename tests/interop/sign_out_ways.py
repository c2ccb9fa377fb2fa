"""
The ways in which a page can make a browser ask for sign_out, and what may come of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page

from tests.interop.browsers import Person
from tests.interop.case import SharingCase
from tests.interop.deployment import DeploymentCase
from tests.interop.processes import eventually
from tests.interop.secure import SecureDeploymentCase

SIGN_OUT = "/.pomerium/sign_out"


class Outcome(Enum):
    """
    What a request for sign_out comes to.
    """

    NOW = "signed out, on the way to the provider"
    NOW_JSON = "signed out, 200 for the script"
    QUESTION = "a question, nothing ended"
    REFUSED = "403, nothing ended"
    NOTHING = "200, nothing ended"
    NOT_YET = "503, nothing ended"


STATUS = {
    Outcome.NOW: 302,
    Outcome.NOW_JSON: 200,
    Outcome.QUESTION: 302,
    Outcome.REFUSED: 403,
    Outcome.NOTHING: 200,
    Outcome.NOT_YET: 503,
}


@dataclass(frozen=True)
class Way:
    """
    How a page makes its browser ask for *url*; *script* is run in it.
    """

    name: str
    script: str
    shown_in: str = "the page"
    """
    Where what comes back is seen: "the page", "a window", or "nowhere".
    """


_ELEMENT = """
const element = Object.assign(document.createElement('{tag}'), {{ {attributes} }});
const done = new Promise((settled) => {{ element.onload = element.onerror = settled; }});
document.body.append(element);
return Promise.race([done, new Promise((late) => setTimeout(late, 1000))]).then(() => null);
"""


def _element(name: str, tag: str, attributes: str) -> Way:
    return Way(name, _ELEMENT.format(tag=tag, attributes=attributes), "nowhere")


def _form(method: str, more: str = "") -> str:
    return f"""
    const form = Object.assign(document.createElement('form'), {{ method: '{method}', action: url }});
    {more}
    document.body.append(form);
    form.submit();
    """


NAVIGATIONS = (
    Way("a link that is clicked", "link"),
    Way("a form that posts", _form("post")),
    Way("a form that gets", _form("get")),
    Way("a script that goes there", "window.location.href = url"),
    Way(
        "a refresh by meta element",
        """
        const refresh = { httpEquiv: 'refresh', content: `0; ${url}` };
        document.head.append(Object.assign(document.createElement('meta'), refresh));
        """,
    ),
    Way("a window that is opened", "window.open(url); return null", "a window"),
    Way("a window without opener", "window.open(url, '_blank', 'noopener'); return null", "a window"),
)
"""
What brings the person there, with the page's own address as referrer.
"""
RESOURCES = (
    _element("an image", "img", "src: url"),
    _element("a script", "script", "src: url"),
    _element("a style sheet", "link", "rel: 'stylesheet', href: url"),
    _element("a video", "video", "src: url, preload: 'auto'"),
    Way(
        "a beacon",
        "navigator.sendBeacon(url, 'x'); return null",
        "nowhere",
    ),
    Way(
        "an event stream",
        """
        const events = new EventSource(url, { withCredentials: true });
        return new Promise((done) => { events.onerror = () => { events.close(); done(null); }; });
        """,
        "nowhere",
    ),
    Way(
        "a script's plain request",
        "return fetch(url, { credentials: 'include', mode: 'no-cors' }).then(() => null)",
        "nowhere",
    ),
    Way(
        "a script's plain post",
        "return fetch(url, { credentials: 'include', mode: 'no-cors', method: 'POST' }).then(() => null)",
        "nowhere",
    ),
)
"""
What no person sees.
"""
CONTAINERS = (_element("an object", "object", "data: url"), _element("an embedded page", "embed", "src: url"))
FRAMES = (_element("a frame", "iframe", "src: url"),)
PREFETCHES = (
    Way(
        "a prefetching link element",
        """
        document.head.append(Object.assign(document.createElement('link'), { rel: 'prefetch', href: url }));
        return null;
        """,
        "nowhere",
    ),
)
OWN_SCRIPTS = (
    Way("a script that wants JSON", "return fetch(url, { headers: { Accept: 'application/json' } }).then(() => null)"),
    Way("a script's post", "return fetch(url, { method: 'POST' }).then(() => null)"),
    Way(
        "a script of the time before fetch",
        """
        const request = new XMLHttpRequest();
        request.open('GET', url);
        request.setRequestHeader('X-Requested-With', 'XMLHttpRequest');
        return new Promise((done) => { request.onloadend = () => done(null); request.send(); });
        """,
    ),
    Way("a form by script", "return fetch(url, { method: 'POST', body: new FormData() }).then(() => null)"),
)


class Judge(DeploymentCase):
    """
    Tells what has become of alice, who is signed in at the application.
    """

    alice: Person
    page: Page

    def cookie(self) -> str:
        """
        What the browser would send to the application.
        """
        return self.alice.cookies(self.site.app)

    def is_signed_in(self, cookie: str) -> bool:
        """
        Whether the application answers to *cookie*.
        """
        raise NotImplementedError

    def signed_in(self) -> str:
        """
        Alice's cookie, which is worth something; if need be she signs in anew, as the provider still knows her.
        """
        if not self.is_signed_in(self.cookie()):
            hosts = {urlsplit(origin).hostname or "" for origin in (self.site.app, self.site.authenticate)}
            self.alice.forget(*hosts)
            self.page.goto(f"{self.site.app}/")
            if self.page.title() != "Application":
                self.op.sign_in(self.page)
                self.page.wait_for_url(f"{self.site.app}/")
        cookie = self.cookie()
        self.assertTrue(self.is_signed_in(cookie))
        return cookie

    def answers(self, url: str) -> list[int]:
        """
        How requests for *url* have been answered so far.
        """
        parts = urlsplit(url)
        return self.proxy.answered(parts.netloc, parts.path)

    def ask(self, way: Way, at: str, url: str) -> Page:
        """
        The page at *at* makes the browser ask for *url*; the tab in which something is seen of it.
        """
        if self.page.url != at:
            self.page.goto(at)
        if way.shown_in == "a window":
            with self.alice.context.expect_page() as opened:
                self.page.evaluate(f"url => {{ {way.script} }}", url)
            return opened.value
        if way.script == "link":
            self.page.evaluate(
                """url => document.body.append(
                  Object.assign(document.createElement('a'), { id: 'it', textContent: 'Sign out', href: url }))""",
                url,
            )
            self.page.click("#it")
        else:
            self.page.evaluate(f"url => {{ {way.script} }}", url)
        return self.page

    def assert_outcome(self, way: Way, at: str, url: str, outcome: Outcome) -> None:
        """
        A page at *at* has made the browser ask for *url*, and that was the outcome.
        """
        cookie = self.signed_in()
        asked = len(self.answers(url))
        ends = len(self.proxy.receipts())
        tab = self.ask(way, at, url)
        self.assert_answered(url, asked, outcome)
        is_over = outcome in (Outcome.NOW, Outcome.NOW_JSON)
        if is_over:
            eventually("a receipt", lambda: len(self.proxy.receipts()) == ends + 1)
        self.assertEqual(self.is_signed_in(cookie), not is_over)
        self.assertEqual(len(self.proxy.receipts()), ends + is_over)
        if outcome is Outcome.NOW:
            tab.wait_for_url(f"{self.op.issuer}/**")
        elif outcome is Outcome.QUESTION:
            tab.wait_for_selector("h1:has-text('Sign out?')")
            self.assertTrue(tab.url.startswith(self.site.authenticate), tab.url)
        elif way.shown_in != "a window":
            self.assertEqual(tab.url, at)
        if tab is not self.page:
            tab.close()

    def assert_answered(self, url: str, asked: int, outcome: Outcome) -> None:
        """
        The first answer after *asked* others is that of the *outcome*.
        """
        eventually(f"the browser asks for {url}", lambda: len(self.answers(url)) > asked, patience=5.0)
        self.assertEqual(self.answers(url)[asked], STATUS[outcome])

    def assert_outcomes(self, ways: tuple[Way, ...], at: str, url: str, outcome: Outcome) -> None:
        """
        However a page at *at* makes the browser ask for *url*, that is the outcome.
        """
        for way in ways:
            with self.subTest(way=way.name, at=at):
                self.assert_outcome(way, at, url, outcome)
        # Whoever is next begins with a fresh page.
        self.page.goto("about:blank")


class SecureJudge(Judge, SecureDeploymentCase, SharingCase):
    """
    On https, under names of one site and of another.
    """

    def start(self) -> None:
        """
        Alice is signed in at the application.
        """
        self.start_with()

    def start_with(self, **settings: Any) -> None:
        """
        Alice is signed in at the application of a proxy with these *settings*.
        """
        self.deploy_securely(**settings)
        self.alice = self.colleague()
        self.page = self.alice.tab()
        self.sign_in(self.page, f"{self.site.app}/")
        self.url = f"{self.site.app}{SIGN_OUT}"

    def is_signed_in(self, cookie: str) -> bool:
        """
        Whether the application answers to *cookie*.
        """
        return self.fetch(f"{self.site.app}/", cookie=cookie).status == 200
