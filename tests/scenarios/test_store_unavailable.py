"""
It never lies: when an end cannot be recorded nothing has ended, and nobody is told otherwise.
"""

from __future__ import annotations

import json

from pomerium_tx.sessions.store import SessionStore
from tests.doubles.stores import UnreliableStore
from tests.scenarios.browser import Response
from tests.scenarios.traffic import SIGNED_OUT, TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, OP

SIGN_OUT = "/.pomerium/sign_out"


class StoreUnavailableTests(TrafficTestCase):
    """
    A store that is out of order.
    """

    def make_store(self) -> SessionStore:
        self.unreliable = UnreliableStore()
        return self.unreliable

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.both()
        self.jar = dict(self.alice.jar)

    def assert_nothing_ended(self, answer: Response) -> None:
        """
        503, and everything is as it was.
        """
        self.assertEqual(answer.status, 503)
        self.assertIsNotNone(answer.get("Retry-After"))
        self.assertEqual(answer.get("Cache-Control"), "no-store")
        self.assertEqual([field for field in answer.get_all("Set-Cookie") if "_pomerium=" in field], [])
        self.assertEqual([field for field in answer.get_all("Set-Cookie") if "_authenticate=" in field], [])
        self.assertEqual([field for field in answer.get_all("Set-Cookie") if "_hold=" in field], [])
        self.assertEqual(self.house.registry.count, 1)
        self.assertEqual(self.receipts(), [])

    def test_route_host(self) -> None:
        """
        On R: 503, the cookie stays, the page says that nothing was ended; the same request works later.
        """
        socket, _ = self.websocket(self.alice)
        download, _ = self.download(self.alice)
        self.unreliable.break_down()
        for _ in range(2):
            answer = self.sign_out(self.alice)
            self.assert_nothing_ended(answer)
            self.assertIn("Nothing was signed out", answer.text)
        self.assertEqual(self.alice.jar, self.jar)
        self.assertEqual((socket.take(), download.take(), download.lost), (b"", b"", None))
        self.assertEqual(self.alice.get(CHAT + "/").status, 200)
        self.unreliable.failure = None
        page = self.sign_out(self.alice, follow=True)
        self.assertIn("signed out everywhere", page.text)
        self.assertEqual(socket.take(), SIGNED_OUT)
        self.assert_broken_off(download)

    def test_script(self) -> None:
        """
        A script gets 503 with JSON.
        """
        self.unreliable.break_down()
        answer = self.alice.fetch(APP + SIGN_OUT, "POST", Accept="application/json")
        self.assert_nothing_ended(answer)
        self.assertIn("error", json.loads(answer.text))

    def test_authenticate_host(self) -> None:
        """
        On A: the same, by the button and by a script.
        """
        page = self.alice.get(AUTHENTICATE + SIGN_OUT)
        token = self.alice.fetch(AUTHENTICATE + "/.well-known/pomerium").get("X-CSRF-Token") or ""
        url, fields = page.form(0, "Sign out")
        self.unreliable.break_down()
        self.assert_nothing_ended(self.alice.post(url, fields, follow=False))
        self.assert_nothing_ended(self.alice.fetch(AUTHENTICATE + SIGN_OUT, "POST", X_CSRF_Token=token))
        self.unreliable.failure = None
        self.assertEqual(self.alice.post(url, fields, follow=False).status, 303)
        self.assertEqual(self.house.registry.count, 0)

    def test_confirmation(self) -> None:
        """
        A confirmation that could not be recorded has not been used up.
        """
        self.alice.jar = {key: cookie for key, cookie in self.alice.jar.items() if key[0] == "app.example.com"}
        page = self.alice.get(APP + SIGN_OUT, site="cross-site")
        url, fields = page.form(0, "Sign out")
        self.unreliable.break_down()
        self.assert_nothing_ended(self.alice.post(url, fields, follow=False))
        self.unreliable.failure = None
        self.alice.post(url, fields, follow=False)
        self.assertEqual(self.house.registry.count, 0)

    def test_breaks_between_the_steps(self) -> None:
        """
        Neither has one of which the first step was recorded and the second was not.
        """
        self.alice.jar = {key: cookie for key, cookie in self.alice.jar.items() if key[0] == "app.example.com"}
        url, fields = self.alice.get(APP + SIGN_OUT, site="cross-site").form(0, "Sign out")
        append = self.unreliable.append

        async def append_once(change: object, expected_version: int | None = None) -> int:
            position = await append(change, expected_version)  # type: ignore[arg-type] # passed on as it came
            self.unreliable.break_down()
            return position

        self.unreliable.append = append_once  # type: ignore[method-assign,assignment] # this test's double
        answer = self.alice.post(url, fields, follow=False)
        self.unreliable.append = append  # type: ignore[method-assign] # this test's double
        self.unreliable.failure = None
        if answer.status == 503:
            self.assertEqual(self.house.registry.count, 1)
            self.alice.post(url, fields, follow=False)
        self.assertEqual(self.house.registry.count, 0)

    def test_never_no_session(self) -> None:
        """
        A store that is out of order signs nobody out: requests of live sessions go on.
        """
        self.unreliable.break_down()
        for origin in (APP, CHAT):
            self.assertEqual(self.alice.get(origin + "/").status, 200)
        self.assertIn("alice", self.alice.get(APP + "/.pomerium/").text.lower())
        self.advance(300.0)
        self.assertEqual(self.alice.get(APP + "/").status, 200)

    def test_after_the_end(self) -> None:
        """
        An end that is recorded stays true while the store is out of order: dead cookies stay dead, the way to the OP
        stays open.
        """
        handle = self.handle_of(self.alice, APP)
        location = self.sign_out(self.alice).get("Location") or ""
        self.unreliable.break_down()
        self.assertEqual(self.replay(handle, APP).status, 302)
        onward = self.alice.get(location, follow=False)
        self.assertTrue((onward.get("Location") or "").startswith(OP + "/end-session"))
        again = self.browser().once("GET", APP + SIGN_OUT, {"Cookie": f"_pomerium={handle}"})
        self.assertEqual(again.status, 302)

    def test_signing_in(self) -> None:
        """
        A sign-in that cannot be recorded is no session, says so, and works when the store is back.
        """
        bob = self.browser()
        page = bob.get(APP + "/")
        self.unreliable.break_down()
        page = bob.click(page, "Sign in as Bob")
        self.assertEqual(page.status, 503)
        self.assertIsNone(bob.cookie("authenticate.example.com", "_pomerium_authenticate"))
        self.assertEqual(self.house.registry.count, 1)
        self.unreliable.failure = None
        self.assertEqual(self.sign_in(bob, person="bob").status, 200)

    def test_expiry(self) -> None:
        """
        A session whose time is over lets nobody in, also while its end cannot be recorded; that is made up for.
        """
        (session,) = self.house.registry.sessions()
        handle = self.handle_of(self.alice, APP)
        self.advance(session.expires - self.clock.seconds() - 5.0, step=600.0)
        self.unreliable.break_down()
        self.advance(20.0)
        self.assertEqual(self.replay(handle, APP).status, 302)
        self.assertEqual(self.receipts(), [])
        self.unreliable.failure = None
        self.advance(20.0)
        self.assertEqual([receipt["cause"] for receipt in self.receipts()], ["expired"])

    def test_expiry_cuts(self) -> None:
        """
        What such a session has open does not go on for as long as the store is out of order.
        """
        (session,) = self.house.registry.sessions()
        self.advance(session.expires - self.clock.seconds() - 5.0, step=600.0)
        socket, _ = self.websocket(self.alice)
        self.unreliable.break_down()
        self.advance(60.0)
        self.unreliable.failure = None
        self.advance(10.0)
        self.assertEqual(socket.take(), SIGNED_OUT)

    def test_return_from_the_op(self) -> None:
        """
        On the return from the OP nothing is claimed that is not recorded, and nothing is lost: reloading gets there.
        """
        self.provider.always_confirm_logout = True
        waiting = self.sign_out(self.alice, follow=True)
        self.unreliable.break_down()
        page = self.alice.click(waiting, "Sign out")
        self.assertEqual(page.status, 503)
        self.unreliable.failure = None
        page = self.alice.get(page.url, site="cross-site")
        self.assertIn("signed out everywhere", page.text)
