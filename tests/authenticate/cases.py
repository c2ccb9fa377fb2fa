"""
What several tests of the authenticate host begin with.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from tests.doubles.channel import Asked
from tests.logout.user_agent import UserAgent
from tests.logout.world import NAVIGATION, A, R, World, form_of

SIGN_OUT = A + "/.pomerium/sign_out"
SIGNED_OUT = A + "/.pomerium/signed_out"
PREFETCH = {**NAVIGATION, "Sec-Purpose": "prefetch"}
IMAGE = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
FRAME = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}


def without(name: str) -> Callable[[dict[str, object]], object]:
    """
    An alteration that leaves one member out.
    """
    return lambda document: {key: value for key, value in document.items() if key != name}


class AuthenticateCase(SynchronousTestCase):
    """
    A world, and alice.
    """

    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        self.alice = UserAgent(self.world)


class SignOutCase(AuthenticateCase):
    """
    Signs out at the authenticate host.
    """

    def token(self, user_agent: UserAgent | None = None) -> str:
        answer = (user_agent or self.alice).get(A + "/.well-known/pomerium")
        return answer.header("x-csrf-token") or ""

    def is_signed_in(self) -> bool:
        return self.world.registry.count == 1

    def assert_asks(self, answer: Asked) -> dict[str, str]:
        self.assertEqual(answer.status, 200, answer.text)
        self.assertIn("Sign out?", answer.text)
        self.assertEqual(answer.header("x-frame-options"), "DENY")
        self.assertFalse([one for one in answer.headers("set-cookie") if "_csrf" not in one])
        return form_of(answer.text)


class CallbackCase(AuthenticateCase):
    """
    Comes back from the OP.
    """

    def response(self, url: str = R + "/wanted", alice: UserAgent | None = None) -> str:
        """
        Where the OP sends the person back.
        """
        alice = alice or self.alice
        return alice.at_provider(alice.open(url).header("location") or "")

    def assert_not_signed_in(self, answer: Asked, status: int) -> None:
        self.assertEqual(answer.status, status, answer.text)
        self.assertFalse([one for one in answer.headers("set-cookie") if one.startswith("_pomerium_authenticate=")])
        self.assertEqual(self.world.registry.count, 0)
