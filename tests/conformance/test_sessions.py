"""
Checks 66 to 73: how long a session lasts, and which one a request is taken for.
"""

from __future__ import annotations

from pomerium_tx.demo.messages import Fault
from pomerium_tx.demo.registration import Lifetimes
from pomerium_tx.jose.jwt import compact_hs256
from pomerium_tx.sessions.handle import Handles
from tests.conformance.case import SHARED_SECRET, CheckTestCase
from tests.scenarios.world import APP, CHAT

_INVALID_GRANT = Fault(status=400, body=b'{"error":"invalid_grant"}', content_type="application/json")


class ExpiryTests(CheckTestCase):
    """
    A session of one hour.
    """

    settings = {"cookie_expire": "1h"}
    lifetimes = Lifetimes(access_token=1200.0, id_token=1200.0)

    def test_66_expiry(self) -> None:
        """
        A session expires at cookie_expire after login, regardless of activity.
        """
        alice = self.browser()
        self.sign_in(alice)
        handle = self.handle_of(alice, APP)
        for _ in range(59):
            self.advance(60, step=20)
            self.assertEqual(self.replay(handle, APP).status, 200)
        self.advance(59)
        self.assertEqual(self.replay(handle, APP).status, 200)
        self.advance(2)
        self.assertEqual(self.replay(handle, APP).status, 302)
        self.assertEqual([receipt["cause"] for receipt in self.receipts()], ["expired"])


class RefreshTests(CheckTestCase):
    """
    Sessions whose tokens live for 600 seconds.
    """

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.browser()
        self.sign_in(self.alice)
        self.began = self.now()

    def until(self, seconds: float) -> None:
        """
        Let time pass until so many seconds after the sign-in.
        """
        self.advance(self.began + seconds - self.now())

    def test_67_refresh(self) -> None:
        """
        A session is refreshed about 60 s before its token expires, with the refresh token.
        """
        (session,) = self.house.registry.sessions()
        self.until(539)
        self.assertEqual(self.provider.refreshes, [])
        self.until(555)
        (refresh,) = self.provider.refreshes
        self.assertEqual(refresh.parameter("refresh_token"), session.tokens.refresh_token)
        self.until(700)
        self.assertEqual(self.alice.get(APP + "/", follow=False).status, 200)
        (refreshed,) = self.house.registry.sessions()
        self.assertEqual(refreshed.id, session.id)
        self.assertNotEqual(refreshed.tokens.access_token, session.tokens.access_token)

    def test_68_invalid_grant(self) -> None:
        """
        ``invalid_grant`` ends the session; the next request logs in.
        """
        self.provider.faults["token"] = _INVALID_GRANT
        self.until(539)
        self.assertEqual(self.alice.get(APP + "/", follow=False).status, 200)
        self.until(555)
        self.assertEqual(self.house.registry.count, 0)
        self.assertEqual([receipt["cause"] for receipt in self.receipts()], ["refresh_refused"])
        del self.provider.faults["token"]
        self.assertEqual(self.alice.get(APP + "/", follow=False).status, 302)
        # The person has not signed out, so nothing holds, and the OP still knows them.
        self.assertEqual(self.alice.get(APP + "/").url, APP + "/")

    def test_69_timeout(self) -> None:
        """
        A network timeout on refresh keeps the session; it is retried later.
        """
        for fault in (Fault(silent=True), Fault(status=503), Fault(status=401, body=b'{"error":"invalid_client"}')):
            with self.subTest(fault=fault):
                (before,) = self.house.registry.sessions()
                self.provider.faults["token"] = fault
                self.advance(575)
                self.assertNotEqual(self.provider.refreshes, [])
                self.assertEqual(list(self.house.registry.sessions()), [before])
                self.provider.faults.clear()
                # However often it has been tried already, the next time comes within the longest pause and its jitter.
                self.advance(400)
                (after,) = self.house.registry.sessions()
                self.assertEqual(after.id, before.id)
                self.assertNotEqual(after.tokens.access_token, before.tokens.access_token)
                self.assertEqual(self.alice.get(APP + "/", follow=False).status, 200)
                self.provider.requests.clear()


