"""
What the demo is made of: its ports and secrets, the daemon's configuration, and what to say to whoever started it.
"""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass, field

from pomerium_tx import paths
from pomerium_tx.demo import logout_notices, relying_party
from pomerium_tx.demo.registration import ALICE, BOB, Client

CLIENT_ID = "pomerium-demo"
OTHER_CLIENT_ID = "other-demo"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPorts:
    """
    The ports on loopback that the demo uses: those that a person sees, those of the applications behind the proxy, and
    that of the application beside it.
    """

    proxy: int = 8000
    authenticate: int = 8001
    provider: int = 8002
    app: int = 8003
    chat: int = 8004
    other: int = 8005

    @classmethod
    def starting_at(cls, first: int) -> DemoPorts:
        """
        Six in a row.

        :raises ValueError: If there are no such ports.
        """
        if not 1 <= first <= 65_530:
            raise ValueError(f"{first} is no port with five more behind it")
        return cls(
            proxy=first, authenticate=first + 1, provider=first + 2, app=first + 3, chat=first + 4, other=first + 5
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSettings:
    """
    One run of the demo.
    """

    ports: DemoPorts = field(default_factory=DemoPorts)
    client_secret: str = field(repr=False)
    other_secret: str = field(repr=False)
    """
    What the OP knows the second relying party by.
    """
    shared_secret: bytes = field(repr=False)
    cookie_secret: bytes = field(repr=False)
    signing_secret: bytes = field(repr=False)
    """
    What the OP's signing key is derived from.
    """

    @classmethod
    def fresh(cls, ports: DemoPorts | None = None) -> DemoSettings:
        """
        Settings whose secrets nobody has seen.
        """
        return cls(
            ports=ports or DemoPorts(),
            client_secret=secrets.token_urlsafe(32),
            other_secret=secrets.token_urlsafe(32),
            shared_secret=secrets.token_bytes(32),
            cookie_secret=secrets.token_bytes(32),
            signing_secret=secrets.token_bytes(32),
        )

    @property
    def app_origin(self) -> str:
        """
        The first application, as the person sees it.
        """
        return f"http://app.localhost:{self.ports.proxy}"

    @property
    def chat_origin(self) -> str:
        """
        The second application, as the person sees it.
        """
        return f"http://chat.localhost:{self.ports.proxy}"

    @property
    def authenticate_origin(self) -> str:
        """
        Where people sign in.
        """
        return f"http://authenticate.localhost:{self.ports.authenticate}"

    @property
    def other_origin(self) -> str:
        """
        The application that is not behind the proxy.
        """
        return f"http://other.localhost:{self.ports.other}"

    @property
    def issuer(self) -> str:
        """
        The development OP.
        """
        return f"http://op.localhost:{self.ports.provider}"

    @property
    def client(self) -> Client:
        """
        The daemon, as it is registered at the OP.
        """
        return Client(
            client_id=CLIENT_ID,
            client_secret=self.client_secret,
            redirect_uris=(f"{self.authenticate_origin}{paths.PROVIDER_CALLBACK}",),
            post_logout_redirect_uris=(f"{self.authenticate_origin}{paths.SIGNED_OUT}",),
            frontchannel_logout_uri=f"{self.authenticate_origin}{paths.SIGN_OUT}",
            frontchannel_logout_session_required=True,
            backchannel_logout_uri=f"{self.authenticate_origin}{paths.BACKCHANNEL_LOGOUT}",
            backchannel_logout_session_required=True,
        )

    @property
    def other_client(self) -> Client:
        """
        The second relying party, as it is registered at the OP.
        """
        return relying_party.registration(self.other_origin, OTHER_CLIENT_ID, self.other_secret)


def demo_config(settings: DemoSettings) -> str:
    """
    The daemon's configuration file; it has secrets in it.
    """
    ports = settings.ports
    return f"""\
# The demo's configuration: everything on loopback, a development provider, no TLS.
address: "127.0.0.1:{ports.proxy}"
insecure_server: true
admin_address: ""
authenticate_service_url: {json.dumps(settings.authenticate_origin)}
shared_secret: {_base64(settings.shared_secret)}
cookie_secret: {_base64(settings.cookie_secret)}

idp_provider: oidc
idp_provider_url: {json.dumps(settings.issuer)}
idp_client_id: {json.dumps(CLIENT_ID)}
idp_client_secret: {json.dumps(settings.client_secret)}

# Nothing in the demo ends by itself, so neither may an upload.
timeout_read: 0s
pass_identity_headers: true

routes:
  - from: {json.dumps(settings.app_origin)}
    to: "http://127.0.0.1:{ports.app}"
    name: Sample application
    allowed_users: [{ALICE.email}, {BOB.email}]
    timeout: 0s
    idle_timeout: 0s
    upstream_logout_uri: {json.dumps(logout_notices.PATH)}
    upstream_logout_audience: {json.dumps(settings.app_origin + logout_notices.PATH)}
  - from: {json.dumps(settings.chat_origin)}
    to: "http://127.0.0.1:{ports.chat}"
    name: Chat
    allow_any_authenticated_user: true
    allow_websockets: true
"""


def banner(settings: DemoSettings) -> str:
    """
    What to open and what to try.
    """
    app, chat = settings.app_origin, settings.chat_origin
    return f"""\
The demo is running on this computer only. Ctrl-C ends it.

  Open  {app}/
            a page, an upload, a download and an event stream
        {chat}/
            a chat over a WebSocket
  Also  {settings.authenticate_origin}{paths.DASHBOARD}
            where you sign in and out
        {settings.issuer}/
            the development OpenID Provider, which asks for no password
        {settings.other_origin}/
            another application with the same provider, not behind the proxy

Try this:
  1. Open the application and sign in as Alice. In a private window, sign in as Bob.
  2. In another tab of Alice's open the chat (nobody asks again who she is) and write something.
  3. In the application, open the event stream and read the download in the page.
  4. Press "Sign out" in one of Alice's tabs: her chat, event stream and download are cut at that
     moment, and any tab that she reloads asks her to sign in again. Nothing happens to Bob.
  5. Sign in as Alice again, in the chat and, in another tab, in the other application. Press "Sign
     out" in either of them, or at the provider's own page: she is out of all, and the chat is cut.

From a terminal:
  curl -i {app}/
      is sent away to sign in; with -H 'Accept: application/json' it is told 401
  curl -i {app}{paths.WELL_KNOWN}
With a session: in the browser's developer tools, copy the application's cookie _pomerium; then
  COOKIE='Cookie: _pomerium=...'
  curl -N -H "$COOKIE" {app}/events
  curl -o /dev/null -H "$COOKIE" {app}/download
  head -c 100M /dev/zero | curl --limit-rate 50k -H "$COOKIE" -T - {app}/upload
      each goes on until you sign out
What really reached the applications, asked behind the proxy's back:
  curl http://127.0.0.1:{settings.ports.app}/counters http://127.0.0.1:{settings.ports.chat}/counters
"""


def _base64(secret: bytes) -> str:
    return json.dumps(base64.b64encode(secret).decode("ascii"))
