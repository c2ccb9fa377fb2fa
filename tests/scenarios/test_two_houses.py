"""
Two processes on one store: what is signed out on one is signed out on the other, in the same turn.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from pomerium_tx.jose.signer import Signer
from pomerium_tx.sessions.store import OpLogout, SessionStore
from tests.doubles import keys
from tests.doubles.stores import UnreliableStore
from tests.scenarios.browser import Browser
from tests.scenarios.told import ToldTestCase
from tests.scenarios.traffic import SIGNED_OUT, TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, OP

SIGN_OUT = "/.pomerium/sign_out"


class TwoHousesTests(TrafficTestCase):
    """
    A browser's connections go to either.
    """

    def make_store(self) -> SessionStore:
        self.slow = UnreliableStore()
        return self.slow

    def setUp(self) -> None:
        super().setUp()
        self.other_house = self.build_house("proxy2")
        self.alice = self.both()
        self.elsewhere = self.seen_by_the_other(self.alice)

    def seen_by_the_other(self, browser: Browser) -> Browser:
        """
        The same browser, with its connections at the other house.
        """
        other = self.browser("proxy2")
        other.jar = browser.jar
        return other

    def test_known_to_both(self) -> None:
        """
        A session that began at one is let in by the other.
        """
        self.assertEqual(self.elsewhere.get(APP + "/").status, 200)
        self.assertEqual((self.house.registry.count, self.other_house.registry.count), (1, 1))

    def test_cut_on_the_other(self) -> None:
        """
        A sign-out at one cuts what is open at the other, and leaves bob alone; the receipt counts all of it once.
        """
        bob = self.seen_by_the_other(self.both("bob"))
        socket, _ = self.websocket(self.elsewhere)
        stream, _ = self.stream(self.elsewhere)
        download, _ = self.download(self.elsewhere, CHAT + "/file")
        waiting, _ = self.begin(self.elsewhere, "GET", APP + "/slow")
        here, _ = self.download(self.alice)
        bobs, _ = self.stream(bob)
        self.sign_out(self.alice)
        self.assertEqual(socket.take(), SIGNED_OUT)
        for agent in (stream, download, here):
            self.assert_broken_off(agent)
        self.assert_answered(waiting, 302)
        self.assertIsNone(bobs.lost)
        self.assertEqual(len(self.receipts()), 1)
        for house in (self.house, self.other_house):
            receipt = house.registry.receipt(self.receipts()[0]["id"])
            assert receipt is not None
            self.assertEqual(
                dict(receipt.exchanges_cut), {"websocket": 1, "tunnel": 0, "sse": 1, "upload": 0, "download": 3}
            )

    def test_cookies_refused_by_the_other(self) -> None:
        """
        The other refuses the cookies on every route.
        """
        handle = self.handle_of(self.alice, APP)
        self.sign_out(self.alice)
        for origin in (APP, CHAT):
            for address in ("proxy", "proxy2"):
                answer = self.browser(address).once("GET", origin + "/", {"Cookie": f"_pomerium={handle}"})
                self.assertEqual(answer.status, 302)

    def test_answer_waits_for_the_other(self) -> None:
        """
        The answer to the sign-out is not written before the other knows.
        """
        handle = self.handle_of(self.alice, APP)
        self.slow.hold()
        agent = self.alice.open(
            "GET", APP + SIGN_OUT, "Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"
        )
        self.assertEqual(agent.take(), b"")
        self.slow.release()
        self.settle()
        self.assertIn(b" 302 ", agent.take()[:13])
        answer = self.browser("proxy2").once("GET", APP + "/", {"Cookie": f"_pomerium={handle}"})
        self.assertEqual(answer.status, 302)

    def test_sign_out_carried_on_by_the_other(self) -> None:
        """
        A sign-out that is recorded at one goes on at the other: the way to the OP, the return, the page, the hold.
        """
        location = self.sign_out(self.alice).get("Location") or ""
        self.assertIn("You signed out at ", self.elsewhere.get(CHAT + "/").text)
        onward = self.elsewhere.get(location, site="same-site", follow=False).get("Location") or ""
        self.assertTrue(onward.startswith(OP + "/end-session?"))
        state = parse_qs(urlsplit(onward).query)["state"][0]
        page = self.alice.get(f"{AUTHENTICATE}/.pomerium/signed_out?state={state}", site="cross-site")
        self.assertIn("signed out everywhere", page.text)
        self.assertIn(self.receipts()[0]["id"], page.text)
        self.assertIn("signed out everywhere", self.elsewhere.get(AUTHENTICATE + "/.pomerium/signed_out").text)
        page = self.elsewhere.get(CHAT + "/")
        self.assertTrue([url for url in (*page.trail, page.url) if url.startswith(OP + "/authorize")])

    def test_state_of_the_return_is_used_once(self) -> None:
        """
        The `state` of the return is used once across both.
        """
        url = f"{APP}{SIGN_OUT}?pomerium_redirect_uri={CHAT}/bye"
        self.provider.always_confirm_logout = True
        state = parse_qs(urlsplit(self.alice.get(url, site="same-origin").url).query)["state"][0]
        back = f"{AUTHENTICATE}/.pomerium/signed_out?state={state}"
        self.assertEqual(self.alice.get(back, follow=False).status, 303)
        self.assertEqual(self.elsewhere.get(back, follow=False).status, 200)

    def test_sign_in_finished_by_the_other(self) -> None:
        """
        A sign-in that was begun at one is finished at the other, and its callback URLs are used once across both.
        """
        browser = self.browser()
        page = browser.get(APP + "/")
        other = self.seen_by_the_other(browser)
        before = self.other_house.registry.count
        action, fields = page.form(0, "Sign in as Alice")
        callback = other.post(action, fields, follow=False).get("Location") or ""
        jar = dict(browser.jar)
        page = other.get(callback, site="cross-site")
        self.assertEqual((page.status, page.url), (200, APP + "/"))
        self.assertEqual((self.house.registry.count, self.other_house.registry.count), (before + 1, before + 1))
        handover = next(url for url in page.trail if "/.pomerium/callback/" in url)
        replayed = self.browser()
        replayed.jar = jar
        exchanges = len(self.provider.code_exchanges)
        self.assertEqual(replayed.get(callback, site="cross-site", follow=False).status, 400)
        self.assertEqual(replayed.get(handover, site="same-site", follow=False).status, 400)
        self.assertEqual(len(self.provider.code_exchanges), exchanges)

    def test_login_in_flight_loses_at_the_other(self) -> None:
        """
        A sign-in under way at one loses against a sign-out at the other.
        """
        self.elsewhere.jar = dict(self.alice.jar)
        self.elsewhere.jar.pop(("authenticate.example.com", "_pomerium_authenticate", "/"))
        self.elsewhere.jar.pop(("chat.example.com", "_pomerium", "/"))
        url = CHAT + "/"
        for _ in range(3):
            url = self.elsewhere.get(url, follow=False).get("Location") or ""
        self.advance(1.0)
        self.sign_out(self.alice)
        page = self.elsewhere.get(url, site="cross-site")
        self.assertEqual(page.status, 401)
        self.assertIn("You were signed out while signing in", page.text)
        self.assertEqual(self.other_house.registry.count, 0)

    def test_replaced_at_the_other(self) -> None:
        """
        A sign-in at one ends the browser's earlier session at the other, with all that it has open there.
        """
        agent, _ = self.download(self.elsewhere)
        self.alice.jar.pop(("authenticate.example.com", "_pomerium_authenticate", "/"))
        self.alice.jar.pop(("chat.example.com", "_pomerium", "/"))
        self.assertEqual(self.alice.get(CHAT + "/").status, 200)
        self.assert_broken_off(agent)
        self.assertEqual(self.other_house.registry.count, 1)

    def test_one_refresh(self) -> None:
        """
        One of the two refreshes a session: an OP that rotates takes a second use of a refresh token for a theft.
        """
        self.advance(4 * 3600.0, step=10.0)
        self.assertEqual(self.elsewhere.get(APP + "/").status, 200)
        used = [request.parameter("refresh_token") for request in self.provider.refreshes]
        self.assertEqual(len(used), len(set(used)))
        self.assertGreater(len(used), 15)

    def test_one_revocation(self) -> None:
        """
        One of the two revokes.
        """
        self.sign_out(self.alice)
        self.advance(300.0)
        tokens = [request.parameter("token") for request in self.provider.revocations]
        self.assertEqual(len(tokens), 2)

    def test_one_expiry(self) -> None:
        """
        Both know when a session's time is over; it ends once, with one receipt and one audit line.
        """
        (session,) = self.house.registry.sessions()
        self.advance(session.expires - self.clock.seconds() + 5.0, step=60.0)
        self.assertEqual([receipt["cause"] for receipt in self.receipts()], ["expired"])
        self.assertEqual((self.house.registry.count, self.other_house.registry.count), (0, 0))

    def test_sign_out_at_both_at_once(self) -> None:
        """
        Two sign-outs at once: one end, one receipt; both browsers' answers lead to the OP.
        """
        self.slow.hold()
        agents = [
            browser.open(
                "GET", APP + SIGN_OUT, "Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"
            )
            for browser in (self.alice, self.elsewhere)
        ]
        self.slow.release()
        self.settle()
        for agent in agents:
            answered = agent.take()
            self.assertIn(b" 302 ", answered[:13])
            self.assertIn(b"pomerium_ended=", answered)
        self.assertEqual([receipt["sessions_ended"] for receipt in self.receipts()], [1])

    def test_a_house_that_leaves(self) -> None:
        """
        A house that stops takes no session with it.
        """
        self.house.stop()
        self.assertEqual(self.elsewhere.get(APP + "/").status, 200)
        self.sign_out(self.elsewhere)
        self.assertEqual(self.other_house.registry.count, 0)

    def test_a_house_that_joins(self) -> None:
        """
        A house that joins later knows who is signed in, and who has signed out.
        """
        bob = self.both("bob")
        handles = [self.handle_of(self.alice, APP), self.handle_of(bob, APP)]
        self.sign_out(self.alice)
        self.build_house("proxy3")
        answers = [
            self.browser("proxy3").once("GET", APP + "/", {"Cookie": f"_pomerium={handle}"}).status
            for handle in handles
        ]
        self.assertEqual(answers, [302, 200])
        held = self.browser("proxy3")
        held.jar = self.alice.jar
        self.assertIn("You signed out at ", held.get(CHAT + "/").text)


class ToldToTheOtherTests(ToldTestCase):
    """
    The OP speaks to a house through which nobody has signed in.
    """

    def test_confirmed_to_the_other(self) -> None:
        """
        The confirmation of a sign-out that began here is believed there, although the session is gone, and nobody there
        has fetched what the OP publishes: it is known from the sign-in how this OP signs.
        """
        self.provider.signers.append(Signer(keys.private_key("RS256")))
        for earlier in (self.laptop, self.phone):
            self.sign_out(earlier)
        other_house = self.build_house("proxy2")
        tablet, on_tablet = self.somebody()
        self.sign_out(tablet)
        answer = self.post(self.token(sid=on_tablet.sids[0], sub=on_tablet.sub), house="proxy2")
        self.assertEqual((answer.status, answer.text), (200, ""))
        receipt = other_house.registry.receipt(self.receipts()[-1]["id"])
        assert receipt is not None
        self.assertEqual(receipt.op_logout, OpLogout.CONFIRMED)
