"""
Headers that applications and browsers get of a route's making, from the reload on that says so.
"""

from __future__ import annotations

from typing import Any

from tests.scenarios.test_reload import ReloadTestCase
from tests.scenarios.world import APP, OPEN


class RouteHeadersTests(ReloadTestCase):
    """
    Alice, in front of an application that is told more than usual.
    """

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.both()

    def seen(self, *fields: str, url: str = APP + "/", name: str = "app") -> dict[str, list[str]]:
        """
        What the application sees of a request of Alice's.
        """
        application = self.applications[name]
        application.take()
        self.alice.open("GET", url, *fields)
        self.settle()
        found: dict[str, list[str]] = {}
        for line in application.take().decode("latin-1").split("\r\n")[1:]:
            field, _, value = line.partition(": ")
            if field:
                found.setdefault(field.lower(), []).append(value)
        return found

    def use(self, **change: Any) -> None:
        """
        The application's route says this too.
        """
        self.reload(routes=self.routes(app=change, open=change))

    def test_tokens(self) -> None:
        """
        The application gets the tokens of whoever asks, the new ones at once after a refresh, and nobody else's.
        """
        self.use(
            set_request_headers={
                "X-Access": "${pomerium.access_token}",
                "Authorization": "Bearer $pomerium.jwt",
                # As Pomerium's own example has it.
                "X-Pomerium-Idp-Id-Token": "${pomerium.id_token}",
            }
        )
        [session] = self.house.registry.sessions()
        forged = ("X-Access", "Authorization", "X.Access", "X-Pomerium-Idp-Id-Token", "x.pomerium.idp.id.token")
        seen = self.seen(*(f"{name}: forged" for name in forged))
        self.assertEqual(seen["x-pomerium-idp-id-token"], [session.tokens.id_token])
        self.assertEqual(seen["x-access"], [session.tokens.access_token])
        self.assertEqual(seen["authorization"], ["Bearer " + seen["x-pomerium-jwt-assertion"][0]])
        self.assertNotIn("forged", str(seen))
        before = session.tokens.access_token
        while self.house.registry.sessions()[0].tokens.access_token == before:
            self.advance(60.0, 30.0)
        [session] = self.house.registry.sessions()
        self.assertEqual(self.seen()["x-access"], [session.tokens.access_token])
        self.assertEqual(self.browser().get(OPEN + "/").status, 200)
        self.assertIn(b"X-Access: \r\n", self.applications["open"].take())
        self.use()
        self.assertNotIn("x-access", self.seen())

    def test_removed(self) -> None:
        """
        What is removed does not reach the application, from a browser or from us.
        """
        self.use(set_request_headers={"X-Debug": "1"}, remove_request_headers=["X-Debug", "X-Forwarded-Host"])
        seen = self.seen("X-Debug: 2", "x.debug: 3")
        self.assertFalse({"x-debug", "x.debug", "x-forwarded-host"} & set(seen))
        self.use()
        self.assertEqual(self.seen("X-Debug: 2")["x-debug"], ["2"])

    def test_nothing_is_kept(self) -> None:
        """
        After the sign-out no token of the session is kept for headers.
        """
        self.use(set_request_headers={"X-Access": "${pomerium.access_token}"})
        self.seen()
        kept = self.house.layout._tokens
        self.assertEqual(len(kept), 1)
        self.alice.get(APP + "/.pomerium/sign_out")
        self.settle()
        self.assertEqual(len(kept), 0)

    def test_kubernetes(self) -> None:
        """
        The API server gets the account's token and the person, whatever a browser says about either.
        """
        self.use(kubernetes_service_account_token="account-token")
        seen = self.seen(
            "Authorization: Bearer mine",
            "Impersonate-User: root",
            "Impersonate-Group: system:masters",
            "Impersonate-Uid: 0",
            "Impersonate-Extra-Scopes: all",
            "impersonate.user: root",
        )
        self.assertEqual(seen["authorization"], ["Bearer account-token"])
        self.assertEqual(seen["impersonate-user"], ["alice@example.com"])
        for forged in ("mine", "root", "masters", "all"):
            self.assertNotIn(forged, str(seen))
        self.browser().get(OPEN + "/")
        self.assertNotIn(b"account-token", self.applications["open"].take())

    def test_rewritten_answers(self) -> None:
        """
        A header of the application's answer begins otherwise for the browser, as long as the configuration says so.
        """
        self.app.answer = (
            b"HTTP/1.1 302 Found\r\nLocation: http://app.internal:8080/next\r\nContent-Length: 0\r\n"
            b"X-Other: http://app.internal:8080/\r\n\r\n"
        )
        self.use(
            rewrite_response_headers=[
                {"header": "Location", "prefix": "https://elsewhere/", "value": "https://never/"},
                {"header": "location", "prefix": "http://app.internal:8080/", "value": APP + "/"},
                {"header": "location", "prefix": "http://app", "value": "https://second/"},
            ]
        )
        answer = self.alice.once("GET", APP + "/")
        self.assertEqual(answer.get_all("Location"), [APP + "/next"])
        self.assertEqual(answer.get("X-Other"), "http://app.internal:8080/")
        self.use()
        self.assertEqual(self.alice.once("GET", APP + "/").get("Location"), "http://app.internal:8080/next")

    def test_rewritten_cookies(self) -> None:
        """
        No rewriting lets an application set a cookie of ours.
        """
        self.app.answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: app=1\r\nContent-Length: 0\r\n\r\n"
        self.use(rewrite_response_headers=[{"header": "Set-Cookie", "prefix": "app", "value": "_pomerium"}])
        self.assertEqual(self.alice.once("GET", APP + "/").get_all("Set-Cookie"), [])

    def test_underscores(self) -> None:
        """
        What becomes of a header with an underscore is the configuration's to say; none can pass for one of ours.
        """
        fields = ("X_Mine: 1", "X_Forwarded_Proto: forged", "X_Pomerium_Jwt_Assertion: forged")
        self.assertEqual(self.seen(*fields), {})
        self.reload(headers_with_underscores_action="drop")
        self.assertNotIn("x_mine", self.seen(*fields))
        self.reload(headers_with_underscores_action="allow")
        seen = self.seen(*fields)
        self.assertEqual(seen["x_mine"], ["1"])
        self.assertNotIn("forged", str(seen))
        self.reload()
        self.assertEqual(self.seen(*fields), {})
