"""
A browser as far as the scenarios need one: cookies, redirects, Fetch Metadata, forms, and connections that stay open.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from pomerium_tx.http11.heads import HeadLimits, ResponseHead
from pomerium_tx.http11.reader import ResponseReader
from tests.doubles.peers import UserAgent

MOST_REDIRECTS = 12


@dataclass
class Response:
    """
    What came back.
    """

    url: str
    status: int
    fields: list[tuple[str, str]]
    content: bytes = b""
    trail: list[str] = field(default_factory=list)
    """
    The URLs that led here.
    """

    def get(self, name: str) -> str | None:
        """
        The first value of a field.
        """
        return next((value for key, value in self.fields if key.lower() == name.lower()), None)

    def get_all(self, name: str) -> list[str]:
        """
        Every value of a field.
        """
        return [value for key, value in self.fields if key.lower() == name.lower()]

    @property
    def text(self) -> str:
        """
        The content as text.
        """
        return self.content.decode()

    def form(self, index: int = 0, button: str = "") -> tuple[str, dict[str, str]]:
        """
        Where a form on the page goes, and what it sends when the button with that text is pressed.
        """
        forms = re.findall(r"<form\b([^>]*)>(.*?)</form>", self.text, re.DOTALL)
        attributes, inside = forms[index]
        action = re.search(r'action="([^"]*)"', attributes)
        fields = {}
        for attribute in re.findall(r"<input\b([^>]*)>", inside):
            name, value = re.search(r'name="([^"]*)"', attribute), re.search(r'value="([^"]*)"', attribute)
            if name and value:
                fields[html.unescape(name[1])] = html.unescape(value[1])
        pressed = re.search(rf"<button\b([^>]*)>(?:(?!</button>).)*{re.escape(button)}", inside, re.DOTALL)
        if button and pressed:
            name, value = re.search(r'name="([^"]*)"', pressed[1]), re.search(r'value="([^"]*)"', pressed[1])
            if name and value:
                fields[html.unescape(name[1])] = html.unescape(value[1])
        return urljoin(self.url, html.unescape(action[1]) if action else self.url), fields


@dataclass
class _Cookie:
    value: str
    path: str
    domain: str
    host_only: bool
    expires: float | None


class Browser:
    """
    One person's browser.

    :param connect: A connection to the listener that serves a host and port.
    :param outside: Asks hosts that are not the proxy's: method, URL, fields, content; None if the host is the proxy's.
    """

    def __init__(
        self,
        *,
        connect: Callable[[str, int, str], UserAgent],
        outside: Callable[[str, str, Mapping[str, str], bytes], Response | None],
        settle: Callable[[], None],
        now: Callable[[], float],
        address: str = "192.0.2.1",
    ) -> None:
        self._connect = connect
        self._outside = outside
        self._settle = settle
        self._now = now
        self._address = address
        self.jar: dict[tuple[str, str, str], _Cookie] = {}

    # -- cookies -----------------------------------------------------------------------------------------------------

    def cookies(self, url: str) -> str:
        """
        The Cookie field for a URL.
        """
        parts = urlsplit(url)
        host, path = parts.hostname or "", parts.path or "/"
        pairs = []
        for (_, name, _), cookie in list(self.jar.items()):
            if cookie.expires is not None and cookie.expires <= self._now():
                continue
            if host != cookie.domain and (cookie.host_only or not host.endswith("." + cookie.domain)):
                continue
            if path == cookie.path or path.startswith(cookie.path.rstrip("/") + "/"):
                pairs.append(f"{name}={cookie.value}")
        return "; ".join(pairs)

    def cookie(self, host: str, name: str) -> str | None:
        """
        The value of a cookie that the browser has for a host.
        """
        return next((c.value for (domain, n, _), c in self.jar.items() if domain == host and n == name), None)

    def keep(self, url: str, set_cookie: str) -> None:
        """
        Do what a Set-Cookie field says.
        """
        host = urlsplit(url).hostname or ""
        parsed = SimpleCookie(set_cookie)
        for name, morsel in parsed.items():
            domain = morsel["domain"].lstrip(".")
            path = morsel["path"] or "/"
            key = (domain or host, name, path)
            if morsel["max-age"] == "0" or morsel["max-age"] == 0:
                self.jar.pop(key, None)
                continue
            expires = self._now() + float(morsel["max-age"]) if morsel["max-age"] else None
            self.jar[key] = _Cookie(morsel.value, path, domain or host, not domain, expires)

    # -- requests ----------------------------------------------------------------------------------------------------

    def get(self, url: str, *, site: str = "none", follow: bool = True, **fields: str) -> Response:
        """
        Go to a URL as a person does: by the address bar, or, with *site*, by a link.
        """
        return self._navigate("GET", url, b"", site=site, follow=follow, fields=fields)

    def post(self, url: str, form: Mapping[str, str], *, site: str = "same-origin", follow: bool = True) -> Response:
        """
        Submit a form.
        """
        parts = urlsplit(url)
        fields = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"{parts.scheme}://{parts.netloc}"}
        return self._navigate("POST", url, urlencode(form).encode(), site=site, follow=follow, fields=fields)

    def click(self, page: Response, button: str = "", index: int = 0) -> Response:
        """
        Press the button of a form.
        """
        action, fields = page.form(index, button)
        return self.post(action, fields)

    def fetch(self, url: str, method: str = "GET", *, site: str = "same-origin", **fields: str) -> Response:
        """
        What a page's script gets by `fetch`.
        """
        metadata = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
        return self.once(method, url, {**metadata, **_named(fields)})

    def once(self, method: str, url: str, fields: Mapping[str, str] | None = None, content: bytes = b"") -> Response:
        """
        One request with the browser's cookies, and its answer.
        """
        sent = dict(fields or {})
        cookies = self.cookies(url)
        if cookies:
            sent.setdefault("Cookie", cookies)
        answered = self._outside(method, url, sent, content)
        if answered is None:
            answered = self._ask(method, url, sent, content)
        for set_cookie in answered.get_all("Set-Cookie"):
            self.keep(url, set_cookie)
        return answered

    def open(self, method: str, url: str, *fields: str, content: bytes = b"") -> UserAgent:
        """
        A request whose answer need not end; the connection it is on.
        """
        parts = urlsplit(url)
        agent = self._connection(url)
        lines = [f"{method} {_target(url)} HTTP/1.1", f"Host: {parts.netloc}", f"Cookie: {self.cookies(url)}", *fields]
        agent.say("\r\n".join((*lines, "", "")).encode() + content)
        self._settle()
        return agent

    def _navigate(
        self, method: str, url: str, content: bytes, *, site: str, follow: bool, fields: Mapping[str, str]
    ) -> Response:
        trail: list[str] = []
        sent = _named(fields)
        for _ in range(MOST_REDIRECTS):
            metadata = {
                "Sec-Fetch-Site": site,
                "Sec-Fetch-Mode": "navigate",
                "Sec-Fetch-Dest": "document",
                "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
                "User-Agent": "Test/1.0",
            }
            answer = self.once(method, url, {**metadata, **sent}, content)
            answer.trail = list(trail)
            location = answer.get("Location")
            if not follow or location is None or answer.status not in (301, 302, 303, 307, 308):
                return answer
            trail.append(url)
            onward = urljoin(url, location)
            if site != "none" and urlsplit(onward).netloc != urlsplit(url).netloc:
                site = "cross-site"
            if answer.status in (301, 302, 303) and method != "GET":
                method, content = "GET", b""
                sent.pop("Content-Type", None)
                sent.pop("Origin", None)
            url = onward
        raise AssertionError(f"too many redirects: {trail}")

    def _ask(self, method: str, url: str, fields: Mapping[str, str], content: bytes) -> Response:
        parts = urlsplit(url)
        agent = self._connection(url)
        lines = [f"{method} {_target(url)} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"{name}: {value}" for name, value in fields.items()]
        if content or method == "POST":
            lines.append(f"Content-Length: {len(content)}")
        agent.say("\r\n".join((*lines, "", "")).encode("latin-1") + content)
        self._settle()
        answer = read(agent.take(), method)
        answer.url = url
        agent.transport.loseConnection()
        self._settle()
        return answer

    def _connection(self, url: str) -> UserAgent:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return self._connect(parts.hostname or "", port, self._address)


def read(received: bytes, method: str = "GET") -> Response:
    """
    The answer in *received*, which must be there and whole.
    """
    reader = ResponseReader(HeadLimits())
    reader.expect(method.encode())
    events: list[Any] = reader.feed(received)
    heads = [event for event in events if isinstance(event, ResponseHead) and event.status >= 200]
    assert heads, f"no answer: {received!r}"
    content = b"".join(event for event in events if isinstance(event, bytes))
    fields = [(name.decode(), value.decode("latin-1")) for _, name, value in heads[0].fields]
    return Response("", heads[0].status, fields, content)


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _named(fields: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in fields.items()}
