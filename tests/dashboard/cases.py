"""
What several tests of a route host's own pages begin with.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.doubles.channel import Asked
from tests.logout.user_agent import UserAgent
from tests.logout.world import A, R, World

SIGN_OUT = R + "/.pomerium/sign_out"
IMAGE = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
FRAME = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}


class SignOutCase(SynchronousTestCase):
    """
    Signs out at a route host.
    """

    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        self.alice = UserAgent(self.world)

    def assert_signed_out(self, answer: Asked) -> str:
        """
        The authenticate host's URL that it goes on to.
        """
        self.assertEqual(answer.status, 302, answer.text)
        location = answer.header("location") or ""
        self.assertTrue(location.startswith(A + "/.pomerium/sign_out?"))
        self.world.url_signer.verify(location, self.world.clock.seconds())
        [field] = answer.headers("set-cookie")
        self.assertTrue(field.startswith("_pomerium=; Path=/; Max-Age=0"), field)
        self.assertEqual(answer.header("cache-control"), "no-store")
        return location
