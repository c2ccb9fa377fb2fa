"""
Bearer tokens of the provider and of other issuers, from a program's request to its sign-out.
"""

from __future__ import annotations

from typing import Any

from tests.scenarios.browser import Response
from tests.scenarios.world import APP, CONFIG, WorldTestCase


def routes(**settings: Any) -> list[dict[str, Any]]:
    """
    The usual routes, the first one with *settings*.
    """
    return [{**CONFIG["routes"][0], **settings}, *CONFIG["routes"][1:]]


class TokenCase(WorldTestCase):
    """
    A program with tokens of alice's.
    """

    def ask(self, token: str, url: str = APP + "/", **fields: str) -> Response:
        return self.browser(address="192.0.2.77").once("GET", url, {"Authorization": f"Bearer {token}", **fields})

    def tokens(self) -> tuple[str, str]:
        """
        An access token and an ID Token that alice has got for our client.
        """
        self.sign_in(self.browser())
        [session] = self.house.registry.sessions()
        return session.tokens.access_token, session.tokens.id_token

    @property
    def asked(self) -> int:
        """
        How often the OP's UserInfo Endpoint was asked.
        """
        return [received.endpoint for received in self.provider.received].count("userinfo")


class AccessTokenTests(TokenCase):
    """
    ``bearer_token_format: idp_access_token``.
    """

    settings = {"routes": routes(bearer_token_format="idp_access_token")}

    def test_believed_once(self) -> None:
        """
        The OP is asked once for each token; then its session is known, and is one of its own.
        """
        access_token, _ = self.tokens()
        before = self.asked
        for _ in range(3):
            self.assertEqual(self.ask(access_token).text, "ok")
        self.assertEqual(self.asked, before + 1)
        self.assertEqual(self.house.registry.count, 2)
        self.assertIn(f"Bearer {access_token}".encode(), self.app.take())