class NoRefreshTokenTests(CheckTestCase):
    """
    An OP that gives no refresh token.
    """

    settings = {"idp_scopes": ["openid", "profile", "email"]}

    def test_70_expired(self) -> None:
        """
        Access token expired and no refresh token: the session is not valid any more.
        """
        alice = self.browser()
        self.sign_in(alice)
        handle = self.handle_of(alice, APP)
        self.advance(598)
        self.assertEqual(self.replay(handle, APP).status, 200)
        self.advance(3)
        self.assertEqual(self.replay(handle, APP).status, 302)
        self.assertEqual([receipt["cause"] for receipt in self.receipts()], ["tokens_expired"])


class HandleTests(CheckTestCase):
    """
    Which session a request is taken for.
    """

    def setUp(self) -> None:
        super().setUp()
        self.alice, self.bob = self.browser(), self.browser()
        self.sign_in(self.alice)
        self.sign_in(self.bob, person="bob")
        self.of_alice, self.of_bob = self.handle_of(self.alice, APP), self.handle_of(self.bob, APP)
        self.app.take()

    def who(self, *, target: str = "/", **fields: str) -> str:
        """
        Whom the application is told of, by e-mail address; else the status.
        """
        self.app.take()
        sent = {name.replace("_", "-"): value for name, value in fields.items()}
        status = self.browser().once("GET", APP + target, sent).status
        return str(self.assertion_claims(self.app.heard)["email"] if status == 200 else status)

    def test_71_other_provider(self) -> None:
        """
        A handle whose idp_id is not the route's is treated as no session.
        """
        handle = self.handle(self.of_alice)
        for idp_id, seen in ((handle.idp_id, "alice@example.com"), ("another", "302")):
            minted = self.handles.mint(
                handle.session_id,
                user_id=handle.user_id,
                issuer=handle.issuer,
                audience=handle.audience,
                idp_id=idp_id,
                now=self.now(),
            )
            self.assertEqual(self.who(Cookie=f"_pomerium={minted}"), seen)
        self.assertEqual(self.house.registry.count, 2)

    def test_72_forged(self) -> None:
        """
        A forged or wrongly keyed handle is no session, and no 500.
        """
        handle = self.handle(self.of_alice)
        claims = {"jti": handle.session_id, "sub": handle.user_id, "iss": handle.issuer, "aud": [], "iat": 1}
        header, payload, signature = self.of_alice.split(".")
        for forged in (
            Handles(b"another key", "_pomerium").mint(
                handle.session_id, user_id="", issuer="", audience=(), idp_id=handle.idp_id, now=self.now()
            ),
            f"{header}.{payload}.{signature[::-1]}",
            f"{header}.{payload}.",
            f"eyJhbGciOiJub25lIn0.{payload}.",
            compact_hs256({**claims, "jti": 7}, SHARED_SECRET),
            compact_hs256({**claims, "jti": "made-up", "idp_id": handle.idp_id}, SHARED_SECRET),
            "a.b.c",
            "rubbish",
            "." * 5000,
        ):
            with self.subTest(forged=forged[:40]):
                self.assertEqual(self.who(Cookie=f"_pomerium={forged}"), "302")
                self.assertEqual(self.who(Authorization=f"Pomerium {forged}"), "401")
                self.assertEqual(self.who(target=f"/?pomerium_session={forged}"), "401")
        self.assertEqual(self.browser().once("GET", CHAT + "/", {"Cookie": "_pomerium=\xff"}).status, 302)

    def test_73_precedence(self) -> None:
        """
        Handle cookie beats header beats query, good or bad.
        """
        cookie, header = f"_pomerium={self.of_alice}", f"Pomerium {self.of_bob}"
        self.assertEqual(self.who(Cookie=cookie, Authorization=header), "alice@example.com")
        self.assertEqual(self.who(Authorization=header), "bob@example.com")
        in_query = f"/?pomerium_session={self.of_alice}"
        self.assertEqual(self.who(target=in_query), "alice@example.com")
        self.assertEqual(self.who(target=in_query, Authorization=header), "bob@example.com")
        self.assertEqual(self.who(target=f"/?pomerium_session={self.of_bob}", Cookie=cookie), "alice@example.com")
        self.assertIn(self.who(Cookie="_pomerium=rubbish", Authorization=header), ("302", "401"))
        self.assertEqual(self.who(target=in_query, Authorization="Pomerium rubbish"), "401")
