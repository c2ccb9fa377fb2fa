"""
Debian's glewlwyd, an OpenID Provider written in C: unpacked, not installed, and configured by its own API.
"""

from __future__ import annotations

import gzip
import json
import os
import platform
import secrets
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from playwright.sync_api import Page

from tests.interop.authority import rsa_key
from tests.interop.case import HERE, InteropCase
from tests.interop.parties import CLIENT_ID, SECOND_CLIENT_ID, USERS, Registration
from tests.interop.processes import free_ports
from tests.interop.wire import fetch

UNPACKED = HERE / ".glewlwyd"
"""
Where ``run`` unpacks it: Debian's files in ``root``, and the pages that it serves in ``webapp``.
"""


class _Caller:
    """
    Speaks to the API as one of its users.
    """

    def __init__(self, api: str, username: str, password: str) -> None:
        self._api = api
        self._cookie = ""
        signed_in = self.call("POST", "/auth/", {"username": username, "password": password})
        self._cookie = signed_in.headers["Set-Cookie"].partition(";")[0]

    def call(self, method: str, path: str, content: object = None) -> Any:
        """
        The answer, which is a success.
        """
        answer = fetch(
            self._api + path,
            method=method,
            headers={"Cookie": self._cookie, "Content-Type": "application/json"},
            content=b"" if content is None else json.dumps(content).encode(),
        )
        if answer.status != 200:
            raise AssertionError(f"{method} {path}: {answer.status} {answer.content.decode()}")
        return answer


class Glewlwyd:
    """
    glewlwyd, running.
    """

    login_form = "#password"

    def __init__(self, test: InteropCase, registration: Registration) -> None:
        if not (UNPACKED / "webapp").is_dir():
            raise AssertionError("there is no glewlwyd; tests/interop/run unpacks it")
        [port] = free_ports(1)
        self.origin = f"http://op.localhost:{port}"
        self.issuer = f"{self.origin}/api/oidc"
        self.client_secret = secrets.token_urlsafe(32)
        self.second_secret = secrets.token_urlsafe(32)
        self.settings = {"backchannel_logout_allow_missing_exp": True}
        folder = test.folder()
        (folder / "glewlwyd.conf").write_text(_configuration(folder, port, self.origin))
        root = UNPACKED / "unpacked"
        self.program = test.program(
            "glewlwyd",
            [str(root / "usr/bin/glewlwyd"), "-c", str(folder / "glewlwyd.conf")],
            folder=folder,
            environment={"LD_LIBRARY_PATH": str(root / "usr/lib" / f"{platform.machine()}-linux-gnu")},
        )
        self.program.wait_for_ports(port)
        self._configure(registration)

    def _configure(self, registration: Registration) -> None:
        api = f"{self.origin}/api"
        # As its example database has it.
        administrator = _Caller(api, "admin", "password")
        # What comes with it knows of only one such URI, by a name that it does not look for.
        database = json.loads(administrator.call("GET", "/mod/client/database").content)
        database["parameters"]["data-format"]["post_logout_redirect_uris"] = {
            "multiple": True,
            "read": True,
            "write": True,
        }
        administrator.call("PUT", "/mod/client/database", database)
        administrator.call("PUT", "/mod/client/database/reset")
        for scope in ("profile", "email"):
            administrator.call("POST", "/scope/", {"name": scope, "display_name": scope, "password_required": False})
        for name, claims in USERS.items():
            user = {
                "username": name,
                "password": f"{name}-password",
                "name": claims["name"],
                "email": claims["email"],
                "enabled": True,
                "scope": ["openid", "profile", "email", "g_profile"],
            }
            administrator.call("POST", "/user/", user)
        administrator.call("POST", "/mod/plugin/", _plugin(self.issuer))
        for client_id, secret, known in (
            (CLIENT_ID, self.client_secret, registration.proxy),
            (SECOND_CLIENT_ID, self.second_secret, registration.second),
        ):
            administrator.call("POST", "/client/", _client(client_id, secret, known))
        for name in USERS:
            themselves = _Caller(api, name, f"{name}-password")
            for client_id in (CLIENT_ID, SECOND_CLIENT_ID):
                # Otherwise it would ask them in between.
                themselves.call("PUT", f"/auth/grant/{client_id}", {"scope": "openid profile email"})

    def sign_in(self, page: Page, user: str = "alice") -> None:
        """
        Somebody says who they are.
        """
        page.fill("#username", user)
        page.fill(self.login_form, f"{user}-password")
        page.click("button[name=loginbut]")
        page.click("button:has-text('Continue')")

    def let_in_again(self, page: Page) -> None:
        """
        It asks whom it knows whether it is them.
        """
        page.click("button:has-text('Continue')")

    def agree(self, page: Page) -> None:
        """
        It asks whether the person wants to sign out here too; they do.
        """
        page.wait_for_url(f"{self.origin}/**prompt=end_session**")
        # Its button is there before the page knows whom to tell; pressed then, the page fails and stays empty for good.
        # It names the client as soon as it knows.
        [client_id] = parse_qs(urlsplit(page.url).query)["client_id"]
        page.wait_for_selector(f"h4:has-text('The client {client_id} wishes')")
        page.click("button:has-text('Logout')")


