"""
The OP says, itself, that a session is over: whom that ends, and whom it does not.
"""

from __future__ import annotations

import json

from pomerium_tx import paths
from pomerium_tx.jose.signer import Signer
from pomerium_tx.sessions.store import OpLogout, StoreUnavailable
from tests.doubles import keys
from tests.scenarios.browser import read
from tests.scenarios.told import ToldTestCase
from tests.scenarios.traffic import SIGNED_OUT
from tests.scenarios.world import APP, AUTHENTICATE, CHAT

CLICK = ("Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")


class WhomTests(ToldTestCase):
    """
    Whom a logout token ends.
    """

    def test_sid(self) -> None:
        """
        A sid ends the session that has it, on every route; the person's other devices stay.
        """
        self.tell(sid=self.on_laptop.sids[0])
        self.assert_live(self.on_phone, self.of_bob)
        [receipt] = self.receipts()
        self.assertEqual((receipt["cause"], receipt["sessions_ended"]), ("back_channel", 1))
        self.assertEqual(receipt["routes"], [APP, CHAT])

    def test_sid_and_sub(self) -> None:
        """
        With the sub as well it is no more than the sessions of that sid.
        """
        self.tell(sid=self.on_laptop.sids[0], sub=self.on_laptop.sub)
        self.assert_live(self.on_phone, self.of_bob)

    def test_sub(self) -> None:
        """
        A sub alone ends all of the person's sessions, and nobody else's.
        """
        self.tell(sub=self.on_laptop.sub)
        self.assert_live(self.of_bob)
        self.assertEqual([receipt["sessions_ended"] for receipt in self.receipts()], [2])

    def test_sid_and_sub_that_disagree(self) -> None:
        """
        The sid of one person with the sub of another names nobody.
        """
        self.tell(sid=self.on_laptop.sids[0], sub=self.of_bob.sub)
        self.assert_live(self.on_laptop, self.on_phone, self.of_bob)

    def test_unknown(self) -> None:
        """
        A sid that matches nothing ends nothing, although the person is known: it is the echo of a logout of ours.
        """
        self.tell(sid="unknown", sub=self.on_laptop.sub)
        self.tell(sid="unknown")
        self.tell(sub="unknown")
        self.tell(sid=self.on_laptop.sub)
        self.tell(sub=self.on_laptop.sids[0])
        self.assert_live(self.on_laptop, self.on_phone, self.of_bob)
        self.assertEqual(self.receipts(), [])

    def test_sessions_without_sid(self) -> None:
        """
        A session that never had a sid ends with any of the person's, if the token says whose; not with a sid alone.
        """
        self.without_sid()
        _, sidless = self.somebody()
        _, of_bob = self.somebody("bob")
        self.tell(sid="unknown")
        self.tell(sid=self.of_bob.sids[0], sub="unknown")
        self.assert_live(self.on_laptop, self.on_phone, self.of_bob, sidless, of_bob)
        self.tell(sid=self.on_laptop.sids[0], sub=self.on_laptop.sub)
        self.assert_live(self.on_phone, self.of_bob, of_bob)

    def refreshed(self, sid: str | None) -> None:
        """
        All sessions are refreshed; their ID Tokens say another sid, or none.
        """
        if sid is None:
            self.without_sid()
        else:
            self.with_sid(sid)
        before = len(self.provider.refreshes)
        self.advance(580, step=20)
        self.assertEqual(len(self.provider.refreshes), before + 3)

    def test_refreshed_to_another_sid(self) -> None:
        """
        A session that was refreshed to another sid ends with the new one.
        """
        self.refreshed("another")
        self.tell(sid="another", sub=self.on_laptop.sub)
        self.assert_live(self.of_bob)

    def test_refreshed_from_a_sid(self) -> None:
        """
        It ends with the old one too, and so does one whose later ID Tokens say none.
        """
        self.refreshed("another")
        self.tell(sid=self.on_laptop.sids[0])
        self.assert_live(self.on_phone, self.of_bob)
        self.refreshed_again()
        self.tell(sid=self.on_phone.sids[0])
        self.assert_live(self.of_bob)

    def refreshed_again(self) -> None:
        """
        The same, with ID Tokens that say no sid.
        """
        self.without_sid()
        self.advance(580, step=20)

    def test_another_client(self) -> None:
        """
        A token for another client of the OP is refused.
        """
        answer = self.post(self.token(sid=self.on_laptop.sids[0], aud="rp2"))
        self.assertEqual((answer.status, answer.get("Content-Type")), (400, "application/json"))
        self.assert_live(self.on_laptop, self.on_phone, self.of_bob)


