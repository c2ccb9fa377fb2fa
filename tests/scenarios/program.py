"""
A program that a person has started, as Pomerium's own example script works: it asks for a link, shows it to the
person's browser, and waits at a port of this computer.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.scenarios.browser import Browser, Response
from tests.scenarios.world import APP, WorldTestCase

WAITS_AT = "http://localhost:8000"


@dataclass
class Program:
    """
    One program.
    """

    world: WorldTestCase
    waits_at: str = WAITS_AT
    application: str = APP

    def __post_init__(self) -> None:
        self._http = self.world.browser(address="192.0.2.77")

    def ask(self, url: str, **fields: str) -> Response:
        """
        What a request without cookies gets.
        """
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        return self._http.once("GET", url, {"Accept": "*/*", **named})

    def link(self) -> str:
        """
        What it shows to the person.
        """
        query = urlencode({"pomerium_redirect_uri": self.waits_at})
        answer = self.ask(f"{self.application}/.pomerium/api/v1/login?{query}")
        self.world.assertEqual(answer.status, 200, answer.text)
        return answer.text

    def handle_from(self, came: str) -> str:
        """
        The handle in the URL by which the browser came to it.
        """
        self.world.assertTrue(came.startswith(self.waits_at), came)
        [handle] = parse_qs(urlsplit(came).query)["pomerium_jwt"]
        return handle

    def sign_in(self, browser: Browser, person: str = "alice") -> str:
        """
        The handle that it gets when the person does all that they are asked for.
        """
        page = self.page(browser, person)
        return self.handle_from(self.allowed(browser, page))

    def page(self, browser: Browser, person: str = "alice") -> Response:
        """
        The page that asks the person.
        """
        page = browser.get(self.link(), site="none")
        if "Sign in as" in page.text:
            page = browser.click(page, f"Sign in as {person.title()}")
        return page

    def allowed(self, browser: Browser, page: Response) -> str:
        """
        Where the browser comes to after the click.
        """
        action, fields = page.form(button="Allow")
        answer = browser.post(action, fields, follow=False)
        self.world.assertEqual(answer.status, 303, answer.text)
        answer = browser.get(answer.get("Location") or "", follow=False)
        self.world.assertEqual(answer.status, 302, answer.text)
        return answer.get("Location") or ""

    def use(self, handle: str, path: str = "/", **fields: str) -> Response:
        """
        What the application answers to the handle.
        """
        return self.ask(self.application + path, **(fields or {"Authorization": f"Pomerium {handle}"}))

    @staticmethod
    def error(answer: Response) -> object:
        """
        What a JSON answer says is wrong.
        """
        return json.loads(answer.text)["error"]
