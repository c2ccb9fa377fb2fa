"""
What the tests of the demo share.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from treq.testing import StubTreq
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.demo.provider import DevelopmentProvider
from pomerium_tx.demo.provider_site import provider_resource
from pomerium_tx.demo.registration import Client, Lifetimes
from pomerium_tx.jose.signer import derived_signer

ISSUER = "http://op.localhost:8002"
CALLBACK = "http://authenticate.localhost:8001/oauth2/callback"
SIGNED_OUT = "http://authenticate.localhost:8001/.pomerium/signed_out"
RP = Client(
    client_id="rp",
    client_secret="a secret: with / signs",
    redirect_uris=(CALLBACK,),
    post_logout_redirect_uris=(SIGNED_OUT,),
)
OTHER = Client(client_id="other", client_secret="another", redirect_uris=("http://other.localhost/cb",))
TOLD = Client(
    client_id="told",
    client_secret="a third",
    redirect_uris=("http://told.test/cb",),
    post_logout_redirect_uris=("http://told.test/out",),
    frontchannel_logout_uri="http://told.test/front?own=1",
    frontchannel_logout_session_required=True,
    backchannel_logout_uri="http://told.test/back",
    backchannel_logout_session_required=True,
)
"""
A client that wants to be told of logouts, in every way.
"""
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


def make_provider(clock: Clock, *, lifetimes: Lifetimes | None = None) -> DevelopmentProvider:
    """
    An OP that knows two clients, alice and bob.
    """
    return DevelopmentProvider(
        issuer=ISSUER, clients=[RP, OTHER], clock=clock, signer=derived_signer(b"test"), lifetimes=lifetimes
    )


def authorization_url(**changes: str | None) -> str:
    """
    A good Authentication Request, but for *changes*; None leaves a parameter out.
    """
    parameters: dict[str, str | None] = {
        "client_id": RP.client_id,
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "openid profile email offline_access",
        "state": "the state",
        "nonce": "the nonce",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changes,
    }
    return f"{ISSUER}/authorize?{urlencode({name: value for name, value in parameters.items() if value is not None})}"


def query_of(url: str) -> dict[str, str]:
    """
    The parameters of *url*, each of which must be there once.
    """
    found = {}
    for name, values in parse_qs(urlsplit(url).query, keep_blank_values=True).items():
        [found[name]] = values
    return found


@dataclass(frozen=True)
class Seen:
    """
    A response, read to its end.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """
        The body as text, its character references resolved.
        """
        return unescape(self.body.decode())

    def hidden(self, name: str) -> str:
        """
        The value of the hidden form field *name*.
        """
        found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', self.body.decode())
        assert found is not None, self.text
        return unescape(found[1])


class Browser:
    """
    A user agent with cookies of its own, which follows no redirect by itself.
    """

    def __init__(self, case: SynchronousTestCase, provider: DevelopmentProvider) -> None:
        self._case = case
        self.treq = StubTreq(provider_resource(provider))
        self.cookie: str | None = None

    def get(self, url: str, **headers: str) -> Seen:
        """
        The answer to GET *url*.
        """
        return self.send("GET", url, None, headers)

    def post(self, url: str, form: Any, **headers: str) -> Seen:
        """
        The answer to a form sent to *url*.
        """
        return self.send("POST", url, form, headers)

    def send(self, method: str, url: str, form: Any, headers: Mapping[str, str]) -> Seen:
        """
        The answer to any request.
        """
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookie is not None:
            sent["Cookie"] = self.cookie
        waiting = self.treq.request(method, url, headers=sent, data=form, allow_redirects=False)
        self.treq.flush()
        response = self._case.successResultOf(waiting)
        body = self._case.successResultOf(self.treq.content(response))
        received = {
            name.decode().lower(): ", ".join(value.decode() for value in values)
            for name, values in response.headers.getAllRawHeaders()
        }
        if "set-cookie" in received:
            pair, _, attributes = received["set-cookie"].partition(";")
            self.cookie = None if "Max-Age=0" in attributes else pair
        return Seen(status=response.code, headers=received, body=body)

    def sign_in(self, username: str, url: str | None = None) -> Seen:
        """
        The answer to pressing the button of *username* on the page that *url* leads to.
        """
        page = self.get(url or authorization_url())
        return self.post(f"{ISSUER}/sign-in", {"request": page.hidden("request"), "username": username})
