"""
Bearer tokens of the provider and of other issuers, from a program's request to the sign-out.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from twisted.internet.defer import Deferred

from pomerium_tx.demo.logout_tokens import logout_claims
from pomerium_tx.demo.messages import Fault
from pomerium_tx.http11 import remembered_heads
from pomerium_tx.jose.signer import derived_signer
from pomerium_tx.sessions.provider_logout import ProviderLogout
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import Cause, StoreUnavailable
from tests.doubles.peers import UserAgent
from tests.scenarios.browser import Response
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, CONFIG, OP, OPEN, WorldTestCase

CI = "https://ci.example.org"
PROGRAM = "192.0.2.77"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def routes(**settings: Any) -> list[dict[str, Any]]:
    """
    The usual routes, the first one with *settings*.
    """
    return [{**CONFIG["routes"][0], **settings}, *CONFIG["routes"][1:]]


def _resigned(token: str) -> str:
    """
    The same with the other signature that verifies: of ``(r, s)`` it is ``(r, n - s)``.
    """
    signed, _, signature = token.rpartition(".")
    octets = base64.urlsafe_b64decode(signature + "==")
    other = P256_ORDER - int.from_bytes(octets[32:], "big")
    return f"{signed}.{base64.urlsafe_b64encode(octets[:32] + other.to_bytes(32, 'big')).rstrip(b'=').decode()}"


class TokenCase(WorldTestCase):
    """
    A program with tokens of alice's.
    """

    def ask(self, token: str, url: str = APP + "/", **fields: str) -> Response:
        return self.browser(address=PROGRAM).once("GET", url, {"Authorization": f"Bearer {token}", **fields})

    def open(
        self, token: str, *fields: str, method: str = "GET", content: bytes = b"", peer: str = PROGRAM
    ) -> UserAgent:
        """
        A request that need not be answered yet.
        """
        return self.browser(address=peer).open(
            method, APP + "/", f"Authorization: Bearer {token}", *fields, content=content
        )

    def signed_in(self) -> Session:
        """
        Alice's own session, which has tokens for our client.
        """
        self.sign_in(self.browser())
        [session] = self.house.registry.sessions()
        return session

    def of_token(self) -> list[Session]:
        """
        The sessions that began with a token.
        """
        return [session for session in self.house.registry.sessions() if session.browser == session.id]

    def end(self, session: Session, cause: Cause) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.house.ending.end([session.id], cause)))
        self.settle()


class AccessTokenTests(TokenCase):
    """
    ``bearer_token_format: idp_access_token``.
    """

    settings = {"routes": routes(bearer_token_format="idp_access_token")}

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.signed_in()
        self.token = self.alice.tokens.access_token
        self.app.take()

    @property
    def asked(self) -> int:
        return len(self.provider.userinfo_calls)

    def test_believed_once(self) -> None:
        """
        The OP is asked once for each token; then its session is known, one of its own, with the person's identity.
        """
        before = self.asked
        for _ in range(3):
            self.assertEqual(self.ask(self.token).text, "ok")
        self.assertEqual(self.asked, before + 1)
        [session] = self.of_token()
        self.assertEqual((session.sub, session.email), (self.alice.sub, "alice@example.com"))
        self.assertNotEqual(session.browser, self.alice.browser)
        self.assertIsNone(session.tokens.refresh_token)
        heard = self.app.take()
        self.assertIn(f"Bearer {self.token}".encode(), heard)
        self.assertIn(b"X-Pomerium-Jwt-Assertion", heard)

    def test_forgotten(self) -> None:
        """
        With the end of its session nothing is remembered of the requests that presented it, nor the token itself.
        """
        token = self.token.encode()

        def remembered() -> list[bool]:
            reads = self.house.layout.authorizer._reads._of_fields
            return [
                any(token in block for _, _, block in remembered_heads._steady),
                any(token in head for head in remembered_heads._whole),
                any(token in value for fields in reads for _, value in fields),
            ]

        for url in (APP + "/", APP + "/", APP + "/", APP + "/?a=%20"):
            self.ask(self.token, url)
        self.assertEqual(remembered(), [True] * 3)
        [session] = self.of_token()
        self.end(session, Cause.ADMINISTRATOR)
        self.advance(2.0)
        self.assertEqual(remembered(), [False] * 3)

    def test_refused(self) -> None:
        """
        What the OP does not accept: 403, never a redirect, and the OP is not asked again for a while.
        """
        before = self.asked
        for _ in range(3):
            answer = self.ask("not-a-token")
            self.assertEqual((answer.status, answer.get("Location")), (403, None))
        self.assertEqual(self.asked, before + 1)
        self.advance(61)
        self.assertEqual(self.ask("not-a-token").status, 403)
        self.assertEqual(self.asked, before + 2)
        self.assertEqual(self.app.take(), b"")

    def test_malformed(self) -> None:
        """
        What is no token at all is not shown to the OP.
        """
        before = self.asked
        for token in ("", "a b", "a,b", "\xe9", "x" * 16_385, self.alice.tokens.id_token + ";"):
            with self.subTest(token=token[:20]):
                self.assertIn(self.ask(token).status, (403, 400))
        self.assertEqual(self.asked, before)

    def test_several(self) -> None:
        """
        A token beside something else in Authorization: 400, since nobody can know which was meant.
        """
        agent = self.open(self.token, "Authorization: Basic YTpi")
        self.assertIn(b"HTTP/1.1 400", agent.take())

    def test_handles_still_count(self) -> None:
        """
        Session handles, in a cookie or in the same header, are what they are on every route.
        """
        alice = self.browser()
        self.sign_in(alice)
        self.assertEqual(alice.get(APP + "/", follow=False).text, "ok")
        handle = self.handle_of(alice, APP)
        self.assertEqual(self.ask(f"Pomerium-{handle}").text, "ok")
        self.assertNotIn(handle.encode(), self.app.take())
        self.assertEqual(self.of_token(), [])

    def test_with_cookie(self) -> None:
        """
        Beside a browser's session the token counts; the end of either cuts what presents both.
        """
        browser = self.browser()
        self.sign_in(browser)
        self.app.answer = None
        agent = browser.open("GET", APP + "/", f"Authorization: Bearer {self.token}")
        self.settle()
        self.app.connections[-1].say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")
        self.settle()
        self.assertIn(b"200 OK", agent.take())
        browser.get(APP + "/.pomerium/sign_out", follow=False)
        self.settle()
        self.assertIsNotNone(agent.lost)
        self.assertEqual(len(self.of_token()), 1)

    def test_other_routes(self) -> None:
        """
        A route that does not take tokens passes them on and makes nothing of them.
        """
        self.assertEqual(self.ask(self.token).text, "ok")
        self.assertEqual(self.ask(self.token, CHAT + "/").status, 302)
        self.assertEqual(self.ask(self.token, OPEN + "/").text, "ok")
        self.assertIn(f"Bearer {self.token}".encode(), self.applications["open"].take())

    def test_policy(self) -> None:
        """
        The route's policy is asked about the token's person as about anybody.
        """
        self.house.reload(
            self.read(
                routes=routes(
                    bearer_token_format="idp_access_token", allowed_users=["bob"], allow_any_authenticated_user=False
                )
            )
        )
        self.assertEqual(self.ask(self.token).status, 403)
        self.assertEqual(len(self.of_token()), 1)

    def test_held(self) -> None:
        """
        Nothing of a request is sent on before its token is believed; many requests with one token ask the OP once.
        """
        before = self.asked
        self.http.hold("/userinfo")
        agents = [
            self.open(self.token, "Content-Length: 5", method="POST", content=b"hello"),
            self.open(self.token),
            self.open(self.token),
        ]
        self.assertEqual((self.asked, self.app.take()), (before + 1, b""))
        self.assertEqual([agent.take() for agent in agents], [b""] * 3)
        self.http.release("/userinfo")
        self.advance(1)
        for agent in agents:
            self.assertIn(b"200 OK", agent.take())
        self.assertEqual(self.app.take().count(b"hello"), 1)

    def test_held_pipelined(self) -> None:
        """
        What is pipelined behind a request that waits, and its content in pieces, comes in order.
        """
        self.http.hold("/userinfo")
        agent = self.open(self.token, "Content-Length: 5", method="POST", content=b"he")
        agent.say(
            b"llo"
            + f"GET /second HTTP/1.1\r\nHost: app.example.com\r\nAuthorization: Bearer {self.token}\r\n\r\n".encode()
        )
        self.settle()
        self.http.release("/userinfo")
        self.advance(1)
        self.assertEqual(agent.take().count(b"200 OK"), 2)
        heard = self.app.take()
        self.assertLess(heard.index(b"hello"), heard.index(b"/second"))

    def test_held_too_long(self) -> None:
        """
        An OP that does not answer costs 503 and a Retry-After, not access and not 403.
        """
        self.http.hold("/userinfo")
        agent = self.open(self.token)
        self.advance(17)
        answer = agent.take()
        self.assertIn(b"HTTP/1.1 503", answer)
        self.assertIn(b"Retry-After: 2", answer)
        self.assertEqual(self.app.take(), b"")

    def test_who_leaves(self) -> None:
        """
        Who leaves while waiting takes nothing away from others that wait for the same token.
        """
        self.http.hold("/userinfo")
        one, other = self.open(self.token), self.open(self.token)
        one.transport.loseConnection()
        self.settle()
        self.http.release("/userinfo")
        self.advance(1)
        self.assertIn(b"200 OK", other.take())

    def test_provider_down(self) -> None:
        """
        While the OP is down a new token is 503, a known one is as good as before, and nothing is remembered against it.
        """
        self.provider.faults["userinfo"] = Fault(status=503)
        answer = self.ask(self.token)
        self.assertEqual((answer.status, answer.get("Retry-After")), (503, "2"))
        del self.provider.faults["userinfo"]
        self.assertEqual(self.ask(self.token).text, "ok")
        self.provider.faults["userinfo"] = Fault(status=503)
        self.assertEqual(self.ask(self.token).text, "ok")

    def test_store_down(self) -> None:
        """
        A session that cannot be recorded is none: 503.
        """
        append = self.store.append

        async def fail(*arguments: object) -> int:
            raise StoreUnavailable

        self.store.append = fail  # type: ignore[method-assign, assignment]
        self.assertEqual(self.ask(self.token).status, 503)
        self.store.append = append  # type: ignore[method-assign]
        self.assertEqual(self.ask(self.token).text, "ok")

    def test_flood(self) -> None:
        """
        Thousands of bad tokens from one address neither hammer the OP at once nor keep another program out.
        """
        self.http.hold("/userinfo")
        before = self.asked
        agents = [self.open(f"bad-{number}", peer="192.0.2.66") for number in range(40)]
        self.assertLessEqual(self.asked - before, 16)
        self.assertEqual(sum(b"503" in agent.take() for agent in agents), 24)
        good = self.open(self.token)
        self.http.release("/userinfo")
        self.advance(1)
        self.assertIn(b"200 OK", good.take())

    def test_signs_itself_out(self) -> None:
        """
        A program signs out with its token: JSON; what it has open is cut, and the token never begins a session again.
        """
        self.ask(self.token)
        self.app.answer = None
        agent = self.open(self.token)
        self.app.connections[-1].say(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        self.settle()
        answer = self.ask(self.token, APP + "/.pomerium/sign_out")
        self.assertEqual((answer.status, answer.get("Content-Type")), (200, "application/json"))
        self.assertIn('"sessions_ended":1', answer.text)
        self.settle()
        self.assertIsNotNone(agent.lost)
        self.assertIsNotNone(self.house.registry.find(self.alice.id))
        for _ in range(3):
            answer = self.ask(self.token)
            self.assertEqual((answer.status, answer.get("Location")), (401, None))
            self.advance(61)
        self.assertEqual(self.of_token(), [])

    def test_browser_signs_out(self) -> None:
        """
        A browser's own sign-out is about the browser: the program's session, which is none of its, goes on.
        """
        browser = self.browser()
        self.sign_in(browser)
        self.ask(self.token)
        browser.get(APP + "/.pomerium/sign_out", follow=False)
        self.assertEqual(self.ask(self.token).text, "ok")

    def test_ended_by_others(self) -> None:
        """
        An administrator, the provider, and whoever signs the person out everywhere: the token is good for nothing more.
        """
        self.ask(self.token)
        [session] = self.of_token()
        self.end(session, Cause.ADMINISTRATOR)
        self.assertEqual(self.ask(self.token).status, 401)
        self.assertEqual(self.receipts()[-1]["cause"], "administrator")

    def test_provider_refuses_later(self) -> None:
        """
        An access token that the OP takes back ends its session at the next look, within minutes.
        """
        self.ask(self.token)
        self.provider.faults["userinfo"] = Fault(status=401)
        self.advance(700, step=10.0)
        self.assertEqual(self.of_token(), [])
        del self.provider.faults["userinfo"]
        self.assertEqual(self.ask(self.token).status, 401)

    def test_own_pages(self) -> None:
        """
        The host's own pages know whose session a token has, and nobody's while it has none.
        """
        url = APP + "/.pomerium/user"
        self.assertEqual(self.ask(self.token, url).status, 401)
        self.ask(self.token)
        self.assertIn("alice@example.com", self.ask(self.token, url).text)

    def test_no_secrets(self) -> None:
        """
        No log line and no audit line holds a token, good or bad.
        """
        self.ask(self.token)
        self.ask("a-bad-token-that-must-not-show")
        said = repr(self.events)
        self.assertNotIn(self.token, said)
        self.assertNotIn("a-bad-token", said)
        [session] = self.of_token()
        self.assertNotIn(self.token, session.id)

    def test_reload(self) -> None:
        """
        A reload that takes tokens no more, or of other audiences only, cuts what is open by them.
        """
        for changed in (
            routes(),
            routes(bearer_token_format="idp_access_token", idp_access_token_allowed_audiences=["elsewhere"]),
        ):
            self.house.reload(self.read())
            self.app.answer = None
            agent = self.open(self.token)
            self.app.connections[-1].say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")
            self.settle()
            self.assertIn(b"200 OK", agent.take())
            self.house.reload(self.read(routes=changed))
            self.settle()
            self.assertIsNotNone(agent.lost)


class AudienceTests(TokenCase):
    """
    ``idp_access_token_allowed_audiences``.
    """

    settings = {
        "bearer_token_format": "idp_access_token",
        "idp_access_token_allowed_audiences": "wanted, also",
        "routes": routes(),
    }

    def test_audience(self) -> None:
        """
        A token that the OP accepts, but for another audience, is refused; for a wanted one it counts.
        """
        alice = self.signed_in()
        said = {"sub": alice.sub, "email": "alice@example.com"}
        for number, (audience, status) in enumerate(
            ((None, 403), ("other", 403), (["other"], 403), (["other", "also"], 200), ("wanted", 200))
        ):
            with self.subTest(audience=audience):
                body = json.dumps({**said, "aud": audience}).encode()
                self.provider.faults["userinfo"] = Fault(status=200, body=body, content_type="application/json")
                self.assertEqual(self.ask(f"token-{number}").status, status)


class IdentityTokenTests(TokenCase):
    """
    ``bearer_token_format: idp_identity_token``.
    """

    settings = {"routes": routes(bearer_token_format="idp_identity_token")}

    def claims(self, **changed: object) -> dict[str, object]:
        now = int(self.clock.seconds())
        claims: dict[str, object] = {
            "iss": OP,
            "aud": "rp1",
            "sub": "workload",
            "sid": "sid-1",
            "iat": now,
            "exp": now + 600,
            "email": "alice@example.com",
            **changed,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, key: bytes = b"op", typ: str = "JWT", **changed: object) -> str:
        return derived_signer(key).sign(self.claims(**changed), typ)

    def test_believed(self) -> None:
        """
        An ID Token of the OP for our client counts until it expires, and no longer.
        """
        token = self.token()
        self.assertEqual(self.ask(token).text, "ok")
        [session] = self.of_token()
        self.assertEqual((session.sub, session.sids, session.user_id), ("workload", ("sid-1",), "workload"))
        self.assertEqual(session.expires, self.clock.seconds() + 600)
        self.advance(599, step=50.0)
        self.assertEqual(self.ask(token).text, "ok")
        self.advance(70, step=10.0)
        self.assertIn(self.ask(token).status, (401, 403))
        self.assertEqual(self.app.take().count(b"GET / "), 2)

    def test_refused(self) -> None:
        """
        Whatever is no ID Token of this OP, for this client, now: 403, and no session.
        """
        now = int(self.clock.seconds())
        logout = logout_claims(iss=OP, aud="rp1", sid="s", sub="alice", now=self.clock.seconds())
        header, claims, signature = self.token().split(".")
        unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
        for name, token in (
            ("another client", self.token(aud="rp2")),
            ("several audiences", self.token(aud=["rp1", "rp2"])),
            ("another issuer", self.token(iss="https://evil.example")),
            ("another key", self.token(b"other")),
            ("expired", self.token(exp=now - 61)),
            ("from the future", self.token(iat=now + 120, exp=now + 700)),
            ("without exp", self.token(exp=None)),
            ("without sub", self.token(sub=None)),
            ("logout token", derived_signer(b"op").sign(logout, "logout+jwt")),
            ("logout token, untyped", derived_signer(b"op").sign(logout)),
            ("access token", self.token(typ="at+jwt")),
            ("unsigned", f"{unsigned}.{claims}."),
            ("alg none", f"{unsigned}.{claims}.{signature}"),
            ("altered", f"{header}.{claims[:-4]}AAAA.{signature}"),
            ("opaque", "opaque"),
        ):
            with self.subTest(name):
                answer = self.ask(token)
                self.assertEqual((answer.status, answer.get("Location")), (403, None))
        self.assertEqual((self.of_token(), self.app.take()), ([], b""))

    def test_back_channel(self) -> None:
        """
        The provider's own logout ends the token's session, and tokens of before it begin none; later ones do.
        """
        token, unused = self.token(), self.token(jti="another")
        self.ask(token)
        self.advance(1)
        logout = ProviderLogout(iss=OP, sid="sid-1", sub=None, issued=self.clock.seconds())
        ending = self.house.ending.end_by_provider(logout, Cause.BACK_CHANNEL)
        self.successResultOf(Deferred.fromCoroutine(ending))
        self.advance(2)
        self.assertEqual((self.ask(token).status, self.ask(unused).status), (401, 401))
        self.advance(60, step=10.0)
        self.assertEqual(self.ask(self.token()).text, "ok")

    def test_signed_out_long_ago(self) -> None:
        """
        A token that was issued before its person signed out everywhere is not good an hour later either.
        """
        token = self.token(exp=int(self.clock.seconds()) + 7200)
        self.advance(5)
        logout = ProviderLogout(iss=OP, sid=None, sub="workload", issued=self.clock.seconds())
        ending = self.house.ending.end_by_provider(logout, Cause.BACK_CHANNEL)
        self.successResultOf(Deferred.fromCoroutine(ending))
        self.advance(3600, step=120.0)
        self.assertEqual(self.ask(token).status, 401)

    def test_other_signature(self) -> None:
        """
        Of an ECDSA signature whoever has it makes another that is as good: it is the same token still. The end of one
        is the end of the other, whichever comes first, and what is open by it is cut.
        """
        for swapped in (False, True):
            with self.subTest(swapped=swapped):
                token = self.token(jti=f"swapped: {swapped}")
                first, second = (_resigned(token), token) if swapped else (token, _resigned(token))
                self.assertNotEqual(first, second)
                self.assertEqual(self.ask(first).text, "ok")
                self.app.answer = None
                agent = self.open(second)
                self.app.take()
                answer = self.ask(first, APP + "/.pomerium/sign_out")
                self.assertEqual((answer.status, json.loads(answer.text)["sessions_ended"]), (200, 2))
                self.assertIsNotNone(agent.lost)
                self.assertEqual((self.ask(first).status, self.ask(second).status), (401, 401))
                self.advance(61)
                self.assertEqual((self.ask(first).status, self.ask(second).status), (401, 401))
                self.assertEqual((self.of_token(), self.app.take()), ([], b""))
                self.app.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    def test_longer_than_a_session(self) -> None:
        """
        A token that outlives ``cookie_expire`` is verified anew then; signed out, it stays so until it expires.
        """
        self.house.reload(self.read(cookie_expire="10m"))
        day = 86_400
        token = self.token(exp=int(self.clock.seconds()) + 3 * day)
        self.ask(token)
        [first] = self.of_token()
        self.advance(610, step=20.0)
        self.assertEqual(self.ask(token).text, "ok")
        [second] = self.of_token()
        self.assertNotEqual(first.id, second.id)
        self.end(second, Cause.ADMINISTRATOR)
        self.advance(2 * day, step=7200.0)
        self.assertEqual(self.ask(token).status, 401)


class OwnTokenTests(TokenCase):
    """
    The tokens of a person's own session, which applications may have got.
    """

    settings = {"routes": routes(bearer_token_format="idp_identity_token")}

    def test_own_sign_out(self) -> None:
        """
        When the person signs out, in whichever way, they begin no other session; those of the next sign-in do.
        """
        for where in (CHAT + "/.pomerium/sign_out", AUTHENTICATE + "/.pomerium/sign_out"):
            with self.subTest(where):
                browser = self.browser()
                self.sign_in(browser, CHAT + "/")
                [session] = self.house.registry.sessions()
                self.assertTrue(session.sids)
                self.advance(2)
                page = browser.get(where)
                if where.startswith(AUTHENTICATE):
                    browser.click(page)
                self.assertEqual(self.house.registry.count, 0)
                self.app.take()
                self.assertEqual(self.ask(session.tokens.id_token).status, 401)
                self.advance(120)
                self.assertEqual(self.ask(session.tokens.id_token).status, 401)
                self.assertEqual(self.app.take(), b"")
                self.sign_in(browser, CHAT + "/")
                [again] = self.house.registry.sessions()
                self.assertEqual(self.ask(again.tokens.id_token).text, "ok")
                for one in list(self.house.registry.sessions()):
                    self.end(one, Cause.ADMINISTRATOR)


class OwnAccessTokenTests(TokenCase):
    """
    The access token of a person's own session, which says nothing of itself.
    """

    settings = {"routes": routes(bearer_token_format="idp_access_token")}

    def test_own_sign_out(self) -> None:
        """
        Once the person has signed out it begins no session, although the provider may still take it for a while.
        """
        browser = self.browser()
        self.sign_in(browser, CHAT + "/")
        [session] = self.house.registry.sessions()
        browser.get(CHAT + "/.pomerium/sign_out", follow=False)
        self.assertEqual(self.house.registry.count, 0)
        self.assertEqual(self.provider.revocations, [])
        self.app.take()
        self.assertEqual(self.ask(session.tokens.access_token).status, 401)
        self.assertEqual((self.app.take(), self.house.registry.count), (b"", 0))

    def test_in_use(self) -> None:
        """
        What began with it before the person signs out ends with the person's session, and is counted in its receipt.
        """
        browser = self.browser()
        self.sign_in(browser, CHAT + "/")
        [session] = self.house.registry.sessions()
        self.assertEqual(self.ask(session.tokens.access_token).status, 200)
        self.assertEqual(self.house.registry.count, 2)
        browser.get(CHAT + "/.pomerium/sign_out", follow=False)
        self.assertEqual(self.house.registry.count, 0)
        [receipt] = self.receipts()
        self.assertEqual(receipt["sessions_ended"], 2)

    def test_ended_by_administrator(self) -> None:
        """
        Nor once an administrator has ended it.
        """
        self.sign_in(self.browser(), CHAT + "/")
        [session] = self.house.registry.sessions()
        self.end(session, Cause.ADMINISTRATOR)
        self.app.take()
        self.assertEqual(self.ask(session.tokens.access_token).status, 401)
        self.assertEqual(self.app.take(), b"")


class IssuedTokenTests(IdentityTokenTests):
    """
    ``bearer_token_format: jwt``, of issuers that nobody signs in at.
    """

    settings = {
        "identity_providers": {
            "ci": {"issuer": CI, "jwks_url": OP + "/jwks", "supported_algs": ["ES256"], "audiences": ["us", "we"]},
            "cluster": {"issuer": "https://cluster.example.org", "jwks_url": OP + "/jwks", "audiences": ["us"]},
        },
        "routes": [
            *routes(bearer_token_format="jwt"),
            {
                "from": "https://ci-only.example.com",
                "to": "http://open.internal:8080",
                "allow_any_authenticated_user": True,
                "bearer_token_format": "jwt",
                "identity_providers": ["ci"],
            },
        ],
    }

    def claims(self, **changed: object) -> dict[str, object]:
        return super().claims(**{"iss": CI, "aud": ["others", "us"], "sid": None, **changed})

    def test_believed(self) -> None:
        """
        A workload's token counts, under a name that no other issuer's and no person's can be.
        """
        self.assertEqual(self.ask(self.token()).text, "ok")
        [session] = self.of_token()
        self.assertEqual((session.user_id, session.iss, session.sub), ("ci/workload", CI, "workload"))
        self.assertEqual((session.tokens.access_token, session.tokens.id_token), ("", ""))

    def test_refused(self) -> None:
        """
        Whatever is no token of a wanted issuer, for a wanted audience, now: 403, and no session.
        """
        now = int(self.clock.seconds())
        for name, token in (
            ("another audience", self.token(aud="others")),
            ("no audience", self.token(aud=None)),
            ("an audience in a list in a list", self.token(aud=[["us"]])),
            ("the OP's own ID Token", self.token(iss=OP, aud="rp1")),
            ("another issuer", self.token(iss=CI + "/")),
            ("another key", self.token(b"other")),
            ("expired", self.token(exp=now - 61)),
            ("not yet", self.token(nbf=now + 120)),
            ("without exp", self.token(exp=None)),
            ("without sub", self.token(sub="")),
            ("bound to a key", self.token(cnf={"jkt": "x"})),
            ("logout token", self.token(typ="logout+jwt")),
            ("events", self.token(events={})),
            ("opaque", "opaque"),
        ):
            with self.subTest(name):
                self.assertEqual(self.ask(token).status, 403)
        self.assertEqual((self.of_token(), self.app.take()), ([], b""))

    def test_with_cookie(self) -> None:
        """
        A token together with a browser's session: 400, be the session good or not.
        """
        browser = self.browser()
        self.sign_in(browser)
        token = self.token()
        answer = browser.once("GET", APP + "/", {"Authorization": f"Bearer {token}"})
        self.assertEqual(answer.status, 400)
        self.assertEqual(self.ask(token, Cookie="_pomerium=stale").status, 400)
        self.assertEqual(browser.get(APP + "/", follow=False).text, "ok")

    def test_of_which_issuer(self) -> None:
        """
        A route that takes the tokens of one issuer refuses another's, also when it is known from another route.
        """
        url = "https://ci-only.example.com/"
        cluster = self.token(iss="https://cluster.example.org", aud="us")
        self.assertEqual(self.ask(cluster, url).status, 403)
        self.assertEqual(self.ask(cluster).text, "ok")
        self.assertEqual(self.ask(cluster, url).status, 403)
        ci = self.token()
        self.assertEqual((self.ask(ci).text, self.ask(ci, url).text), ("ok", "ok"))
        self.assertEqual(len(self.of_token()), 2)

    def test_back_channel(self) -> None:
        """
        An administrator can end a workload's session; its token then begins none.
        """
        token = self.token()
        self.ask(token)
        [session] = self.of_token()
        self.end(session, Cause.ADMINISTRATOR)
        self.assertEqual(self.ask(token).status, 401)

    def test_signed_out_long_ago(self) -> None:
        """
        An issuer that is taken out of the configuration, or has other settings, ends the sessions of its tokens.
        """
        self.ask(self.token())
        changed = {**self.settings["identity_providers"]}
        changed["ci"] = {**changed["ci"], "audiences": ["elsewhere"]}
        self.house.reload(self.read(identity_providers=changed))
        self.settle()
        self.assertEqual(self.of_token(), [])
        self.assertEqual(self.receipts()[-1]["cause"], "provider_removed")
        self.assertEqual(self.ask(self.token()).status, 403)
        self.house.reload(self.read())
        self.assertEqual(self.ask(self.token()).text, "ok")
