"""
A person's own page: everything that is open for them anywhere, and the buttons that end it.
"""

from __future__ import annotations

import html
import re
from urllib.parse import urlsplit

from tests.scenarios.browser import Browser, Response
from tests.scenarios.test_session_events import EVENTS, METADATA
from tests.scenarios.traffic import SIGNED_OUT, TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, OP

PAGE = AUTHENTICATE + "/.pomerium/"
LATE = 301.0


class MySessionsTestCase(TrafficTestCase):
    """
    Alice at her desk and on her phone, and bob.
    """

    def setUp(self) -> None:
        super().setUp()
        self.desk = self.both()
        self.phone = self.browser(address="198.51.100.7")
        self.sign_in(self.phone, CHAT + "/")
        self.bob = self.both("bob")

    def press(self, browser: Browser, button: str, index: int = 0) -> Response:
        """
        Press a button on the page; the OP is a person's own matter.
        """
        return self.press_on(browser.get(PAGE), browser, button, index)

    def press_on(self, page: Response, browser: Browser, button: str, index: int = 0) -> Response:
        """
        The same on a page that is open.
        """
        forms = re.findall(r"<form\b[^>]*>.*?</form>", page.text, re.DOTALL)
        indexes = [number for number, form in enumerate(forms) if f">{button}</button>" in form]
        action, fields = page.form(indexes[index])
        return browser.post(action, fields)

    def is_in(self, browser: Browser, origin: str = CHAT) -> bool:
        """
        Whether the application answers without any sign-in.
        """
        return browser.get(origin + "/", follow=False).status == 200

    def assert_everyone(self, *, desk: bool, phone: bool) -> None:
        """
        Who is signed in; bob is, always.
        """
        self.assertEqual((self.is_in(self.desk), self.is_in(self.phone)), (desk, phone))
        self.assertTrue(self.is_in(self.bob))


class PageTests(MySessionsTestCase):
    """
    What the page shows.
    """

    def test_all_sessions(self) -> None:
        """
        Both sessions with their addresses and routes, this browser's first; nothing of bob, and no secret.
        """
        page = self.desk.get(PAGE)
        self.assertEqual(page.status, 200)
        sections = re.findall(r"<section\b.*?</section>", page.text, re.DOTALL)
        self.assertEqual(len(sections), 2)
        for text in ("This browser", "192.0.2.1", APP, CHAT):
            self.assertIn(text, sections[0])
        for text in ("Another browser", "198.51.100.7", CHAT):
            self.assertIn(text, sections[1])
        self.assertNotIn(APP, sections[1])
        # Random values may spell anything.
        self.assertNotIn("bob", re.sub(r'value="[^"]*"', "", page.text).lower())
        for session in self.house.registry.sessions():
            for secret in (session.id, session.browser, session.tokens.id_token, session.tokens.access_token):
                self.assertNotIn(secret, page.text)

    def test_what_is_open(self) -> None:
        """
        A WebSocket and a download of the phone are shown with their ages and bytes; listening pages are not.
        """
        self.websocket(self.phone)
        self.download(self.phone, CHAT + "/file")
        self.phone.open("GET", CHAT + EVENTS, *METADATA)
        self.advance(120.0, step=30.0)
        _, there = re.findall(r"<section\b.*?</section>", self.desk.get(PAGE).text, re.DOTALL)
        text = html.unescape(there)
        self.assertIn(f"WebSocket on {CHAT} for 2 minutes; 0 bytes in, 0 bytes out", text)
        self.assertIn(f"Download on {CHAT} for 2 minutes; 0 bytes in, 10 bytes out", text)
        self.assertNotIn("Event stream", text)

    def test_not_for_applications(self) -> None:
        """
        No application's page can read it, in a frame or by script, and route hosts have no such page.
        """
        page = self.desk.get(PAGE)
        self.assertEqual(page.get("X-Frame-Options"), "DENY")
        self.assertIn("frame-ancestors 'none'", page.get("Content-Security-Policy") or "")
        self.assertIsNone(page.get("Access-Control-Allow-Origin"))
        self.assertNotIn("198.51.100.7", self.desk.get(APP + "/.pomerium/").text)
        self.assertEqual(self.desk.post(APP + "/.pomerium/sessions", {"action": "end_others"}).status, 404)


