"""
Tests for `pomerium_tx.authenticate.sign_out`.
"""

from __future__ import annotations

import json
from urllib.parse import urlencode

from pomerium_tx.sessions.store import Cause
from tests.authenticate.cases import FRAME, IMAGE, PREFETCH, SIGN_OUT, SIGNED_OUT, SignOutCase
from tests.doubles.channel import Asked
from tests.logout.user_agent import UserAgent
from tests.logout.world import FROM_ANOTHER_SITE, FROM_OWN_PAGE, NAVIGATION, SCRIPT, A, R, with_query


class WithTokenTests(SignOutCase):
    """
    The sign-out of the authenticate host itself.
    """

    def setUp(self) -> None:
        super().setUp()
        self.session = self.alice.sign_in()

    def test_token(self) -> None:
        """
        With the token, in the field or as a parameter, by GET or POST, the sessions end at once, and on to the OP.
        """

        def by_field(alice: UserAgent, token: str) -> Asked:
            return alice.get(SIGN_OUT, {**FROM_OWN_PAGE, "X-CSRF-Token": token})

        def by_query(alice: UserAgent, token: str) -> Asked:
            return alice.get(f"{SIGN_OUT}?_pomerium_csrf={token}", FROM_OWN_PAGE)

        def by_form(alice: UserAgent, token: str) -> Asked:
            return alice.post(SIGN_OUT, {"_pomerium_csrf": token})

        for send, status in ((by_field, 302), (by_query, 302), (by_form, 303)):
            with self.subTest(send=send.__name__):
                alice = UserAgent(self.world)
                session = alice.sign_in()
                answer = send(alice, self.token(alice))
                self.assertEqual(answer.status, status)
                self.assertTrue((answer.header("location") or "").startswith("https://op.example.com/end-session?"))
                self.assertIsNone(self.world.registry.find(session.id))
                self.assertIs(self.world.receipts[-1].cause, Cause.USER_AUTHENTICATE)
                self.assertIsNone(alice.cookie(A, "_pomerium_authenticate"))
                self.assertIsNotNone(alice.cookie(A, "_pomerium_hold"))

    def test_token_from_elsewhere(self) -> None:
        """
        From another site not even the token helps.
        """
        url = f"{SIGN_OUT}?_pomerium_csrf={self.token()}"
        for site in ("cross-site", "same-site", "nonsense"):
            with self.subTest(site=site):
                self.assert_asks(self.alice.get(url, {**NAVIGATION, "Sec-Fetch-Site": site}))
        self.assertTrue(self.is_signed_in())

    def test_wrong_token(self) -> None:
        """
        The token of another browser, of another session or none at all: a page asks.
        """
        bob = UserAgent(self.world, "bob")
        before = UserAgent(self.world)
        early = self.token(before)
        before.sign_in()
        for alice, token in ((self.alice, self.token(bob)), (before, early), (self.alice, ""), (self.alice, "x")):
            with self.subTest(token=token):
                self.assert_asks(alice.post(SIGN_OUT, {"_pomerium_csrf": token}))
        self.assertEqual(self.world.registry.count, 2)

    def test_asks(self) -> None:
        """
        Without a token a page asks, nothing ends, and its button signs out.
        """
        form = self.assert_asks(self.alice.get(SIGN_OUT))
        self.assertTrue(self.is_signed_in())
        self.assertEqual(self.alice.post(SIGN_OUT, form).status, 303)
        self.assertFalse(self.is_signed_in())

    def test_double_click(self) -> None:
        """
        The second click gets the answer of the first.
        """
        form = self.assert_asks(self.alice.get(SIGN_OUT))
        before = dict(self.alice.jar["authenticate.example.com"])
        first = self.alice.post(SIGN_OUT, form)
        self.alice.jar["authenticate.example.com"] = before
        second = self.alice.post(SIGN_OUT, form)
        self.assertEqual(first.header("location"), second.header("location"))
        self.assertEqual(len(self.world.receipts), 1)

    def test_target(self) -> None:
        """
        The same redirect rule applies, and the page does not carry a foreign target on.
        """
        query = urlencode({"pomerium_redirect_uri": "https://evil.example/"})
        form = self.assert_asks(self.alice.get(f"{SIGN_OUT}?{query}"))
        self.assertNotIn("pomerium_redirect_uri", form)
        query = urlencode({"pomerium_redirect_uri": R + "/bye"})
        form = self.assert_asks(self.alice.get(f"{SIGN_OUT}?{query}"))
        self.alice.post(SIGN_OUT, form)
        receipt = self.world.receipts[-1]
        departure = self.world.registry.departure(self.world.ending._reference(receipt.id))
        assert departure is not None
        self.assertEqual(departure.target, R + "/bye")

    def test_forged_target_in_the_form(self) -> None:
        """
        A foreign target is ignored in the form, too.
        """
        form = {**self.assert_asks(self.alice.get(SIGN_OUT)), "pomerium_redirect_uri": "https://evil.example/"}
        self.alice.post(SIGN_OUT, form)
        departure = self.world.registry.departure(self.world.ending._reference(self.world.receipts[-1].id))
        assert departure is not None
        self.assertIsNone(departure.target)

    def test_script(self) -> None:
        """
        A script with the token gets the receipt, with the routes, and the signed URL to go to; without it 403 JSON.
        """
        refused = self.alice.post(SIGN_OUT, {}, SCRIPT)
        self.assertEqual((refused.status, refused.header("content-type")), (403, "application/json"))
        self.assertTrue(self.is_signed_in())
        answer = self.alice.post(SIGN_OUT, {}, {**SCRIPT, "X-CSRF-Token": self.token()})
        receipt = json.loads(answer.body)
        self.assertEqual((answer.status, receipt["sessions_ended"], receipt["routes"]), (200, 1, []))
        self.assertEqual(receipt["id"], self.world.receipts[-1].id)
        url = receipt["end_session_url"]
        self.world.url_signer.verify(url, self.world.clock.seconds())
        self.assertNotIn(self.session.tokens.id_token, answer.text)
        self.assertTrue((self.alice.get(url).header("location") or "").startswith("https://op.example.com/end"))

    def test_json_client_is_not_asked(self) -> None:
        """
        A client that wants JSON gets 403 JSON where a page would ask.
        """
        answer = self.alice.get(SIGN_OUT, {**FROM_ANOTHER_SITE, "Accept": "application/json"})
        self.assertEqual((answer.status, answer.header("content-type")), (403, "application/json"))

    def test_handle_in_a_header(self) -> None:
        """
        A client that has its handle in a header, and none in this host's cookie, gets 403 JSON, not a page; the token
        signs out what its cookie names all the same.
        """
        handle = self.alice.cookie(A, "_pomerium_authenticate") or ""
        for name, value in (
            ("Authorization", f"Pomerium {handle}"),
            ("Authorization", f"Bearer Pomerium-{handle}"),
            ("X-Pomerium-Authorization", handle),
        ):
            for headers in ({}, NAVIGATION, FROM_ANOTHER_SITE, IMAGE, {"Accept": "text/html"}):
                with self.subTest(name=name, value=value[:20], headers=headers):
                    answer = UserAgent(self.world).get(SIGN_OUT, {**headers, name: value})
                    self.assertEqual((answer.status, answer.header("content-type")), (403, "application/json"))
                    self.assertEqual(json.loads(answer.body)["error"], "confirmation required")
        self.assertEqual(UserAgent(self.world).get(SIGN_OUT, {**PREFETCH, "X-Pomerium-Authorization": "x"}).status, 503)
        self.assert_asks(self.alice.get(SIGN_OUT, {"X-Pomerium-Authorization": handle}))
        self.assertTrue(self.is_signed_in())

    def test_two_targets(self) -> None:
        """
        Of two targets none is followed, here and on a route host, and signing out goes on.
        """
        two = urlencode([("pomerium_redirect_uri", R + "/a"), ("pomerium_redirect_uri", R + "/b")])
        form = self.assert_asks(self.alice.get(f"{SIGN_OUT}?{two}"))
        self.assertNotIn("pomerium_redirect_uri", form)
        self.alice.post(SIGN_OUT, {**form, "pomerium_redirect_uri": R + "/a"}, FROM_OWN_PAGE)
        other = UserAgent(self.world)
        other.sign_in()
        self.assertEqual(other.get(f"{R}/.pomerium/sign_out?{two}", FROM_OWN_PAGE).status, 302)
        targets = [
            departure.target
            for receipt in self.world.receipts
            if (departure := self.world.registry.departure(self.world.ending._reference(receipt.id))) is not None
        ]
        self.assertEqual(targets, [R + "/a", None])

    def test_nobody(self) -> None:
        """
        Signing out without a session ends nothing, and leads to the target or to the page.
        """
        stranger = UserAgent(self.world)
        form = self.assert_asks(stranger.get(SIGN_OUT))
        answer = stranger.post(SIGN_OUT, form)
        self.assertEqual((answer.status, answer.header("location")), (303, SIGNED_OUT))
        self.assertEqual(self.world.receipts, [])
        answer = stranger.get(f"{SIGN_OUT}?_pomerium_csrf={form['_pomerium_csrf']}")
        self.assertEqual((answer.status, answer.header("location")), (302, SIGNED_OUT))
        answer = stranger.post(SIGN_OUT, {**form, "pomerium_redirect_uri": R + "/bye"})
        self.assertEqual(answer.header("location"), R + "/bye")

    def test_routes_are_out_too(self) -> None:
        """
        A cookie left behind on a route opens nothing any more.
        """
        form = self.assert_asks(self.alice.get(SIGN_OUT))
        self.alice.post(SIGN_OUT, form)
        self.assertIsNotNone(self.alice.cookie(R, "_pomerium"))
        self.assertIsNone(self.alice.session(R))

    def test_another_browser_stays(self) -> None:
        """
        Another browser of the same person stays signed in.
        """
        other = UserAgent(self.world)
        session = other.sign_in()
        self.alice.post(SIGN_OUT, self.assert_asks(self.alice.get(SIGN_OUT)))
        self.assertIsNotNone(self.world.registry.find(session.id))

    def test_store_down(self) -> None:
        """
        If the end cannot be recorded: 503, cookies kept, and the page says so; later the same click works.
        """
        form = self.assert_asks(self.alice.get(SIGN_OUT))
        self.world.store.break_down()
        answer = self.alice.post(SIGN_OUT, form)
        self.assertEqual((answer.status, answer.headers("set-cookie")), (503, []))
        self.assertIn("Nothing was signed out", answer.text)
        self.world.store.failure = None
        self.assertTrue(self.is_signed_in())
        self.assertEqual(self.alice.post(SIGN_OUT, form).status, 303)

    def test_requests_that_nobody_meant(self) -> None:
        """
        Prefetches, images and frames end nothing, with the token and without.
        """
        token = self.token()
        for headers, status in ((PREFETCH, 503), (IMAGE, 403), (FRAME, 200)):
            for query in ("", f"?_pomerium_csrf={token}"):
                with self.subTest(headers=headers, query=query):
                    self.assertEqual(self.alice.get(SIGN_OUT + query, headers).status, status)
        self.assertTrue(self.is_signed_in())

    def test_other_methods(self) -> None:
        """
        HEAD, PUT and DELETE are 405.
        """
        for method in ("HEAD", "PUT", "DELETE", "OPTIONS"):
            with self.subTest(method=method):
                answer = self.alice._ask(method, SIGN_OUT, None, None)
                self.assertEqual((answer.status, answer.header("allow")), (405, "GET, POST"))
        self.assertTrue(self.is_signed_in())

    def test_provider_speaks(self) -> None:
        """
        With `iss` or `sid` the cookies do not count: 200, a page to be framed, nothing ended.
        """
        for query in ({"iss": "https://op.example.com", "sid": "unknown"}, {"sid": "x"}, {"iss": ""}):
            with self.subTest(query=query):
                answer = self.alice.get(f"{SIGN_OUT}?{urlencode({**query, '_pomerium_csrf': self.token()})}")
                self.assertEqual(answer.status, 200)
                self.assertIsNone(answer.header("x-frame-options"))
                self.assertNotIn("frame-ancestors", answer.header("content-security-policy") or "")
                self.assertEqual(answer.header("cache-control"), "no-store")
        self.assertTrue(self.is_signed_in())

    def test_provider_names_somebody(self) -> None:
        """
        What the OP names ends, whoever's browser brings the word.
        """
        [sid] = self.session.sids
        answer = UserAgent(self.world).get(with_query(SIGN_OUT, iss="https://op.example.com", sid=sid))
        self.assertEqual((answer.status, answer.header("location"), answer.headers("set-cookie")), (200, None, []))
        self.assertFalse(self.is_signed_in())
