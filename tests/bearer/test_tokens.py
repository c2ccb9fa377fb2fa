"""
Tests of `pomerium_tx.bearer.tokens`: each token is verified once, so many at a time.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.authorize.bearer import TokenUnknown
from pomerium_tx.bearer import tokens as module
from pomerium_tx.bearer.kinds import Believed
from pomerium_tx.bearer.tokens import BearerTokens
from pomerium_tx.jose.jwt import InvalidToken
from pomerium_tx.oidc.fetch import ProviderUnavailable
from pomerium_tx.oidc.presented_token import PresentedToken
from pomerium_tx.sessions.memory import MemoryStore
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import Session, Tokens


class Kind:
    """
    Believes what a test says.
    """

    scope = key = "kind"
    refuses_cookie = False

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: list[Deferred[None]] = []
        self.expires: float | None = 1000.0
        self.issued: float | None = None

    def admits(self, session: Session) -> bool:
        return True

    async def believed(self, raw: str) -> Believed:
        self.asked.append(raw)
        answer: Deferred[None] = Deferred()
        self.answers.append(answer)
        await answer
        token = PresentedToken(
            iss="https://op.example.com",
            sub="alice",
            sid=None,
            issued=self.issued,
            expires=self.expires,
            claims={"email": ("alice@example.com",)},
        )
        tokens = Tokens(id_token="", access_token=raw, access_token_expires=self.expires)
        return Believed(token=token, idp_id="op", client_id="rp1", user_id="alice", tokens=tokens)


class BearerTokensTests(SynchronousTestCase):
    """
    From a token to a session.
    """

    def setUp(self) -> None:
        self.clock, self.kind = Clock(), Kind()
        self.clock.advance(100.0)
        self.registry = SessionRegistry(MemoryStore(), self.clock)
        self.successResultOf(Deferred.fromCoroutine(self.registry.join()))
        self.addCleanup(self.registry.leave)
        self.begun: list[Session] = []
        self.tokens = BearerTokens(
            registry=self.registry, key=b"key", clock=self.clock, lifetime=500.0, session_begun=self.begun.append
        )

    def settle(self, raw: bytes = b"token", address: str = "192.0.2.1") -> Deferred[None]:
        digest = self.tokens.digest(raw)
        return Deferred.fromCoroutine(
            self.tokens.settle(raw, digest, self.kind, address=address, user_agent="Program/1")
        )

    def answer(self, problem: Exception | None = None) -> None:
        answer = self.kind.answers.pop(0)
        if problem is None:
            answer.callback(None)
        else:
            answer.errback(problem)

    def found(self, raw: bytes = b"token") -> Session | None:
        return self.tokens.session(self.tokens.digest(raw), self.kind)

    def test_begins(self) -> None:
        """
        A token that is believed has a session, as long as it lives and at most as long as any; of no browser.
        """
        settled = self.settle()
        self.answer()
        self.successResultOf(settled)
        session = self.found()
        assert session is not None
        self.assertEqual(self.begun, [session])
        self.assertEqual((session.expires, session.browser, session.user_agent), (600.0, session.id, "Program/1"))
        self.assertEqual((session.email, session.user_id, session.id_token_iat), ("alice@example.com", "alice", 100.0))
        self.clock.advance(500.0)
        self.assertIsNone(self.found())
        self.assertTrue(self.tokens.is_over(self.tokens.digest(b"token"), self.kind))

    def test_expires_with_the_token(self) -> None:
        """
        A session ends with its token, if that is sooner.
        """
        self.kind.expires = 150.0
        self.settle()
        self.answer()
        session = self.found()
        assert session is not None
        self.assertEqual(session.expires, 150.0)

    def test_unknown_life(self) -> None:
        """
        A token that does not say when it expires has a session as long as any.
        """
        self.kind.expires = None
        self.settle()
        self.answer()
        session = self.found()
        assert session is not None
        self.assertEqual(session.expires, 600.0)

    def test_once(self) -> None:
        """
        Many who present one token at the same time have it verified once; who leaves takes nothing from the others.
        """
        waiting = [self.settle() for _ in range(5)]
        waiting[0].addErrback(lambda reason: None)
        waiting[1].addErrback(lambda reason: None)
        waiting[0].cancel()
        waiting[1].cancel()
        self.assertEqual(self.kind.asked, ["token"])
        self.answer()
        for one in waiting[2:]:
            self.successResultOf(one)
        self.assertEqual(len(self.begun), 1)

    def test_nobody_waits_any_more(self) -> None:
        """
        A token that was asked about is settled although everybody has gone.
        """
        waiting = self.settle()
        waiting.addErrback(lambda reason: None)
        waiting.cancel()
        self.answer()
        self.assertIsNotNone(self.found())

    def test_refused(self) -> None:
        """
        What must not be believed is remembered for a minute.
        """
        settled = self.settle()
        self.answer(InvalidToken("wrong"))
        self.successResultOf(settled)
        digest = self.tokens.digest(b"token")
        self.assertTrue(self.tokens.is_refused(digest, self.kind))
        self.assertFalse(self.tokens.is_over(digest, self.kind))
        self.clock.advance(60.0)
        self.assertFalse(self.tokens.is_refused(digest, self.kind))

    def test_malformed(self) -> None:
        """
        What is no token is asked of nobody.
        """
        for raw in (b"", b"a b", b"\xff", b"x" * 20_000, b"a\nb"):
            self.successResultOf(self.settle(raw))
            self.assertTrue(self.tokens.is_refused(self.tokens.digest(raw), self.kind))
        self.assertEqual(self.kind.asked, [])

    def test_unavailable(self) -> None:
        """
        A provider that cannot be asked leaves everything open, for all who wait.
        """
        waiting = [self.settle() for _ in range(2)]
        self.answer(ProviderUnavailable("down"))
        for one in waiting:
            self.failureResultOf(one, TokenUnknown)
        digest = self.tokens.digest(b"token")
        self.assertFalse(self.tokens.is_refused(digest, self.kind) or self.tokens.is_over(digest, self.kind))

    def test_our_fault(self) -> None:
        """
        A fault of ours is written down, and lets nobody in.
        """
        settled = self.settle()
        self.answer(ZeroDivisionError())
        self.failureResultOf(settled, TokenUnknown)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertIsNone(self.found())

    def test_bounds(self) -> None:
        """
        So many tokens of one address are verified at a time, and so many of all; then others have to come again.
        """
        for number in range(module.MOST_OF_ONE_ADDRESS):
            self.settle(b"a%d" % number)
        self.failureResultOf(self.settle(b"one-more"), TokenUnknown)
        # Those that are being verified may be waited for all the same.
        self.assertNoResult(self.settle(b"a0"))
        for number in range(module.MOST_AT_ONCE - module.MOST_OF_ONE_ADDRESS):
            self.assertNoResult(self.settle(b"b%d" % number, address=f"198.51.100.{number}"))
        self.failureResultOf(self.settle(b"c", address="203.0.113.1"), TokenUnknown)
        self.answer()
        self.assertNoResult(self.settle(b"c", address="203.0.113.1"))

    def test_many_refused(self) -> None:
        """
        However many wrong tokens come, only so many are remembered.
        """
        for number in range(module.MOST_REFUSED + 100):
            self.settle(b"a b%d" % number)
        self.assertEqual(len(self.tokens._refused), module.MOST_REFUSED)

    def test_digest(self) -> None:
        """
        Nobody can tell a token's digest without the key, nor the token from it.
        """
        other = BearerTokens(
            registry=self.registry, key=b"other", clock=self.clock, lifetime=1.0, session_begun=self.begun.append
        )
        self.assertNotEqual(other.digest(b"token"), self.tokens.digest(b"token"))
        self.assertRegex(self.tokens.digest(b"token"), r"\A[A-Za-z0-9_-]{44}\Z")

    def test_what_is_signed(self) -> None:
        """
        Two signatures of one JWT show that they are of the same; two tokens whose first parts say what kind they are do
        not.
        """

        def halves(raw: bytes) -> tuple[str, str]:
            digest = self.tokens.digest(raw)
            return digest[:22], digest[22:]

        for start in (b"eyJhbGciOiJFUzI1NiJ9", b"eyAiYWxnIjoiRVMyNTYifQ", b"ewoiYWxnIjoiRVMyNTYifQ"):
            one, two = halves(start + b".claims.one"), halves(start + b".claims.two")
            self.assertEqual((one[0] == two[0], one[1] == two[1]), (True, False))
            self.assertNotEqual(one[0], halves(start + b".other.one")[0])
        for one_raw, two_raw in (
            (b"v2.local.one", b"v2.local.two"),
            (b"eya.b.c.one", b"eya.b.c.two"),
            (b"ey.1", b"ey.2"),
        ):
            self.assertNotEqual(halves(one_raw)[0], halves(two_raw)[0])