def _configuration(folder: Path, port: int, origin: str) -> str:
    """
    The example that Debian ships, for this place.
    """
    root = UNPACKED / "unpacked"
    database = sqlite3.connect(folder / "glewlwyd.db")
    database.executescript((root / "usr/share/dbconfig-common/data/glewlwyd/install/sqlite3").read_text())
    database.commit()
    database.close()
    example = gzip.decompress((root / "usr/share/doc/glewlwyd/glewlwyd.conf.sample.gz").read_bytes()).decode()
    settings = {
        "port": f'{port}\nbind_address="127.0.0.1"',
        "external_url": f'"{origin}"',
        "cookie_secure": "0",
        "cookie_domain": None,
        "log_level": f'"{os.environ.get("GLEWLWYD_LOG", "WARNING")}"',
    }
    lines = []
    for line in example.splitlines():
        name = line.partition("=")[0]
        if name not in settings:
            lines.append(line)
        elif settings[name] is not None:
            lines.append(f"{name}={settings[name]}")
    replaced = "\n".join(lines)
    for there, here in (
        ('"/usr/share/glewlwyd/webapp/', f'"{UNPACKED}/webapp/'),
        ('"/usr/', f'"{root}/usr/'),
        ("/var/cache/glewlwyd/glewlwyd.db", f"{folder}/glewlwyd.db"),
    ):
        replaced = replaced.replace(there, here)
    return replaced


def _plugin(issuer: str) -> dict[str, Any]:
    private_key = rsa_key()
    public_key = load_pem_private_key(private_key, None).public_key()
    return {
        "module": "oidc",
        "name": "oidc",
        "display_name": "OIDC",
        "enabled": True,
        "parameters": {
            "iss": issuer,
            "jwt-type": "rsa",
            "jwt-key-size": "256",
            "key": private_key.decode(),
            "cert": public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
            "jwks-show": True,
            "code-duration": 600,
            "refresh-token-duration": 1_209_600,
            "access-token-duration": 3600,
            "refresh-token-rolling": True,
            "refresh-token-one-use": "always",
            "allow-non-oidc": False,
            "auth-type-code-enabled": True,
            "auth-type-code-revoke-replayed": True,
            "auth-type-refresh-enabled": True,
            "auth-type-token-enabled": False,
            "auth-type-password-enabled": False,
            "auth-type-client-enabled": False,
            "name-claim": "mandatory",
            "email-claim": "mandatory",
            "allowed-scope": ["openid", "profile", "email"],
            "pkce-allowed": True,
            "pkce-method-plain-allowed": False,
            "introspection-revocation-allowed": True,
            "introspection-revocation-allow-target-client": True,
            "oauth-as-iss-id": True,
            "request-uri-allow-https-non-secure": True,
            "session-management-allowed": True,
            "session-cookie-name": "GLEWLWYD2_OIDC_SID",
            "session-cookie-expiration": 2_419_200,
            "front-channel-logout-allowed": True,
            "back-channel-logout-allowed": True,
        },
    }


def _client(client_id: str, secret: str, known: dict[str, Any]) -> dict[str, Any]:
    # It knows them by slightly different names.
    renamed = {"redirect_uris": "redirect_uri"}
    as_text = ("frontchannel_logout_session_required", "backchannel_logout_session_required")
    return {
        "client_id": client_id,
        "name": client_id,
        "enabled": True,
        "confidential": True,
        "client_secret": secret,
        "authorization_type": ["code", "refresh_token"],
        "scope": [],
        "token_endpoint_auth_method": ["client_secret_basic", "client_secret_post"],
        **{renamed.get(name, name): str(value).lower() if name in as_text else value for name, value in known.items()},
    }
