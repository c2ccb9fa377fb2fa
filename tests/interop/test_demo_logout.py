"""
``pomerium-tx demo``: an application behind the proxy, one beside it, and the provider that tells both.
"""

from __future__ import annotations

from tests.interop.demo import APP, AUTHENTICATE, CHAT, OP, OTHER, SharedDemoCase
from tests.interop.processes import eventually
from tests.interop.wire import fetch


class ThreeWaysTests(SharedDemoCase):
    """
    Wherever a person signs out - in an application, in one that is not behind the proxy, at the provider's own page -
    they are out everywhere, at once.
    """

    def setUp(self) -> None:
        """
        Alice has the chat, the application and the other application open in a tab each; Bob has a chat.
        """
        super().setUp()
        bob = self.person()
        self.bobs_chat = bob.tab()
        self.sign_in(self.bobs_chat, f"{CHAT}/", user="Bob")
        self.alice = self.person()
        self.chat = self.alice.tab()
        self.sign_in(self.chat, f"{CHAT}/")
        self.app = self.alice.tab(f"{APP}/")
        self.other = self.alice.tab(f"{OTHER}/")
        self.other.click("text=Sign in")
        self.other.wait_for_selector("text=Signed in as Alice Liddell.")
        for chat in (self.chat, self.bobs_chat):
            chat.wait_for_selector("text=Connected.")

    def check_behind_the_proxy(self, cause: str) -> None:
        """
        The chat is cut and says why, the other tab knows, cookies open nothing, the application was told; Bob stays.
        """
        self.chat.wait_for_selector("text=Closed (code 4401).")
        receipt = self.the_receipt()
        self.assertEqual((receipt["cause"], receipt["sessions_ended"]), (cause, 1))
        self.assertEqual(receipt["exchanges_cut"]["websocket"], 1)
        self.assertIn(fetch(f"{APP}/", headers={"Cookie": self.alice.cookies(APP)}).status, (302, 401))
        eventually("the application is told", lambda: self.reached()["logouts_told"] == 1)
        self.assertEqual(self.reached()["logout_notices_refused"], 0)
        self.assertEqual(self.reached()["sockets_open"], 1)
        self.assertEqual(self.bobs_chat.inner_text("#chat-state"), "Connected.")

    def test_at_the_provider(self) -> None:
        """
        *Sign out* at the provider's page says who was told, and both channels were used; nobody has to reload anything.
        """
        page = self.alice.tab(f"{OP}/")
        page.click("text=Sign out")
        page.wait_for_selector("h1:text('You are signed out')")
        told = page.inner_text("main")
        self.assertEqual(told.count("back channel: 200"), 2, told)
        self.assertEqual(told.count("front channel"), 2, told)
        self.check_behind_the_proxy("back_channel")
        self.app.wait_for_selector("#alarm:has-text('You are signed out.')")
        self.other.wait_for_selector("text=was signed out by the provider")
        self.other.wait_for_selector("text=(back channel, front channel)")

    def test_in_the_application(self) -> None:
        """
        *Sign out* in the application ends the other application's session too, and leads back to the proxy's page.
        """
        self.app.click("text=Sign out")
        self.app.wait_for_url(f"{AUTHENTICATE}/.pomerium/signed_out**")
        self.assertIn("signed out everywhere", self.app.inner_text("body"))
        self.check_behind_the_proxy("user_route")
        self.other.wait_for_selector("text=was signed out by the provider")

    def test_in_the_other_application(self) -> None:
        """
        *Sign out* in the other application cuts the chat behind the proxy, and leads back to the other application.
        """
        self.other.click("text=Sign out")
        self.other.wait_for_url(f"{OTHER}/")
        self.other.wait_for_selector("text=Alice Liddell signed out here")
        self.other.wait_for_selector("text=confirmed by the provider (back channel, front channel)")
        self.check_behind_the_proxy("back_channel")
        self.app.wait_for_selector("#alarm:has-text('You are signed out.')")

    def test_without_scripts(self) -> None:
        """
        The provider's page goes on by itself where no script runs.
        """
        context = self.alice.context
        context.route("**/logout.js", lambda route: route.abort())
        self.other.click("text=Sign out")
        self.other.wait_for_url(f"{OTHER}/")
        self.other.wait_for_selector("text=Alice Liddell signed out here")
        self.check_behind_the_proxy("back_channel")

    def test_the_application_shows_what_it_was_told(self) -> None:
        """
        Whoever opens the application afterwards sees that the proxy has told it of the end, in words that it verified.
        """
        self.app.click("text=Sign out")
        self.app.wait_for_url(f"{AUTHENTICATE}/.pomerium/signed_out**")
        eventually("the application is told", lambda: self.reached()["logouts_told"] == 1)
        self.bobs_chat.goto(f"{APP}/")
        [session] = self.the_end()["session-ids"]
        self.assertIn(f"session {session[:8]}... ended", self.bobs_chat.inner_text("main"))
