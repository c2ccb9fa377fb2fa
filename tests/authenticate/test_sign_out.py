"""
Tests for `pomerium_tx.authenticate.sign_out`.
"""

from __future__ import annotations

import json
from urllib.parse import urlencode

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.store import Cause, OpLogout
from tests.doubles.channel import Asked
from tests.logout.world import (
    FROM_ANOTHER_SITE,
    FROM_OWN_PAGE,
    NAVIGATION,
    R2,
    SCRIPT,
    A,
    R,
    UserAgent,
    World,
    form_of,
    query_of,
)

SIGN_OUT = A + "/.pomerium/sign_out"
SIGNED_OUT = A + "/.pomerium/signed_out"
PREFETCH = {**NAVIGATION, "Sec-Purpose": "prefetch"}
IMAGE = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
FRAME = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}


class _Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        self.alice = UserAgent(self.world)

    def token(self, user_agent: UserAgent | None = None) -> str:
        answer = (user_agent or self.alice).get(A + "/.well-known/pomerium")
        return answer.header("x-csrf-token") or ""

    def is_signed_in(self) -> bool:
        return self.world.registry.count == 1

    def assert_asks(self, answer: Asked) -> dict[str, str]:
        self.assertEqual(answer.status, 200, answer.text)
        self.assertIn("Sign out?", answer.text)
        self.assertEqual(answer.header("x-frame-options"), "DENY")
        self.assertFalse([one for one in answer.headers("set-cookie") if "_csrf" not in one])
        return form_of(answer.text)


class WithReferenceTests(_Case):
    """
    On from an end that a route host has recorded.
    """

    def depart(self, target: str = "", alice: UserAgent | None = None) -> str:
        """
        The authenticate host's URL that signing out on a route leads to.
        """
        query = f"?{urlencode({'pomerium_redirect_uri': target})}" if target else ""
        answer = (alice or self.alice).get(f"{R}/.pomerium/sign_out{query}", FROM_OWN_PAGE)
        return answer.header("location") or ""

    def test_to_the_provider(self) -> None:
        """
        302 to the OP with everything it needs; the cookie of the ended session is cleared, the hold is set.
        """
        session = self.alice.sign_in()
        answer = self.alice.get(self.depart(R + "/bye"), FROM_ANOTHER_SITE)
        location = answer.header("location") or ""
        self.assertEqual(answer.status, 302)
        self.assertTrue(location.startswith("https://op.example.com/end-session?"))
        query = query_of(location)
        self.assertEqual(query["id_token_hint"], session.tokens.id_token)
        self.assertEqual((query["client_id"], query["post_logout_redirect_uri"]), ("rp1", SIGNED_OUT))
        self.assertIsNone(self.alice.cookie(A, "_pomerium_authenticate"))
        self.assertIsNotNone(self.alice.cookie(A, "_pomerium_hold"))
        self.assertEqual(answer.header("cache-control"), "no-store")

    def test_after_post(self) -> None:
        """
        After a POST it is 303.
        """
        self.alice.sign_in()
        self.assertEqual(self.alice.post(self.depart()).status, 303)

    def test_repeated(self) -> None:
        """
        Repeating the URL repeats the answer.
        """
        self.alice.sign_in()
        url = self.depart()
        first, second = (self.alice.get(url).header("location") for _ in range(2))
        self.assertEqual(first, second)

    def test_long_hint(self) -> None:
        """
        An ID Token that is too long for a URL goes by a form that needs no script.
        """
        self.world.op.alterations["id_token"] = lambda claims: {**claims, "long": "x" * 4000}
        session = self.alice.sign_in()
        answer = self.alice.get(self.depart())
        self.assertEqual(answer.status, 200)
        self.assertEqual(form_of(answer.text)["id_token_hint"], session.tokens.id_token)
        self.assertIn("<button", answer.text)
        self.assertIn('action="https://op.example.com/end-session"', answer.text)

    def test_provider_without_end_session(self) -> None:
        """
        303 to the target, else to `signed_out`, which says that the OP has no sign-out; the tokens are revoked.
        """
        self.world.op.alterations["discovery"] = lambda document: {
            name: value for name, value in document.items() if name != "end_session_endpoint"
        }
        for target, expected in ((R2 + "/bye", R2 + "/bye"), ("", SIGNED_OUT)):
            with self.subTest(target=target):
                alice = UserAgent(self.world)
                alice.sign_in()
                answer = alice.get(self.depart(target, alice))
                self.assertEqual((answer.status, answer.header("location")), (303, expected))
                self.assertIn("has no sign-out", alice.get(SIGNED_OUT).text)
        self.world.clock.advance(1.0)
        self.assertEqual(len(self.world.op.revocations), 4)

    def test_it_ends_nothing(self) -> None:
        """
        A signed URL that a stranger made and alice opens ends nothing, and asks her about her own session.
        """
        mallory = UserAgent(self.world, "bob")
        mallory.sign_in()
        url = self.depart(alice=mallory)
        self.alice.sign_in()
        form = self.assert_asks(self.alice.get(url, FROM_ANOTHER_SITE))
        self.assertTrue(self.is_signed_in())
        self.assertIsNone(self.alice.cookie(A, "_pomerium_hold"))
        answer = self.alice.post(SIGN_OUT, form)
        self.assertFalse(self.is_signed_in())
        self.assertEqual(answer.status, 303)

    def test_unknown_reference(self) -> None:
        """
        A reference that is over, or unknown, leads to the page that tells the truth.
        """
        self.alice.sign_in()
        url = self.depart()
        self.world.clock.advance(299.0)
        self.assertEqual(self.alice.get(url).status, 302)
        unknown = self.world.url_signer.sign(SIGN_OUT + "?pomerium_ended=unknown", self.world.clock.seconds())
        answer = self.alice.get(unknown)
        self.assertEqual((answer.status, answer.header("location")), (303, SIGNED_OUT))

    def test_reference_without_signature(self) -> None:
        """
        A reference in a URL that we did not sign, or long ago, is not looked at.
        """
        self.alice.sign_in()
        url = self.depart()
        reference = query_of(url)["pomerium_ended"]
        self.assert_asks(self.alice.get(f"{SIGN_OUT}?pomerium_ended={reference}"))
        self.world.clock.advance(361.0)
        self.assert_asks(self.alice.get(url))

    def test_signature_alone(self) -> None:
        """
        A signed URL without a reference has no authority: a page asks.
        """
        url = self.depart()
        self.alice.sign_in()
        self.assert_asks(self.alice.get(url))
        self.assertTrue(self.is_signed_in())

    def test_other_providers_are_named(self) -> None:
        """
        The page names another OP at which the person may still be signed in.
        """
        world = self.world = World(second_provider=True)
        self.addCleanup(world.stop)
        alice = UserAgent(world)
        alice.sign_in(R + "/")
        alice.sign_in(R2 + "/", idp_id=world.provider2.idp_id)
        answer = alice.get(self.depart(alice=alice))
        self.assertEqual(world.registry.count, 0)
        self.assertTrue((answer.header("location") or "").startswith("https://op.example.com/"))
        page = alice.get(alice.sign_out_at_provider(answer.header("location") or "") or "")
        self.assertIn("https://op2.example.com", page.text)


