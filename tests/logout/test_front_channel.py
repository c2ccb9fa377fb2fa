"""
Tests for `pomerium_tx.logout.front_channel`; whom it ends is told in `tests.scenarios.test_front_channel`.
"""

from __future__ import annotations

from urllib.parse import quote

from twisted.internet.defer import Deferred

from tests.logout.front_channel_case import ENCODED, FRAME, OP, FrontChannelCase
from tests.logout.user_agent import UserAgent
from tests.logout.world import A, R, World, with_query


class QueryTests(FrontChannelCase):
    """
    What a query says.
    """

    def revive(self) -> None:
        """
        Alice signs in again.
        """
        self.world.clock.advance(60)
        self.session = UserAgent(self.world).sign_in()

    def test_ends(self) -> None:
        """
        The spellings of an issuer and a sid that are met with end the session, on every host.
        """
        for at in (A, R):
            for query in (
                "?iss={encoded}&sid={sid}",
                "?sid={sid}&iss={encoded}",
                "?iss={iss}&sid={sid}",
                "?tenant=b?iss={encoded}&sid={sid}",
                "?tenant=b?iss={iss}&sid={sid}",
                "?tenant=b?sid={sid}&iss={iss}",
                "?a=b&tenant=b?iss={encoded}&sid={sid}&c=d",
                "?iss={encoded}?sid={sid}",
                "??iss={encoded}&sid={sid}",
                "?&iss={encoded}&&sid={sid}&",
                "?iss={encoded}&sid={sid}&iss={encoded}&sid={sid}",
                "?%69ss={encoded}&s%69d={sid}",
                "?iss={encoded}&sid={sid}&sub=x&state=y&pomerium_idp=unknown",
                "?sid={sid}",
                "?pomerium_idp={idp}&sid={sid}",
                "?pomerium_idp={idp}?sid={sid}",
            ):
                with self.subTest(query, at=at):
                    answer = self.frame(
                        query.format(
                            encoded=ENCODED, iss=OP, sid=quote(self.sid, safe=""), idp=self.world.provider.idp_id
                        ),
                        at=at,
                    )
                    self.assert_tiny(answer)
                    self.assertFalse(self.is_live())
                self.revive()

    def test_ends_nothing(self) -> None:
        """
        What names nobody, or two, ends nothing and looks the same.
        """
        sid = quote(self.sid, safe="")
        for query in (
            f"?iss={ENCODED}&sid=unknown",
            f"?iss={ENCODED}&sid=",
            f"?iss={ENCODED}&sid",
            f"?iss={ENCODED}%2F&sid={sid}",
            f"?iss={OP.upper()}&sid={sid}",
            f"?iss=https://evil.example&sid={sid}",
            f"?iss=&sid={sid}",
            f"?iss&sid={sid}",
            f"?iss={ENCODED}&sid={sid}&sid=another",
            f"?iss={ENCODED}&sid=another&sid={sid}",
            f"?iss={ENCODED}&iss=https://evil.example&sid={sid}",
            f"?iss=https://evil.example&iss={ENCODED}&sid={sid}",
            f"?iss={ENCODED}&sid={sid}&sid=" + "x" * 1025,
            f"?iss={ENCODED}&iss={'x' * 1025}&sid={sid}",
            f"?pomerium_idp=unknown&sid={sid}",
            f"?pomerium_idp=&sid={sid}",
            f"?pomerium_idp={self.world.provider.idp_id}&pomerium_idp=x&sid={sid}",
            f"?iss={ENCODED}",
            f"?iss={ENCODED}&SID={sid}",
            f"?iss={ENCODED}&sid={sid}%00",
            f"?iss={ENCODED}&sid={sid}%20",
            f"?iss={ENCODED}&sid=%ff{sid}",
            f"?iss={ENCODED}&sid={quote(self.session.sub)}",
        ):
            for at in (A, R):
                with self.subTest(query[:90], at=at):
                    self.assert_tiny(self.frame(query, at=at, browser=self.alice))
                    self.assertTrue(self.is_live())
        self.assertEqual(self.world.receipts, [])
        tombstones = [name for change in self.world.store.appended for name in getattr(change, "tombstones", ())]
        self.assertNotIn("", [tombstone.value for tombstone in tombstones])

    def test_long(self) -> None:
        """
        A sid of 1,024 bytes is taken, whatever it looks like encoded; one byte more is nobody's.
        """
        for sid, is_taken in (("\u00e9" * 512, True), ("\u00e9" * 512 + "x", False)):
            self.world.op.alterations["id_token"] = lambda claims, sid=sid: {**claims, "sid": sid}
            self.revive()
            self.assert_tiny(self.frame(f"?iss={ENCODED}&sid={quote(sid)}"))
            self.assertIs(self.is_live(), not is_taken)

    def test_signs_in_a_sid(self) -> None:
        """
        A sid with a plus sign is found whether it was encoded or not, and so is one with a space.
        """
        for sid, spellings in (("a+b/c==", ("a%2Bb%2Fc%3D%3D", "a+b/c==")), ("a b", ("a%20b", "a+b"))):
            for spelling in spellings:
                with self.subTest(sid, spelling=spelling):
                    self.world.op.alterations["id_token"] = lambda claims, sid=sid: {**claims, "sid": sid}
                    self.revive()
                    self.assert_tiny(self.frame(f"?iss={ENCODED}&sid={spelling}"))
                    self.assertFalse(self.is_live())

    def test_post(self) -> None:
        """
        In a POST they are nothing special: no end without a token at A, and alice's own, not the other's, at R.
        """
        bob = UserAgent(self.world, "bob")
        bob.sign_in()
        answer = bob.post(with_query(A + "/.pomerium/sign_out", iss=OP, sid=self.sid))
        self.assertIn("Sign out?", answer.text)
        bob.post(with_query(R + "/.pomerium/sign_out", iss=OP, sid=self.sid), {"iss": OP, "sid": self.sid})
        self.assertTrue(self.is_live())
        self.assertIsNone(bob.session())

    def test_other_methods(self) -> None:
        """
        Other methods are refused.
        """
        for method in ("HEAD", "PUT", "OPTIONS"):
            answer = self.stranger._ask(
                method, with_query(A + "/.pomerium/sign_out", iss=OP, sid=self.sid), FRAME, None
            )
            self.assertEqual((answer.status, answer.header("allow")), (405, "GET, POST"))
            self.assertTrue(self.is_live())

    def test_not_recorded(self) -> None:
        """
        If the end cannot be recorded, the frame does not say that it was.
        """
        self.world.store.break_down()
        answer = self.frame(f"?iss={ENCODED}&sid={self.sid}")
        self.assert_tiny(answer, 503)
        self.assertIn("could not be recorded", answer.text)
        self.assertEqual(answer.header("retry-after"), "5")
        self.world.store.failure = None
        self.assertTrue(self.is_live())
        self.assert_tiny(self.frame(f"?iss={ENCODED}&sid={self.sid}"))
        self.assertFalse(self.is_live())

    def test_logged(self) -> None:
        """
        What a frame says is not written down, neither a sid nor an issuer that is not configured.
        """
        for query in (f"?iss=https://evil.example&sid={self.sid}", f"?iss={ENCODED}&sid={self.sid}"):
            self.frame(query)
        lines = [event for event in self.events if event["log_namespace"].endswith("front_channel")]
        self.assertEqual(len(lines), 2)
        for event in lines:
            self.assertNotIn(self.sid, str(event))
            self.assertNotIn("evil", str(event))
        self.assertEqual((lines[1]["iss"], lines[1]["count"]), (OP, 1))

    def test_revokes_nothing(self) -> None:
        """
        Anybody can say these things, so no token is revoked for them.
        """
        self.frame(f"?iss={ENCODED}&sid={self.sid}")
        self.world.clock.advance(120)
        self.assertEqual(self.world.op.revocations, [])