class WhenTests(ToldTestCase):
    """
    Before and after.
    """

    def test_late(self) -> None:
        """
        A token that arrives late ends no session of a later sign-in, with half a minute for the OP's clocks.
        """
        late = self.token(sub=self.on_laptop.sub, exp=int(self.clock.seconds()) + 86_400)
        self.advance(30)
        _, soon = self.somebody()
        self.advance(1)
        _, later = self.somebody()
        self.advance(1000, step=50)
        self.assertEqual(self.post(late).status, 200)
        self.assert_live(later, self.of_bob)
        self.assertNotIn(soon.id, self.live())

    def test_login_in_flight(self) -> None:
        """
        A logout that overtakes a sign-in makes it lose, by sid and by sub; the new tokens are revoked.
        """
        for name in ("sid", "sub"):
            with self.subTest(name):
                browser, session = self.somebody()
                callback = self.to_callback(browser)
                self.advance(1)
                revoked = len(self.provider.revocations)
                self.tell(**{name: session.sub if name == "sub" else session.sids[0]})
                page = browser.get(callback, site="cross-site")
                self.assertEqual(page.status, 401)
                self.assertIn("You were signed out while signing in", page.text)
                self.advance(1)
                self.assertGreaterEqual(len(self.provider.revocations), revoked + 4)
                self.assertNotIn(session.id, self.live())

    def test_login_in_flight_of_another(self) -> None:
        """
        Nobody else's sign-in under way loses: not bob's, and not alice's on another device.
        """
        callbacks = [(browser, self.to_callback(browser)) for browser in (self.phone, self.bob)]
        self.advance(1)
        self.tell(sid=self.on_laptop.sids[0], sub=self.on_laptop.sub)
        for browser, callback in callbacks:
            self.assertEqual(browser.get(callback, site="cross-site").status, 200)

    def test_first_login_in_flight(self) -> None:
        """
        So does a first sign-in, of which nobody here knows yet who it is.
        """
        browser = self.browser()
        page = browser.get(APP + "/")
        action, fields = page.form(0, "Sign in as Alice")
        callback = browser.post(action, fields, follow=False).get("Location") or ""
        self.advance(1)
        self.tell(sub=self.on_laptop.sub)
        self.assertEqual(browser.get(callback, site="cross-site").status, 401)
        self.assert_live(self.of_bob)

    def test_sign_in_afterwards(self) -> None:
        """
        A sign-in that begins afterwards is not affected.
        """
        self.tell(sub=self.on_laptop.sub)
        self.advance(1)
        _, session = self.somebody()
        self.assertIn(session.id, self.live())

    def test_refresh_in_flight(self) -> None:
        """
        A refresh that is under way brings nobody back, and its tokens are revoked.
        """
        self.http.hold("/token")
        self.advance(580, step=20)
        self.assertEqual(self.http.waiting("/token"), 3)
        self.tell(sub=self.on_laptop.sub)
        revoked = len(self.provider.revocations)
        self.http.release("/token")
        self.settle()
        self.advance(2)
        self.assert_live(self.of_bob)
        self.assertGreaterEqual(len(self.provider.revocations), revoked + 4)

    def test_bad_forms(self) -> None:
        """
        What is no form with a token is answered as OPs read it, on every host, also where it is not read whole.
        """
        kind = "application/x-www-form-urlencoded"
        for origin in (APP, AUTHENTICATE):
            for content_type, content, status in (
                (kind, b"logout_token=" + b"a" * 70_000, 413),
                (kind, b"&".join([b"a=1"] * 101), 400),
                (kind, b"", 400),
                ("application/json", b'{"logout_token":"a"}', 400),
            ):
                for accept in ("text/html", "*/*"):
                    with self.subTest(content[:20], origin=origin, accept=accept):
                        fields = {"Content-Type": content_type, "Accept": accept}
                        answer = self.browser().once("POST", origin + paths.BACKCHANNEL_LOGOUT, fields, content)
                        self.assertEqual((answer.status, answer.get("Cache-Control")), (status, "no-store"))
                        self.assertEqual(answer.get("Content-Type"), "application/json")
                        self.assertEqual(json.loads(answer.content)["error"], "invalid_request")

    def test_replay(self) -> None:
        """
        A replay ends nobody who has signed in meanwhile, and is a success.
        """
        token = self.token(sub=self.on_laptop.sub)
        self.assertEqual(self.post(token).status, 200)
        self.advance(1)
        _, session = self.somebody()
        for host in (AUTHENTICATE, APP, CHAT):
            self.assertEqual(self.post(token, host).status, 200)
        self.assert_live(session, self.of_bob)
        self.assertEqual(self.causes(), ["back_channel"])


