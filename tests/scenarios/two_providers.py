"""
A world with two OPs: people of some routes sign in at the one, of others at the other; of one route as another client.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from twisted.web.resource import IResource, Resource

from pomerium_tx import paths
from pomerium_tx.demo.provider import DevelopmentProvider
from pomerium_tx.demo.provider_site import UnloggedSite, provider_resource
from pomerium_tx.demo.registration import Client
from pomerium_tx.jose.signer import derived_signer
from pomerium_tx.oidc.provider_settings import idp_id
from tests.scenarios.browser import Browser, Response
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, CLIENT_SECRET, CONFIG, DENIED, OP, OPEN, WorldTestCase

PARTNERS = "https://partners.example.com"
PARTNERS_SECRET = "a-secret-of-partners"
OWN_SECRET = "a-secret-of-one-route"
SIGN_OUT = "/.pomerium/sign_out"


def client(client_id: str, secret: str) -> Client:
    """
    A client as both OPs have it registered.
    """
    return Client(
        client_id=client_id,
        client_secret=secret,
        redirect_uris=(AUTHENTICATE + paths.PROVIDER_CALLBACK,),
        post_logout_redirect_uris=(AUTHENTICATE + paths.SIGNED_OUT,),
    )


class ByHost(Resource):
    """
    Each OP at its host.
    """

    isLeaf = True

    def __init__(self, sites: dict[str, IResource]) -> None:
        super().__init__()
        self._sites = sites

    def render(self, request: Any) -> Any:
        return self._sites[request.getRequestHostname().decode()].render(request)


class TwoProvidersTestCase(WorldTestCase):
    """
    ``app`` and ``denied`` are for the default provider, ``chat`` for partners, ``open`` is public but for ``/admin``,
    for which another client of the default provider signs in; ``app`` has a path for partners.
    """

    issuers = (OP, PARTNERS)
    partners_settings: ClassVar[dict[str, Any]] = {}

    def setUp(self) -> None:
        self.settings = {
            "providers": {
                "partners": {
                    "idp_provider": "oidc",
                    "idp_provider_url": PARTNERS,
                    "idp_client_id": "rp1",
                    "idp_client_secret": PARTNERS_SECRET,
                    **self.partners_settings,
                }
            },
            "routes": self.make_routes(),
        }
        super().setUp()

    def make_routes(self) -> list[dict[str, Any]]:
        """
        The routes of the configuration.
        """
        app, chat, public, denied = CONFIG["routes"]
        return [
            {**app, "prefix": "/partners", "name": "app for partners", "idp": "partners"},
            app,
            {**chat, "idp": "partners"},
            {
                **denied,
                "from": OPEN,
                "prefix": "/admin",
                "allowed_users": ["alice@example.com"],
                "idp_client_id": "own",
                "idp_client_secret": OWN_SECRET,
            },
            public,
            denied,
        ]

    def make_op_resource(self) -> IResource:
        """
        Both OPs; they know the same people by the same names.
        """
        self.provider = DevelopmentProvider(
            issuer=OP,
            clients=[client("rp1", CLIENT_SECRET), client("own", OWN_SECRET)],
            clock=self.clock,
            signer=derived_signer(b"op"),
            lifetimes=self.lifetimes,
        )
        self.partners = DevelopmentProvider(
            issuer=PARTNERS,
            clients=[client("rp1", PARTNERS_SECRET)],
            clock=self.clock,
            signer=derived_signer(b"partners"),
            lifetimes=self.lifetimes,
        )
        sites = {
            urlsplit(provider.issuer).hostname or "": UnloggedSite(provider_resource(provider)).resource
            for provider in (self.provider, self.partners)
        }
        return ByHost(sites)

    def signed_in_at_both(self) -> Browser:
        """
        A browser whose person has signed in for ``app`` at the one OP and for ``chat`` at the other.
        """
        browser = self.browser()
        self.assertEqual(self.sign_in(browser).content, b"ok")
        self.assertEqual(self.sign_in(browser, CHAT + "/").content, b"ok")
        return browser

    def ids(self, client_id: str = "rp1") -> tuple[str, str]:
        """
        The names of a client at both OPs.
        """
        return idp_id(OP, client_id), idp_id(PARTNERS, client_id)

    def hop(self, browser: Browser, url: str, **fields: str) -> str:
        """
        Where one answer leads.
        """
        answer = browser.get(url, follow=False, **fields)
        location = answer.get("Location")
        assert location is not None, answer.text
        return location

    def depart(self, browser: Browser, origin: str = APP) -> str:
        """
        Sign out on a route, as far as the OP's end-session endpoint: its URL.
        """
        answer = browser.get(origin + SIGN_OUT, follow=False)
        location = answer.get("Location")
        assert location is not None, answer.text
        return self.hop(browser, location)

    def op_of(self, url: str) -> str:
        """
        The issuer that a URL belongs to.
        """
        return next(issuer for issuer in self.issuers if url.startswith(issuer + "/"))

    def back_from(self, browser: Browser, url: str) -> str:
        """
        Let the OP end its session; the URL by which it sends the person back.
        """
        page = browser.get(url, follow=False)
        location = page.get("Location")
        if location is None:
            page = browser.click(page)
            return page.url
        return location

    def lines(self, page: Response) -> dict[str, str]:
        """
        What the page at the end of a sign-out says of each OP.
        """
        found = re.findall(r"<li><code>([^<]*)</code> (.*?)</li>", page.text)
        return dict(found)

    def query(self, url: str) -> dict[str, str]:
        """
        The parameters of a URL.
        """
        return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


__all__ = ["APP", "AUTHENTICATE", "CHAT", "DENIED", "OP", "OPEN", "PARTNERS", "TwoProvidersTestCase"]
