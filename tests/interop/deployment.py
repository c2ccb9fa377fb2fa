"""
A proxy with three routes, a real provider beside it, and applications that remember.
"""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page

from tests.interop.case import InteropCase, SharingCase
from tests.interop.oidc_provider import OidcProvider
from tests.interop.parties import CLIENT_ID, Registration, SecondParty
from tests.interop.processes import eventually, free_ports
from tests.interop.upstream import RecordingUpstream
from tests.interop.wire import fetch

LIVE = {"allow_websockets": True}


@dataclass(frozen=True)
class Site:
    """
    The origins under which people know everything.
    """

    app: str
    chat: str
    public: str
    authenticate: str


class Proxy:
    """
    ``twistd pomerium``, running on a configuration file.
    """

    def __init__(self, test: InteropCase, configuration: dict[str, Any]) -> None:
        folder = test.folder()
        self.path = folder / "config.yaml"
        self._write({"admin_address": f"unix:{folder}/admin.sock", **configuration})
        twistd = Path(sys.executable).with_name("twistd")
        self.program = test.program(
            "the proxy", [str(twistd), "-n", "pomerium", "--config", str(self.path)], folder=folder
        )

    def _write(self, configuration: Mapping[str, Any]) -> None:
        self._configuration = configuration
        self.path.write_text(json.dumps(configuration, indent=2))

    def reload(self, **changes: object) -> None:
        """
        The configuration with these *changes* has taken effect, without a restart.
        """
        self._write({**self._configuration, **changes})
        before = len(self.program.lines)
        self.program.hang_up()
        eventually("the reload", lambda: any("was read again" in line for line in self.program.lines[before:]))

    def administer(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """
        What ``pomerium-tx`` answered to an administrator on this machine.
        """
        command = Path(sys.executable).with_name("pomerium-tx")
        return subprocess.run(
            [str(command), *arguments, "--config", str(self.path)],
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )

    def answered(self, authority: str, path: str) -> list[int]:
        """
        The status of every answer that the access log tells of, for *path* on the host *authority*, oldest first.
        """
        lines = self.program.events(service="proxy", authority=authority, path=path)
        return [line["response-code"] for line in lines]

    def receipts(self) -> list[dict[str, Any]]:
        """
        What the audit log says of every end, oldest first.
        """
        return [line["receipt"] for line in self.program.events(message="session_ended", service="audit")]


class DeploymentCase(InteropCase):
    """
    A test with a proxy, a provider and applications.
    """

    channels: tuple[str, ...] = ()
    """
    "back", "front": how the provider is to tell of its logouts.
    """
    port: int
    site: Site
    op: Any
    proxy: Proxy
    second: SecondParty
    app: RecordingUpstream
    chat: RecordingUpstream
    public: RecordingUpstream
    earlier_ends = 0
    """
    How many ends were before this test's.
    """

    def deploy(self, provider: Callable[..., Any] = OidcProvider, **settings: Any) -> None:
        """
        Everything is running, on plain http; the authenticate host shares the routes' port.

        :param provider: Takes the test and what clients it is to know.
        """
        [port] = free_ports(1)
        self.site = Site(
            **{name: f"http://{name}.localhost:{port}" for name in ("app", "chat", "public", "authenticate")}
        )
        self.deploy_at(port, provider, insecure_server=True, **settings)

    def deploy_at(
        self,
        port: int,
        provider: Callable[..., Any] = OidcProvider,
        *,
        provider_settings: Mapping[str, Any] | None = None,
        app_settings: Mapping[str, Any] | None = None,
        more_routes: Sequence[Mapping[str, Any]] = (),
        **settings: object,
    ) -> None:
        """
        Everything is running, with the proxy listening on *port* for ``self.site``.

        :param app_settings: Further settings of the application's route, whose ``to`` may be changed.
        :param more_routes: Further routes; one without ``to`` leads to the public application.
        """
        self.port = port
        self.app, self.chat, self.public = (self.upstream(title) for title in ("Application", "Chat", "Public"))
        self.second = SecondParty()
        self.addCleanup(self.second.end)
        self.op = provider(
            self, Registration(self.registration(), self.second.registration()), **(provider_settings or {})
        )
        self.second.meet(self.op.issuer, self.op.second_secret)
        everybody = {"allowed_domains": ["example.com"]}
        self.configuration = {
            "address": f"127.0.0.1:{port}",
            "authenticate_service_url": self.site.authenticate,
            "shared_secret": base64.b64encode(secrets.token_bytes(32)).decode(),
            "cookie_secret": base64.b64encode(secrets.token_bytes(32)).decode(),
            "idp_provider": "oidc",
            "idp_provider_url": self.op.issuer,
            "idp_client_id": CLIENT_ID,
            "idp_client_secret": self.op.client_secret,
            "pass_identity_headers": True,
            "routes": [
                {"from": self.site.app, "to": self.app.url, **LIVE, **everybody, **(app_settings or {})},
                {"from": self.site.chat, "to": self.chat.url, **LIVE, **everybody},
                {"from": self.site.public, "to": self.public.url, "allow_public_unauthenticated_access": True},
                *({"to": self.public.url, **route} for route in more_routes),
            ],
            **self.op.settings,
            **settings,
        }
        self.proxy = Proxy(self, self.configuration)
        self.proxy.program.wait_for_ports(port)

    def registration(self) -> dict[str, Any]:
        """
        What a provider must know about the proxy.
        """
        at = self.site.authenticate
        known: dict[str, Any] = {
            "redirect_uris": [f"{at}/oauth2/callback"],
            "post_logout_redirect_uris": [f"{at}/.pomerium/signed_out"],
        }
        if "back" in self.channels:
            known["backchannel_logout_uri"] = f"{at}/.pomerium/backchannel_logout"
            known["backchannel_logout_session_required"] = True
        if "front" in self.channels:
            known["frontchannel_logout_uri"] = f"{at}/.pomerium/sign_out"
            known["frontchannel_logout_session_required"] = True
        return known

    def sign_in(self, page: Page, url: str, *, user: str = "alice") -> None:
        """
        Somebody opens *url* and says at the provider who they are.
        """
        page.goto(url)
        self.op.sign_in(page, user)
        page.wait_for_url(url)

    def sign_in_at_the_second_party(self, page: Page) -> None:
        """
        Who is known to the provider is known to its other relying party, too.
        """
        page.goto(f"{self.second.origin}/sign_in")
        self.op.let_in_again(page)
        page.wait_for_url(f"{self.second.origin}/callback**")

    def sign_out_at_the_second_party(self, page: Page) -> None:
        """
        Who signed in there last signs out there, and at the provider, which has to tell everybody else.
        """
        page.goto(self.second.end_session_request())
        self.op.agree(page)
        page.wait_for_url(f"{self.second.origin}/?**")

    def sign_out_at_the_provider(self, page: Page) -> None:
        """
        The provider asks whether the person wants to sign out there too; they do.
        """
        self.op.agree(page)

    def assert_asks_for_the_password(self, page: Page, url: str) -> None:
        """
        Who opens *url* comes to the provider's login form, and to no content.
        """
        page.goto(url)
        page.wait_for_selector(self.op.login_form)
        self.assertTrue(page.url.startswith(self.op.origin), page.url)

    def hear_the_proxy(self) -> None:
        """
        Whatever the proxy has done so far is heard.
        """
        path = f"/{secrets.token_hex(8)}"
        fetch(f"{self.site.public}{path}", port=self.port)
        eventually("its log is heard", lambda: self.proxy.answered(urlsplit(self.site.public).netloc, path))

    def receipts(self) -> list[dict[str, Any]]:
        """
        The receipts of the ends that there were, without the earlier ones.
        """
        return self.proxy.receipts()[self.earlier_ends :]

    def the_receipt(self) -> dict[str, Any]:
        """
        The receipt of the one end that there was.
        """
        [receipt] = eventually("a line session_ended in the audit log", self.receipts)
        return receipt


class SharedDeploymentCase(DeploymentCase, SharingCase):
    """
    Tests that use one deployment, one after the other.
    """

    def start(self) -> None:
        """
        Everything is running.
        """
        self.deploy()

    def setUp(self) -> None:
        """
        What earlier tests did does not count.
        """
        super().setUp()
        self.hear_the_proxy()
        self.earlier_ends = len(self.proxy.receipts())
        for application in (self.app, self.chat, self.public):
            application.forget()
