"""
Who takes part besides the proxy: the people, what the provider knows of its clients, another relying party.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.interop.wire import fetch

CLIENT_ID = "the-proxy"
SECOND_CLIENT_ID = "another-party"
# The example of RFC 7636, appendix B.
_VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
_CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
USERS = {
    "alice": {"name": "Alice Example", "email": "alice@example.com", "email_verified": True, "groups": ["staff"]},
    "bob": {"name": "Bob Example", "email": "bob@example.com", "email_verified": True, "groups": ["staff"]},
}


@dataclass(frozen=True)
class Registration:
    """
    What a provider is told about its two clients, in the words of their registration.
    """

    proxy: dict[str, Any]
    second: dict[str, Any]


@dataclass
class _Heard:
    """
    ID tokens, the claims of logout tokens, the parameters of front-channel requests; oldest first.
    """

    signed_in: list[str] = field(default_factory=list)
    back_channel: list[dict[str, Any]] = field(default_factory=list)
    front_channel: list[dict[str, str]] = field(default_factory=list)


def claims_of(token: str) -> dict[str, Any]:
    """
    What *token* says, believed as it is.
    """
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    party: SecondParty


class _Conversation(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        party, parts = self.server.party, urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/sign_in":
            self._answer(303, "", location=party.authentication_request())
        elif parts.path == "/callback":
            party.heard.signed_in.append(party.redeem(query["code"]))
            self._answer(200, "<!DOCTYPE html><title>Another party</title>Welcome here too.")
        elif parts.path == "/front_channel":
            party.heard.front_channel.append(query)
            self._answer(200, "<!DOCTYPE html>")
        elif parts.path == "/":
            self._answer(200, "<!DOCTYPE html><title>Another party</title>Goodbye.")
        else:
            self._answer(404, "")

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        [token] = parse_qs(content)["logout_token"]
        self.server.party.heard.back_channel.append(claims_of(token))
        self._answer(200, "")

    def _answer(self, status: int, text: str, *, location: str | None = None) -> None:
        content = text.encode()
        self.send_response(status)
        if location is not None:
            self.send_header("Location", location)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        """
        It is remembered instead.
        """


class SecondParty:
    """
    Another relying party of the same provider, which is not behind the proxy and believes everything.
    """

    def __init__(self) -> None:
        self.heard = _Heard()
        self._server = _Server(("127.0.0.1", 0), _Conversation)
        self._server.party = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.origin = f"http://another.localhost:{self._server.server_address[1]}"
        self._metadata: dict[str, Any] = {}
        self._secret = ""

    def registration(self) -> dict[str, Any]:
        """
        What a provider must know about it.
        """
        return {
            "redirect_uris": [f"{self.origin}/callback"],
            "post_logout_redirect_uris": [f"{self.origin}/"],
            "backchannel_logout_uri": f"{self.origin}/back_channel",
            "backchannel_logout_session_required": True,
            "frontchannel_logout_uri": f"{self.origin}/front_channel",
            "frontchannel_logout_session_required": True,
        }

    def meet(self, issuer: str, secret: str) -> None:
        """
        From now on it sends people to *issuer*.
        """
        self._metadata = json.loads(fetch(f"{issuer}/.well-known/openid-configuration").content)
        self._secret = secret

    def authentication_request(self) -> str:
        """
        Where it sends people to.
        """
        query = {
            "client_id": SECOND_CLIENT_ID,
            "response_type": "code",
            "redirect_uri": f"{self.origin}/callback",
            "scope": "openid",
            "state": secrets.token_urlsafe(),
            "nonce": secrets.token_urlsafe(),
            "code_challenge": _CHALLENGE,
            "code_challenge_method": "S256",
        }
        return f"{self._metadata['authorization_endpoint']}?{urlencode(query)}"

    def end_session_request(self) -> str:
        """
        Where it sends whoever signed in last, to sign out.
        """
        query = {
            "id_token_hint": self.heard.signed_in[-1],
            "client_id": SECOND_CLIENT_ID,
            "post_logout_redirect_uri": f"{self.origin}/",
            "state": secrets.token_urlsafe(),
        }
        return f"{self._metadata['end_session_endpoint']}?{urlencode(query)}"

    def redeem(self, code: str) -> str:
        """
        The ID token for *code*.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": f"{self.origin}/callback",
            "code_verifier": _VERIFIER,
        }
        credentials = base64.b64encode(f"{SECOND_CLIENT_ID}:{self._secret}".encode()).decode()
        answer = fetch(
            self._metadata["token_endpoint"],
            method="POST",
            headers={"Authorization": f"Basic {credentials}", "Content-Type": "application/x-www-form-urlencoded"},
            content=urlencode(form).encode(),
        )
        id_token: str = json.loads(answer.content)["id_token"]
        return id_token

    def end(self) -> None:
        """
        Nothing reaches it any more.
        """
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
