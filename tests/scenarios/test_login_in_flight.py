"""
A login in flight loses: what began before the sign-out does not end in a session, and its tokens are revoked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pomerium_tx.demo.messages import Fault
from pomerium_tx.sessions.store import SessionStore
from tests.doubles.peers import UserAgent
from tests.doubles.stores import UnreliableStore
from tests.scenarios.browser import Browser, Response
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, OP

LOST = "You were signed out while signing in"
OWN_COOKIE = ("authenticate.example.com", "_pomerium_authenticate", "/")


class InFlightTestCase(TrafficTestCase):
    """
    A world in which a sign-in is under way while a session lives.
    """

    def setUp(self) -> None:
        super().setUp()
        self.issued: list[Mapping[str, Any]] = []
        self.provider.alterations["token"] = self._issue
        self.alice = self.both()

    def _issue(self, document: dict[str, Any]) -> dict[str, Any]:
        self.issued.append(document)
        return document

    def to_callback(self, browser: Browser, url: str = CHAT + "/") -> str:
        """
        Where the OP sends the browser back to, in a sign-in that begins now.
        """
        browser.jar.pop(OWN_COOKIE, None)
        browser.jar.pop(("chat.example.com", "_pomerium", "/"), None)
        for _ in range(3):
            url = browser.get(url, follow=False).get("Location") or ""
        assert url.startswith(AUTHENTICATE + "/oauth2/callback?"), url
        return url

    def revoked(self) -> list[str | None]:
        """
        The tokens that were revoked, in order.
        """
        return [request.parameter("token") for request in self.provider.revocations]

    def assert_lost(self, page: Response) -> None:
        """
        The sign-in has lost, and says so.
        """
        self.assertEqual(page.status, 401)
        self.assertIn(LOST, page.text)
        self.assertIn(f'href="{CHAT}/"', page.text)
        self.assertEqual(self.house.registry.count, 0)
        self.assertEqual([field for field in page.get_all("Set-Cookie") if "_authenticate=" in field], [])


class SignInTests(InFlightTestCase):
    """
    A sign-in under way.
    """

    def test_state_issued_before(self) -> None:
        """
        The person returns from the OP after they have signed out: no session, and the new tokens are revoked at once.
        """
        callback = self.to_callback(self.alice)
        self.advance(1.0)
        self.sign_out(self.alice)
        page = self.alice.get(callback, site="cross-site")
        self.assert_lost(page)
        self.advance(1.0)
        new = self.issued[-1]
        self.assertEqual(self.revoked(), [new["refresh_token"], new["access_token"]])
        self.assertEqual(len(self.audit("session_begun")), 1)

    def test_signed_out_at_authenticate_host(self) -> None:
        """
        The same with a sign-out on A.
        """
        own = self.alice.jar[OWN_COOKIE]
        callback = self.to_callback(self.alice)
        self.alice.jar[OWN_COOKIE] = own
        self.advance(1.0)
        self.alice.click(self.alice.get(AUTHENTICATE + "/.pomerium/sign_out"), "Sign out")
        self.assert_lost(self.alice.get(callback, site="cross-site"))

    def test_sign_in_link_needs_a_click(self) -> None:
        """
        The link of that page does not sign in by itself either while the hold is in force.
        """
        self.provider.always_confirm_logout = True
        callback = self.to_callback(self.alice)
        self.advance(1.0)
        self.sign_out(self.alice, follow=True)
        self.assert_lost(self.alice.get(callback, site="cross-site"))
        self.assertIn("You signed out at ", self.alice.get(CHAT + "/").text)

    def as_another_browser(self) -> str:
        """
        Begin to sign in where A has lost its cookies.
        """
        self.provider.always_confirm_logout = True
        self.alice.jar = {key: cookie for key, cookie in self.alice.jar.items() if key[0] != OWN_COOKIE[0]}
        callback = self.to_callback(self.alice)
        self.advance(1.0)
        return callback

    def test_begun_as_another_browser(self) -> None:
        """
        A has lost its cookies and does not know whose sign-in is under way; the hold that comes meanwhile does.
        """
        callback = self.as_another_browser()
        self.alice.click(self.alice.get(APP + "/.pomerium/sign_out", site="cross-site"), "Sign out")
        self.advance(1.0)
        self.assert_lost(self.alice.get(callback, site="cross-site"))
        self.advance(1.0)
        new = self.issued[-1]
        self.assertEqual(self.revoked()[-2:], [new["refresh_token"], new["access_token"]])

    def test_begun_as_another_browser_at_the_last_moment(self) -> None:
        """
        Nor does it win if it is being finished when the sign-out comes, before its browser can bring the hold along.
        """
        callback = self.as_another_browser()
        self.http.hold("/userinfo")
        agent = self.alice.open("GET", callback)
        self.assertEqual(self.http.waiting("/userinfo"), 1)
        self.alice.click(self.alice.get(APP + "/.pomerium/sign_out", site="cross-site"), "Sign out")
        self.http.release("/userinfo")
        self.settle()
        self.assertIn(LOST.encode(), agent.take())
        self.assertEqual(self.house.registry.count, 0)

    def test_begun_by_a_click(self) -> None:
        """
        A sign-in that the person's click began comes to its end although the hold is in force; not after a later one.
        """
        self.provider.always_confirm_logout = True
        self.sign_out(self.alice, follow=True)
        held = self.alice.get(CHAT + "/")
        page = self.alice.click(held, "Sign in")
        self.advance(1.0)
        page = self.alice.click(page, "Sign in as Alice")
        self.assertEqual((page.status, page.url), (200, CHAT + "/"))
        self.sign_out(self.alice, CHAT, follow=True)
        page = self.alice.click(self.alice.get(CHAT + "/"), "Sign in")
        self.advance(1.0)
        bob = self.both("bob")
        self.sign_out(bob, follow=True)
        later = ("authenticate.example.com", "_pomerium_hold", "/")
        self.alice.jar[later] = bob.jar[later]
        page = self.alice.click(page, "Sign in as Alice")
        self.assertEqual((page.status, page.url[: len(AUTHENTICATE)]), (401, AUTHENTICATE))
        self.assertIn(LOST, page.text)

    def test_code_exchange_under_way(self) -> None:
        """
        The sign-out comes while the code is being exchanged: the tokens go to revocation and into nothing else.
        """
        callback = self.to_callback(self.alice)
        self.advance(1.0)
        self.http.hold("/token")
        agent = self.alice.open("GET", callback)
        self.assertEqual(self.http.waiting("/token"), 1)
        self.sign_out(self.alice)
        calls = len(self.provider.userinfo_calls)
        self.http.release("/token")
        self.settle()
        self.assertIn(LOST.encode(), agent.take())
        self.assertEqual(self.house.registry.count, 0)
        self.advance(1.0)
        self.assertEqual(self.revoked(), [self.issued[-1]["refresh_token"], self.issued[-1]["access_token"]])
        self.assertEqual(len(self.provider.userinfo_calls), calls)

    def test_user_info_under_way(self) -> None:
        """
        The same while UserInfo is being asked, whatever it answers.
        """
        for fault in (None, Fault(status=401), Fault(status=500)):
            with self.subTest(fault):
                alice = self.both()
                callback = self.to_callback(alice)
                self.advance(1.0)
                before = len(self.revoked())
                if fault is not None:
                    self.provider.faults["userinfo"] = fault
                self.http.hold("/userinfo")
                agent = alice.open("GET", callback)
                self.assertEqual(self.http.waiting("/userinfo"), 1)
                self.sign_out(alice)
                self.http.release("/userinfo")
                self.settle()
                self.provider.faults.clear()
                self.advance(1.0)
                new = self.issued[-1]
                self.assertEqual(self.revoked()[before:][:2], [new["refresh_token"], new["access_token"]])
                self.assertNotIn(b"_authenticate=ey", agent.take())

    def test_later_sign_in(self) -> None:
        """
        A sign-in that begins after the end is not affected, nor by the time at which the tombstone is forgotten.
        """
        self.sign_out(self.alice, follow=True)
        page = self.sign_in(self.alice, CHAT + "/")
        self.assertEqual((page.status, page.url), (200, CHAT + "/"))
        self.advance(1200.0, step=60.0)
        self.assertEqual(self.alice.get(APP + "/").status, 200)
        self.assertEqual(self.house.registry.count, 1)

    def test_other_browsers_sign_in(self) -> None:
        """
        A sign-in of the same person under way in another browser is not affected, nor bob's.
        """
        other, bob = self.both(), self.both("bob")
        theirs = [(browser, self.to_callback(browser)) for browser in (other, bob)]
        self.advance(1.0)
        self.sign_out(self.alice)
        for browser, callback in theirs:
            page = browser.get(callback, site="cross-site")
            self.assertEqual((page.status, page.url), (200, CHAT + "/"))

    def test_expiry_is_no_sign_out(self) -> None:
        """
        A session whose time runs out while its person signs in anew does not take the new sign-in along.
        """
        session = next(iter(self.house.registry.sessions()))
        self.advance(session.expires - self.clock.seconds() - 30.0, step=600.0)
        callback = self.to_callback(self.alice)
        self.advance(32.0)
        self.assertEqual(self.house.registry.count, 0)
        page = self.alice.get(callback, site="cross-site")
        self.assertEqual((page.status, page.url), (200, CHAT + "/"))

    def test_replay_of_callback(self) -> None:
        """
        The URL of a callback works once; replayed, also after the sign-out, it begins nothing and asks the OP nothing.
        """
        callback = self.to_callback(self.alice)
        verifiers = {key: cookie for key, cookie in self.alice.jar.items() if key[1] != "_pomerium"}
        self.assertEqual(self.alice.get(callback, site="cross-site").status, 200)
        exchanges = len(self.provider.code_exchanges)
        self.alice.jar.update(verifiers)
        self.assertEqual(self.alice.get(callback, site="cross-site", follow=False).status, 400)
        self.sign_out(self.alice, CHAT)
        self.alice.jar.update(verifiers)
        self.assertEqual(self.alice.get(callback, site="cross-site", follow=False).status, 400)
        self.assertEqual(len(self.provider.code_exchanges), exchanges)
        self.assertEqual(self.house.registry.count, 0)

    def test_handover_under_way(self) -> None:
        """
        The sign-out comes between A's handover and the route host: no cookie, and the page says why.
        """
        self.alice.jar.pop(("chat.example.com", "_pomerium", "/"))
        url = CHAT + "/"
        for _ in range(2):
            url = self.alice.get(url, follow=False).get("Location") or ""
        self.assertTrue(url.startswith(CHAT + "/.pomerium/callback/?"), url)
        self.sign_out(self.alice)
        page = self.alice.get(url, site="cross-site", follow=False)
        self.assertEqual(page.status, 401)
        self.assertIn(LOST, page.text)
        self.assertIsNone(self.alice.cookie("chat.example.com", "_pomerium"))
        self.assertEqual(self.alice.get(url, site="cross-site", follow=False).status, 400)


class SlowStoreTests(InFlightTestCase):
    """
    The order in the store's log decides.
    """

    def make_store(self) -> SessionStore:
        self.slow = UnreliableStore()
        return self.slow

    def test_end_recorded_before_beginning(self) -> None:
        """
        The end and the beginning wait for the store together: recorded in this order the sign-in loses.
        """
        callback = self.to_callback(self.alice)
        self.advance(1.0)
        # The beginning is the second thing that a callback has recorded; the first is that its state is used.
        self.http.hold("/token")
        agent = self.alice.open("GET", callback)
        self.slow.hold()
        out = self.sign_out_open()
        self.http.release("/token")
        self.settle()
        self.slow.release()
        self.settle()
        self.assertIn(b" 302 ", out.take())
        self.assertIn(LOST.encode(), agent.take())
        self.assertEqual(self.house.registry.count, 0)

    def test_beginning_recorded_before_end(self) -> None:
        """
        Recorded in the other order the sign-in replaces the session, and is over in the same turn.
        """
        callback = self.to_callback(self.alice)
        self.advance(1.0)
        self.http.hold("/token")
        agent = self.alice.open("GET", callback)
        self.slow.hold()
        out = self.sign_out_open()
        self.http.release("/token")
        self.settle()
        self.slow.release(backwards=True)
        self.settle()
        self.assertIn(b" 302 ", out.take())
        answered = agent.take()
        for session in self.house.registry.sessions():
            # The cookie was given, if at all, to a session that the sign-out did not know of.
            self.fail(f"a session has survived the sign-out of its browser: {session.id} {answered[:20]!r}")

    def sign_out_open(self) -> UserAgent:
        """
        A sign-out that is not answered yet.
        """
        return self.alice.open(
            "GET", APP + "/.pomerium/sign_out", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate",
            "Sec-Fetch-Dest: document",
        )  # fmt: skip


class RefreshTests(InFlightTestCase):
    """
    A refresh under way.
    """

    def refreshing(self) -> None:
        """
        Let time pass until the OP has answered a refresh, and the answer is on its way.
        """
        self.http.hold("/token")
        for _ in range(700):
            if self.http.waiting("/token"):
                return
            self.advance(1.0)
        self.fail("no refresh")

    def test_refresh_under_way(self) -> None:
        """
        Tokens of a refresh that arrive after the end are revoked, and used for nothing else.
        """
        self.refreshing()
        old = self.issued[0]
        self.sign_out(self.alice)
        calls = len(self.provider.userinfo_calls)
        self.http.release("/token")
        self.advance(61.0)
        new = self.issued[-1]
        self.assertNotEqual(new["refresh_token"], old["refresh_token"])
        revoked = self.revoked()
        self.assertLess(revoked.index(new["refresh_token"]), revoked.index(new["access_token"]))
        self.assertIn(old["access_token"], revoked)
        self.assertEqual(len(self.provider.userinfo_calls), calls)
        self.assertEqual(self.house.registry.count, 0)

    def test_no_job_afterwards(self) -> None:
        """
        After the end nothing is done for the session: no refresh, no UserInfo call, for hours.
        """
        self.sign_out(self.alice)
        before = len(self.provider.refreshes), len(self.provider.userinfo_calls)
        self.advance(2 * 3600.0, step=30.0)
        self.assertEqual((len(self.provider.refreshes), len(self.provider.userinfo_calls)), before)

    def test_refused_after_the_end(self) -> None:
        """
        A refresh that the OP refuses after the end makes no second one: one session, one receipt.
        """
        self.provider.faults["token"] = Fault(
            status=400, body=b'{"error": "invalid_grant"}', content_type="application/json"
        )
        self.refreshing()
        self.sign_out(self.alice)
        self.http.release("/token")
        self.advance(30.0)
        self.assertEqual([receipt["cause"] for receipt in self.receipts()], ["user_route"])

    def test_op_unaware(self) -> None:
        """
        All that was ever issued to the session is dead at the OP once the revocations are made.
        """
        self.refreshing()
        self.sign_out(self.alice)
        self.http.release("/token")
        self.advance(61.0)
        for document in self.issued:
            self.assertIsNone(self.provider.ledger.grant_of(document["access_token"]))
        self.assertEqual(self.house.registry.owed(), [])
        self.assertTrue(OP)
