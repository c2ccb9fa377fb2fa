"""
Tokens are revoked: refresh token first, when the OP has told the others, and never so that the person has to wait.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pomerium_tx.demo.messages import Fault, Received
from pomerium_tx.demo.registration import Lifetimes
from tests.scenarios.browser import Browser, Response
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, OP

SIGNED_OUT = AUTHENTICATE + "/.pomerium/signed_out"


class RevocationTestCase(TrafficTestCase):
    """
    A world that remembers what the OP has issued.
    """

    confirms = True

    def setUp(self) -> None:
        super().setUp()
        self.provider.always_confirm_logout = self.confirms
        self.issued: list[dict[str, Any]] = []
        self.provider.alterations["token"] = self._issue
        self.alice = self.both()

    def _issue(self, document: dict[str, Any]) -> dict[str, Any]:
        self.issued.append(document)
        return document

    def revoked(self) -> list[tuple[str | None, str | None]]:
        """
        The hints and tokens of the revocation requests, in order.
        """
        return [(one.parameter("token_type_hint"), one.parameter("token")) for one in self.provider.revocations]

    def both_tokens(self, number: int = 0) -> list[tuple[str | None, str | None]]:
        """
        What revoking one response of the token endpoint looks like.
        """
        document = self.issued[number]
        return [("refresh_token", document["refresh_token"]), ("access_token", document["access_token"])]

    def op_logout(self) -> str:
        """
        What the last receipt says about the OP by now.
        """
        receipt = self.house.registry.receipt(self.receipts()[-1]["id"])
        assert receipt is not None
        return receipt.op_logout.value

    def without(self, *names: str) -> None:
        """
        Have an OP that has no such endpoints.
        """
        self.provider.alterations["discovery"] = lambda document: {
            key: value for key, value in document.items() if key not in names
        }
        # What is known of the OP is an hour old by then.
        self.advance(3700.0, step=60.0)
        self.alice.get(APP + "/")


class OwnSignOutTests(RevocationTestCase):
    """
    The person's own sign-out.
    """

    def test_on_return(self) -> None:
        """
        The return with the right `state` sets it off: refresh token first, then access token; not before.
        """
        waiting = self.sign_out(self.alice, follow=True)
        self.advance(20.0)
        self.assertEqual(self.revoked(), [])
        page = self.alice.click(waiting, "Sign out")
        self.assertIn("signed out everywhere", page.text)
        self.advance(1.0)
        self.assertEqual(self.revoked(), self.both_tokens())
        self.advance(300.0)
        self.assertEqual(len(self.revoked()), 2)
        self.assertEqual(self.op_logout(), "returned")

    def test_without_return(self) -> None:
        """
        Without the return it comes after `revocation_delay`, and no earlier.
        """
        self.sign_out(self.alice, follow=True)
        self.advance(59.0)
        self.assertEqual(self.revoked(), [])
        self.advance(2.0)
        self.assertEqual(self.revoked(), self.both_tokens())
        self.assertIn(self.op_logout(), ("pending", "unconfirmed"))

    def test_never_reached_a(self) -> None:
        """
        Also if the browser never went on to A.
        """
        self.sign_out(self.alice)
        self.advance(59.0)
        self.assertEqual(self.revoked(), [])
        self.advance(2.0)
        self.assertEqual(self.revoked(), self.both_tokens())

    def test_wrong_state(self) -> None:
        """
        A wrong, missing or doubled `state`, or that of another browser, sets nothing off.
        """
        waiting = self.sign_out(self.alice, follow=True)
        state = parse_qs(urlsplit(waiting.url).query)["state"][0]
        for query in ("", "?state=", "?state=x", f"?state={state}&state={state}", f"?state={state}x"):
            self.alice.get(SIGNED_OUT + query, site="cross-site")
        self.browser().get(f"{SIGNED_OUT}?state={state}", site="cross-site")
        self.advance(50.0)
        self.assertEqual(self.revoked(), [])

    def test_late_return(self) -> None:
        """
        A return after the delay revokes nothing a second time.
        """
        waiting = self.sign_out(self.alice, follow=True)
        self.advance(70.0)
        self.alice.click(waiting, "Sign out")
        self.advance(10.0)
        self.assertEqual(self.revoked(), self.both_tokens())

    def test_no_end_session(self) -> None:
        """
        An OP without end-session has nobody to tell: the tokens are revoked at once.
        """
        self.without("end_session_endpoint")
        before = len(self.revoked())
        page = self.sign_out(self.alice, follow=True)
        self.advance(1.0)
        self.assertEqual(self.revoked()[before:], self.both_tokens(-1))
        self.assertEqual((page.status, page.url), (200, SIGNED_OUT))
        self.assertIn("has no sign-out", page.text)
        self.assertEqual(self.op_logout(), "not_supported")

    def test_no_end_session_and_never_reached_a(self) -> None:
        """
        At once also if the browser never goes on to A.
        """
        self.without("end_session_endpoint")
        before = len(self.revoked())
        self.sign_out(self.alice)
        self.advance(1.0)
        self.assertEqual(self.revoked()[before:], self.both_tokens(-1))

    def test_no_revocation(self) -> None:
        """
        An OP without revocation is asked for none, and nothing stays owed.
        """
        self.without("revocation_endpoint")
        self.sign_out(self.alice, follow=True)
        self.advance(120.0)
        self.assertEqual(self.revoked(), [])
        self.assertEqual(self.house.registry.owed(), [])

    def test_op_unreachable(self) -> None:
        """
        An OP that cannot be reached does not hold the person up: they land where they wanted, and are told so.
        """
        faults = (Fault(status=500), Fault(silent=True), Fault(body=b"<html>", content_type="text/html"))
        for number, fault in enumerate(faults):
            for query, target in (("", SIGNED_OUT), (f"?pomerium_redirect_uri={CHAT}/bye", CHAT + "/bye")):
                with self.subTest(fault, target=target):
                    alice = self.both()
                    # A process that has never heard of the OP, since it has just been started.
                    self.provider.faults["discovery"] = fault
                    other = self.browser(f"proxy{number}{len(query)}")
                    house = self.build_house(f"proxy{number}{len(query)}")
                    other.jar = alice.jar
                    location = other.get(APP + "/.pomerium/sign_out" + query, follow=False).get("Location") or ""
                    agent = other.open(
                        "GET", location, "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: navigate",
                        "Sec-Fetch-Dest: document",
                    )  # fmt: skip
                    self.advance(15.0)
                    answered = agent.take()
                    self.assertTrue(answered.startswith(b"HTTP/1.1 303 "), answered)
                    self.assertIn(f"\r\nLocation: {target}\r\n".encode(), answered)
                    receipt = house.registry.receipt(self.receipts()[-1]["id"])
                    assert receipt is not None
                    self.assertEqual(receipt.op_logout.value, "unreachable")
                    self.provider.faults.clear()

    def test_receipt_counts(self) -> None:
        """
        The receipt says how many tokens there are to revoke.
        """
        self.sign_out(self.alice)
        self.assertEqual(self.receipts()[0]["tokens_to_revoke"], 2)


class FailureTests(RevocationTestCase):
    """
    An OP that does not do what it is asked.
    """

    confirms = False

    def signed_out(self, browser: Browser) -> Response:
        """
        Sign out, and come back.
        """
        page = self.sign_out(browser, follow=True)
        self.assertEqual(page.status, 200)
        self.assertIn("signed out everywhere", page.text)
        return page

    def test_answer_does_not_wait(self) -> None:
        """
        Whatever the revocation endpoint does, the person's answer is the same, and comes at once.
        """
        for fault in (None, Fault(status=500), Fault(status=503), Fault(status=400), Fault(silent=True)):
            with self.subTest(fault):
                if fault is not None:
                    self.provider.faults["revocation"] = fault
                before = self.clock.seconds()
                self.signed_out(self.both())
                self.assertEqual(self.clock.seconds(), before)

    def test_retried_with_back_off(self) -> None:
        """
        A failed revocation is tried again, with longer and longer pauses, until it works; then no more.
        """
        times: list[float] = []

        def refuse(received: Received) -> Fault:
            times.append(self.clock.seconds())
            return Fault(status=503)

        self.provider.faults["revocation"] = refuse
        self.signed_out(self.alice)
        self.advance(1200.0, step=1.0)
        pauses = [later - earlier for earlier, later in pairwise(times)]
        self.assertGreaterEqual(len(pauses), 3)
        self.assertEqual(pauses, sorted(pauses))
        self.assertGreater(pauses[-1], 2 * pauses[0])
        self.provider.faults.clear()
        before = len(self.revoked())
        self.advance(4 * 3600.0, step=10.0)
        self.assertEqual(self.revoked()[before:], self.both_tokens())
        self.assertEqual(self.house.registry.owed(), [])

    def test_refused_is_done(self) -> None:
        """
        An OP that refuses for good (4xx) is not asked for ever.
        """
        self.provider.faults["revocation"] = Fault(
            status=400, body=b'{"error": "unsupported_token_type"}', content_type="application/json"
        )
        self.signed_out(self.alice)
        self.advance(3600.0, step=10.0)
        self.assertLessEqual(len(self.revoked()), 2)
        self.assertEqual(self.house.registry.owed(), [])

    def test_access_token_is_reached(self) -> None:
        """
        An OP that knows no refresh tokens there still gets the access token.
        """
        self.provider.faults["revocation"] = lambda received: (
            Fault(status=400, body=b'{"error": "unsupported_token_type"}', content_type="application/json")
            if received.parameter("token_type_hint") == "refresh_token"
            else None
        )
        self.signed_out(self.alice)
        self.advance(2.0)
        self.assertEqual(self.revoked(), self.both_tokens())

    def test_survives_the_process(self) -> None:
        """
        What is owed is in the store: another process does it when this one is gone.
        """
        self.provider.faults["revocation"] = Fault(status=503)
        self.signed_out(self.alice)
        self.advance(5.0)
        self.house.stop()
        self.provider.faults.clear()
        before = len(self.revoked())
        self.build_house("proxy2")
        self.advance(600.0, step=5.0)
        self.assertEqual(self.revoked()[before:], self.both_tokens())

    def test_no_secret_in_logs(self) -> None:
        """
        Nothing that is logged about it holds a token.
        """
        self.provider.faults["revocation"] = Fault(status=503)
        self.signed_out(self.alice)
        self.advance(60.0)
        told = repr(self.events)
        for document in self.issued:
            for name in ("access_token", "refresh_token", "id_token"):
                self.assertNotIn(document[name], told)


class OtherCausesTests(RevocationTestCase):
    """
    Ends that the person did not ask for.
    """

    lifetimes = Lifetimes(refresh_token=30 * 86400.0, session=30 * 86400.0)

    def test_expired(self) -> None:
        """
        The tokens of a session whose time is over are revoked at once: they may be good for longer.
        """
        (session,) = self.house.registry.sessions()
        self.advance(session.expires - self.clock.seconds() - 1.0, step=30.0)
        before = len(self.revoked())
        self.advance(3.0)
        self.assertEqual(self.revoked()[before:], self.both_tokens(-1))
        self.assertEqual(self.receipts()[-1]["cause"], "expired")

    def test_refresh_refused(self) -> None:
        """
        So are those of a session that the OP does not refresh any more.
        """
        self.provider.faults["token"] = Fault(
            status=400, body=b'{"error": "invalid_grant"}', content_type="application/json"
        )
        self.advance(620.0)
        self.assertEqual(self.receipts()[-1]["cause"], "refresh_refused")
        self.assertEqual(self.revoked(), self.both_tokens())

    def test_click_after_hold(self) -> None:
        """
        A person who signs in again, and never came back from the OP's logout: the old tokens go before the new come.
        """
        self.sign_out(self.alice, follow=True)
        page = self.alice.click(self.alice.get(CHAT + "/"), "Sign in")
        self.assertTrue(page.url.startswith(OP))
        self.advance(1.0)
        self.assertEqual(self.revoked(), self.both_tokens())
        self.alice.click(page, "Sign in as Alice")
        self.advance(300.0)
        self.assertEqual(self.revoked(), self.both_tokens())
        self.assertEqual(self.alice.get(APP + "/").status, 200)
