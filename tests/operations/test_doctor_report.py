"""
Tests for `pomerium_tx.operations.doctor_report`.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.oidc.registered_uris import RegisteredUris
from pomerium_tx.operations.doctor_report import drill_report, needs_attention, providers_report
from tests.operations.test_drill_report import PASSED

NOTHING_HEARD = {"believed": None, "refused": None}
CAN = dict.fromkeys(("end_session", "revocation", "front_channel", "back_channel", "back_channel_with_sid"), True)


def shown(**changes: Any) -> dict[str, Any]:
    """
    A provider with which all is well.
    """
    return {
        "id": "id",
        "iss": "https://op.example.com",
        "client_id": "rp1",
        "answers": True,
        "can": CAN,
        "heard": {"front_channel": NOTHING_HEARD, "back_channel": NOTHING_HEARD},
        "allow_missing_exp": False,
        "register": RegisteredUris.at("https://a.example.com").as_json(),
        "sessions": 3,
        "sessions_with_sid": 3,
        **changes,
    }


def refused(reason: str) -> dict[str, Any]:
    """
    A provider whose last logout token was not believed.
    """
    back = {"believed": None, "refused": {"at": 0.0, "sessions_ended": 0, "refused": reason}}
    return shown(heard={"front_channel": NOTHING_HEARD, "back_channel": back})


class ProvidersTests(SynchronousTestCase):
    """
    What an operator reads about a provider.
    """

    def text(self, provider: dict[str, Any]) -> str:
        """
        The report, as one text.
        """
        return "\n".join(providers_report([provider]))

    def test_well(self) -> None:
        """
        Where all is well it says what it can, what it has done, and what to register, with nothing to attend to.
        """
        text = self.text(shown())
        for words in (
            "Provider https://op.example.com, client rp1",
            "signed out there too",
            "Tokens are revoked.",
            "by the back and the front channel",
            "ID Tokens carry a sid: 3 of 3 sessions.",
            "backchannel_logout_uri: https://a.example.com/.pomerium/backchannel_logout",
        ):
            self.assertIn(words, text)
        self.assertFalse(needs_attention([shown()]))

    def test_what_is_missing(self) -> None:
        """
        What a provider cannot do, or has not done, is said in words.
        """
        for changes, words in (
            ({"can": {**CAN, "end_session": False}}, "People stay signed in there"),
            ({"can": {**CAN, "revocation": False}}, "Tokens live on"),
            ({"can": {**CAN, "front_channel": False, "back_channel": False}}, "does not say that it tells us"),
            ({"can": {**CAN, "front_channel": False}}, "by the back channel."),
            ({"can": {**CAN, "back_channel_with_sid": False}}, "all sessions of a person end"),
            ({"sessions_with_sid": 0}, "carry no sid (3 sessions live)"),
            ({"sessions": 0, "sessions_with_sid": 0}, "Nobody is signed in by it"),
            ({"allow_missing_exp": True}, "without exp are taken"),
        ):
            with self.subTest(words):
                self.assertIn(words, self.text(shown(**changes)))

    def test_silent(self) -> None:
        """
        One that does not answer needs attention.
        """
        silent = shown(answers=False, can=None)
        self.assertIn("DOES NOT ANSWER", self.text(silent))
        self.assertTrue(needs_attention([shown(), silent]))

    def test_refused(self) -> None:
        """
        A refused logout token needs attention; where a waiver would help, it is named.
        """
        waiver = refused("the token has no exp (backchannel_logout_allow_missing_exp would do without)")
        self.assertIn("set backchannel_logout_allow_missing_exp: true", self.text(waiver))
        other = refused("the token has expired")
        self.assertIn("REFUSED at 1970-01-01 00:00:00 UTC: the token has expired.", self.text(other))
        self.assertNotIn("set backchannel", self.text(other))
        self.assertTrue(needs_attention([waiver]))

    def test_heard(self) -> None:
        """
        The last logout by a channel is told with its time and effect.
        """
        front = {"believed": {"at": 86400.0, "sessions_ended": 1, "refused": None}, "refused": None}
        text = self.text(shown(heard={"front_channel": front, "back_channel": NOTHING_HEARD}))
        self.assertIn("Last front-channel logout: 1970-01-02 00:00:00 UTC; 1 session ended.", text)
        self.assertIn("No back-channel logout was heard since the start.", text)

    def test_what_others_write(self) -> None:
        """
        What a provider or a stranger wrote cannot move the terminal's cursor.
        """
        self.assertNotIn("\x1b", self.text(refused("bad \x1b[2J token")))


class DrillTests(SynchronousTestCase):
    """
    What an operator reads about a drill.
    """

    def test_passed(self) -> None:
        """
        The time of each cut is there, and that it is passed.
        """
        text = "\n".join(drill_report(PASSED.as_json()))
        for words in (
            "WebSocket: cut after 1.0 ms, close code 4401",
            "Event stream: cut after 1.2 ms",
            "answered after 4.0 ms",
            "old cookie was refused",
            "Receipt receipt-1: 4 exchanges cut, in force at 1/1.",
            "Passed.",
        ):
            self.assertIn(words, text)

    def test_failed(self) -> None:
        """
        What was not cut, and what still worked, cannot be overlooked.
        """
        told = {**PASSED.as_json(), "passed": False, "old_cookie_refused": False, "websocket_close_code": None}
        told["cut_after_ms"] = {"websocket": None}
        text = "\n".join(drill_report(told))
        for words in ("WebSocket: NOT CUT", "THE OLD COOKIE STILL WORKED", "FAILED"):
            self.assertIn(words, text)
