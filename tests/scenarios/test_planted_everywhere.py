"""
A stolen cookie of the authenticate host, with another one planted beside it, spares nobody the question who they are.
"""

from __future__ import annotations

from urllib.parse import urlencode

from tests.scenarios.browser import Browser, Response
from tests.scenarios.test_my_sessions import LATE, PAGE, MySessionsTestCase
from tests.scenarios.world import AUTHENTICATE, CHAT

HOST = "authenticate.example.com"
NAME = "_pomerium_authenticate"
BY_HAND = {
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
    "Origin": AUTHENTICATE,
    "Content-Type": "application/x-www-form-urlencoded",
}


class PlantedTests(MySessionsTestCase):
    """
    Somebody with Alice's cookie, hours after she has said who she is.
    """

    def press_everywhere(self, thief: Browser, cookie: str) -> Response:
        """
        The button "Sign out everywhere", pressed with these session cookies.
        """
        told = thief.once("GET", AUTHENTICATE + "/.well-known/pomerium", {"Cookie": cookie})
        form = urlencode({"_pomerium_csrf": told.get("X-CSRF-Token") or "", "everywhere": "1"}).encode()
        secret = thief.cookie(HOST, "_pomerium_csrf")
        fields = {**BY_HAND, "Cookie": f"{cookie}; _pomerium_csrf={secret}"}
        return thief.once("POST", AUTHENTICATE + "/.pomerium/sign_out", fields, form)

    def test_dead_handle_beside(self) -> None:
        """
        Neither her handle alone, nor with that of a session which was itself signed out everywhere, ends her sessions.
        """
        self.advance(LATE, step=10.0)
        stolen = self.desk.cookie(HOST, NAME)
        mallory = self.browser(address="203.0.113.66")
        self.sign_in(mallory, CHAT + "/", person="bob")
        dead = mallory.cookie(HOST, NAME)
        self.press_on(mallory.get(PAGE), mallory, "Sign out everywhere")
        before = self.house.registry.count
        for cookie in (f"{NAME}={stolen}", f"{NAME}={stolen}; {NAME}={dead}", f"{NAME}={dead}; {NAME}={stolen}"):
            with self.subTest(cookies=cookie.count(NAME)):
                self.press_everywhere(self.browser(address="203.0.113.66"), cookie)
                self.assertEqual(self.house.registry.count, before)
        self.assertTrue(self.is_in(self.phone))
