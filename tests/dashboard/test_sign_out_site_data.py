"""
Tests for `pomerium_tx.dashboard.sign_out`: what a browser is asked to forget.
"""

from __future__ import annotations

from tests.dashboard.cases import FRAME, IMAGE, SIGN_OUT, SignOutCase
from tests.doubles.channel import Asked
from tests.logout.user_agent import UserAgent
from tests.logout.world import FROM_ANOTHER_SITE, FROM_OWN_PAGE, NAVIGATION, R2, SCRIPT, A, R, World

AT_CHAT = R2 + "/.pomerium/sign_out"


def asked_by_app(origin: str) -> frozenset[str]:
    """
    One host asks for all there is, the other for nothing.
    """
    return frozenset({"cache", "cookies", "storage"}) if origin == R else frozenset()


class ClearSiteDataTests(SignOutCase):
    """
    ``Clear-Site-Data`` of a sign-out's own answer.
    """

    def setUp(self) -> None:
        self.world = World(site_data=asked_by_app)
        self.addCleanup(self.world.stop)
        self.alice = UserAgent(self.world)

    def cleared(self, answer: Asked) -> list[str]:
        """
        What the answer clears.
        """
        return answer.headers("clear-site-data")

    def test_now(self) -> None:
        """
        The redirect and the JSON of a sign-out carry it, once.
        """
        for headers, status in (
            (FROM_OWN_PAGE, 302),
            (NAVIGATION, 302),
            ({**SCRIPT, "Accept": "application/json"}, 200),
        ):
            with self.subTest(headers=headers):
                alice = UserAgent(self.world)
                alice.sign_in()
                answer = alice.get(SIGN_OUT, headers)
                self.assertEqual(answer.status, status)
                self.assertEqual(self.cleared(answer), ['"cache", "cookies", "storage"'])
                self.assertEqual(len(answer.headers("set-cookie")), 1)

    def test_says_so(self) -> None:
        """
        That cookies were cleared is said to the authenticate host, which would know the browser no more: by the
        redirect, and by the URL that a script is to go to.
        """
        for headers in (FROM_OWN_PAGE, {**SCRIPT, "Accept": "application/json"}):
            with self.subTest(headers=headers):
                alice = UserAgent(self.world)
                alice.sign_in()
                answer = alice.get(SIGN_OUT, headers)
                self.assertIn("pomerium_ended", answer.header("location") or answer.text)
                self.assertIn("pomerium_cleared", answer.header("location") or answer.text)

    def test_same_without_a_session(self) -> None:
        """
        The answer is the same where there is no session.
        """
        self.assertEqual(self.cleared(self.alice.get(SIGN_OUT, FROM_OWN_PAGE)), ['"cache", "cookies", "storage"'])

    def test_own_host_only(self) -> None:
        """
        A host whose routes ask for nothing clears nothing, and nor does the authenticate host.
        """
        self.alice.sign_in(R2 + "/")
        answer = self.alice.get(AT_CHAT, FROM_OWN_PAGE)
        self.assertEqual((answer.status, self.cleared(answer)), (302, []))
        answer = self.alice.get(answer.header("location") or "")
        self.assertEqual((answer.status, self.cleared(answer)), (302, []))

    def test_nothing_ended_nothing_cleared(self) -> None:
        """
        Who is asked first, refused, or cannot be signed out just now loses nothing: no other site can clear this one.
        """
        self.alice.sign_in()
        for headers, status in (
            (FROM_ANOTHER_SITE, 302),
            ({**FROM_ANOTHER_SITE, "Accept": "application/json"}, 403),
            ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 302),
            (IMAGE, 403),
            (FRAME, 200),
            ({**NAVIGATION, "Sec-Purpose": "prefetch"}, 503),
        ):
            with self.subTest(headers=headers):
                answer = self.alice.get(SIGN_OUT, headers)
                self.assertEqual((answer.status, self.cleared(answer)), (status, []))
        self.world.store.break_down()
        answer = self.alice.get(SIGN_OUT, FROM_OWN_PAGE)
        self.assertEqual((answer.status, self.cleared(answer)), (503, []))
        self.assertIsNotNone(self.alice.session())

    def test_by_provider(self) -> None:
        """
        The OP's word in a frame clears nothing: anybody can say it.
        """
        session = self.alice.sign_in()
        answer = self.alice.get(f"{SIGN_OUT}?iss={self.world.op.issuer}&sid={session.sids[0]}", FRAME)
        self.assertEqual((answer.status, self.cleared(answer)), (200, []))
        self.assertNotIn(A, answer.text)
