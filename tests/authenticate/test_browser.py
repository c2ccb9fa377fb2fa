"""
Tests for `pomerium_tx.authenticate.browser`.
"""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.authenticate.browser import Browsers, require_own_page
from pomerium_tx.logout.session_cookie import CookieSettings
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import Cause
from pomerium_tx.web.csrf import FIELD
from pomerium_tx.web.resource import HttpProblem, PageRequest
from tests.doubles.sessions import a_session
from tests.logout.world import START, A, World


def _request(
    cookies: str = "", *, query: Mapping[str, str] | None = None, fields: Mapping[str, str] | None = None
) -> PageRequest:
    given = {"cookie": cookies, **(fields or {})}
    return PageRequest(
        method="GET",
        path="/",
        origin=A,
        url=A + "/",
        raw_query=None,
        query=list((query or {}).items()),
        form_fields=[],
        client_address="",
        request_id="",
        fields={name.lower().encode(): [value.encode()] for name, value in given.items() if value},
    )


class BrowsersTests(SynchronousTestCase):
    """
    What a user agent's cookies say on the authenticate host.
    """

    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        self.browsers = Browsers(
            registry=self.world.registry,
            handles=self.world.handles,
            cookie=CookieSettings(),
            csrf=self.world.csrf,
            authenticate_host="authenticate.example.com",
            clock=self.world.clock,
        )

    def begin(self, **changes: object) -> Session:
        session = a_session(**{"began": START, **changes})
        self.successResultOf(Deferred.fromCoroutine(self.world.registry.begin(session, state_issued=START)))
        return session

    def cookie(self, session: Session) -> str:
        return self.browsers.session_cookie(session)[1].partition(";")[0]

    def test_session_with_each_provider(self) -> None:
        """
        A browser may have a session with each OP; two of one OP, or such of another browser, are none.
        """
        one = self.begin(browser="b", idp_id="a" * 32)
        late = self.begin(browser="b", idp_id="c" * 32, began=START + 1.0)
        twin = self.begin(browser="b", idp_id="a" * 32)
        foreign = self.begin(browser="another", idp_id="d" * 32)
        for sessions, expected in (
            ((one, late), (late, one)),
            ((one, twin), ()),
            ((one, foreign), ()),
            ((one, late, twin), ()),
        ):
            with self.subTest(sessions=sessions):
                cookies = "; ".join(
                    self.cookie(session).replace("_authenticate=", f"_authenticate_{number:016x}=")
                    for number, session in enumerate(sessions)
                )
                browser = self.browsers.read(_request(cookies))
                self.assertEqual((browser.sessions, browser.session), (expected, expected[0] if expected else None))
                for session in expected:
                    self.assertEqual(browser.session_of(session.idp_id), session)
                self.assertIsNone(browser.session_of("e" * 32))

    def test_stale_cookies(self) -> None:
        """
        A cookie that names nothing which lives is cleared, by its own name, and those of sessions that live are not.
        """
        one, two = self.begin(browser="b", idp_id="a" * 32), self.begin(browser="b", idp_id="c" * 32)
        other = self.cookie(two).replace("_authenticate=", f"_authenticate_{'c' * 16}=")
        browser = self.browsers.read(_request(f"{self.cookie(one)}; {other}"))
        self.assertEqual(self.browsers.without_stale_session(browser), ())
        self.successResultOf(Deferred.fromCoroutine(self.world.ending.end([two.id], Cause.ADMINISTRATOR)))
        cleared = [value.partition("=")[0] for _, value in self.browsers.without_stale_session(browser)]
        self.assertEqual(cleared, [f"_pomerium_authenticate_{'c' * 16}"])

    def test_token_outlives_another_session(self) -> None:
        """
        A page that was made with two sessions still works when one of them has ended.
        """
        one = self.begin(browser="b", idp_id="a" * 32)
        two = self.begin(browser="b", idp_id="c" * 32, began=START + 1.0)
        other = self.cookie(two).replace("_authenticate=", f"_authenticate_{'c' * 16}=")
        before = self.browsers.read(_request(f"{self.cookie(one)}; {other}"))
        secret = self.browsers.csrf_cookie(before)[1].partition(";")[0]
        asked = _request(query={FIELD: self.browsers.token(before)})
        self.successResultOf(Deferred.fromCoroutine(self.world.ending.end([two.id], Cause.ADMINISTRATOR)))
        now = self.browsers.read(_request(f"{self.cookie(one)}; {other}; {secret}"))
        self.assertEqual(now.session, one)
        self.assertTrue(self.browsers.has_token(now, _request(query={FIELD: self.browsers.token(before)})))
        self.assertFalse(self.browsers.has_token(self.browsers.read(_request(secret)), asked))

    def test_nobody(self) -> None:
        """
        Without cookies there is no session, and a fresh secret.
        """
        one, other = (self.browsers.read(_request()) for _ in range(2))
        self.assertEqual((one.session, one.handles, one.has_cookie, one.csrf_secrets), (None, (), False, ()))
        self.assertNotEqual(one.csrf_secret, other.csrf_secret)

    def test_session(self) -> None:
        """
        The cookie names a live session.
        """
        session = self.begin()
        browser = self.browsers.read(_request(self.cookie(session)))
        self.assertIs(browser.session, session)
        self.assertEqual(browser.session_ids, (session.id,))
        self.assertEqual(self.browsers.browser_id(browser), session.browser)

    def test_several(self) -> None:
        """
        Several different handles are no session, but all of them are known; the same twice is one.
        """
        first, second = self.begin(), self.begin()
        browser = self.browsers.read(_request(f"{self.cookie(first)}; {self.cookie(second)}"))
        self.assertIsNone(browser.session)
        self.assertEqual(browser.session_ids, (first.id, second.id))
        self.assertTrue(self.browsers.is_signed_in(browser))
        browser = self.browsers.read(_request(f"{self.cookie(first)}; {self.cookie(first)}"))
        self.assertIs(browser.session, first)

    def test_garbage(self) -> None:
        """
        What is no handle of ours is nothing.
        """
        browser = self.browsers.read(_request("_pomerium_authenticate=x; _pomerium_authenticate=; _pomerium_csrf=x"))
        self.assertEqual((browser.session, browser.handles, browser.csrf_secrets), (None, (), ()))

    def test_route_cookie_is_not_asked(self) -> None:
        """
        The cookie of route hosts, which a cookie domain brings along, does not count here.
        """
        handle = self.browsers.mint(self.begin(), ("host",))
        self.assertIsNone(self.browsers.read(_request(f"_pomerium={handle}")).session)

    def test_route_handle_is_not_ours(self) -> None:
        """
        A handle that a route host was given is worth nothing here, live or ended.
        """
        session = self.begin()
        audience = ("authenticate.example.com", "app.example.com")
        request = _request(f"_pomerium_authenticate={self.browsers.mint(session, audience)}")
        self.assertEqual(self.browsers.read(request).handles, ())

    def test_ended_one_beside(self) -> None:
        """
        The handle of a session that is no more takes nothing away from the one that lives.
        """
        live, ended = self.begin(), a_session()
        browser = self.browsers.read(_request(f"{self.cookie(ended)}; {self.cookie(live)}"))
        self.assertIs(browser.session, live)
        self.assertEqual(browser.session_ids, (ended.id, live.id))

    def test_departure(self) -> None:
        """
        A departure belongs to the user agent with the ended session's handle, or with its secret among others.
        """
        field, other = self.csrf()[0], self.csrf()[0]
        known = self.browsers.read(_request(field))
        session = self.begin(browser=self.browsers.browser_id(known))
        cookie = self.cookie(session)
        ending = self.world.ending.sign_out([session.id], cause=Cause.USER_ROUTE, target=None)
        departure = self.successResultOf(Deferred.fromCoroutine(ending)).departure
        assert departure is not None
        for cookies, expected in (
            (field, True),
            (f"{other}; {field}", True),
            (cookie, True),
            (f"{self.cookie(a_session())}; {cookie}", True),
            (other, False),
            (self.cookie(a_session()), False),
            ("", False),
        ):
            with self.subTest(cookies=cookies[:40]):
                self.assertIs(self.browsers.is_of(self.browsers.read(_request(cookies)), departure), expected)

    def test_stale_cookie(self) -> None:
        """
        A cookie is cleared if it names no live session, and only then.
        """
        live = self.browsers.read(_request(self.cookie(self.begin())))
        self.assertEqual(self.browsers.without_stale_session(live), ())
        self.assertEqual(self.browsers.without_stale_session(self.browsers.read(_request())), ())
        stale = self.browsers.read(_request(self.cookie(a_session())))
        [(name, value)] = self.browsers.without_stale_session(stale)
        self.assertEqual(name, "Set-Cookie")
        self.assertTrue(value.startswith("_pomerium_authenticate=; Path=/; Max-Age=0"))

    def csrf(self, cookies: str = "") -> tuple[str, str]:
        """
        The CSRF cookie of a fresh user agent, and its token with these further cookies.
        """
        field = self.browsers.csrf_cookie(self.browsers.read(_request()))[1].partition(";")[0]
        return field, self.browsers.token(self.browsers.read(_request(f"{field}; {cookies}")))

    def has_token(self, cookies: str, **more: Mapping[str, str]) -> bool:
        request = _request(cookies, **more)
        return self.browsers.has_token(self.browsers.read(request), request)

    def test_token(self) -> None:
        """
        A token counts in the field or as a parameter.
        """
        field, token = self.csrf()
        self.assertTrue(self.has_token(field, query={"_pomerium_csrf": token}))
        self.assertTrue(self.has_token(field, fields={"X-CSRF-Token": token}))
        self.assertFalse(self.has_token(field))

    def test_token_is_bound(self) -> None:
        """
        It counts with its own cookie, and its own session, only.
        """
        first, second = self.cookie(self.begin()), self.cookie(self.begin())
        field, token = self.csrf(first)
        other = self.csrf()[0]
        for cookies, expected in (
            (f"{field}; {first}", True),
            (f"{field}; {second}", False),
            (field, False),
            (f"{other}; {first}", False),
            (first, False),
        ):
            with self.subTest(cookies=cookies[:30]):
                self.assertIs(self.has_token(cookies, query={"_pomerium_csrf": token}), expected)

    def test_token_outlives_the_session(self) -> None:
        """
        The second click on a button gets the answer of the first, although the first has ended the session.
        """
        session = self.begin()
        field, token = self.csrf(cookie := self.cookie(session))
        ending = self.world.ending.sign_out([session.id], cause=Cause.USER_AUTHENTICATE, target=None)
        self.successResultOf(Deferred.fromCoroutine(ending))
        self.assertTrue(self.has_token(f"{field}; {cookie}", query={"_pomerium_csrf": token}))

    def test_browser_id_without_a_session(self) -> None:
        """
        Parallel tabs of one browser agree on its id; another browser has another.
        """
        one, other = self.csrf()[0], self.csrf()[0]
        ids = [self.browsers.browser_id(self.browsers.read(_request(cookie))) for cookie in (one, one, other)]
        self.assertEqual(ids[0], ids[1])
        self.assertNotEqual(ids[0], ids[2])

    def test_repr(self) -> None:
        """
        No secret gets into a log by way of a `repr`.
        """
        browser = self.browsers.read(_request())
        self.assertNotIn(repr(browser.csrf_secret), repr(browser))


class OwnPageTests(SynchronousTestCase):
    """
    Requests that change something.
    """

    def test_foreign(self) -> None:
        """
        Those of other sites' pages are 400, those of our own and of no page pass.
        """
        for fields, allowed in (
            ({}, True),
            ({"Sec-Fetch-Site": "same-origin"}, True),
            ({"Sec-Fetch-Site": "none"}, True),
            ({"Origin": A}, True),
            ({"Sec-Fetch-Site": "cross-site"}, False),
            ({"Sec-Fetch-Site": "same-site"}, False),
            ({"Origin": "https://evil.example"}, False),
            ({"Origin": "null"}, False),
        ):
            with self.subTest(fields=fields):
                if allowed:
                    require_own_page(_request(fields=fields))
                else:
                    problem = self.assertRaises(HttpProblem, require_own_page, _request(fields=fields))
                    self.assertEqual(problem.status, 400)
