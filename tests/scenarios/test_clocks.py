"""
The OP's clock is another than ours: its word means whom it means by its own, and who is under way by ours.
"""

from __future__ import annotations

from tests.scenarios.browser import Browser
from tests.scenarios.told import ToldTestCase
from tests.scenarios.world import APP


class ClocksTests(ToldTestCase):
    """
    An OP whose clock is up to a minute ahead or behind.
    """

    def set_clock(self, ahead: int) -> None:
        """
        From now on ID Tokens are issued by a clock that is so many seconds ahead of ours.
        """
        self.provider.alterations["id_token"] = lambda claims: {**claims, "iat": claims["iat"] + ahead}

    def tell_by(self, ahead: int, **names: str) -> None:
        """
        The OP says by the back channel, and by that clock, that a session is over.
        """
        now = int(self.clock.seconds()) + ahead
        self.tell(iat=now, exp=now + 120, **names)

    def finish(self, browser: Browser, callback: str) -> int:
        """
        The status of the page at which a sign-in ends.
        """
        return browser.get(callback, site="cross-site").status

    def test_front_channel(self) -> None:
        """
        What the OP's page names has ended, whenever it has begun by the OP's clock.
        """
        for ahead in (45, -45):
            with self.subTest(ahead=ahead):
                self.set_clock(ahead)
                browser, session = self.somebody("alice")
                self.frame(session.sids[0], browser=browser)
                self.assertNotIn(session.id, self.live())

    def test_front_channel_and_a_login_in_flight(self) -> None:
        """
        A sign-in under way loses to the front channel, however far ahead the OP's clock is.
        """
        for ahead in (45, -45):
            with self.subTest(ahead=ahead):
                browser, session = self.somebody("alice")
                callback = self.to_callback(browser)
                self.advance(2)
                self.set_clock(ahead)
                self.frame(session.sids[0])
                self.assertEqual(self.finish(browser, callback), 401)

    def test_back_channel(self) -> None:
        """
        What a logout token names has ended, and a sign-in under way loses, by the clock that both are said by.
        """
        for ahead in (45, 0, -45):
            for name in ("sid", "sub"):
                with self.subTest(ahead=ahead, name=name):
                    self.set_clock(ahead)
                    browser, session = self.somebody("alice")
                    callback = self.to_callback(browser)
                    self.advance(2)
                    self.tell_by(ahead, **{name: session.sids[0] if name == "sid" else session.sub})
                    self.assertNotIn(session.id, self.live())
                    self.assertEqual(self.finish(browser, callback), 401)

    def test_late_word(self) -> None:
        """
        A logout token that arrives late means no sign-in that the OP has seen since, finished or under way; what came
        before it is over.
        """
        for ahead in (45, 0, -45):
            with self.subTest(ahead=ahead):
                self.advance(700, 100)
                self.set_clock(ahead)
                browser, session = self.somebody("alice")
                issued = int(self.clock.seconds()) + ahead
                late = self.token(sub=session.sub, iat=issued, exp=issued + 3600)
                self.advance(32)
                another, later = self.somebody("alice")
                callback = self.to_callback(browser)
                self.advance(2)
                self.assertEqual(self.post(late).status, 200)
                self.assertNotIn(session.id, self.live())
                self.assertIn(later.id, self.live())
                self.assertEqual(another.get(APP + "/").status, 200)
                self.assertEqual(self.finish(browser, callback), 200)
