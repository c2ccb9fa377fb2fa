"""
The main job: sign in, use the applications, sign out, and nothing is left.
"""

from __future__ import annotations

from tests.scenarios.world import APP, AUTHENTICATE, CHAT, OP, WorldTestCase


class SignInTests(WorldTestCase):
    """
    Signing in.
    """

    def test_sign_in(self) -> None:
        """
        A person who opens an application signs in at the OP and lands on the page that they wanted, byte for byte.
        """
        alice = self.browser()
        page = self.sign_in(alice, APP + "/x?b=%20&a=%7E")
        self.assertEqual((page.status, page.url), (200, APP + "/x?b=%20&a=%7E"))
        self.assertIn(b"GET /x?b=%20&a=%7E HTTP/1.1\r\n", self.app.heard)
        self.assertIn(b"X-Pomerium-Jwt-Assertion: ", self.app.heard)

    def test_second_route(self) -> None:
        """
        The second application asks nobody: the same session, and the OP's page is not seen.
        """
        alice = self.browser()
        self.sign_in(alice)
        page = alice.get(CHAT + "/")
        self.assertEqual(page.status, 200)
        self.assertFalse([url for url in page.trail if url.startswith(OP)])
        self.assertEqual(self.house.registry.count, 1)


class SignOutTests(WorldTestCase):
    """
    Signing out.
    """

    def test_one_click(self) -> None:
        """
        One click in one application: the other is out too, the OP is told, and no cookie works any more.
        """
        alice = self.browser()
        self.sign_in(alice)
        alice.get(CHAT + "/")
        handles = {origin: self.handle_of(alice, origin) for origin in (APP, CHAT)}
        page = alice.get(APP + "/.pomerium/sign_out", site="same-origin")
        self.assertEqual(page.status, 200)
        self.assertTrue(page.url.startswith(AUTHENTICATE + "/.pomerium/signed_out"))
        self.assertIn("signed out everywhere", page.text)
        self.assertEqual(self.house.registry.count, 0)
        for application in self.applications.values():
            application.take()
        for origin, handle in handles.items():
            self.assertEqual(self.replay(handle, origin).status, 302)
            self.assertEqual(self.replay(handle, origin, Accept="application/json").status, 401)
        self.assertEqual([application.take() for application in self.applications.values()], [b""] * 4)
        (receipt,) = self.receipts()
        self.assertIn(receipt["id"], page.text)
        self.assertEqual(receipt["sessions_ended"], 1)