class WithTokenTests(_Case):
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

    def test_nobody(self) -> None:
        """
        Signing out without a session ends nothing, and leads to the target or to the page.
        """
        stranger = UserAgent(self.world)
        form = self.assert_asks(stranger.get(SIGN_OUT))
        answer = stranger.post(SIGN_OUT, form)
        self.assertEqual((answer.status, answer.header("location")), (303, SIGNED_OUT))
        self.assertEqual(self.world.receipts, [])
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
        [sid] = self.session.sids
        for query in ({"iss": "https://op.example.com", "sid": sid}, {"sid": "x"}, {"iss": ""}):
            with self.subTest(query=query):
                answer = self.alice.get(f"{SIGN_OUT}?{urlencode({**query, '_pomerium_csrf': self.token()})}")
                self.assertEqual(answer.status, 200)
                self.assertIsNone(answer.header("x-frame-options"))
                self.assertNotIn("frame-ancestors", answer.header("content-security-policy") or "")
                self.assertEqual(answer.header("cache-control"), "no-store")
        self.assertTrue(self.is_signed_in())


class ConfirmationTests(_Case):
    """
    What a route host could not decide, and a person confirms here.
    """

    def ask(self, alice: UserAgent, target: str = "") -> Asked:
        query = f"?{urlencode({'pomerium_redirect_uri': target})}" if target else ""
        there = alice.get(f"{R}/.pomerium/sign_out{query}", FROM_ANOTHER_SITE)
        return alice.get(there.header("location") or "", FROM_ANOTHER_SITE)

    def test_ends_the_route_session_and_its_own(self) -> None:
        """
        Confirming ends the session of the route and the one in the authenticate cookie.
        """
        self.alice.sign_in()
        elsewhere = UserAgent(self.world)
        elsewhere.sign_in()
        key = ("_pomerium", "/")
        self.alice.jar["app.example.com"][key] = elsewhere.jar["app.example.com"][key]
        form = self.assert_asks(self.ask(self.alice, R + "/bye"))
        self.assertEqual(self.world.registry.count, 2)
        self.assertEqual(form["pomerium_redirect_uri"], R + "/bye")
        answer = self.alice.post(SIGN_OUT, form)
        self.assertEqual(self.world.registry.count, 0)
        self.assertTrue((answer.header("location") or "").startswith("https://op.example.com/end-session?"))

    def test_asking_uses_nothing_up(self) -> None:
        """
        The page may be loaded again; its button works once.
        """
        self.alice.sign_in()
        self.alice.jar["authenticate.example.com"].pop(("_pomerium_authenticate", "/"))
        self.ask(self.alice)
        form = self.assert_asks(self.ask(self.alice))
        first = self.alice.post(SIGN_OUT, form)
        second = self.alice.post(SIGN_OUT, form)
        self.assertEqual(first.header("location"), second.header("location"))
        self.assertEqual(len(self.world.receipts), 1)

    def test_too_late(self) -> None:
        """
        After ten minutes it ends only what is in the authenticate cookie.
        """
        self.alice.sign_in()
        self.alice.jar["authenticate.example.com"].pop(("_pomerium_authenticate", "/"))
        form = self.assert_asks(self.ask(self.alice))
        self.world.clock.advance(601.0)
        self.assertEqual(self.alice.post(SIGN_OUT, form).header("location"), SIGNED_OUT)
        self.assertTrue(self.is_signed_in())

    def test_hold_after_confirming(self) -> None:
        """
        The confirmed sign-out holds as any other.
        """
        self.alice.sign_in()
        self.alice.post(SIGN_OUT, self.assert_asks(self.ask(self.alice)))
        self.assertIn("You signed out at", self.alice.open(R + "/").text)
        self.assertIs(self.world.receipts[-1].op_logout, OpLogout.PENDING)
