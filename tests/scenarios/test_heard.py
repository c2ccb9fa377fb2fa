"""
What OPs ask for is remembered for the operator who looks into it.
"""

from __future__ import annotations

from pomerium_tx.sessions.store import Cause
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, OP


class HeardTests(TrafficTestCase):
    """
    An OP, and a stranger, speak to the whole service.
    """

    def test_front_channel(self) -> None:
        """
        A logout in a frame is remembered, with how many sessions it ended.
        """
        self.sign_in(self.browser())
        [session] = self.house.registry.sessions()
        self.browser().get(f"{AUTHENTICATE}/.pomerium/sign_out?iss={OP}&sid={session.sids[-1]}", site="cross-site")
        found = self.house.heard.believed(OP, Cause.FRONT_CHANNEL)
        assert found is not None
        self.assertEqual((found.sessions_ended, found.at), (1, self.clock.seconds()))

    def test_refused_token(self) -> None:
        """
        A logout token that claims to be of our OP and is not believed is remembered with the reason; a stranger's not.
        """
        for claims in ("eyJpc3MiOiJodHRwczovL29wLmV4YW1wbGUuY29tIn0", "eyJpc3MiOiJodHRwczovL3guZXhhbXBsZS5jb20ifQ"):
            form = {"logout_token": f"eyJhbGciOiJSUzI1NiJ9.{claims}.c2ln"}
            self.assertEqual(self.browser().post(f"{APP}/.pomerium/backchannel_logout", form).status, 400)
        refused = self.house.heard.refused(OP, Cause.BACK_CHANNEL)
        assert refused is not None
        self.assertIn("aud", refused.refused or "")
        self.assertIsNone(self.house.heard.refused("https://x.example.com", Cause.BACK_CHANNEL))
