"""
Tests for `pomerium_tx.dashboard.sign_out`: ``R/.pomerium/sign_out``.
"""

from __future__ import annotations

from urllib.parse import urlencode

from twisted.internet.defer import Deferred

from pomerium_tx.logout.session_cookie import CookieSettings
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.store import Cause
from tests.dashboard.cases import SIGN_OUT, SignOutCase
from tests.doubles.channel import Asked, ask
from tests.doubles.exchanges import MemoryExchange
from tests.logout.user_agent import UserAgent
from tests.logout.world import FROM_OWN_PAGE, NAVIGATION, R2, A, R, World, query_of


class NowTests(SignOutCase):
    """
    The person's own sign-out.
    """

    def test_ends_first(self) -> None:
        """
        The session has ended, everything open is cut and the cookie cleared, before the answer; the route cookie alone
        is enough.
        """
        session = self.alice.sign_in()
        exchange = MemoryExchange(kind="sse")
        self.world.registry.attach(session.id, exchange)
        self.alice.jar["authenticate.example.com"].clear()
        location = self.assert_signed_out(self.alice.get(SIGN_OUT, FROM_OWN_PAGE))
        self.assertIsNone(self.world.registry.find(session.id))
        self.assertEqual(exchange.causes, [Cause.USER_ROUTE])
        reference = query_of(location)["pomerium_ended"]
        self.assertIsNotNone(self.world.registry.departure(reference))

    def test_nothing_of_it_in_the_url(self) -> None:
        """
        Neither ID Token nor session id nor target is in the URL: the reference stands for all of it.
        """
        session = self.alice.sign_in()
        query = urlencode({"pomerium_redirect_uri": R2 + "/bye"})
        location = self.assert_signed_out(self.alice.get(f"{SIGN_OUT}?{query}", FROM_OWN_PAGE))
        for secret in (session.id, session.tokens.id_token, "bye", self.world.receipts[0].id):
            self.assertNotIn(secret, location)

    def test_every_way_of_a_person(self) -> None:
        """
        By the address bar, a link, a script's navigation or a form, GET or POST.
        """
        for method, headers in (
            ("GET", NAVIGATION),
            ("GET", FROM_OWN_PAGE),
            ("GET", {**FROM_OWN_PAGE, "Sec-Fetch-Dest": "empty"}),
            ("POST", FROM_OWN_PAGE),
            ("GET", {"Referer": R + "/page"}),
            ("POST", {"Origin": R}),
            ("GET", {}),
        ):
            with self.subTest(method=method, headers=headers):
                alice = UserAgent(self.world)
                session = alice.sign_in()
                answer = alice.get(SIGN_OUT, headers) if method == "GET" else alice.post(SIGN_OUT, {}, headers)
                self.assertIn("pomerium_ended", self.assert_signed_out(answer))
                self.assertIsNone(self.world.registry.find(session.id))

    def test_without_a_session(self) -> None:
        """
        The same answer without a session, with a tampered cookie or one that names an ended one; but no reference.
        """
        session = self.alice.sign_in()
        handle = self.alice.cookie(R, "_pomerium")
        assert handle is not None
        first = self.assert_signed_out(self.alice.get(SIGN_OUT, FROM_OWN_PAGE))
        self.world.clock.advance(700.0)
        for value in ("", handle, handle[:-2] + "xx", "garbage"):
            with self.subTest(value=value[:10]):
                alice = UserAgent(self.world)
                if value:
                    alice.jar["app.example.com"] = {("_pomerium", "/"): value}
                location = self.assert_signed_out(alice.get(SIGN_OUT, FROM_OWN_PAGE))
                self.assertNotIn("pomerium_ended", location)
                # What it shows of the ended one is sealed, and worth nothing to whoever has not its handle.
                more = {"pomerium_presented"} if value == handle else set()
                self.assertEqual(query_of(location).keys() - query_of(first).keys(), more)
                self.assertNotIn(session.id, location)
        self.assertEqual([one.session_ids for one in self.world.receipts], [(session.id,)])

    def test_twice(self) -> None:
        """
        A second sign-out gets the same reference.
        """
        self.alice.sign_in()
        before = dict(self.alice.jar["app.example.com"])
        first = self.assert_signed_out(self.alice.get(SIGN_OUT, FROM_OWN_PAGE))
        self.alice.jar["app.example.com"] = before
        second = self.assert_signed_out(self.alice.get(SIGN_OUT, FROM_OWN_PAGE))
        self.assertEqual(first, second)
        self.assertEqual(len(self.world.receipts), 1)

    def test_several_cookies(self) -> None:
        """
        Several cookies of the name, one of them planted, all count.
        """
        session, other = self.alice.sign_in(), UserAgent(self.world, "bob")
        bobs = other.sign_in()
        handles = [user_agent.cookie(R, "_pomerium") for user_agent in (self.alice, other)]
        cookies = f"_pomerium={handles[0]}; _pomerium=garbage; _pomerium={handles[1]}"
        answer = ask(
            self.world.routes, "/.pomerium/sign_out", headers=[*FROM_OWN_PAGE.items(), ("Cookie", cookies)], origin=R
        )
        self.assert_signed_out(answer)
        for one in (session, bobs):
            self.assertIsNone(self.world.registry.find(one.id))

    def test_cookie_attributes(self) -> None:
        """
        The cookie is cleared with the attributes that it was set with.
        """
        world = World(cookie=CookieSettings(domain="example.com", http_only=False, same_site="none"))
        self.addCleanup(world.stop)
        [field] = UserAgent(world).get(SIGN_OUT, FROM_OWN_PAGE).headers("set-cookie")
        self.assertLessEqual({"_pomerium=", "Domain=example.com", "Secure", "SameSite=None"}, set(field.split("; ")))
        self.assertNotIn("HttpOnly", field.split("; "))

    def test_everywhere_at_once(self) -> None:
        """
        Every other route is out too, immediately, in this process and in another; one can sign in again with a new id.
        """
        registry = SessionRegistry(self.world.store, self.world.clock)
        self.successResultOf(Deferred.fromCoroutine(registry.join()))
        self.addCleanup(registry.leave)
        session = self.alice.sign_in(R + "/")
        self.alice.sign_in(R2 + "/")
        exchange = MemoryExchange(kind="websocket")
        registry.attach(session.id, exchange)
        self.alice.get(SIGN_OUT, FROM_OWN_PAGE)
        self.assertIsNone(self.alice.session(R2))
        self.assertIsNone(registry.find(session.id))
        self.assertEqual(exchange.causes, [Cause.USER_ROUTE])

    def test_store_down(self) -> None:
        """
        If the end cannot be recorded: 503, the cookie kept, nothing ended, and the page says so.
        """
        session = self.alice.sign_in()
        self.world.store.break_down()
        answer = self.alice.get(SIGN_OUT, FROM_OWN_PAGE)
        self.assertEqual((answer.status, answer.headers("set-cookie")), (503, []))
        self.assertIn("Nothing was signed out", answer.text)
        self.assertIsNotNone(self.world.registry.find(session.id))
        self.world.store.failure = None
        self.assert_signed_out(self.alice.get(SIGN_OUT, FROM_OWN_PAGE))

    def test_provider_down(self) -> None:
        """
        Whatever the OP does, or does not, the session is gone before anybody is sent to it.
        """
        session = self.alice.sign_in()
        self.world.http.is_held = True
        self.world.clock.advance(4000.0)
        self.assert_signed_out(self.alice.get(SIGN_OUT, FROM_OWN_PAGE))
        self.assertIsNone(self.world.registry.find(session.id))

    def test_other_methods(self) -> None:
        """
        Others, HEAD too, are 405 with `Allow`.
        """
        session = self.alice.sign_in()
        for method in ("HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"):
            with self.subTest(method=method):
                answer = self.alice._ask(method, SIGN_OUT, FROM_OWN_PAGE, None)
                self.assertEqual((answer.status, answer.header("allow")), (405, "GET, POST"))
        self.assertIsNotNone(self.world.registry.find(session.id))


