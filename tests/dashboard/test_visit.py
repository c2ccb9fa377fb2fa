"""
Tests for `pomerium_tx.dashboard.visit`: where a user agent gets the cookie to come back with.
"""

from __future__ import annotations

from urllib.parse import urlencode

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.logout.handover import login_digest
from tests.logout.user_agent import UserAgent
from tests.logout.world import R2, A, R, World, query_of

VISIT = "/.pomerium/callback/visit"


class VisitPageTests(SynchronousTestCase):
    """
    ``/.pomerium/callback/visit``.
    """

    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        self.alice = UserAgent(self.world)

    def signed(self, origin: str = R, **parameters: str) -> str:
        parameters = {"pomerium_redirect_uri": "http://localhost/", "pomerium_visit": origin, **parameters}
        return self.world.url_signer.sign(f"{origin}{VISIT}?{urlencode(parameters)}", self.world.clock.seconds())

    def cookie(self, origin: str) -> str:
        return login_digest(self.alice.cookie(origin, "_pomerium_login") or "")

    def test_own(self) -> None:
        """
        For a program: the cookie's digest becomes that of the sign-in, which goes on with all that it had.
        """
        answer = self.alice.get(self.signed(x="1"))
        location = answer.header("location") or ""
        self.assertEqual(answer.status, 302)
        self.assertTrue(location.startswith(A + "/.pomerium/sign_in?"))
        self.world.url_signer.verify(location, self.world.clock.seconds())
        parameters = query_of(location)
        self.assertEqual(parameters["pomerium_login"], self.cookie(R))
        self.assertEqual((parameters["x"], parameters["pomerium_redirect_uri"]), ("1", "http://localhost/"))
        self.assertNotIn("pomerium_visit", parameters)

    def test_further(self) -> None:
        """
        Where the sign-in has begun elsewhere, each host adds its own digest and sends on to the next.
        """
        url = self.signed(R, pomerium_login="first", pomerium_visit=f"{R} {R2}")
        onward = self.alice.get(url).header("location") or ""
        self.assertTrue(onward.startswith(R2 + VISIT + "?"))
        parameters = query_of(self.alice.get(onward).header("location") or "")
        self.assertEqual(parameters["pomerium_login"], "first")
        self.assertEqual(parameters["pomerium_additional_logins"], f"{self.cookie(R)},{self.cookie(R2)}")

    def test_keeps_the_cookie(self) -> None:
        """
        Parallel sign-ins of one browser share it.
        """
        self.alice.get(self.signed())
        before = self.cookie(R)
        self.alice.get(self.signed())
        self.assertEqual(self.cookie(R), before)

    def test_refused(self) -> None:
        """
        Unsigned, altered, too old, or for another host: 400, and no cookie.
        """
        good = self.signed()
        for url in (f"{R}{VISIT}", good.replace("localhost", "evil.example"), good.replace(R, R2, 1)):
            self.assertEqual(self.alice.get(url).status, 400)
        self.assertEqual(self.alice.get(self.signed(pomerium_visit=R2)).status, 400)
        self.world.clock.advance(361.0)
        answer = self.alice.get(good)
        self.assertEqual((answer.status, answer.headers("set-cookie")), (400, []))
