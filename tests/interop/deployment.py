"""
A proxy with three routes, a real provider beside it, and applications that remember.
"""

from __future__ import annotations

import base64
import json
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Page

from tests.interop.case import HERE, InteropCase
from tests.interop.processes import eventually, free_ports
from tests.interop.upstream import RecordingUpstream
from tests.interop.wire import fetch

CLIENT_ID = "the-proxy"
USERS = {
    "alice": {"name": "Alice Example", "email": "alice@example.com", "email_verified": True, "groups": ["staff"]},
    "bob": {"name": "Bob Example", "email": "bob@example.com", "email_verified": True, "groups": ["staff"]},
}


@dataclass(frozen=True)
class Site:
    """
    The origins under which people know everything.
    """

    app: str
    chat: str
    public: str
    authenticate: str


class OidcProvider:
    """
    npm's oidc-provider, running.
    """

    def __init__(self, test: InteropCase, site: Site, *, algorithm: str = "RS256", token_seconds: int = 3600) -> None:
        [port] = free_ports(1)
        self.issuer = f"http://op.localhost:{port}"
        self.client_secret = secrets.token_urlsafe(32)
        self.algorithm = algorithm
        folder = test.folder()
        configuration = {
            "issuer": self.issuer,
            "port": port,
            "client": {
                "client_id": CLIENT_ID,
                "client_secret": self.client_secret,
                "redirect_uris": [f"{site.authenticate}/oauth2/callback"],
                "post_logout_redirect_uris": [f"{site.authenticate}/.pomerium/signed_out"],
            },
            "users": USERS,
            "id_token_signed_response_alg": algorithm,
            "access_token_seconds": token_seconds,
        }
        (folder / "provider.json").write_text(json.dumps(configuration))
        self.program = test.program(
            "oidc-provider", ["node", str(HERE / "provider.mjs"), str(folder / "provider.json")], folder=folder
        )
        self.port = port

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


class Proxy:
    """
    ``twistd pomerium``, running on a configuration file.
    """

    def __init__(self, test: InteropCase, configuration: dict[str, Any]) -> None:
        folder = test.folder()
        path = folder / "config.yaml"
        path.write_text(json.dumps(configuration, indent=2))
        twistd = Path(sys.executable).with_name("twistd")
        self.program = test.program("the proxy", [str(twistd), "-n", "pomerium", "--config", str(path)], folder=folder)

    def receipts(self) -> list[dict[str, Any]]:
        """
        What the audit log says of every end, oldest first.
        """
        return [line["receipt"] for line in self.program.events(message="session_ended", service="audit")]


class DeploymentCase(InteropCase):
    """
    A test with a proxy, a provider and applications.
    """

    site: Site
    op: OidcProvider
    proxy: Proxy
    app: RecordingUpstream
    chat: RecordingUpstream
    public: RecordingUpstream

    def deploy(self, *, algorithm: str = "RS256", token_seconds: int = 3600, **settings: object) -> None:
        """
        Everything is running, on plain http; the authenticate host shares the routes' port.
        """
        [port] = free_ports(1)
        self.site = Site(
            **{name: f"http://{name}.localhost:{port}" for name in ("app", "chat", "public", "authenticate")}
        )
        self.deploy_at(port, algorithm=algorithm, token_seconds=token_seconds, insecure_server=True, **settings)

    def deploy_at(self, port: int, *, algorithm: str, token_seconds: int, **settings: object) -> None:
        """
        Everything is running, with the proxy listening on *port* for ``self.site``.
        """
        self.app, self.chat, self.public = (self.upstream(title) for title in ("Application", "Chat", "Public"))
        self.op = OidcProvider(self, self.site, algorithm=algorithm, token_seconds=token_seconds)
        configuration = {
            "address": f"127.0.0.1:{port}",
            "authenticate_service_url": self.site.authenticate,
            "shared_secret": base64.b64encode(secrets.token_bytes(32)).decode(),
            "cookie_secret": base64.b64encode(secrets.token_bytes(32)).decode(),
            "idp_provider": "oidc",
            "idp_provider_url": self.op.issuer,
            "idp_client_id": CLIENT_ID,
            "idp_client_secret": self.op.client_secret,
            "id_token_signed_response_alg": algorithm,
            "pass_identity_headers": True,
            "routes": [
                {"from": self.site.app, "to": self.app.url, "allowed_users": ["alice@example.com", "bob@example.com"]},
                {"from": self.site.chat, "to": self.chat.url, "allowed_domains": ["example.com"]},
                {"from": self.site.public, "to": self.public.url, "allow_public_unauthenticated_access": True},
            ],
            **settings,
        }
        self.proxy = Proxy(self, configuration)
        self.op.program.wait_for_ports(self.op.port)
        self.proxy.program.wait_for_ports(port)

    def sign_in(self, page: Page, url: str, *, user: str = "alice") -> None:
        """
        Somebody opens *url* and says at the provider who they are.
        """
        page.goto(url)
        page.fill("input[name=login]", user)
        page.fill("input[name=password]", "any password")
        page.click("button[type=submit]")
        page.click("text=Continue")
        page.wait_for_url(url)

    def sign_out_at_the_provider(self, page: Page) -> None:
        """
        The provider asks whether the person wants to sign out there too; they do.
        """
        page.wait_for_url(f"{self.op.issuer}/**")
        page.click("text=Yes, sign me out")

    def assert_asks_for_the_password(self, page: Page, url: str) -> None:
        """
        Who opens *url* comes to the provider's login form, and to no content.
        """
        page.goto(url)
        page.wait_for_selector("input[name=password]")
        self.assertTrue(page.url.startswith(self.op.issuer), page.url)

    def the_receipt(self) -> dict[str, Any]:
        """
        The receipt of the one end that there was.
        """
        [receipt] = eventually("a line session_ended in the audit log", self.proxy.receipts)
        return receipt
