"""
A bearer token at two processes on one log.
"""

from __future__ import annotations

from pomerium_tx.sessions.store import Cause
from tests.scenarios.browser import Response
from tests.scenarios.test_bearer_tokens import TokenCase, routes
from tests.scenarios.world import APP


class TwoHousesTests(TokenCase):
    """
    Two houses that share their sessions.
    """

    settings = {"routes": routes(bearer_token_format="idp_access_token")}

    def setUp(self) -> None:
        super().setUp()
        self.other = self.build_house("other")
        self.token = self.signed_in().tokens.access_token

    def at_other(self) -> Response:
        return self.browser("other").once("GET", APP + "/", {"Authorization": f"Bearer {self.token}"})

    def test_known_at_both(self) -> None:
        """
        A token that one process has verified is known to the other, which asks the provider nothing.
        """
        self.assertEqual(self.ask(self.token).text, "ok")
        before = len(self.provider.userinfo_calls)
        self.assertEqual(self.at_other().text, "ok")
        self.assertEqual(len(self.provider.userinfo_calls), before)
        self.assertEqual(len(self.of_token()), 1)

    def test_at_the_same_time(self) -> None:
        """
        Presented to both at once, it has one session in the end, and both let it in.
        """
        self.http.hold("/userinfo")
        one = self.open(self.token)
        other = self.browser("other").open("GET", APP + "/", f"Authorization: Bearer {self.token}")
        self.assertEqual(self.http.waiting("/userinfo"), 2)
        self.http.release("/userinfo")
        self.advance(1)
        self.assertIn(b"200 OK", one.take())
        self.assertIn(b"200 OK", other.take())
        self.assertEqual(len(self.of_token()), 1)

    def test_ended_at_both(self) -> None:
        """
        Ended at one process, it is good for nothing at the other, in that moment and for as long as it would have been.
        """
        self.ask(self.token)
        self.at_other()
        [session] = self.of_token()
        self.end(session, Cause.ADMINISTRATOR)
        for _ in range(3):
            self.assertEqual((self.ask(self.token).status, self.at_other().status), (401, 401))
            self.advance(61)
        self.assertEqual(self.of_token(), [])

    def test_ended_while_it_waits(self) -> None:
        """
        Ended at one process while another still verifies it: it begins no session there either.
        """
        self.http.hold("/userinfo")
        late = self.browser("other").open("GET", APP + "/", f"Authorization: Bearer {self.token}")
        answered_late = self.http.hold_back("/userinfo")
        self.http.release("/userinfo")
        self.assertEqual(self.ask(self.token).text, "ok")
        [session] = self.of_token()
        self.end(session, Cause.ADMINISTRATOR)
        answered_late()
        self.advance(1)
        self.assertIn(b"HTTP/1.1 401", late.take())
        self.assertEqual(self.of_token(), [])
