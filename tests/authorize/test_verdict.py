"""
What a verdict says of itself.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.authorize import verdict as outcome
from pomerium_tx.authorize.verdict import Action, Verdict
from pomerium_tx.request_lines import Usual
from tests.policy.people import NOTHING, alice
from tests.routing.routes import a_route


class VerdictTests(SynchronousTestCase):
    """
    Verdicts.
    """

    def test_nobody(self) -> None:
        """
        A verdict that names nobody is bound to nobody, and to no route or host of ours.
        """
        verdict = Verdict(action=Action.DENY, status=403, reason="Forbidden", allow=False, reasons=())
        self.assertEqual((verdict.session, verdict.live, verdict.route, verdict.origin), (None, (), None, None))
        self.assertEqual((verdict.presented.handles, verdict.presented.claimed), ((), False))
        self.assertEqual((verdict.denials, verdict.not_denied, verdict.settle, verdict.told_of), ((), (), None, None))

    def test_how_it_was_told(self) -> None:
        """
        Two that say the same are the same, whatever a request waits for and whoever was told of in the log; neither is
        shown.
        """

        async def settle(address: str, user_agent: str) -> None:
            raise AssertionError

        fields: dict[str, Any] = {"action": Action.HOLD, "status": 503, "reason": "", "allow": False, "reasons": ()}
        one = Verdict(**fields)
        other = Verdict(**fields, settle=settle, told_of="192.0.2.7", told=Usual((("peer", "192.0.2.7"),), "told so"))
        self.assertEqual(one, other)
        self.assertEqual(repr(one), repr(other))
        self.assertNotEqual(one, Verdict(**fields | {"status": 403}))

    def test_words(self) -> None:
        """
        What a refusal is called in the log and on the page stays as it is: people search for it.
        """
        self.assertEqual(
            {name: word for name, word in vars(outcome).items() if name.isupper() and isinstance(word, (str, int))},
            {
                "POMERIUM_ROUTE": "pomerium-route",
                "ROUTE_NOT_FOUND": "route-not-found",
                "WEBSOCKETS_NOT_ALLOWED": "websockets-not-allowed",
                "FOREIGN_ORIGIN": "websocket-foreign-origin",
                "SEVERAL_SESSIONS": "several-sessions-presented",
                "SESSION_NOT_FOUND": "session-not-found",
                "OTHER_PROVIDER": "session-of-other-provider",
                "INVALID_HANDLE": "handle-invalid",
                "TOKEN_PENDING": "bearer-token-pending",
                "TOKEN_REFUSED": "bearer-token-refused",
                "TOKEN_OVER": "bearer-token-over",
                "SEVERAL_CREDENTIALS": "several-credentials",
                "FAILED": "error",
                "CERTIFICATE_REQUIRED": 495,
            },
        )

    def test_details(self) -> None:
        """
        Why somebody may not pass is told where the route tells people, and only then: what holds against them, or else
        that nothing holds for them.
        """
        telling = a_route("https://app.example.com", show_error_details=True)
        silent = a_route("https://app.example.com")
        for route, action, allow, expected in (
            (telling, Action.DENY, False, ("denied", "why")),
            (telling, Action.DENY, True, ("denied",)),
            (telling, Action.SIGN_IN, False, ()),
            (silent, Action.DENY, False, ()),
            (None, Action.DENY, False, ()),
        ):
            with self.subTest(route=route, action=action, allow=allow):
                verdict = Verdict(
                    action=action,
                    status=403,
                    reason="",
                    allow=allow,
                    reasons=("why",),
                    denials=("denied",),
                    route=route,
                )
                self.assertEqual(verdict.details, expected)

    def test_no_secret_shown(self) -> None:
        """
        A verdict can be logged: it does not show the person's tokens, and says nothing twice.
        """
        tokens = type(NOTHING)(id_token="PLANTED-1", access_token="PLANTED-2", refresh_token="PLANTED-3")
        session = alice(tokens=tokens)
        verdict = Verdict(
            action=Action.PROCEED, status=200, reason="", allow=True, reasons=(), session=session, live=(session,)
        )
        self.assertIn("session-of-alice", repr(verdict))
        self.assertNotIn("PLANTED", repr(verdict))
        self.assertEqual(verdict.live_ids, (session.id,))
        self.assertNotIn("live_ids", repr(verdict))
