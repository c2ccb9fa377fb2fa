"""
Tests of `pomerium_tx.authorize.by_token`: what becomes of a request with a bearer token.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.authorize.bearer import Settle, Standing
from pomerium_tx.authorize.by_token import by_token
from pomerium_tx.authorize.read import Read
from pomerium_tx.authorize.verdict import TOKEN_OVER, TOKEN_PENDING, TOKEN_REFUSED, Action, Verdict
from pomerium_tx.http11.heads import HeadLimits, RequestHead
from pomerium_tx.http11.remembered_heads import request_head
from pomerium_tx.sessions.handle import NOTHING_PRESENTED, Carrier, Presented
from pomerium_tx.sessions.session import Session
from tests.authorize.asking import PUBLIC, CheckTestCase
from tests.policy.people import alice
from tests.routing.routes import a_route
from tests.sessions.test_bearers import session

COOKIE = Presented(Carrier.COOKIE, (), True)
ORIGIN = "https://app.example.com"
ROUTE = a_route(ORIGIN)


def head(*fields: str) -> RequestHead:
    """
    The head of a request with these fields.
    """
    lines = ("GET / HTTP/1.1", "Host: app.example.com", *fields, "", "")
    return request_head("\r\n".join(lines).encode(), HeadLimits())


class Bearer:
    """
    A route's tokens, of which one thing is known.
    """

    def __init__(self, found: Session | Standing, *, refuses_cookie: bool = False) -> None:
        self.found = found
        self.refuses_cookie = refuses_cookie
        self.digests = 0

    def digest(self, token: bytes) -> str:
        self.digests += 1
        return "digest of " + token.decode()

    def find(self, digest: str) -> Session | Standing:
        assert digest == "digest of t"
        return self.found

    def settle(self, token: bytes, digest: str) -> Settle:
        assert (token, digest) == (b"t", "digest of t")

        async def settle(address: str, user_agent: str) -> None:
            raise AssertionError

        return settle


class ByTokenTests(SynchronousTestCase):
    """
    Before any policy is asked.
    """

    def ask(self, bearer: Bearer, *fields: str, presented: Presented = NOTHING_PRESENTED) -> Verdict:
        verdict = by_token(bearer, head(*fields), Read(presented, [], has_authorization=True), ROUTE, ORIGIN)
        assert isinstance(verdict, Verdict)
        self.assertFalse(verdict.allow)
        self.assertIsNone(verdict.session)
        self.assertTrue(verdict.presented.outside_cookie)
        return verdict

    def test_standings(self) -> None:
        """
        Nothing known: it waits; refused: 403; over: 401. Never a page to sign in.
        """
        for standing, action, status, reason, why in (
            (Standing.UNKNOWN, Action.HOLD, 503, "Service Unavailable", TOKEN_PENDING),
            (Standing.REFUSED, Action.DENY, 403, "Forbidden", TOKEN_REFUSED),
            (Standing.OVER, Action.UNAUTHORIZED, 401, "Unauthenticated", TOKEN_OVER),
        ):
            with self.subTest(standing):
                verdict = self.ask(Bearer(standing), "Authorization: Bearer t")
                self.assertEqual((verdict.action, verdict.status, verdict.reason), (action, status, reason))
                self.assertEqual((verdict.denials, verdict.route, verdict.origin), ((why,), ROUTE, ORIGIN))
                self.assertEqual(verdict.settle is not None, action is Action.HOLD)

    def test_without_token(self) -> None:
        """
        Who presents no token is asked about as everywhere.
        """
        bearer = Bearer(Standing.REFUSED, refuses_cookie=True)
        for fields in ((), ("Authorization: Pomerium h",), ("Authorization: Basic x",)):
            self.assertIsNone(by_token(bearer, head(*fields), Read(COOKIE, [], has_authorization=True), ROUTE, ORIGIN))

    def test_several(self) -> None:
        """
        Two credentials are 400; a token beside a cookie is where the route says so, be the cookie any good or not.
        """
        two = ("Authorization: Bearer t", "Authorization: Bearer t")
        verdict = self.ask(Bearer(session("token")), *two)
        self.assertEqual((verdict.status, verdict.reason), (400, "Bad Request"))
        strict = Bearer(session("token"), refuses_cookie=True)
        self.assertEqual(self.ask(strict, two[0], presented=COOKIE).status, 400)
        found = by_token(
            Bearer(session("token")), head(two[0]), Read(COOKIE, [], has_authorization=True), ROUTE, ORIGIN
        )
        self.assertIsInstance(found, tuple)
        self.assertIsInstance(
            by_token(strict, head(two[0]), Read(NOTHING_PRESENTED, [], has_authorization=True), ROUTE, ORIGIN), tuple
        )

    def test_session(self) -> None:
        """
        The token's session is the one that counts, by its own provider; the same fields are read once.
        """
        bearer = Bearer(session("token"))
        same, read = head("Authorization: Bearer t"), Read(NOTHING_PRESENTED, [], has_authorization=True)
        first, second = (by_token(bearer, same, read, ROUTE, ORIGIN) for _ in range(2))
        assert isinstance(first, tuple) and isinstance(second, tuple)
        self.assertEqual((first[0].session_id, first[1]), ("token", "op"))
        self.assertIs(first[0], second[0])
        self.assertEqual(bearer.digests, 1)
        beside_cookie = Read(COOKIE, [], has_authorization=True)
        other = by_token(bearer, same, beside_cookie, ROUTE, ORIGIN)
        assert isinstance(other, tuple)
        self.assertIsNot(other[0], first[0])
        self.assertTrue(other[0].presented.outside_cookie)
        by_token(bearer, same, read, ROUTE, ORIGIN)
        bearer.found = session("later")
        third = by_token(bearer, same, read, ROUTE, ORIGIN)
        assert isinstance(third, tuple)
        self.assertEqual(third[0].session_id, "later")


class RouteTests(CheckTestCase):
    """
    Which routes take tokens.
    """

    def test_only_there(self) -> None:
        """
        A token counts on the route that takes it, whatever provider its session is of, and is the application's
        elsewhere; a token that is refused there says nothing elsewhere.
        """
        route, other = a_route("https://app.example.com"), a_route("https://public.example.com", policy=PUBLIC)
        found = alice(id="of-token", idp_id="issuer-of-tokens")
        self.known.live[found.id] = found
        bearer = Bearer(found)
        self.make(route, other, bearers={route.id: bearer})
        with_token = {"Authorization": "Bearer t"}
        verdict = self.ask("app.example.com/", with_token)
        self.assertEqual((verdict.action, verdict.session), (Action.PROCEED, found))
        bearer.found = Standing.REFUSED
        self.assert_action(self.ask("app.example.com/", with_token), Action.DENY, 403)
        verdict = self.ask("public.example.com/", with_token)
        self.assertEqual((verdict.action, verdict.session, verdict.live), (Action.PROCEED, None, ()))
        self.make(route)
        self.assert_action(self.ask("app.example.com/", with_token), Action.SIGN_IN, 302)
