"""
A person's browser on real sockets: cookies, redirects, forms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urljoin, urlsplit

from tests.hostile.line import Line
from tests.scenarios.browser import Response

if TYPE_CHECKING:
    from tests.hostile.world import World

MOST_REDIRECTS = 12
NAVIGATION = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


class Visitor:
    """
    Follows redirects between the proxy's hosts and the OP, and nowhere else.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.cookies: dict[tuple[str, str], str] = {}
        """
        By host and name.
        """
        self.answers: list[Response] = []
        """
        Every single answer, redirects too.
        """

    async def get(self, url: str, *, follow: bool = True, fields: Mapping[str, str] | None = None) -> Response:
        """
        Navigate to *url*.
        """
        return await self._walk("GET", url, b"", fields or {}, follow)

    async def post(
        self,
        url: str,
        form: Mapping[str, str] | Sequence[tuple[str, str]],
        *,
        follow: bool = True,
        fields: Mapping[str, str] | None = None,
    ) -> Response:
        """
        Send a form to *url*, from a page of the same origin.
        """
        more = {"Content-Type": "application/x-www-form-urlencoded", **self._from_page(url), **(fields or {})}
        return await self._walk("POST", url, urlencode(form).encode(), more, follow)

    async def press(self, page: Response, button: str = "", *, follow: bool = True) -> Response:
        """
        Press a button of a page's only form.
        """
        action, form = page.form(button=button)
        return await self.post(action, form, follow=follow)

    async def once(self, method: str, url: str, fields: Mapping[str, str], content: bytes = b"") -> Response:
        """
        One exchange; what sets cookies is kept.
        """
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}", *(f"{k}: {v}" for k, v in fields.items())]
        cookies = "; ".join(f"{name}={value}" for (host, name), value in self.cookies.items() if host == parts.hostname)
        if cookies:
            lines.append(f"Cookie: {cookies}")
        if content or method == "POST":
            lines.append(f"Content-Length: {len(content)}")
        lines.append("Connection: close")
        says = "\r\n".join((*lines, "", "")).encode("latin-1") + content
        line = await self.world.say(says, host=parts.netloc)
        answer = self._read(url, line)
        self.answers.append(answer)
        for cookie in answer.get_all("Set-Cookie"):
            self.keep(parts.hostname or "", cookie)
        return answer

    def keep(self, host: str, cookie: str) -> None:
        """
        Take a Set-Cookie field value.
        """
        pair, *attributes = cookie.split(";")
        name, _, value = pair.partition("=")
        gone = {each.strip().lower() for each in attributes} & {"max-age=0"}
        if gone or not value:
            self.cookies.pop((host, name.strip()), None)
        else:
            self.cookies[host, name.strip()] = value

    def handle(self, host: str) -> str:
        """
        The session's handle for a host.
        """
        return self.cookies[host, "_pomerium"]

    def _from_page(self, url: str) -> dict[str, str]:
        parts = urlsplit(url)
        return {"Origin": f"{parts.scheme}://{parts.netloc}", "Sec-Fetch-Site": "same-origin"}

    def _read(self, url: str, line: Line) -> Response:
        found = line.answers()
        assert found, f"no answer to {url}: {line.received[:200]!r}"
        return Response(url, found[0].status, list(found[0].lines), found[0].content)

    async def _walk(self, method: str, url: str, content: bytes, fields: Mapping[str, str], follow: bool) -> Response:
        trail: list[str] = []
        while True:
            answer = await self.once(method, url, {**NAVIGATION, **fields}, content)
            answer.trail = trail
            location = answer.get("Location")
            if not follow or location is None or len(trail) > MOST_REDIRECTS:
                return answer
            trail.append(url)
            url, method, content, fields = urljoin(url, location), "GET", b"", {}
            if not self.world.serves(urlsplit(url).netloc):
                return Response(url, 0, [], b"", trail)