class CookieTests(FrontChannelCase):
    """
    The frame that names nobody.
    """

    def test_from_the_provider(self) -> None:
        """
        In a page of the OP it ends the session of the cookie that came along, and no other one.
        """
        for at in (A, R):
            for query in ("", f"?iss={ENCODED}", "?tenant=b"):
                for site in ("cross-site", "same-site"):
                    for referer in (OP + "/", OP + "/logout?x=y"):
                        with self.subTest(query, at=at, site=site, referer=referer):
                            alice = UserAgent(self.world)
                            session = alice.sign_in()
                            self.assert_tiny(
                                self.frame(query, at=at, browser=alice, Referer=referer, Sec_Fetch_Site=site)
                            )
                            self.assertFalse(self.is_live(session))
        self.assertTrue(self.is_live())

    def test_from_elsewhere(self) -> None:
        """
        In any other page, or where it is no frame, it ends nothing.
        """
        for referer in (
            None,
            "",
            "https://evil.example/",
            OP + ".evil.example/",
            "https://op.example.com@evil.example/",
            "http://op.example.com/",
            "https://op.example.com:8443/",
            R + "/",
            "about:blank",
        ):
            for at in (A, R):
                with self.subTest(referer, at=at):
                    fields = {} if referer is None else {"Referer": referer}
                    self.assert_tiny(self.frame("", at=at, browser=self.alice, **fields))
                    self.assertTrue(self.is_live())
        for destination in ("document", "frame", "embed", "image", "empty", "IFRAME"):
            with self.subTest(destination):
                self.frame("", browser=self.alice, Referer=OP + "/", Sec_Fetch_Dest=destination)
                self.assert_tiny(
                    self.frame(f"?iss={ENCODED}", browser=self.alice, Referer=OP + "/", Sec_Fetch_Dest=destination)
                )
                self.assertTrue(self.is_live())

    def test_prefetched(self) -> None:
        """
        A frame that is only prepared ends nothing, and is told 503, so that it is loaded again when it is shown.
        """
        for at in (A, R):
            for query in ("", f"?iss={ENCODED}"):
                for name in ("Sec_Purpose", "Purpose", "X_Purpose", "X_Moz"):
                    for purpose in ("prefetch", "prefetch;prerender", "preview"):
                        with self.subTest(query, at=at, name=name, purpose=purpose):
                            answer = self.frame(query, at=at, browser=self.alice, Referer=OP + "/", **{name: purpose})
                            self.assertEqual((answer.status, answer.header("cache-control")), (503, "no-store"))
                            self.assertTrue(self.is_live())

    def test_own_pages_of_the_provider(self) -> None:
        """
        The OP's pages may be at its authorization or its end-session endpoint, and at none of its other ones.
        """
        metadata = self.world.op.metadata()
        for name, expected in (
            ("authorization_endpoint", False),
            ("end_session_endpoint", False),
            ("token_endpoint", True),
            ("jwks_uri", True),
        ):
            with self.subTest(name):
                url = f"https://elsewhere.example.net{str(metadata[name])[len(OP) :]}"
                self.world.stop()
                self.world = World()
                alice = UserAgent(self.world)
                session = alice.sign_in()
                self.world.clock.advance(3600)
                self.world.op.alterations["discovery"] = lambda document, name=name, url=url: {**document, name: url}
                self.successResultOf(Deferred.fromCoroutine(self.world.provider.metadata()))
                self.frame("", browser=alice, Referer="https://elsewhere.example.net/")
                self.assertIs(self.is_live(session), expected)

    def test_not_recorded(self) -> None:
        """
        Here too the frame does not claim what could not be recorded.
        """
        self.world.store.break_down()
        self.assert_tiny(self.frame("", browser=self.alice, Referer=OP + "/"), 503)
