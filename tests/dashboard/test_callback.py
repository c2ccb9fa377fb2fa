"""
Tests for `pomerium_tx.dashboard.callback`: the end of a sign-in on a route host.
"""

from __future__ import annotations

from urllib.parse import urlencode

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.logout.handover import Handover, Handovers
from pomerium_tx.logout.session_cookie import CookieSettings
from pomerium_tx.sessions.store import Cause, StoreUnavailable
from tests.doubles.channel import Asked
from tests.logout.user_agent import UserAgent
from tests.logout.world import R2, A, R, World, query_of

WANTED = R + "/wanted?x=%2F"
COOKIE = ("_pomerium", "/")
LOGIN = ("_pomerium_login", "/")


class RouteCallbackTests(SynchronousTestCase):
    """
    ``/.pomerium/callback/``.
    """

    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        self.alice = UserAgent(self.world)

    def callback(self, alice: UserAgent | None = None, wanted: str = WANTED) -> str:
        """
        The URL by which the authenticate host hands the session over.
        """
        alice = alice or self.alice
        asked = alice.open(wanted)
        for _ in range(5):
            location = asked.header("location") or ""
            if "/.pomerium/callback/" in location:
                return location
            if location.startswith("https://op."):
                location = alice.at_provider(location)
            asked = alice.get(location)
        raise AssertionError(asked.text)

    def sign(self, url: str, **parameters: str) -> str:
        return self.world.url_signer.sign(f"{url}?{urlencode(parameters)}", self.world.clock.seconds())

    def assert_no_cookie(self, answer: Asked, status: int) -> None:
        self.assertEqual(answer.status, status, answer.text)
        self.assertEqual(answer.headers("set-cookie"), [])

    def test_success(self) -> None:
        """
        The route's cookie, and 302 to where the person wanted to be, byte for byte.
        """
        answer = self.alice.get(self.callback())
        self.assertEqual((answer.status, answer.header("location")), (302, WANTED))
        [field] = answer.headers("set-cookie")
        self.assertTrue(field.startswith("_pomerium="))
        self.assertIn("HttpOnly", field.split("; "))
        self.assertIsNotNone(self.alice.session(R))

    def test_cookie_options(self) -> None:
        """
        The cookie follows the options, and is always Secure.
        """
        world = self.world = World(
            cookie=CookieSettings(name="sso", domain="example.com", http_only=False, same_site="none", lifetime=60.0)
        )
        self.addCleanup(world.stop)
        alice = UserAgent(world)
        [field] = alice.get(self.callback(alice)).headers("set-cookie")
        self.assertEqual(
            field.split("; ")[1:],
            ["Path=/", "Domain=example.com", "Expires=Tue, 14 Nov 2023 22:14:20 GMT", "Secure", "SameSite=None"],
        )

    def test_signature(self) -> None:
        """
        Unsigned, changed, too old or signed for another host: 400.
        """
        url = self.callback()
        for bad in (
            url.replace("wanted", "other"),
            url.replace(R, R2, 1),
            R + "/.pomerium/callback/",
            url + "&pomerium_redirect_uri=" + R,
        ):
            with self.subTest(bad=bad):
                self.assert_no_cookie(self.alice.get(bad), 400)
        self.world.clock.advance(361.0)
        self.assert_no_cookie(self.alice.get(url), 400)

    def test_own_origin_only(self) -> None:
        """
        Nobody is sent to another origin, although it be signed.
        """
        sealed = query_of(self.callback())["pomerium_session_encrypted"]
        for wanted in (R2 + "/", "https://evil.example/", R + "@evil.example/", R + ".evil.example/", "/x", ""):
            with self.subTest(wanted=wanted):
                url = self.sign(
                    R + "/.pomerium/callback/", pomerium_redirect_uri=wanted, pomerium_session_encrypted=sealed
                )
                self.assert_no_cookie(self.alice.get(url), 400)

    def test_unreadable_session(self) -> None:
        """
        A signed link whose session cannot be opened is 500.
        """
        forged = Handovers(self.world.sealer).seal(Handover(handle="garbage", login="x"))
        for sealed in ("", "x", self.world.sealer.seal("hold", b"{}"), forged):
            with self.subTest(sealed=sealed):
                url = self.sign(
                    R + "/.pomerium/callback/", pomerium_redirect_uri=WANTED, pomerium_session_encrypted=sealed
                )
                self.assert_no_cookie(self.alice.get(url), 500)

    def test_browser_that_did_not_begin(self) -> None:
        """
        Without the login cookie: 400 with a link to begin; the link still works for whom it was made for.
        """
        url = self.callback()
        answer = UserAgent(self.world).get(url)
        self.assert_no_cookie(answer, 400)
        self.assertIn(f'href="{WANTED}"', answer.text)
        self.assertEqual(self.alice.get(url).header("location"), WANTED)
        self.assertIsNotNone(self.alice.session(R))

    def test_another_browser(self) -> None:
        """
        With another login cookie: nobody becomes somebody else, the sign-in begins anew.
        """
        url = self.callback()
        bob = UserAgent(self.world, "bob")
        bob.open(R + "/")
        answer = bob.get(url)
        self.assert_no_cookie(answer, 302)
        self.assertEqual(answer.header("location"), WANTED)

    def test_several_login_cookies(self) -> None:
        """
        A login cookie that a sibling host has planted in front of ours keeps nobody out.
        """
        url = self.callback()
        jar = self.alice.jar["app.example.com"]
        self.alice.jar["app.example.com"] = {("_pomerium_login", "/.pomerium/callback"): "A" * 22, **jar}
        self.assertEqual(self.alice.get(url).header("location"), WANTED)
        self.assertIsNotNone(self.alice.session(R))

    def test_single_use(self) -> None:
        """
        A second use leads on where the cookie is there already, and else says so; the cookie is set once.
        """
        url = self.callback()
        self.alice.get(url)
        answer = self.alice.get(url)
        self.assert_no_cookie(answer, 302)
        self.assertEqual(answer.header("location"), WANTED)
        self.alice.jar["app.example.com"].pop(COOKIE)
        answer = self.alice.get(url)
        self.assert_no_cookie(answer, 400)
        self.assertIn(f'href="{WANTED.replace("&", "&amp;")}"', answer.text)

    def test_second_use_after_the_end(self) -> None:
        """
        After a sign-out the link in the history gives nothing back.
        """
        url = self.callback()
        self.alice.get(url)
        session = self.alice.session(R)
        assert session is not None
        ending = self.world.ending.sign_out([session.id], cause=Cause.USER_ROUTE, target=None)
        self.successResultOf(Deferred.fromCoroutine(ending))
        self.assert_no_cookie(self.alice.get(url), 400)

    def test_signed_out_meanwhile(self) -> None:
        """
        If the session has ended on the way, the person is told, with a link to sign in.
        """
        url = self.callback()
        session = self.alice.session(A)
        assert session is not None
        ending = self.world.ending.sign_out([session.id], cause=Cause.USER_ROUTE, target=None)
        self.successResultOf(Deferred.fromCoroutine(ending))
        answer = self.alice.get(url)
        self.assert_no_cookie(answer, 401)
        self.assertIn("You were signed out while signing in", answer.text)

    def test_replaced_meanwhile(self) -> None:
        """
        If another tab's sign-in has replaced the session, the person goes on, and is signed in by that one.
        """
        url = self.callback()
        session = self.alice.session(A)
        assert session is not None
        self.successResultOf(Deferred.fromCoroutine(self.world.ending.end([session.id], Cause.REPLACED)))
        answer = self.alice.get(url)
        self.assert_no_cookie(answer, 302)
        self.assertEqual(answer.header("location"), WANTED)

    def test_earlier_cookie(self) -> None:
        """
        A session that only this host's cookie still named is over: a browser is one person.
        """
        first = self.alice.sign_in(R + "/")
        self.alice.jar["authenticate.example.com"].clear()
        self.alice.get(self.callback())
        session = self.alice.session(R)
        assert session is not None
        self.assertNotEqual(session.id, first.id)
        self.assertIsNone(self.world.registry.find(first.id))

    def test_session_of_another_provider(self) -> None:
        """
        A session with another OP in this host's cookie goes on: only one of the same OP is replaced.
        """
        world = self.world = World(second_provider=True)
        self.addCleanup(world.stop)
        alice = UserAgent(world)
        first = alice.sign_in(R + "/", idp_id=world.provider2.idp_id)
        alice.get(self.callback(alice))
        self.assertIsNotNone(world.registry.find(first.id))

    def test_earlier_session_cannot_be_ended(self) -> None:
        """
        If it cannot be ended, the new one is not given out.
        """
        self.alice.sign_in(R + "/")
        self.alice.jar["authenticate.example.com"].clear()
        url = self.callback()

        async def fail(*_: object) -> None:
            raise StoreUnavailable("out of order")

        self.patch(self.world.ending, "end", fail)
        self.assert_no_cookie(self.alice.get(url), 503)

    def test_store_down(self) -> None:
        """
        If its single use cannot be recorded it is not used: 503, and later it works.
        """
        url = self.callback()
        self.world.store.break_down()
        self.assert_no_cookie(self.alice.get(url), 503)
        self.world.store.failure = None
        self.assertEqual(self.alice.get(url).header("location"), WANTED)

    def test_methods(self) -> None:
        """
        GET only.
        """
        answer = self.alice.post(self.callback(), {})
        self.assertEqual((answer.status, answer.header("allow")), (405, "GET"))
