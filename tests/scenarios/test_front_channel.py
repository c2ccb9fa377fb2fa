"""
The OP says in a frame that a session is over; and both channels together, in any order.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

from tests.scenarios.told import FRAME, ToldTestCase
from tests.scenarios.traffic import SIGNED_OUT
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, CONFIG, OP

SIGN_OUT = "/.pomerium/sign_out"


class FrontChannelTests(ToldTestCase):
    """
    Whom a frame ends.
    """

    def test_ends(self) -> None:
        """
        The named session ends on every route, without a cookie, whichever host is asked; other devices stay.
        """
        for host in (AUTHENTICATE, APP, CHAT):
            with self.subTest(host):
                _, session = self.somebody()
                self.frame(session.sids[0], host=host)
                self.assert_live(self.on_laptop, self.on_phone, self.of_bob)
        self.frame(self.on_laptop.sids[0])
        self.assert_live(self.on_phone, self.of_bob)
        self.assertEqual(self.causes(), ["front_channel"] * 4)

    def test_cookies_do_not_count(self) -> None:
        """
        Bob's sid in alice's browser ends bob's session and leaves alice's, cookies and all.
        """
        jar = dict(self.laptop.jar)
        for host in (AUTHENTICATE, APP):
            self.frame(self.of_bob.sids[0], browser=self.laptop, host=host)
        self.assert_live(self.on_laptop, self.on_phone)
        self.assertEqual(self.laptop.jar, jar)

    def test_unknown(self) -> None:
        """
        What names nobody ends nothing, also with alice's cookies.
        """
        for sid, iss in (("unknown", OP), (self.on_laptop.sids[0], "https://evil.example"), (self.on_laptop.sub, OP)):
            for host in (AUTHENTICATE, APP):
                self.frame(sid, iss=iss, browser=self.laptop, host=host)
        self.assert_live(self.on_laptop, self.on_phone, self.of_bob)
        self.assertEqual(self.receipts(), [])

    def test_exchanges(self) -> None:
        """
        What is open for the session is cut, and what is open for others goes on.
        """
        socket, _ = self.websocket(self.laptop)
        download, _ = self.download(self.laptop)
        others, upstream = self.download(self.phone)
        self.frame(self.on_laptop.sids[0])
        self.assertEqual(socket.take(), SIGNED_OUT)
        self.assert_broken_off(download)
        upstream.say(b"more")
        self.settle()
        self.assertEqual((others.take(), others.lost), (b"more", None))

    def test_tokens(self) -> None:
        """
        No token is revoked for what anybody can say.
        """
        self.frame(self.on_laptop.sids[0])
        self.advance(120, step=10)
        self.assertEqual(self.provider.revocations, [])

    def test_no_secrets(self) -> None:
        """
        The sid is in no log line, and the access line has the path alone.
        """
        self.frame(self.on_laptop.sids[0])
        self.frame("a-sid-of-nobody", iss="https://an-issuer-of-nobody.example")
        for event in self.events:
            for secret in (self.on_laptop.sids[0], "a-sid-of-nobody", "an-issuer-of-nobody"):
                self.assertNotIn(secret, repr(event))

    def test_frame_without_names(self) -> None:
        """
        A frame in the OP's page that says nothing ends the session of the cookie; in other pages it ends nothing.
        """
        for site in ("cross-site", "same-site"):
            for host in (AUTHENTICATE, APP):
                browser, session = self.somebody()
                fields = {**FRAME, "Sec-Fetch-Site": site}
                browser.once("GET", host + SIGN_OUT, {**fields, "Referer": "https://evil.example/"})
                self.assertIn(session.id, self.live())
                answer = browser.once("GET", host + SIGN_OUT, {**fields, "Referer": OP + "/"})
                self.assertEqual(answer.status, 200)
                self.assertIsNone(answer.get("X-Frame-Options"))
                self.assertNotIn(session.id, self.live())
        self.assert_live(self.on_laptop, self.on_phone, self.of_bob)

    def test_login_in_flight(self) -> None:
        """
        A sign-in that is under way in the OP's session loses too; on other devices it does not.
        """
        callback = self.to_callback(self.laptop)
        other = self.to_callback(self.phone)
        self.advance(1)
        self.frame(self.on_laptop.sids[0])
        self.assertEqual(self.laptop.get(callback, site="cross-site").status, 401)
        self.assertEqual(self.phone.get(other, site="cross-site").status, 200)

    def test_store_unavailable(self) -> None:
        """
        If the end cannot be recorded the frame does not claim it; the next one works.
        """
        self.unreliable.break_down()
        url = f"{AUTHENTICATE}{SIGN_OUT}?iss={OP}&sid={self.on_laptop.sids[0]}"
        answer = self.browser().once("GET", url, FRAME)
        self.assertEqual((answer.status, answer.get("X-Frame-Options")), (503, None))
        self.unreliable.failure = None
        self.assert_live(self.on_laptop, self.on_phone, self.of_bob)
        self.frame(self.on_laptop.sids[0])
        self.assert_live(self.on_phone, self.of_bob)


class FloodTests(ToldTestCase):
    """
    Anybody can speak in the front channel.
    """

    def test_while_recording_is_slow(self) -> None:
        """
        What anybody says while the store is slow is kept no longer, and no more of it, than otherwise.
        """
        limits = replace(self.house.registry._limits, outside_tombstones=10)
        self.patch(self.unreliable._store._retention, "_limits", limits)  # type: ignore[attr-defined] # in memory
        before = len(self.unreliable._store)  # type: ignore[arg-type] # in memory
        self.unreliable.hold()
        for number in range(60):
            self.browser().open("GET", f"{AUTHENTICATE}{SIGN_OUT}?iss={OP}&sid=s{number}")
        self.unreliable.release()
        self.settle()
        self.assertLessEqual(len(self.unreliable._store) - before, 10)  # type: ignore[arg-type] # in memory
        self.advance(3600, 600)
        self.frame("another")
        self.assertLess(len(self.unreliable._store) - before, 10)  # type: ignore[arg-type] # in memory


class FrameRulesTests(ToldTestCase):
    """
    Where an operator forbids all frames.
    """

    settings = {
        "set_response_headers": {
            "X-Frame-Options": "DENY",
            "Content-Security-Policy": "frame-ancestors 'none'",
            "X": "y",
        },
        "routes": CONFIG["routes"],
    }

    def test_still_frameable(self) -> None:
        """
        The OP's frame is let be one all the same; other pages of ours are not.
        """
        for host in (AUTHENTICATE, APP):
            answer = self.frame("unknown", host=host)
            self.assertNotIn("frame-ancestors", ", ".join(answer.get_all("Content-Security-Policy")))
            other = self.laptop.once("GET", host + "/.pomerium/")
            self.assertEqual(other.get("X-Frame-Options"), "DENY")


class BothChannelsTests(ToldTestCase):
    """
    The same logout by both channels, and by our own way to the OP.
    """

    def test_both(self) -> None:
        """
        Front and back, in either order: one end, and every answer is a success.
        """
        for order in ("front back", "back front", "front front back back", "back back front"):
            with self.subTest(order):
                _, session = self.somebody()
                before = len(self.receipts())
                for channel in order.split():
                    if channel == "front":
                        self.frame(session.sids[0])
                    else:
                        self.tell(sid=session.sids[0], sub=session.sub)
                self.assertEqual(len(self.receipts()), before + 1)
                self.assert_live(self.on_laptop, self.on_phone, self.of_bob)

    def test_echo_of_our_own(self) -> None:
        """
        Alice signs out here; the OP tells us by both channels while her browser is there, and then sends it back. Her
        phone stays, the OP's word confirms her sign-out, and the way back leads where it should.
        """
        for order in ("front back", "back front"):
            with self.subTest(order):
                self.provider.always_confirm_logout = True
                browser, session = self.somebody()
                page = browser.get(f"{APP}{SIGN_OUT}?pomerium_redirect_uri={CHAT}/bye", site="same-origin")
                self.assertTrue(page.url.startswith(OP + "/end-session"), page.url)
                state = parse_qs(urlsplit(page.url).query)["state"][0]
                [own] = [receipt for receipt in self.receipts() if receipt["cause"] == "user_route"][-1:]
                for channel in order.split():
                    if channel == "front":
                        self.frame(session.sids[0], browser=browser)
                    else:
                        self.tell(sid=session.sids[0], sub=session.sub)
                self.assert_live(self.on_laptop, self.on_phone, self.of_bob)
                kept = self.house.registry.receipt(own["id"])
                assert kept is not None
                self.assertEqual(kept.op_logout.value, "confirmed")
                back = browser.get(
                    f"{AUTHENTICATE}/.pomerium/signed_out?state={state}", site="cross-site", follow=False
                )
                self.assertEqual((back.status, back.get("Location")), (303, CHAT + "/bye"))
                kept = self.house.registry.receipt(own["id"])
                assert kept is not None
                self.assertEqual(kept.op_logout.value, "confirmed")

    def test_echo_revokes(self) -> None:
        """
        The OP's word by the back channel is what revocation after one's own sign-out waits for; a frame's is not.
        """
        self.sign_out(self.laptop)
        self.frame(self.on_laptop.sids[0])
        self.advance(2)
        self.assertEqual(self.provider.revocations, [])
        self.tell(sid=self.on_laptop.sids[0], sub=self.on_laptop.sub)
        self.advance(2)
        tokens = self.on_laptop.tokens
        self.assertEqual(
            [request.parameter("token") for request in self.provider.revocations],
            [tokens.refresh_token, tokens.access_token],
        )