class ButtonTests(MySessionsTestCase):
    """
    What the buttons end.
    """

    def test_end_one(self) -> None:
        """
        The phone's session ends with everything that is open for it, at once; its pages know; it stays signed out.
        """
        socket, _ = self.websocket(self.phone)
        download, _ = self.download(self.phone, CHAT + "/file")
        listening = self.phone.open("GET", CHAT + EVENTS, *METADATA)
        desk, _ = self.websocket(self.desk)
        page = self.press(self.desk, "End this session")
        self.assertEqual(socket.take(), SIGNED_OUT)
        self.assert_broken_off(download)
        self.assertIn(b"event: signed_out\n", listening.take())
        self.assertEqual((desk.take(), desk.lost), (b"", None))
        [receipt] = self.receipts()
        self.assertEqual((receipt["cause"], receipt["sessions_ended"]), ("user_authenticate", 1))
        self.assertEqual((receipt["exchanges_cut"]["websocket"], receipt["exchanges_cut"]["download"]), (1, 1))
        self.assertIn(f"1 session ended. Receipt {receipt['id']}", page.text)
        self.assertNotIn("Another browser", page.text)
        self.assert_everyone(desk=True, phone=False)
        self.assertIn("You signed out at", self.phone.get(CHAT + "/").text)

    def test_end_others(self) -> None:
        """
        All others end, and this browser stays; so it may go on to end those that begin later.
        """
        tablet = self.both()
        self.assertIn("2 sessions ended.", self.press(self.desk, "End the other sessions").text)
        self.assertFalse(self.is_in(tablet))
        self.assert_everyone(desk=True, phone=False)

    def test_everywhere(self) -> None:
        """
        Everything ends, under one receipt, and this browser goes on to the OP and back.
        """
        self.provider.always_confirm_logout = True
        socket, _ = self.websocket(self.phone)
        page = self.press(self.desk, "Sign out everywhere")
        self.assertTrue(page.url.startswith(OP + "/end-session"))
        self.assertEqual(socket.take(), SIGNED_OUT)
        [receipt] = self.receipts()
        self.assertEqual((receipt["cause"], receipt["sessions_ended"]), ("user_everywhere", 2))
        page = self.desk.click(page, "Sign out")
        self.assertIn("You are signed out everywhere", page.text)
        self.assertIn("on all your devices", page.text)
        self.assertIn(receipt["id"], page.text)
        self.assert_everyone(desk=False, phone=False)
        self.assertIn("You signed out at", self.phone.get(CHAT + "/").text)

    def test_sign_out(self) -> None:
        """
        The ordinary sign-out needs no fresh sign-in and ends this browser's session alone.
        """
        self.advance(LATE, step=60.0)
        self.press(self.desk, "Sign out")
        self.assert_everyone(desk=False, phone=True)


class FreshTests(MySessionsTestCase):
    """
    Sessions elsewhere are ended only by a person who has just said who they are.
    """

    def test_late(self) -> None:
        """
        After five minutes each such button leads to the OP first, and works when it is pressed again.
        """
        for button in ("End this session", "End the other sessions", "Sign out everywhere"):
            with self.subTest(button):
                self.setUp()
                self.advance(LATE, step=60.0)
                page = self.press(self.desk, button)
                self.assertEqual(urlsplit(page.url).netloc, urlsplit(OP).netloc)
                self.assertIn("prompt=login", page.url)
                self.assert_everyone(desk=True, phone=True)
                page = self.desk.click(page, "Sign in as Alice")
                self.assertEqual(urlsplit(page.url).path, "/.pomerium/")
                self.assertIn("Please press the button again.", page.text)
                self.assertTrue(self.is_in(self.phone))
                self.press_on(page, self.desk, button)
                self.assertFalse(self.is_in(self.phone))
                self.assertTrue(self.is_in(self.bob))

    def test_somebody_else(self) -> None:
        """
        Whoever says at the OP that they are somebody else sees that person's sessions, and can end those only.
        """
        self.advance(LATE, step=60.0)
        page = self.desk.click(self.press(self.desk, "End the other sessions"), "Sign in as Bob")
        self.assertIn("bob@example.com", page.text)
        self.press_on(page, self.desk, "End the other sessions")
        self.assertTrue(self.is_in(self.phone))
        self.assertFalse(self.is_in(self.bob))

    def test_provider_does_not_ask(self) -> None:
        """
        An OP that does not ask leads back to a page that says so: no circle, and nothing ends.
        """
        then = int(self.clock.seconds())
        self.provider.alterations["id_token"] = lambda claims: {**claims, "auth_time": then}
        self.advance(LATE, step=60.0)
        page = self.desk.click(self.press(self.desk, "End the other sessions"), "Sign in as Alice")
        self.assertEqual((page.status, urlsplit(page.url).path), (200, "/.pomerium/"))
        self.assertIn("did not ask you to sign in again", page.text)
        self.assertTrue(self.is_in(self.phone))
        self.assertEqual(self.desk.get(CHAT + "/").url, CHAT + "/")

    def test_provider_does_not_say_when(self) -> None:
        """
        Where the OP says nothing of when the person has said who they are, a sign-in in which it was not told to ask
        proves nothing: whoever sits at the desk and drops its cookies ends no other session by that.
        """
        self.provider.alterations["id_token"] = lambda claims: {k: v for k, v in claims.items() if k != "auth_time"}
        self.advance(LATE, step=60.0)
        self.desk.jar = {key: cookie for key, cookie in self.desk.jar.items() if key[1] != "_pomerium_authenticate"}
        page = self.desk.get(PAGE)
        self.assertEqual(urlsplit(page.url).path, "/.pomerium/")
        for button in ("End this session", "End the other sessions", "Sign out everywhere"):
            with self.subTest(button):
                at_op = self.press_on(page, self.desk, button)
                self.assertIn("&prompt=login", at_op.url)
                self.assertIn("&max_age=300", at_op.url)
                self.assertTrue(self.is_in(self.phone))
        page = self.desk.click(at_op, "Sign in as Alice")
        self.press_on(page, self.desk, "End the other sessions")
        self.assertFalse(self.is_in(self.phone))

    def test_receipt_of_somebody_else(self) -> None:
        """
        A link with the receipt of somebody else's sign-out does not make the page tell of it.
        """
        self.sign_out(self.bob)
        [receipt] = self.receipts()
        page = self.desk.get(f"{PAGE}?pomerium_receipt={receipt['id']}", site="cross-site")
        self.assertIn("Your sessions", page.text)
        self.assertNotIn("session ended", page.text)
