"""
Tests for `pomerium_tx.authenticate.sign_in`: from a route host to a session and back.
"""

from __future__ import annotations

from urllib.parse import urlencode

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.store import Cause, OpLogout
from tests.logout.user_agent import UserAgent
from tests.logout.world import FROM_ANOTHER_SITE, R2, SCRIPT, A, R, World, form_of, query_of


class _Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        self.alice = UserAgent(self.world)

    def signed(self, **parameters: str) -> str:
        parameters = {"pomerium_redirect_uri": R + "/", "pomerium_idp_id": self.world.provider.idp_id, **parameters}
        return self.world.url_signer.sign(f"{A}/.pomerium/sign_in?{urlencode(parameters)}", self.world.clock.seconds())

    def end(self, session_id: str, cause: Cause = Cause.USER_ROUTE) -> None:
        if cause is Cause.USER_ROUTE:
            ending = self.world.ending.sign_out([session_id], cause=cause, target=None)
            self.successResultOf(Deferred.fromCoroutine(ending))
        else:
            self.successResultOf(Deferred.fromCoroutine(self.world.ending.end([session_id], cause)))


class SignInTests(_Case):
    """
    ``/.pomerium/sign_in`` of the authenticate host.
    """

    def test_whole_way(self) -> None:
        """
        A person who opens a page gets there, byte for byte, with a session.
        """
        url = R + "/a%20b/?q=1&empty=&q=%2F%C3%A9+x;y"
        session = self.alice.sign_in(url)
        self.assertEqual((session.email, session.sub), ("alice@example.com", "248289761001"))
        self.assertEqual([one.id for one in self.world.begun], [session.id])

    def test_very_long_url(self) -> None:
        """
        A long URL, which would make a state that some OPs refuse, is kept byte for byte as well.
        """
        url = R + "/?" + "%2F&" * 1500
        self.assertEqual(self.alice.follow(self.alice.open(url)).header("location"), url)
        # The application leads to the sign-in once more, which now is silent.
        self.assertEqual(self.alice.sign_in(url).email, "alice@example.com")
        self.assertEqual(len(self.world.op.code_exchanges), 1)

    def test_second_route_is_silent(self) -> None:
        """
        A second route signs in without visiting the OP, and shares the session.
        """
        first = self.alice.sign_in(R + "/")
        exchanges = len(self.world.op.code_exchanges)
        second = self.alice.sign_in(R2 + "/")
        self.assertEqual(first.id, second.id)
        self.assertEqual(len(self.world.op.code_exchanges), exchanges)

    def test_handover(self) -> None:
        """
        With a session: 302 to the route's callback, signed, the handle sealed, the authenticate cookie issued anew.
        """
        self.alice.sign_in()
        answer = self.alice.get(self.signed(pomerium_redirect_uri=R2 + "/x?y=1"))
        location = answer.header("location") or ""
        self.assertEqual(answer.status, 302)
        self.assertTrue(location.startswith(R2 + "/.pomerium/callback/?"))
        self.world.url_signer.verify(location, self.world.clock.seconds())
        self.assertEqual(query_of(location)["pomerium_redirect_uri"], R2 + "/x?y=1")
        self.assertIn("pomerium_session_encrypted", query_of(location))
        [cookie] = answer.headers("set-cookie")
        self.assertTrue(cookie.startswith("_pomerium_authenticate="))

    def test_signature_first(self) -> None:
        """
        A tampered, unsigned or expired link is 400, with a live session and without.
        """
        good = self.signed()
        old = self.signed()
        for signed_in in (False, True):
            if signed_in:
                self.alice.sign_in()
            bad = [
                good.replace("app.example", "chat.example"),
                f"{A}/.pomerium/sign_in",
                f"{A}/.pomerium/sign_in?{urlencode({'pomerium_redirect_uri': R})}",
                good + "&pomerium_redirect_uri=https://evil.example/",
            ]
            for url in bad:
                with self.subTest(url=url, signed_in=signed_in):
                    self.assertEqual(self.alice.get(url).status, 400)
        self.world.clock.advance(361.0)
        self.assertEqual(self.alice.get(old).status, 400)

    def test_leads_to_a_route_only(self) -> None:
        """
        Even a signed link never hands a session to an origin that is no route's.
        """
        self.alice.sign_in()
        for wanted in ("https://evil.example/", "https://app.example.com.evil.example/", "/x", A + "/", R + "@evil/"):
            with self.subTest(wanted=wanted):
                self.assertEqual(self.alice.get(self.signed(pomerium_redirect_uri=wanted)).status, 400)

    def test_script_without_session(self) -> None:
        """
        A script that is not signed in gets 401, not a page of the OP.
        """
        self.assertEqual(self.alice.get(self.signed(), {"X-Requested-With": "xmlhttprequest"}).status, 401)
        self.assertEqual(self.alice.get(self.signed(), SCRIPT).status, 401)

    def test_other_methods(self) -> None:
        """
        HEAD and the others are 405.
        """
        for method in ("HEAD", "PUT", "DELETE"):
            with self.subTest(method=method):
                answer = self.alice._ask(method, self.signed(), None, None)
                self.assertEqual((answer.status, answer.header("allow")), (405, "GET, POST"))

    def test_session_of_another_provider(self) -> None:
        """
        A session with another OP does not count; both can live side by side in one browser.
        """
        world = World(second_provider=True)
        self.addCleanup(world.stop)
        alice = UserAgent(world)
        first = alice.sign_in(R + "/")
        second = alice.sign_in(R2 + "/", idp_id=world.provider2.idp_id)
        self.assertEqual((second.iss, second.browser), (world.op2.issuer, first.browser))
        self.assertIsNotNone(world.registry.find(first.id))

    def test_unknown_provider(self) -> None:
        """
        A link for an OP that is not configured (any more) uses the default one.
        """
        location = self.alice.get(self.signed(pomerium_idp_id="gone")).header("location") or ""
        self.assertTrue(location.startswith("https://op.example.com/authorize?"))

    def test_stale_cookie_is_cleared(self) -> None:
        """
        On the way to the OP a cookie that names no live session is taken away.
        """
        self.end(self.alice.sign_in().id, Cause.EXPIRED)
        answer = self.alice.get(self.signed())
        self.assertEqual(answer.status, 302)
        self.assertIsNone(self.alice.cookie(A, "_pomerium_authenticate"))


