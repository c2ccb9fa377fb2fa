"""
What a verdict says of itself.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.authorize.verdict import Action, Verdict
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
        A verdict can be logged: it does not show the person's tokens.
        """
        tokens = type(NOTHING)(id_token="PLANTED-1", access_token="PLANTED-2", refresh_token="PLANTED-3")
        session = alice(tokens=tokens)
        verdict = Verdict(
            action=Action.PROCEED, status=200, reason="", allow=True, reasons=(), session=session, live=(session,)
        )
        self.assertIn("session-of-alice", repr(verdict))
        self.assertNotIn("PLANTED", repr(verdict))
