"""
Tests for `pomerium_tx.authenticate.sign_out`: what began on a route host.
"""

from __future__ import annotations

from urllib.parse import urlencode

from pomerium_tx.sessions.store import OpLogout
from tests.authenticate.cases import SIGN_OUT, SIGNED_OUT, SignOutCase
from tests.doubles.channel import Asked
from tests.logout.user_agent import UserAgent
from tests.logout.world import FROM_ANOTHER_SITE, FROM_OWN_PAGE, R2, A, R, World, form_of, query_of


class WithReferenceTests(SignOutCase):
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
        self.assertIn("script-src", answer.header("content-security-policy") or "")
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
        self.world.clock.advance(599.0)
        self.assertEqual(self.alice.get(url).status, 302)
        self.world.clock.advance(2.0)
        answer = self.alice.get(url)
        self.assertEqual((answer.status, answer.header("location")), (303, SIGNED_OUT))
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
        self.world.clock.advance(661.0)
        self.assert_asks(self.alice.get(url))

    def test_signature_alone(self) -> None:
        """
        A signed URL without a reference has no authority: a page asks.
        """
        url = self.depart()
        self.alice.sign_in()
        self.assert_asks(self.alice.get(url))
        self.assertTrue(self.is_signed_in())

    def test_other_providers_are_visited(self) -> None:
        """
        Back from one OP the person is led to the next, and the page names both.
        """
        world = self.world = World(second_provider=True)
        self.addCleanup(world.stop)
        alice = UserAgent(world)
        alice.sign_in(R + "/")
        alice.sign_in(R2 + "/", idp_id=world.provider2.idp_id)
        answer = alice.get(self.depart(alice=alice))
        self.assertEqual(world.registry.count, 0)
        self.assertTrue((answer.header("location") or "").startswith("https://op.example.com/"))
        onward = alice.get(alice.sign_out_at_provider(answer.header("location") or "") or "")
        self.assertTrue((onward.header("location") or "").startswith("https://op2.example.com/"))
        page = alice.get(f"{A}/.pomerium/signed_out")
        self.assertIn("https://op2.example.com", page.text)


class ConfirmationTests(SignOutCase):
    """
    What a route host could not decide, and a person confirms here.
    """

    def ask(self, alice: UserAgent, target: str = "") -> Asked:
        query = f"?{urlencode({'pomerium_redirect_uri': target})}" if target else ""
        there = alice.get(f"{R}/.pomerium/sign_out{query}", FROM_ANOTHER_SITE)
        return alice.get(there.header("location") or "", FROM_ANOTHER_SITE)

    def test_ends_the_route_session_and_its_own(self) -> None:
        """
        Confirming ends the session of the route and the one in the authenticate cookie; if they are not of one browser,
        no OP is asked, the page does not claim that one was, and only a click gets past the hold.
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
        self.assertEqual(answer.header("location"), R + "/bye")
        page = self.alice.get(SIGNED_OUT)
        self.assertIn("You are signed out here", page.text)
        self.assertNotIn("everywhere", page.text)
        self.assertIs(self.world.registry.receipt(self.world.receipts[-1].id).op_logout, OpLogout.UNCONFIRMED)
        self.assertIn("You signed out at", self.alice.open(R + "/").text)

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