class HeldTests(_Case):
    """
    After a person's own sign-out nothing signs them in again by itself.
    """

    def setUp(self) -> None:
        super().setUp()
        self.session = self.alice.sign_in()
        self.end(self.session.id)

    def test_holds(self) -> None:
        """
        The next tab that reloads gets a page, not the OP; a script 401; as often as they ask.
        """
        for _ in range(3):
            answer = self.alice.open(R2 + "/")
            self.assertEqual(answer.status, 200)
            self.assertIn("You signed out at", answer.text)
            self.assertEqual(self.alice.get(self.signed(), {"X-Requested-With": "x"}).status, 401)
        self.assertEqual(self.alice.questions, 1)

    def test_click(self) -> None:
        """
        The button signs in, and the OP asks who is there although it still knows the person.
        """
        page = self.alice.open(R2 + "/deep?x=1")
        answer = self.alice.post(A + "/.pomerium/sign_in", form_of(page.text))
        location = answer.header("location") or ""
        self.assertEqual((answer.status, query_of(location)["prompt"]), (303, "login"))
        asked = self.alice.questions
        back = self.alice.follow(answer)
        self.assertEqual(back.header("location"), R2 + "/deep?x=1")
        self.assertEqual(self.alice.questions, asked + 1)

    def test_late_click(self) -> None:
        """
        The button works as well after hours.
        """
        page = self.alice.open(R2 + "/deep")
        self.world.clock.advance(8 * 3600.0)
        landed = self.alice.follow(self.alice.post(A + "/.pomerium/sign_in", form_of(page.text)))
        self.assertEqual(landed.header("location"), R2 + "/deep")
        # The application itself then leads to the sign-in, which is silent.
        self.assertEqual(self.alice.follow(self.alice.open(R2 + "/deep")).header("location"), R2 + "/deep")

    def test_reprompt(self) -> None:
        """
        The `prompt` is what makes this OP ask: what it publishes, else what is configured for it, else `login`.
        """
        for published, configured, expected in (
            (None, "", "login"),
            (None, "consent", "login"),
            (None, "select_account", "select_account"),
            (None, "login select_account", "login"),
            (["none", "consent", "select_account"], "", "select_account"),
            (["none", "consent", "select_account"], "login", "select_account"),
            (["none", "login", "select_account"], "select_account", "login"),
            (["none"], "select_account", "login"),
        ):
            with self.subTest(published=published, configured=configured):
                world = World(settings={"request_params": {"prompt": configured} if configured else {}})
                self.addCleanup(world.stop)
                world.op.alterations["discovery"] = lambda said, published=published: {
                    **said,
                    "prompt_values_supported": published,
                }
                alice = UserAgent(world)
                ending = world.ending.sign_out([alice.sign_in().id], cause=Cause.USER_ROUTE, target=None)
                self.successResultOf(Deferred.fromCoroutine(ending))
                answer = alice.post(A + "/.pomerium/sign_in", form_of(alice.open(R + "/").text))
                self.assertEqual(query_of(answer.header("location") or "")["prompt"], expected)

    def test_click_of_somebody_else(self) -> None:
        """
        No other site can press the button, and none without the token.
        """
        form = form_of(self.alice.open(R + "/").text)
        url = A + "/.pomerium/sign_in"
        self.assertEqual(self.alice.post(url, form, FROM_ANOTHER_SITE).status, 400)
        self.assertEqual(self.alice.post(url, {**form, "_pomerium_csrf": "x"}).status, 400)
        self.assertEqual(self.alice.post(url, {name: form[name] for name in ("_pomerium_csrf",)}).status, 400)
        self.assertEqual(UserAgent(self.world).post(url, form).status, 400)

    def test_click_revokes_the_old_tokens_first(self) -> None:
        """
        The old tokens are revoked before new ones are asked for: some OPs would take these along later.
        """
        form = form_of(self.alice.open(R + "/").text)
        self.alice.post(A + "/.pomerium/sign_in", form)
        self.world.clock.advance(1.0)
        self.assertEqual(len(self.world.op.revocations), 2)

    def test_click_gives_up_waiting(self) -> None:
        """
        The receipt says that the OP never confirmed; what it said before the click stays said.
        """
        for before, after in (
            (OpLogout.PENDING, OpLogout.UNCONFIRMED),
            (OpLogout.NOT_SUPPORTED, OpLogout.NOT_SUPPORTED),
            (OpLogout.UNREACHABLE, OpLogout.UNREACHABLE),
        ):
            with self.subTest(before=before):
                alice = UserAgent(self.world)
                self.end(alice.sign_in().id)
                receipt_id = self.world.receipts[-1].id
                changing = self.world.registry.op_logout(receipt_id, before)
                self.successResultOf(Deferred.fromCoroutine(changing))
                alice.post(A + "/.pomerium/sign_in", form_of(alice.open(R + "/").text))
                receipt = self.world.registry.receipt(receipt_id)
                assert receipt is not None
                self.assertIs(receipt.op_logout, after)

    def test_click_with_the_store_down(self) -> None:
        """
        A click that cannot be recorded begins nothing, and the hold stays.
        """
        form = form_of(self.alice.open(R + "/").text)
        self.world.store.break_down()
        self.assertEqual(self.alice.post(A + "/.pomerium/sign_in", form).status, 503)
        self.assertEqual(self.alice.open(R + "/").status, 200)

    def test_click_in_two_tabs(self) -> None:
        """
        A second tab's button, pressed later, offers the way to where that tab was, without another sign-in.
        """
        first, second = (form_of(self.alice.open(R2 + path).text) for path in ("/one", "/two"))
        self.alice.follow(self.alice.post(A + "/.pomerium/sign_in", first))
        late = self.alice.post(A + "/.pomerium/sign_in", second)
        self.assertEqual(late.status, 400)
        self.assertIn(f'href="{R2}/two"', late.text)
        self.assertEqual(self.alice.follow(self.alice.open(R2 + "/two")).header("location"), R2 + "/two")

    def test_ends_with_the_return(self) -> None:
        """
        It ends when the OP has confirmed: the next sign-in goes to the OP without a page between.
        """
        receipt = self.world.registry.ended(self.session.id)
        assert receipt is not None
        self.successResultOf(Deferred.fromCoroutine(self.world.registry.op_logout(receipt.id, OpLogout.CONFIRMED)))
        self.assertEqual(self.alice.open(R + "/").status, 302)

    def test_not_after_expiry(self) -> None:
        """
        Only a person's own sign-out holds.
        """
        for cause in (Cause.EXPIRED, Cause.REFRESH_REFUSED, Cause.ADMINISTRATOR):
            with self.subTest(cause=cause):
                world = World()
                self.addCleanup(world.stop)
                alice = UserAgent(world)
                ending = world.ending.end([alice.sign_in().id], cause)
                self.successResultOf(Deferred.fromCoroutine(ending))
                self.assertEqual(alice.open(R + "/").status, 302)

    def test_another_browser(self) -> None:
        """
        Another browser of the same person is not held, nor signed out.
        """
        other = UserAgent(self.world)
        self.assertEqual(other.open(R + "/").status, 302)