class TargetTests(SignOutCase):
    """
    Where the person wants to land.
    """

    def target(self, answer: Asked, world: World | None = None) -> str | None:
        query = query_of(answer.header("location") or "")
        if "pomerium_ended" not in query:
            return query.get("pomerium_redirect_uri")
        departure = (world or self.world).registry.departure(query["pomerium_ended"])
        assert departure is not None
        return departure.target

    def test_as_printed(self) -> None:
        """
        The one-liner of the documentation works as printed: a route's own origin, in the query or in a form.
        """
        for wanted in (R + "/bye", R2 + "/", A + "/.pomerium/", "https://allowed.example.net/x"):
            for by_form in (False, True):
                with self.subTest(wanted=wanted, by_form=by_form):
                    alice = UserAgent(self.world)
                    alice.sign_in()
                    fields = {"pomerium_redirect_uri": wanted}
                    if by_form:
                        answer = alice.post(SIGN_OUT, fields)
                    else:
                        answer = alice.get(f"{SIGN_OUT}?{urlencode(fields)}", FROM_OWN_PAGE)
                    self.assertEqual(self.target(answer), wanted)

    def test_without_a_session(self) -> None:
        """
        The target is kept without a session as well.
        """
        answer = self.alice.get(f"{SIGN_OUT}?{urlencode({'pomerium_redirect_uri': R2 + '/'})}", FROM_OWN_PAGE)
        self.assertEqual(self.target(answer), R2 + "/")

    def test_foreign(self) -> None:
        """
        Any other target is ignored, not an error; the setting counts, if there is one.
        """
        for wanted in ("https://evil.example/", "/relative", "", "//evil.example"):
            for default in (None, "https://www.example.com/"):
                with self.subTest(wanted=wanted, default=default):
                    world = World(target_default=default)
                    self.addCleanup(world.stop)
                    alice = UserAgent(world)
                    alice.sign_in()
                    query = urlencode({"pomerium_redirect_uri": wanted})
                    answer = alice.get(f"{SIGN_OUT}?{query}", FROM_OWN_PAGE)
                    self.assertEqual(answer.status, 302)
                    self.assertEqual(self.target(answer, world), default)

    def test_any(self) -> None:
        """
        With the runtime flag, any absolute URL, before the setting.
        """
        world = World(target_default="https://www.example.com/", any_target=True)
        self.addCleanup(world.stop)
        alice = UserAgent(world)
        alice.sign_in()
        query = urlencode({"pomerium_redirect_uri": "https://anywhere.example/"})
        answer = alice.get(f"{SIGN_OUT}?{query}", FROM_OWN_PAGE)
        self.assertEqual(self.target(answer, world), "https://anywhere.example/")
