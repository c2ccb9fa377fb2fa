"""
Ends that nobody asked for: time, and an OP that does not know the session any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pomerium_tx.demo.messages import Fault
from pomerium_tx.demo.registration import Lifetimes
from tests.scenarios.traffic import SIGNED_OUT, TrafficTestCase
from tests.scenarios.world import APP, CHAT, DENIED


def refusal(error: str, status: int = 400) -> Fault:
    """
    An OAuth error.
    """
    return Fault(status=status, body=b'{"error": "%s"}' % error.encode(), content_type="application/json")


class ExpiryTestCase(TrafficTestCase):
    """
    A world in which time passes.
    """

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.both()
        (self.session,) = self.house.registry.sessions()
        self.handle = self.handle_of(self.alice, APP)

    def causes(self) -> list[str]:
        """
        The causes of all ends.
        """
        return [receipt["cause"] for receipt in self.receipts()]

    def until(self, seconds: float, step: float = 30.0) -> None:
        """
        Let time pass until so long after the sign-in.
        """
        self.advance(self.session.began + seconds - self.clock.seconds(), step=step)

    def is_alive(self) -> bool:
        """
        Whether the session still gets in.
        """
        return self.replay(self.handle, APP).status == 200


class AbsoluteTests(ExpiryTestCase):
    """
    ``cookie_expire``.
    """

    settings: Mapping[str, Any] = {"cookie_expire": "1h"}

    def test_absolute(self) -> None:
        """
        Use does not prolong a session: at its hour it is over on every route, once, with one receipt.
        """
        for minute in range(0, 60, 10):
            self.until(minute * 60.0)
            self.assertTrue(self.is_alive())
        self.until(3599.0)
        self.assertTrue(self.is_alive())
        self.until(3601.0)
        self.assertFalse(self.is_alive())
        self.advance(600.0, step=30.0)
        self.assertEqual(self.causes(), ["expired"])
        self.assertEqual(self.house.registry.count, 0)

    def test_exchanges(self) -> None:
        """
        What is open then is cut like at a sign-out.
        """
        socket, _ = self.websocket(self.alice)
        self.until(3590.0, step=5.0)
        download, _ = self.download(self.alice)
        stream, _ = self.stream(self.alice)
        waiting, _ = self.begin(self.alice, "GET", APP + "/slow")
        self.until(3601.0, step=1.0)
        self.assertEqual(socket.take(), SIGNED_OUT)
        self.assert_broken_off(download)
        self.assert_broken_off(stream)
        self.assert_answered(waiting, 302)
        (receipt,) = self.receipts()
        self.assertEqual(receipt["exchanges_cut"], {"websocket": 1, "tunnel": 0, "sse": 1, "upload": 0, "download": 2})

    def test_decided_before_expiry_is_recorded(self) -> None:
        """
        From the very second on no request is let through, also before the end is recorded.
        """
        self.until(3599.0)
        # The clock jumps: no delayed call has run yet.
        self.clock.rightNow += 2.0  # type: ignore[attr-defined] # a Clock's
        self.assertIsNone(self.house.registry.find(self.session.id))

    def test_cookie_says_so(self) -> None:
        """
        Signing in again afterwards is a session of its own.
        """
        self.until(3601.0)
        page = self.alice.get(APP + "/")
        self.assertEqual((page.status, page.url), (200, APP + "/"))
        self.assertFalse(self.is_alive())
        self.assertEqual(self.house.registry.count, 1)


class TokensExpiredTests(ExpiryTestCase):
    """
    An access token without a refresh token.
    """

    lifetimes = Lifetimes(access_token=300.0)

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.browser()
        self.provider.alterations["token"] = lambda document: {
            key: value for key, value in document.items() if key != "refresh_token"
        }
        self.sign_in(self.alice, person="bob")
        (self.session,) = [one for one in self.house.registry.sessions() if one.email == "bob@example.com"]
        self.handle = self.handle_of(self.alice, APP)

    def test_tokens_expired(self) -> None:
        """
        A session whose access token has expired, and that has no refresh token, is over.
        """
        agent, _ = self.download(self.alice)
        self.until(299.0)
        self.assertTrue(self.is_alive())
        self.until(301.0)
        self.assertFalse(self.is_alive())
        self.assert_broken_off(agent)
        self.assertEqual(self.causes(), ["tokens_expired"])


class UserInfoTests(ExpiryTestCase):
    """
    An access token that outlives the session: nobody but UserInfo says that the OP knows the person no more.
    """

    lifetimes = Lifetimes(access_token=20 * 3600.0, id_token=20 * 3600.0)

    def test_asked_every_ten_minutes(self) -> None:
        """
        UserInfo is asked every ten minutes or so, and its refusal ends the session.
        """
        for status in (401, 403):
            with self.subTest(status):
                alice = self.both()
                handle = self.handle_of(alice, APP)
                agent, _ = self.websocket(alice)
                self.advance(1300.0, step=10.0)
                self.assertEqual(self.replay(handle, APP).status, 200)
                self.provider.faults["userinfo"] = Fault(status=status)
                self.advance(700.0, step=10.0)
                self.assertEqual(self.replay(handle, APP).status, 302)
                self.assertEqual(agent.take(), SIGNED_OUT)
                self.provider.faults.clear()
        self.assertEqual(set(self.causes()), {"refresh_refused"})
        self.assertEqual(self.provider.refreshes, [])


class RefreshTests(ExpiryTestCase):
    """
    What the OP answers to a refresh.
    """

    def test_refreshed(self) -> None:
        """
        An OP that plays along keeps the session for as long as it may last.
        """
        self.until(5 * 3600.0)
        self.assertTrue(self.is_alive())
        self.assertGreater(len(self.provider.refreshes), 20)
        self.assertEqual(self.causes(), [])

    def test_invalid_grant(self) -> None:
        """
        `invalid_grant` ends the session and cuts what it has open, on all its routes.
        """
        self.provider.faults["token"] = refusal("invalid_grant")
        socket, _ = self.websocket(self.alice)
        agent, _ = self.download(self.alice)
        self.until(620.0, step=5.0)
        self.assertFalse(self.is_alive())
        self.assertEqual(socket.take(), SIGNED_OUT)
        self.assert_broken_off(agent)
        self.assertEqual(self.causes(), ["refresh_refused"])

    def test_signed_out_at_the_op(self) -> None:
        """
        A grant that the OP has revoked is `invalid_grant`, or a refusal by UserInfo: over within ten minutes.
        """
        for request in self.provider.code_exchanges:
            self.assertIsNotNone(request)
        self.provider.ledger.revoke(self.session.tokens.refresh_token or "", client_id="rp1")
        self.until(700.0, step=5.0)
        self.assertFalse(self.is_alive())
        self.assertEqual(self.causes(), ["refresh_refused"])

    def test_everything_else_keeps_it(self) -> None:
        """
        `invalid_client`, other refusals, 5xx, silence and nonsense keep the session; it is tried again and recovers.
        """
        for fault in (
            refusal("invalid_client", 401),
            refusal("invalid_client"),
            refusal("unauthorized_client"),
            refusal("invalid_request"),
            refusal("unsupported_grant_type"),
            refusal("temporarily_unavailable", 503),
            Fault(status=403),
            Fault(status=404),
            Fault(status=429),
            Fault(status=500),
            Fault(status=503),
            Fault(silent=True),
            Fault(status=200, body=b"{}", content_type="application/json"),
            Fault(status=200, body=b"<html>", content_type="text/html"),
            Fault(status=400, body=b"invalid_grant"),
            Fault(status=302, headers=(("Location", "https://evil.example/"),)),
        ):
            with self.subTest(fault):
                alice = self.both()
                handle = self.handle_of(alice, APP)
                agent, _ = self.websocket(alice)
                self.provider.faults["token"] = fault
                before = len(self.provider.refreshes)
                self.advance(900.0, step=10.0)
                self.assertGreater(len(self.provider.refreshes), before + 1)
                self.assertEqual(self.replay(handle, APP).status, 200)
                self.assertIsNone(agent.lost)
                self.provider.faults.clear()
                self.advance(700.0, step=10.0)
                self.assertEqual(self.replay(handle, APP).status, 200)
        self.assertEqual(self.causes(), [])

    def test_user_info(self) -> None:
        """
        UserInfo 401 and 403 end the session; 5xx, 404, silence and nonsense do not.
        """
        for fault, ends in (
            (Fault(status=500), False),
            (Fault(status=404), False),
            (Fault(status=429), False),
            (Fault(silent=True), False),
            (Fault(status=200, body=b"no"), False),
            (Fault(status=401), True),
            (Fault(status=403), True),
        ):
            with self.subTest(fault):
                alice = self.both()
                handle = self.handle_of(alice, APP)
                self.provider.faults["userinfo"] = fault
                self.advance(1300.0, step=10.0)
                self.provider.faults.clear()
                self.assertEqual(self.replay(handle, APP).status, 302 if ends else 200)

    def test_somebody_else(self) -> None:
        """
        UserInfo about somebody else is no reason to end the session, and gives nobody another's claims.
        """
        self.provider.alterations["userinfo"] = lambda claims: {**claims, "sub": "mallory", "email": "m@example.com"}
        self.until(1300.0, step=10.0)
        for session in self.house.registry.sessions():
            self.assertEqual((session.sub, session.email), (self.session.sub, "alice@example.com"))

    def test_discovery_down(self) -> None:
        """
        An OP whose discovery is down does not sign anybody out.
        """
        self.provider.faults["discovery"] = Fault(status=500)
        self.until(3 * 3600.0)
        self.assertTrue(self.is_alive())

    def test_claims_that_admit_no_longer(self) -> None:
        """
        Claims that no longer admit a person on a route end no session, but cut what it has open on that route.
        """
        bob = self.both("bob")
        self.assertEqual(bob.get(DENIED + "/").status, 200)
        denied, upstream = self.download(bob, DENIED + "/file")
        other, _ = self.websocket(bob)
        self.provider.alterations["userinfo"] = lambda claims: {**claims, "email": "robert@example.com"}
        for _ in range(130):
            upstream.say(b".")
            self.advance(10.0, step=10.0)
        self.assert_broken_off(denied)
        self.assertIsNone(other.lost)
        self.assertEqual(bob.get(CHAT + "/").status, 200)
        self.assertEqual(bob.get(DENIED + "/").status, 403)
        self.assertEqual(self.causes(), [])
