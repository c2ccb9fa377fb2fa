"""
Tests for `pomerium_tx.operations.doctor`.
"""

from __future__ import annotations

import json
from dataclasses import replace

from twisted.internet.defer import Deferred

from pomerium_tx.config.forms.values import AdminAddress
from pomerium_tx.logout.heard import Heard
from pomerium_tx.oidc.fetch import ProviderUnavailable
from pomerium_tx.oidc.metadata import ProviderMetadata
from pomerium_tx.operations.drill_report import DrillFailed, DrillReport
from pomerium_tx.operations.site import admin_site
from pomerium_tx.sessions.store import Cause, StoreUnavailable
from tests.operations.administered import AdministeredCase
from tests.operations.test_drill_report import PASSED
from tests.sessions import records

METADATA = ProviderMetadata(
    issuer=records.ISS,
    authorization_endpoint=f"{records.ISS}/authorize",
    token_endpoint=f"{records.ISS}/token",
    jwks_uri=f"{records.ISS}/jwks",
    end_session_endpoint=f"{records.ISS}/logout",
    backchannel_logout_supported=True,
)


class ProvidersTests(AdministeredCase):
    """
    What is known of the OPs.
    """

    def setUp(self) -> None:
        super().setUp()
        self.known: ProviderMetadata | None = METADATA

        async def metadata() -> ProviderMetadata:
            if self.known is None:
                raise ProviderUnavailable("no answer")
            return self.known

        self.patch(self.provider, "metadata", metadata)

    def test_abilities(self) -> None:
        """
        What its metadata says about sign-out, and what is to be registered there.
        """
        [provider] = self.answer("/providers")["providers"]
        self.assertEqual((provider["id"], provider["iss"]), (self.provider.idp_id, records.ISS))
        self.assertIs(provider["answers"], True)
        self.assertEqual(
            provider["can"],
            {
                "end_session": True,
                "revocation": False,
                "front_channel": False,
                "back_channel": True,
                "back_channel_with_sid": False,
            },
        )
        self.assertEqual(provider["register"]["redirect_uri"], "https://a.example.com/oauth2/callback")
        self.assertNotIn("secret", str(provider))

    def test_silent(self) -> None:
        """
        One that does not answer is said not to, and the others are told of all the same.
        """
        self.known = None
        [provider] = self.answer("/providers")["providers"]
        self.assertEqual((provider["answers"], provider["can"]), (False, None))

    def test_sids(self) -> None:
        """
        How many people's live sessions there are by it, and how many of them have a sid.
        """
        self.begin("digest~scope~of-a-bearer-token", sids=())
        self.begin("one", sids=("sid-1",))
        self.begin("two", sids=())
        self.begin("other", idp_id="of another")
        [provider] = self.answer("/providers")["providers"]
        self.assertEqual((provider["sessions"], provider["sessions_with_sid"]), (2, 1))

    def test_heard(self) -> None:
        """
        What was heard by either channel, believed and refused.
        """
        self.heard.note(Heard(iss=records.ISS, channel=Cause.FRONT_CHANNEL, at=5.0, sessions_ended=1))
        self.heard.note(Heard(iss=records.ISS, channel=Cause.BACK_CHANNEL, at=6.0, refused="no exp"))
        [provider] = self.answer("/providers")["providers"]
        self.assertEqual(
            provider["heard"],
            {
                "front_channel": {"believed": {"at": 5.0, "sessions_ended": 1, "refused": None}, "refused": None},
                "back_channel": {"believed": None, "refused": {"at": 6.0, "sessions_ended": 0, "refused": "no exp"}},
            },
        )


class DrillTests(AdministeredCase):
    """
    The page that holds a drill.
    """

    def holding(self, *outcomes: DrillReport | Exception) -> list[Deferred[None]]:
        """
        Have drills come to *outcomes*, each when the Deferred fires.
        """
        waiting: list[Deferred[None]] = []
        left = list(outcomes)

        async def drill() -> DrillReport:
            outcome = left.pop(0)
            waiting.append(Deferred())
            await waiting[-1]
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        administered = replace(self.administered, examined=replace(self.administered.examined, drill=drill))
        self.site = admin_site(administered, AdminAddress(path="/run/s"), None)
        return waiting

    def test_held(self) -> None:
        """
        It is held by POST, and answered with what it came to.
        """
        waiting = self.holding(PASSED)
        self.assertEqual(self.ask("/drill").status, 405)
        asked = self.ask("/drill", "POST")
        self.assertFalse(asked.is_done)
        waiting[0].callback(None)
        self.assertEqual((asked.status, json.loads(asked.body)), (200, PASSED.as_json()))

    def test_one_at_a_time(self) -> None:
        """
        Another one meanwhile is refused, and afterwards it is held, however the first one ended.
        """
        waiting = self.holding(DrillFailed("The sse of the drill was not answered"), PASSED)
        first = self.ask("/drill", "POST")
        self.assertIn("just now", self.problem("/drill", "POST", status=409))
        waiting[0].callback(None)
        self.assertEqual(first.status, 503)
        second = self.ask("/drill", "POST")
        waiting[1].callback(None)
        self.assertEqual(second.status, 200)

    def test_not_recorded(self) -> None:
        """
        Where sessions cannot be recorded that is said.
        """
        waiting = self.holding(StoreUnavailable("down"))
        asked = self.ask("/drill", "POST")
        waiting[0].callback(None)
        self.assertEqual(asked.status, 503)
        self.assertIn("recorded", asked.text)

    def test_no_network(self) -> None:
        """
        Without a network there is none.
        """
        self.problem("/drill", "POST", status=501)
