"""
What the checks have in common: the steps of a sign-in one by one, and what is in a URL, a cookie, a request upstream.
"""

from __future__ import annotations

import base64
from urllib.parse import parse_qsl, urlencode, urlsplit

from pomerium_tx.jose.jwt import parse
from pomerium_tx.sessions.handle import Handle, Handles
from pomerium_tx.web.signed_url import UrlSigner
from tests.scenarios.browser import Browser, Response
from tests.scenarios.world import APP, AUTHENTICATE, CONFIG, OP, WorldTestCase

SHARED_SECRET = base64.b64decode(CONFIG["shared_secret"])
SIGN_IN = AUTHENTICATE + "/.pomerium/sign_in"
SIGN_OUT = AUTHENTICATE + "/.pomerium/sign_out"
SIGNED_OUT = AUTHENTICATE + "/.pomerium/signed_out"
CALLBACK = AUTHENTICATE + "/oauth2/callback"
EVIL = "https://evil.example.org/"
# RFC 6455, section 1.3.
HANDSHAKE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


def query_of(url: str | None) -> dict[str, str]:
    """
    The parameters of a URL, each of which must be there once.
    """
    assert url is not None
    pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    assert len(dict(pairs)) == len(pairs), "a parameter is there twice"
    return dict(pairs)


def with_query(url: str, **changed: str | None) -> str:
    """
    The URL with parameters changed, added, or left out (``None``).
    """
    pairs = {**query_of(url), **changed}
    kept = {name: value for name, value in pairs.items() if value is not None}
    return f"{url.partition('?')[0]}?{urlencode(kept)}"


def location_of(response: Response) -> str:
    """
    Where a redirect leads.
    """
    location = response.get("Location")
    assert location is not None, f"no redirect: {response.status}"
    return location


def set_cookies(response: Response) -> dict[str, tuple[str, dict[str, str]]]:
    """
    The value and the attributes (names in lower case) of every cookie that is set, by its name.
    """
    found = {}
    for field in response.get_all("Set-Cookie"):
        (name, value), *attributes = (piece.strip().partition("=")[::2] for piece in field.split(";"))
        assert name not in found, f"{name} is set twice"
        found[name] = (value, {key.lower(): text for key, text in attributes})
    return found


def fields_of(heard: bytes) -> dict[str, list[str]]:
    """
    The fields of the last request that an upstream heard, by their names in lower case.
    """
    head = heard.rpartition(b" HTTP/1.1\r\n")[2].partition(b"\r\n\r\n")[0].decode("latin-1")
    fields: dict[str, list[str]] = {}
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        fields.setdefault(name.lower(), []).append(value.strip())
    return fields


class CheckTestCase(WorldTestCase):
    """
    A world in which a sign-in can be stopped at every step.
    """

    def setUp(self) -> None:
        super().setUp()
        self.signer = UrlSigner(SHARED_SECRET)
        self.handles = Handles(SHARED_SECRET, "_pomerium")

    def now(self) -> float:
        """
        What the clock says.
        """
        return self.clock.seconds()

    def sign_in_url(self, browser: Browser, url: str = APP + "/") -> str:
        """
        Step 1: where a route host sends a browser without a session.
        """
        return location_of(browser.get(url, follow=False))

    def to_op(self, browser: Browser, url: str = APP + "/") -> Response:
        """
        Step 2: the redirect to the OP.
        """
        response = browser.get(self.sign_in_url(browser, url), follow=False)
        self.assertTrue(location_of(response).startswith(OP + "/authorize?"))
        return response

    def callback_url(self, browser: Browser, url: str = APP + "/", *, wait: float = 0.0) -> str:
        """
        Step 3: where the OP sends Alice once she has signed in, which takes her some time.
        """
        page = browser.get(location_of(self.to_op(browser, url)))
        if not page.url.startswith(OP):
            raise AssertionError("the OP did not ask")
        self.clock.advance(wait)
        action, fields = page.form(0, "Sign in as Alice")
        return location_of(browser.post(action, fields, follow=False))

    def handover_url(self, browser: Browser, url: str = APP + "/") -> str:
        """
        Step 4: where the authenticate host sends a browser that is signed in.
        """
        back = browser.get(self.callback_url(browser, url), follow=False)
        return location_of(browser.get(location_of(back), follow=False))

    def handle(self, value: str) -> Handle:
        """
        What a handle says.
        """
        handle = self.handles.open(value.encode())
        assert handle is not None
        return handle

    def status_of(self, url: str, **fields: str) -> int:
        """
        What a stranger's browser gets there.
        """
        return self.browser().get(url, follow=False, **fields).status

    def assertion_claims(self, heard: bytes) -> dict[str, object]:
        """
        What the last request upstream says about who asks.
        """
        (assertion,) = fields_of(heard)["x-pomerium-jwt-assertion"]
        return dict(parse(assertion).claims)

    def assert_nobody_signed_in(self, browser: Browser, response: Response) -> None:
        """
        The sign-in has failed, and left nothing.
        """
        self.assertGreaterEqual(response.status, 400)
        self.assertNotIn("_pomerium_authenticate", set_cookies(response))
        self.assertIsNone(browser.cookie("authenticate.example.com", "_pomerium_authenticate"))
        self.assertEqual(self.house.registry.count, 0)
