"""
npm's oidc-provider, in two releases: the newest, and the last one with front-channel logout.
"""

from __future__ import annotations

import base64
import json
import secrets
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Page

from tests.interop.case import HERE, InteropCase
from tests.interop.parties import CLIENT_ID, SECOND_CLIENT_ID, USERS, Registration
from tests.interop.processes import free_ports
from tests.interop.wire import fetch

NEWEST = "oidc-provider"
WITH_FRONT_CHANNEL = "oidc-provider-6"


class OidcProvider:
    """
    npm's oidc-provider, running.
    """

    login_form = "input[name=password]"

    def __init__(
        self,
        test: InteropCase,
        registration: Registration,
        *,
        package: str = NEWEST,
        algorithm: str = "RS256",
        token_seconds: int = 3600,
    ) -> None:
        """
        :param package: :data:`NEWEST` or :data:`WITH_FRONT_CHANNEL`.
        """
        [port] = free_ports(1)
        self.issuer = f"http://op.localhost:{port}"
        self.origin = self.issuer
        self.package = package
        self.client_secret = secrets.token_urlsafe(32)
        self.second_secret = secrets.token_urlsafe(32)
        folder = test.folder()
        configuration = {
            "package": package,
            "issuer": self.issuer,
            "port": port,
            "clients": [
                {"client_id": CLIENT_ID, "client_secret": self.client_secret, **registration.proxy},
                {"client_id": SECOND_CLIENT_ID, "client_secret": self.second_secret, **registration.second},
            ],
            "users": USERS,
            "id_token_signed_response_alg": algorithm,
            "access_token_seconds": token_seconds,
        }
        (folder / "provider.json").write_text(json.dumps(configuration))
        self.program = test.program(
            package, ["node", str(HERE / "provider.mjs"), str(folder / "provider.json")], folder=folder
        )
        self.settings = {"id_token_signed_response_alg": algorithm}
        self.program.wait_for_ports(port)

    def sign_in(self, page: Page, user: str = "alice") -> None:
        """
        Somebody says who they are.
        """
        page.fill("input[name=login]", user)
        page.fill(self.login_form, "any password")
        page.click("button[type=submit]")
        self.let_in_again(page)

    def let_in_again(self, page: Page) -> None:
        """
        Whom it knows is let in, the older one's question answered.
        """
        if self.package == WITH_FRONT_CHANNEL:
            page.click("text=Continue")

    def agree(self, page: Page) -> None:
        """
        It asks whether the person wants to sign out here too; they do.
        """
        page.wait_for_url(f"{self.issuer}/**")
        page.click("text=Yes, sign me out")

    def decline(self, page: Page) -> None:
        """
        It asks whether the person wants to sign out here too; they do not.
        """
        page.wait_for_url(f"{self.issuer}/**")
        page.click("text=No, stay signed in")

    def sign_out_here(self, page: Page) -> None:
        """
        The person signs out where no application has sent them.
        """
        page.goto(f"{self.issuer}/session/end")
        self.agree(page)
        page.wait_for_url("**/session/end/success**")

    def asked(self, path: str) -> list[dict[str, Any]]:
        """
        The requests for *path* that it has answered.
        """
        return self.program.events(event="answered", path=path)

    def issued(self, grant_type: str) -> list[dict[str, Any]]:
        """
        The tokens that it has issued for such a grant.
        """
        return self.program.events(event="issued", grant_type=grant_type)

    def told(self) -> list[str]:
        """
        The clients that have taken its logout tokens as it wants, with 200.
        """
        return [each["client_id"] for each in self.program.events(event="told")]

    def is_active(self, token: str) -> bool:
        """
        Whether it still stands by *token* (RFC 7662).
        """
        credentials = base64.b64encode(f"{CLIENT_ID}:{self.client_secret}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/x-www-form-urlencoded"}
        answer = fetch(
            f"{self.issuer}/token/introspection",
            method="POST",
            headers=headers,
            content=urlencode({"token": token}).encode(),
        )
        return bool(json.loads(answer.content)["active"])