class WhatElseTests(ToldTestCase):
    """
    What happens with the end.
    """

    def test_exchanges(self) -> None:
        """
        Everything that is open for the session is cut; what is open for others goes on.
        """
        socket, _ = self.websocket(self.laptop)
        stream, _ = self.stream(self.laptop)
        download, _ = self.download(self.laptop)
        waiting, _ = self.begin(self.laptop, "GET", APP + "/slow")
        others, upstream = self.download(self.phone)
        self.tell(sid=self.on_laptop.sids[0])
        self.assertEqual(socket.take(), SIGNED_OUT)
        self.assert_broken_off(stream)
        self.assert_broken_off(download)
        self.assert_answered(waiting, 302)
        upstream.say(b"more")
        self.settle()
        self.assertEqual((others.take(), others.lost), (b"more", None))
        [receipt] = self.receipts()
        self.assertEqual(receipt["exchanges_cut"], {"websocket": 1, "tunnel": 0, "sse": 1, "upload": 0, "download": 2})

    def test_tokens(self) -> None:
        """
        The session's tokens are revoked at once, and the OP's answer does not wait for that.
        """
        self.http.hold("/revoke")
        self.tell(sid=self.on_laptop.sids[0])
        self.advance(1)
        self.assertEqual(
            [request.parameter("token") for request in self.provider.revocations],
            [self.on_laptop.tokens.refresh_token],
        )

    def test_every_host(self) -> None:
        """
        The OP may be given the address on any host, for sessions on any.
        """
        for host in (AUTHENTICATE, APP, CHAT, "https://denied.example.com"):
            _, session = self.somebody()
            self.assertEqual(self.post(self.token(sid=session.sids[0]), host).status, 200)
            self.assertNotIn(session.id, self.live())

    def test_no_secrets(self) -> None:
        """
        Neither token nor sid is in the log or in the audit line.
        """
        good, wrong = self.token(sid=self.on_laptop.sids[0]), self.token(sid=self.on_phone.sids[0], nonce="x")
        self.post(wrong)
        self.post(good)
        for event in self.events:
            for secret in (good, wrong, self.on_laptop.sids[0], self.on_phone.sids[0]):
                self.assertNotIn(secret, repr(event))

    def test_concurrent_copies(self) -> None:
        """
        Copies that come together have one effect and are all answered.
        """
        token = self.token(sid=self.on_laptop.sids[0])
        self.unreliable.hold()
        waiting = [self.post_slowly(token, host) for host in (AUTHENTICATE, APP, CHAT)]
        self.assertEqual([agent.take() for agent in waiting], [b""] * 3)
        self.assertEqual(self.house.registry.count, 3)
        self.unreliable.release()
        self.settle()
        self.assertEqual([read(agent.take(), "POST").status for agent in waiting], [200] * 3)
        self.assertEqual(self.causes(), ["back_channel"])

    def test_store_unavailable(self) -> None:
        """
        If the end cannot be recorded nobody is signed out, and the same token works when it is sent again.
        """
        token = self.token(sid=self.on_laptop.sids[0])
        self.unreliable.break_down()
        answer = self.post(token)
        self.assertEqual((answer.status, answer.get("Retry-After")), (503, "5"))
        self.unreliable.failure = None
        self.assert_live(self.on_laptop, self.on_phone, self.of_bob)
        self.assertEqual(self.post(token).status, 200)
        self.assert_live(self.on_phone, self.of_bob)

    def test_confirmation_not_recorded(self) -> None:
        """
        A sign-out that is recorded while the OP's word about it is has its confirmation when the OP tries again.
        """
        token = self.token(sid=self.on_laptop.sids[0], sub=self.on_laptop.sub)
        self.unreliable.hold()
        agent = self.post_slowly(token)
        self.laptop.open("GET", APP + paths.SIGN_OUT, *CLICK)
        original = self.house.registry.op_logout
        self.patch(self.house.registry, "op_logout", _fail)
        self.unreliable.release(backwards=True)
        self.settle()
        self.assertEqual(read(agent.take(), "POST").status, 503)
        self.patch(self.house.registry, "op_logout", original)
        [own] = [receipt for receipt in self.receipts() if receipt["cause"] == "user_route"]
        self.assertEqual(self.post(token).status, 200)
        receipt = self.house.registry.receipt(own["id"])
        assert receipt is not None
        self.assertIs(receipt.op_logout, OpLogout.CONFIRMED)

    def test_key_rotation(self) -> None:
        """
        A token by a key that is newer than what is known waits until the OP may be asked, also if nobody waits for the
        answer any more.
        """
        self.advance(20)
        self.provider.signers = [Signer(keys.private_key("ES256", "next"))]
        self.assertEqual(self.post(self.token(sid=self.on_laptop.sids[0])).status, 200)
        self.assert_live(self.on_phone, self.of_bob)
        self.provider.signers = [Signer(keys.private_key("ES256", "another"))]
        agent = self.post_slowly(self.token(sid=self.on_phone.sids[0]))
        self.assertEqual(agent.take(), b"")
        agent.transport.loseConnection()
        self.advance(10)
        self.assert_live(self.of_bob)

    def test_through_another_process(self) -> None:
        """
        The token may reach a process that has seen nobody sign in: it knows the session, and how its OP signs.
        """
        self.provider.signers.append(Signer(keys.private_key("RS256")))
        self.build_house("proxy2")
        answer = self.post(self.token(sid=self.on_laptop.sids[0]), house="proxy2")
        self.assertEqual(answer.status, 200)
        self.assert_live(self.on_phone, self.of_bob)


class ProviderSettingsTests(ToldTestCase):
    """
    OPs with ways of their own.
    """

    settings = {"backchannel_logout_allow_missing_exp": True}

    def test_without_exp(self) -> None:
        """
        A token without exp is taken where the configuration says so.
        """
        self.assertEqual(self.post(self.token(sid=self.on_laptop.sids[0], exp=None)).status, 200)
        self.assert_live(self.on_phone, self.of_bob)


async def _fail(*arguments: object) -> None:
    raise StoreUnavailable("out of order")
